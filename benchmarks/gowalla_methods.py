"""Recommenders of pairs without time, how they are measured, and the search for settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.common import progress
from graphml.recommend.filters import FilterConfig, LinearFilter, fit_filter
from graphml.recommend.spectral import best, directions, neighbours, power, scaled
from graphml.training.bootstrap import interval

K = 20
OURS = "graphml's filter"
_SEARCHED = 6_000
"""Members that the search asks."""
_TILT = 0.12
"""How far held-out pairs lean to widespread places, as the test's do: a place of a training pair has
74 pairs on average, one of a test pair 91, so that the split is not one by chance. This tilt gives the
held-out pairs the same ratio to those kept."""
_GRID: Mapping[str, Sequence[float]] = {
    "near_power": (1.0, 1.5, 2.0),
    "far_target": (0.2, 0.32, 0.4, 0.5),
    "damping": (0.0, 1.0, 2.0, 4.0),
    "near_target": (0.1, 0.18, 0.25, 0.4),
    "far_share": (0.45, 0.55, 0.65),
    "near_source": (0.6, 0.7, 0.8, 0.9),
    "far_exponent": (0.3, 0.4, 0.5),
    "member_exponent": (0.2, 0.3, 0.4, 0.5),
    "rank": (512, 768, 1_024, 1_536),
}
_GFCF, _TURBO, _EASE = (
    (0.1, 0.2, 0.3, 0.6),
    ((0.5, 0.7), (0.5, 1.0), (0.4, 0.7), (0.6, 0.7)),
    (30, 100, 300, 1_000),
)
"""What the search tries: weight of the ideal part; exponent and power; penalty."""


class Popularity:
    """The same products for everybody: those that most members have."""

    def __init__(self, matrix: sp.csr_matrix) -> None:
        self.counts = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float32)

    def top(self, histories: sp.csr_matrix, k: int, *, barred: sp.csr_matrix) -> Any:
        """Return products and how many have them, as LinearFilter does."""
        places, values = (np.full((histories.shape[0], k), v) for v in (-1, np.float32(-np.inf)))
        for row in range(histories.shape[0]):
            scores = self.counts[None].copy()
            scores[0, barred[row].indices] = -np.inf
            best(scores, places[row : row + 1], values[row : row + 1])
        return places, values


def normalised(matrix: sp.csr_matrix, members: float, products: float) -> sp.csr_matrix:
    rows = sp.diags_array(power(matrix.sum(axis=1), -members)) @ matrix
    return scaled(rows, power(matrix.sum(axis=0), -products))


def made(near: Any, far: Any = None, source: Any = None, target: Any = None) -> LinearFilter:
    """Return a linear filter of parts that another method says."""
    products = near.shape[1]
    return LinearFilter(
        near=near.astype(np.float32), config=FilterConfig(),
        directions=np.zeros((products, 0), dtype=np.float32) if far is None else far,
        source=np.zeros(products, dtype=np.float32) if source is None else source,
        target=np.zeros(products, dtype=np.float32) if target is None else target,
    )  # fmt: skip


def item_item(matrix: sp.csr_matrix) -> LinearFilter:
    """Return the sum of cosines to the products of a history."""
    even = normalised(matrix, 0, 0.5)
    return made(neighbours(even, even, matrix.shape[1]))


def gfcf(matrix: sp.csr_matrix, weight: float = 0.2) -> LinearFilter:
    """Return GF-CF: one step in the graph, and the ideal low pass of 256 directions."""
    even = normalised(matrix, 0.5, 0.5)
    spread = matrix.sum(axis=0)
    far = directions(even, 256, damping=0, sweeps=6, seed=0)
    near = neighbours(even, even, matrix.shape[1])
    return made(near, far, power(spread, -0.5), np.float32(weight) * power(spread, 0.5))


def turbo_cf(matrix: sp.csr_matrix, exponent: float = 0.6, to: float = 0.7) -> LinearFilter:
    """Return Turbo-CF (Park et al. 2024) of the first order: one step, each similarity to a power."""
    even = normalised(matrix, exponent, 1 - exponent)
    near = neighbours(even, even, matrix.shape[1])
    near.data **= np.float32(to)
    return made(near)


def ease(matrix: sp.csr_matrix, penalty: float) -> LinearFilter:
    """Return EASE (Steck 2019), for catalogues of which all pairs fit in memory."""
    gram = (matrix.T @ matrix).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return made(sp.csr_matrix(weights))


def held_out(
    matrix: sp.csr_matrix, share: float, *, seed: int, tilt: float = 0.0
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Return what is kept and what is held out of each member's pairs: one at least, never all.

    A pair's chance is as its product's count of pairs to the power of ``tilt``.
    """
    count = np.diff(matrix.indptr)
    row = np.repeat(np.arange(len(count)), count)
    spread = np.bincount(matrix.indices, minlength=matrix.shape[1])[matrix.indices]
    drawn = -np.log1p(-np.random.default_rng(seed).random(matrix.nnz)) / spread**tilt
    order = np.lexsort((drawn, row))
    place = np.empty(matrix.nnz, dtype=np.int64)
    place[order] = np.arange(matrix.nnz) - matrix.indptr[:-1][row]
    out = place < np.minimum(np.maximum(np.round(share * count), 1), count - 1)[row]
    ones = np.ones(matrix.nnz, dtype=np.float32)
    kept, held = (
        sp.csr_matrix((ones[part], (row[part], matrix.indices[part])), shape=matrix.shape)
        for part in (~out, out)
    )
    return kept, held


