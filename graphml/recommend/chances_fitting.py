"""From a graph to the chances of pairs: what members did with the products that sources named for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError
from graphml.graph.build import Graph
from graphml.recommend.chances import BAR, METHODS, TREES, PairModel, PairTarget, bar_columns
from graphml.recommend.chances_asked import KINDS, AskedPairs, ask
from graphml.tabular.calibration import Calibrator, fit_calibrator
from graphml.tabular.logistic import logistic_weights
from graphml.tabular.reliability import expected_calibration_error
from graphml.tabular.trees import TreeConfig, fit_trees
from graphml.training.judging import beside
from graphml.training.metrics import average_precision, log_loss

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

FEWEST = 20
"""Members who did, and pairs that came to nothing, that a target needs to learn from and to choose by."""
_LEARNED = 400_000
"""Pairs to learn from, about: beyond it those that came to nothing are thinned."""
_LEAST = 1 / 64
"""Share of them that is always kept."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FittedPairs:
    """A model of pairs, and what its validation saw.

    Attributes:
        model: With the method of each target that did best.
        validation: Average precision on validation, by target and method.
        train, valid: How many pairs were learned from, and chosen by.
        share: Of the pairs that came to nothing, how many were learned from.
        left_out: Kinds of events that the past cannot teach.
    """

    model: PairModel
    validation: Mapping[str, Mapping[str, float]]
    train: int
    valid: int
    share: float
    left_out: tuple[str, ...]


def fit_pairs(
    graph: Graph,
    train: list[datetime],
    valid: datetime,
    *,
    config: PropensityConfig,
    digests: Mapping[str, str],
) -> FittedPairs:
    """Return the model of pairs whose methods do best as of ``valid``.

    For each target the method with the highest average precision on validation ships. Both are
    calibrated there, on all pairs: those that came to nothing are thinned for training alone.

    Args:
        graph: That reaches beyond validation's horizon.
        train: Moments whose horizons end by ``valid``.
        valid: To choose and to calibrate by.
        config: How to train.
        digests: Of settings and data.

    Raises:
        NothingToDoError: No kind of event has answers of both kinds to learn from.
    """
    horizon = timedelta(days=config.horizon_days)
    assert max(train) + horizon <= valid
    learn, share = _learned(graph, train, config)
    choose = ask(graph, valid, config)
    names = [kind for kind in KINDS if all(_teaches(part, kind) for part in (learn, choose))]
    if not names:
        raise NothingToDoError(
            f"fewer than {FEWEST} members did anything with a product that a source named",
            hint="more history, or another horizon_days, or more asked under [propensity]",
        )
    targets, validation = {}, {}
    for kind in names:
        targets[kind], validation[kind] = _target(kind, learn, share, choose, config)
    model = PairModel(
        targets=targets,
        config=config,
        trained_until=max(train) + horizon,
        chosen_until=valid + horizon,
        digests=digests,
    )
    return FittedPairs(
        model=model, validation=validation, train=len(learn), valid=len(choose), share=share,
        left_out=tuple(kind for kind in KINDS if kind not in names),
    )  # fmt: skip


def _learned(
    graph: Graph, train: list[datetime], config: PropensityConfig
) -> tuple[AskedPairs, float]:
    """Return what is learned from, and the share of what came to nothing that is among it."""
    parts: list[AskedPairs] = []
    share = 1.0
    for moment in train:
        try:
            parts.append(ask(graph, moment, config, share=share))
        except NothingToDoError as error:
            _log.info("nothing to learn from: %s", error)
        while sum(map(len, parts)) > _LEARNED and share > _LEAST:
            share /= 2
            # A pair's draw stays, so the pairs left are those that the smaller share would have kept.
            parts = [part.thinned(share) for part in parts]
    if not parts:
        raise NothingToDoError(
            "no source names a product for anybody at the moments to learn from",
            hint="more history, or purchases with product_id",
        )
    return AskedPairs.joined(parts), share


def _teaches(part: AskedPairs, kind: str) -> bool:
    did = part.of(kind)
    return min(len(np.unique(part.member[did])), int((~did).sum())) >= FEWEST


