"""What a group aims at: products that its members buy more than chance has it; and who else does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.rings.groups import Group
from graphml.rings.ties import DAY
from graphml.rings.timeline import Timeline

_TELLING = 5
"""Shared values, the most surprising ones, from whose first to whose last use a group acts."""
_BUYERS, _CLEAR = 2, 4.0
"""Buyers that a product aimed at has in the group at least, and their surprise in nats."""
_OTHERS, _PLAIN = 1, 2.0
"""The same among the others, for a member of the group itself."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Purchases:
    """Bought products of all members, by time.

    Attributes:
        time: Microseconds, sorted, int64[purchases].
        member, product: Dense ids, int64[purchases].
        members: Number of members of the graph.
    """

    time: Ints
    member: Ints
    product: Ints
    members: int

    @classmethod
    def of(cls, life: Timeline) -> Purchases:
        """Return all purchases of known products."""
        members = len(life.indptr) - 1
        member = np.repeat(np.arange(members), np.diff(life.indptr))
        place = np.flatnonzero(life.bought & (life.product >= 0))
        place = place[np.argsort(life.time[place], kind="stable")]
        return cls(
            time=life.time[place],
            member=member[place],
            product=life.product[place],
            members=members,
        )

    def during(self, group: Group) -> Purchases:
        """Return what anybody bought while ``group`` acts, and on the day after.

        It acts from the first to the last use of its most surprising values.
        """
        telling = group.values[:_TELLING]
        start = min((value.start for value in telling), default=0)
        end = max((value.end + DAY for value in telling), default=-1)
        low, high = np.searchsorted(self.time, [start, end + 1])
        return Purchases(
            time=self.time[low:high],
            member=self.member[low:high],
            product=self.product[low:high],
            members=self.members,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Aims:
    """How much of what each member buys, while a group acts, is what the group aims at.

    Attributes:
        hits: Purchases of products aimed at, float64[members].
        expected: As many of them as others' purchases let expect, float64[members].
    """

    hits: Floats
    expected: Floats


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Baskets:
    """What a group bought while it acted, beside what everybody else bought.

    Attributes:
        member, product: Of its purchases, int64[purchases].
        once: The same without repeats, as member · products + product, sorted.
        chance: Share of each product in the others' purchases, float64[products].
    """

    member: Ints
    product: Ints
    once: Ints
    chance: Floats


def aims_of(group: Group, purchases: Purchases) -> Aims:
    """Return how much each member buys of what ``group`` aims at.

    A product is aimed at when two of the group buy it, clearly more than by what everybody else
    buys meanwhile. Members of the group are told apart from others by ``in_concert`` alone: here
    their own purchases make the aims.
    """
    during = purchases.during(group)
    baskets = _baskets(group, during)
    if baskets is None:
        return Aims(hits=np.zeros(purchases.members), expected=np.zeros(purchases.members))
    buyers = np.bincount(baskets.once % len(baskets.chance), minlength=len(baskets.chance))
    surprise = excess(buyers.astype(np.float64), baskets.chance * len(baskets.once))
    aimed = (buyers >= _BUYERS) & (surprise > _CLEAR)
    hit = during.member[aimed[during.product]]
    total = np.bincount(during.member, minlength=purchases.members).astype(np.float64)
    return Aims(
        hits=np.bincount(hit, minlength=purchases.members).astype(np.float64),
        expected=total * float(baskets.chance[aimed].sum()),
    )


def in_concert(group: Group, purchases: Purchases) -> float:
    """Return how much the members of ``group`` buy what the others of it aim at, 0 or more.

    The mean over members of ln(1 + nats), by how much more than chance has it.
    """
    baskets = _baskets(group, purchases.during(group))
    if baskets is None:
        return 0.0
    width = len(baskets.chance)
    owner, item = baskets.once // width, baskets.once % width
    buyers = np.bincount(item, minlength=width)
    total = 0.0
    for member in np.unique(baskets.member):
        own = item[owner == member]
        # What each member buys is held against the others alone: nobody aims at what they buy.
        others = buyers[own] - 1
        expected = baskets.chance[own] * (len(baskets.once) - len(own))
        aimed = own[(others >= _OTHERS) & (excess(others * 1.0, expected) > _PLAIN)]
        bought = baskets.product[baskets.member == member]
        hits = np.array([np.isin(bought, aimed).sum()], dtype=np.float64)
        chance = np.array([len(bought) * baskets.chance[aimed].sum()])
        total += float(np.log1p(excess(hits, chance))[0])
    return total / len(group.members)


def _baskets(group: Group, during: Purchases) -> _Baskets | None:
    """Return what ``group`` bought; ``None`` for nothing."""
    chosen = np.zeros(during.members, dtype=np.bool_)
    chosen[group.members] = True
    inside = chosen[during.member]
    if not inside.any():
        return None
    member, product = during.member[inside], during.product[inside]
    width = int(during.product.max()) + 1
    sold = np.bincount(during.product, minlength=width) - np.bincount(product, minlength=width) + 1
    return _Baskets(
        member=member,
        product=product,
        once=np.unique(member * width + product),
        chance=sold / sold.sum(),
    )


def excess(hits: Floats, expected: Floats) -> Floats:
    """Return how surprising so many hits are, in nats; 0 where there are no more than expected.

    The log likelihood ratio of a Poisson count, as in the scan statistic (Kulldorff 1997).

    >>> excess(np.array([1.0, 3.0]), np.array([1.0, 1.0])).round(2).tolist()
    [0.0, 1.3]
    """
    more = hits > expected
    safe = np.where(more, hits, 1.0)
    ratio = safe / np.where(more, np.maximum(expected, 1e-9), 1.0)
    return np.asarray(np.where(more, safe * np.log(ratio) - (safe - expected), 0.0))
