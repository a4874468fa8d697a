"""The store's interface: public methods check, backends fill in the private ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import polars as pl

from graphml.errors import UsageError
from graphml.results import Decision, Recommendation, Results, Ring, RunInfo
from graphml.schema import MARKETPLACE, GraphSchema
from graphml.store.history import content_of, run_before, unseen_runs
from graphml.tables.frames import TABLES, Tables, empty, require_utc


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What ``write_tables`` did.

    Attributes:
        events, members, products, labels, links: Rows that were new.
        repeats: Rows that were in the store already with the same content, over all tables.
        conflicts: Events whose event_id is in the store with other content; they were not written.
    """

    events: int = 0
    members: int = 0
    products: int = 0
    labels: int = 0
    links: int = 0
    repeats: int = 0
    conflicts: pl.DataFrame = field(default_factory=lambda: empty("events"))

    @property
    def rows(self) -> int:
        """Rows that were new, over all tables."""
        return self.events + self.members + self.products + self.labels + self.links


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What a store holds; ``first`` and ``last`` are event times, ``None`` when it is empty."""

    events: int
    members: int
    first: datetime | None
    last: datetime | None
    sequence: int
    """Highest load sequence; 0 for an empty store."""


class Run(Protocol):
    """An open run: what is written to it becomes visible when its block ends well."""

    run_id: str

    def write(self, results: Results) -> None:
        """Add results to the run; of a member's list all rows in one call."""
        ...


@runtime_checkable
class RunsCypher(Protocol):
    """A store that answers read-only Cypher."""

    def cypher(self, statement: str, parameters: dict[str, object]) -> pl.DataFrame:
        """Return the rows of one read-only statement."""
        ...


