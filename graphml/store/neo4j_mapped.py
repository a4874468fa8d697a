"""A graph of the user's own in Neo4j, as a card maps it: read as tables, results written beside it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from graphml.errors import (
    CardError,
    StoreConnectionError,
    StoreError,
    StorePermissionError,
    UsageError,
    one_line,
)
from graphml.store.archive import Archive
from graphml.store.base import Counts, Summary
from graphml.store.moments import visible
from graphml.store.neighbors import neighborhood
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_owners import NOBODY, Owner, Owners, quoted
from graphml.store.neo4j_pattern import read_pattern
from graphml.store.neo4j_schema import prepare_results
from graphml.store.neo4j_session import Connection, fill
from graphml.store.novelty import storable
from graphml.tables.card import Card
from graphml.tables.cardparser import read_card
from graphml.tables.frames import TABLES, Tables
from graphml.tables.matched import MatchedKey, key_of, properties_read
from graphml.tables.quarantine import Quarantine
from graphml.tables.source import Source, read_source
from graphml.tables.validate import validate

logger = logging.getLogger("graphml.store")


class MappedStore(Neo4jStore):
    """A Neo4j graph that is not graphml's, read through a card; nothing of it is changed.

    Each command reads the matches that the card names and validates them as ``load`` does files;
    rows that break a rule are left out and counted in a warning. What is written has labels,
    relationship types and properties of its own, and ``uninstall`` removes it all. The graph does
    not tell when its rows were written: their load sequence is their place by time, and
    ``loaded_until`` and increments are refused.

    Args:
        card: Path of the card, whose ``store`` is the URL.
        read_only: Never write anything there.
        archive: Where scores of runs are kept, for rollbacks by more than one run.

    Raises:
        CardError: It names no store, or is malformed.
        StoreConnectionError: Nothing answers there.
        StorePermissionError: It answers, but not to this user.
    """

    def __init__(
        self, card: str | Path, *, read_only: bool = False, archive: Archive | None = None
    ) -> None:
        self._card = read_card(Path(card))
        if self._card.store is None:
            raise CardError(
                f"{card} names no store", hint='store = "neo4j+s://graph.example.com" in the card'
            )
        super().__init__(self._card.store, read_only=read_only, archive=archive)
        self.url = str(card)

    def summary(self) -> Summary:
        """Return how much the graph holds, and from when to when."""
        events, members = self._tables.events, self._tables.members
        ids = pl.concat([events["member_id"], members["member_id"]])
        first, last = events["time"].min(), events["time"].max()
        assert first is None or isinstance(first, datetime)
        assert last is None or isinstance(last, datetime)
        return Summary(
            events=events.height,
            members=ids.n_unique(),
            first=first,
            last=last,
            sequence=sum(getattr(self._tables, table).height for table in TABLES),
        )

    @contextmanager
    def matches(self) -> Iterator[Source]:
        """Read the matches of the card from the graph, as a source that lasts as long as the block."""
        with tempfile.TemporaryDirectory(prefix="graphml-") as folder:
            yield fetched(self._card, self._connection, Path(folder))

    @cached_property
    def _tables(self) -> Tables:
        """All that the graph holds, read once: a store is opened for one command."""
        with self.matches() as source:
            tables, refused = validate(source, now=datetime.now(UTC))
        _tell(self.url, refused)
        frames, first = {}, 1
        for table in TABLES:
            rows = storable(getattr(tables, table), table)
            rows = rows.sort("time", "event_id") if table == "events" else rows
            last = first + rows.height
            sequence = pl.int_range(first, last, dtype=pl.Int64, eager=True)
            frames[table], first = rows.with_columns(sequence=sequence), last
        return Tables(**frames)

    def _write_tables(self, tables: Tables, strict: bool) -> Counts:
        raise self._not_ours()

    def _preview_tables(self, tables: Tables) -> Counts:
        raise self._not_ours()

    def _not_ours(self) -> UsageError:
        return UsageError(
            f"{self.url} maps a graph that is not graphml's: nothing is loaded into it",
            hint="write events there with your own tools, or --store another",
        )

    def _read_tables(self, as_of: datetime, loaded_until: int | None) -> Tables:
        if loaded_until is not None:
            raise self._untold("leave loaded_until out")
        return visible(self._tables, as_of)

    def _all_since(self, sequence: int) -> Tables:
        if sequence:
            raise self._untold("rows_since(0) gives all of them")
        return self._tables

    def _untold(self, hint: str) -> UsageError:
        return UsageError(f"{self.url} does not tell when its rows were written", hint=hint)

    def _stored_rows(self, table: str) -> pl.DataFrame:
        rows: pl.DataFrame = getattr(self._tables, table)
        return rows

    def _neighborhood(
        self, node_type: str, key: str, hops: int, as_of: datetime, limit: int
    ) -> Tables:
        seen = visible(self._tables, as_of)

        def read(table: str, where: pl.Expr) -> pl.DataFrame:
            rows: pl.DataFrame = getattr(seen, table)
            return rows.filter(where)

        return neighborhood(read, self.schema, (node_type, key), hops, as_of, limit)

    def _prepare(self) -> None:
        """Make what graphml needs for its own nodes; indexes on the user's are the user's."""
        self._connection.require_writable()
        if not self._prepared:
            self._connection.owners = owners_of(self._card, self._connection)
            prepare_results(self._connection)
            self._prepared = True


@contextmanager
def matched_source(path: Path) -> Iterator[Source]:
    """Open the graph that the card at ``path`` maps as a source, to be copied into another store.

    Raises:
        CardError: It is malformed, or does not fit the graph.
        StoreConnectionError: Nothing answers there.
        StorePermissionError: It answers, but not to this user.
    """
    with closing(MappedStore(path, read_only=True)) as store, store.matches() as source:
        yield source


def fetched(card: Card, connection: Connection, folder: Path) -> Source:
    """Return the source that ``card`` maps, its matches written into ``folder``."""
    for name, properties in properties_read(card).items():
        pattern = card.files[name].pattern
        assert pattern is not None
        rows = read_pattern(connection, pattern, properties)
        logger.info("read %d matches of %s", rows.height, name)
        rows.write_parquet(folder / name)
    return read_source(card.path, data=folder)


def _tell(url: str, refused: Quarantine) -> None:
    if refused.rows.height:
        first = next(refused.reasons().iter_rows(named=True))
        logger.warning(
            "%s: %s left out that break a rule; most often %s: %s (graphml load %s --dry-run --store embedded://copy tells all)",
            url, f"{refused.rows.height} rows", first["column"] or first["table"], first["rule"], url,
        )  # fmt: skip


def owners_of(card: Card, connection: Connection) -> Owners:
    """Return whose nodes results of a mapped graph are about.

    Products that are no nodes of their own are none: lists name them in their JSON alone.

    Raises:
        CardError: Members' ids are not properties of nodes as they are.
        StoreError: Members are not found by an index, or one id names several.
    """
    indexes = connection.read(fill("read_indexes"))
    member = key_of(card, "member_id")
    assert member is not None  # each event has one
    try:
        product = _owner(connection, indexes, key_of(card, "product_id"))
    except (StoreConnectionError, StorePermissionError):
        raise
    except (CardError, StoreError) as error:
        logger.warning("lists will not be tied to products: %s (%s)", error.message, error.hint)
        product = NOBODY
    return Owners(member=_owner(connection, indexes, member), product=product)


def _owner(connection: Connection, indexes: list[dict[str, Any]], one: MatchedKey | None) -> Owner:
    if one is None:
        return NOBODY
    label, key = quoted(one.label), quoted(one.key)
    unique = {
        row["unique"] for row in indexes if (row["labels"], row["keys"]) == ([one.label], [one.key])
    }
    if not unique:
        raise StoreError(
            f"no index finds a {one.label} by {one.key}: each score would search all of them",
            hint=f"CREATE INDEX FOR (n:{label}) ON (n.{key})",
        )
    kinds = {row["kind"] for row in connection.read(fill("type_of_key", LABEL=label, KEY=key))}
    kind = min(kinds, default="STRING")
    if len(kinds) > 1 or kind not in ("STRING", "INTEGER"):
        raise StoreError(
            f"{one.label}.{one.key} holds values of type {' and '.join(sorted(kinds))}; ids are texts or whole numbers",
            hint="map the id to another property",
        )
    if True not in unique and (
        twice := connection.read(fill("find_duplicate", LABEL=label, KEY=key))
    ):
        raise StoreError(
            f"several nodes {one.label} have {one.key} {one_line(twice[0]['key'])!r}",
            hint="map the id to a property of nodes of which each has its own",
        )
    return Owner(label=label, key=key, convert="toInteger" if kind == "INTEGER" else "")
