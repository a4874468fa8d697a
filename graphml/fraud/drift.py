"""Whether members still look like those a model was trained on: what its scores and columns were like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graphml.tabular.aggregates import Features

MOVED = 0.25
"""Stability index from which a distribution has moved (Siddiqi 2006: below .1 it has not)."""

_BINS = 10
_MANY = 0.25
"""Share of the members of whom a column says more than of the rest, from which it says something."""
_LEAST = 1e-4
"""Smallest share of a bin: an empty one would be an infinite surprise."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """How values were distributed: shares of the bins between edges, and of what was missing.

    Attributes:
        edges: Inner ones, rising; a value on an edge is in the bin below it.
        shares: Of each bin, and then of NaN: ``len(edges) + 2`` of them.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, values: ArrayLike) -> Shape:
        """Return the shape of values, in tenths; fewer bins where values repeat.

        >>> Shape.of([1.0, 1.0, 1.0, 2.0])
        Shape(edges=(1.0,), shares=(0.75, 0.25, 0.0))
        """
        given = np.asarray(values, dtype=np.float64)
        there = given[~np.isnan(given)]
        edges: Floats = np.zeros(0)
        if len(there):
            # Values that are there, not between: what repeats keeps a bin of its own.
            tenths = np.arange(1, _BINS) / _BINS
            edges = np.unique(np.quantile(there, tenths, method="inverted_cdf"))
            edges = edges[edges < there.max()]
        return cls(edges=tuple(edges.tolist()), shares=tuple(_shares(edges, given).tolist()))

    def shares_of(self, values: ArrayLike) -> tuple[float, ...]:
        """Return what share of values each bin has, and then of NaN, as in ``shares``."""
        given = np.asarray(values, dtype=np.float64)
        return tuple(_shares(np.array(self.edges), given).tolist())

    def moved(self, values: ArrayLike) -> float:
        """Return the population stability index of values against the shape, at least 0.

        The sum over bins of (now − then) ln(now / then); Siddiqi 2006. 0 without values.
        """
        given = np.asarray(values, dtype=np.float64)
        if not len(given):
            return 0.0
        then = np.maximum(self.shares, _LEAST)
        now = np.maximum(self.shares_of(given), _LEAST)
        return float(((now - then) * np.log(now / then)).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What a model saw when it was chosen.

    Attributes:
        scores: Of its probabilities.
        columns: Of what it was told, by name.
    """

    scores: Shape
    columns: Mapping[str, Shape]

    @classmethod
    def of(cls, scores: ArrayLike, features: Features) -> Reference:
        """Return what scores and columns are like."""
        columns = {name: Shape.of(features[name]) for name in features.names}
        return cls(scores=Shape.of(scores), columns=columns)

    def drift(self, scores: ArrayLike, features: Features) -> dict[str, float]:
        """Return the stability index of ``score`` and of every column, the most moved first."""
        moved = {name: shape.moved(features[name]) for name, shape in self.columns.items()}
        columns = sorted(moved.items(), key=lambda one: (-one[1], one[0]))
        return {"score": self.scores.moved(scores), **dict(columns)}

    def missing(self, features: Features) -> list[str]:
        """Return the columns that said something of many members then, and say nothing of any now.

        Nothing is said by 0 and by NaN. Members of another store, or of one that lost a column,
        look like that.
        """
        return [
            name
            for name, shape in self.columns.items()
            if 1 - shape.shares[0] - shape.shares[-1] >= _MANY
            and not np.nan_to_num(features[name]).any()
        ]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        shapes = {"score": self.scores, **self.columns}
        return {name: [list(shape.edges), list(shape.shares)] for name, shape in shapes.items()}

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Reference:
        """Return what ``to_json`` returned.

        Raises:
            ValueError: It is damaged; likewise KeyError and TypeError.
        """
        shapes = {}
        for name, (edges, shares) in about.items():
            if len(shares) != len(edges) + 2:
                raise ValueError(f"{len(shares)} shares between {len(edges)} edges")
            shapes[name] = Shape(edges=tuple(map(float, edges)), shares=tuple(map(float, shares)))
        return cls(scores=shapes.pop("score"), columns=shapes)


def _shares(edges: Floats, values: Floats) -> Floats:
    missing = np.isnan(values)
    place = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, "left"))
    counts = np.bincount(place, minlength=len(edges) + 2)
    result: Floats = counts / max(1, len(values))
    return result
