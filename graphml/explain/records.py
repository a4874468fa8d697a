"""Which of a member's records a number about it rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.rings.wording import DAY, HOUR, MINUTE
from graphml.tabular.registry import Aggregate

Mask = NDArray[np.bool_]

_WINDOW = re.compile(r"_(\d+)d(?:_|$)")
_NIGHT = 6 * HOUR


def records_behind(aggregate: Aggregate, own: pl.DataFrame, *, moment: int) -> NDArray[np.int64]:
    """Return the places in ``own`` of the records that an aggregate rests on, ascending.

    Those of its first kind (what the others are, that is compared with) within its window; where
    a few of them make the number, as the largest purchase does, these.

    Args:
        aggregate: That has kinds for relations, or none: then all kinds count.
        own: The member's records in order of time.
        moment: The last moment known, microseconds.
    """
    kept = np.ones(own.height, dtype=np.bool_)
    if aggregate.relations:
        kept = (own["kind"] == aggregate.relations[0]).to_numpy()
    if window := _WINDOW.search(aggregate.name):
        kept = kept & (moment - _times(own) < int(window[1]) * DAY)
    places = np.flatnonzero(kept)
    if len(places) and (narrow := _NARROW.get(aggregate.name)):
        places = places[narrow(own[places])]
    return places


def _times(records: pl.DataFrame) -> NDArray[np.int64]:
    times: NDArray[np.int64] = records["time"].to_physical().to_numpy()
    return times


def _mask(true: pl.Series) -> Mask:
    mask: Mask = true.fill_null(value=False).to_numpy()
    return mask


def _first(records: pl.DataFrame) -> Mask:
    return np.equal(np.arange(records.height), 0)


def _last_priced(records: pl.DataFrame) -> Mask:
    priced = records["amount"].is_not_null().arg_true()
    return np.equal(np.arange(records.height), priced[-1] if len(priced) else -1)


def _largest(column: str, records: pl.DataFrame) -> Mask:
    return _mask(records[column] == records[column].max())


def _with_coupon(records: pl.DataFrame) -> Mask:
    return records["coupon_id"].is_not_null().to_numpy()


def _at_night(records: pl.DataFrame) -> Mask:
    return np.less(_times(records) % DAY, _NIGHT)


def _after_silence(records: pl.DataFrame) -> Mask:
    """Return the records after the longest gap; all where there is none."""
    gaps = np.diff(_times(records))
    return np.greater(np.arange(records.height), int(gaps.argmax()) if len(gaps) else -1)


def _densest(span: int, records: pl.DataFrame) -> Mask:
    """Return the records of the first window of less than ``span`` that holds most."""
    times = _times(records)
    inside = np.searchsorted(times, times + span, side="left") - np.arange(len(times))
    begin = int(inside.argmax())
    places = np.arange(len(times))
    return np.asarray((places >= begin) & (places < begin + inside[begin]))


def _other_currencies(records: pl.DataFrame) -> Mask:
    """Return the records in other currencies than the one used most, of equals the first."""
    named = records["currency"].drop_nulls()
    if named.is_empty():
        return np.zeros(records.height, dtype=np.bool_)
    usual = named.value_counts(sort=False, name="n").sort("n", "currency", descending=[True, False])
    other = records["currency"] != usual["currency"][0]
    return _mask(other)


def _largest_order(records: pl.DataFrame) -> Mask:
    lines = records.select(
        pl.when(pl.col("order_id").is_not_null()).then(pl.len().over("order_id")).fill_null(0)
    ).to_series()
    largest = records["order_id"].filter(lines == lines.max()).drop_nulls()
    if largest.is_empty():
        return np.zeros(records.height, dtype=np.bool_)
    return _mask(records["order_id"] == largest[0])


_NARROW: Mapping[str, Callable[[pl.DataFrame], Mask]] = {
    "age_days": _first,
    "days_to_purchase": _first,
    "gap_max_hours": _after_silence,
    "night_share": _at_night,
    "burst_minute": partial(_densest, MINUTE),
    "burst_hour": partial(_densest, HOUR),
    "purchase_burst_hour": partial(_densest, HOUR),
    "currencies": _other_currencies,
    "spent_max": partial(_largest, "amount"),
    "spent_last_ratio": _last_priced,
    "coupon_rate": _with_coupon,
    "points_max": partial(_largest, "points"),
    "order_lines_max": _largest_order,
}
"""By aggregate: which of its records make the number, bool [records]; there is at least one."""
