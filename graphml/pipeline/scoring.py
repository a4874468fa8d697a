"""Every member's score, what it may cost, and why the riskiest have theirs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from graphml.config import FraudConfig
from graphml.fraud.decisions import Capacity, with_decision
from graphml.fraud.detector import FraudDetector
from graphml.fraud.evidence import Describer
from graphml.fraud.exposure import exposures
from graphml.pipeline.drifting import Drift, drift_of
from graphml.pipeline.explaining import explain_scores, flagged_from, reasons_text
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.results import Scores
from graphml.store.provenance import Manifest, Stopwatch, fingerprint
from graphml.tables.frames import TIME, require_utc

if TYPE_CHECKING:
    from graphml.config import Costs
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore
    from graphml.training.model import GraphModel

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """Every member's score, and what else a scoring leaves behind.

    Attributes:
        scores: Of all members.
        rows: What ``graphml score`` prints.
        graph: That they are of.
        drift: How a detector stands; ``None`` for a network, or a detector without labels.
        manifest: Of the scoring.
    """

    scores: Scores
    rows: pl.DataFrame
    graph: Graph
    drift: Drift | None
    manifest: Manifest


def score(
    store: GraphStore,
    model: GraphModel | FraudDetector,
    *,
    as_of: datetime,
    explained: int = 0,
    capacity: float = 0.02,
    costs: Costs | None = None,
    reviews: Capacity | None = None,
) -> Scored:
    """Return every member's score, rows riskiest first.

    ``exposure`` is what the member bought in the 90 days up to ``as_of``, in the currency it used
    most; ``reasons`` are those of a detector for the ``explained`` riskiest. With costs, or with a
    limit of reviews, there is the column ``decision``: ``with_decision`` says by which rule.

    Raises:
        NothingToDoError: There is no event by then.
        UsageError: The model knows what came after ``as_of``, scores are ranks and there are costs
            alone, or there are fewer members than reviews.
    """
    watch, as_of = Stopwatch(), require_utc("as_of", as_of)
    tables, graph = stored_graph(store, as_of)
    check_moment(model, as_of)
    detector = model if isinstance(model, FraudDetector) else None
    describer = Describer(graph) if detector else None
    if detector:
        scores = detector.score(graph, as_of=as_of, describer=describer)
    else:
        scores = model.score(graph, as_of=as_of)
    asked = pl.DataFrame({"member_id": pl.Series(scores.ids, dtype=pl.String)}).with_columns(
        as_of=pl.lit(as_of, TIME)
    )
    rows = asked.with_columns(
        score=pl.Series(scores.values, dtype=pl.Float64),
        score_kind=pl.lit(scores.score_kind),
        exposure=pl.Series(exposures(tables.events, asked)),
    ).sort("score", "member_id", descending=[True, False])
    rows = with_decision(rows, costs=costs, capacity=reviews)
    reasons: dict[str, str] = {}
    riskiest = rows["member_id"].head(explained).to_list()
    if detector and describer and riskiest:
        reasons = _reasons(describer, detector, scores, riskiest, as_of, capacity)
    rows = rows.with_columns(
        unit=pl.lit("member"), model=pl.lit(model.name),
        reasons=pl.col("member_id").replace_strict(reasons, default="[]", return_dtype=pl.String),
    ).select(
        "member_id", "unit", "score", "score_kind", "exposure", "as_of", "model", "reasons",
        *(name for name in ("decision",) if name in rows.columns),
    )  # fmt: skip
    drift = None
    if detector and describer and detector.trees is not None:
        values = np.array(scores.values)
        drift = drift_of(describer, detector, values, tables, as_of=as_of, capacity=capacity)
    manifest = Manifest.of(
        "score-fraud",
        settings=FraudConfig(capacity=capacity),
        data=fingerprint(tables),
        as_of=as_of,
        seed=detector.seed if detector else 0,
        model=model.name,
        counts={"members": len(scores.ids)},
        notes={"store": store.url, "drift": drift.to_json() if drift else None},
        watch=watch,
    )
    return Scored(scores=scores, rows=rows, graph=graph, drift=drift, manifest=manifest)


def _reasons(
    describer: Describer,
    detector: FraudDetector,
    scores: Scores,
    riskiest: Sequence[str],
    as_of: datetime,
    capacity: float,
) -> dict[str, str]:
    """Return the reasons of the riskiest members by id, as JSON."""
    logger.info("explaining the %d riskiest", len(riskiest))
    threshold = flagged_from(scores, capacity)
    found = explain_scores(describer, detector, riskiest, as_of=as_of, threshold=threshold)
    return {one.member_id: reasons_text(one) for one in found}
