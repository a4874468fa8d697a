"""Why orders and reviews of a store have the scores that its model gave them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError, one_line
from graphml.explain.order import OrderExplanation, explain_order
from graphml.fraud.order_columns import OrderColumns
from graphml.fraud.order_evaluation import REVIEWED
from graphml.fraud.orders import OrderModel
from graphml.pipeline.explaining import lowest_flagged, reasons_text
from graphml.pipeline.orders import RECENT, KeptOrders, kept_orders
from graphml.pipeline.reading import stored_graph
from graphml.pipeline.thresholds import keep_threshold, kept_threshold, threshold_key
from graphml.results import time_text
from graphml.tabular.aggregates import Features
from graphml.tabular.flags import known_flags
from graphml.tabular.trees import TreeModel

if TYPE_CHECKING:
    from graphml.store.base import GraphStore

Floats = NDArray[np.float64]

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderScorer:
    """A model of orders as explanations ask it; its features hold the structure, too."""

    model: OrderModel
    name: str

    @property
    def trees(self) -> TreeModel:
        """Those of the blend."""
        return self.model.trees["blend"]

    def risks(self, features: Features, structure: Floats) -> Floats:
        """Return the blend's log-odds, float64 [rows]."""
        return self.model.risk(features)

    def probability(self, risks: Floats) -> Floats:
        """Return calibrated probabilities, float64 [rows]."""
        return self.model.calibrator.apply(risks)


def explain_stored_order(
    store: GraphStore, folder: Path, id_: str, *, unit: str, as_of: datetime
) -> OrderExplanation:
    """Return why an order or review of a store had its score when it came in.

    Flagged are those that score as high as the riskiest ``REVIEWED`` of the four weeks up to
    ``as_of``; where none came in then, nothing says whether one is.

    Args:
        store: Whose it is.
        folder: Of the model.
        id_: As ``score_orders`` has it.
        unit: order | review.
        as_of: The last moment known, with a time zone.

    Raises:
        UsageError: There is no such order or review by ``as_of``, no model in ``folder``, or it
            knows what came after ``as_of``.
        NothingToDoError: No event has happened by then.
    """
    kept = kept_orders(folder, as_of=as_of)
    model = kept.model
    tables, graph = stored_graph(store, as_of)
    columns = OrderColumns(graph, every=model.every, keep=True)
    of_unit = columns.units.filter(pl.col("unit") == unit)
    asked = _asked(of_unit, id_, unit, as_of)
    key = threshold_key(model.digest, tables, unit=unit, as_of=as_of)
    threshold = kept_threshold(folder, key)
    if threshold is None:
        threshold = _threshold(model, columns, of_unit, as_of)
    if threshold is not None:
        keep_threshold(folder, key, threshold)
    why = explain_order(
        columns, asked["row"],
        scorer=OrderScorer(model=model, name=kept.name), threshold=threshold, score_kind=model.score_kind,
    )  # fmt: skip
    return OrderExplanation(
        id=id_,
        unit=unit,
        order_id=asked["order_id"],
        event_id=asked["event_id"],
        exposure=asked["amount"],
        currency=asked["currency"],
        known_until=kept.until,
        why=why,
    )


def order_reasons(
    kept: KeptOrders, columns: OrderColumns, scored: pl.DataFrame, count: int
) -> list[str]:
    """Return the reasons of the first ``count`` rows as JSON, and of all others an empty list.

    Args:
        kept: Whose scores they are.
        columns: Of the graph, with ``keep``.
        scored: Rows of ``OrderModel.score``, riskiest first.
        count: How many to explain.
    """
    first = scored.head(count)
    if first.is_empty():
        return ["[]"] * len(scored)
    logger.info("explaining the %d riskiest", len(first))
    threshold = lowest_flagged(scored["score"].to_numpy(), REVIEWED)
    scorer = OrderScorer(model=kept.model, name=kept.name)
    flags = known_flags(columns.graph)
    told = [
        reasons_text(explain_order(columns, row, scorer=scorer, threshold=threshold, flags=flags))
        for row in columns.rows_of(first["event_id"]).tolist()
    ]
    return told + ["[]"] * (len(scored) - len(told))


def _asked(units: pl.DataFrame, id_: str, unit: str, as_of: datetime) -> dict[str, Any]:
    """Return the row of an order or review; of one with an order_id rather than of a namesake."""
    found = units.filter(pl.col("id") == id_).sort("order_id", nulls_last=True)
    # Of one that comes later nothing is told, not even that.
    if found.is_empty():
        raise UsageError(
            f"no {unit} {one_line(id_)} by {time_text(as_of)}",
            hint=f"an id as graphml score fraud --unit {unit} prints it, or a later --as-of",
        )
    return found.row(0, named=True)


def _threshold(
    model: OrderModel, columns: OrderColumns, units: pl.DataFrame, as_of: datetime
) -> float | None:
    rows = units.filter(pl.col("time") > as_of - RECENT)["row"].cast(pl.Int64).to_numpy()
    if not len(rows):
        return None
    return lowest_flagged(model.score_rows(columns, rows)["score"].to_numpy(), REVIEWED)
