"""What a member paid, got back and thought of it: in the currency used most, never across."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.tabular.moments import DAY, visible
from graphml.tabular.registry import Group, Values, aggregates_of
from graphml.tabular.seats import PURCHASE, REFUND

_of = aggregates_of("spending", "purchase")

_AGGREGATES = (
    _of("currencies", "Different currencies of the member's purchases with an amount.", "CURRENCIES", "paid in {value:.0f} currencies"),
    _of("spent", "Amounts of purchases in the member's most used currency (of equals the one used first)."),
    _of("spent_mean", "Mean amount of these purchases."),
    _of("spent_max", "Largest amount of these purchases.", "LARGE_PURCHASE", "a purchase of {value:.2f}"),
    _of("spent_std", "Standard deviation of the amounts of these purchases."),
    _of("spent_7d", "Amounts of these purchases within the last 7 days.", "SPENDING", "{value:.2f} spent within seven days"),
    _of("spent_30d", "Amounts of these purchases within the last 30 days."),
    _of("spent_90d", "Amounts of these purchases within the last 90 days."),
    _of("spent_last_ratio", "Amount of the last of these purchases over the mean of those before.", "UNUSUAL_AMOUNT", "last purchase {value:.1f} times the usual amount"),
    _of("refunded_share", "Amounts refunded over amounts spent, in that currency.", "REFUNDS", "share of the money refunded: {value:.2f}", "refund", "purchase"),
    _of("refund_rate", "Refunds a purchase.", "REFUNDS", "{value:.2f} refunds a purchase", "refund", "purchase"),
    _of("coupon_rate", "Share of purchases that name a coupon.", "COUPONS", "share of purchases with a coupon: {value:.2f}"),
    _of("units_mean", "Mean units a purchase."),
    _of("dearness_mean", "Mean logarithm of the price of purchases over what others had paid for the product before.", "UNUSUAL_PRICE", "prices far from what others paid (log ratio {value:.2f})"),
    _of("dearness_max", "Largest such logarithm.", "UNUSUAL_PRICE", "a price far above what others paid (log ratio {value:.2f})"),
    _of("points_sum", "Points in the member's records.", None, None, "points"),
    _of("points_max", "Most points in one record.", "POINTS", "{value:.0f} points at once", "points"),
    _of("rating_mean", "Mean rating of the member's reviews.", None, None, "review"),
    _of("rating_std", "Standard deviation of the ratings.", None, None, "review"),
    _of("rating_last", "Rating of the last review with one.", None, None, "review"),
    _of("review_rate", "Reviews a purchase.", "REVIEWS_WITHOUT_PURCHASE", "{value:.2f} reviews a purchase", "review", "purchase"),
    _of("purchase_rate", "Purchases a view.", "NO_BROWSING", "{value:.2f} purchases a view", "purchase", "view"),
)  # fmt: skip
_WIDTH = len(_AGGREGATES)
_VIEW, _REVIEW = 2, 6


@numba.njit(cache=True, nogil=True)
def fill_spending(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write amounts, rates, points and ratings."""
    records, places = index.records, np.empty(index.longest, dtype=np.int64)
    codes = np.empty(index.longest, dtype=np.int64)
    uses = np.empty(index.longest, dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        seen = places[: visible(records, rows, row, places)]
        values[:] = np.nan
        currencies, currency = main_currency(records, seen, codes, uses)
        values[0] = currencies
        _amounts(records, seen, currency, rows.as_of[row], values)
        _rates(records, seen, values)
        _dearness(records, seen, values)
        _points(records, seen, values)
        _ratings(records, seen, values)


@numba.njit(cache=True, nogil=True)
def main_currency(records: Any, seen: Any, codes: Any, uses: Any) -> Any:
    """Return how many currencies purchases name, and the one most of them do; −2 without any."""
    found, best = 0, 0
    for place in seen:
        if records.kind[place] != PURCHASE or np.isnan(records.amount[place]):
            continue
        at = 0
        while at < found and codes[at] != records.currency[place]:
            at += 1
        if at == found:
            codes[at], uses[at] = records.currency[place], 0
            found += 1
        uses[at] += 1
    for at in range(found):
        if uses[at] > uses[best]:
            best = at
    return found, codes[best] if found > 0 else np.int64(-2)


@numba.njit(cache=True, nogil=True)
def counts_in(kind: Any, currency: Any, amount: Any, of_kind: Any, in_currency: Any) -> Any:
    """Return whether a record of a kind has an amount in a currency."""
    return kind == of_kind and currency == in_currency and not np.isnan(amount)


@numba.njit(cache=True, nogil=True)
def _amounts(records: Any, seen: Any, currency: Any, as_of: Any, values: Any) -> None:
    total, most, last, refunded, bought = 0.0, 0.0, 0.0, 0.0, 0
    week, month, quarter = 0.0, 0.0, 0.0
    for place in seen:
        amount = records.amount[place]
        if counts_in(
            records.kind[place], records.currency[place], records.amount[place], REFUND, currency
        ):
            refunded += amount
        if counts_in(
            records.kind[place], records.currency[place], records.amount[place], PURCHASE, currency
        ):
            age = as_of - records.time[place]
            total, bought, last, most = total + amount, bought + 1, amount, max(most, amount)
            week += amount * (age < 7 * DAY)
            month += amount * (age < 30 * DAY)
            quarter += amount * (age < 90 * DAY)
    values[1] = total
    values[5], values[6], values[7] = week, month, quarter
    if bought > 0:
        values[2], values[3] = total / bought, most
        values[4] = _spread(records, seen, currency, total / bought, bought)
    if bought > 1 and total > last:
        values[8] = last / ((total - last) / (bought - 1))
    if total > 0:
        values[9] = refunded / total


@numba.njit(cache=True, nogil=True)
def _spread(records: Any, seen: Any, currency: Any, mean: Any, bought: Any) -> Any:
    squares = 0.0
    for place in seen:
        if counts_in(
            records.kind[place], records.currency[place], records.amount[place], PURCHASE, currency
        ):
            squares += (records.amount[place] - mean) ** 2
    return np.sqrt(squares / bought)


@numba.njit(cache=True, nogil=True)
def _rates(records: Any, seen: Any, values: Any) -> None:
    counts, coupons, units, measured = np.zeros(16, dtype=np.int64), 0, 0.0, 0
    for place in seen:
        counts[records.kind[place]] += 1
        if records.kind[place] == PURCHASE:
            coupons += records.coupon[place]
            if not np.isnan(records.quantity[place]):
                units += records.quantity[place]
                measured += 1
    bought = counts[PURCHASE]
    if bought > 0:
        values[10], values[11] = counts[REFUND] / bought, coupons / bought
        values[20] = counts[_REVIEW] / bought
    if measured > 0:
        values[12] = units / measured
    if counts[_VIEW] > 0:
        values[21] = bought / counts[_VIEW]


@numba.njit(cache=True, nogil=True)
def _dearness(records: Any, seen: Any, values: Any) -> None:
    total, count, most = 0.0, 0, -np.inf
    for place in seen:
        dearness = records.dearness[place]
        if not np.isnan(dearness):
            total, count, most = total + dearness, count + 1, max(most, dearness)
    if count > 0:
        values[13], values[14] = total / count, most


@numba.njit(cache=True, nogil=True)
def _points(records: Any, seen: Any, values: Any) -> None:
    values[15] = 0
    total = 0.0
    for place in seen:
        points = records.points[place]
        if not np.isnan(points):
            total += points
            values[16] = points if np.isnan(values[16]) else max(values[16], points)
    values[15] = total


@numba.njit(cache=True, nogil=True)
def _ratings(records: Any, seen: Any, values: Any) -> None:
    total, squares, count = 0.0, 0.0, 0
    for place in seen:
        rating = records.rating[place]
        if records.kind[place] == _REVIEW and not np.isnan(rating):
            total, squares, count = total + rating, squares + rating * rating, count + 1
            values[19] = rating
    if count > 0:
        mean = total / count
        values[17], values[18] = mean, np.sqrt(max(squares / count - mean * mean, 0.0))


SPENDING = (Group(aggregates=_AGGREGATES, fill=fill_spending),)
