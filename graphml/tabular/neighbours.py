"""The members who share an identifier with a member, and those who share one with these."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.graph.nodes import NEVER
from graphml.tabular.moments import DAY, after, taken, visible
from graphml.tabular.registry import IDENTIFIERS, RELATION, Group, Values, aggregates_of
from graphml.tabular.seats import BUYS, PURCHASE, RELATIONS, REVIEWS

RECENT = 64
"""Of an identifier the members who joined last, of a member the identifiers used last."""
HUB = 16
"""From an identifier with more members no second step is taken: what so many share ties nobody."""
VALUES = 8
"""Identifiers of a neighbour, of each type, that are looked at; those joined last."""


_by = tuple(RELATION[name] for name in IDENTIFIERS)
_of, _two_hop = aggregates_of("neighbours", *_by), aggregates_of("two_hop", *_by)

_AGGREGATES = (
    _of("neighbours", f"Different other members on the member's identifiers by then; the {RECENT} identifiers of each type used last, the {RECENT} members who joined each last.", "CONNECTED", "{value:.0f} other members share an identifier"),
    _of("neighbours_close", "Neighbours who share identifiers of two types or more.", "LINKED_VIEWS", "{value:.0f} members share identifiers of two types or more"),
    _of("neighbours_flagged", "Neighbours known as fraudulent by then.", "FRAUD_NEARBY", "{value:.0f} members of known fraud share an identifier"),
    _of("neighbours_flagged_share", "Share of neighbours known as fraudulent by then.", "FRAUD_NEARBY", "share of known fraud among members who share an identifier: {value:.2f}"),
    _of("neighbours_flagged_close", "Neighbours known as fraudulent who share identifiers of two types or more.", "FRAUD_NEARBY", "{value:.0f} members of known fraud share identifiers of two types or more"),
    _of("neighbours_flagged_days", "Days since a neighbour was last found fraudulent."),
    _of("neighbours_age_mean", "Mean days since neighbours' first records.", None, None),
    _of("neighbours_age_max", "Most days since a neighbour's first record."),
    _of("neighbours_purchases_mean", "Mean purchases of neighbours by then."),
    _of("neighbours_purchases_max", "Most purchases of a neighbour by then."),
    _of("neighbours_identifiers_mean", "Mean different identifiers of neighbours by then."),
    _of("neighbours_signup_hours", "Fewest hours between the first records of the member and of a neighbour.", "SIGNUPS_TOGETHER", "signed up {value:.1f} hours from a member who shares an identifier"),
    _of("neighbours_signup_1d", "Neighbours whose first record is within a day of the member's.", "SIGNUPS_TOGETHER", "{value:.0f} members who share an identifier signed up within a day of this one"),
    _of("neighbours_bought_max", f"Most different products that the member and one neighbour both bought by then; the {RECENT} products a neighbour bought last.", "PURCHASES_IN_STEP", "{value:.0f} products in common with a member who shares an identifier"),
    _of("neighbours_bought_jaccard", "Largest overlap of products bought: those of both over those of either."),
    _of("neighbours_bought", "Neighbours who bought a product that the member bought.", "PURCHASES_IN_STEP", "{value:.0f} members who share an identifier bought the same product"),
    _of("neighbours_reviewed", "Neighbours who reviewed a product that the member reviewed.", "REVIEWS_IN_STEP", "{value:.0f} members who share an identifier reviewed the same product"),
    _two_hop("two_hop", f"Different members who share an identifier with a neighbour, but none with the member; {RECENT} neighbours, the {VALUES} identifiers of each type they joined last, those of more than {HUB} other members left out."),
    _two_hop("two_hop_flagged", "Those of them known as fraudulent by then.", "FRAUD_TWO_STEPS_AWAY", "{value:.0f} members of known fraud two steps away"),
    _two_hop("two_hop_flagged_share", "Share of them known as fraudulent by then.", "FRAUD_TWO_STEPS_AWAY", "share of known fraud two steps away: {value:.2f}"),
)  # fmt: skip
_WIDTH = len(_AGGREGATES)
_TWO_HOP = 17


@numba.njit(cache=True, nogil=True)
def fill_neighbours(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write what neighbours are like, then who stands behind them."""
    members = len(index.first)
    places = np.empty(index.longest, dtype=np.int64)
    first, seat, of = np.empty((3, index.widest), dtype=np.int64)
    # Marked with the number of the row, so that nothing has to be cleared.
    met, further = np.full(members, -1, dtype=np.int64), np.full(members, -1, dtype=np.int64)
    marked = np.full((2, index.offsets[REVIEWS] - index.offsets[BUYS]), -1, dtype=np.int64)
    mine, walked = np.full((2, index.offsets[BUYS]), -1, dtype=np.int64)
    near, types = np.empty(members, dtype=np.int64), np.zeros(members, dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        member, as_of = rows.member[row], rows.as_of[row]
        seen = places[: visible(index.records, rows, row, places)]
        found = taken(index, member, seen, len(seen), first, seat, of)
        count = _meet(index, member, as_of, seat[:found], of[:found], row, met, types, near)
        values[:] = np.nan
        _known(index, as_of, near[:count], types, values)
        _lives(index, as_of, near[:count], values)
        _signups(index, seen, near[:count], values)
        bought = _mark(index.records, seen, row, marked)
        _alike(index, as_of, near[:count], row, marked, bought, values)
        _behind(
            index, member, as_of, near[:count], row, met, further, mine, walked, values[_TWO_HOP:]
        )


@numba.njit(cache=True, nogil=True)
def _meet(
    index: Any, member: Any, as_of: Any, seat: Any, of: Any, row: Any, met: Any, types: Any, near: Any
) -> Any:  # fmt: skip
    """Write the neighbours, and a bit for each type they share; return how many they are."""
    seats, count, looked = index.seats, np.int64(0), np.zeros(BUYS, dtype=np.int64)
    for at in range(len(seat)):
        if of[at] >= BUYS or looked[of[at]] == RECENT:
            continue
        looked[of[at]] += 1
        value = seats.value[seat[at]]
        low = seats.indptr[value]
        place, left = after(seats.joined, low, seats.indptr[value + 1], as_of) - 1, RECENT
        while place >= low and left > 0:
            other = np.int64(seats.member[place])
            place -= 1
            if other == member:
                continue
            left -= 1
            if met[other] != row:
                met[other], types[other], near[count] = row, 0, other
                count += 1
            types[other] |= 1 << of[at]
    return count


@numba.njit(cache=True, nogil=True)
def _known(index: Any, as_of: Any, near: Any, types: Any, values: Any) -> None:
    close, flagged, both, latest = 0, 0, 0, np.iinfo(np.int64).min
    for other in near:
        several = types[other] & (types[other] - 1) > 0
        close += several
        if index.known[other] <= as_of:
            flagged += 1
            both += several
            latest = max(latest, index.known[other])
    values[0], values[1], values[2], values[4] = len(near), close, flagged, both
    if len(near) > 0:
        values[3] = flagged / len(near)
    if flagged > 0:
        values[5] = (as_of - latest) / DAY


@numba.njit(cache=True, nogil=True)
def _lives(index: Any, as_of: Any, near: Any, values: Any) -> None:
    start, join = index.seats.start, index.seats.join
    ages, oldest, bought, most, identifiers = 0.0, 0.0, 0, 0, 0
    for other in near:
        age = (as_of - index.first[other]) / DAY
        ages, oldest = ages + age, max(oldest, age)
        low = index.bought_start[other]
        purchases = after(index.bought, low, index.bought_start[other + 1], as_of) - low
        bought, most = bought + purchases, max(most, purchases)
        for relation in range(BUYS):
            begin, end = _joined(start, join, other, relation, as_of)
            identifiers += end - begin
    if len(near) > 0:
        values[6], values[7] = ages / len(near), oldest
        values[8], values[9] = bought / len(near), most
        values[10] = identifiers / len(near)


@numba.njit(cache=True, nogil=True)
def _joined(start: Any, join: Any, member: Any, relation: Any, as_of: Any) -> Any:
    """Return where the member's seats in a relation begin and end by ``as_of``."""
    low = start[member * RELATIONS + relation]
    return low, after(join, low, start[member * RELATIONS + relation + 1], as_of)


@numba.njit(cache=True, nogil=True)
def _signups(index: Any, seen: Any, near: Any, values: Any) -> None:
    values[12] = 0
    if len(seen) == 0 or len(near) == 0:
        return
    own, least = index.records.time[seen[0]], np.int64(NEVER)
    for other in near:
        apart = abs(index.first[other] - own)
        least = min(least, apart)
        values[12] += apart <= DAY
    values[11] = least / (DAY / 24)


@numba.njit(cache=True, nogil=True)
def _mark(records: Any, seen: Any, row: Any, marked: Any) -> Any:
    """Mark the products that the member bought and reviewed; return how many were bought."""
    bought = 0
    for place in seen:
        product = records.product[place]
        if product < 0:
            continue
        if records.kind[place] == PURCHASE:
            bought += marked[0, product] != row
            marked[0, product] = row
        elif records.seat[place, REVIEWS] >= 0:
            marked[1, product] = row
    return bought


@numba.njit(cache=True, nogil=True)
def _alike(
    index: Any, as_of: Any, near: Any, row: Any, marked: Any, bought: Any, values: Any
) -> None:
    start, join, value = index.seats.start, index.seats.join, index.seats.value
    buys, reviews = index.offsets[BUYS], index.offsets[REVIEWS]
    most, overlap, buyers, reviewers = 0, 0.0, 0, 0
    for other in near:
        low, high = _joined(start, join, other, BUYS, as_of)
        low = max(low, high - RECENT)
        same = _common(value, low, high, buys, row, marked[0])
        most, buyers = max(most, same), buyers + (same > 0)
        if same > 0:
            overlap = max(overlap, same / (bought + high - low - same))
        low, high = _joined(start, join, other, REVIEWS, as_of)
        reviewers += _common(value, max(low, high - RECENT), high, reviews, row, marked[1]) > 0
    values[13], values[15], values[16] = most, buyers, reviewers
    if len(near) > 0 and bought > 0:
        values[14] = overlap


@numba.njit(cache=True, nogil=True)
def _common(value: Any, low: Any, high: Any, offset: Any, row: Any, marked: Any) -> Any:
    """Return how many of a neighbour's products are marked."""
    same = 0
    for place in range(low, high):
        same += marked[value[place] - offset] == row
    return same


@numba.njit(cache=True, nogil=True)
def _claim(index: Any, member: Any, as_of: Any, row: Any, mine: Any) -> None:
    """Mark the values that the member is on by ``as_of``, with whatever order."""
    start, join, value = index.seats.start, index.seats.join, index.seats.value
    for relation in range(BUYS):
        low, high = _joined(start, join, member, relation, as_of)
        for place in range(low, high):
            mine[value[place]] = row


@numba.njit(cache=True, nogil=True)
def _behind(
    index: Any, member: Any, as_of: Any, near: Any, row: Any, met: Any, further: Any, mine: Any,
    walked: Any, values: Any,
) -> None:  # fmt: skip
    start, join, values_of = index.seats.start, index.seats.join, index.seats.value
    indptr, joined, who, known = (
        index.seats.indptr,
        index.seats.joined,
        index.seats.member,
        index.known,
    )
    count, flagged = 0, 0
    _claim(index, member, as_of, row, mine)
    met[member] = row  # no member stands behind itself
    for other in near[:RECENT]:
        for relation in range(BUYS):
            low, high = _joined(start, join, other, relation, as_of)
            for place in range(max(low, high - VALUES), high):
                value = values_of[place]
                if walked[value] == row:
                    continue
                walked[value] = row
                begin, most = indptr[value], HUB + (mine[value] == row)
                end = _small(joined, begin, indptr[value + 1], most, as_of)
                found, bad = _step(who, known, as_of, begin, end, row, met, further)
                count, flagged = count + found, flagged + bad
    values[0], values[1] = count, flagged
    if count > 0:
        values[2] = flagged / count


@numba.njit(cache=True, nogil=True)
def _small(joined: Any, begin: Any, end: Any, most: Any, as_of: Any) -> Any:
    """Return where the members of a value end by ``as_of``; ``begin`` if they are more than ``most``."""
    if end - begin > most:
        if joined[begin + most] <= as_of:
            return begin
        end = begin + most
    return after(joined, begin, end, as_of)


@numba.njit(cache=True, nogil=True)
def _step(
    who: Any, known: Any, as_of: Any, begin: Any, end: Any, row: Any, met: Any, further: Any
) -> Any:
    """Return how many members of a value are met for the first time, and how many are flagged."""
    count, flagged = 0, 0
    for place in range(begin, end):
        other = np.int64(who[place])
        if met[other] != row and further[other] != row:
            further[other] = row
            count += 1
            flagged += known[other] <= as_of
    return count, flagged


NEIGHBOURS = (Group(aggregates=_AGGREGATES, fill=fill_neighbours),)
