"""Two classes told apart without labels: naive Bayes by EM, monotone in every signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

_BINS = 12
_ROUNDS = 3  # more would forget the start and find whatever two classes are plainest
_FOR, _AGAINST = 10.0, 5.0  # average cases that join both classes, before a bin may speak
_AVERAGE_AT_MOST = 1 / 15  # of the cases: where there are few, none could speak
_ANCHOR = 0.03  # enough to name the classes where all is fraud, too little to sway where little is


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was learned about each case.

    Attributes:
        probability: Of the suspicious class, float64[cases].
        parts: Contribution of each signal in nats, float64[cases, signals].
        prior: The rest, in nats, float64[cases].
    """

    probability: NDArray[np.float64]
    parts: NDArray[np.float64]
    prior: NDArray[np.float64]

    @property
    def nats(self) -> NDArray[np.float64]:
        """Log odds of the suspicious class."""
        return np.asarray(self.prior + self.parts.sum(axis=1))


def tell_apart(
    signals: NDArray[np.float64],
    initial: NDArray[np.float64],
    stratum: NDArray[np.int64],
    *,
    chance: NDArray[np.float64],
    trust: float = 1.0,
) -> Verdict:
    """Return each case's probability of the suspicious class.

    Args:
        signals: float64[cases, signals], higher is more suspicious; NaN says nothing.
        initial: First guess of the probability, float64[cases].
        stratum: Cases that share a prior, int64[cases].
        chance: Signals of cases made by chance, float64[others, signals], which are not
            suspicious; together they weigh ``_ANCHOR`` of the cases.
        trust: Weight of the summed contributions; below 1 where signals repeat each other.
    """
    bins = [_bin(column) for column in np.concatenate([signals, chance]).T]
    weight = np.full(len(signals) + len(chance), _ANCHOR * len(signals) / max(len(chance), 1))
    weight[: len(signals)] = 1
    innocent = np.zeros(len(chance))
    probability = initial
    parts = np.zeros(signals.shape)
    prior = np.zeros(len(signals))
    for _ in range(_ROUNDS):
        prior = _log_odds(probability, stratum)
        parts = (
            trust
            * np.column_stack(
                [_contribution(b, np.append(probability, innocent), weight) for b in bins]
            )[: len(signals)]
        )
        probability = expit(np.clip(prior + parts.sum(axis=1), -50, 50))
    return Verdict(probability=probability, parts=parts, prior=prior)


def _bin(column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return quantile bins from 1; 0 where the signal is unknown."""
    known = ~np.isnan(column)
    bins = np.zeros(len(column), dtype=np.int64)
    if known.any():
        quantiles = 1 - np.geomspace(1, 1 / 2 ** (_BINS - 1), _BINS)
        edges = np.unique(np.quantile(column[known], np.concatenate([quantiles, [0.25]])))
        bins[known] = np.searchsorted(edges[1:], column[known], "right") + 1
    return bins


def _log_odds(probability: NDArray[np.float64], stratum: NDArray[np.int64]) -> NDArray[np.float64]:
    yes = np.bincount(stratum, probability)
    total = np.bincount(stratum)
    result: NDArray[np.float64] = np.log((yes + 0.5) / (total - yes + 0.5))[stratum]
    return result


def _contribution(
    bins: NDArray[np.int64], probability: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the log likelihood ratio of each case's bin, rising from bin to bin; 0 for bin 0."""
    count = int(bins.max(initial=0)) + 1
    if count <= 2:
        return np.zeros(len(bins))
    known = bins > 0
    cases, shown = weight[known], bins[known]
    yes = np.bincount(shown, cases * probability[known], count)[1:].astype(np.float64)
    both = np.bincount(shown, cases, count)[1:].astype(np.float64)
    no = np.maximum(both - yes, 0)
    scale = min(1.0, _AVERAGE_AT_MOST * float(both.sum()) / _FOR)
    speaks_for, speaks_against = (_ratio(yes, no, scale * one) for one in (_FOR, _AGAINST))
    ratio = rising(np.where(speaks_for > 0, speaks_for, speaks_against), both)
    result: NDArray[np.float64] = np.concatenate([[0.0], ratio])[bins]
    return result


def _ratio(yes: NDArray[np.float64], no: NDArray[np.float64], others: float) -> NDArray[np.float64]:
    """Return each bin's log likelihood ratio once ``others`` average cases join both classes.

    Few cases say little then, none say nothing; its sign does not depend on ``others``.
    """
    share = np.maximum(yes + no, 1e-9)
    average = others * share / share.sum()
    yes_share = (yes + average) / (yes.sum() + others)
    no_share = (no + average) / (no.sum() + others)
    return np.asarray(np.log(yes_share / no_share))


def rising(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the non-decreasing sequence nearest to ``values`` (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, np.maximum(weights, 1e-9), strict=True):
        blocks.append((float(value), float(weight), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return np.concatenate([np.full(n, value) for value, _, n in blocks])