def figures(model: Any, train: sp.csr_matrix, test: sp.csr_matrix) -> np.ndarray[Any, Any]:
    """Return Recall@20 and NDCG@20 of each member, [2, members], as LightGCN measures them."""
    places, _ = model.top(train, K, barred=train)
    rows = np.repeat(np.arange(len(places)), K)
    hit = np.asarray(test[rows, places.ravel()]).reshape(places.shape) * (places >= 0) > 0
    gain, wanted = 1 / np.log2(np.arange(K) + 2), np.diff(test.indptr)
    ideal = gain.cumsum()[np.minimum(wanted, K) - 1]
    return np.stack([hit.sum(axis=1) / wanted, (hit * gain).sum(axis=1) / ideal])


def mean_interval(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over members (bootstrap by member)."""
    return interval(
        lambda rows, _: float(values[rows].mean()), np.arange(len(values)), seed=0, resamples=1_000
    )


def quality(found: np.ndarray[Any, Any]) -> float:
    """Return what the search looks at: the geometric mean of both figures."""
    return sqrt(found[0].mean() * found[1].mean())


def some(
    train: sp.csr_matrix, test: sp.csr_matrix, most: int
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Return histories and test products of at most so many members who have any of these."""
    asked = np.flatnonzero(np.diff(test.indptr))
    if len(asked) > most:
        asked = np.sort(np.random.default_rng(1).choice(asked, most, replace=False))
    return train[asked], test[asked]


def chosen_ease(matrix: sp.csr_matrix) -> LinearFilter:
    kept, held = held_out(matrix, 0.1, seed=0)
    asked = some(kept, held, _SEARCHED)
    good = {penalty: quality(figures(ease(kept, penalty), *asked)) for penalty in _EASE}
    progress(f"EASE by penalty: {good}")
    return ease(matrix, max(good, key=lambda penalty: good[penalty]))


def search(train: sp.csr_matrix) -> dict[str, Any]:
    """Return what suits a fifth of each member's training pairs, one setting after another."""
    kept, held = held_out(train, 0.2, seed=7, tilt=_TILT)
    asked = some(kept, held, _SEARCHED)
    tried: dict[str, tuple[float, float]] = {}

    def good(name: str, fit: Callable[[sp.csr_matrix], Any]) -> float:
        if name not in tried:
            recall, ndcg = figures(fit(kept), *asked).mean(axis=1)
            tried[name] = float(recall), float(ndcg)
            progress(f"{recall:.4f} {ndcg:.4f} {name}")
        return sqrt(tried[name][0] * tried[name][1])

    for weight in _GFCF:
        good(f"GF-CF {weight}", partial(gfcf, weight=weight))
    for exponent, to in _TURBO:
        good(f"Turbo-CF {exponent} {to}", partial(turbo_cf, exponent=exponent, to=to))
    config = FilterConfig()
    for name, values in _GRID.items():
        tries = [config, *(replace(config, **{name: v}) for v in values)]  # type: ignore[arg-type]
        config = max(tries, key=lambda c: good(str(c), partial(fit_filter, config=c)))
        progress(f"chosen: {name} {getattr(config, name)}")
    return {"chosen": asdict(config), "tried": tried}


METHODS: Mapping[str, Callable[[sp.csr_matrix], Any]] = {
    "popularity": Popularity,
    "item-item cosine": item_item,
    "GF-CF (Shen et al. 2021)": gfcf,
    "Turbo-CF (Park et al. 2024)": turbo_cf,
    "EASE (Steck 2019)": chosen_ease,
    OURS: lambda matrix: fit_filter(matrix, FilterConfig()),
}
QUICK = ("popularity", "item-item cosine", OURS)
OTHERS = tuple(name for name in METHODS if not name.startswith("Turbo"))
GOWALLA = tuple(name for name in METHODS if not name.startswith("EASE"))
