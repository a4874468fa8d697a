"""What may stand on a member's list, whatever the scores say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from graphml.errors import ConfigError
from graphml.recommend.candidates import Candidates
from graphml.recommend.recommender import Shelf

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What a list leaves out, and how many of a kind it holds."""

    bought: bool = True
    """Whether products that the member bought already may come again."""
    blocked: frozenset[str] = frozenset()
    """Ids of products never recommended: sold out, or not to be promoted."""
    per_seller: int | None = None
    """Products of one seller on a list, at most."""
    per_category: int | None = None
    """Products of one category on a list, at most."""

    def __post_init__(self) -> None:
        for name in ("per_seller", "per_category"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"rules.{name} is {value}", hint="at least 1, or none")


def lists(shelf: Shelf, found: Candidates, scores: Floats, *, rules: Rules, top: int) -> Ints:
    """Return the rows of candidates that stand on members' lists: by member, best first.

    Args:
        shelf: Whose candidates they are.
        found: Of members.
        scores: Higher comes first, float64 [candidates]; of equal ones the lower product.
        rules: What may stand there.
        top: Longest list, at least 1.
    """
    allowed = np.ones(len(found.owner), dtype=bool)
    if not rules.bought:
        pairs = shelf.known.pairs
        keys = found.member * shelf.history.shape[1] + found.product
        allowed &= ~(pairs.at(keys)[:, pairs.names.index("baskets")] > 0)
    if rules.blocked:
        named = shelf.history.graph.nodes["product"].keys.is_in(list(rules.blocked))
        allowed &= ~named.to_numpy()[found.product]
    rows = np.flatnonzero(allowed)
    # Candidates are by owner and then by product, so a stable sort leaves equal ones as wanted.
    rows = rows[_ordered(found.owner[rows], scores[rows])]
    limits = [
        (shelf.known.attributes[name][0][found.product[rows]].tolist(), most)
        for name, most in (("seller_id", rules.per_seller), ("category", rules.per_category))
        if most is not None and name in shelf.known.attributes
    ]
    bounds = np.flatnonzero(np.diff(found.owner[rows], prepend=-1, append=-1)).tolist()
    places = [_picked(range(*ends), limits, top) for ends in pairwise(bounds)]
    return rows[np.array([place for own in places for place in own], dtype=np.int64)]


@numba.njit(cache=True, nogil=True)
def _ordered(owner: Ints, scores: Floats) -> Ints:
    order = np.empty(len(owner), np.int64)
    begin = 0
    while begin < len(owner):
        end = begin
        while end < len(owner) and owner[end] == owner[begin]:
            end += 1
        order[begin:end] = np.argsort(-scores[begin:end], kind="mergesort") + begin
        begin = end
    return order


def _picked(own: range, limits: list[tuple[list[int], int]], top: int) -> Sequence[int]:
    """Return the first places of ``own`` where no code comes more often than may be; −1 is none."""
    if not limits:
        return own[:top]
    picked: list[int] = []
    seen: Counter[tuple[int, int]] = Counter()
    for place in own:
        codes = [(n, code[place]) for n, (code, _) in enumerate(limits) if code[place] >= 0]
        if any(seen[one] >= limits[one[0]][1] for one in codes):
            continue
        seen.update(codes)
        picked.append(place)
        if len(picked) == top:
            break
    return picked
