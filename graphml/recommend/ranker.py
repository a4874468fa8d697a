"""The order of candidates: trees that learn which ones members went on to buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.recommend.candidates import Candidates
from graphml.tabular.boosting import lightgbm, without_infinities
from graphml.tabular.trees import TreeConfig, TreeModel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

LIST = 20
"""Length of the lists that methods are chosen by."""
_SURPLUS = 50
"""Candidates that were not bought, for each one that was, at most: more teach little."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Asked:
    """Candidates of members as of one moment, what is known of them, and which were bought after.

    Attributes:
        candidates: Of the members who bought anything within the horizon.
        names, values: What a ranker is told, float32 [candidates, names].
        bought: Which ones the member bought within the horizon, bool [candidates].
        wanted: How many products each member bought in it, candidates or not, int64 [members].
        sold: Purchases of each product, those of thirty days ago for half, float64 [products].
        there: How many products there are by the moment.
    """

    candidates: Candidates
    names: tuple[str, ...]
    values: Matrix
    bought: NDArray[np.bool_]
    wanted: Ints
    sold: Floats
    there: int

    def column(self, name: str) -> Matrix:
        """Return one of the columns, float32 [candidates]."""
        return self.values[:, self.names.index(name)]


def fit_ranker(train: Sequence[Asked], valid: Asked, *, config: TreeConfig) -> TreeModel:
    """Return trees whose sum orders a member's candidates (LambdaMART, Burges 2010).

    As many trees as have the highest NDCG of 20 on validation.

    Args:
        train: Of moments whose horizons ended before validation's moment.
        valid: Chosen by.
        config: How trees are grown.

    Raises:
        UsageError: No candidate of training, or of validation, was bought.
    """
    for name, parts in (("training", train), ("validation", [valid])):
        if not any(part.bought.any() for part in parts):
            raise UsageError(
                f"no product that could have been recommended was bought in {name}",
                hint="more history, or a longer horizon_days under [recommend]",
            )
    library = lightgbm()
    rng = np.random.default_rng(config.seed)
    kept = [_thinned(part, rng) for part in train]
    x = np.concatenate([p.values[rows] for p, rows in zip(train, kept, strict=True)])
    y = np.concatenate([p.bought[rows] for p, rows in zip(train, kept, strict=True)])
    sizes = np.concatenate(
        [_sizes(p.candidates.owner[rows]) for p, rows in zip(train, kept, strict=True)]
    )
    columns, quiet = [f"c{n}" for n in range(len(valid.names))], {"verbosity": -1}
    data = library.Dataset(
        without_infinities(x), y.astype(np.int64), group=sizes, feature_name=columns, params=quiet
    )
    against = library.Dataset(
        without_infinities(valid.values), valid.bought.astype(np.int64),
        group=_sizes(valid.candidates.owner), reference=data, feature_name=columns, params=quiet,
    )  # fmt: skip
    stop = library.early_stopping(config.patience, verbose=False)
    booster = library.train(_parameters(config), data, config.rounds, [against], callbacks=[stop])
    return TreeModel.of(booster, names=valid.names)


def _parameters(config: TreeConfig) -> dict[str, object]:
    return config.parameters() | {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [LIST],
        # What is far below the list's end may still be worth ordering; twice its length does.
        "lambdarank_truncation_level": 2 * LIST,
    }


def _thinned(asked: Asked, rng: np.random.Generator) -> Ints:
    """Return the rows to learn from: of members who bought a candidate, and not all others."""
    owner = asked.candidates.owner
    hits = np.bincount(owner, asked.bought, minlength=len(asked.wanted))
    every = np.bincount(owner, minlength=len(asked.wanted))
    share = np.divide(_SURPLUS * hits, np.maximum(every - hits, 1))
    drawn = rng.random(len(owner)) < share[owner]
    return np.flatnonzero((hits[owner] > 0) & (asked.bought | drawn))


def _sizes(owner: Ints) -> Ints:
    return np.unique(owner, return_counts=True)[1]
