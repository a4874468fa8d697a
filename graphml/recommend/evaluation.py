"""How good lists are on what members bought after, beside simple methods on the same members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.recommend.ranker import LIST, Asked
from graphml.training.bootstrap import interval
from graphml.training.metrics import map_at, mrr, ndcg_at, ndcg_by_owner, recall_at

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LENGTHS = (5, 10, 20)
MISSED = 1 << 40
"""Rank of what is on no list."""


def ranked(asked: Asked, scores: Floats) -> Ints:
    """Return the rank of each candidate among its member's, from 0, int64 [candidates].

    Of equal scores the lower product is first.

    Args:
        asked: As of one moment.
        scores: Of its candidates, float64 [candidates].
    """
    found = asked.candidates
    order = np.lexsort((found.product, -scores, found.owner))
    begins = np.searchsorted(found.owner, np.arange(len(asked.wanted)))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - begins[found.owner[order]]
    return rank


def hits(asked: Asked, rank: Ints) -> tuple[Ints, Ints]:
    """Return the rank of each product that members bought, and whose it is, int64 [bought] both.

    What was no candidate comes far below all lists.

    Args:
        asked: As of one moment.
        rank: Of its candidates, by ``ranked``.
    """
    owner = asked.candidates.owner
    hit = np.flatnonzero(asked.bought)
    missed = asked.wanted - np.bincount(owner[hit], minlength=len(asked.wanted))
    owners = np.concatenate([owner[hit], np.repeat(np.arange(len(missed)), missed)])
    ranks = np.concatenate([rank[hit], np.full(missed.sum(), MISSED)])
    return ranks, owners


def ndcg_of(asked: Asked, scores: Floats) -> Floats:
    """Return each member's NDCG of a list of 20, float64 [members]."""
    return ndcg_by_owner(*hits(asked, ranked(asked, scores)), k=LIST)


def compare(asked: Asked, methods: Mapping[str, Floats], *, seed: int = 0) -> list[dict[str, Any]]:
    """Return a row for each method, the first of them beside all others.

    Recall, NDCG and MAP of lists of 5, 10 and 20 and the reciprocal rank of the first hit, means
    over members; ``coverage``: the share of the shop's products on any list of 20; ``novelty``: the
    mean surprise, in bits, that a random purchase of the last 30 days was of a listed product;
    ``above``: how much the first method's NDCG of 20 is above this one's. Intervals are 95 % of
    bootstrap samples of members, those of ``above`` on the same samples for both.

    Args:
        asked: As of one moment; all its members bought something.
        methods: Scores of the candidates, by the method's name.
        seed: Of the bootstrap.
    """
    rows = []
    first: Floats | None = None
    for name, scores in methods.items():
        rank = ranked(asked, scores)
        ranks, owner = hits(asked, rank)
        ndcg = ndcg_by_owner(ranks, owner, k=LIST)
        first = ndcg if first is None else first
        row: dict[str, Any] = {"method": name}
        for k in reversed(LENGTHS):
            row |= at_length(ranks, owner, k)
        row["mrr"] = mrr(ranks, owner)
        bounds = mean_interval(ndcg, seed)
        row[f"ndcg_at_{LIST}_low"], row[f"ndcg_at_{LIST}_high"] = bounds
        apart = first - ndcg
        row["above"] = float(apart.mean())
        row["above_low"], row["above_high"] = mean_interval(apart, seed)
        row |= _variety(asked, np.flatnonzero(rank < LIST))
        row["members"] = len(asked.wanted)
        rows.append(row)
    return rows


def at_length(ranks: Ints, owner: Ints, k: int) -> dict[str, float]:
    """Return NDCG, recall and MAP of lists of ``k``, by their names in reports.

    Args:
        ranks: Of what was wanted, from 0; ``MISSED`` for what is on no list, int64 [wanted].
        owner: Whose each is, int64 [wanted].
        k: Length of the lists, at least 1.
    """
    return {
        f"ndcg_at_{k}": ndcg_at(ranks, owner, k=k),
        f"recall_at_{k}": recall_at(ranks, owner, k=k),
        f"map_at_{k}": map_at(ranks, owner, k=k),
    }


def mean_interval(values: Floats, seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean of one value an owner, float64 [owners]."""
    owners = np.arange(len(values))
    return interval(lambda some, _: float(values[some].mean()), owners, seed=seed)


def _variety(asked: Asked, listed: Ints) -> dict[str, float]:
    products = asked.candidates.product[listed]
    sold = asked.sold[products]
    share = (sold + 1) / (asked.sold.sum() + asked.there)
    return {
        "coverage": len(np.unique(products)) / max(asked.there, 1),
        "novelty": float(-np.log2(share).mean()) if len(listed) else float("nan"),
    }
