"""A store in Neo4j: the same tables, as a graph that people can query and look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
from neo4j.time import Date, DateTime, Time

from graphml.errors import StoreConnectionError, StoreError
from graphml.results import Decision, Recommendation, Ring, RunInfo
from graphml.store.archive import Archive
from graphml.store.base import Counts, GraphStore, Run, Summary
from graphml.store.neo4j_about import About, read_about
from graphml.store.neo4j_guard import answer
from graphml.store.neo4j_neighbors import read_neighborhood
from graphml.store.neo4j_read import read_state, read_stored, read_summary, read_tables
from graphml.store.neo4j_rollback import roll_back
from graphml.store.neo4j_runs import (
    Neo4jRun,
    read_decisions,
    read_recommendations,
    read_rings,
    read_runs,
    write_decision,
)
from graphml.store.neo4j_schema import prepare
from graphml.store.neo4j_session import Connection, fill
from graphml.store.neo4j_uninstall import Traces, remove_traces, traces_of
from graphml.store.neo4j_write import preview_tables, write_tables
from graphml.tables.frames import TABLES, Tables, require_utc


def _native(value: object) -> object:
    """Return Neo4j's dates and times as Python's; everything else as it is."""
    return value.to_native() if isinstance(value, Date | DateTime | Time) else value


class Neo4jStore(GraphStore):
    """A Neo4j database, 5.26 or newer.

    User and password come from NEO4J_USERNAME and NEO4J_PASSWORD, or from the file that
    NEO4J_PASSWORD_FILE names, for a store that is only read from NEO4J_READ_USERNAME and so on
    where they are set; without TLS only the local host is reached. NEO4J_DATABASE names a database that is not the user's own. Opening
    it changes nothing: the first write creates constraints and indexes.

    In the database, an event is a node ``Event`` behind its member, ``(:Member)-[:DID]->(:Event)``;
    rows of the other tables likewise (``MemberRecord``, ``ProductRecord``, ``LabelRecord``,
    ``LinkRecord``); and each pair that events tie has one relationship a kind (``USES``, ``BUYS``,
    …) with ``first``, ``last`` and the number of ``events``.

    Args:
        url: ``bolt://…`` or ``neo4j://…``, or one of their forms with TLS.
        read_only: Never create or change anything there.
        archive: Where scores of runs are kept, for rollbacks by more than one run.

    Raises:
        UsageError: The URL or the credentials cannot be used as they are set.
        StoreConnectionError: Nothing answers there.
        StorePermissionError: It answers, but not to this user.
        StoreVersionError: Another version of graphml wrote it.
    """

    _open_for = timedelta(days=1)

    def __init__(
        self, url: str, *, read_only: bool = False, archive: Archive | None = None
    ) -> None:
        self._archive = archive
        self._connection = Connection(url, read_only=read_only)
        self.url = self._connection.url
        self.read_only = read_only
        self._prepared = False

    def summary(self) -> Summary:
        """Return how much the store holds, and from when to when."""
        return read_summary(self._connection)

    def _write_tables(self, tables: Tables, strict: bool) -> Counts:
        self._prepare()
        return write_tables(self._connection, tables, strict=strict)

    def _preview_tables(self, tables: Tables) -> Counts:
        return preview_tables(self._connection, tables)

    def _read_tables(self, as_of: datetime, loaded_until: int | None) -> Tables:
        return read_tables(self._connection, as_of, loaded_until)

    def _stored_rows(self, table: str) -> pl.DataFrame:
        return read_stored(self._connection, table)

    def _all_since(self, sequence: int) -> Tables:
        until = read_state(self._connection).sequence  # once: a load may end between two tables
        return Tables(
            **{
                table: read_stored(self._connection, table, after=sequence, until=until)
                for table in TABLES
            }
        )

    def _neighborhood(
        self, node_type: str, key: str, hops: int, as_of: datetime, limit: int
    ) -> Tables:
        return read_neighborhood(self._connection, node_type, key, hops, as_of, limit)

    def cypher(self, statement: str, parameters: dict[str, object]) -> pl.DataFrame:
        """Return the rows of one statement that only reads the graph.

        It may call the server's own functions and procedures that only read, none of a plugin: see
        ``neo4j_guard``.

        Raises:
            StorePermissionError: It would do more.
        """
        rows = answer(self._connection, statement, parameters)
        native = [{name: _native(value) for name, value in row.items()} for row in rows]
        return pl.DataFrame(native, infer_schema_length=None)

    def about(self) -> About:
        """Return what answers there, and who may do what; nothing is written to find out."""
        return read_about(self._connection)

    def _open_run(
        self, kind: str, model: str | None, as_of: datetime, content: str | None
    ) -> Neo4jRun:
        self._prepare()
        return Neo4jRun(self._connection, kind, model, as_of, content, self._archive)

    def _publish(self, run: Run) -> None:
        assert isinstance(run, Neo4jRun)
        try:
            run.publish()
        except BaseException as error:
            self._give_up(run, error)
            raise

    def _give_up(self, run: Run, error: BaseException) -> None:
        assert isinstance(run, Neo4jRun)
        # It may be in view by now, and nobody heard of it; or the same content goes on with it.
        goes_on = isinstance(error, StoreError) and run.resumable
        if not (goes_on or isinstance(error, StoreConnectionError)):
            self._abandon(run)

    def _abandon(self, run: Run) -> None:
        assert isinstance(run, Neo4jRun)
        run.fail()

    def _rollback(self, kind: str, to: str, *, withdrawn: Sequence[str]) -> None:
        self._prepare()
        roll_back(self._connection, self._archive, kind, to, withdrawn=withdrawn)

    def _prune(self, gone: Sequence[str]) -> None:
        self._prepare()
        self._connection.run(fill("remove_found"), runs=[*gone])
        self._connection.write((fill("remove_runs"), {"runs": [*gone]}))
        if self._archive is not None:
            self._archive.remove(gone)

    def runs(self) -> list[RunInfo]:
        """Return all runs, the newest first."""
        return read_runs(self._connection)

    def read_rings(self, run_id: str | None = None) -> list[Ring]:
        """Return the rings of a run, best first; of the published one unless named.

        Raises:
            UsageError: No run of that name was published.
        """
        return read_rings(self._connection, run_id)

    def read_recommendations(self, run_id: str | None = None) -> list[Recommendation]:
        """Return the lists of a run, by member and rank; of the published one unless named.

        Raises:
            UsageError: No run of that name was published.
        """
        return read_recommendations(self._connection, run_id)

    def write_decision(self, decision: Decision) -> bool:
        """Keep an analyst's decision; false if the same one is there already."""
        self._prepare()
        return write_decision(self._connection, decision)

    def decisions(self, as_of: datetime) -> list[Decision]:
        """Return the decisions taken by ``as_of``, oldest first."""
        return read_decisions(self._connection, require_utc("as_of", as_of))

    def traces(self) -> Traces:
        """Return what graphml has there, as counts."""
        return traces_of(self._connection)

    def uninstall(self) -> None:
        """Remove every trace of graphml: what it loaded, published and indexed, and the archive of runs.

        Raises:
            StorePermissionError: It was opened to be read only.
            StoreLockedError: Somebody is loading.
        """
        self._connection.require_writable()
        if self._archive is not None:  # first: afterwards nothing tells its names
            self._archive.remove([run.run_id for run in self.runs()])
        remove_traces(self._connection)
        self._prepared = False

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        self._connection.close()

    def _prepare(self) -> None:
        self._connection.require_writable()
        if not self._prepared:
            prepare(self._connection)
            self._prepared = True
