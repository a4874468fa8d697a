"""Opaque identifiers: sixteen hex digits that carry no order, no prefix and no meaning."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_WIDTH = 16


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a permutation of all 64-bit numbers: the finaliser of SplitMix64.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Being
    one-to-one, it makes ids that are unique without a check.
    """
    mixed = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


class Ids:
    """Names for the numbered things of one marketplace.

    Each type of thing gets a key of its own, so that device 5 and member 5 have unlike names, and
    so that a name says nothing about when its thing was made.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def names(self, count: int) -> pl.Series:
        """Return ``count`` distinct names, each sixteen lower-case hex digits, as strings."""
        key = self._rng.integers(0, 2**64, dtype=np.uint64)
        numbers = _mix(_mix(np.arange(count, dtype=np.uint64) * _GOLDEN + key))
        shifts = np.arange(_WIDTH - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
        text = np.empty((count, _WIDTH), dtype=np.uint8)
        for place, shift in enumerate(shifts):
            text[:, place] = _DIGITS[(numbers >> shift) & np.uint64(15)]
        offsets = np.arange(0, (count + 1) * _WIDTH, _WIDTH, dtype=np.int64)
        array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
        return pl.Series(array, dtype=pl.String)


def pick(names: pl.Series, numbers: NDArray[np.int32] | Ints) -> pl.Series:
    """Return the name of each number; a negative number has none (null)."""
    index = pl.Series(numbers, dtype=pl.Int64)
    if len(names) == 0:
        return pl.Series([None] * len(numbers), dtype=pl.String)
    return names.gather(index.set(index < 0, None))
