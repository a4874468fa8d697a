"""Drawing edges in time, on the CPU: loops over parents that release the lock and share nothing.

Chance is a counter, not a state. Every node of a tree has a key; its draws along an edge type are
the numbers of splitmix64 (Steele, Lea, Flood 2014) from key and edge type on, and its children's
keys are further numbers of the same. So a draw depends neither on threads nor on the batch nor on
dense ids, which later nodes would move. ``device`` draws the same with torch.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

SCAN = 32
"""Up to so many edges are looked at one by one when not every edge may be drawn."""
PER_BUCKET = 8
"""Edges of a stretch of time that the index leads to, on average."""
SHORT = 16
"""Up to so many edges are halved without the index."""
GROUP = 64
"""Parents that are looked up together."""
TRIES = 8
"""Draws an edge wanted, before all edges are looked at after all."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
CHILD = np.uint64(0xD1B54A32D192ED03)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SMALL = 1 << 31
"""Below so many, 32 bits choose."""
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_ONE = np.uint64(1)

Ints = NDArray[np.int64]


@numba.njit(cache=True, nogil=True, inline="always")
def _mix(z: Any) -> Any:
    z = (z ^ (z >> _S30)) * MIX_1
    z = (z ^ (z >> _S27)) * MIX_2
    return z ^ (z >> _S31)


@numba.njit(cache=True, nogil=True, inline="always")
def _draw(state: Any, number: Any) -> Any:
    return _mix(state + np.uint64(number + 1) * GOLDEN)


@numba.njit(cache=True, nogil=True, inline="always")
def _below(random: Any, limit: Any) -> Any:
    """Return a number in [0, limit) from 64 random bits."""
    if limit < SMALL:
        return np.int64(((random >> _S32) * np.uint64(limit)) >> _S32)
    return np.int64((random >> _ONE) % np.uint64(limit))


@numba.njit(cache=True, nogil=True, inline="always")
def _bucket(time: Any, begin: Any, span: Any, buckets: Any) -> Any:
    """Return which of a source's stretches of equal length a time falls into; never decreases."""
    return min(max(np.int64((time - begin) / span * buckets), 0), buckets - 1)


@numba.njit(cache=True, nogil=True)
def index_times(indptr: Ints, time: Ints, begin: int, span: float, index: NDArray[Any]) -> None:
    """Write where each stretch of time begins among a source's edges, counted from its first.

    A source of ``n`` edges has a stretch for every ``PER_BUCKET`` of them, of equal length between
    ``begin`` and ``begin + span``, and one more place that holds ``n``. Sources of at most ``SHORT``
    edges need none.

    Args:
        indptr: Of the adjacency.
        time: Of the adjacency.
        begin: The first time of all.
        span: From there to the last, more than 0.
        index: [``index_size``]; written where a source has stretches.
    """
    for source in range(len(indptr) - 1):
        low, edges = indptr[source], indptr[source + 1] - indptr[source]
        if edges <= SHORT:
            continue
        buckets, at = (edges + PER_BUCKET - 1) // PER_BUCKET, _index_at(low, source)
        following = np.int64(0)
        for place in range(edges):
            bucket = _bucket(time[low + place], begin, span, buckets)
            while following <= bucket:
                index[at + following] = place
                following += 1
        while following <= buckets:
            index[at + following] = edges
            following += 1


@numba.njit(cache=True, nogil=True, inline="always")
def _index_at(low: Any, source: Any) -> Any:
    """Return where a source's stretches stand: far enough from those of the sources before."""
    return low // PER_BUCKET + 3 * source


def index_size(sources: int, edges: int) -> int:
    """Return how many places ``index_times`` needs."""
    return edges // PER_BUCKET + 3 * sources + 3


@numba.njit(cache=True, nogil=True)
def look_up(
    indptr: Ints,
    time: Ints,
    index: NDArray[Any],
    begin: int,
    span: float,
    parents: NDArray[Any],
    seed: Ints,
    as_of: Ints,
    low: Ints,
    known: Ints,
) -> None:
    """Write where each parent's edges begin and how many there are by its seed's moment.

    The index leads to some ``PER_BUCKET`` edges; among them the end is halved out. A group of parents
    is halved in turn, without a branch on what is read: while memory looks one up, it looks the
    others up too.

    Args:
        indptr: Of the adjacency.
        time: Of the adjacency.
        index: Of ``index_times``.
        begin: Of ``index_times``.
        span: Of ``index_times``.
        parents: Dense ids.
        seed: Per parent, its seed.
        as_of: Per seed.
        low: Written in full.
        known: Written in full.
    """
    moment, first, left, touched = np.empty((4, GROUP), dtype=np.int64)
    for start in range(0, len(parents), GROUP):
        rows = min(GROUP, len(parents) - start)
        for row in range(rows):
            node = parents[start + row]
            begins = indptr[node]
            edges = indptr[node + 1] - begins
            low[start + row], first[row], left[row] = begins, begins, edges
            moment[row] = as_of[seed[start + row]]
            if edges > SHORT:
                buckets = (edges + PER_BUCKET - 1) // PER_BUCKET
                at = _index_at(begins, node) + _bucket(moment[row], begin, span, buckets)
                first[row] += index[at]
                left[row] = index[at + 1] - index[at]
        touched[0] = _touch(time, rows, left, first)
        _halve(time, rows, moment, left, first)
        for row in range(rows):
            known[start + row] = first[row] - low[start + row]


