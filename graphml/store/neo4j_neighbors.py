"""The events around one node of a Neo4j store, found along its ties and timelines."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from graphml.schema import MARKETPLACE
from graphml.store.moments import visible
from graphml.store.neo4j_read import collected, read_state, slices
from graphml.store.neo4j_rows import record_columns, row_text
from graphml.store.neo4j_session import RECORDS, Connection, fill
from graphml.store.novelty import KEYS, latest
from graphml.tables.frames import Tables

_NODES = {node.key: node for node in MARKETPLACE.nodes.values()}
_MEMBER = MARKETPLACE.nodes["member"].key


class _Around:
    """Reads what belongs to given nodes, as of one moment and one state of the store."""

    def __init__(self, connection: Connection, as_of: datetime) -> None:
        self._connection = connection
        self.as_of = as_of
        self._until = read_state(connection).sequence

    def events(self, column: str, keys: set[str], limit: int) -> pl.DataFrame:
        """Return the latest ``limit`` events of each node that ``column`` names."""
        text = row_text(record_columns("events"))
        if column == _MEMBER:
            statement = fill("read_member_events", TEXT=text)
        else:
            statement = fill(
                "read_shared_events", LABEL=_NODES[column].label, KEY=column, TEXT=text
            )
        return self._read("events", statement, keys, as_of=self.as_of, count=limit)

    def records(self, table: str, column: str, keys: set[str]) -> pl.DataFrame:
        """Return the rows of ``table`` about nodes that ``column`` names."""
        statement = fill(
            "read_node_records",
            LABEL=_NODES[column].label,
            KEY=column,
            RECORD=RECORDS[table],
            TEXT=row_text(record_columns(table)),
        )
        rows = self._read(table, statement, keys)
        return latest(rows, table) if table in KEYS else rows

    def labels(self, members: set[str], orders: set[str]) -> pl.DataFrame:
        """Return the labels of members and orders."""
        text = fill("read_order_labels", TEXT=row_text(record_columns("labels")))
        both = [self.records("labels", _MEMBER, members), self._read("labels", text, orders)]
        return pl.concat(both).unique("sequence").sort("sequence")

    def _read(self, table: str, text: str, keys: set[str], **more: object) -> pl.DataFrame:
        blocks = [
            {"keys": part.to_list(), "until": self._until, **more}
            for part in slices(pl.Series(sorted(keys), dtype=pl.String))
        ]
        return collected(self._connection, table, text, blocks)


def read_neighborhood(
    connection: Connection, node_type: str, key: str, hops: int, as_of: datetime, limit: int
) -> Tables:
    """Return what ``GraphStore.neighborhood`` promises."""
    around = _Around(connection, as_of)
    column = MARKETPLACE.nodes[node_type].key
    events = _surroundings(around, column, key, hops, limit)
    named = {name: set(events[name].drop_nulls()) for name in (_MEMBER, "product_id", "order_id")}
    if column in named:
        named[column].add(key)
    members = named[_MEMBER]
    links = around.records("links", _MEMBER, members)
    found = Tables(
        events=events,
        members=around.records("members", _MEMBER, members),
        products=around.records("products", "product_id", named["product_id"]),
        labels=around.labels(members, named["order_id"]),
        links=links.filter(pl.col("other_member_id").is_in(list(members))),
    )
    return visible(found, as_of)


def _surroundings(around: _Around, column: str, key: str, hops: int, limit: int) -> pl.DataFrame:
    frontier = {column: {key}}
    seen: dict[str, set[str]] = {name: set() for name in _NODES}
    pieces = [around.events(_MEMBER, set(), limit)]
    for _ in range(hops):
        following: dict[str, set[str]] = {name: set() for name in _NODES}
        for name, wanted in frontier.items():
            seen[name] |= wanted
            kept = around.events(name, wanted, limit)
            pieces.append(kept)
            for other in _reached(name):
                following[other].update(kept[other].drop_nulls())
        frontier = {name: new for name in _NODES if (new := following[name] - seen[name])}
    return pl.concat(pieces).unique("event_id").sort("sequence")


def _reached(column: str) -> list[str]:
    # From a member to what its events name; from anything else to the members who share it.
    return [name for name in _NODES if name != _MEMBER] if column == _MEMBER else [_MEMBER]
