"""Drawing where not every edge may be drawn: repeats count once, a seed's own order is hidden."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from graphml.sampling.kernels import SCAN, TRIES, _below, _draw, _mix

Ints = NDArray[np.int64]
_ONE = np.uint64(1)


@numba.njit(cache=True, nogil=True, inline="always")
def _allowed(place: Any, high: Any, gap: Any, event: Any, order: Any, own: Any) -> Any:
    """Return whether an edge may be drawn: the last one to its target, of no order of the seed's."""
    if len(gap) > 0 and gap[place] > 0 and place + gap[place] < high:
        return False
    return own < 0 or order[event[place]] != own


@numba.njit(cache=True, nogil=True)
def draw_allowed(
    event: NDArray[Any],
    gap: NDArray[Any],
    order: NDArray[Any],
    low: Ints,
    known: Ints,
    own: Ints,
    key: NDArray[np.uint64],
    salt: int,
    recent: bool,
    places: Ints,
    count: Ints,
) -> None:
    """Draw as ``draw`` does, but no edge whose target comes again by then, nor of the seed's order.

    Args:
        event: Record of each edge.
        gap: How much further on the same source has the same target again, 0 for never; empty:
            repeats are drawn like others.
        order: Order of each record, −1 for none.
        low: Of ``look_up``.
        known: Of ``look_up``.
        own: Per parent, its seed's order that must not be seen, −1 for none.
        key: Per parent.
        salt: Of the edge type.
        recent: Latest first instead of uniform.
        places: [parents, fanout]; the first ``count`` of each parent are written.
        count: Written in full.
    """
    ranks = np.empty(places.shape[1], dtype=np.uint64)
    for row in range(len(low)):
        high = low[row] + known[row]
        if recent:
            count[row] = _latest(low[row], high, gap, event, order, own[row], places[row])
            continue
        state = _mix(key[row] ^ np.uint64(salt))
        drawn = np.int64(-1)
        if known[row] > SCAN:
            drawn = _try(low[row], high, gap, event, order, own[row], state, places[row])
        if drawn < 0:
            drawn = _least(low[row], high, gap, event, order, own[row], state, places[row], ranks)
        count[row] = drawn


@numba.njit(cache=True, nogil=True)
def pack(places: Ints, start: Ints, count: Ints, position: Ints) -> None:
    """Write the first ``count`` places of each parent side by side from ``start`` on."""
    for row in range(len(start)):
        for slot in range(count[row]):
            position[start[row] + slot] = places[row, slot]


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
    ranks: Any,
) -> Any:
    """Give every edge a random rank and keep the least ones, in that order."""
    drawn = np.int64(0)
    start = _mix(state)  # not the draws that have just failed
    for place in range(low, high):
        if not _allowed(place, high, gap, event, order, own):
            continue
        rank = _draw(start, place - low) >> _ONE
        if drawn == len(places) and rank >= ranks[drawn - 1]:
            continue
        slot = min(drawn, np.int64(len(places) - 1))
        while slot > 0 and ranks[slot - 1] > rank:
            ranks[slot] = ranks[slot - 1]
            places[slot] = places[slot - 1]
            slot -= 1
        ranks[slot] = rank
        places[slot] = place
        drawn = min(drawn + 1, np.int64(len(places)))
    return drawn


@numba.njit(cache=True, nogil=True)
def gaps(indptr: Ints, target: NDArray[Any], targets: int, result: NDArray[Any]) -> None:
    """Write for each edge how many places on its source has the same target again, 0 for never."""
    place_of = np.full(targets, -1, dtype=np.int64)
    for source in range(len(indptr) - 1):
        for place in range(indptr[source + 1] - 1, indptr[source] - 1, -1):
            later = place_of[target[place]]
            result[place] = later - place if later >= 0 else 0
            place_of[target[place]] = place
        # A later source must not take these for its own.
        for place in range(indptr[source], indptr[source + 1]):
            place_of[target[place]] = -1
