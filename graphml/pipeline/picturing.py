"""Which pictures there are of a store and its models, and what each shows.

A training keeps the values of its pictures beside the model (``pictures.json``), so that a page shows
them without computing anything; ``evaluate`` makes them anew, of what it has just measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.config import FraudConfig
from graphml.errors import UsageError
from graphml.pictures.values import Capacity, Learning, Reliability, Values
from graphml.pictures.watched import Drifted, RingPrecision, RingTimeline
from graphml.pictures.wording import days
from graphml.pipeline.picturekeeping import Pictured, kept_pictures, last_drift, network_pictures
from graphml.results import Report, time_text

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.fraud.fitting import Fitted, Part
    from graphml.fraud.reporting import Floats
    from graphml.pictures.canvas import Theme
    from graphml.pipeline.judging import JudgedDetector, JudgedRings
    from graphml.store.base import GraphStore
    from graphml.store.provenance import Manifest

NAMES = (RingTimeline.name, Reliability.name, Capacity.name, Drifted.name, Learning.name)
"""Every picture that a page may show, in its order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture that can be asked for by its name; ``alt`` stands for it where it is not seen."""

    name: str
    title: str
    alt: str


def pictures_of(store: GraphStore, models: Path) -> list[Picture]:
    """Return the pictures that there are, in the order of a page; nothing is drawn or computed.

    Args:
        store: Whose rings and scorings are shown.
        models: The folder of its models: ``models`` in its ``state_folder``.
    """
    return [
        Picture(name=one.name, title=one.title, alt=one.alt) for one in _every(store, models)
    ]  # fmt: skip


def picture(store: GraphStore, models: Path, name: str, *, theme: Theme = "light") -> str:
    """Return a picture of ``pictures_of`` as the text of an SVG.

    Raises:
        UsageError: There is no such picture now, no such theme, or matplotlib is not installed.
    """
    from graphml.pictures.drawing import to_svg

    found = next((one for one in _every(store, models) if one.name == name), None)
    if found is None:
        raise UsageError(
            f"no picture {name!r}", hint=f"one of {', '.join(NAMES)}, where there is one"
        )
    return to_svg(found, theme=theme)


def _every(store: GraphStore, models: Path) -> list[Values]:
    folder = models / "fraud"
    kept = kept_pictures(folder)
    drift = last_drift(store.url, folder)
    found = {one.name: one for one in (ring_timeline(store), *kept.values(), drift) if one}
    return [found[name] for name in NAMES if name in found]


def ring_timeline(store: GraphStore) -> RingTimeline:
    """Return the timeline of the rings in view; of none where no run is published."""
    runs = (run for run in store.runs() if run.kind == "rings" and run.status == "published")
    run = next(runs, None)
    if run is None:
        return RingTimeline.of([], source="no run of rings is published yet", as_of=None)
    rings = store.read_rings(run.run_id)
    return RingTimeline.of(rings, source=f"published run {run.run_id}", as_of=run.as_of)


def pictures_of_rings(judged: JudgedRings, *, source: str) -> Pictured:
    """Return the pictures of an evaluation of rings, found in what ``source`` names."""
    report = judged.report
    timeline = RingTimeline.of(judged.rings, source=f"found in {source}", as_of=report.as_of)
    precision = RingPrecision(
        source=f"found in {source}", as_of=report.as_of, true_rings=report.true_rings,
        curves=tuple(report.precision.items()),
    )  # fmt: skip
    return Pictured(drawn=(timeline, precision))


def pictures_of_network(folder: Path) -> Pictured:
    """Return the pictures of a network in a folder."""
    found = network_pictures(folder)
    absent = {} if found else {Learning.name: f"{folder} holds no network, or one without passes"}
    return Pictured(drawn=tuple(found.values()), absent=absent)


def pictures_of_training(
    fitted: Fitted, report: Report, manifest: Manifest, config: FraudConfig
) -> Pictured:
    """Return the pictures of a detector's training, of what its report is made of.

    Args:
        fitted: The detector and the bars.
        report: On its test part.
        manifest: Of the training, with the numbers of labels.
        config: Of the training.
    """
    from graphml.pictures.measured import learning_of

    detector, test = fitted.detector, fitted.test
    drawn: list[Values] = []
    absent: dict[str, str] = {}
    if test is None or not report.rows:
        why = "nobody was accused in the weeks kept for the report"
        absent |= {Reliability.name: why, Capacity.name: why}
    else:
        split = f"test period {days(report.first, report.last)}"
        found = _measured(
            detector, test, fitted.scores, fitted.chosen, share=config.capacity, split=split
        )  # fmt: skip
        drawn, absent = list(found.drawn), dict(found.absent)
    if fitted.network is None:
        absent[Learning.name] = "no network was tried"
    else:
        counts = manifest.counts
        used = detector.network is not None
        drawn.append(
            learning_of(fitted.network, train=counts["train"], valid=counts["valid"], used=used)
        )
    return Pictured(drawn=tuple(drawn), absent=absent)


def pictures_of_judging(
    judged: JudgedDetector,
    detector: FraudDetector,
    folder: Path,
    *,
    as_of: datetime,
    capacity: float,
) -> Pictured:
    """Return the pictures of a detector's evaluation.

    Args:
        judged: The report, and what it is made of.
        detector: Whose report it is.
        folder: Of the detector, with what its training kept.
        as_of: The last moment known, with a time zone: of the drift.
        capacity: Share of the members that a team can review.
    """
    report = judged.report
    split = f"asked since it was chosen, {days(report.first, report.last)}"
    found = _measured(
        detector, judged.part, judged.scores, detector.method, share=capacity, split=split
    )  # fmt: skip
    drawn, absent = list(found.drawn), dict(found.absent)
    if detector.trees is None:
        absent[Drifted.name] = "the model had no labels to learn from, and drift is not followed"
    else:
        drawn.append(_drift(judged, detector, as_of=as_of, capacity=capacity))
    learning = kept_pictures(folder).get(Learning.name)
    if learning is None:
        absent[Learning.name] = "no network was tried, or an older version kept nothing of it"
    else:
        drawn.append(learning)
    return Pictured(drawn=tuple(drawn), absent=absent)


def _measured(
    detector: FraudDetector,
    part: Part,
    scores: Mapping[str, Floats],
    chosen: str,
    *,
    share: float,
    split: str,
) -> Pictured:
    from graphml.pictures.measured import capacity_of, reliability_of

    owners, name = part.seeds.nodes, detector.name
    capacity = capacity_of(
        scores, part.y, owners, first=chosen, share=share, model=name, split=split
    )  # fmt: skip
    if detector.trees is None:
        why = "its scores are ranks and no probabilities: there were too few labels to calibrate"
        return Pictured(drawn=(capacity,), absent={Reliability.name: why})
    chance = detector.accusation(scores[chosen])
    reliability = reliability_of(chance, part.y, owners, model=name, split=split)
    return Pictured(drawn=(reliability, capacity))


def _drift(
    judged: JudgedDetector, detector: FraudDetector, *, as_of: datetime, capacity: float
) -> Drifted:
    import numpy as np

    from graphml.pipeline.drifting import drift_of

    describer = judged.describer
    scores = detector.score(describer.graph, as_of=as_of, describer=describer)
    found = drift_of(
        describer, detector, np.array(scores.values), judged.tables, as_of=as_of, capacity=capacity
    )  # fmt: skip
    return Drifted.of(
        found.to_json(), model=detector.name, as_of=time_text(as_of), members=len(scores.ids)
    )
