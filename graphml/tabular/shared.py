"""Who else is on a member's devices, addresses, cards …: how many, since when, known as what."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.tabular.moments import DAY, HOUR, after, came, came_flagged, taken, visible
from graphml.tabular.registry import (
    IDENTIFIERS,
    PLURAL,
    RELATION,
    Aggregate,
    Group,
    Values,
    aggregates_of,
)
from graphml.tabular.seats import BUYS, RELATIONS

_EACH = 6
_ALWAYS = np.iinfo(np.int64).min


def _of_identifier(name: str) -> tuple[Aggregate, ...]:
    many, an = PLURAL[name], "an" if name[0] in "aei" else "a"
    shared, flagged = f"SHARED_{name.upper()}", f"FRAUD_ON_{name.upper()}"
    kind: dict[str, Any] = {"group": "shared", "relations": (RELATION[name],)}
    return (
        Aggregate(name=many, definition=f"Different {many} the member had used by then.", code=f"MANY_{many.upper()}", reason=f"{{value:.0f}} different {many} by then", **kind),
        Aggregate(name=f"{name}_members", definition=f"Members other than this one on these {many} by then, summed over the {many}.", **kind),
        Aggregate(name=f"{name}_members_max", definition=f"Most other members on one of these {many} by then.", code=shared, reason=f"{{value:.0f}} other members used the same {name} by then", **kind),
        Aggregate(name=f"{name}_members_7d", definition=f"Most other members who joined one of these {many} within the last 7 days.", code=f"{shared}_BURST", reason=f"{{value:.0f}} other members came to the same {name} within seven days", **kind),
        Aggregate(name=f"{name}_flagged", definition=f"Other members known as fraudulent by then on these {many}, summed over the {many}.", code=flagged, reason=f"{{value:.0f}} members of known fraud used the same {name}", **kind),
        Aggregate(name=f"{name}_flagged_share", definition=f"Largest share known as fraudulent among the other members on {an} {name} of the member.", code=flagged, reason=f"share of known fraud on the same {name}: {{value:.2f}}", **kind),
    )  # fmt: skip


_of_all = aggregates_of("shared", *(RELATION[name] for name in IDENTIFIERS))

_ALL = (
    _of_all("identifiers", "Different identifiers of all types that the member had used by then."),
    _of_all("identifiers_7d", "Those first used within the last 7 days.", "NEW_IDENTIFIERS", "{value:.0f} identifiers first used within seven days"),
    _of_all("shared_identifiers", "Those with another member by then.", "SHARED_IDENTIFIERS", "{value:.0f} identifiers shared with other members"),
    _of_all("shared_relations", "Types of identifiers with one that is shared by then.", "LINKED_VIEWS", "identifiers of {value:.0f} types are shared"),
    _of_all("shared_share", "Share of the member's identifiers that are shared by then."),
    _of_all("shared_rarity", "Sum of 1 / log(1 + members) over shared identifiers: a share of few weighs more."),
    _of_all("shared_joined_1d", "Other members who joined these identifiers within the last day, summed.", "SHARED_BURST", "{value:.0f} members came to the same identifiers within one day"),
    _of_all("shared_joined_30d", "Other members who joined these identifiers within the last 30 days, summed."),
    _of_all("joined_together_max", "Most other members who joined one identifier within a day of this member, before or after, by then.", "JOINED_TOGETHER", "{value:.0f} members came to the same identifier within a day of this one"),
    _of_all("joined_together", "Such members summed over identifiers."),
    _of_all("first_share", "Share of the identifiers that nobody had used before this member."),
    _of_all("hours_after_other", "Fewest hours from another member's coming to an identifier to this member's.", "SOON_AFTER_OTHER", "came {value:.1f} hours after another member to the same identifier"),
    _of_all("identifier_age_max", "Most days an identifier had been used by others when this member came."),
    _of_all("identifier_age_mean", "Mean days identifiers had been used by others when this member came; those used by nobody before are left out."),
    _of_all("flagged_identifiers", "Identifiers with another member known as fraudulent by then.", "FRAUD_ON_IDENTIFIERS", "known fraud on {value:.0f} of the member's identifiers"),
    _of_all("flagged_share_max", "Largest share known as fraudulent among the other members on an identifier.", "FRAUD_ON_IDENTIFIERS", "share of known fraud on a shared identifier: {value:.2f}"),
    _of_all("flagged_share_mean", "Mean of that share over shared identifiers."),
)  # fmt: skip
_WIDTH = len(IDENTIFIERS) * _EACH + len(_ALL)


@numba.njit(cache=True, nogil=True)
def fill_shared(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write what each identifier type shows, then what all show together."""
    places = np.empty(index.longest, dtype=np.int64)
    first, seat, of = np.empty((3, index.widest), dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        member, as_of = rows.member[row], rows.as_of[row]
        count = visible(index.records, rows, row, places)
        found = taken(index, member, places, count, first, seat, of)
        _clear(values)
        base = index.seats.start[member * RELATIONS]
        for at in range(found):
            if of[at] < BUYS:
                _each(index, member, seat[at], as_of, values[of[at] * _EACH :])
        _together(index, member, as_of, seat[:found], of[:found], first, base, values)


@numba.njit(cache=True, nogil=True)
def _clear(values: Any) -> None:
    values[:] = 0
    for relation in range(BUYS):
        values[relation * _EACH + 5] = np.nan


@numba.njit(cache=True, nogil=True)
def _each(index: Any, member: Any, seat: Any, as_of: Any, values: Any) -> None:
    seats, value, own = index.seats, index.seats.value[seat], index.seats.join[seat]
    flag = max(own, index.known[member])
    there = came(seats.indptr, seats.joined, value, own, _ALWAYS, as_of)
    flagged = came_flagged(seats.flag_start, seats.flagged, value, flag, as_of)
    recent = came(seats.indptr, seats.joined, value, own, as_of - 7 * DAY, as_of)
    values[0] += 1
    values[1] += there
    values[2] = max(values[2], there)
    values[3] = max(values[3], recent)
    values[4] += flagged
    if there > 0:
        share = flagged / there
        values[5] = share if np.isnan(values[5]) else max(values[5], share)


@numba.njit(cache=True, nogil=True)
def _together(
    index: Any, member: Any, as_of: Any, taken: Any, of: Any, first: Any, base: Any, values: Any
) -> None:  # fmt: skip
    result, seats = values[BUYS * _EACH :], index.seats
    indptr, joined = seats.indptr, seats.joined
    relations, rarity, firsts = 0, 0.0, 0
    ages, aged, oldest, soonest = 0.0, 0, np.nan, np.nan
    shares, most = 0.0, np.nan
    for at in range(len(taken)):
        if of[at] >= BUYS:
            continue
        seat, use = taken[at], first[taken[at] - base]
        value, own = seats.value[seat], seats.join[seat]
        result[0] += 1
        result[1] += as_of - use < 7 * DAY
        there = came(indptr, joined, value, own, _ALWAYS, as_of)
        result[6] += came(indptr, joined, value, own, as_of - DAY, as_of)
        result[7] += came(indptr, joined, value, own, as_of - 30 * DAY, as_of)
        near = came(indptr, joined, value, own, use - DAY - 1, min(use + DAY, as_of))
        result[8] = max(result[8], near)
        result[9] += near
        low, high = indptr[value], indptr[value + 1]
        start, previous = _before(seats.member, joined, low, high, member, use)
        firsts += start in (_ALWAYS, use)
        if start != _ALWAYS:
            soonest = np.fmin(soonest, (use - previous) / HOUR)
            oldest = np.fmax(oldest, (use - start) / DAY)
            ages, aged = ages + (use - start) / DAY, aged + 1
        if there > 0:
            flag = max(own, index.known[member])
            flagged = came_flagged(seats.flag_start, seats.flagged, value, flag, as_of)
            relations |= 1 << of[at]
            result[2] += 1
            rarity += 1 / np.log(2.0 + there)
            result[14] += flagged > 0
            shares, most = shares + flagged / there, np.fmax(most, flagged / there)
    _close(result, relations, rarity, firsts, soonest, oldest, ages, aged, most, shares)


@numba.njit(cache=True, nogil=True)
def _close(
    value: Any, relations: Any, rarity: Any, firsts: Any, soonest: Any, oldest: Any, ages: Any,
    aged: Any, most: Any, shares: Any,
) -> None:  # fmt: skip
    for bit in range(BUYS):
        value[3] += (relations >> bit) & 1
    value[5], value[11], value[12], value[15] = rarity, soonest, oldest, most
    value[4] = value[2] / value[0] if value[0] > 0 else np.nan
    value[10] = firsts / value[0] if value[0] > 0 else np.nan
    value[13] = ages / aged if aged > 0 else np.nan
    value[16] = shares / value[2] if value[2] > 0 else np.nan


@numba.njit(cache=True, nogil=True)
def _before(who: Any, joined: Any, low: Any, high: Any, member: Any, use: Any) -> Any:
    """Return when the first and the last other member came by ``use``; ``_ALWAYS`` for nobody."""
    last = after(joined, low, high, use) - 1
    if last >= low and who[last] == member:
        last -= 1
    if low < high and who[low] == member:
        low += 1
    if last < low:
        return np.int64(_ALWAYS), np.int64(_ALWAYS)
    return joined[low], joined[last]


SHARED = (
    Group(
        aggregates=tuple(a for name in IDENTIFIERS for a in _of_identifier(name)) + _ALL,
        fill=fill_shared,
    ),
)
