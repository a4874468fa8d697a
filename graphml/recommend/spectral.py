"""What linear filters are made of: neighbours, directions, and sums and choices over rows."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graphml.recommend.highest import highest

_SPARE = 32
"""Directions followed beyond those wanted, for the last of these to be right."""
_WEAKEST = 1e-3
"""Weakest direction of use, as a share of the strongest: beyond are rounding errors."""
_ROWS = 2_048
"""Products whose neighbours are counted at a time."""
_SORTED = 256
"""From as many products wanted on, a row is sorted whole."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def power(values: Any, exponent: float) -> Floats:
    """Return values to a power, 0 where they are 0, float32.

    >>> power([4.0, 0.0], -0.5).tolist()
    [0.5, 0.0]
    """
    known = np.asarray(values, dtype=np.float64).ravel()
    result = np.zeros(len(known), dtype=np.float32)
    result[known > 0] = known[known > 0] ** exponent
    return result


def checked(name: str, matrix: sp.csr_matrix, products: int | None = None) -> sp.csr_matrix:
    """Return a float32 copy of a matrix of weights, CSR [rows, products].

    Raises:
        ValueError: It is not sparse, has no or other products, or weights outside 0 to 1e12.
    """
    if not sp.issparse(matrix) or matrix.ndim != 2 or not matrix.shape[1]:
        raise ValueError(f"{name} is a sparse matrix of rows and at least one product")
    if products is not None and matrix.shape[1] != products:
        raise ValueError(f"{name} has {matrix.shape[1]} products, the filter {products}")
    result = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
    result.sum_duplicates()
    if not ((result.data >= 0) & (result.data <= 1e12)).all():
        raise ValueError(f"{name} has weights below 0, above 1e12 or NaN")
    return result


def scaled(matrix: sp.csr_matrix, columns: Floats) -> sp.csr_matrix:
    """Return a CSR matrix with each column multiplied by its number."""
    result = matrix.copy()
    result.data *= columns[result.indices]
    return result


def neighbours(left: sp.csr_matrix, right: sp.csr_matrix, most: int) -> sp.csr_matrix:
    """Return ``left.T @ right`` with the highest ``most`` entries of each row, float32 CSR.

    Entries on the diagonal are left out; of equal ones the lower column is kept. Made in blocks,
    since all pairs of products that anybody has may be too many.

    Args:
        left: [members, products], at least 0.
        right: [members, products], at least 0.
        most: At least 1.
    """
    turned = left.T.tocsr()
    shape = (turned.shape[0], right.shape[1])
    parts = [
        highest((turned[low : low + _ROWS] @ right).tocsr(), most, own=low)
        for low in range(0, max(shape[0], 1), _ROWS)
    ]
    row = np.concatenate([part[0] + n * _ROWS for n, part in enumerate(parts)])
    column, value = (np.concatenate([part[n] for part in parts]) for n in (1, 2))
    return sp.csr_matrix((value, (row, column)), shape=shape)


def directions(
    matrix: sp.csr_matrix, rank: int, *, damping: float, sweeps: int, seed: int
) -> Floats:
    """Return the strongest right singular vectors, float32 [columns, rank or fewer].

    Each is as long as the root of s² / (s² + ``damping`` · m), with its singular value s and the
    mean m of the columns' squared lengths; those weaker than a thousandth of the strongest are
    left out. By randomised subspace iteration (Halko, Martinsson, Tropp 2011); all at once where
    the matrix is hardly larger than ``rank``.

    Args:
        matrix: Float32 CSR.
        rank: How many, at least 0.
        damping: At least 0; then all are of length 1.
        sweeps: How often to multiply by the matrix and back, at least 1.
        seed: Of the columns to begin with.
    """
    width = rank + _SPARE
    length = np.linalg.norm(matrix.data.astype(np.float64))
    if not rank or not length:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32)
    x = matrix / np.float32(length)
    if min(x.shape) <= width:
        found, squares = _exactly(x.astype(np.float64).toarray())
    else:
        found, squares = _nearly(x, width, sweeps, np.random.default_rng(seed))
    kept = squares[:rank][squares[:rank] >= squares[0] * _WEAKEST**2]
    half = damping / len(np.unique(x.indices))
    lengths = np.sqrt(kept / (kept + half)).astype(np.float32)
    return np.ascontiguousarray(found[:, : len(kept)] * lengths, dtype=np.float32)


def _nearly(
    x: sp.csr_matrix, width: int, sweeps: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    turned = x.T.tocsr()
    found = rng.standard_normal((x.shape[1], width), dtype=np.float32)
    for _ in range(sweeps):
        found = _orthonormal(turned @ (x @ found))
    seen = x @ found
    squares, turns = _strongest(seen.T @ seen)
    return found @ turns.astype(np.float32), squares


def _exactly(x: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    if len(x) >= x.shape[1]:
        squares, turns = _strongest(x.T @ x)
        return turns, squares
    squares, turns = _strongest(x @ x.T)
    return x.T @ turns / np.sqrt(np.maximum(squares, 1e-30)), squares


def _strongest(gram: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    squares, turns = np.linalg.eigh(gram.astype(np.float64))
    return squares[::-1], turns[:, ::-1]


def _orthonormal(columns: Floats) -> Floats:
    squares, turns = _strongest(columns.T @ columns)
    kept = squares > squares[0] * 1e-8
    result: Floats = columns @ (turns[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
    return result


def add_near(rows: sp.csr_matrix, near: sp.csr_matrix, scores: Floats) -> None:
    """Add ``rows @ near`` to ``scores``, [rows, products]."""
    _add(*_parts(rows), *_parts(near), scores)


def best(scores: Floats, places: Ints, values: Floats) -> None:
    """Write the columns of each row's highest scores and these, best first, [rows, k] both.

    Of equal scores the lower column comes first; scores of -inf are passed over, and what is not
    written stays.
    """
    k = places.shape[1]
    if k < _SORTED:
        _choose(scores, places, values)
        return
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(scores, order, axis=1)
    width = found.shape[1]
    known = found > -np.inf
    places[:, :width] = np.where(known, order, places[:, :width])
    values[:, :width] = np.where(known, found, values[:, :width])


def _parts(matrix: sp.csr_matrix) -> tuple[Ints, NDArray[np.int32], Floats]:
    bounds: Ints = matrix.indptr.astype(np.int64)
    return bounds, matrix.indices.astype(np.int32, copy=False), matrix.data


@numba.njit(cache=True, nogil=True)
def _add(
    bounds: Ints,
    products: NDArray[np.int32],
    weights: Floats,
    starts: Ints,
    columns: NDArray[np.int32],
    values: Floats,
    scores: Floats,
) -> None:
    for row in range(len(bounds) - 1):
        for at in range(bounds[row], bounds[row + 1]):
            weight = weights[at]
            for near in range(starts[products[at]], starts[products[at] + 1]):
                scores[row, columns[near]] += weight * values[near]


@numba.njit(cache=True, nogil=True)
def _choose(scores: Floats, places: Ints, values: Floats) -> None:
    k = places.shape[1]
    for row in range(len(scores)):
        held, lowest = 0, -np.inf
        for column in range(scores.shape[1]):
            score = scores[row, column]
            if score <= lowest:
                continue
            at = min(held, k - 1)
            while at > 0 and values[row, at - 1] < score:
                values[row, at] = values[row, at - 1]
                places[row, at] = places[row, at - 1]
                at -= 1
            values[row, at], places[row, at] = score, column
            held = min(held + 1, k)
            if held == k:
                lowest = values[row, k - 1]
