"""How dear a purchase was beside what others had paid for the same product before."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_UNIT = float(1 << 24)
"""Logarithms are added up in steps of 1 / _UNIT: whole numbers give one sum in any order."""


def usual_prices(
    product: NDArray[np.int32],
    currency: NDArray[np.int32],
    time: Ints,
    bought: NDArray[np.bool_],
    amount: Floats,
    quantity: Floats,
    seat: NDArray[Any],
) -> Floats:
    """Return the logarithm of each purchase's unit price over the usual one, float64 [records].

    The usual price is the geometric mean of what other members paid for a unit of the product in
    the same currency, strictly before. NaN where nobody else had bought it or a price is missing.

    Args:
        product: Codes, −1 for none.
        currency: Codes, −1 for none.
        time: Microseconds.
        bought: Which records are purchases.
        amount: Of the record, NaN for none.
        quantity: Units; NaN counts as one.
        seat: The same number for all purchases of a product by a member, −1 for none.
    """
    units = np.where(np.isnan(quantity), 1.0, quantity)
    priced = bought & (product >= 0) & (amount > 0)
    rows = np.flatnonzero(priced)
    rows = rows[np.lexsort((time[rows], currency[rows], product[rows]))]
    price = np.rint(np.log(amount[rows] / units[rows]) * _UNIT).astype(np.int64)
    result = np.full(len(product), np.nan)
    group = product[rows].astype(np.int64) << 32 | (currency[rows].astype(np.int64) + 1)
    held = int(seat.max(initial=-1)) + 1
    result[rows] = _dearness(
        group, time[rows], price, seat[rows].astype(np.int64), np.full(held, -1, np.int64),
        np.zeros((held, 2), np.int64),
    )  # fmt: skip
    return result


@numba.njit(cache=True, nogil=True)
def _dearness(
    group: Ints, time: Ints, price: Ints, seat: Ints, seen: Ints, own: NDArray[np.int64]
) -> Floats:
    """Walk through each group in time; ``own`` holds number and sum of a seat's own prices."""
    result = np.empty(len(group))
    count, total = np.int64(0), np.int64(0)
    low = 0
    while low < len(group):
        if low == 0 or group[low] != group[low - 1]:
            count, total = np.int64(0), np.int64(0)
        high = low
        while high < len(group) and group[high] == group[low] and time[high] == time[low]:
            high += 1
        for at in range(low, high):
            if seen[seat[at]] != group[at]:
                seen[seat[at]] = group[at]
                own[seat[at]] = 0
            others = count - own[seat[at], 0]
            mean = (total - own[seat[at], 1]) / others if others > 0 else np.nan
            result[at] = (price[at] - mean) / _UNIT
        for at in range(low, high):
            count += 1
            total += price[at]
            own[seat[at], 0] += 1
            own[seat[at], 1] += price[at]
        low = high
    return result
