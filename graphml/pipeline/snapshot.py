"""What a store held at one moment, in memory and ready to be asked, with what came since beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import NothingToDoError
from graphml.explain.company import SURPRISING
from graphml.fraud.evidence import Describer
from graphml.graph.nodes import NEVER, microseconds
from graphml.graph.postings import Postings
from graphml.pipeline.reading import known_until, stored_graph
from graphml.results import ScoreKind
from graphml.tables.frames import Tables, empty
from graphml.tabular.flags import known_flags

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.rings.membership import Membership
    from graphml.store.base import GraphStore

logger = logging.getLogger("graphml.pipeline")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judge:
    """Who is how suspicious as of a snapshot's moment, worked out once for everybody.

    Attributes:
        values: Scores by dense member id, NaN for who is not there; float64 [members].
        structure: Of the candidate ring, in [0, 1]; float64 [members].
        network: What a network says, log-odds; ``None`` without one.
        by_value: Score of the best candidate ring that shares a surprising value, by type and code.
        detector: The fraud detector; ``None`` where candidate rings alone judge.
        describer: Of the graph, for explanations.
    """

    values: Floats
    structure: Floats
    network: Floats | None
    by_value: Mapping[tuple[str, int], float]
    detector: FraudDetector | None
    describer: Describer

    @property
    def model(self) -> str | None:
        """The detector's name."""
        return self.detector.name if self.detector else None

    @property
    def score_kind(self) -> ScoreKind:
        """What a score is."""
        kind: ScoreKind = self.detector.score_kind if self.detector else "rank"
        return kind


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Snapshot:
    """A store's graph by its last event, and the records that came since.

    Attributes:
        postings: Records by the nodes they name.
        as_of: Time of the graph's last event: scores of ``judge`` are as of then.
        newest: Time of the last event, late ones included; ``as_of`` at least.
        sequence: Load sequence up to which the store's rows are in it.
        taken: Load sequence up to which they are in its graph.
        since: When members became known to be fraudulent, microseconds; int64 [members].
        late_since: The same by code, of what came later.
        judge: ``None`` until scores are worked out.
    """

    postings: Postings
    as_of: datetime
    newest: datetime
    sequence: int
    taken: int
    since: Ints
    late_since: Mapping[int, int] = field(default_factory=dict)
    judge: Judge | None = None

    def with_rows(self, rows: Tables, sequence: int) -> Snapshot:
        """Return the snapshot with what a store has taken in since.

        Events are looked at from now on, and chargebacks and labels as flags; new attributes and
        links wait for the next snapshot.

        Args:
            rows: As ``GraphStore.rows_since`` returns them.
            sequence: The store's, after them.
        """
        events = rows.events
        postings = self.postings.plus(events)
        newest = max([self.newest, *events["time"].top_k(1).to_list()])
        flags = dict(self.late_since)
        for code, known in _frauds(postings, rows):
            flags[code] = min(known, flags.get(code, NEVER))
        return replace(self, postings=postings, newest=newest, sequence=sequence, late_since=flags)

    def known(self) -> Ints:
        """Return since when members are known to be fraudulent, late ones too, by code."""
        if not self.late_since:
            return self.since
        found = np.full(self.postings.size("member"), NEVER, dtype=np.int64)
        found[: len(self.since)] = self.since
        for code, since in self.late_since.items():
            found[code] = min(found[code], since)
        return found


def _frauds(postings: Postings, rows: Tables) -> Iterator[tuple[int, int]]:
    """Tell who is known to be fraudulent by new rows, by code, and since when.

    A label about an order is about its buyer as ``known_flags`` finds it: the member of its first
    purchase, else of its first record, by the moment that both are known.
    """
    charged = rows.events.filter(pl.col("kind").cast(pl.String) == "chargeback").select(
        "member_id", "order_id", known_at="time"
    )
    labels = rows.labels.filter(pl.col("label") == 1).select("member_id", "order_id", "known_at")
    frauds = pl.concat([charged, labels]).drop_nulls("known_at")
    known = frauds.with_columns(pl.col("known_at").to_physical())
    for member_id, moment in known.drop_nulls("member_id").select("member_id", "known_at").iter_rows():  # fmt: skip
        code = postings.code("member", member_id)
        if code is not None:
            yield code, moment
    ordered = known.filter(pl.col("member_id").is_null()).drop_nulls("order_id")
    if ordered.height:
        records = postings.of_orders(ordered["order_id"].unique().to_list())
        for _, order_id, moment in ordered.iter_rows():
            yield from _buyer(records.filter(pl.col("order_id") == order_id), moment)


