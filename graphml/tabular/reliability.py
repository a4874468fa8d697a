"""How far probabilities can be believed: what was said beside what came."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from graphml.training.bootstrap import wilson

Floats = NDArray[np.float64]


def expected_calibration_error(p: ArrayLike, y: ArrayLike, *, bins: int = 15) -> float:
    """Return how far what came is from what was said, on average over rows, in [0, 1].

    Naeini, Cooper, Hauskrecht 2015, in bins of equally many rows; equal probabilities share a
    bin, so the order of rows is no matter. NaN without rows.

    Args:
        p: Probabilities, [rows].
        y: 0 or 1, [rows].
        bins: At least 1.

    Raises:
        ValueError: The arguments are not as above.

    >>> round(expected_calibration_error([0.1, 0.1, 0.8, 0.8], [0, 0, 1, 0], bins=2), 9)
    0.2
    """
    table = reliability_table(p, y, bins=bins)
    if table.is_empty():
        return float("nan")
    gap = (table["predicted"] - table["observed"]).abs()
    return float(np.average(gap.to_numpy(), weights=table["count"].to_numpy()))


def reliability_table(p: ArrayLike, y: ArrayLike, *, bins: int = 10) -> pl.DataFrame:
    """Return what was said beside what came, a row for each bin that holds any.

    The columns: low and high, the least and greatest probability in the bin; predicted, their
    mean; observed, the share of 1; observed_low and observed_high, its Wilson interval; count.
    Bins and arguments are those of ``expected_calibration_error``.
    """
    chance, labels = chances_of(p), np.asarray(y)
    if labels.shape != chance.shape or not np.isin(labels, (0, 1)).all() or bins < 1:
        raise ValueError("a label 0 or 1 for each probability, and at least one bin")
    _, place, count = np.unique(chance, return_inverse=True, return_counts=True)
    # Where the middle of the rows of one probability falls: they are never parted.
    middle = (np.cumsum(count) - count / 2)[place]
    rows = pl.DataFrame(
        {
            "bin": (middle * bins / max(1, len(chance))).astype(np.int64),
            "p": chance,
            "y": labels.astype(np.int64),
        }
    )
    table = (
        rows.group_by("bin")
        .agg(
            low=pl.col("p").min(), high=pl.col("p").max(), predicted=pl.col("p").mean(),
            observed=pl.col("y").mean(), hits=pl.col("y").sum(), count=pl.len().cast(pl.Int64),
        )
        .sort("bin")
    )  # fmt: skip
    low, high = wilson(table["hits"].to_numpy(), table["count"].to_numpy())
    bounds = {"observed_low": low, "observed_high": high}
    return table.with_columns(pl.Series(k, v) for k, v in bounds.items()).select(
        "low", "high", "predicted", "observed", "observed_low", "observed_high", "count"
    )


def chances_of(p: ArrayLike) -> Floats:
    """Return probabilities as float64 [rows].

    Raises:
        ValueError: One is NaN or outside [0, 1].
    """
    found = np.asarray(p, dtype=np.float64)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all():
        raise ValueError("probabilities are between 0 and 1, one a row")
    return found
