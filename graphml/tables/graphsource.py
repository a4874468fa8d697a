"""A plain graph from a card: nodes, edges, labels and splits as frames of keys."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from graphml.schema import EdgeType, GraphSchema, plain_schema
from graphml.tables.blocks import BlockPart
from graphml.tables.files import FILE, LINE
from graphml.tables.frames import DTYPES
from graphml.tables.graphcard import (
    EDGE_COLUMNS,
    NODE_COLUMNS,
    PARTS,
    EdgeBlock,
    GraphCard,
)
from graphml.tables.graphlabels import Masks, NodeLabels, labels_of
from graphml.tables.graphparser import read_graph_card
from graphml.tables.graphrows import refuse_aside, refuse_where, rows_of_block, with_features
from graphml.tables.mapping import bind_to, open_files
from graphml.tables.rules import EARLIEST

EDGES: dict[str, pl.DataType] = {name: DTYPES[spec.type] for name, spec in EDGE_COLUMNS.items()}
"""Columns of edges with their types; all but source and target may be null."""
PAIRS: dict[str, pl.DataType] = {name: EDGES[name] for name in ("source", "target", "time")}
"""Columns of pairs with their types; only time may be null."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairs:
    """The pairs of each part of a split for link prediction: source, target, time.

    Those of ``train`` are edges of the graph too; those of ``valid`` and ``test`` never are. A
    part that the card does not have is empty.
    """

    edge_type: EdgeType
    train: pl.DataFrame
    valid: pl.DataFrame
    test: pl.DataFrame


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GraphSource:
    """A plain graph as its card tells it, with the keys of its files.

    Attributes:
        name: The card.
        schema: Node and edge types.
        nodes: By node type: key (unique), time (since when it is there, where the card maps it)
            and features; no row for a type without a table.
        edges: By edge type: source, target (keys), time (null in a graph without), amount,
            quantity, rating (null where not mapped), in the order of the files, repeats too.
        timeless: The card says ``time = "none"``.
        labels: Of one node type; ``None`` without.
        masks: A split of labelled nodes; ``None`` without.
        pairs: A split of pairs; ``None`` without.
        cuts: ``valid_from`` and ``test_from`` of a split by time; ``None`` without.
        notes: One line each about rows left out on purpose, and what is odd.
    """

    name: str
    schema: GraphSchema
    nodes: Mapping[str, pl.DataFrame]
    edges: Mapping[EdgeType, pl.DataFrame]
    timeless: bool = False
    labels: NodeLabels | None = None
    masks: Masks | None = None
    pairs: Pairs | None = None
    cuts: tuple[datetime, datetime] | None = None
    notes: tuple[str, ...] = ()

    def named(self, node_type: str) -> list[pl.Series]:
        """Return the keys of a type that edges and pairs name, column by column, repeats too."""
        frames = [*self.edges.items()]
        if self.pairs is not None:
            held_out = (self.pairs.valid, self.pairs.test)  # those of train are edges
            frames += [(self.pairs.edge_type, pairs) for pairs in held_out]
        return [
            rows[end]
            for (source, _, target), rows in frames
            for end, name in (("source", source), ("target", target))
            if name == node_type
        ]


def read_graph(card: Path | str, *, data: Path | str | None = None) -> GraphSource:
    """Return the graph that a card declares; its files are read whole or not at all.

    Args:
        card: A TOML card with ``[[nodes]]`` and ``[[edges]]``: docs/how-to/add-a-graph.md.
        data: Folder of the files that it names; when omitted GRAPHML_DATA, else the card's own.

    Raises:
        CardError: The card is malformed or does not fit its files.
        SourceError: A file is missing, cannot be read, or has a row that does not fit.
        ConfigError: Columns are pseudonymised and there is no key.
    """
    told = read_graph_card(Path(card))
    files = open_files(told.card, Path(data) if data is not None else None)
    told = replace(told, nodes=tuple(with_features(node, files) for node in told.nodes))
    bound, asides = bind_to(told.card, files)
    refuse_aside(asides)
    parts = {part.name: part for part in bound}
    nodes, labels, masks = _nodes(told, parts)
    edges, pairs = _edges(told, parts)
    source = GraphSource(
        name=str(card),
        schema=plain_schema(tuple(nodes), tuple(edges)),
        nodes=nodes,
        edges=edges,
        timeless=told.head.timeless,
        labels=labels,
        masks=masks,
        pairs=pairs,
        cuts=told.cuts,
    )
    notes = (*(note for aside in asides for note in aside.source.notes()), *_oddities(source))
    for note in notes:
        _log.info("%s", note)
    return replace(source, notes=notes)


