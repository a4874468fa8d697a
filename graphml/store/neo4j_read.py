"""Reading from Neo4j: blocks of records by load sequence, two sessions at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from graphml.errors import StoreVersionError
from graphml.schema import SCHEMA_VERSION
from graphml.store.base import Summary
from graphml.store.moments import visible
from graphml.store.neo4j_rows import (
    Columns,
    absent_character,
    record_columns,
    row_text,
    unfold_features,
    unpack,
)
from graphml.store.neo4j_session import RECORDS, Connection, fill
from graphml.store.novelty import KEYS, latest
from graphml.tables.frames import TABLES, Tables

logger = logging.getLogger("graphml.store")

BLOCK = 25_000
"""Load sequences read in one go: a few megabytes of text."""
KEYS_AT_ONCE = 10_000
_SESSIONS = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMED = ("events", "links")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """How far a store is loaded: whole up to ``sequence``, given out up to ``reserved``."""

    sequence: int = 0
    reserved: int = 0


def checked_state(url: str, row: dict[str, Any]) -> State:
    """Return the state in ``row``, as read_state returns it.

    Raises:
        StoreVersionError: Another version of graphml wrote the store.
    """
    if row["version"] != SCHEMA_VERSION:
        raise StoreVersionError(
            f"{url} holds schema version {row['version']}; this graphml reads {SCHEMA_VERSION}",
            hint="use the graphml that wrote it, or load the source into an empty database",
        )
    return State(sequence=row["sequence"], reserved=row["reserved"])


def read_state(connection: Connection) -> State:
    """Return how far the store is loaded; an empty database is loaded up to 0."""
    rows = connection.read(fill("read_state"))
    return checked_state(connection.url, rows[0]) if rows else State()


def read_tables(connection: Connection, as_of: datetime, loaded_until: int | None) -> Tables:
    """Return what ``GraphStore.read_tables`` promises; loads that are under way stay unseen."""
    whole = read_state(connection).sequence
    until = whole if loaded_until is None else min(whole, loaded_until)
    frames = {}
    for table in TABLES:
        rows = read_records(
            connection, table, until=until, as_of=as_of if table in _TIMED else None
        )
        frames[table] = latest(rows, table) if table in KEYS else rows
        logger.info("read %d rows of %s", rows.height, table)
    return visible(Tables(**frames), as_of)


def read_stored(
    connection: Connection, table: str, *, after: int = 0, until: int | None = None
) -> pl.DataFrame:
    """Return what ``GraphStore.stored_rows`` promises of load sequences in (after, until].

    Loads that are under way stay unseen.
    """
    until = read_state(connection).sequence if until is None else until
    rows = read_records(connection, table, after=after, until=until)
    return latest(rows, table) if table in KEYS else rows


def read_records(
    connection: Connection,
    table: str,
    *,
    after: int = 0,
    until: int,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Return the records of ``table`` with a load sequence in (after, until], in load order."""
    lie = connection.read(fill("range_of_records", RECORD=RECORDS[table]))
    if lie:
        after = max(after, lie[0]["first"] - 1)
        until = min(until, lie[0]["last"])
    else:
        until = after
    blocks = [
        {"after": start, "until": min(start + BLOCK, until), "as_of": as_of}
        for start in range(after, until, BLOCK)
    ]
    text = fill("read_records", RECORD=RECORDS[table], TEXT=row_text(record_columns(table)))
    return collected(connection, table, text, blocks)


def read_known_events(connection: Connection, ids: pl.Series) -> pl.DataFrame:
    """Return those events whose event_id is among ``ids``, whole loads or not."""
    if not connection.read(fill("count_nodes", LABEL="Event"))[0]["nodes"]:
        return collected(connection, "events", "", [])
    text = fill("read_known_events", TEXT=row_text(record_columns("events")))
    blocks = [{"keys": part.to_list()} for part in slices(ids)]
    return collected(connection, "events", text, blocks).sort("sequence")


def unknown_nodes(connection: Connection, label: str, key: str, keys: pl.Series) -> pl.Series:
    """Return those of ``keys`` that no node with ``label`` has."""
    if not connection.read(fill("count_nodes", LABEL=label))[0]["nodes"]:
        return keys
    text = fill("read_known_nodes", LABEL=label, KEY=key)
    known = [
        pl.Series(connection.read(text, keys=part.to_list())[0]["known"], dtype=pl.String)
        for part in slices(keys)
    ]
    return keys.filter(~keys.is_in(pl.concat(known).implode())) if known else keys


def slices(keys: pl.Series) -> Iterable[pl.Series]:
    """Yield ``keys`` in parts for one statement each."""
    return (keys.slice(at, KEYS_AT_ONCE) for at in range(0, keys.len(), KEYS_AT_ONCE))


def collected(
    connection: Connection, table: str, text: str, blocks: Sequence[dict[str, Any]]
) -> pl.DataFrame:
    """Return the records that ``text`` finds for each of ``blocks``: a block in load order."""
    columns = record_columns(table)

    def read(block: dict[str, Any]) -> pl.DataFrame:
        # Sorted here and not at the end: all at once would be a second copy of them all.
        return read_rows(connection, text, columns, **block).sort("sequence")

    with ThreadPoolExecutor(_SESSIONS) as pool:
        frames = list(pool.map(read, blocks))
    nothing = unpack(pl.Series([], dtype=pl.String), columns, "\x1f")
    assert nothing is not None
    return unfold_features(pl.concat([nothing, *frames], rechunk=False))


def read_rows(
    connection: Connection, text: str, columns: Columns, **parameters: Any
) -> pl.DataFrame:
    """Return the rows that a statement spells as texts, parted by its $separator."""
    separator = "\x1f"
    while True:
        answer = connection.read(text, separator=separator, **parameters)[0]["rows"]
        rows = pl.Series(answer, dtype=pl.String)
        frame = unpack(rows, columns, separator)
        if frame is not None:
            return frame
        # A field holds the separator: ask again with one that none of these texts holds.
        separator = absent_character([rows])


def read_summary(connection: Connection) -> Summary:
    """Return what ``GraphStore.summary`` promises."""
    until = read_state(connection).sequence
    row = connection.read(fill("summarise"), until=until)[0]
    members = connection.read(fill("count_members"), until=until)[0]["members"]
    return Summary(
        events=row["events"],
        members=members,
        first=_moment(row["first"]),
        last=_moment(row["last"]),
        sequence=until,
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
