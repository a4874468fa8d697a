"""A sample as networks read it: nodes, edges and means over edges, taken when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphml.graph.trees import SEEDS, Block, Sample
from graphml.nn.tables import Tables, to_tensor
from graphml.schema import EdgeType

DAY = 86_400_000_000.0
"""Microseconds a day."""
_AGES = (1.0, 7.0, 30.0, 180.0)
AGE_WIDTH = 1 + len(_AGES)
"""Numbers that an edge's age becomes."""


def age_features(span: Tensor) -> Tensor:
    """Return spans of time as numbers that tell minutes from months, float32 [..., AGE_WIDTH].

    The logarithm, and exponential decays over a day, a week, a month and half a year.

    Args:
        span: Microseconds, 0 or more, int64 [...].
    """
    days = span.clamp(min=0).to(torch.float32) / DAY
    decays = torch.exp(-days.unsqueeze(-1) / days.new_tensor(_AGES))
    return torch.cat([torch.log1p(days * 24).unsqueeze(-1) / 8, decays], dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Group:
    """Nodes at one place of the trees: the seeds, or the ends of one block's edges.

    Attributes:
        node_type: Of all of them.
        numbers: log1p of the days since each is there, and its row's numbers, float32 [nodes, 1 + width].
        codes: Categories of its row, int64 [nodes, categories].
        known: Place among the nodes with a vector of their own, 0 for others, int64 [nodes].
    """

    node_type: str
    numbers: Tensor
    codes: Tensor
    known: Tensor


class Tree:
    """One batch of trees.

    Args:
        sample: Of numpy arrays or of tensors.
        tables: Of the graph that was sampled.
        device: Where everything is moved.
    """

    def __init__(self, sample: Sample, tables: Tables, device: torch.device) -> None:
        self._blocks = tuple(_on(block, device) for block in sample.blocks)
        self._tables = tables
        self.sample = sample
        self.seed_type = sample.seed_type
        self.seeds = to_tensor(sample.seeds, device)
        self.as_of = to_tensor(sample.as_of, device)
        self._rows: dict[int, Tensor] = {}
        self._moments: dict[int, Tensor] = {SEEDS: self.as_of}
        self._mean_edges: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The sample's blocks, in tensors."""
        return self._blocks

    @cached_property
    def children(self) -> Mapping[int, tuple[int, ...]]:
        """Blocks that begin at the seeds (``SEEDS``) and at each block's ends."""
        found: dict[int, list[int]] = {}
        for place, block in enumerate(self._blocks):
            found.setdefault(block.parent, []).append(place)
        return {parent: tuple(places) for parent, places in found.items()}

    @cached_property
    def depths(self) -> Mapping[int, int]:
        """Hops from the seeds to each block's ends; 0 for the seeds."""
        depths = {SEEDS: 0}
        for place, block in enumerate(self._blocks):
            depths[place] = depths[block.parent] + 1
        return depths

    def row(self, place: int) -> Tensor:
        """Return the parent of each of a block's edges, int64 [edges]."""
        if place not in self._rows:
            self._rows[place] = self._blocks[place].row
        return self._rows[place]

    def edge_type(self, place: int) -> EdgeType:
        """Return the edge type of a block."""
        return self._blocks[place].edge_type

    def node_type(self, place: int) -> str:
        """Return the type of the nodes at a block's ends, or of the seeds."""
        return self.seed_type if place == SEEDS else self._blocks[place].edge_type[2]

    def group(self, place: int) -> Group:
        """Return the nodes at a block's ends, or the seeds, as of their seeds' moments."""
        nodes = self.seeds if place == SEEDS else self._blocks[place].neighbor.long()
        as_of = self._moment(place)
        rows = self._tables.nodes(self.node_type(place))
        row = rows.row_of(nodes, as_of)
        days = (as_of - rows.first[nodes]).clamp(min=0).to(torch.float32) / DAY
        age = torch.log1p(days).unsqueeze(-1) / 8
        return Group(
            node_type=self.node_type(place),
            numbers=torch.cat([age, rows.dense[row]], dim=-1) if rows.dense.shape[1] else age,
            codes=rows.codes[row],
            known=rows.known[nodes],
        )

    def mean(self, place: int, values: Tensor) -> Tensor:
        """Return the mean over each parent's edges, 0 without any, float32 [parents, width].

        Args:
            place: Of the block.
            values: One row an edge, float32 [edges, width].
        """
        block = self._blocks[place]
        total = values.new_zeros((len(block.count), values.shape[1]))
        total = total.index_add(0, self.row(place), values)
        count: Tensor = block.count
        return total / count.clamp(min=1).to(values.dtype)[:, None]

    def degree(self, place: int) -> Tensor:
        """Return log1p of each parent's edges by then, drawn or not, float32 [parents, 1]."""
        return torch.log1p(self._blocks[place].degree.to(torch.float32))[:, None]

    def edges(self, place: int) -> Tensor:
        """Return what edges carry: their age, their record's numbers, its kind.

        Returns:
            float32 [edges, AGE_WIDTH + ``FeatureSpec.event_width``].
        """
        block = self._blocks[place]
        age = age_features(self._moment(block.parent)[self.row(place)] - block.time)
        records = self._tables.records(block.edge_type)
        if records is None or self._tables.event_width == 0:
            none = age.new_zeros((len(age), self._tables.event_width))
            return torch.cat([age, none], dim=-1)
        numbers, kinds = self._tables.events
        event = records[block.position].long()
        shown = self._tables.shown_kinds[kinds[event].long()]
        return torch.cat([age, numbers[event], shown], dim=-1)

    def mean_edges(self, place: int) -> Tensor:
        """Return the mean of ``edges`` by parent; the same for all layers."""
        if place not in self._mean_edges:
            self._mean_edges[place] = self.mean(place, self.edges(place))
        return self._mean_edges[place]

    def _moment(self, place: int) -> Tensor:
        """Return the seeds' moments by node, int64 [nodes]."""
        if place not in self._moments:
            block = self._blocks[place]
            self._moments[place] = self._moment(block.parent)[self.row(place)]
        return self._moments[place]


def _on(block: Block, device: torch.device) -> Block:
    names = ("position", "neighbor", "time", "count", "degree")
    arrays = {name: to_tensor(getattr(block, name), device) for name in names}
    return Block(edge_type=block.edge_type, parent=block.parent, **arrays)
