"""Every member's score, what it may cost, and why the riskiest have theirs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from graphml.fraud.detector import FraudDetector
from graphml.fraud.evidence import Describer
from graphml.pipeline.explaining import explain_scores, flagged_from, reasons_text
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.results import Scores

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables
    from graphml.training.model import GraphModel

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """Every member's score, the rows that ``graphml score`` prints, and the graph they are of."""

    scores: Scores
    rows: pl.DataFrame
    graph: Graph


def score(
    store: GraphStore,
    model: GraphModel | FraudDetector,
    *,
    as_of: datetime,
    explained: int = 0,
    capacity: float = 0.02,
) -> Scored:
    """Return every member's score, rows riskiest first.

    ``exposure`` is what the member bought in the 90 days up to ``as_of``, in the currency it used
    most; ``reasons`` are those of a detector for the ``explained`` riskiest.
    """
    tables, graph = stored_graph(store, as_of)
    check_moment(model, as_of)
    detector = model if isinstance(model, FraudDetector) else None
    describer = Describer(graph) if detector else None
    if detector:
        scores = detector.score(graph, as_of=as_of, describer=describer)
    else:
        scores = model.score(graph, as_of=as_of)
    rows = (
        pl.DataFrame({"member_id": scores.ids, "score": scores.values})
        .join(_exposure(tables, as_of), on="member_id", how="left", maintain_order="left")
        .sort("score", "member_id", descending=[True, False])
    )
    reasons: dict[str, str] = {}
    riskiest = rows["member_id"].head(explained).to_list()
    if detector and describer and riskiest:
        reasons = _reasons(describer, detector, scores, riskiest, as_of, capacity)
    rows = rows.with_columns(
        unit=pl.lit("member"), score_kind=pl.lit(scores.score_kind), as_of=pl.lit(as_of),
        model=pl.lit(model.name), exposure=pl.col("exposure").fill_null(0.0),
        reasons=pl.col("member_id").replace_strict(reasons, default="[]", return_dtype=pl.String),
    ).select(
        "member_id", "unit", "score", "score_kind", "exposure", "as_of", "model", "reasons"
    )  # fmt: skip
    return Scored(scores=scores, rows=rows, graph=graph)


def _exposure(tables: Tables, as_of: datetime) -> pl.DataFrame:
    """Return member_id and exposure of all who bought in the 90 days up to ``as_of``."""
    return (
        tables.events.lazy()
        .filter(pl.col("kind") == "purchase", pl.col("time") > as_of - timedelta(days=90))
        .group_by("member_id", "currency")
        .agg(exposure=pl.col("amount").sum(), bought=pl.len())
        .sort("bought", "currency", descending=True, nulls_last=True)
        .unique("member_id", keep="first", maintain_order=True)
        .select("member_id", "exposure")
        .collect()
    )


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
