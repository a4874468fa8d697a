"""What reports are made of: rings and detectors judged, with the values that pictures need too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.config import RingConfig
from graphml.errors import NothingToDoError
from graphml.pipeline.detection import detect
from graphml.results import Report, Ring

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.fraud.evidence import Describer
    from graphml.fraud.fitting import Part
    from graphml.fraud.reporting import Floats
    from graphml.rings.evaluate import RingReport
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JudgedDetector:
    """The report on a detector, and what it is made of.

    Attributes:
        part: Who was asked about, and the answers.
        scores: By method of the report, log-odds [rows of ``part``].
        describer: Of the graph of ``tables``.
    """

    report: Report
    part: Part
    scores: Mapping[str, Floats]
    describer: Describer
    tables: Tables


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedRings:
    """The rings found in a store, and the report on them."""

    rings: list[Ring]
    report: RingReport


def evaluate_store(
    store: GraphStore,
    truth: Path,
    config: RingConfig,
    *,
    as_of: datetime,
    baselines: bool,
    detector: FraudDetector | None = None,
) -> list[dict[str, object]]:
    """Return one row of ring metrics a method: ours first, then the baselines.

    Raises:
        SourceError: ``truth`` holds no rings table.
        NothingToDoError: No event has happened by ``as_of``, or to nobody whom ``truth`` names.
    """
    judged = judge_store(
        store, truth, config, as_of=as_of, baselines=baselines, detector=detector
    )  # fmt: skip
    return judged.report.rows()


def judge_store(
    store: GraphStore,
    truth: Path,
    config: RingConfig,
    *,
    as_of: datetime,
    baselines: bool,
    detector: FraudDetector | None = None,
) -> JudgedRings:
    """Return the report of ``evaluate_store``, with the rings that it is about.

    Raises:
        SourceError: As there; likewise NothingToDoError.
    """
    from graphml.rings.baselines import BASELINES
    from graphml.rings.evaluate import evaluate_rings, read_truth

    rings, groups = read_truth(truth)
    detection = detect(store, config, as_of=as_of, detector=detector)
    members = detection.graph.nodes["member"].keys
    if not members.is_in(rings["member_id"].implode()).any():
        raise NothingToDoError(
            f"no member of the rings in {truth} is in {store.url} by {as_of.isoformat()}",
            hint="the --truth that belongs to this --store",
        )
    report = evaluate_rings(
        detection.rings,
        rings,
        groups,
        graph=detection.graph,
        as_of=as_of,
        baselines=tuple(BASELINES) if baselines else (),
    )
    return JudgedRings(rings=detection.rings, report=report)