@numba.njit(cache=True, nogil=True)
def _touch(time: Any, rows: Any, left: Any, first: Any) -> Any:
    """Read both ends of what will be halved: so short a loop has many reads under way at once."""
    total, end = np.int64(0), np.int64(len(time) - 1)
    for row in range(rows):
        total += time[min(first[row], end)] + time[min(first[row] + left[row], end)]
    return total


@numba.njit(cache=True, nogil=True)
def _halve(time: Any, rows: Any, moment: Any, left: Any, first: Any) -> None:
    """Move each ``first`` past those of the ``left`` times from it on that are by then."""
    longest, end = np.int64(0), np.int64(len(time) - 1)
    for row in range(rows):
        longest = max(longest, left[row])
    while longest > 0:
        longest >>= 1
        for row in range(rows):
            half = left[row] >> 1
            middle = min(first[row] + half, end)
            past = np.int64(time[middle] <= moment[row]) & np.int64(left[row] > 0)
            first[row] += past * (half + 1)
            left[row] = half - past * (2 * half + 1 - left[row])


@numba.njit(cache=True, nogil=True)
def draw(
    low: Ints,
    known: Ints,
    key: NDArray[np.uint64],
    salt: int,
    fanout: int,
    recent: bool,
    start: Ints,
    position: Ints,
) -> None:
    """Write up to ``fanout`` places of each parent's known edges, all of which may be drawn.

    Uniform without replacement by Floyd's method (Bentley, Floyd 1987); ``recent``: the latest.

    Args:
        low: Of ``look_up``.
        known: Of ``look_up``.
        key: Per parent.
        salt: Of the edge type.
        fanout: Most edges a parent gets.
        recent: Latest first instead of uniform.
        start: Per parent, where its places are written.
        position: All places.
    """
    for row in range(len(low)):
        at = start[row]
        if recent or known[row] <= fanout:
            last = low[row] + known[row] - 1
            for slot in range(min(known[row], np.int64(fanout))):
                position[at + slot] = last - slot if recent else low[row] + slot
        else:
            _floyd(low[row], known[row], fanout, _mix(key[row] ^ np.uint64(salt)), position, at)


@numba.njit(cache=True, nogil=True, inline="always")
def _floyd(low: Any, known: Any, fanout: Any, state: Any, position: Any, at: Any) -> None:
    for slot in range(fanout):
        last = known - fanout + slot
        place = low + _below(_draw(state, slot), last + 1)
        for other in range(at, at + slot):
            if position[other] == place:
                place = low + last
        position[at + slot] = place


@numba.njit(cache=True, nogil=True)
def _gather(target: Any, time: Any, position: Any, neighbor: Any, when: Any) -> None:
    # From nought on, so that no place is taken for one counted from the end.
    for at in range(len(position)):
        neighbor[at] = target[position[at]]
        when[at] = time[position[at]]


@numba.njit(cache=True, nogil=True)
def fetch(
    target: NDArray[Any],
    time: Ints,
    key: NDArray[np.uint64],
    salt: int,
    seed: Ints,
    start: Ints,
    count: Ints,
    position: Ints,
    neighbor: NDArray[Any],
    when: Ints,
    child_key: NDArray[np.uint64],
    child_seed: Ints,
) -> None:
    """Write what the drawn places hold, and keys for what is drawn from their ends.

    Args:
        target: Of the adjacency.
        time: Of the adjacency.
        key: Per parent.
        salt: Of the edge type.
        seed: Per parent.
        start: Per parent, where its places stand.
        count: Per parent, how many.
        position: All places.
        neighbor: Targets; this and what follows is written for all these parents' places.
        when: Times.
        child_key: Keys; empty where nothing is drawn from the ends.
        child_seed: Seeds; empty likewise.
    """
    if len(start) == 0:
        return
    part = slice(start[0], start[-1] + count[-1])
    _gather(target, time, position[part], neighbor[part], when[part])
    if len(child_key):
        for row in range(len(start)):
            state = _mix(key[row] ^ np.uint64(salt) ^ CHILD)
            for slot in range(count[row]):
                child_key[start[row] + slot] = _draw(state, slot)
                child_seed[start[row] + slot] = seed[row]
