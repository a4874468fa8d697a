"""How good scores and rankings are; one metric a function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def average_precision(labels: Ints, scores: Floats) -> float:
    """Return the mean precision over the frauds in order of score, in [0, 1]; the base rate by chance.

    NaN where all labels are alike.

    >>> average_precision(np.array([1, 0, 1]), np.array([0.9, 0.5, 0.1]))
    0.8333333333333333
    """
    if len(set(labels.tolist())) < 2:
        return float("nan")
    # A bootstrap asks thousands of times, and scikit-learn's checks take ten times as long.
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    found = np.cumsum(labels[order] == 1)[last]
    return float((np.diff(found, prepend=0) * found / (last + 1)).sum() / found[-1])


def auroc(labels: Ints, scores: Floats) -> float:
    """Return the chance that a fraud scores above a non-fraud, in [0, 1]; NaN where all are alike."""
    if len(set(labels.tolist())) < 2:
        return float("nan")
    low = np.sort(scores[labels != 1])
    high = scores[labels == 1]
    beaten = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(beaten.sum() / (2 * len(low) * len(high)))


def precision_at(labels: Ints, scores: Floats, *, k: int) -> float:
    """Return the share of frauds among the ``k`` highest scores, in [0, 1].

    >>> precision_at(np.array([1, 0, 0]), np.array([0.9, 0.2, 0.7]), k=2)
    0.5
    """
    if not 1 <= k <= len(labels):
        raise ValueError(f"k is between 1 and {len(labels)}, got {k}")
    return float(labels[np.argsort(-scores, kind="stable")[:k]].mean())


def accuracy(labels: Ints, scores: Floats, *, threshold: float) -> float:
    """Return the share of rows that a threshold puts on their right side, in [0, 1].

    Flagged are scores of at least ``threshold``, here and below. NaN without rows.

    >>> accuracy(np.array([1, 0, 0, 1]), np.array([0.9, 0.2, 0.7, 0.4]), threshold=0.4)
    0.75
    """
    return _share(((scores >= threshold) == (labels == 1)).sum(), len(labels))


def precision(labels: Ints, scores: Floats, *, threshold: float) -> float:
    """Return the share of frauds among the flagged, in [0, 1]; NaN where nothing is flagged.

    >>> precision(np.array([1, 0, 0, 1]), np.array([0.9, 0.2, 0.7, 0.4]), threshold=0.7)
    0.5
    """
    flagged = scores >= threshold
    return _share(labels[flagged].sum(), flagged.sum())


def recall(labels: Ints, scores: Floats, *, threshold: float) -> float:
    """Return the share of the frauds that are flagged, in [0, 1]; NaN without frauds.

    >>> recall(np.array([1, 0, 0, 1, 1]), np.array([0.9, 0.2, 0.7, 0.4, 0.7]), threshold=0.7)
    0.6666666666666666
    """
    return _share(labels[scores >= threshold].sum(), labels.sum())


def f1(labels: Ints, scores: Floats, *, threshold: float) -> float:
    """Return the harmonic mean of ``precision`` and ``recall``, in [0, 1].

    0 where no fraud is flagged; NaN where there is none and nothing is flagged.

    >>> f1(np.array([1, 0, 0, 1, 1]), np.array([0.9, 0.2, 0.7, 0.4, 0.7]), threshold=0.7)
    0.6666666666666666
    """
    flagged = scores >= threshold
    return _share(2 * labels[flagged].sum(), flagged.sum() + labels.sum())


def value_weighted_recall(
    labels: Ints,
    scores: Floats,
    values: Floats,
    *,
    k: int | None = None,
    share: float | None = None,
) -> float:
    """Return the share of the frauds' value that is in the highest scores, in [0, 1].

    Args:
        labels: One a row, 1 for fraud.
        scores: One a row, higher is riskier; ties keep the order given.
        values: What is at risk in each row, at least 0.
        k: How many of the highest scores, from 1 to the number of rows. Or:
        share: What share of the rows, in (0, 1], rounded down but at least one row.

    Raises:
        ValueError: Not one of ``k`` and ``share`` is given, or it is out of range.

    >>> y, s, v = np.array([1, 0, 1]), np.array([0.9, 0.5, 0.1]), np.array([30.0, 80.0, 10.0])
    >>> value_weighted_recall(y, s, v, k=1), value_weighted_recall(y, s, v, share=1.0)
    (0.75, 1.0)
    """
    if (k is None) == (share is None):
        raise ValueError(f"one of k and share, got {k} and {share}")
    if share is not None and not 0 < share <= 1:
        raise ValueError(f"share is above 0 and at most 1, got {share}")
    # Of 100 rows 0.29 is 29, although the product is 28.999999999999996.
    count = k if k is not None else max(1, int((share or 0) * len(labels) + 1e-9))
    if not 1 <= count <= len(labels):
        raise ValueError(f"k is between 1 and {len(labels)}, got {count}")
    lost = np.where(labels == 1, values, 0.0)
    return _share(lost[np.argsort(-scores, kind="stable")[:count]].sum(), lost.sum())


def brier(labels: Ints, probabilities: Floats) -> float:
    """Return the mean squared distance of probabilities from what came, in [0, 1]; 0 is best.

    Brier 1950. NaN without rows.

    >>> brier(np.array([1, 0]), np.array([0.5, 0.5]))
    0.25
    """
    return _share(((probabilities - labels) ** 2).sum(), len(labels))


def log_loss(labels: Ints, probabilities: Floats) -> float:
    """Return the mean surprise at what came, in nats, at least 0; 0 is best.

    Infinite where what was said to be impossible came. NaN without rows.

    >>> round(log_loss(np.array([1, 0]), np.array([0.25, 0.0])), 3)
    0.693
    """
    said = np.where(labels == 1, probabilities, 1.0 - probabilities)
    with np.errstate(divide="ignore"):
        return _share(-np.log(said).sum(), len(labels))


def _share(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")


def recall_at_share(labels: Ints, scores: Floats, *, share: float) -> float:
    """Return the share of the 1s among the highest ``share`` of all scores, in [0, 1]; NaN without any.

    At least one is looked at; ties count by what an order of chance would give.

    Args:
        labels: 0 or 1, [rows].
        scores: Higher is riskier, [rows].
        share: Of the rows, above 0 and at most 1.

    >>> recall_at_share(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.1, 0.1]), share=0.5)
    0.5
    >>> recall_at_share(np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.1, 0.1]), share=0.5)
    0.6666666666666666
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    positives = int(labels.sum())
    if not positives:
        return float("nan")
    count = max(1, int(share * len(labels) + 1e-9))
    last = -np.partition(-scores, count - 1)[count - 1]
    above, level = scores > last, scores == last
    among = (count - int(above.sum())) / int(level.sum())
    return float((labels[above].sum() + among * labels[level].sum()) / positives)