def _nodes(
    told: GraphCard, parts: Mapping[str, BlockPart]
) -> tuple[dict[str, pl.DataFrame], NodeLabels | None, Masks | None]:
    """Return the nodes' tables by type, and what there is of labels."""
    nodes: dict[str, pl.DataFrame] = {}
    labels: NodeLabels | None = None
    masks: Masks | None = None
    for node in told.nodes:
        if node.block is None:
            nodes[node.type] = pl.DataFrame(schema={"key": pl.String()})
            continue
        part = parts[node.block.label]
        rows = _keyed(rows_of_block(part))
        _check_unique(rows, part)
        no_features = (FILE, LINE, *(n for n in NODE_COLUMNS if n not in ("key", "time")))
        nodes[node.type] = rows.drop(no_features, strict=False)
        if "label" in rows.columns:
            labels, masks = labels_of(node, rows, part)
    return nodes, labels, masks


def _keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` with their keys: where the card maps none, the number of each from 1 on."""
    if "key" in rows.columns:
        return rows
    return rows.select(pl.int_range(1, pl.len() + 1).cast(pl.String).alias("key"), pl.all())


def _check_unique(rows: pl.DataFrame, part: BlockPart) -> None:
    """Refuse a second row of a node."""
    again = ~pl.col("key").is_first_distinct()
    refuse_where(rows, part, again, pl.format("key: names another row too, got '{}'", "key"))


def _edges(
    told: GraphCard, parts: Mapping[str, BlockPart]
) -> tuple[dict[EdgeType, pl.DataFrame], Pairs | None]:
    """Return the graph's edges by type, and the split of pairs, where there is one."""
    edges = {edge.type: [pl.DataFrame(schema=EDGES)] for edge in told.edges}
    split = {part: [pl.DataFrame(schema=PAIRS)] for part in PARTS}
    for edge in told.edges:
        rows = _edge_rows(edge, parts[edge.block.label], timeless=told.head.timeless)
        if edge.part in (None, "train"):
            edges[edge.type].append(rows)
        if edge.part is not None:
            split[edge.part].append(rows.select(*PAIRS))
    of_pairs = next((edge.type for edge in told.edges if edge.part), None)
    frames = {str(part): pl.concat(split[part]) for part in PARTS}
    pairs = None if of_pairs is None else Pairs(edge_type=of_pairs, **frames)
    return {edge_type: pl.concat(rows) for edge_type, rows in edges.items()}, pairs


def _edge_rows(edge: EdgeBlock, part: BlockPart, *, timeless: bool) -> pl.DataFrame:
    rows = rows_of_block(part)
    if edge.static and not timeless:
        rows = rows.with_columns(time=pl.lit(EARLIEST))
    missing = [pl.lit(None, dtype).alias(n) for n, dtype in EDGES.items() if n not in rows.columns]
    return rows.with_columns(missing).select(pl.col(n).cast(dtype) for n, dtype in EDGES.items())


def _oddities(source: GraphSource) -> Iterator[str]:
    """Yield one line for each thing that is allowed and yet may be a mistake."""
    for name, nodes in source.nodes.items():
        if not nodes.width > 1 and not nodes.height:
            continue
        empty = pl.Series("key", [], dtype=pl.String)
        named = pl.concat([empty, *(c.alias("key") for c in source.named(name))]).unique()
        strangers = named.to_frame().join(nodes, on="key", how="anti").height
        if strangers:
            yield f"{name}: edges name {strangers} nodes that have no row: nothing is known of them"
        if not source.timeless and "time" not in nodes.columns:
            never = nodes.join(named.to_frame(), on="key", how="anti").height
            if never:
                yield f"{name}: {never} rows are of nodes without an edge and a time: never there"
    if source.pairs is not None:
        yield from _odd_pairs(source.pairs)


def _odd_pairs(pairs: Pairs) -> Iterator[str]:
    known = pairs.train.select("source", "target")
    for part, rows in (("valid", pairs.valid), ("test", pairs.test)):
        ends = rows.select("source", "target")
        both = ends.join(known, on=ends.columns, how="semi").height
        if both:
            yield f"{' '.join(pairs.edge_type)}: {both} pairs of {part} are in train too"
