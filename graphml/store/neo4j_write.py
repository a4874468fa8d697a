"""Writing to Neo4j: what is new alone, in batches that share no node, seen once it is whole.

A load takes the store's lock, reserves load sequences, creates nodes and records, brings the ties up
to date, and then moves the store's ``sequence`` to its end: only from then on do readers see it.
Cut off anywhere, it leaves ``sequence`` behind ``reserved``; the next writer first counts those
records into their ties, and finds them known when the same source comes again.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl

from graphml.errors import StoreError, StoreLockedError
from graphml.schema import MARKETPLACE
from graphml.store.base import Counts
from graphml.store.neo4j_read import (
    State,
    checked_state,
    read_known_events,
    read_records,
    read_state,
    unknown_nodes,
)
from graphml.store.neo4j_rows import (
    fold_features,
    grouped,
    named_keys,
    owner_of,
    pack,
    properties,
    record_columns,
)
from graphml.store.neo4j_session import (
    RECORDS,
    Connection,
    Work,
    fill,
    relation_of,
)
from graphml.store.neo4j_ties import tie_plan, tie_works
from graphml.store.novelty import (
    KEYS,
    Novelty,
    counted,
    new_attributes,
    new_events,
    new_rows,
    storable,
)
from graphml.tables.frames import TABLES, Tables

logger = logging.getLogger("graphml.store")

BATCH = 5_000
"""Rows in one transaction."""
_SIDES = 2
_PATIENCE = 2.0
_HOLDER = "graphml_writer"
_LONGEST = 8_000
"""Bytes of the longest text that a Neo4j index takes, rounded down."""


def preview_tables(connection: Connection, tables: Tables) -> Counts:
    """Return what ``write_tables`` would do now: a load that was cut off is known already."""
    return counted(_look_at(connection, batches_of(tables), read_state(connection).reserved))


def write_tables(connection: Connection, tables: Tables, *, strict: bool = False) -> Counts:
    """Add what is new in ``tables``, as ``GraphStore.write_tables`` promises."""
    batches = batches_of(tables)
    unfinished = True
    while unfinished:
        # Finishing is a transaction of its own: its end must stand before new sequences are given.
        with _writing(connection) as (load, state):
            unfinished = state.sequence < state.reserved
            if unfinished:
                _complete(connection, load, state)
            else:
                news = _look_at(connection, batches, state.reserved)
                counts = counted(news, strict=strict)
                _write(connection, load, news, state)
    return counts


def batches_of(tables: Tables) -> dict[str, pl.DataFrame]:
    """Return ``tables`` by name, as Neo4j keeps them.

    Raises:
        StoreError: A column has a type that it does not keep, or a key is too long for its index.
    """
    batches = {table: storable(getattr(tables, table), table) for table in TABLES}
    for rows in batches.values():
        _require_short_keys(rows)
    return batches


def _look_at(
    connection: Connection, batches: dict[str, pl.DataFrame], until: int
) -> dict[str, Novelty]:
    return {table: _novelty(connection, table, rows, until) for table, rows in batches.items()}


def _write(connection: Connection, load: Any, news: dict[str, Novelty], state: State) -> None:
    count = sum(novelty.new.height for novelty in news.values())
    if count:
        first = connection.write((fill("reserve"), {"count": count}))[0]["first"]
        for table, novelty in news.items():
            _write_records(connection, table, numbered(novelty.new, first))
            first += novelty.new.height
        _update_ties(connection, numbered(news["events"].new, state.reserved + 1), first - 1)
        load.run(fill("finish_load"), sequence=first - 1).consume()


def _require_short_keys(rows: pl.DataFrame) -> None:
    for key in {"event_id", *(node.key for node in MARKETPLACE.nodes.values())} & {*rows.columns}:
        size = rows[key].str.len_bytes().max()
        if isinstance(size, int) and size > _LONGEST:
            raise StoreError(
                f"a {key} has {size} bytes; Neo4j indexes at most {_LONGEST}",
                hint="shorten it, or pseudonymise the column; nothing was written",
            )


def numbered(rows: pl.DataFrame, first: int) -> pl.DataFrame:
    """Return ``rows`` with the load sequences from ``first`` on."""
    return rows.with_columns(
        sequence=pl.int_range(first, first + rows.height, dtype=pl.Int64, eager=True)
    )


def _novelty(connection: Connection, table: str, rows: pl.DataFrame, until: int) -> Novelty:
    if not rows.height:
        return Novelty(new=rows)
    if table == "events":
        known = read_known_events(connection, rows["event_id"].unique())
        return new_events(rows, [lambda columns: known if columns is None else known[columns]])
    stored = read_records(connection, table, until=until)
    if table in KEYS:
        return new_attributes(rows, stored, table)
    return new_rows(rows, stored)


def _complete(connection: Connection, load: Any, state: State) -> None:
    """Finish the ties of loads that were cut off, and make what they wrote visible."""
    logger.info("finishing a load that was cut off")
    events = read_records(connection, "events", after=state.sequence, until=state.reserved)
    _update_ties(connection, events, state.reserved)
    load.run(fill("finish_load"), sequence=state.reserved).consume()


def _write_records(connection: Connection, table: str, new: pl.DataFrame) -> None:
    if not new.height:
        return
    _create_missing_nodes(connection, new)
    owner = owner_of(table)
    rows = fold_features(new, table)
    parts = {"RECORD": RECORDS[table], "PROPERTIES": properties(record_columns(table))}
    text = fill(
        "write_records",
        LABEL=owner.label,
        KEY=owner.key,
        RELATION=relation_of(table),
        **parts,
    )
    owned = rows.filter(pl.col(owner.key).is_not_null())
    connection.write_side_by_side(
        [_record_works(text, side, owner.key, table) for side in apart(owned, owner.key)]
    )
    for batch in rows.filter(pl.col(owner.key).is_null()).iter_slices(BATCH):
        packed, separator = pack(batch, record_columns(table))
        parameters = {"rows": packed.to_list(), "separator": separator}
        connection.write((fill("write_loose_records", **parts), parameters))
    logger.info("wrote %d new rows of %s", new.height, table)


def _create_missing_nodes(connection: Connection, new: pl.DataFrame) -> None:
    for node in MARKETPLACE.nodes.values():
        if keys := named_keys(new, node):
            _create_nodes(connection, node.label, node.key, pl.concat(keys).drop_nulls().unique())


def apart(rows: pl.DataFrame, key: str) -> list[pl.DataFrame]:
    """Return ``rows`` in parts that have no ``key`` in common, each sorted by it."""
    side = pl.col(key).hash() % _SIDES
    return [rows.filter(side == i).sort(key, maintain_order=True) for i in range(_SIDES)]


def _record_works(text: str, rows: pl.DataFrame, key: str, table: str) -> Iterator[Work]:
    for batch in rows.iter_slices(BATCH):
        packed, separator = pack(batch, record_columns(table))
        yield text, {"groups": grouped(batch[key], packed), "separator": separator}


def _create_nodes(connection: Connection, label: str, key: str, keys: pl.Series) -> None:
    unknown = unknown_nodes(connection, label, key, keys)
    text = fill("create_nodes", LABEL=label, KEY=key)
    sides = [unknown.gather_every(_SIDES, i) for i in range(_SIDES)] if unknown.len() else []

    def works(side: pl.Series) -> Iterable[Work]:
        for at in range(0, side.len(), BATCH):
            yield text, {"keys": side.slice(at, BATCH).to_list()}

    if sides:
        connection.write_side_by_side([works(side) for side in sides])


def _update_ties(connection: Connection, events: pl.DataFrame, sequence: int) -> None:
    """Bring the ties of ``events`` up to date; those that a load cut off had written stay."""
    plan = tie_plan(events, sequence)
    written = {
        row["side"]: row["batches"] for row in connection.read(fill("read_tie_ledger"), plan=plan)
    }
    for sides in tie_works(events, sequence, plan=plan, written=written):
        connection.write_side_by_side(sides)


@contextmanager
def _writing(connection: Connection) -> Iterator[tuple[Any, State]]:
    """Hold the store's lock: a transaction on its node, which ends however this process ends."""
    holder = {_HOLDER: f"process {os.getpid()} on {platform.node()}"}
    try:
        with connection.transaction(holder, _PATIENCE) as probe:
            probe.run(fill("lock_store")).consume()
    except StoreError as error:
        if _waited_in_vain(error):
            raise _locked(connection) from error
        raise
    with connection.transaction(holder, None) as load:
        row = load.run(fill("lock_store")).data()[0]
        yield load, checked_state(connection.url, row)


def _waited_in_vain(error: StoreError) -> bool:
    code = str(getattr(error.__cause__, "code", ""))
    return "TransactionTimedOut" in code or "LockClientStopped" in code or "Terminated" in code


def require_no_writer(connection: Connection) -> None:
    """Raise StoreLockedError where somebody is loading."""
    if connection.read(fill("writers")):
        raise _locked(connection)


def _locked(connection: Connection) -> StoreLockedError:
    writers = [row["writer"] for row in connection.read(fill("writers"))]
    by = f" by {', '.join(sorted(set(writers)))}" if writers else ""
    return StoreLockedError(
        f"{connection.url} is being written{by}",
        hint="wait until it is done; the lock is freed when its process ends",
    )
