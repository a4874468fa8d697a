"""What a member did and when: counts by kind and window, gaps, pace, hours, bursts."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.graph.nodes import NEVER
from graphml.schema import KINDS
from graphml.tabular.moments import DAY, HOUR, visible
from graphml.tabular.registry import Aggregate, Group, Values, aggregates_of
from graphml.tabular.seats import PURCHASE

MINUTE = HOUR // 60
NIGHT = 6
"""Hours before this one are night, UTC."""

_WINDOWS = (("", NEVER), ("_1d", DAY), ("_7d", 7 * DAY), ("_30d", 30 * DAY), ("_90d", 90 * DAY))
_EVERY, _SOME = (0, 1, 2, 3, 4), (0, 2, 3)
_COUNTED = {
    "purchase": _EVERY, "refund": _EVERY, "review": _EVERY, "login": _SOME, "view": _SOME,
    "cart": _SOME, "coupon": _SOME, "points": _SOME,
}  # fmt: skip
_REASONS = {
    "events_1d": ("MANY_EVENTS", "{value:.0f} events within one day"),
    "purchases_1d": ("MANY_PURCHASES", "{value:.0f} purchases within one day"),
    "purchases_7d": ("MANY_PURCHASES", "{value:.0f} purchases within seven days"),
    "refunds": ("REFUNDS", "{value:.0f} refunds by then"),
    "refunds_30d": ("REFUNDS", "{value:.0f} refunds within thirty days"),
    "reviews_1d": ("MANY_REVIEWS", "{value:.0f} reviews within one day"),
    "reviews_7d": ("MANY_REVIEWS", "{value:.0f} reviews within seven days"),
    "coupons_7d": ("COUPONS", "{value:.0f} coupons within seven days"),
    "logins_7d": ("MANY_LOGINS", "{value:.0f} logins within seven days"),
}


def _counts() -> tuple[tuple[Aggregate, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """Return the counts, and the column of each kind (the last row: of all kinds) and window."""
    found: list[Aggregate] = []
    column = np.full((len(KINDS) + 1, len(_WINDOWS)), -1, dtype=np.int64)
    for kind, windows in {"event": _EVERY, **_COUNTED}.items():
        row = KINDS.index(kind) if kind in KINDS else len(KINDS)
        noun = kind if kind == "points" else f"{kind}s"
        for window in windows:
            suffix, _ = _WINDOWS[window]
            name = f"{noun}{suffix}"
            column[row, window] = len(found)
            span = f"within the last {suffix[1:-1]} days, " if suffix else ""
            what = "Records of points" if kind == "points" else noun.capitalize()
            code, reason = _REASONS.get(name, (None, None))
            found.append(
                Aggregate(
                    name=name,
                    group="own",
                    definition=f"{what} of the member {span}by then"
                    + (", chargebacks aside." if kind == "event" else "."),
                    reason=reason,
                    code=code,
                    relations=(kind,) if kind in KINDS else (),
                )
            )
    return tuple(found), column


_COUNTS, _COLUMN = _counts()
_SPAN = np.array([span for _, span in _WINDOWS])
_COUNT_WIDTH = len(_COUNTS)


@numba.njit(cache=True, nogil=True)
def fill_counts(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write the counts."""
    records, places = index.records, np.empty(index.longest, dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _COUNT_WIDTH]
        values[:] = 0
        for at in range(visible(records, rows, row, places)):
            age = rows.as_of[row] - records.time[places[at]]
            kind = np.int64(records.kind[places[at]])
            for window in range(len(_SPAN)):
                if age < _SPAN[window]:
                    values[_COLUMN[len(_COLUMN) - 1, window]] += 1
                    of_kind = _COLUMN[kind, window]
                    if of_kind >= 0:
                        values[of_kind] += 1


_time = aggregates_of("own")

_TIMES = (
    _time("age_days", "Days since the member's first record.", "NEW_ACCOUNT", "account {value:.1f} days old by then"),
    _time("days_since_event", "Days since the member's last record."),
    _time("days_since_purchase", "Days since the member's last purchase.", None, None, "purchase"),
    _time("days_to_purchase", "Days from the member's first record to the first purchase.", "QUICK_PURCHASE", "first purchase {value:.2f} days after the first record", "purchase"),
    _time("gap_last_hours", "Hours between the last two records."),
    _time("gap_mean_hours", "Mean hours between records."),
    _time("gap_std_hours", "Standard deviation of the hours between records."),
    _time("gap_min_hours", "Fewest hours between two records."),
    _time("gap_max_hours", "Most hours between two records.", "SLEEPER", "silent for {value:.0f} hours, then active again"),
    _time("events_per_day", "Records a day since the first one, over at least one day."),
    _time("days_active", "Different days (UTC) with a record."),
    _time("days_active_share", "Share of the days since the first record that have a record."),
    _time("pace_7d_30d", "Records a day of the last 7 days over those of the last 30.", "SPEEDING_UP", "{value:.1f} times as active in the last week as in the last month"),
    _time("purchase_pace_7d_30d", "Purchases a day of the last 7 days over those of the last 30.", None, None, "purchase"),
    _time("night_share", "Share of records between 0 and 6 o'clock UTC.", "AT_NIGHT", "share of activity at night (UTC): {value:.2f}"),
    _time("weekday_share", "Share of records from Monday to Friday, UTC."),
    _time("burst_minute", "Most records in less than a minute.", "BURST", "{value:.0f} events in less than a minute"),
    _time("burst_hour", "Most records in less than an hour.", "BURST", "{value:.0f} events in less than an hour"),
    _time("burst_day", "Most records in less than a day."),
    _time("purchase_burst_hour", "Most purchases in less than an hour.", "PURCHASE_BURST", "{value:.0f} purchases in less than an hour", "purchase"),
)  # fmt: skip
_TIME_WIDTH = len(_TIMES)


