"""The two curves that calibration fits: rising steps, and logistic regression on both logarithms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST = 1e-3
"""Least slopes for scores of width 1: above 0, so that order is kept."""
_PULL = 1e-3
"""Towards slopes of 1, as strong as a thousandth of a row: labels that scores part perfectly
would have them grow without end."""


def middle_and_width(scores: Floats) -> tuple[float, float]:
    """Return the median and the mean distance from it, which is above 0.

    >>> middle_and_width(np.array([1.0, 2.0, 6.0]))
    (2.0, 1.6666666666666667)
    """
    middle = float(np.median(scores))
    width = float(np.abs(scores - middle).mean())
    return middle, max(width, 1e-9 * max(1.0, abs(middle)))


def isotonic_knots(scores: Floats, labels: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Return where the best rising steps begin and end, and their heights, float64 [knots].

    Heights stay 1 / (rows + 2) away from 0 and 1.
    """
    from sklearn.isotonic import IsotonicRegression

    steps = IsotonicRegression(y_min=0, y_max=1).fit(scores, labels, weights)
    least = 1 / (len(labels) + 2)
    return steps.X_thresholds_, np.clip(steps.y_thresholds_, least, 1 - least)


def beta_slopes(scores: Floats, labels: Ints, weights: Floats) -> tuple[float, float, float]:
    """Return a, b and c of the log-odds a ln p - b ln(1 - p) + c that fit best; a and b above 0.

    p is the logistic function of a score. Labels are of both kinds.
    """
    columns = np.column_stack([-np.logaddexp(0, -scores), np.logaddexp(0, scores)])
    mean, (_, width) = np.average(columns, axis=0, weights=weights), middle_and_width(scores)
    # Centred and scaled: scores in thousands, or far from 0, are then as easy to fit as log-odds.
    scaled = (columns - mean) / width
    signs = 1 - 2 * labels

    def loss(at: Floats) -> tuple[float, Floats]:
        wrong = signs * (scaled @ at[:2] + at[2])
        slope = weights * expit(wrong) * signs
        pull = at[:2] / width - 1
        value = float((weights * np.logaddexp(0, wrong)).sum() + _PULL * (pull @ pull))
        gradient = np.append(scaled.T @ slope + 2 * _PULL * pull / width, slope.sum())
        return value / weights.sum(), gradient / weights.sum()

    share = np.average(labels, weights=weights)
    start = np.array([width, width, np.log(share) - np.log1p(-share)])
    bounds = [(_LEAST, None), (_LEAST, None), (None, None)]
    options = {"maxiter": 1_000, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    a, b = found[:2] / width
    return float(a), float(b), float(found[2] - mean @ [a, b])
