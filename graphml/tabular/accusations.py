"""Probabilities of fraud from accusations, of which many are missing and some are wrong."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from graphml.tabular.calibration import Calibrator

Floats = NDArray[np.float64]

PLAIN, CLEAR = 0.9, 0.2
"""Structural scores from which company is plainly fraudulent, and below which it is plainly not."""
_USUAL, _WEIGHT = 0.1, 100.0
"""Before anything is seen a tenth of the frauds count as found, as if seen on a hundred of them.

Five were too few: where none of 205 was accused, almost all frauds seemed to go unfound, and what little
more was accused of the many was taken for fraud (expected calibration error .148)."""
_SLOPE, _SHIFT = 0.5, 2.0
"""Standard deviations of the logarithm of the slope and of the shift, before anything is seen."""
_LEAST = 1e-9

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Accusing:
    """How accusations come about.

    Attributes:
        found: Share of the frauds that are accused in time, in (0, 1).
        wrong: Share of all others that are, in [0, 1).
    """

    found: float
    wrong: float


def accusing(y: ArrayLike, structure: ArrayLike) -> Accusing:
    """Return how accusations come about, seen where company leaves no doubt.

    Of members in plainly fraudulent company the accused are the found; of those in none, whoever
    is accused was so for another reason, as a chargeback over a lost parcel.

    Args:
        y: 1 for the accused, [rows].
        structure: Score of the candidate ring, in [0, 1], [rows].

    >>> accusing([1, 0, 0, 0, 0, 0, 0, 0], [0.95] * 5 + [0.0] * 3)
    Accusing(found=0.10476190476190476, wrong=0.0)
    """
    accused, score = np.asarray(y, dtype=np.float64), np.asarray(structure, dtype=np.float64)
    plain, clear = score >= PLAIN, score < CLEAR
    found = (accused[plain].sum() + _USUAL * _WEIGHT) / (plain.sum() + _WEIGHT)
    return Accusing(found=float(found), wrong=float(accused[clear].mean()) if clear.any() else 0.0)


def fit_accused(scores: ArrayLike, y: ArrayLike, how: Accusing) -> Calibrator:
    """Return what makes probabilities of fraud, accused or not, of scores.

    With q the probability of fraud, a logistic function of the score, the accused are
    ``wrong + found (1 − wrong) q`` of the members. Slope and shift of q are the likeliest, starting
    from scores that are taken for log-odds (positive and unlabelled: Elkan, Noto 2008, with
    accusations that may be wrong).

    Args:
        scores: Log-odds that rise with the risk, finite, [rows].
        y: 1 for the accused, [rows].
        how: Accusations come about.
    """
    risk, accused = np.asarray(scores, dtype=np.float64), np.asarray(y, dtype=np.float64)

    def surprise(at: Floats) -> float:
        q = expit(np.exp(at[0]) * risk + at[1])
        p = np.clip(how.wrong + how.found * (1 - how.wrong) * q, _LEAST, 1 - _LEAST)
        seen = accused * np.log(p) + (1 - accused) * np.log1p(-p)
        before = (at[0] / _SLOPE) ** 2 + (at[1] / _SHIFT) ** 2
        return float(before / 2 - seen.sum())

    best = minimize(surprise, np.zeros(2), method="Nelder-Mead", options={"maxiter": 2000})
    slope, shift = float(np.exp(best.x[0])), float(best.x[1])
    _log.info(
        "%.1f%% of frauds are accused, %.2f%% of others; slope %.2f, shift %+.2f",
        100 * how.found, 100 * how.wrong, slope, shift,
    )  # fmt: skip
    return Calibrator(method="beta", slopes=(slope, slope, shift))
