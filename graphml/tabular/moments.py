"""What every loop begins with: what a member had done by a moment, and who else was there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from graphml.tabular.seats import RELATIONS

HOUR = 3_600_000_000
DAY = 24 * HOUR
"""Microseconds."""

Ints = NDArray[np.int64]


class Rows(NamedTuple):
    """Of whom, as of when.

    Attributes:
        member: Dense ids, int64 [rows].
        as_of: The last moment known, microseconds, int64 [rows].
        order: Which of the member's orders is not seen, −1 for none, int64 [rows].
    """

    member: Ints
    as_of: Ints
    order: Ints


@numba.njit(cache=True, nogil=True)
def after(times: Any, low: Any, high: Any, moment: Any) -> Any:
    """Return the first place in [low, high) with a time later than ``moment``, else ``high``."""
    while low < high:
        middle = (low + high) >> 1
        if times[middle] <= moment:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def visible(records: Any, rows: Any, row: Any, places: Any) -> Any:
    """Write the places of the records that a row may see, oldest first; return how many."""
    member, order = rows.member[row], rows.order[row]
    low = records.indptr[member]
    high = after(records.time, low, records.indptr[member + 1], rows.as_of[row])
    count = np.int64(0)
    for place in range(low, high):
        if order < 0 or records.order[place] != order:
            places[count] = place
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def taken(index: Any, member: Any, places: Any, count: Any, first: Any, seat: Any, of: Any) -> Any:
    """Write the member's seats by visible records, the one used last first; return how many.

    Args:
        index: Of the graph.
        member: Whose records they are.
        places: Of ``visible``.
        count: Of ``visible``.
        first: Written for each of these seats, counted from the member's first seat of all: its
            first use as far as the records show.
        seat: Seats.
        of: Relation of each seat.
    """
    base = index.seats.start[member * RELATIONS]
    used = np.zeros(index.seats.start[(member + 1) * RELATIONS] - base, dtype=np.bool_)
    found = np.int64(0)
    for at in range(count - 1, -1, -1):
        for relation in range(RELATIONS):
            number = index.records.seat[places[at], relation]
            if number < 0:
                continue
            if not used[number - base]:
                used[number - base] = True
                seat[found] = number
                of[found] = relation
                found += 1
            first[number - base] = index.records.time[places[at]]
    return found


# Arrays one by one from here on: to hand a whole index to a call takes longer than what it does.


@numba.njit(cache=True, nogil=True)
def came(indptr: Any, joined: Any, value: Any, own: Any, since: Any, as_of: Any) -> Any:
    """Return how many members but one, who came at ``own``, took a value in (since, as_of]."""
    low, high = indptr[value], indptr[value + 1]
    found = after(joined, low, high, as_of) - after(joined, low, high, since)
    return found - (since < own <= as_of)


@numba.njit(cache=True, nogil=True)
def came_flagged(start: Any, flagged: Any, value: Any, own: Any, as_of: Any) -> Any:
    """Return how many of a value's members but one were there and known by ``as_of``.

    The one was both there and known at ``own``, which may be ``NEVER``.
    """
    low, high = start[value], start[value + 1]
    return after(flagged, low, high, as_of) - low - (own <= as_of)
