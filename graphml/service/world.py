"""What a service knows: a snapshot of the store, the run in view, decisions; kept up to date."""

from __future__ import annotations

import gc
import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from graphml.cases.book import CaseBook
from graphml.config import Settings
from graphml.errors import GraphmlError, NothingToDoError, StoreError
from graphml.fraud import CARD
from graphml.pipeline.casework import settle
from graphml.pipeline.live import Recent
from graphml.pipeline.reading import check_moment
from graphml.pipeline.recommending import ListMaker, is_recommender, list_maker
from graphml.pipeline.snapshot import Judge, Snapshot, judged, take_snapshot, usable_detector
from graphml.recommend.recommender import Recommender
from graphml.service.gate import Figures
from graphml.service.view import View, view_of
from graphml.store.base import GraphStore
from graphml.store.connect import state_folder
from graphml.tables.frames import TABLES, Tables

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector

log = logging.getLogger("graphml.service")


class World:
    """Everything that answers are made of.

    One thread of its own looks at the store every few seconds: for what others loaded, for a run
    that was published, for decisions from the command line. It works out everybody's scores anew
    when events came and the last time is long enough ago. Who answers reads ``snapshot`` and
    ``view``, whole values that are replaced and never changed.

    Args:
        store: Open for writing; the service is one of its writers, each write holds its lock.
        settings: Of graphml.toml.
        models: Folder of the store's models.
    """

    def __init__(self, store: GraphStore, settings: Settings, models: Path) -> None:
        self.store = store
        self.settings = settings
        self.models = models
        self.figures = Figures()
        self.recent = Recent()
        self.at_work = 0
        self.book = CaseBook(state_folder(store.url), store_url=store.url)
        self.snapshot: Snapshot | None = None
        self.view = View()
        self.trouble: GraphmlError | OSError | None = None
        self._swap = threading.Lock()
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="graphml-keeper", daemon=True)
        self._judged = 0.0
        self._model = 0
        self._frozen = False
        self._listing = threading.Lock()
        self._lists: ListMaker | None = None

    def start(self) -> None:
        """Begin to keep up with the store."""
        self._thread.start()

    def stop(self) -> None:
        """Stop keeping up, and let go of the store."""
        self._stop.set()
        self._thread.join(timeout=30)
        gc.unfreeze()  # at the end all is cleared up, or libraries complain of leaks
        self.store.close()

    @property
    def ready(self) -> bool:
        """Whether everything can be asked."""
        return (
            self.trouble is None and self.snapshot is not None and self.snapshot.judge is not None
        )

    def known(self) -> Snapshot:
        """Return the snapshot.

        Raises:
            GraphmlError: There is none yet, or there is no event; 503 to who asks.
        """
        if self.snapshot is not None:
            return self.snapshot
        if isinstance(self.trouble, GraphmlError):
            raise self.trouble
        raise NothingToDoError("the events are being read", hint="ask again in a moment")

    def look(self) -> None:
        """Take in what the store has got since the last look.

        Raises:
            GraphmlError: It cannot be read.
        """
        with self._looking:  # else what was read first might be shown last
            self._look_at_rows()
            self._look_at_run()

    def _look_at_run(self) -> None:
        runs = [r for r in self.store.runs() if r.kind == "rings" and r.status == "published"]
        run = runs[0] if runs else None
        decisions = self.store.decisions(datetime.now(UTC))
        held = self.view
        if run == held.run and decisions == held.decisions:
            return
        rings = held.rings
        if run is None:
            rings = ()
        elif held.run is None or held.run.run_id != run.run_id:
            rings = self.store.read_rings(run.run_id)
        self.view = view_of(run, rings, decisions)

    def write(self, tables: Tables) -> tuple[frozenset[str], frozenset[str]]:
        """Write tables into the store, and let every answer know them.

        Returns:
            Ids of events that are in the store with other content, and of those that are new.

        Raises:
            StoreError: They could not be written.
        """
        with self._swap:
            held = self.snapshot
            before = held.sequence if held else self.store.summary().sequence
            counts = self.store.write_tables(tables)
            rows = self.store.rows_since(before)
            if held is not None:
                self.snapshot = _with(held, rows)
        self._tell(self.snapshot)
        # Of these events some may have come from elsewhere since the last look: they came before.
        sent = pl.col("event_id").is_in(tables.events["event_id"].implode())
        new = rows.events.filter(sent).sort("sequence")["event_id"].tail(counts.events)
        return frozenset(counts.conflicts["event_id"]), frozenset(new)

    def _look_at_rows(self) -> None:
        with self._swap:
            if self.snapshot is not None:
                self.snapshot = _with(self.snapshot, self.store.rows_since(self.snapshot.sequence))
        self._tell(self.snapshot)

    def _tell(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self.figures.late.set(snapshot.postings.late)
            self.figures.known.set(snapshot.newest.timestamp())

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
                self._recovered()
            except (GraphmlError, OSError) as error:
                if type(self.trouble) is not type(error):
                    log.warning("%s", error)
                self.trouble = error
                self.figures.store.set(0)
            except Exception:
                log.exception("the keeper broke; it goes on")
            self._stop.wait(self.settings.service.look_s)

    def _recovered(self) -> None:
        if self.trouble is not None:
            log.warning("the store answers again")
        self.trouble = None
        self.figures.store.set(1)

    def _step(self) -> None:
        if self.snapshot is None:
            self.view = View()
            self.look()
            self.snapshot = take_snapshot(self.store)
            self._tell(self.snapshot)
        self.look()
        self._settle()
        if self._is_due():
            self.refresh()
            self._prepare_lists()

    def _settle(self) -> None:
        """Write decisions that are due; where the store cannot be written now they stay due."""
        try:
            settle(self.store, self.book)
        except StoreError as error:
            log.warning("decisions stay due: %s", error)

    def _is_due(self) -> bool:
        held = self.snapshot
        if held is None:
            return False
        late = held.sequence != held.taken
        old = time.monotonic() - self._judged > self.settings.service.refresh_s
        return held.judge is None or (late and old) or self._model != self._model_mark()

    def _detector(self, fresh: Snapshot, judge: Judge | None) -> FraudDetector | None:
        """Return the store's fraud detector; the one before where it is damaged."""
        try:
            return usable_detector(self.models / "fraud", fresh.as_of)
        except GraphmlError as error:
            log.warning("%s; %s", error, "the one before is used" if judge else "rings alone judge")
            return judge.detector if judge else None

    def _freeze(self) -> None:
        """Look no more for garbage among what stays as long as the service.

        Libraries and the model are some 600,000 objects: to walk through them holds every answer
        up for a third of a second.
        """
        if not self._frozen:
            gc.collect()
            gc.freeze()
            self._frozen = True

    def _model_mark(self) -> int:
        """Return when the store's fraud model was made, 0 without one."""
        card = self.models / "fraud" / CARD
        return card.stat().st_mtime_ns if card.is_file() else 0

    def list_maker(self) -> ListMaker | None:
        """Return what recommends as of the snapshot's moment; ``None`` without a recommender.

        Raises:
            UsageError: It knows what came later.
        """
        held = self.known()
        if not self._listing.acquire(blocking=False):
            if self._lists is not None:  # those before, which say as of when they are
                return self._lists
            raise NothingToDoError("lists are being prepared", hint="ask again in a moment")
        try:
            if self._lists is None or self._lists.as_of != held.as_of:
                if not is_recommender(self.models / "recommend"):
                    return None
                recommender = Recommender.load(self.models / "recommend")
                check_moment(recommender, held.as_of)
                graph = held.postings.graph.until(held.as_of)
                self._lists = list_maker(recommender, graph, [], as_of=held.as_of)
            return self._lists
        finally:
            self._listing.release()

    def _prepare_lists(self) -> None:
        """Make lists ready, so that nobody waits for the first one."""
        try:
            self.list_maker()
        except GraphmlError as error:
            log.warning("no lists: %s", error)

    def recommender_name(self) -> str | None:
        """Return the name of the store's recommender, ``None`` without one."""
        return self._lists.recommender.name if self._lists else None

    def refresh(self) -> None:
        """Work out everybody's scores anew, by the last event."""
        fresh, model = self.snapshot, self._model_mark()
        judge = fresh.judge if fresh else None
        # Whatever becomes of it: what fails is not tried again at every look.
        self._judged, self._model = time.monotonic(), model
        if fresh is None or fresh.sequence != fresh.taken:
            fresh = take_snapshot(self.store)
        fresh = judged(fresh, self._detector(fresh, judge))
        with self._swap:
            self.snapshot = _with(fresh, self.store.rows_since(fresh.sequence))
        self._judged = time.monotonic()
        self._freeze()
        log.info("scores of %d members as of %s", len(fresh.since), fresh.as_of)


def _with(snapshot: Snapshot, rows: Tables) -> Snapshot:
    """Return a snapshot with rows that came since, itself where there are none."""
    tables = [getattr(rows, name) for name in TABLES]
    last = [table["sequence"].max() for table in tables if table.height]
    return snapshot.with_rows(rows, max(last)) if last else snapshot