def recall_at(ranks: Ints, owners: Ints, *, k: int) -> float:
    """Return the mean over members of the share of their items among the first ``k``, in [0, 1].

    Args:
        ranks: Rank of each item that was bought, from 0, int64 [items].
        owners: Whose item it is, int64 [items].
        k: Length of the list.
    """
    _, owner = np.unique(owners, return_inverse=True)
    return float((np.bincount(owner, ranks < k) / np.bincount(owner)).mean())


def ndcg_at(ranks: Ints, owners: Ints, *, k: int) -> float:
    """Return the mean over members of the discounted gain of the first ``k``, in [0, 1].

    Järvelin, Kekäläinen 2002, with gain 1 for each item bought; the arguments are ``recall_at``'s.
    """
    return float(ndcg_by_owner(ranks, owners, k=k).mean())


def ndcg_by_owner(ranks: Ints, owners: Ints, *, k: int) -> NDArray[np.float64]:
    """Return what ``ndcg_at`` is the mean of, float64 [members], by member."""
    _, owner = np.unique(owners, return_inverse=True)
    gain = np.bincount(owner, np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0))
    best = np.cumsum(1 / np.log2(np.arange(k) + 2.0))
    result: NDArray[np.float64] = gain / best[np.minimum(np.bincount(owner), k) - 1]
    return result


def map_at(ranks: Ints, owners: Ints, *, k: int) -> float:
    """Return the mean over members of the average precision of the first ``k``, in [0, 1].

    Divided by the number of items, or by ``k`` if that is less; the arguments are ``recall_at``'s,
    no two items of a member of one rank below ``k``.

    >>> map_at(np.array([0, 2, 9]), np.array([7, 7, 7]), k=3)
    0.5555555555555555
    """
    _, owner = np.unique(owners, return_inverse=True)
    order = np.lexsort((ranks, owner))
    begins = np.searchsorted(owner[order], np.arange(owner.max() + 1))
    nth = np.empty(len(owner), dtype=np.int64)
    nth[order] = np.arange(len(owner)) - begins[owner[order]]
    found = np.bincount(owner, np.where(ranks < k, (nth + 1) / (ranks + 1.0), 0.0))
    return float((found / np.minimum(np.bincount(owner), k)).mean())


def mrr(ranks: Ints, owners: Ints) -> float:
    """Return the mean over members of 1 / (1 + rank) of their first item, in [0, 1]."""
    _, owner = np.unique(owners, return_inverse=True)
    best = np.full(owner.max() + 1, np.inf)
    np.minimum.at(best, owner, ranks)
    return float((1 / (1 + best)).mean())
