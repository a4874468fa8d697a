"""Logistic regression on a flat table's numbers: what trees are held against, and blended with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.propensity.flat_columns import FlatColumn
from graphml.tabular.boosting import Matrix

ONE_HOT = 30
"""Categories of a text that have a weight: the most frequent ones."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FAR = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic:
    """Logistic regression with an L2 penalty.

    A number x is sign(x) ln(1 + |x|), standardised, 0 where it is missing, with a second term that
    says whether it is; a text is one term for each of its most frequent categories.

    Attributes:
        hot: Terms of each column that is a text, 0 of others.
        middle, width: Of each column that is no text.
        weights: Of the terms, in order of the columns.
        bias: The log-odds where all terms are 0.
    """

    hot: tuple[int, ...]
    middle: tuple[float, ...]
    width: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def predict(self, values: Matrix) -> Floats:
        """Return the log-odds of 1, float64 [rows]; ``values`` float32 [rows, columns]."""
        found: Floats = self._terms(values) @ np.array(self.weights) + self.bias
        return found

    def _terms(self, values: Matrix) -> Floats:
        blocks = []
        for at, (hot, middle, width) in enumerate(
            zip(self.hot, self.middle, self.width, strict=True)
        ):
            cells = values[:, at].astype(np.float64)
            if hot:
                blocks.append((cells[:, None] == np.arange(hot)).astype(np.float64))
                continue
            z = np.clip((_bent(cells) - middle) / width, -_FAR, _FAR)
            missing = np.isnan(z)
            blocks.append(np.column_stack([np.where(missing, 0.0, z), missing]))
        return np.hstack(blocks)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "hot": list(self.hot), "middle": list(self.middle), "width": list(self.width),
            "weights": list(self.weights), "bias": self.bias,
        }  # fmt: skip

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Logistic:
        """Return what ``to_json`` returned.

        Raises:
            ValueError: It is damaged.
        """
        hot = tuple(map(int, about["hot"]))
        middle, width, weights = (
            tuple(map(float, about[name])) for name in ("middle", "width", "weights")
        )
        found = cls(hot=hot, middle=middle, width=width, weights=weights, bias=float(about["bias"]))
        if len({len(hot), len(middle), len(width)}) > 1 or len(weights) != sum(h or 2 for h in hot):
            raise ValueError("the regression's numbers do not fit")
        if not np.isfinite([*middle, *width, *weights, found.bias]).all():
            raise ValueError("the regression has numbers that are not finite")
        return found


def fit_logistic(columns: Sequence[FlatColumn], values: Matrix, y: Ints) -> Logistic:
    """Return the regression of ``y`` (0 or 1, both of them there, [rows]) on encoded rows.

    Args:
        columns: Of the table.
        values: Float32 [rows, columns], as ``encoded`` returns them.
        y: 0 or 1, [rows].
    """
    from sklearn.linear_model import LogisticRegression

    texts = [column.kind == "text" and bool(column.categories) for column in columns]
    hot = tuple(
        min(ONE_HOT, len(column.categories)) if text else 0
        for column, text in zip(columns, texts, strict=True)
    )
    scales = [_scale(_bent(values[:, at])) for at in range(len(columns))]
    empty = Logistic(
        hot=hot,
        middle=tuple(middle for middle, _ in scales),
        width=tuple(width for _, width in scales),
        weights=(),
        bias=0.0,
    )
    fitted = LogisticRegression(max_iter=2_000).fit(empty._terms(values), y)
    return Logistic(
        hot=empty.hot,
        middle=empty.middle,
        width=empty.width,
        weights=tuple(map(float, fitted.coef_[0])),
        bias=float(fitted.intercept_[0]),
    )


def _bent(cells: NDArray[Any]) -> Floats:
    given = cells.astype(np.float64)
    result: Floats = np.sign(given) * np.log1p(np.abs(given))
    return result


def _scale(cells: Floats) -> tuple[float, float]:
    known = cells[~np.isnan(cells)]
    if not len(known):
        return 0.0, 1.0
    return float(known.mean()), float(known.std()) or 1.0
