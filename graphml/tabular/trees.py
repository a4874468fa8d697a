"""Boosted trees over columns of numbers, by LightGBM: fitted, asked, explained, kept as text."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from graphml.errors import ConfigError, UsageError
from graphml.store.files import clear_errors, read_saved, replace_file
from graphml.tabular.boosting import (
    Floats,
    Matrix,
    booster_of,
    check_classes,
    check_table,
    grouped,
    labels_of,
    lightgbm,
    log_odds,
    refuse_other_names,
    weights_of,
    without_infinities,
)

FORMAT = 1
_ABOUT = "trees.json"
_MOST = 2**31 - 1
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("min_child_samples", "rounds", "patience"), (1, _MOST)),
    "learning_rate": (1e-6, 1),
    "num_leaves": (2, 131_072),
    "feature_fraction": (1e-3, 1),
    "bagging": (1e-3, 1),
    "l2": (0, 1e6),
    "seed": (0, _MOST),
    "threads": (0, 1_024),
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeConfig:
    """How trees are grown."""

    learning_rate: float = 0.05
    """How much of each tree counts."""
    num_leaves: int = 31
    """Most leaves of a tree."""
    min_child_samples: int = 20
    """Fewest training rows in a leaf."""
    rounds: int = 2_000
    """Most trees."""
    patience: int = 100
    """Trees without a better validation after which growing ends."""
    feature_fraction: float = 0.8
    """Share of the columns that each tree may look at, above 0."""
    bagging: float = 0.8
    """Share of the rows, or of the groups, that each tree is grown on, above 0."""
    l2: float = 1.0
    """Penalty of large leaves."""
    seed: int = 0
    threads: int = 0
    """Cores used; 0 for all. The model is the same with any number."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"trees.{name} is {value}", hint=f"between {low} and {high}")

    def parameters(self) -> dict[str, Any]:
        """Return the settings under the library's names."""
        return {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging,
            "bagging_freq": int(self.bagging < 1),
            "lambda_l2": self.l2,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            # By columns the model of drawn groups was another one with other numbers of threads.
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TreeModel:
    """Trees that say how likely each row is a 1.

    Attributes:
        names: Of the columns, in order.
        text: The trees in LightGBM's text format, where column n is called ``c{n}``.
        best_round: How many trees there are.
        correction: Added to the log-odds, for weights in training that changed how often 1 comes.
        importances: Each column's share of what all splits gained, summing to 1; 0 without splits.
    """

    names: tuple[str, ...]
    text: str
    best_round: int
    correction: float
    importances: tuple[float, ...]

    @classmethod
    def of(cls, booster: Any, *, names: Sequence[str], correction: float = 0.0) -> TreeModel:
        """Return what LightGBM grew, up to its best round."""
        best = max(1, booster.best_iteration)
        gains = np.asarray(booster.feature_importance("gain", best), dtype=np.float64)
        _log.info("%d trees", best)
        return cls(
            names=tuple(names),
            # What it was grown with is kept in the text; the number of threads is no part of it.
            text=re.sub(r"\[num_threads: \d+\]\n", "", booster.model_to_string(num_iteration=best)),
            best_round=best,
            correction=correction,
            importances=tuple((gains / max(gains.sum(), 1e-300)).tolist()),
        )

    def predict(self, values: Matrix, *, names: Sequence[str] | None = None) -> Floats:
        """Return the log-odds of 1, float64 [rows].

        Args:
            values: Float32 [rows, features]; NaN and infinities are missing.
            names: Of the columns given, to be held against the model's.

        Raises:
            UsageError: The columns are not the model's.
        """
        clean = self._fitting(values, names)
        if not len(clean):
            return np.zeros(0)
        raw = booster_of(self.text).predict(clean, raw_score=True)
        result: Floats = np.asarray(raw, dtype=np.float64) + self.correction
        return result

    def contributions(self, values: Matrix, *, names: Sequence[str] | None = None) -> Floats:
        """Return what each column adds to the log-odds, float64 [rows, features + 1].

        SHAP values of trees (Lundberg, Erion, Lee 2018). The last column is what rows have in
        common; a row's sum is what ``predict`` returns. Arguments and errors are its, too.
        """
        clean = self._fitting(values, names)
        if not len(clean):
            return np.zeros((0, len(self.names) + 1))
        raw = booster_of(self.text).predict(clean, pred_contrib=True)
        result = np.array(raw, dtype=np.float64).reshape(len(clean), len(self.names) + 1)
        result[:, -1] += self.correction
        return result

    @property
    def digest(self) -> str:
        """SHA-256 of the trees' text, in hex."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, in place of one there; no pickle.

        The trees lie in a file of text that is named by its digest, all else in ``trees.json``,
        which is replaced last: at any moment the folder holds the old model or the new one whole.

        Raises:
            StoreError: The disk is full; what was there before stays.
            StorePermissionError: The folder may not be written.
        """
        digest = self.digest
        about = {
            "format": FORMAT,
            "trees": digest,
            "names": self.names,
            "best_round": self.best_round,
            "correction": self.correction,
            "importances": self.importances,
        }
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            kept = folder / _trees_file(digest)
            replace_file(kept, self.text.encode("ascii"))
            replace_file(folder / _ABOUT, json.dumps(about, indent=1).encode("ascii"))
            for old in folder.glob(_trees_file("*")):
                if old != kept:
                    old.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> TreeModel:
        """Return the model that ``save`` wrote.

        Raises:
            UsageError: There is none, or it is damaged, or of another format.
        """
        absent = UsageError(f"no trees in {folder}", hint="train with trees, or name its folder")
        return read_saved(
            folder / _ABOUT, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )

    def _fitting(self, values: Matrix, names: Sequence[str] | None) -> Matrix:
        if names is not None:
            refuse_other_names(self.names, tuple(names))
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise UsageError(
                f"the trees know {len(self.names)} columns, got values of shape {values.shape}",
                hint="ask with the columns that the model was trained on",
            )
        return without_infinities(values)


def fit_trees(
    train_x: Matrix,
    train_y: ArrayLike,
    valid_x: Matrix,
    valid_y: ArrayLike,
    *,
    names: Sequence[str],
    config: TreeConfig,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> TreeModel:
    """Return boosted trees (Ke et al. 2017) of as many rounds as do best on validation.

    Best is the highest average precision; where all of validation is alike, the lowest log loss.
    Nothing is drawn again or left out for rare 1s. The same rows in the same order give the same
    model with any number of threads.

    Args:
        train_x: Float32 [rows, features]; NaN and infinities are missing.
        train_y: 0 or 1, [rows].
        valid_x: As ``train_x``, at least one row.
        valid_y: 0 or 1, [rows].
        names: Of the columns: any text, each once.
        config: How trees are grown.
        weights: Of the training rows, at least 0. They decide what is learned about whom; the
            log-odds are put back to how often 1 comes without them (King, Zeng 2001).
        groups: Whose each training row is; each tree is then grown on whole groups, so that the
            many moments of one member do not stand on both sides of a draw.

    Raises:
        ValueError: Shapes, names, labels or weights are not as above.
        UsageError: All training rows that weigh anything are of one class, or there are no
            validation rows.
    """
    train_y, valid_y = labels_of("train_y", train_y), labels_of("valid_y", valid_y)
    check_table("train", train_x, train_y, names)
    check_table("valid", valid_x, valid_y, names)
    weight = weights_of(weights, len(train_y))
    check_classes(train_y, weight, len(valid_y))
    rows, sizes = grouped(groups, len(train_y))
    library = lightgbm()
    columns, quiet = [f"c{n}" for n in range(len(names))], {"verbosity": -1}
    parameters = config.parameters() | {
        "objective": "binary",
        "metric": "binary_logloss" if len(np.unique(valid_y)) < 2 else "average_precision",
        "bagging_by_query": sizes is not None,
    }
    train_x = without_infinities(train_x if sizes is None else train_x[rows])
    train = library.Dataset(
        train_x, train_y[rows], weight=None if weights is None else weight[rows],
        group=sizes, feature_name=columns, params=quiet,
    )  # fmt: skip
    # With groups in training, validation needs some too; they play no part in these metrics.
    alone = None if sizes is None else np.ones(len(valid_y), dtype=np.int64)
    valid = library.Dataset(
        without_infinities(valid_x), valid_y, group=alone,
        reference=train, feature_name=columns, params=quiet,
    )  # fmt: skip
    stop = library.early_stopping(config.patience, verbose=False)
    booster = library.train(parameters, train, config.rounds, [valid], callbacks=[stop])
    correction = 0.0 if weights is None else log_odds(train_y) - log_odds(train_y, weight)
    return TreeModel.of(booster, names=names, correction=correction)


def _trees_file(digest: str) -> str:
    return f"trees-{digest[:16]}.txt"


def _read(folder: Path, about: dict[str, Any]) -> TreeModel:
    content = (folder / _trees_file(about["trees"])).read_bytes()
    if hashlib.sha256(content).hexdigest() != about["trees"]:
        raise ValueError("the trees are not those it was written with")
    names, importances = tuple(about["names"]), tuple(map(float, about["importances"]))
    if len(names) != len(importances) or not all(isinstance(name, str) for name in names):
        raise ValueError("names and importances do not fit")
    return TreeModel(
        names=names, text=content.decode("ascii"), best_round=int(about["best_round"]),
        correction=float(about["correction"]), importances=importances,
    )  # fmt: skip
