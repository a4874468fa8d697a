"""How good rings are, one function a metric, over plain sets of members.

``rings`` are what a method returned, best first; ``truth`` is what was there. Both are disjoint:
a member is in one ring of each (``disjoint`` makes them so). A ring's members are all of them,
victims too, on both sides: whoever took part in the affair. Only ``benign_per_thousand`` counts
flagged members, which leave victims out. Members are anything that hashes: ids or numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import TypeVar

Member = TypeVar("Member", bound=Hashable)

RECOVERED = 0.5
"""Jaccard similarity from which a ring counts as the same."""


def disjoint(rings: Iterable[Iterable[Member]]) -> list[frozenset[Member]]:
    """Return ``rings`` with each member in the first that names it; rings left empty go.

    >>> [sorted(ring) for ring in disjoint([[1, 2], [2, 3], [1]])]
    [[1, 2], [3]]
    """
    taken: set[Member] = set()
    result: list[frozenset[Member]] = []
    for ring in rings:
        left = frozenset(ring) - taken
        if left:
            taken |= left
            result.append(left)
    return result


def pair_precision(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return the share of returned pairs of members that are in one true ring; 0 without pairs.

    >>> pair_precision([{1, 2, 3}], [{1, 2}, {3, 4}])
    0.3333333333333333
    """
    return _ratio(_common_pairs(rings, truth), _pairs(rings))


