"""How far to trust a figure: intervals by the bootstrap, and of a share by Wilson's formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 200
_LEVEL = (2.5, 97.5)
_NORMAL = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def interval(
    measure: Callable[[Ints, Ints], float],
    owners: NDArray[Any],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a measure of rows, resampled by their owners.

    Efron 1979, percentiles; samples in which the measure is NaN do not count, and if it is in
    all, so are the bounds.

    Args:
        measure: Of rows, repeats among them, and of their owners: one drawn twice is two.
        owners: Whose each row is, [rows].
        seed: Of the resampling.
        resamples: How often to draw, at least 1.
    """
    found = [measure(rows, whose) for rows, whose in resampled(owners, seed=seed, times=resamples)]
    return percentiles(np.array(found, dtype=np.float64))


def paired_interval(
    measure: Callable[[Ints, Floats], float],
    a_scores: Floats,
    b_scores: Floats,
    owners: NDArray[Any],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the measure of ``a_scores`` less that of ``b_scores``.

    Both are measured on the same samples, so what makes a sample easy or hard for either falls
    out: two scores whose own intervals overlap may still differ.

    Args:
        measure: Of rows, repeats among them, and of the scores of those rows.
        a_scores: One a row, [rows].
        b_scores: One a row, [rows].
        owners: Whose each row is, [rows].
        seed: Of the resampling.
        resamples: How often to draw, at least 1.

    Raises:
        ValueError: The three are not of one length.

    >>> y = np.array([1, 0, 1, 0, 1, 0, 1, 0])
    >>> right = lambda rows, scores: float(((scores > 0) == y[rows]).mean())
    >>> paired_interval(right, y - 0.5, 0.5 - y, np.arange(8), seed=0)
    (1.0, 1.0)
    """
    if not len(a_scores) == len(b_scores) == len(owners):
        raise ValueError(
            f"scores and owners of one length, got {len(a_scores)}, {len(b_scores)}, {len(owners)}"
        )
    found = [
        measure(rows, a_scores[rows]) - measure(rows, b_scores[rows])
        for rows, _ in resampled(owners, seed=seed, times=resamples)
    ]
    return percentiles(np.array(found, dtype=np.float64))


def resampled(
    owners: NDArray[Any], *, seed: int, times: int = RESAMPLES
) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows of as many owners as there are, drawn with repeats, and whose each row is.

    Args:
        owners: Whose each row is, [rows].
        seed: The same one draws the same owners.
        times: How often to draw, at least 1.

    Raises:
        ValueError: ``times`` is below 1.

    >>> [rows.tolist() for rows, _ in resampled(np.array([7, 5, 7]), seed=1, times=2)]
    [[1, 0, 2], [0, 2, 0, 2]]
    """
    if times < 1:
        raise ValueError(f"resamples is at least 1, got {times}")
    rng = np.random.default_rng(seed)
    _, owner = np.unique(owners, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(owner.max(initial=-1) + 2))
    size = np.diff(bounds)
    for _ in range(times):
        drawn = rng.integers(0, len(size), len(size))
        inside = np.arange(size[drawn].sum()) - np.repeat(
            np.cumsum(size[drawn]) - size[drawn], size[drawn]
        )
        rows = order[np.repeat(bounds[drawn], size[drawn]) + inside]
        yield rows, np.repeat(np.arange(len(drawn)), size[drawn])


def percentiles(found: Floats) -> tuple[float, float]:
    """Return the bounds of the middle 95 % of what samples gave; NaN where all of it is NaN."""
    known = found[~np.isnan(found)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, _LEVEL)
    return float(low), float(high)


def wilson(hits: ArrayLike, counts: ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % interval of each share ``hits / counts``, in [0, 1]; NaN of no rows.

    Wilson 1927. Unlike the share plus or minus its error, it has a width where none or all hit.

    >>> low, high = wilson([0, 5], [10, 10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.237], [0.278, 0.763])
    """
    hit, count = np.broadcast_arrays(
        np.asarray(hits, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    )
    n = np.where(count > 0, count, np.nan)
    share, square = hit / n, _NORMAL**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _NORMAL / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
