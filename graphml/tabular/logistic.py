"""Logistic regression on a few numbers, for the bars that trees are held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def logarithms(columns: Sequence[NDArray[Any]], missing: Sequence[float]) -> NDArray[np.float64]:
    """Return ln(1 + x) of columns side by side, float64 [rows, columns]; below 0 counts as 0.

    Args:
        columns: Numbers, NaN for none, [rows] each.
        missing: What stands where a column has none.
    """
    filled = [
        np.nan_to_num(column.astype(np.float64), nan=other)
        for column, other in zip(columns, missing, strict=True)
    ]
    return np.log1p(np.maximum(np.column_stack(filled), 0))


def log_odds(columns: NDArray[np.float64], weights: Sequence[float]) -> NDArray[np.float64]:
    """Return the log-odds of 1 by weights of ``logistic_weights``, float64 [rows]."""
    result: NDArray[np.float64] = columns @ np.array(weights[:-1]) + weights[-1]
    return result


def logistic_weights(columns: NDArray[np.float64], y: ArrayLike) -> tuple[float, ...]:
    """Return what the columns are multiplied by in the log-odds of 1, and the constant last.

    Columns are scaled to width 1 before the usual penalty (L2, strength 1), so their units do not
    matter.

    Args:
        columns: Finite, float64 [rows, columns].
        y: 0 or 1, both among them, [rows].
    """
    from sklearn.linear_model import LogisticRegression

    middle, width = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-9)
    found = LogisticRegression(max_iter=1_000).fit((columns - middle) / width, np.asarray(y))
    weights = found.coef_[0] / width
    constant = float(found.intercept_[0] - weights @ middle)
    return (*weights.tolist(), constant)
