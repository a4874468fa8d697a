"""How good scores of many rows are beside others, with intervals by the rows' owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from graphml.training.bootstrap import RESAMPLES, percentiles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def beside(
    y: Ints, said: Floats, shipped: Floats, owners: NDArray[Any], *, seed: int
) -> dict[str, float]:
    """Return AUROC and average precision of scores, and how far those of ``shipped`` are above.

    Keys: ``auroc``, ``average_precision``, each also with ``_low`` and ``_high``; ``above`` (of
    AUROC) and ``average_precision_above``, likewise. Intervals are 95 % of bootstrap samples of
    owners (Efron 1979, percentiles), for differences on the same samples. NaN where all of ``y`` is
    alike.

    Args:
        y: 0 or 1, int64 [rows].
        said: Higher is likelier to be a 1, float64 [rows].
        shipped: Likewise, of what ``said`` is held against.
        owners: Whose each row is, [rows]; rows of one owner are drawn together.
        seed: Of the resampling.
    """
    _, owner = np.unique(owners, return_inverse=True)
    count = int(owner.max(initial=-1)) + 1
    own, other = Sorted.of(y, said, owner), Sorted.of(y, shipped, owner)
    once = np.ones(count)
    rng = np.random.default_rng(seed)
    # An owner drawn twice counts twice: nothing is sorted again.
    drawn = [
        np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        for _ in range(RESAMPLES if count else 0)
    ]
    samples = np.array([(own.measured(one), other.measured(one)) for one in drawn])
    mine, above = own.measured(once), other.measured(once)
    result: dict[str, float] = {}
    names = (("auroc", "above"), ("average_precision", "average_precision_above"))
    for place, (name, difference) in enumerate(names):
        values = samples[:, 0, place] if count else np.zeros(0)
        apart = samples[:, 1, place] - values if count else np.zeros(0)
        bounds, between = percentiles(values), percentiles(apart)
        result |= {name: mine[place], f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
        result |= {
            difference: above[place] - mine[place],
            f"{difference}_low": between[0],
            f"{difference}_high": between[1],
        }
    return result


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sorted:
    """Rows from the highest score down, to be measured with other weights again and again.

    Attributes:
        owner: Whose each row is, from 0, int64 [rows].
        y: Which rows are a 1, bool [rows].
        last: The last row of each group of equal scores, int64 [groups].
    """

    owner: Ints
    y: NDArray[np.bool_]
    last: Ints

    @classmethod
    def of(cls, y: Ints, scores: Floats, owner: Ints) -> Sorted:
        """Return rows in order; arguments are one a row."""
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
        return cls(owner=owner[order], y=np.equal(y[order], 1), last=ends[ends >= 0])

    def measured(self, counts: Floats) -> tuple[float, float]:
        """Return AUROC and average precision; NaN where rows that count are all alike.

        Args:
            counts: How often each owner's rows count, float64 [owners].
        """
        area, precision = _measured(self.owner, self.y, self.last, counts)
        return float(area), float(precision)


@numba.njit(cache=True, nogil=True)
def _measured(owner: Ints, y: NDArray[np.bool_], last: Ints, counts: Floats) -> tuple[float, float]:
    hits = misses = area = precision = 0.0
    row = 0
    for end in last:
        more = missed = 0.0
        while row <= end:
            if y[row]:
                more += counts[owner[row]]
            else:
                missed += counts[owner[row]]
            row += 1
        # A miss is beaten by all hits before its group, and by half of those in it.
        area += missed * (hits + more / 2)
        hits += more
        misses += missed
        if more:
            precision += more * hits / (hits + misses)
    if hits == 0 or misses == 0:
        return np.nan, np.nan
    return area / (hits * misses), precision / hits