@numba.njit(cache=True, nogil=True)
def fill_times(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write what depends on when things were done."""
    records, places = index.records, np.empty(index.longest, dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _TIME_WIDTH]
        count, as_of = visible(records, rows, row, places), rows.as_of[row]
        seen = places[:count]
        values[:] = np.nan
        values[10] = 0
        _since(records, seen, as_of, values)
        _gaps(records.time, seen, values)
        _clock(records.time, seen, as_of, values)
        values[12] = _pace(records, seen, as_of, -1)
        values[13] = _pace(records, seen, as_of, PURCHASE)
        values[16] = _burst(records, seen, MINUTE, -1)
        values[17] = _burst(records, seen, HOUR, -1)
        values[18] = _burst(records, seen, DAY, -1)
        values[19] = _burst(records, seen, HOUR, PURCHASE)


@numba.njit(cache=True, nogil=True)
def _since(records: Any, seen: Any, as_of: Any, values: Any) -> None:
    if len(seen) == 0:
        return
    first = records.time[seen[0]]
    values[0] = (as_of - first) / DAY
    values[1] = (as_of - records.time[seen[-1]]) / DAY
    values[9] = len(seen) / max((as_of - first) / DAY, 1.0)
    for place in seen:
        if records.kind[place] == PURCHASE:
            if np.isnan(values[3]):
                values[3] = (records.time[place] - first) / DAY
            values[2] = (as_of - records.time[place]) / DAY


@numba.njit(cache=True, nogil=True)
def _gaps(time: Any, seen: Any, values: Any) -> None:
    gaps = len(seen) - 1
    if gaps < 1:
        return
    mean = (time[seen[-1]] - time[seen[0]]) / HOUR / gaps
    least, most, squares = np.inf, 0.0, 0.0
    for at in range(gaps):
        gap = (time[seen[at + 1]] - time[seen[at]]) / HOUR
        least, most = min(least, gap), max(most, gap)
        squares += (gap - mean) ** 2
    values[4] = (time[seen[-1]] - time[seen[-2]]) / HOUR
    values[5], values[6] = mean, np.sqrt(squares / gaps)
    values[7], values[8] = least, most


@numba.njit(cache=True, nogil=True)
def _clock(time: Any, seen: Any, as_of: Any, values: Any) -> None:
    if len(seen) == 0:
        return
    days, night, week = 0, 0, 0
    last = time[seen[0]] // DAY - 1
    for place in seen:
        day = time[place] // DAY
        days += day != last
        last = day
        night += time[place] % DAY < NIGHT * HOUR
        week += (day + 3) % 7 < 5  # day 0 was a Thursday
    values[10] = days
    values[11] = days / (as_of // DAY - time[seen[0]] // DAY + 1)
    values[14], values[15] = night / len(seen), week / len(seen)


@numba.njit(cache=True, nogil=True)
def _pace(records: Any, seen: Any, as_of: Any, kind: Any) -> Any:
    week, month = 0, 0
    for place in seen:
        if kind < 0 or records.kind[place] == kind:
            age = as_of - records.time[place]
            week += age < 7 * DAY
            month += age < 30 * DAY
    return (week / 7) / (month / 30) if month > 0 else np.nan


@numba.njit(cache=True, nogil=True)
def _burst(records: Any, seen: Any, span: Any, kind: Any) -> Any:
    """Return the most records in less than ``span``: a window that each of them closes in turn."""
    most, inside, low = 0, 0, 0
    for place in seen:
        if kind >= 0 and records.kind[place] != kind:
            continue
        inside += 1
        while records.time[place] - records.time[seen[low]] >= span:
            inside -= kind < 0 or records.kind[seen[low]] == kind
            low += 1
        most = max(most, inside)
    return most


OWN = (
    Group(aggregates=_COUNTS, fill=fill_counts),
    Group(aggregates=_TIMES, fill=fill_times),
)
