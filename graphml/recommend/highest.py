"""The highest entries of each row of a sparse matrix."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]


def highest(block: Any, count: int, *, own: int | None = None) -> tuple[Ints, Ints, Matrix]:
    """Return rows, columns and values of the ``count`` highest entries above 0 of each row.

    By row, best first; of equal ones the lower column.

    Args:
        block: CSR float32 [rows, columns], no column twice in a row.
        count: At least 1.
        own: The column of the first row; then entry (n, own + n) does not count.
    """
    there = np.diff(block.indptr)
    sizes = np.minimum(there, count).astype(np.int64)
    columns, values = _highest(
        block.indptr.astype(np.int64),
        block.indices.astype(np.int64),
        block.data.astype(np.float32),
        np.concatenate([[0], np.cumsum(sizes)]),
        -1 if own is None else own,
    )
    found = columns >= 0
    return np.repeat(np.arange(len(sizes)), sizes)[found], columns[found], values[found]


@numba.njit(cache=True, nogil=True)
def _highest(
    indptr: Ints, indices: Ints, data: Matrix, begins: Ints, own: int
) -> tuple[NDArray[np.int64], Matrix]:
    columns = np.full(begins[-1], -1, np.int64)
    values = np.zeros(begins[-1], np.float32)
    for row in range(len(indptr) - 1):
        # A heap with the worst at its root: the lowest value, of equal ones the highest column.
        size, count = 0, begins[row + 1] - begins[row]
        column = columns[begins[row] : begins[row + 1]]
        value = values[begins[row] : begins[row + 1]]
        for entry in range(indptr[row], indptr[row + 1]):
            what, much = indices[entry], data[entry]
            if not much > 0 or (own >= 0 and what == own + row):
                continue
            if size < count:
                _rise(value, column, size, much, what)
                size += 1
            elif much > value[0] or (much == value[0] and what < column[0]):
                _sink(value, column, size, much, what)
        for last in range(size - 1, 0, -1):
            much, what = value[last], column[last]
            value[last], column[last] = value[0], column[0]
            _sink(value, column, last, much, what)
    return columns, values


@numba.njit(cache=True, nogil=True)
def _rise(value: Matrix, column: Ints, place: int, much: float, what: int) -> None:
    """Put an entry behind the last of a heap."""
    while place > 0:
        up = (place - 1) // 2
        if value[up] < much or (value[up] == much and column[up] > what):
            break
        value[place], column[place] = value[up], column[up]
        place = up
    value[place], column[place] = much, what


@numba.njit(cache=True, nogil=True)
def _sink(value: Matrix, column: Ints, size: int, much: float, what: int) -> None:
    """Put an entry into the place of the root of a heap of some size."""
    place = 0
    while True:
        down = 2 * place + 1
        if down >= size:
            break
        other = down + 1
        if other < size and (
            value[other] < value[down]
            or (value[other] == value[down] and column[other] > column[down])
        ):
            down = other
        if much < value[down] or (much == value[down] and what > column[down]):
            break
        value[place], column[place] = value[down], column[down]
        place = down
    value[place], column[place] = much, what