class GraphStore(ABC):
    """Where the temporal graph is kept. A context manager: leaving it closes the store."""

    url: str
    schema: GraphSchema = MARKETPLACE
    _open_for: timedelta | None = None
    """After how long an open run was surely cut off; ``None`` where the listing tells by itself."""

    def write_tables(self, tables: Tables, *, strict: bool = False) -> Counts:
        """Add what is new in ``tables``; twice is the same as once.

        Each new row gets the next load sequence. Attribute rows of known members and products
        replace the older row with the same key and ``valid_from``: the changed row counts as new
        and has a new sequence. Of several rows of one call with the same key and ``valid_from``
        the last counts, the others are repeats; of several events with one event_id the first
        counts, the others are repeats or conflicts. So rows in = new + repeats + conflicts.

        Args:
            tables: What was validated.
            strict: Write nothing at all where there is a conflict.

        Raises:
            StoreConflictError: There is one, and ``strict`` refuses it.
            StoreLockedError: Another writer holds the store.
            StorePermissionError: The store may not be written.
        """
        return self._write_tables(tables, strict)

    def preview_tables(self, tables: Tables) -> Counts:
        """Return what ``write_tables`` would do now, writing nothing: also where no store is yet."""
        return self._preview_tables(tables)

    def read_tables(self, as_of: datetime, *, loaded_until: int | None = None) -> Tables:
        """Return what had happened by ``as_of``, inclusive, to the microsecond.

        Events and links by their time, labels by ``known_at`` (those without one are left out),
        attributes by ``valid_from``. A member is in it once it has an event or a sign-up by then;
        a product without ``valid_from`` from its first event on. All attribute rows valid by then
        are returned, not the latest alone; a sign-up time after ``as_of`` is null, as is a fraud
        time. Rows are in load order, and each table has the column ``sequence``.

        Args:
            as_of: The last moment known.
            loaded_until: Only rows up to this load sequence: what was known on the day.

        Raises:
            ValueError: ``as_of`` is naive.
        """
        return self._read_tables(require_utc("as_of", as_of), loaded_until)

    def stored_rows(self, table: str) -> pl.DataFrame:
        """Return all rows of a table, whatever they are known from, in load order.

        Labels without ``known_at`` and members without events are in it: to say what a store
        holds, never to learn or to score from. Of replaced attribute rows the last alone.

        Raises:
            ValueError: There is no such table.
        """
        if table not in TABLES:
            raise ValueError(f"no table {table!r}; known: {', '.join(TABLES)}")
        return self._stored_rows(table)

    def rows_since(self, sequence: int) -> Tables:
        """Return all rows with a load sequence above ``sequence``, in load order: what came since.

        Whatever they are known from: a copy kept elsewhere is brought up to date by them, late
        events too, and is cut at a moment by ``moments.visible``. Of attribute rows with the same
        key and ``valid_from`` the last alone; it replaces the copy's.

        Args:
            sequence: ``Summary.sequence`` as it was before the copy was made; 0 for all.

        Raises:
            ValueError: It is negative.
        """
        if sequence < 0:
            raise ValueError(f"sequence is at least 0, got {sequence}")
        return self._all_since(sequence)

    def neighborhood(
        self, node_type: str, key: str, *, hops: int = 2, as_of: datetime, limit: int = 200
    ) -> Tables:
        """Return the events around one node, for people to look at.

        One hop from a member reaches its events' identifiers and products; one hop from those
        reaches the members who share them. At most ``limit`` events a node, the latest first, of
        the same time those with the lower event_id (by code point) first; the next hop starts
        from the nodes that the kept events name and that no hop before started from. Beside the
        events: the attribute rows by then of the members and products they name and of the node
        itself, the labels known by then of those members and of the events' orders, the links by
        then between those members. Nothing is found for a key that the store does not hold.

        Raises:
            UsageError: ``node_type`` is not in the schema.
            ValueError: ``as_of`` is naive, ``hops`` or ``limit`` below 1.
        """
        if node_type not in self.schema.nodes:
            raise UsageError(
                f"no node type {node_type!r}; known: {', '.join(sorted(self.schema.nodes))}"
            )
        if hops < 1 or limit < 1:
            raise ValueError(f"hops and limit are at least 1, got {hops} and {limit}")
        return self._neighborhood(node_type, key, hops, require_utc("as_of", as_of), limit)

    @contextmanager
    def run(self, kind: str, *, model: str | None, as_of: datetime) -> Iterator[Run]:
        """Open a run of ``kind`` (rings, fraud, …); published whole when the block ends well.

        A block that raises publishes nothing and leaves the former run in view.
        """
        run = self._open_run(kind, model, require_utc("as_of", as_of), None)
        try:
            yield run
        except BaseException:
            self._abandon(run)
            raise
        self._publish(run)

    def publish(
        self, kind: str, results: Iterable[Results], *, model: str | None, as_of: datetime
    ) -> RunInfo:
        """Write results as a run of ``kind`` and put it in view, whole or not at all.

        The same results as those in view change nothing, and their run is returned. A store that
        can leaves a run open, unseen, when it fails (a lost connection, a deadlock, a killed
        process): the same call again goes on where it ended.

        Raises:
            ValueError: ``as_of`` is naive.
            StoreError: It cannot be written; nothing of it is in view.
        """
        parts, as_of = list(results), require_utc("as_of", as_of)
        content = content_of(parts, model=model, as_of=as_of)
        for run in self.runs():
            if run.kind == kind and run.status == "published" and run.content == content:
                return run
        open_run = self._open_run(kind, model, as_of, content)
        try:
            for part in parts:
                open_run.write(part)
        except BaseException as error:
            self._give_up(open_run, error)
            raise
        self._publish(open_run)
        return next(run for run in self.runs() if run.run_id == open_run.run_id)

    def rollback(self, kind: str, *, to: str | None = None) -> RunInfo:
        """Put an older run of ``kind`` in view again; those published after it are withdrawn.

        Args:
            kind: rings, fraud, recommend, …
            to: Its run_id; the one before the run in view if omitted.

        Returns:
            The run in view.

        Raises:
            NothingToDoError: No run of the kind is in view.
            UsageError: There is no such run, or none older.
            StoreLockedError: Another run was published meanwhile.
            StoreError: What it wrote is kept nowhere any more.
        """
        run, later = run_before(self.runs(), kind, to, url=self.url)
        if later:
            self._rollback(kind, run.run_id, withdrawn=[one.run_id for one in later])
        return next(one for one in self.runs() if one.run_id == run.run_id)

    def prune(self, *, keep: int, dry_run: bool = False) -> list[RunInfo]:
        """Remove runs that readers do not see, and return them, the newest first.

        Of each kind the run in view and the ``keep`` before it stay, and open ones that may still
        be written; what failed, was cut off or withdrawn goes.

        Args:
            keep: At least 0; 1 or more for a rollback.
            dry_run: Remove nothing.

        Raises:
            ValueError: ``keep`` is below 0.
        """
        if keep < 0:
            raise ValueError(f"keep is at least 0, got {keep}")
        gone = unseen_runs(self.runs(), keep=keep, cut_off=self._cut_off)
        if gone and not dry_run:
            self._prune([run.run_id for run in gone])
        return gone

    def _cut_off(self, run: RunInfo) -> bool:
        return self._open_for is not None and run.started < datetime.now(UTC) - self._open_for

    @abstractmethod
    def summary(self) -> Summary:
        """Return how much the store holds, and from when to when."""

    @abstractmethod
    def runs(self) -> list[RunInfo]:
        """Return all runs, the newest first."""

    @abstractmethod
    def read_rings(self, run_id: str | None = None) -> list[Ring]:
        """Return the rings of a run, best first; of the published one unless named."""

    @abstractmethod
    def read_recommendations(self, run_id: str | None = None) -> list[Recommendation]:
        """Return the lists of a run, by member and rank; of the published one unless named."""

    @abstractmethod
    def write_decision(self, decision: Decision) -> bool:
        """Keep an analyst's decision; false if the same one is there already."""

    @abstractmethod
    def decisions(self, as_of: datetime) -> list[Decision]:
        """Return the decisions taken by ``as_of``, oldest first."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; safe to call twice."""

    @abstractmethod
    def _write_tables(self, tables: Tables, strict: bool) -> Counts: ...

    @abstractmethod
    def _preview_tables(self, tables: Tables) -> Counts: ...

    @abstractmethod
    def _read_tables(self, as_of: datetime, loaded_until: int | None) -> Tables: ...

    @abstractmethod
    def _stored_rows(self, table: str) -> pl.DataFrame: ...

    def _all_since(self, sequence: int) -> Tables:
        late = pl.col("sequence") > sequence
        return Tables(**{table: self._stored_rows(table).filter(late) for table in TABLES})

    @abstractmethod
    def _neighborhood(
        self, node_type: str, key: str, hops: int, as_of: datetime, limit: int
    ) -> Tables: ...

    @abstractmethod
    def _open_run(
        self, kind: str, model: str | None, as_of: datetime, content: str | None
    ) -> Run: ...

    @abstractmethod
    def _publish(self, run: Run) -> None: ...

    @abstractmethod
    def _abandon(self, run: Run) -> None: ...

    def _give_up(self, run: Run, error: BaseException) -> None:
        """Leave a run that could not be written to its end; ``error`` says why."""
        self._abandon(run)

    @abstractmethod
    def _rollback(self, kind: str, to: str, *, withdrawn: Sequence[str]) -> None: ...

    @abstractmethod
    def _prune(self, gone: Sequence[str]) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
