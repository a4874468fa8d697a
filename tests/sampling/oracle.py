"""What may be drawn, worked out edge by edge from lists: no array, no kernel, no graph code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from graphml.graph.build import Graph, build_graph
from graphml.schema import MARKETPLACE, EdgeType
from tests.graph.marketplace import at, event, tables

FORWARD: Mapping[str, EdgeType] = {spec.type[1]: spec.type for spec in MARKETPLACE.edges}


@dataclass(frozen=True)
class Edge:
    source: str
    target: str
    time: int
    event: str
    order: str | None


@dataclass(frozen=True)
class Row:
    """A record of a little market: who, when (microseconds), and what it names."""

    member: int
    time: int
    kind: str = "purchase"
    product: int | None = None
    device: int | None = None
    order: int | None = None


def market(rows: list[Row]) -> Graph:
    """Return the graph of rows; nodes are numbered so that the fixture has no symmetry."""
    return build_graph(
        tables(
            [
                event(
                    f"e-{number:03}",
                    row.time,
                    f"m-{row.member}",
                    row.kind,
                    product_id=None if row.product is None else f"p-{row.product}",
                    device_id=None if row.device is None else f"d-{row.device}",
                    order_id=None if row.order is None else f"o-{row.order}",
                )
                for number, row in enumerate(rows)
            ]
        )
    )


def edges_of(rows: list[Row], edge_type: EdgeType) -> list[Edge]:
    """Return the edges that rows make, of one type, in the order of (time, event)."""
    relation = edge_type[1].removeprefix("rev_")
    kinds = {spec.type[1]: spec.kinds for spec in MARKETPLACE.edges}[relation]
    found = []
    for number, row in enumerate(rows):
        named = {"product": row.product, "device": row.device}[FORWARD[relation][2]]
        if named is None or (kinds is not None and row.kind not in kinds):
            continue
        ends = f"m-{row.member}", f"{FORWARD[relation][2][0]}-{named}"
        source, target = reversed(ends) if edge_type[1].startswith("rev_") else ends
        order = None if row.order is None else f"o-{row.order}"
        found.append(Edge(source, target, row.time, f"e-{number:03}", order))
    return sorted(found, key=lambda edge: (edge.time, edge.event))


def allowed(
    rows: list[Row],
    edge_type: EdgeType,
    source: str,
    *,
    as_of: int,
    own: str | None = None,
    distinct: bool = False,
) -> list[Edge]:
    """Return the edges that may be drawn from ``source``, oldest first."""
    known = [e for e in edges_of(rows, edge_type) if e.source == source and e.time <= as_of]
    if distinct:
        known = list({edge.target: edge for edge in known}.values())  # the last one wins
        known.sort(key=lambda edge: (edge.time, edge.event))
    return [edge for edge in known if own is None or edge.order != own]


def microseconds(moment: int) -> int:
    """Return the graph's time of a row's moment."""
    start = pl.Series([at(moment)]).dt.epoch("us")
    return int(start[0])
