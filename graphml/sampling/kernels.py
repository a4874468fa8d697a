"""Drawing edges in time, on the CPU: loops over parents that release the lock and share nothing.

Chance is a counter, not a state: the ``j``-th draw of a parent is splitmix64 (Steele, Lea, Flood
2014) of its seed's key, the block's path, its slot in the seed's tree and ``j``. So a draw depends neither
on threads nor on the batch nor on dense ids, which later nodes would move. ``device`` draws the
same with torch.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

SCAN = 32
"""Up to so many edges are looked at one by one when not every edge may be drawn."""
GROUP = 64
"""Parents that are looked up together."""
TRIES = 8
"""Draws an edge wanted, before all edges are looked at after all."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SLOT = np.uint64(0xD1B54A32D192ED03)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_ONE = np.uint64(1)
_SMALL = 1 << 31


@numba.njit(cache=True, nogil=True, inline="always")
def _mix(z: Any) -> Any:
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@numba.njit(cache=True, nogil=True, inline="always")
def _state(key: Any, salt: Any, slot: Any) -> Any:
    """Return where the draws of one parent begin."""
    return _mix(key ^ _mix(np.uint64(salt) ^ np.uint64(slot + 1) * _SLOT))


@numba.njit(cache=True, nogil=True, inline="always")
def _draw(state: Any, number: Any) -> Any:
    return _mix(state + np.uint64(number + 1) * _GOLDEN)


@numba.njit(cache=True, nogil=True, inline="always")
def _below(random: Any, limit: Any) -> Any:
    """Return a number in [0, limit) from 64 random bits."""
    if limit < _SMALL:
        return np.int64(((random >> _S32) * np.uint64(limit)) >> _S32)
    return np.int64((random >> _ONE) % np.uint64(limit))


