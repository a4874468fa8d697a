"""Whom referrals, gifts and transfers tie a member to."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.tabular.moments import DAY, after
from graphml.tabular.registry import Group, Values, aggregates_of

_OUT, _IN = 1, 2


_link = aggregates_of("links", "links")

_LINKS = (
    _link("links_out", "Links (referrals, gifts, transfers) from the member to others by then."),
    _link("links_in", "Links from others to the member by then."),
    _link("links_out_30d", "Links from the member within the last 30 days.", "MANY_LINKS", "{value:.0f} referrals, gifts or transfers to others within thirty days"),
    _link("links_in_30d", "Links to the member within the last 30 days.", "MANY_LINKS", "{value:.0f} referrals, gifts or transfers from others within thirty days"),
    _link("link_partners", "Different other members at the ends of these links.", "LINKED_MEMBERS", "linked to {value:.0f} other members"),
    _link("link_flagged", "Those of them known as fraudulent by then.", "FRAUD_LINKED", "linked to {value:.0f} members of known fraud"),
    _link("link_flagged_share", "Share of them known as fraudulent by then.", "FRAUD_LINKED", "share of known fraud among linked members: {value:.2f}"),
    _link("link_mutual", "Those of them with links both ways.", "LINKED_BOTH_WAYS", "links both ways with {value:.0f} members"),
)  # fmt: skip
_WIDTH = len(_LINKS)


@numba.njit(cache=True, nogil=True)
def fill_links(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write the member's links; those to itself count for nothing."""
    members = len(index.first)
    met, near = np.full(members, -1, dtype=np.int64), np.empty(members, dtype=np.int64)
    ways = np.zeros(members, dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        member, as_of = rows.member[row], rows.as_of[row]
        values[:] = 0
        low = index.out_start[member]
        high = after(index.out_time, low, index.out_start[member + 1], as_of)
        ends, times = index.out[low:high], index.out_time[low:high]
        count = _walk(ends, times, member, as_of, row, _OUT, met, ways, near, 0, values)
        low = index.in_start[member]
        high = after(index.in_time, low, index.in_start[member + 1], as_of)
        ends, times = index.into[low:high], index.in_time[low:high]
        count = _walk(ends, times, member, as_of, row, _IN, met, ways, near, count, values)
        _partners(index, as_of, near[:count], ways, values)


@numba.njit(cache=True, nogil=True)
def _walk(
    ends: Any, times: Any, member: Any, as_of: Any, row: Any, way: Any, met: Any, ways: Any,
    near: Any, count: Any, values: Any,
) -> Any:  # fmt: skip
    """Count the links of one direction; return how many partners there are after it."""
    for at in range(len(ends)):
        other = ends[at]
        if other == member:
            continue
        values[way - 1] += 1
        values[way + 1] += as_of - times[at] < 30 * DAY
        if met[other] != row:
            met[other], ways[other], near[count] = row, 0, other
            count += 1
        ways[other] |= way
    return count


@numba.njit(cache=True, nogil=True)
def _partners(index: Any, as_of: Any, near: Any, ways: Any, values: Any) -> None:
    values[4] = len(near)
    for other in near:
        values[5] += index.known[other] <= as_of
        values[7] += ways[other] == _OUT | _IN
    values[6] = values[5] / len(near) if len(near) > 0 else np.nan


LINKED = (Group(aggregates=_LINKS, fill=fill_links),)