def pair_recall(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return the share of true pairs of members that are in one returned ring; 0 without pairs.

    >>> pair_recall([{1, 2, 3}], [{1, 2}, {3, 4}])
    0.5
    """
    return _ratio(_common_pairs(rings, truth), _pairs(truth))


def pair_f1(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return the harmonic mean of ``pair_precision`` and ``pair_recall``."""
    return _harmonic(pair_precision(rings, truth), pair_recall(rings, truth))


def bcubed_precision(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return, over members of returned rings, the mean share of their ring from their true ring.

    A member of no true ring counts 0. B-cubed: Bagga and Baldwin, COLING-ACL 1998.

    >>> bcubed_precision([{1, 2, 3, 4}], [{1, 2}, {3, 5}])
    0.3125
    """
    return _bcubed(rings, truth)


def bcubed_recall(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return, over members of true rings, the mean share of their ring in their returned ring.

    A member of no returned ring counts 0.

    >>> bcubed_recall([{1, 2, 3, 4}], [{1, 2}, {3, 5}])
    0.625
    """
    return _bcubed(truth, rings)


def bcubed_f1(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return the harmonic mean of ``bcubed_precision`` and ``bcubed_recall``."""
    return _harmonic(bcubed_precision(rings, truth), bcubed_recall(rings, truth))


def recovered(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return the share of true rings with a returned ring at Jaccard ≥ .5; 0 without true rings.

    >>> recovered([{1, 2, 3}, {7, 8}], [{1, 2}, {8, 9}])
    0.5
    """
    return _ratio(sum(_recovered(truth, rings)), len(truth))


def over_merge(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> float:
    """Return the share of returned rings with two or more members of a second true ring.

    >>> over_merge([{1, 2, 3, 4}, {5, 6, 7}], [{1, 2}, {3, 4}, {5, 6}, {7, 8}])
    0.5
    """
    second = (overlap.most_common(2)[1:] for overlap in _overlaps(rings, truth))
    return _ratio(sum(count >= 2 for found in second for _, count in found), len(rings))


def precision_at(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]], *, k: int) -> float:
    """Return the share of the first min(k, returned) rings that are about one true ring.

    Such a ring has at least two members, and at least half of its members, from that true ring.

    Args:
        rings: Best first.
        truth: In any order.
        k: Rings a team can look at, at least 1.

    Raises:
        ValueError: ``k`` is below 1.

    >>> precision_at([{1, 2, 3}, {4, 5, 6}], [{1, 2}, {4, 9}], k=50)
    0.5
    """
    if k < 1:
        raise ValueError(f"k is at least 1, got {k}")
    good = 0
    for ring, overlap in zip(rings[:k], _overlaps(rings[:k], truth), strict=True):
        best = max(overlap.values(), default=0)
        good += best >= 2 and 2 * best >= len(ring)
    return _ratio(good, len(rings[:k]))


def benign_per_thousand(
    flagged: Set[Member], truth: Sequence[Set[Member]], members: Iterable[Member]
) -> float:
    """Return how many of 1,000 benign ``members`` are flagged; 0 where none is benign.

    Args:
        flagged: Members of returned rings in every role but victim: whom the rings accuse.
        truth: True rings; their members, victims too, are not benign.
        members: Whom to count: a kind of harmless sharing, or everybody.

    >>> benign_per_thousand({1, 5}, [{1, 2, 3}], [1, 2, 4, 5, 6, 7])
    250.0
    """
    involved = set().union(*truth)
    benign = set(members) - involved
    return 1000 * _ratio(len(benign & flagged), len(benign))


def days_to_detection(
    detections: Sequence[tuple[datetime, Sequence[Set[Member]]]],
    truth: Sequence[Mapping[Member, datetime]],
) -> list[float | None]:
    """Return days from each true ring's first event to its detection; ``None`` if it never was.

    Detected is a ring at the first ``as_of`` whose returned rings hold one at Jaccard ≥ .5 with
    the members who had acted by then, two at least.

    Args:
        detections: ``as_of`` and the rings returned then, in order of time.
        truth: Per true ring, its members' first events.

    >>> from datetime import UTC
    >>> day = lambda n: datetime(2024, 6, n, tzinfo=UTC)
    >>> ring = {"m-1": day(1), "m-2": day(3), "m-3": day(20)}
    >>> days_to_detection([(day(2), [{"m-1"}]), (day(5), [{"m-1", "m-2"}])], [ring])
    [4.0]
    """
    result: list[float | None] = [None] * len(truth)
    for as_of, rings in detections:
        known = [{m for m, first in ring.items() if first <= as_of} for ring in truth]
        for place, found in enumerate(_recovered(known, rings)):
            if found and len(known[place]) >= 2 and result[place] is None:
                result[place] = (as_of - min(truth[place].values())) / timedelta(days=1)
    return result


def _pairs(rings: Sequence[Set[Member]]) -> int:
    return sum(len(ring) * (len(ring) - 1) // 2 for ring in rings)


def _common_pairs(rings: Sequence[Set[Member]], truth: Sequence[Set[Member]]) -> int:
    counts = (count for overlap in _overlaps(rings, truth) for count in overlap.values())
    return sum(count * (count - 1) // 2 for count in counts)


def _bcubed(rings: Sequence[Set[Member]], other: Sequence[Set[Member]]) -> float:
    shares = sum(
        count * count / len(ring)
        for ring, overlap in zip(rings, _overlaps(rings, other), strict=True)
        for count in overlap.values()
    )
    return _ratio(shares, sum(len(ring) for ring in rings))


def _recovered(truth: Sequence[Set[Member]], rings: Sequence[Set[Member]]) -> list[bool]:
    """Return for each true ring whether one of ``rings`` has Jaccard ≥ .5 with it."""
    return [
        any(
            count >= RECOVERED * (len(true) + len(rings[place]) - count)
            for place, count in overlap.items()
        )
        for true, overlap in zip(truth, _overlaps(truth, rings), strict=True)
    ]


def _overlaps(rings: Sequence[Set[Member]], other: Sequence[Set[Member]]) -> list[Counter[int]]:
    """Return for each ring how many of its members are in each ring of the other side."""
    _places(rings)  # refuses members in two rings
    place_of = _places(other)
    return [Counter(place_of[member] for member in ring if member in place_of) for ring in rings]


def _places(rings: Sequence[Set[Member]]) -> dict[Member, int]:
    """Return the ring of each member.

    Raises:
        ValueError: A member is in two.
    """
    place_of = {member: place for place, ring in enumerate(rings) for member in ring}
    if len(place_of) != sum(len(ring) for ring in rings):
        raise ValueError("a member is in two rings; make them disjoint first")
    return place_of


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _harmonic(a: float, b: float) -> float:
    return _ratio(2 * a * b, a + b)
