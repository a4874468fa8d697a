"""Recency, frequency and money: the three numbers that shops have judged customers by for long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graphml.tabular.aggregates import Features
from graphml.tabular.logistic import log_odds, logarithms, logistic_weights

Floats = NDArray[np.float64]

COLUMNS = ("days_since_purchase", "purchases", "spent")
"""Recency, frequency and money among the aggregates (Hughes 1994)."""
_NEVER = 10_000.0
"""Days since the purchase of who never bought."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recency:
    """Logistic regression on the three numbers' logarithms.

    Attributes:
        weights: Of the logarithms, and the constant last.
    """

    weights: tuple[float, ...]

    def log_odds(self, features: Features) -> Floats:
        """Return the log-odds of 1, float64 [rows]."""
        return log_odds(_told(features), self.weights)


def fit_recency(features: Features, y: ArrayLike) -> Recency:
    """Return the regression that suits answers 0 and 1, both among them.

    Args:
        features: Aggregates of members, one row each.
        y: 0 or 1, [rows].
    """
    return Recency(weights=logistic_weights(_told(features), y))


def _told(features: Features) -> Floats:
    return logarithms([features[name] for name in COLUMNS], (_NEVER, 0.0, 0.0))
