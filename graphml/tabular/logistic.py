"""Logistic regression on a few numbers, for the bars that trees are held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