def _target(
    kind: str, learn: AskedPairs, share: float, choose: AskedPairs, config: PropensityConfig
) -> tuple[PairTarget, dict[str, float]]:
    # Of another kind all that came true is there, of this kind only a share of what did not.
    rows = np.flatnonzero(learn.of(kind) | (learn.draw < share))
    values, y = learn.values[rows], learn.of(kind)[rows].astype(np.int64)
    answer = choose.of(kind).astype(np.int64)
    _log.info("%s of a product: growing trees on %d pairs", kind, len(rows))
    trees = fit_trees(
        values, y, choose.values, answer, names=learn.names, config=_trees(len(rows), config.seed),
        groups=learn.member[rows],
    )  # fmt: skip
    *weights, constant = logistic_weights(bar_columns(learn.names, values), y)
    # What thinning did to the odds is undone (King, Zeng 2001).
    rarer = float(np.log(share))
    made = PairTarget(
        method=TREES,
        trees=replace(trees, correction=rarer),
        bar=(*weights, constant + rarer),
        calibrators={},
    )
    said = {method: made.log_odds(choose.names, choose.values, method) for method in METHODS}
    good = {method: average_precision(answer, scores) for method, scores in said.items()}
    _log.info(
        "%s of a product: average precision %s",
        kind, ", ".join(f"{method} {value:.4f}" for method, value in good.items()),
    )  # fmt: skip
    calibrators = {m: calibrator_of(said[m], answer, choose.member) for m in METHODS}
    best = TREES if good[TREES] >= good[BAR] else BAR
    return replace(made, method=best, calibrators=calibrators), good


def _trees(pairs: int, seed: int) -> TreeConfig:
    # Few pairs come true: with leaves of twenty pairs trees were below the bar on a shop for food.
    return TreeConfig(num_leaves=15, min_child_samples=max(20, pairs // 1_000), l2=50.0, seed=seed)


def calibrator_of(scores: Floats, y: Ints, owners: Ints) -> Calibrator:
    """Return what makes probabilities of scores; no step at the top stands on few members alone.

    Pairs of one member are not independent: a handful that all came true would promise certainty.
    What is beyond the scores of the first twenty members gets no more than was true of these.

    Args:
        scores: Log-odds, float64 [pairs].
        y: 0 or 1, int64 [pairs].
        owners: The members, int64 [pairs].
    """
    found = fit_calibrator(scores, y)
    if found.method != "isotonic":
        return found
    order = np.argsort(-scores, kind="stable")
    first = np.sort(np.unique(owners[order], return_index=True)[1])
    top = order[: first[: FEWEST + 1][-1]]
    at, heights = found.knots
    most = max(float(y[top].mean()), float(np.interp(scores[top[-1]], at, heights)))
    return replace(found, knots=(at, tuple(min(height, most) for height in heights)))


def report_rows(model: PairModel, asked: AskedPairs) -> list[dict[str, Any]]:
    """Return a row for each target and method, the one that ships first.

    ``target``: as ``purchase of a product``. AUROC and average precision with 95 % intervals
    (bootstrap by member), and how much those of the method that ships are above this one's, on the
    same samples; calibration error and log loss of each method's probabilities; ``base_rate``: how
    often it came true; ``members`` and ``pairs``; ``named``: the share of what these members did
    that was about products that a source had named.

    Args:
        model: To be judged.
        asked: Later than all that the model knows, not thinned.
    """
    result = []
    for kind, target in model.targets.items():
        answer = asked.of(kind).astype(np.int64)
        shipped = target.log_odds(asked.names, asked.values)
        done = int(asked.done[KINDS.index(kind)])
        for method in (target.method, *(m for m in METHODS if m != target.method)):
            said = target.log_odds(asked.names, asked.values, method)
            chance = target.calibrators[method].apply(said)
            row = {
                "target": f"{kind} of a product",
                "method": method,
                "ships": method == target.method,
                **beside(answer, said, shipped, asked.member, seed=model.config.seed),
                "calibration_error": expected_calibration_error(chance, answer),
                "log_loss": log_loss(answer, chance),
                "base_rate": float(answer.mean()),
                "members": asked.members,
                "pairs": len(asked),
                "named": int(answer.sum()) / done if done else float("nan"),
            }
            result.append(row)
    return result