@numba.njit(cache=True, nogil=True, inline="always")
def _known_until(time: Any, low: Any, high: Any, as_of: Any) -> Any:
    """Return the end of the edges of ``[low, high)`` that are not after ``as_of``."""
    if low == high or time[high - 1] <= as_of:
        return high
    if time[low] > as_of:
        return low
    while low < high:
        middle = (low + high) >> 1
        if time[middle] <= as_of:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def draw(
    indptr: NDArray[np.int64],
    target: NDArray[Any],
    time: NDArray[np.int64],
    parents: NDArray[Any],
    filled: NDArray[np.bool_],
    as_of: NDArray[np.int64],
    key: NDArray[np.uint64],
    salt: int,
    recent: bool,
    position: NDArray[np.int64],
    neighbor: NDArray[Any],
    when: NDArray[np.int64],
    count: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> None:
    """Draw up to ``fanout`` edges of each parent among those by then, all of which may be drawn.

    Uniform without replacement by Floyd's method (Bentley, Floyd 1987); ``recent``: the latest.

    Args:
        indptr: Of the adjacency, like ``target`` and ``time``.
        target: Of the adjacency.
        time: Of the adjacency.
        parents: Dense ids, seed by seed, as many for each.
        filled: Which parents there are; of the others nothing is drawn.
        as_of: Per seed.
        key: Per seed.
        salt: Of the block's path.
        recent: Latest first instead of uniform.
        position: As in ``Block``; this and what follows is written in full.
        neighbor: As in ``Block``.
        when: ``Block.time``.
        count: As in ``Block``.
        degree: As in ``Block``.
    """
    slots, fanout = len(parents) // max(len(as_of), 1), position.shape[1]
    # Flat, because a row taken out of an array would be counted as one more user of it.
    places, ids, times = position.reshape(-1), neighbor.reshape(-1), when.reshape(-1)
    low, high, moment, left, root, turn = np.empty((6, GROUP), dtype=np.int64)
    for begin in range(0, len(parents), GROUP):
        rows = min(GROUP, len(parents) - begin)
        seed, slot = begin // slots, begin % slots
        for row in range(rows):
            node = parents[begin + row]
            low[row] = indptr[node]
            left[row] = indptr[node + 1] - low[row] if filled[begin + row] else 0
            moment[row], root[row], turn[row] = as_of[seed], seed, slot
            slot += 1
            if slot == slots:
                seed, slot = seed + 1, 0
        _known(time, rows, moment, low, left, high)
        for row in range(rows):
            known, at = high[row] - low[row], (begin + row) * fanout
            degree[begin + row] = known
            count[begin + row] = min(known, fanout)
            if recent or known <= fanout:
                _in_line(low[row], high[row], count[begin + row], recent, places, at)
            else:
                state = _state(key[root[row]], salt, turn[row])
                _floyd(low[row], known, fanout, state, places, at)
        for row in range(begin, begin + rows):
            _write(target, time, count[row], fanout, row * fanout, places, ids, times)


@numba.njit(cache=True, nogil=True)
def _known(time: Any, rows: Any, moment: Any, low: Any, left: Any, high: Any) -> None:
    """Write where the edges by then of a group of parents end.

    All are halved in turn, without a branch on what is read: while memory looks one up, it looks
    the others up too.
    """
    longest = np.int64(0)
    for row in range(rows):
        high[row] = low[row]
        last = low[row] + left[row] - 1
        if left[row] > 0 and time[last] <= moment[row]:
            high[row], left[row] = last + 1, 0
        longest = max(longest, left[row])
    while longest > 0:
        longest >>= 1
        for row in range(rows):
            half = left[row] >> 1
            if left[row] > 0:
                past = np.int64(time[high[row] + half] <= moment[row])
                high[row] += past * (half + 1)
                left[row] = past * (left[row] - half - 1) + (1 - past) * half


@numba.njit(cache=True, nogil=True, inline="always")
def _in_line(low: Any, high: Any, drawn: Any, recent: Any, places: Any, at: Any) -> None:
    """Write the latest places from the last on, or all from the first on."""
    for place in range(drawn):
        places[at + place] = high - 1 - place if recent else low + place


@numba.njit(cache=True, nogil=True, inline="always")
def _floyd(low: Any, known: Any, fanout: Any, state: Any, places: Any, at: Any) -> None:
    """Write ``fanout`` different places of ``known`` from ``low`` on, which are more, at ``at``."""
    for slot in range(fanout):
        last = known - fanout + slot
        place = low + _below(_draw(state, slot), last + 1)
        for other in range(at, at + slot):
            if places[other] == place:
                place = low + last
        places[at + slot] = place


@numba.njit(cache=True, nogil=True, inline="always")
def _write(
    target: Any, time: Any, drawn: Any, fanout: Any, at: Any, places: Any, ids: Any, times: Any
) -> None:
    """Write targets and times of the places drawn for one parent, and what stands for none."""
    for slot in range(at, at + drawn):
        ids[slot] = target[places[slot]]
        times[slot] = time[places[slot]]
    for slot in range(at + drawn, at + fanout):
        places[slot] = -1
        ids[slot] = 0
        times[slot] = 0


@numba.njit(cache=True, nogil=True, inline="always")
def _allowed(place: Any, high: Any, gap: Any, event: Any, order: Any, own: Any) -> Any:
    """Return whether an edge may be drawn: the last one to its target, of no order of the seed's."""
    if len(gap) > 0 and gap[place] > 0 and place + gap[place] < high:
        return False
    return own < 0 or order[event[place]] != own


@numba.njit(cache=True, nogil=True)
def draw_allowed(
    indptr: NDArray[np.int64],
    target: NDArray[Any],
    time: NDArray[np.int64],
    event: NDArray[Any],
    gap: NDArray[Any],
    order: NDArray[Any],
    parents: NDArray[Any],
    filled: NDArray[np.bool_],
    as_of: NDArray[np.int64],
    own: NDArray[np.int64],
    key: NDArray[np.uint64],
    salt: int,
    recent: bool,
    position: NDArray[np.int64],
    neighbor: NDArray[Any],
    when: NDArray[np.int64],
    count: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> None:
    """Draw as ``draw`` does, but no edge whose target comes again by then, nor of the seed's order.

    Args:
        indptr: As in ``draw``, like all that is not said.
        target: As in ``draw``.
        time: As in ``draw``.
        event: Record of each edge.
        gap: How much further on the same source has the same target again, 0 for never; empty:
            repeats are drawn like others.
        order: Order of each record, −1 for none.
        parents: As in ``draw``.
        filled: As in ``draw``.
        as_of: As in ``draw``.
        own: Per seed, the order that must not be seen, −1 for none.
        key: As in ``draw``.
        salt: As in ``draw``.
        recent: As in ``draw``.
        position: As in ``draw``.
        neighbor: As in ``draw``.
        when: As in ``draw``.
        count: As in ``draw``.
        degree: As in ``draw``.
    """
    slots = len(parents) // max(len(as_of), 1)
    fanout = position.shape[1]
    flat, ids, times = position.reshape(-1), neighbor.reshape(-1), when.reshape(-1)
    first = np.empty(fanout, dtype=np.uint64)
    for row in range(len(parents)):
        low, high = np.int64(0), np.int64(0)
        seed = row // slots
        if filled[row]:
            low = indptr[parents[row]]
            high = _known_until(time, low, indptr[parents[row] + 1], as_of[seed])
        degree[row] = high - low
        places, mine = position[row], own[seed]
        if recent:
            drawn = _latest(low, high, gap, event, order, mine, places)
        else:
            state = _state(key[seed], salt, row - seed * slots)
            drawn = np.int64(-1)
            if high - low > SCAN:
                drawn = _try(low, high, gap, event, order, mine, state, places)
            if drawn < 0:
                drawn = _least(low, high, gap, event, order, mine, state, places, first)
        count[row] = drawn
        _write(target, time, drawn, fanout, row * fanout, flat, ids, times)


@numba.njit(cache=True, nogil=True)
def _latest(low: Any, high: Any, gap: Any, event: Any, order: Any, own: Any, places: Any) -> Any:
    drawn = np.int64(0)
    place = high - 1
    while place >= low and drawn < len(places):
        if _allowed(place, high, gap, event, order, own):
            places[drawn] = place
            drawn += 1
        place -= 1
    return drawn


@numba.njit(cache=True, nogil=True)
def _try(
    low: Any, high: Any, gap: Any, event: Any, order: Any, own: Any, state: Any, places: Any
) -> Any:
    """Draw again whatever is not allowed or drawn already; −1 if that takes too long."""
    drawn = np.int64(0)
    for number in range(TRIES * len(places)):
        place = low + _below(_draw(state, number), high - low)
        again = not _allowed(place, high, gap, event, order, own)
        for other in range(drawn):
            again = again or places[other] == place
        if not again:
            places[drawn] = place
            drawn += 1
            if drawn == len(places):
                return drawn
    return np.int64(-1)


@numba.njit(cache=True, nogil=True)
def _least(
    low: Any,
    high: Any,
    gap: Any,
    event: Any,
    order: Any,
    own: Any,
    state: Any,
    places: Any,
    first: Any,
) -> Any:
    """Give every edge a random rank and keep the least ones, in that order."""
    drawn = np.int64(0)
    ranks = _mix(state)  # not the draws that have just failed
    for place in range(low, high):
        if not _allowed(place, high, gap, event, order, own):
            continue
        rank = _draw(ranks, place - low) >> _ONE
        if drawn == len(places) and rank >= first[drawn - 1]:
            continue
        slot = min(drawn, np.int64(len(places) - 1))
        while slot > 0 and first[slot - 1] > rank:
            first[slot] = first[slot - 1]
            places[slot] = places[slot - 1]
            slot -= 1
        first[slot] = rank
        places[slot] = place
        drawn = min(drawn + 1, np.int64(len(places)))
    return drawn


@numba.njit(cache=True, nogil=True)
def gaps(
    indptr: NDArray[np.int64], target: NDArray[Any], targets: int, result: NDArray[Any]
) -> None:
    """Write for each edge how many places on its source has the same target again, 0 for never."""
    place_of = np.full(targets, -1, dtype=np.int64)
    for source in range(len(indptr) - 1):
        for place in range(indptr[source + 1] - 1, indptr[source] - 1, -1):
            later = place_of[target[place]]
            result[place] = later - place if later >= 0 and later < indptr[source + 1] else 0
            place_of[target[place]] = place
        # A later source must not take these for its own.
        for place in range(indptr[source], indptr[source + 1]):
            place_of[target[place]] = -1
