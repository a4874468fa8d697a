"""The events around one node, straight from the segments: no second copy that could differ."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import polars as pl

from graphml.schema import GraphSchema
from graphml.store.moments import visible
from graphml.tables.frames import Tables

Nodes = dict[str, set[str]]
"""Keys by the event column that names them."""


class Reader(Protocol):
    """Reads the rows of a table by the moment asked about that fit a condition."""

    def __call__(self, table: str, where: pl.Expr) -> pl.DataFrame:
        """Return the rows, in load order."""
        ...


def neighborhood(
    read: Reader,
    schema: GraphSchema,
    start: tuple[str, str],
    hops: int,
    as_of: datetime,
    limit: int,
) -> Tables:
    """Return what is around node ``start`` (type and key), as ``GraphStore.neighborhood`` says."""
    column = schema.nodes[start[0]].key
    events = _surroundings(read, schema, (column, start[1]), hops, limit)
    named = {key: set(events[key].drop_nulls()) for key in ("member_id", "product_id", "order_id")}
    if column in named:
        named[column].add(start[1])
    members, products = _among("member_id", named), _among("product_id", named)
    others = pl.col("other_member_id").is_in(list(named["member_id"]))
    around = Tables(
        events=events,
        members=read("members", members),
        products=read("products", products),
        labels=read("labels", members | _among("order_id", named)),
        links=read("links", members & others),
    )
    return visible(around, as_of)


def _among(column: str, named: Nodes) -> pl.Expr:
    return pl.col(column).is_in(list(named[column])).fill_null(False)


def _surroundings(
    read: Reader, schema: GraphSchema, start: tuple[str, str], hops: int, limit: int
) -> pl.DataFrame:
    keys = [node.key for node in schema.nodes.values()]
    frontier: Nodes = {start[0]: {start[1]}}
    seen: Nodes = {key: set() for key in keys}
    pieces = [read("events", pl.lit(False))]
    for _ in range(hops):
        following: Nodes = {key: set() for key in keys}
        found = read("events", pl.any_horizontal(_among(key, frontier) for key in frontier))
        for column, wanted in frontier.items():
            seen[column] |= wanted
            kept = _latest(found.filter(_among(column, frontier)), column, limit)
            pieces.append(kept)
            for other in _reached(column, keys, schema):
                following[other].update(kept[other].drop_nulls())
        frontier = {key: new for key in keys if (new := following[key] - seen[key])}
        if not frontier:
            break
    around = pl.concat(pieces, how="diagonal_relaxed")
    return around.unique("event_id", maintain_order=True).sort("sequence")


def _latest(events: pl.DataFrame, column: str, limit: int) -> pl.DataFrame:
    """Return the last ``limit`` events of each value of ``column``."""
    ordered = events.sort("time", "event_id", descending=[True, False])
    return ordered.filter(pl.int_range(pl.len()).over(column) < limit)


def _reached(column: str, keys: list[str], schema: GraphSchema) -> list[str]:
    # From a member to what its events name; from anything else to the members who share it.
    member = schema.nodes["member"].key
    return [key for key in keys if key != member] if column == member else [member]
