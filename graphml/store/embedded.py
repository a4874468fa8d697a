"""The embedded store: immutable Parquet segments under a manifest that is replaced atomically.

A folder::

    manifest.json      the generation that readers see: its segments, its runs
    segments/          Parquet, never changed once written
    runs/RUN_ID/       results of a run: rings.jsonl, recommendations.jsonl, scores-*.parquet
    decisions.sqlite   analysts' decisions
    lock, readers      who writes, who reads
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from graphml.errors import StoreError, StorePermissionError
from graphml.results import Decision, Recommendation, Ring, RunInfo, time_text
from graphml.store.base import Counts, GraphStore, Run, Summary
from graphml.store.decisions import read_decisions, write_decision
from graphml.store.files import clear_errors
from graphml.store.history import chosen_run, overtaken
from graphml.store.intake import look_at, take_in
from graphml.store.lock import nobody_reading, reading, writing
from graphml.store.manifest import Generation, read_manifest, write_manifest
from graphml.store.moments import visible
from graphml.store.neighbors import neighborhood
from graphml.store.novelty import KEYS, counted, latest
from graphml.store.reader import Reader
from graphml.store.rooms import check_folder, make_rooms, remove_leftovers
from graphml.store.runs import (
    EmbeddedRun,
    begun_runs,
    published_runs,
    remove_runs,
    stored_recommendations,
    stored_rings,
)
from graphml.store.segments import read, since
from graphml.tables.frames import TABLES, Tables, require_utc

if TYPE_CHECKING:
    from graphml.store.property_graph import PropertyGraph

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EmbeddedStore(GraphStore):
    """A store in a folder of this machine.

    Opening it creates nothing: the first write does. With ``read_only`` nothing is ever created
    or changed. Each reading call sees one generation whole, whatever is written meanwhile.

    Raises:
        StoreError: The path is a file, or a folder that holds something else.
        StoreVersionError: Another version of graphml wrote it.
        StorePermissionError: It cannot be read.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.folder = Path(path)
        self.url = f"embedded://{path}"
        self.read_only = read_only
        self._graph: PropertyGraph | None = None
        self._graph_sequence = 0
        self._was_there = False
        with clear_errors(self.folder):
            check_folder(self.folder)
            self._present()

    def summary(self) -> Summary:
        """Return how much the store holds, and from when to when."""
        with self._reading() as generation:
            events = generation.tables["events"]
            members = [self._ids(generation, table) for table in ("members", "events")]
        first = min((s.first for s in events if s.first is not None), default=None)
        last = max((s.last for s in events if s.last is not None), default=None)
        return Summary(
            events=sum(s.rows for s in events),
            members=pl.concat(members).n_unique(),
            first=None if first is None else _EPOCH + timedelta(microseconds=first),
            last=None if last is None else _EPOCH + timedelta(microseconds=last),
            sequence=generation.sequence,
        )

    def _ids(self, generation: Generation, table: str) -> pl.Series:
        segments = generation.tables[table]
        return read(self.folder, table, segments, columns=["member_id"])["member_id"].unique()

    def _write_tables(self, tables: Tables, strict: bool) -> Counts:
        with self._writing() as generation:
            counts, following = take_in(self.folder, generation, tables, strict=strict)
            if following is not generation:
                write_manifest(self.folder, following)
        return counts

    def _preview_tables(self, tables: Tables) -> Counts:
        with self._reading() as generation:
            return counted(look_at(self.folder, generation, tables))

    def _read_tables(self, as_of: datetime, loaded_until: int | None) -> Tables:
        with self._reading() as generation:
            reader = Reader(self.folder, generation, as_of, loaded_until)
            rows = {table: reader(table) for table in TABLES}
        return visible(Tables(**rows), as_of)

    def _stored_rows(self, table: str) -> pl.DataFrame:
        with self._reading() as generation:
            return self._rows(generation, table)

    def _all_since(self, sequence: int) -> Tables:
        late = pl.col("sequence") > sequence
        with self._reading() as generation:
            rows = {
                table: read(
                    self.folder, table, since(generation.tables[table], sequence), where=late
                )
                for table in TABLES
            }
        return Tables(**{t: latest(r, t) if t in KEYS else r for t, r in rows.items()})

    def _neighborhood(
        self, node_type: str, key: str, hops: int, as_of: datetime, limit: int
    ) -> Tables:
        with self._reading() as generation:
            reader = Reader(self.folder, generation, as_of, None)
            return neighborhood(reader, self.schema, (node_type, key), hops, as_of, limit)

    def _open_run(
        self, kind: str, model: str | None, as_of: datetime, content: str | None
    ) -> EmbeddedRun:
        self._prepare()
        return EmbeddedRun(self.folder, kind, model, as_of, content)

    def _publish(self, run: Run) -> None:
        assert isinstance(run, EmbeddedRun)
        try:
            with self._writing() as generation:
                self._list(generation, (*generation.runs, run.finish()))
        except BaseException:
            self._abandon(run)
            raise
        run.close()

    def _abandon(self, run: Run) -> None:
        assert isinstance(run, EmbeddedRun)
        try:
            run.fail()
        finally:
            run.close()

    def _rollback(self, kind: str, to: str, *, withdrawn: Sequence[str]) -> None:
        now = time_text(datetime.now(UTC))
        with self._writing() as generation:
            in_view = [
                r.run_id
                for r in published_runs(generation.runs)
                if r.kind == kind and r.status == "published"
            ]
            if in_view != [*withdrawn[:1]]:
                raise overtaken(self.url, kind)
            listed = tuple(
                {**run, "withdrawn": now} if run["run_id"] in withdrawn else run
                for run in generation.runs
            )
            self._list(generation, listed)

    def _prune(self, gone: Sequence[str]) -> None:
        with self._writing() as generation:
            self._list(generation, tuple(r for r in generation.runs if r["run_id"] not in gone))
            with nobody_reading(self.folder) as alone:
                # While anybody reads they stay, as runs that failed, for the next time.
                remove_runs(self.folder, gone if alone else ())

    def _list(self, generation: Generation, listed: tuple[dict[str, Any], ...]) -> None:
        following = replace(generation, number=generation.number + 1, runs=listed)
        write_manifest(self.folder, following)

    def runs(self) -> list[RunInfo]:
        """Return all runs, the newest first."""
        begun = begun_runs(self.folder)
        with self._reading() as generation:
            listed = published_runs(generation.runs)
        known = {run.run_id for run in listed}
        infos = [*listed, *(run for run in begun if run.run_id not in known)]
        return sorted(infos, key=lambda run: (run.started, run.run_id), reverse=True)

    def read_rings(self, run_id: str | None = None) -> list[Ring]:
        """Return the rings of a run, best first; of the published one unless named.

        Raises:
            UsageError: No run of that name was published.
        """
        with self._reading() as generation:
            chosen = chosen_run(published_runs(generation.runs), run_id, kind="rings", url=self.url)
            return stored_rings(self.folder, chosen) if chosen else []

    def read_recommendations(self, run_id: str | None = None) -> list[Recommendation]:
        """Return the lists of a run, by member and rank; of the published one unless named.

        Raises:
            UsageError: No run of that name was published.
        """
        with self._reading() as generation:
            listed = published_runs(generation.runs)
            chosen = chosen_run(listed, run_id, kind="recommend", url=self.url)
            return stored_recommendations(self.folder, chosen) if chosen else []

    def write_decision(self, decision: Decision) -> bool:
        """Keep an analyst's decision; false if the same one is there already."""
        self._prepare()
        return write_decision(self.folder, decision)

    def decisions(self, as_of: datetime) -> list[Decision]:
        """Return the decisions taken by ``as_of``, oldest first."""
        return read_decisions(self.folder, require_utc("as_of", as_of), read_only=self.read_only)

    def cypher(self, statement: str, parameters: dict[str, object]) -> pl.DataFrame:
        """Return the rows of one statement that reads, over all that the store holds.

        The first one builds a property graph from the present generation; later ones use it
        until the tables change.

        Raises:
            UsageError: The statement is none, or one that does more than read the graph.
        """
        from graphml.store.property_graph import PropertyGraph, require_reading

        # Imported here: only who asks in Cypher needs its engine.
        require_reading(statement)
        with self._reading() as generation:
            if self._graph is not None and self._graph_sequence != generation.sequence:
                self.close()
            if self._graph is None:
                self._graph = PropertyGraph(partial(self._rows, generation))
                self._graph_sequence = generation.sequence
        return self._graph.query(statement, parameters)

    def _rows(self, generation: Generation, table: str) -> pl.DataFrame:
        held = read(self.folder, table, generation.tables[table])
        return latest(held, table) if table in KEYS else held

    def close(self) -> None:
        """Throw the property graph away, if one was built; safe to call twice."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    @contextmanager
    def _reading(self) -> Iterator[Generation]:
        """Pin the present generation: none of its files goes away before the block ends."""
        with clear_errors(self.folder), reading(self.folder):
            yield self._present() or Generation()

    def _present(self) -> Generation | None:
        """Return the present generation, ``None`` before the first write.

        Raises:
            StoreError: There was one, and the folder is gone: an unmounted disk is no empty store.
        """
        generation = read_manifest(self.folder)
        if generation is None and self._was_there:
            raise StoreError(
                f"{self.folder}: the store is gone", hint="mount its disk, or restore it"
            )
        self._was_there = generation is not None
        return generation

    def _prepare(self) -> None:
        if self.read_only:
            raise StorePermissionError(
                f"store {self.url} was opened to be read only", hint="open it without read_only"
            )
        with clear_errors(self.folder):
            check_folder(self.folder)
            self._present()
            make_rooms(self.folder)

    @contextmanager
    def _writing(self) -> Iterator[Generation]:
        """Hold the write lock over the present generation, in a folder that is made if needed."""
        self._prepare()
        with clear_errors(self.folder), writing(self.folder):
            if read_manifest(self.folder) is None:
                write_manifest(self.folder, Generation())
            try:
                yield self._tidied()  # a writer before this one may have been cut off
            finally:
                self._tidied()

    def _tidied(self) -> Generation:
        generation = read_manifest(self.folder) or Generation()
        remove_leftovers(self.folder, generation)
        return generation