def _buyer(records: pl.DataFrame, known: int) -> Iterator[tuple[int, int]]:
    if records.is_empty():
        return
    moment = max(known, int(records["time"].to_physical().min()))  # type: ignore[arg-type]
    by_then = records.filter(records["time"].to_physical() <= moment)
    bought = by_then.filter(by_then["kind"].cast(pl.String) == "purchase")
    yield int((bought if bought.height else by_then)["member"][0]), moment


def take_snapshot(store: GraphStore) -> Snapshot:
    """Return what a store holds by its last event, without scores yet.

    Raises:
        NothingToDoError: It holds no event.
    """
    summary = store.summary()
    if summary.last is None:
        raise NothingToDoError(f"no events in {store.url}", hint="graphml load SOURCE")
    # One state of the store: what is loaded while it is read comes by ``rows_since``.
    _, graph = stored_graph(store, summary.last, loaded_until=summary.sequence)
    labels = store.stored_rows("labels").filter(
        (pl.col("known_at") > summary.last) & (pl.col("sequence") <= summary.sequence)
    )
    snapshot = Snapshot(
        postings=Postings(graph),
        as_of=summary.last,
        newest=summary.last,
        sequence=summary.sequence,
        taken=summary.sequence,
        since=known_flags(graph).since(len(graph.nodes["member"])),
    )
    # Labels from after the last event are in no graph, and count from their moment on.
    return snapshot.with_rows(Tables(events=empty("events"), labels=labels), summary.sequence)


def usable_detector(folder: Path, as_of: datetime) -> FraudDetector | None:
    """Return the fraud detector in a folder, ``None`` without one or where it knows what came later."""
    from graphml.pipeline.fraud import is_detector

    if not is_detector(folder):
        return None
    from graphml.fraud.detector import FraudDetector

    detector = FraudDetector.load(folder, device="cpu")
    if known_until(detector) > as_of:
        logger.warning("%s knows what came after %s; it is left aside", detector.name, as_of)
        return None
    return detector


def judged(snapshot: Snapshot, detector: FraudDetector | None) -> Snapshot:
    """Return the snapshot with everybody's score."""
    from graphml.fraud.detector import ask_network
    from graphml.training.questions import everybody

    graph, moment = snapshot.postings.graph, microseconds(snapshot.as_of)
    describer = Describer(graph)
    found = describer.company(moment)
    structure = found.score.astype(np.float64)
    values, network = structure, None
    if detector is not None:
        seeds = everybody(graph, "member", moment, seed=detector.seed)
        described = describer.members(seeds.nodes, seeds.as_of)
        said = None
        if detector.network is not None:
            said = ask_network(detector.network, graph, seeds)
            network = np.full(len(structure), np.nan)
            network[seeds.nodes] = said
        values = np.full(len(structure), np.nan)
        values[seeds.nodes] = detector.probability(detector.weighed(described, said))
    judge = Judge(
        values=values, structure=structure, network=network, by_value=_by_value(found),
        detector=detector, describer=describer,
    )  # fmt: skip
    for name in graph.schema.identifiers:  # made here, so that no question waits for it
        snapshot.postings.seats(name, np.empty(0, dtype=np.int64))
    return replace(snapshot, judge=judge)


def _by_value(found: Membership) -> dict[tuple[str, int], float]:
    """Return how suspicious the best group is that shares each surprising identifier."""
    scores: dict[tuple[str, int], float] = {}
    for group in (*found.candidates.believed, *found.candidates.others):
        for value in group.values:
            if value.surprise >= SURPRISING:
                key = (value.type, value.value)
                scores[key] = max(group.score, scores.get(key, 0.0))
    return scores
