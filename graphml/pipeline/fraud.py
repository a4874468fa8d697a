"""From a store to a fraud detector, its report beside the bars, its model card."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphml.config import Costs, FraudConfig, TrainConfig
from graphml.errors import UsageError
from graphml.fraud import CARD
from graphml.pipeline.keeping import MODEL_CARD, keep
from graphml.pipeline.labelnotes import circular_note, warn_of_labels
from graphml.pipeline.modelcard import model_card
from graphml.pipeline.reading import stored_graph
from graphml.results import Report
from graphml.store.files import replace_file
from graphml.store.provenance import Manifest, Stopwatch, digest, fingerprint

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.pipeline.judging import JudgedDetector
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables
    from graphml.tasks.labels import Labels

logger = logging.getLogger("graphml.pipeline")

_WAIT = 2
"""Steps that frauds of a part have had to be found, before it is asked about."""
_PARTS = 2
"""Moments to choose by, and to report on."""
_FEWEST_STEPS = 12
_COMPLETE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """When members are asked, and until when answers count, for each part of the split.

    Each part is made of what was known when it ended: training knows what ``valid`` begins with,
    validation what ``test`` begins with.
    """

    train: tuple[datetime, ...]
    valid: tuple[datetime, ...]
    test: tuple[datetime, ...]
    until: Mapping[str, datetime]
    step: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedDetector:
    """A detector, its report on the test labels, and the manifest of the training."""

    detector: FraudDetector
    report: Report
    manifest: Manifest


def moments_of(first: datetime, as_of: datetime, config: FraudConfig) -> Moments:
    """Return the moments of each part, back from ``as_of``; closer together where history is short.

    Raises:
        UsageError: There is no history.
    """
    step = min(timedelta(days=config.step_days), (as_of - first) / _FEWEST_STEPS)
    if step < timedelta(hours=1):
        raise UsageError(
            f"from {first.isoformat()} to {as_of.isoformat()} there is too little history to learn from",
            hint="a later --as-of, or more events",
        )

    def before(until: datetime, begin: int, count: int) -> tuple[datetime, ...]:
        found = (until - step * n for n in range(begin, begin + count))
        return tuple(sorted(moment for moment in found if moment >= first))

    test = before(as_of, _WAIT, _PARTS)
    valid = before(test[0], _WAIT, _PARTS)
    train = before(valid[0], 1, config.moments)
    until = {"train": valid[0], "valid": test[0], "test": as_of}
    return Moments(train=train, valid=valid, test=test, until=until, step=step)


def train_detector(
    store: GraphStore,
    config: FraudConfig,
    network: TrainConfig,
    *,
    as_of: datetime,
    folder: Path,
    costs: Costs | None = None,
) -> TrainedDetector:
    """Train a fraud detector on what a store held as of a moment; keep it in ``folder``.

    With ``costs`` the report is about the threshold that would have cost least on validation, else
    about the one that capacity allows.

    Raises:
        NothingToDoError: There is no event by then.
        UsageError: There is too little history, or a segment is no column of the members table.
    """
    from graphml.fraud.fitting import calibration_error, fit_detector
    from graphml.fraud.reporting import Operation, operate, report_rows
    from graphml.pipeline.picturekeeping import keep_pictures
    from graphml.pipeline.picturing import pictures_of_training
    from graphml.tasks.accused import cleared_share

    watch = Stopwatch()
    warn_of_labels(store, as_of)
    tables, graph = stored_graph(store, as_of)
    parts, when = detector_labels(tables, config, as_of=as_of)
    complete = cleared_share(tables, until=when.until["train"]) >= _COMPLETE
    settings = {name: value for name, value in asdict(config).items() if name != "segments"}
    asked = {"settings": settings, "network": asdict(network)}
    digests = {"settings": digest(asked), "data": fingerprint(tables)}
    fitted = fit_detector(
        graph, parts["train"], parts["valid"], parts["test"], config,
        network if config.network else None, complete=complete, digests=digests,
    )  # fmt: skip
    detector = fitted.detector
    rows: list[dict[str, Any]] = []
    found: Operation | None = None
    if parts["test"].rows["y"].sum():
        rows = report_rows(fitted, capacity=config.capacity, seed=config.seed)
        found = operate(tables.events, fitted, config=config, costs=costs)
    else:
        logger.warning(
            "nobody was accused in the weeks kept for the report: there is nothing to measure"
        )
    report = Report(
        task="fraud", model=detector.name, rows=tuple(rows), labels=len(parts["test"]),
        first=when.test[0], last=when.test[-1],
        notes=_notes(store, parts["test"], as_of=as_of),
        operating=found.figures() if found else None,
        segments=tuple(found.segments.to_dicts()) if found else (),
    )  # fmt: skip
    detector.save(folder)
    counts = {name: len(labels) for name, labels in parts.items()}
    counts |= {f"{name}_accused": int(labels.rows["y"].sum()) for name, labels in parts.items()}
    manifest = Manifest.of(
        "train-fraud",
        settings=config,
        data=digests["data"],
        as_of=as_of,
        seed=config.seed,
        model=detector.name,
        counts=counts,
        notes={
            "store": store.url,
            "network": asdict(network) if config.network else None,
            "costs": asdict(costs) if costs else None,
            "complete": complete,
            "weights": dict(detector.weights),
            "calibration_error": calibration_error(fitted),
            "moments": {name: [str(m) for m in getattr(when, name)] for name in parts},
        },
        watch=watch,
    )
    keep(folder, report, manifest, card=CARD)
    keep_pictures(folder, detector.name, pictures_of_training(fitted, report, manifest, config))
    card = model_card(detector, report, manifest, config, complete=complete)
    replace_file(folder / MODEL_CARD, card.encode())
    return TrainedDetector(detector=detector, report=report, manifest=manifest)


def _notes(store: GraphStore, asked: Labels, *, as_of: datetime) -> tuple[str, ...]:
    """Return, and log, what has to be known to read figures about these labels."""
    note = circular_note(store, asked.rows.filter(asked.rows["y"] == 1), as_of=as_of)
    if note is None:
        return ()
    logger.warning(note)
    return (note,)


def detector_labels(
    tables: Tables, config: FraudConfig, *, as_of: datetime
) -> tuple[dict[str, Labels], Moments]:
    """Return the labels of each part of the split, made of what was known when it ended.

    Raises:
        NothingToDoError: Nobody was there by then.
        UsageError: There is too little history, or a segment is no column of the members table.
    """
    from graphml.fraud.reporting import require_segments
    from graphml.tasks.accused import accused_labels

    require_segments(tables.members, config.segments)
    when = moments_of(tables.events["time"].min(), as_of, config)  # type: ignore[arg-type]
    parts = {
        name: accused_labels(
            tables,
            moments=getattr(when, name),
            horizon=when.step,
            until=when.until[name],
            unaccused=config.unaccused if name == "train" else None,
            seed=config.seed,
        )
        for name in ("train", "valid", "test")
    }
    for name, labels in parts.items():
        logger.info(
            "%s: %d rows, %d accused, asked from %s on, known by %s", name, len(labels),
            labels.rows["y"].sum(), getattr(when, name)[0].date(), when.until[name].date(),
        )  # fmt: skip
    return parts, when


def evaluate_detector(
    store: GraphStore, detector: FraudDetector, *, as_of: datetime, capacity: float
) -> Report:
    """Return how a detector does on members as of its last known moment and every step since.

    Raises:
        UsageError: Nothing is known of the time after its choice.
    """
    return judge_detector(store, detector, as_of=as_of, capacity=capacity).report


def judge_detector(
    store: GraphStore, detector: FraudDetector, *, as_of: datetime, capacity: float
) -> JudgedDetector:
    """Return the report of ``evaluate_detector``, with the arrays that it is made of.

    Raises:
        UsageError: As there.
    """
    from graphml.fraud.evidence import Describer
    from graphml.fraud.fitting import Part
    from graphml.fraud.reporting import measures
    from graphml.pipeline.judging import JudgedDetector
    from graphml.tasks.accused import accused_labels

    tables, graph = stored_graph(store, as_of)
    step = detector.horizon
    moments: list[datetime] = []
    moment = as_of - step
    while moment >= detector.chosen_until and len(moments) < _PARTS + _WAIT:
        moments.append(moment)
        moment -= step
    if not moments:
        raise UsageError(
            f"{detector.name} was chosen by what was known until {detector.chosen_until.isoformat()}, "
            "and no window is over since",
            hint="load what happened since, or a model trained as of an earlier moment",
        )
    labels = accused_labels(tables, moments=moments, horizon=step, until=as_of)
    if not labels.rows["y"].sum():
        raise UsageError(
            f"nobody was accused since {detector.chosen_until.isoformat()}: there is nothing to measure",
            hint="load the labels and chargebacks that came in since",
        )
    describer = Describer(graph)
    part = Part.of(describer, labels, seed=detector.seed)
    scores = {
        detector.method: detector.risk(describer, part.seeds),
        "structure": part.told.suspicion,
    }
    rows = [
        {"method": name, **measures(part, risk, capacity=capacity, seed=detector.seed)}
        for name, risk in scores.items()
    ]
    report = Report(
        task="fraud", model=detector.name, rows=tuple(rows), labels=len(labels),
        first=min(moments), last=max(moments), notes=_notes(store, labels, as_of=as_of),
    )  # fmt: skip
    return JudgedDetector(
        report=report, part=part, scores=scores, describer=describer, tables=tables
    )


def is_detector(folder: Path) -> bool:
    """Return whether ``folder`` holds a fraud detector rather than a network alone."""
    return (folder / CARD).is_file()


def shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the report's rows with what a terminal has room for."""
    names = ("method", "recall", "recall_low", "recall_high", "average_precision", "auroc")
    return [{name: row[name] for name in names if name in row} for row in rows]
