"""What sets members who act together apart: one number per cell and signal, higher is worse."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from graphml.rings.cells import Cells
from graphml.rings.ties import DAY
from graphml.rings.timeline import Timeline

AFTER = 30 * DAY
"""How long after the sharing its refunds, coupons and reviews are looked at."""

SHARING = frozenset({"burst", "foreign"})
"""Signals of the sharing itself, not of what members do besides."""

Signals = dict[str, NDArray[np.float64]]


def behaviour(cells: Cells, life: Timeline) -> Signals:
    """Return what the members did in the cells' windows, beside their own lives and all others."""
    start, end = cells.start[cells.cell], cells.end[cells.cell]
    within = life.places(cells.member, start, end)
    after = life.places(cells.member, start, end + AFTER)
    first = life.first[cells.member]
    result = {
        "rise": _rise(cells, life, within),
        "signups_together": _closeness(cells, life, first),
        "same_products": _same_products(cells, life, after),
    }
    for name, kind, base in _RATES:
        count, total = life.count(kind, *after), life.count(base, *after)
        result[name] = _excess(cells, count, total, life.rate(kind, base))
    return result


def unusual(signals: Signals, chance: Signals) -> NDArray[np.float64]:
    """Return −ln p of each cell's behaviour beside that of cells dealt by chance (Fisher).

    Args:
        signals: Of the cells; those of sharing itself (``SHARING``) are left out.
        chance: The same of cells dealt anew.
    """
    cells = len(next(iter(signals.values())))
    total, known = np.zeros(cells), np.zeros(cells)
    for name in sorted(signals.keys() & chance.keys() - SHARING):
        one, null = signals[name], np.sort(chance[name][~np.isnan(chance[name])])
        told = ~np.isnan(one) & (len(null) > 0)
        above = len(null) - np.searchsorted(null, one[told], "left")
        total[told] -= np.log((above + 1) / (len(null) + 1))
        known[told] += 1
    tail = gammaincc(np.maximum(known, 1), total)
    return np.asarray(-np.log(np.maximum(tail, 1e-300)))


_RATES = (
    ("refunds", "refund", "purchase"),
    ("coupons", "coupon", "purchase"),
    ("praise", "praise", "event"),
    ("points", "points", "purchase"),
    ("purchases", "purchase", "event"),
)


def _excess(
    cells: Cells, count: NDArray[np.int64], total: NDArray[np.int64], rate: float
) -> NDArray[np.float64]:
    """Return the log of the cells' rate over the platform's, shrunk by one expected event.

    NaN where the platform has none of it or the cell no occasion.
    """
    observed = np.bincount(cells.cell, count, len(cells))
    expected = np.bincount(cells.cell, total, len(cells)) * rate
    known = (rate > 0) & (expected > 0)
    return np.where(known, np.log((observed + 1) / (expected + 1)), np.nan)


def _rise(
    cells: Cells, life: Timeline, within: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Return the log of the members' pace in the window over their pace outside it."""
    inside = life.count("event", *within)
    whole = np.diff(life.indptr)[cells.member]
    first = life.first[cells.member]
    span = np.maximum(life.end - first, DAY)
    start, end = cells.start[cells.cell], cells.end[cells.cell]
    window = np.clip(np.minimum(end, life.end) - np.maximum(start, first), DAY, span)
    outside = np.maximum(span - window, 0)
    total_inside = np.bincount(cells.cell, inside, len(cells))
    other = np.bincount(cells.cell, whole - inside, len(cells)) + 1
    days = np.bincount(cells.cell, window, len(cells)) / DAY
    other_days = (np.bincount(cells.cell, outside, len(cells)) / DAY) + 30
    result: NDArray[np.float64] = np.log((total_inside + 0.1) / days) - np.log(other / other_days)
    return result


def _closeness(cells: Cells, life: Timeline, first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much nearer than by chance the members' first events lie, in mean log ratio."""
    order = np.lexsort((first, cells.cell))
    cell = cells.cell[order][1:]
    same = np.diff(cells.cell[order]) == 0
    gap = np.diff(first[order])[same] / DAY
    expected = max(life.end - life.begin, DAY) / DAY / (cells.size[cell[same]] + 1)
    total = np.bincount(cell[same], np.log(expected / (gap + 0.01)), len(cells))
    result: NDArray[np.float64] = total / np.maximum(cells.size - 1, 1)
    return result


def _same_products(
    cells: Cells, life: Timeline, places: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Return how much the members buy the same rare products; NaN without a purchase."""
    known = life.bought & (life.product >= 0)
    if not known.any():
        return np.full(len(cells), np.nan)
    sold = np.bincount(life.product[known])
    rarity = np.log(sold.sum() / np.maximum(sold, 1))
    return _coincidences(cells.indptr, *places, life.product, known, rarity)  # type: ignore[no-any-return]


@numba.njit(cache=True)
def _coincidences(indptr, low, high, item, known, rarity):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return rarity-weighted repeats of items between members, for one item of each cell."""
    cells = len(indptr) - 1
    result = np.empty(cells)
    for cell in range(cells):
        places = slice(indptr[cell], indptr[cell + 1])
        items = np.empty((high[places] - low[places]).sum(), dtype=np.int64)
        count = 0
        for place in range(indptr[cell], indptr[cell + 1]):
            count = _distinct(item, known, low[place], high[place], items, count)
        total = np.sort(items[:count])
        repeats = 0.0
        for position in range(1, count):
            if total[position] == total[position - 1]:
                repeats += rarity[total[position]]
        result[cell] = repeats / (count + 3) if count else np.nan
    return result


@numba.njit(cache=True)
def _distinct(item, known, low, high, items, begin):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the distinct known items of places ``[low, high)`` from ``begin`` on; return the end."""
    end = begin
    for row in range(low, high):
        if known[row]:
            items[end] = item[row]
            end += 1
    items[begin:end].sort()
    kept = begin
    for position in range(begin, end):
        if position == begin or items[position] != items[kept - 1]:
            items[kept] = items[position]
            kept += 1
    return kept
