"""Cross-fitting: models that are averaged, each fitted without one fold of the rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.propensity.flat_columns import FlatColumn
from graphml.propensity.flat_logistic import fit_logistic
from graphml.tabular.boosting import Matrix
from graphml.tabular.trees import TreeConfig, TreeModel, fit_trees
from graphml.training.metrics import average_precision

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Weights of the regression that are tried beside none at all."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS_A_LEAF = 100
_FEWEST_IN_LEAF = 5
_log = logging.getLogger(__name__)


def check_keys(rows: pl.Series, told: pl.Series) -> None:
    """Refuse labels of keys that no row, or more than one, has.

    Raises:
        UsageError: There are any.
    """
    if rows.n_unique() < len(rows) or told.n_unique() < len(told):
        raise UsageError("a key names two rows or has two labels", hint="each key once")
    if strangers := int((~told.is_in(rows.implode())).sum()):
        raise UsageError(f"{strangers} labels are of keys without a row", hint="the table's keys")


def folds_of(y: Ints, folds: int, *, seed: int) -> Ints:
    """Return the fold of each row, int64 [rows]: equal shares of either label in each.

    There are ``folds``, or as many as the rarer label has rows.

    Raises:
        UsageError: There are fewer than two rows of a label.
    """
    ones = int(y.sum())
    fewer = min(ones, len(y) - ones)
    if fewer < 2:
        raise UsageError(
            f"of {len(y)} labels to learn from {ones} are 1: at least 2 of either kind are needed",
            hint="rows with and without a purchase; positive in the card names labels that count as 1",
        )
    fold = np.empty(len(y), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(y))
    fold[order[np.argsort(y[order], kind="stable")]] = np.arange(len(y)) % min(folds, fewer)
    return fold


def cross_fitted(
    columns: Sequence[FlatColumn],
    values: Matrix,
    y: Ints,
    fold: Ints,
    config: TreeConfig,
    *,
    seed: int,
) -> tuple[tuple[TreeModel, ...], Floats, Floats]:
    """Return trees by fold held out, and log-odds by trees and by regression that did not see a row."""
    names = [column.name for column in columns]
    least = int(np.clip(len(y) // _ROWS_A_LEAF, _FEWEST_IN_LEAF, config.min_child_samples))
    trees: list[TreeModel] = []
    grown, straight = np.zeros(len(y)), np.zeros(len(y))
    for n in range(int(fold.max()) + 1):
        held = fold == n
        settings = replace(config, seed=seed + n, min_child_samples=least)
        trees.append(
            fit_trees(
                values[~held], y[~held], values[held], y[held], names=names, config=settings
            )
        )  # fmt: skip
        grown[held] = trees[-1].predict(values[held])
        straight[held] = fit_logistic(columns, values[~held], y[~held]).predict(values[held])
    return tuple(trees), grown, straight


def share_of(y: Ints, grown: Floats, straight: Floats, fold: Ints) -> float:
    """Return the regression's weight: one that helps in all folds but at most one, else 0."""
    parts = [fold == n for n in range(int(fold.max()) + 1)]

    def precision(share: float) -> Floats:
        scores = (1 - share) * grown + share * straight
        return np.array([average_precision(y[part], scores[part]) for part in parts])

    alone = precision(0.0)
    gains = {share: precision(share) - alone for share in SHARES}
    best = max(SHARES, key=lambda share: gains[share].mean())
    agreed = (gains[best] > 0).sum() >= max(2, len(parts) - 1)
    chosen = best if agreed and gains[best].mean() > 0 else 0.0
    _log.info("average precision %.4f by trees, regression's weight %.2f", alone.mean(), chosen)
    return chosen
