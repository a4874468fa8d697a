"""How good a model of a flat table is, beside simple methods that learned from the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from graphml.errors import one_line
from graphml.propensity.flat_columns import FlatColumn, encoded
from graphml.propensity.flat_logistic import fit_logistic
from graphml.tabular.boosting import Matrix, lightgbm
from graphml.tabular.reliability import expected_calibration_error
from graphml.training.bootstrap import RESAMPLES, percentiles, resampled
from graphml.training.metrics import auroc, average_precision, log_loss

TELLTALE = 0.99
"""AUROC of one column alone from which on it may have been written after the purchase."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Measure = Callable[[Ints, Floats], float]

METRICS: Mapping[str, Measure] = {
    "auroc": auroc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "expected_calibration_error": lambda y, p: expected_calibration_error(p, y),
}
"""What is measured of probabilities."""

_GROUPS = 20
_FEWEST = 10
_LEAST = 1e-15


def simple_methods(
    columns: Sequence[FlatColumn], learned: pl.DataFrame, y: Ints, asked: pl.DataFrame
) -> dict[str, Floats]:
    """Return probabilities of 1 by method, float64 [rows of ``asked``].

    LightGBM with the library's own settings and logistic regression, on the columns that the model
    has, and the share of 1 in ``y``.

    Args:
        columns: Of the tables.
        learned: Rows to learn from.
        y: 0 or 1, both of them there, [rows of ``learned``].
        asked: Rows to score.
    """
    known, values = encoded(columns, learned), encoded(columns, asked)
    straight = fit_logistic(columns, known, y).predict(values)
    return {
        "lightgbm": _default_trees(known, y, values),
        "logistic_regression": np.asarray(expit(straight), dtype=np.float64),
        "base_rate": np.full(len(values), y.mean()),
    }


def _default_trees(known: Matrix, y: Ints, values: Matrix) -> Floats:
    library = lightgbm()
    settings = {
        "objective": "binary",
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
    }
    names = [f"c{n}" for n in range(known.shape[1])]
    data = library.Dataset(known, y, feature_name=names, params={"verbosity": -1})
    found: Floats = library.train(settings, data, 100).predict(values)
    return found


def figures(
    y: Ints, chances: Mapping[str, Floats], *, seed: int, resamples: int = RESAMPLES
) -> tuple[dict[str, Any], ...]:
    """Return a row for each method: ``METRICS``, their 95 % bootstrap intervals, and rows.

    All methods are measured on the same samples. A resample repeats rows, which makes probabilities
    look less well calibrated than they are: the error may lie below the middle of its interval.

    Args:
        y: 0 or 1, [rows].
        chances: Probabilities by method, [rows] each.
        seed: Of the resampling.
        resamples: How often to draw, at least 1.
    """
    draws = [rows for rows, _ in resampled(np.arange(len(y)), seed=seed, times=resamples)]
    found = []
    for method, given in chances.items():
        chance = np.clip(given, _LEAST, 1 - _LEAST)
        row: dict[str, Any] = {"method": method}
        for name, measure in METRICS.items():
            sampled = np.array([measure(y[rows], chance[rows]) for rows in draws])
            low, high = percentiles(sampled)
            row |= {name: measure(y, chance), f"{name}_low": low, f"{name}_high": high}
        found.append({**row, "rows": len(y)})
    return tuple(found)


def telltales(columns: Sequence[FlatColumn], frame: pl.DataFrame, y: Ints) -> list[str]:
    """Return a line for each column that alone tells the label: it may be known only afterwards.

    Numbers are cut into at most 20 groups of equally many rows, and whether a cell is empty counts.

    Args:
        columns: Of the table.
        frame: Rows that were learned from.
        y: 0 or 1, [rows].
    """
    if min(y.sum(), len(y) - y.sum()) < _FEWEST:
        return []
    values = encoded(columns, frame)
    found = ((column.name, _alone(values[:, at], y)) for at, column in enumerate(columns))
    return [
        f"column {one_line(name, 80)!r} alone has AUROC {area:.3f} on the rows learned from: "
        "was it known before the purchase? if not, leave it out"
        for name, area in found
        if area >= TELLTALE
    ]


def _alone(cells: NDArray[Any], y: Ints) -> float:
    """Return the AUROC of the share of 1 in a column's groups, missing ones a group of their own."""
    known = np.unique(cells[~np.isnan(cells)])
    if len(known) > _GROUPS:
        known = np.unique(np.nanquantile(cells, np.arange(1, _GROUPS) / _GROUPS))
    group = np.where(np.isnan(cells), len(known) + 1, np.searchsorted(known, cells))
    counts = np.bincount(group)
    share = np.bincount(group, y) / np.maximum(counts, 1)
    return auroc(y, share[group])
