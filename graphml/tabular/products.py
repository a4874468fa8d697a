"""Who else bought and reviewed the products that a member bought and reviewed."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.tabular.moments import DAY, came, came_flagged, taken, visible
from graphml.tabular.registry import Aggregate, Group, Values
from graphml.tabular.seats import BUYS, REVIEWS

_ALWAYS = np.iinfo(np.int64).min
_EACH = 6
_WIDTH = 2 * _EACH


def _of_relation(what: str, people: str, kind: str, code: str) -> tuple[Aggregate, ...]:
    kinds: dict[str, Any] = {"group": "products", "relations": (kind,)}
    return (
        Aggregate(name=f"{what}_{people}_mean", definition=f"Mean number of other {people} by then of the products that the member {what}.", **kinds),
        Aggregate(name=f"{what}_{people}_max", definition=f"Most other {people} by then of such a product.", **kinds),
        Aggregate(name=f"{what}_fresh_share", definition=f"Mean share of their other {people} who came within the last 7 days, of products with any.", code=f"SUDDEN_{people.upper()}", reason=f"share of the products' {people} who came within seven days: {{value:.2f}}", **kinds),
        Aggregate(name=f"{what}_flagged", definition=f"Share of these products with another of their {people} known as fraudulent by then.", code=code, reason=f"share of products {what} that members of known fraud {what} too: {{value:.2f}}", **kinds),
        Aggregate(name=f"{what}_flagged_share_mean", definition=f"Mean share known as fraudulent among the other {people} of products with any.", **kinds),
        Aggregate(name=f"{what}_flagged_share_max", definition="Largest such share.", code=code, reason=f"share of known fraud among {people} of a product: {{value:.2f}}", **kinds),
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def fill_products(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write how well known the member's products are, and to whom."""
    places = np.empty(index.longest, dtype=np.int64)
    first, seat, of = np.empty((3, index.widest), dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        member, as_of = rows.member[row], rows.as_of[row]
        count = visible(index.records, rows, row, places)
        found = taken(index, member, places, count, first, seat, of)
        values[:] = np.nan
        _popularity(index, member, as_of, seat[:found], of[:found], BUYS, values[:_EACH])
        _popularity(index, member, as_of, seat[:found], of[:found], REVIEWS, values[_EACH:])


@numba.njit(cache=True, nogil=True)
def _popularity(
    index: Any, member: Any, as_of: Any, bought: Any, of: Any, relation: Any, values: Any
) -> None:  # fmt: skip
    seats, products, known, total, most = index.seats, 0, 0, 0, 0
    indptr, joined = seats.indptr, seats.joined
    fresh, flagged, shares, largest = 0.0, 0, 0.0, 0.0
    for at in range(len(bought)):
        if of[at] != relation:
            continue
        products += 1
        value, own = seats.value[bought[at]], seats.join[bought[at]]
        there = came(indptr, joined, value, own, _ALWAYS, as_of)
        total, most = total + there, max(most, there)
        if there > 0:
            known += 1
            fresh += came(indptr, joined, value, own, as_of - 7 * DAY, as_of) / there
            flag = max(own, index.known[member])
            bad = came_flagged(seats.flag_start, seats.flagged, value, flag, as_of)
            flagged += bad > 0
            shares, largest = shares + bad / there, max(largest, bad / there)
    if products > 0:
        values[0], values[1], values[3] = total / products, most, flagged / products
    if known > 0:
        values[2], values[4], values[5] = fresh / known, shares / known, largest


PRODUCTS = (
    Group(
        aggregates=(
            *_of_relation("bought", "buyers", "purchase", "FRAUD_AMONG_BUYERS"),
            *_of_relation("reviewed", "reviewers", "review", "FRAUD_AMONG_REVIEWERS"),
        ),
        fill=fill_products,
    ),
)
