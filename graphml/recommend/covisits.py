"""Products that follow one another in members' baskets, with order and with decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from graphml.recommend.history import DAY, History

Ints = NDArray[np.int64]

LAGS = 3
"""How many baskets on is looked at."""
_LINES = 100
"""Of a basket, at most: its last ones. Larger ones say little of each pair."""
_MEMORY = timedelta(days=180)
"""After which a basket counts half."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Baskets:
    """Purchases by basket, members' one after the other.

    Attributes:
        lines: 1 where a basket holds a product, CSR float32 [baskets, products].
        member: Whose each basket is, int64 [baskets], sorted.
        age: Days since it began, float64 [baskets], falling within a member.
    """

    lines: Any
    member: Ints
    age: NDArray[np.float64]

    @classmethod
    def of(cls, history: History) -> Baskets:
        """Return the baskets of a history."""
        rows = _last_lines(np.flatnonzero(history.bought), history.basket)
        codes, first, place = np.unique(
            history.basket[rows], return_index=True, return_inverse=True
        )
        member = history.member[rows][first]
        # By what is bought: a basket that a view began may be filled after the next one.
        order = np.lexsort((codes, history.time[rows][first], member))
        seat = np.empty(len(order), np.int64)
        seat[order] = np.arange(len(order))
        lines = sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (seat[place], history.product[rows])),
            shape=(len(order), history.shape[1]),
        )
        lines.data[:] = 1
        age = (history.moment - history.time[rows][first]) / DAY
        return cls(lines=lines, member=member[order], age=age[order])


def _last_lines(rows: Ints, basket: Ints) -> Ints:
    """Return those of ``rows`` that are among the last of their basket."""
    order = np.argsort(basket[rows], kind="stable")
    ends = np.cumsum(np.bincount(basket[rows], minlength=1))
    kept: Ints = rows[np.sort(order[ends[basket[rows][order]] - np.arange(len(order)) <= _LINES])]
    return kept


def following(baskets: Baskets, *, lags: Sequence[int]) -> list[Any]:
    """Return how often, by weight, one product came so many baskets after another, by lag.

    A basket counts half after 180 days, and its lines share what it counts, so that a large one
    says no more than a small one. Divided by the roots of how much both products were bought
    (cosine): CSR float32 [products, products], from the earlier (row) to the later.

    Args:
        baskets: By one moment.
        lags: 0 for the same basket, then without a product's own.
    """
    lines = baskets.lines
    size = np.maximum(np.diff(lines.indptr), 1)
    weight = 0.5 ** (baskets.age / (_MEMORY / timedelta(days=1)))
    even = sparse.diags_array((1 / np.sqrt(size)).astype(np.float32))
    scaled = (even @ lines).tocsr()
    total = np.asarray((sparse.diags_array(weight) @ scaled.power(2)).sum(axis=0)).ravel()
    root = sparse.diags_array((1 / np.sqrt(np.maximum(total, 1e-12))).astype(np.float32))
    return [
        (root @ _pairs(baskets.member, scaled, weight, lag) @ root).tocsr().astype(np.float32)
        for lag in lags
    ]


def _pairs(member: Ints, scaled: Any, weight: NDArray[np.float64], lag: int) -> Any:
    count = len(member)
    before, after = np.arange(max(count - lag, 0)), np.arange(min(lag, count), count)
    same = member[before] == member[after]
    before, after = before[same], after[same]
    weighed = sparse.diags_array(weight[after].astype(np.float32)) @ scaled[after]
    found = (scaled[before].T @ weighed).tocsr()
    if lag == 0:
        found.setdiag(0)
        found.eliminate_zeros()
    return found
