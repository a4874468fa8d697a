"""How good a model of orders is: three bars side by side, and whether the blend is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from graphml.errors import NothingToDoError, UsageError
from graphml.fraud.order_columns import Floats, Ints, OrderColumns
from graphml.fraud.orders import BARS, OrderModel
from graphml.tasks.order_labels import OrderLabels
from graphml.training.bootstrap import RESAMPLES, percentiles, resampled
from graphml.training.metrics import auroc, average_precision, value_weighted_recall

REVIEWED = 0.01
"""Share of the orders that a team reviews."""
BETTER = "blend − aggregates"
"""The method of the row that holds differences."""

_METRICS = ("average_precision", "auroc", "value_recall_at_1pct")


def evaluate_orders(
    model: OrderModel,
    columns: OrderColumns,
    labels: OrderLabels,
    *,
    seed: int = 0,
    owners: ArrayLike | None = None,
    resamples: int = RESAMPLES,
) -> list[dict[str, Any]]:
    """Return a row of metrics for each bar, and one of how much better the blend is.

    A row has: method; average_precision, auroc and value_recall_at_1pct, the share of the frauds'
    amount that is in the riskiest 1 % of the rows, each with its 95 % bootstrap interval in
    ``…_low`` and ``…_high``; base_rate; rows. The last row is the blend less the aggregates, both
    on the same samples: the blend is better where the interval is above 0.

    Args:
        model: Whose bars they are.
        columns: Of the graph, with the model's ``every``.
        labels: That training and validation did not see, of one currency.
        seed: Of the bootstrap.
        owners: Whose each row is, [rows]; its member if omitted. Rows that stand or fall together,
            as those of one ring, are drawn together.
        resamples: How often to draw, at least 1.

    Raises:
        NothingToDoError: There are no labels.
        UsageError: Amounts are in several currencies, or owners are not one a row.
    """
    rows = labels.rows
    if rows.is_empty():
        raise NothingToDoError("there are no orders to evaluate on", hint="a longer window")
    currencies = rows.filter(pl.col("amount") > 0)["currency"].unique()
    if len(currencies) > 1:
        raise UsageError(
            f"amounts in {len(currencies)} currencies are not to be summed",
            hint="one at a time: labels.where(pl.col('currency') == 'EUR')",
        )
    whose = rows["member_id"].to_numpy() if owners is None else np.asarray(owners)
    if whose.shape != (len(rows),):
        raise UsageError(f"owners of shape {whose.shape} for {len(rows)} rows", hint="one a row")
    said = model.log_odds(columns.of(columns.rows_of(rows["event_id"])))
    y, amount = rows["y"].to_numpy().astype(np.int64), rows["amount"].to_numpy()
    measure = partial(_measured, y, amount, said)
    drawn = np.stack([measure(some) for some, _ in resampled(whose, seed=seed, times=resamples)])
    return _rows(measure, drawn, y)


def _measured(y: Ints, amount: Floats, said: Mapping[Any, Floats], rows: Ints) -> Floats:
    """Return every bar's metrics on ``rows``, float64 [bars, metrics]."""
    return np.array(
        [
            [
                average_precision(y[rows], said[bar][rows]),
                auroc(y[rows], said[bar][rows]),
                value_weighted_recall(y[rows], said[bar][rows], amount[rows], share=REVIEWED),
            ]
            for bar in BARS
        ]
    )


def _rows(measure: Callable[[Ints], Floats], drawn: Floats, y: Ints) -> list[dict[str, Any]]:
    """Return bars and their difference by name.

    Args:
        measure: Of rows, float64 [bars, metrics].
        drawn: The same of samples, float64 [samples, bars, metrics].
        y: Answers, [rows].
    """
    exact = measure(np.arange(len(y)))
    blend, aggregates = BARS.index("blend"), BARS.index("aggregates")
    methods: list[tuple[str, NDArray[np.float64], NDArray[np.float64]]] = [
        (bar, exact[at], drawn[:, at]) for at, bar in enumerate(BARS)
    ]
    better = exact[blend] - exact[aggregates], drawn[:, blend] - drawn[:, aggregates]
    result = []
    for method, values, samples in [*methods, (BETTER, *better)]:
        row: dict[str, Any] = {"method": method}
        for at, name in enumerate(_METRICS):
            low, high = percentiles(samples[:, at])
            row |= {name: float(values[at]), f"{name}_low": low, f"{name}_high": high}
        result.append({**row, "base_rate": float(y.mean()), "rows": len(y)})
    return result
