"""How good scores and rankings are; one metric a function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

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
    return float(average_precision_score(labels, scores))


def auroc(labels: Ints, scores: Floats) -> float:
    """Return the chance that a fraud scores above a non-fraud, in [0, 1]; NaN where all are alike."""
    if len(set(labels.tolist())) < 2:
        return float("nan")
    return float(roc_auc_score(labels, scores))


def precision_at(labels: Ints, scores: Floats, *, k: int) -> float:
    """Return the share of frauds among the ``k`` highest scores, in [0, 1].

    >>> precision_at(np.array([1, 0, 0]), np.array([0.9, 0.2, 0.7]), k=2)
    0.5
    """
    if not 1 <= k <= len(labels):
        raise ValueError(f"k is between 1 and {len(labels)}, got {k}")
    return float(labels[np.argsort(-scores, kind="stable")[:k]].mean())


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
    _, owner = np.unique(owners, return_inverse=True)
    gain = np.bincount(owner, np.where(ranks < k, 1 / np.log2(ranks + 2), 0.0))
    best = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2))])
    return float((gain / best[np.minimum(np.bincount(owner), k)]).mean())


def mrr(ranks: Ints, owners: Ints) -> float:
    """Return the mean over members of 1 / (1 + rank) of their first item, in [0, 1]."""
    _, owner = np.unique(owners, return_inverse=True)
    best = np.full(owner.max() + 1, np.inf)
    np.minimum.at(best, owner, ranks)
    return float((1 / (1 + best)).mean())
