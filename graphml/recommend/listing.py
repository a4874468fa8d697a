"""Lists for many members: in blocks, so that memory does not grow with their number."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.recommend.recommender import Recommender, Shelf, simple_scores
from graphml.recommend.rules import Rules, lists

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BLOCK = 256
"""Members at once: what is told of their candidates stays near the processor."""
_NOT_PERSONAL, _SELLS = "popular", "popular_30"
"""The method for who opted out, and the source that it orders by."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Listed:
    """Products on members' lists, by member and then best first.

    Attributes:
        member, product: Dense ids, int64 [rows].
        score: Higher is better, float64 [rows].
    """

    member: Ints
    product: Ints
    score: Floats


def listed(
    shelf: Shelf,
    recommender: Recommender,
    members: Ints,
    *,
    opted_out: NDArray[np.bool_],
    rules: Rules,
    top: int,
    threads: int | None = None,
) -> Listed:
    """Return the lists of members.

    Args:
        shelf: By the moment of the lists.
        recommender: That orders.
        members: Dense ids, sorted, int64 [members].
        opted_out: Who gets what sells most, whatever they did; bool [all members].
        rules: What may stand on a list.
        top: Longest list, at least 1.
        threads: Blocks at once; the machine's cores if omitted.
    """

    def block(begin: int) -> Listed:
        return _block(shelf, recommender, members[begin : begin + _BLOCK], opted_out, rules, top)

    begins = range(0, max(len(members), 1), _BLOCK)
    if len(begins) == 1:
        return block(0)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        parts = list(pool.map(block, begins))
    return Listed(
        member=np.concatenate([part.member for part in parts]),
        product=np.concatenate([part.product for part in parts]),
        score=np.concatenate([part.score for part in parts]),
    )


def _block(
    shelf: Shelf,
    recommender: Recommender,
    members: Ints,
    opted_out: NDArray[np.bool_],
    rules: Rules,
    top: int,
) -> Listed:
    each = max(recommender.config.each, top)
    found, values = shelf.described(members, each=each)
    scores = recommender.scores(shelf.names, values)
    silent = opted_out[found.member]
    if silent.any():
        common = simple_scores(shelf.names, values, _NOT_PERSONAL)
        scores = np.where(silent, common, scores)
        # What their own past alone names may not come up where rules leave little of the rest.
        rank = values[:, shelf.names.index(f"rank.{_SELLS}")]
        rows = np.flatnonzero(~silent | (rank < each))
        scores, found = scores[rows], found.only(rows)
    rows = lists(shelf, found, scores, rules=rules, top=top)
    return Listed(member=found.member[rows], product=found.product[rows], score=scores[rows])
