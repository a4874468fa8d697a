"""A card of a plain graph, as values: node and edge types, each from a table.

The language is told in docs/how-to/add-a-graph.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from graphml.schema import MARKETPLACE, ColumnSpec, EdgeType
from graphml.tables.card import Block, Card

Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

NODE_COLUMNS: dict[str, ColumnSpec] = {
    "key": ColumnSpec(type="text", required=True),
    "time": ColumnSpec(type="time"),
    "label": ColumnSpec(type="integer"),
    "known_at": ColumnSpec(type="time"),
    **dict.fromkeys(PARTS, ColumnSpec(type="boolean")),
}
"""What a node's columns may be beside features."""
EDGE_COLUMNS: dict[str, ColumnSpec] = {
    "source": ColumnSpec(type="text", required=True),
    "target": ColumnSpec(type="text", required=True),
    "time": ColumnSpec(type="time", required=True),
    **{name: MARKETPLACE.tables["events"][name] for name in ("amount", "quantity", "rating")},
}
"""What an edge's columns may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeBlock:
    """``[[nodes]]``: one node type.

    Attributes:
        block: Its rows; ``None`` where edges alone name its nodes.
        features: Patterns of further columns, under their own names.
        positive: Labels that count as 1; empty where labels are 0 and 1.
    """

    type: str
    block: Block | None = None
    features: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeBlock:
    """``[[edges]]``: rows that are edges of one type, or pairs to predict.

    Attributes:
        static: They were there always, in a graph with time.
        part: The part of a split by pairs that they are.
    """

    type: EdgeType
    block: Block
    static: bool = False
    part: Part | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphCard:
    """A card of a graph as it was written.

    Attributes:
        head: All but its blocks.
        cuts: ``valid_from`` and ``test_from`` of a split by time.
    """

    head: Card
    nodes: tuple[NodeBlock, ...]
    edges: tuple[EdgeBlock, ...]
    cuts: tuple[datetime, datetime] | None = None

    @property
    def card(self) -> Card:
        """The whole, as files are bound to it."""
        blocks = [*(node.block for node in self.nodes), *(edge.block for edge in self.edges)]
        return replace(self.head, blocks=tuple(block for block in blocks if block is not None))
