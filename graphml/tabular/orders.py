"""What an order or review shows beside its member's past: its own fields and identifiers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from graphml.graph.nodes import NEVER
from graphml.tabular.moments import DAY, HOUR, came, came_flagged, taken, visible
from graphml.tabular.registry import IDENTIFIERS, RELATION, Aggregate, Group, Values, aggregates_of
from graphml.tabular.seats import BUYS, PURCHASE, RELATIONS, REVIEW, REVIEWS
from graphml.tabular.spending import counts_in

_ALWAYS = np.iinfo(np.int64).min
_EACH = 5


class OrderRows(NamedTuple):
    """``Rows`` whose order is not seen, and where the order's record stands.

    Attributes:
        member: Dense ids, int64 [rows].
        as_of: The microsecond before the record, int64 [rows].
        order: Of the record, −1 for none, int64 [rows].
        place: Of the record, int64 [rows].
    """

    member: NDArray[np.int64]
    as_of: NDArray[np.int64]
    order: NDArray[np.int64]
    place: NDArray[np.int64]


_of = aggregates_of("order", "purchase", "review", prefix="order_")


def _of_identifier(name: str) -> tuple[Aggregate, ...]:
    shared, flagged, by = f"SHARED_{name.upper()}", f"FRAUD_ON_{name.upper()}", RELATION[name]
    return (
        _of(f"{name}_members", f"Other members on the order's {name} strictly before it; empty without one.", shared, f"{{value:.0f}} other members had used the order's {name}", by),
        _of(f"{name}_members_7d", f"Those who joined the {name} within the 7 days before.", f"{shared}_BURST", f"{{value:.0f}} other members came to the order's {name} within seven days", by),
        _of(f"{name}_flagged", f"Those known as fraudulent before the order, on its {name}.", flagged, f"{{value:.0f}} members of known fraud had used the order's {name}", by),
        _of(f"{name}_flagged_share", f"Share of the other members on the {name} who were known as fraudulent.", flagged, f"share of known fraud on the order's {name}: {{value:.2f}}", by),
        _of(f"{name}_new", f"1 if the member had not used the {name} before, else 0.", f"NEW_{name.upper()}", f"first use of the {name} by the member", by),
    )  # fmt: skip


_AGGREGATES = (
    *(aggregate for name in IDENTIFIERS for aggregate in _of_identifier(name)),
    _of("is_review", "1 for a review, 0 for a purchase."),
    _of("amount", "Amount of the record.", "LARGE_PURCHASE", "an amount of {value:.2f}"),
    _of("quantity", "Units of the record.", "MANY_UNITS", "{value:.0f} units at once"),
    _of("rating", "Rating of a review."),
    _of("coupon", "1 if the record names a coupon, else 0."),
    _of("hour", "Hour of the day, UTC."),
    _of("weekday", "Day of the week, UTC, 0 for Monday."),
    _of("amount_ratio", "Amount over the mean of the member's purchases before in the same currency.", "UNUSUAL_AMOUNT", "amount {value:.1f} times the member's usual one", "purchase"),
    _of("amount_max_ratio", "Amount over the largest of these purchases.", "UNUSUAL_AMOUNT", "amount {value:.1f} times the member's largest before", "purchase"),
    _of("dearness", "Logarithm of a purchase's unit price over what others had paid for the product before, in the same currency.", "UNUSUAL_PRICE", "price far from what others paid (log ratio {value:.2f})", "purchase"),
    _of("product_buyers", "Other members who bought the product before."),
    _of("product_buyers_7d", "Those who first bought it within the 7 days before.", "SUDDEN_BUYERS", "{value:.0f} members first bought the product within seven days", "purchase"),
    _of("product_flagged", "Those known as fraudulent before the order.", "FRAUD_AMONG_BUYERS", "{value:.0f} members of known fraud bought the product", "purchase"),
    _of("product_flagged_share", "Share of the product's other buyers who were known as fraudulent.", "FRAUD_AMONG_BUYERS", "share of known fraud among the product's buyers: {value:.2f}", "purchase"),
    _of("product_reviewers", "Other members who reviewed the product before."),
    _of("product_bought", "1 if the member had bought the product before, else 0.", None, None, "purchase"),
    _of("new_identifiers", "Identifiers of the order that the member had not used before.", "NEW_IDENTIFIERS", "{value:.0f} identifiers of the order are new for the member", *RELATION.values()),
)  # fmt: skip
_WIDTH = len(_AGGREGATES)
_FIELDS = len(IDENTIFIERS) * _EACH
_PRODUCT = _FIELDS + 10


@numba.njit(cache=True, nogil=True)
def fill_orders(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write what the records show themselves."""
    places = np.empty(index.longest, dtype=np.int64)
    first, seat, of = np.empty((3, index.widest), dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        member, as_of, place = rows.member[row], rows.as_of[row], rows.place[row]
        seen = places[: visible(index.records, rows, row, places)]
        found = taken(index, member, seen, len(seen), first, seat, of)
        values[:] = np.nan
        values[_WIDTH - 1] = 0
        for relation in range(BUYS):
            at = index.records.seat[place, relation]
            if at >= 0:
                new = not _among(at, seat[:found])
                _on(index, member, at, as_of, values[relation * _EACH :])
                values[relation * _EACH + 4] = new
                values[_WIDTH - 1] += new
        _fields(index.records, place, values[_FIELDS:])
        _against(index.records, seen, place, values[_FIELDS:])
        _product(index, member, as_of, place, seat[:found], values[_PRODUCT:])


@numba.njit(cache=True, nogil=True)
def _among(wanted: Any, seats: Any) -> Any:
    found = False
    for seat in seats:
        found = found or seat == wanted
    return found


@numba.njit(cache=True, nogil=True)
def _on(index: Any, member: Any, seat: Any, as_of: Any, values: Any) -> None:
    seats, value, own = index.seats, index.seats.value[seat], index.seats.join[seat]
    _crowd(seats, value, own, max(own, index.known[member]), as_of, values)


@numba.njit(cache=True, nogil=True)
def _crowd(seats: Any, value: Any, own: Any, flag: Any, as_of: Any, values: Any) -> None:
    """Write all others of a value, those of the last week, those flagged, and the share of these."""
    there = came(seats.indptr, seats.joined, value, own, _ALWAYS, as_of)
    flagged = came_flagged(seats.flag_start, seats.flagged, value, flag, as_of)
    values[0] = there
    values[1] = came(seats.indptr, seats.joined, value, own, as_of - 7 * DAY, as_of)
    values[2] = flagged
    if there > 0:
        values[3] = flagged / there


@numba.njit(cache=True, nogil=True)
def _fields(records: Any, place: Any, values: Any) -> None:
    time = records.time[place]
    values[0] = records.kind[place] == REVIEW
    values[1], values[2] = records.amount[place], records.quantity[place]
    values[3], values[4] = records.rating[place], records.coupon[place]
    values[5] = time % DAY // HOUR
    values[6] = (time // DAY + 3) % 7  # day 0 was a Thursday
    values[9] = records.dearness[place]


@numba.njit(cache=True, nogil=True)
def _against(records: Any, seen: Any, place: Any, values: Any) -> None:
    total, most, count = 0.0, 0.0, 0
    for earlier in seen:
        if counts_in(
            records.kind[earlier],
            records.currency[earlier],
            records.amount[earlier],
            PURCHASE,
            records.currency[place],
        ):
            total, count = total + records.amount[earlier], count + 1
            most = max(most, records.amount[earlier])
    if total > 0:
        values[7] = records.amount[place] / (total / count)
        values[8] = records.amount[place] / most


@numba.njit(cache=True, nogil=True)
def _product(index: Any, member: Any, as_of: Any, place: Any, seats: Any, values: Any) -> None:
    product = index.records.product[place]
    if product < 0:
        return
    buys = product + index.offsets[BUYS]
    own = _own_join(index.seats, member, BUYS, buys)
    _crowd(index.seats, buys, own, max(own, index.known[member]), as_of, values)
    reviews = product + index.offsets[REVIEWS]
    own = _own_join(index.seats, member, REVIEWS, reviews)
    values[4] = came(index.seats.indptr, index.seats.joined, reviews, own, _ALWAYS, as_of)
    values[5] = 0
    for seat in seats:
        if index.seats.value[seat] == buys:
            values[5] = 1


@numba.njit(cache=True, nogil=True)
def _own_join(seats: Any, member: Any, relation: Any, value: Any) -> Any:
    """Return when the member took a value, ``NEVER`` if not."""
    at = member * RELATIONS + relation
    result = np.int64(NEVER)
    for seat in range(seats.start[at], seats.start[at + 1]):
        if seats.value[seat] == value:
            result = seats.join[seat]
    return result


ORDERS = (Group(aggregates=_AGGREGATES, fill=fill_orders),)
