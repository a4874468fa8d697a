"""How many different products, sellers, categories and orders a member bought, how evenly."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from graphml.tabular.moments import visible
from graphml.tabular.registry import Group, Values, aggregates_of
from graphml.tabular.seats import PURCHASE

_of = aggregates_of("variety", "purchase")

_AGGREGATES = (
    *(
        aggregate
        for thing, things in (("product", "products"), ("seller", "sellers"), ("category", "categories"))
        for aggregate in (
            _of(f"{things}_bought", f"Different {things} of the member's purchases."),
            _of(f"{things}_entropy", f"Entropy of the {things} of the member's purchases, in nats."),
            _of(f"{thing}_top_share", f"Share of the purchases of the {thing} bought most among those with one.", "ONE_SELLER" if thing == "seller" else None, "share of purchases from one seller: {value:.2f}" if thing == "seller" else None),
        )
    ),
    _of("orders", "Different orders of the member's purchases."),
    _of("order_lines_mean", "Purchases an order, of those with an order."),
    _of("order_lines_max", "Most purchases of one order.", "LARGE_ORDER", "{value:.0f} purchases in one order"),
)  # fmt: skip
_WIDTH = len(_AGGREGATES)


@numba.njit(cache=True, nogil=True)
def fill_variety(index: Any, rows: Any, table: Values, column: int) -> None:
    """Write distinct counts, entropies and top shares."""
    records, places = index.records, np.empty(index.longest, dtype=np.int64)
    tally = np.zeros(index.codes, dtype=np.int64)
    for row in range(len(table)):
        values = table[row, column : column + _WIDTH]
        seen = places[: visible(records, rows, row, places)]
        values[:] = np.nan
        _spread(records.kind, records.product, seen, tally, values[0:3])
        _spread(records.kind, records.seller, seen, tally, values[3:6])
        _spread(records.kind, records.category, seen, tally, values[6:9])
        _orders(records.kind, records.order, seen, tally, values[9:12])


@numba.njit(cache=True, nogil=True)
def _count(kind: Any, code: Any, seen: Any, tally: Any) -> Any:
    """Count the purchases of each code into ``tally``; return all, the most of one and how many codes."""
    total, most, different = 0, 0, 0
    for place in seen:
        if kind[place] == PURCHASE and code[place] >= 0:
            different += tally[code[place]] == 0
            tally[code[place]] += 1
            total += 1
            most = max(most, tally[code[place]])
    return total, most, different


@numba.njit(cache=True, nogil=True)
def _spread(kind: Any, code: Any, seen: Any, tally: Any, values: Any) -> None:
    total, most, different = _count(kind, code, seen, tally)
    # In the order of first purchases, which no later id can change; the tally is empty after it.
    entropy = 0.0
    for place in seen:
        if kind[place] == PURCHASE and code[place] >= 0 and tally[code[place]] > 0:
            share = tally[code[place]] / total
            entropy -= share * np.log(share)
            tally[code[place]] = 0
    values[0] = different
    if total > 0:
        values[1], values[2] = entropy, most / total


@numba.njit(cache=True, nogil=True)
def _orders(kind: Any, code: Any, seen: Any, tally: Any, values: Any) -> None:
    total, most, different = _count(kind, code, seen, tally)
    for place in seen:
        if code[place] >= 0:
            tally[code[place]] = 0
    values[0] = different
    if total > 0:
        values[1], values[2] = total / different, most


VARIETY = (Group(aggregates=_AGGREGATES, fill=fill_variety),)
