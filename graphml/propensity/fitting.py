"""From a graph to a model of behaviour: every method on the same rows, the best by validation."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError
from graphml.graph.build import Graph
from graphml.propensity.answers import TARGETS, Asked, ask
from graphml.propensity.model import METHODS, PropensityModel, Target, Told, told_of
from graphml.propensity.recency import fit_recency
from graphml.tabular.aggregates import Features
from graphml.tabular.calibration import Calibrator, fit_calibrator
from graphml.tabular.reliability import expected_calibration_error
from graphml.tabular.trees import TreeConfig, fit_trees
from graphml.training.judging import beside
from graphml.training.metrics import auroc

if TYPE_CHECKING:
    from graphml.propensity.sequence import SequenceModel

FEWEST = 20
"""Answers of either kind that a target needs, to learn from and to choose by."""

Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A model, and what its validation saw.

    Attributes:
        model: With the method of each target that did best.
        validation: AUROC on validation, by target and method.
        train: How many rows were learned from.
        valid: How many were chosen by.
        left_out: Targets that the past cannot teach.
    """

    model: PropensityModel
    validation: Mapping[str, Mapping[str, float]]
    train: int
    valid: int
    left_out: tuple[str, ...]


def fit_propensity(
    graph: Graph,
    train: list[datetime],
    valid: datetime,
    *,
    config: PropensityConfig,
    digests: Mapping[str, str],
) -> Fitted:
    """Return the model of behaviour whose methods do best as of ``valid``.

    For each target the method with the highest AUROC on validation ships, calibrated there.

    Args:
        graph: That reaches beyond validation's horizon; each row sees what was there by its moment.
        train: Moments whose horizons end by ``valid``.
        valid: To choose by.
        config: How to train.
        digests: Of settings and data.

    Raises:
        NothingToDoError: No target has answers of both kinds to learn from.
    """
    horizon = timedelta(days=config.horizon_days)
    assert max(train) + horizon <= valid
    learn = Asked.joined([ask(graph, moment, config) for moment in train])
    choose = ask(graph, valid, config)
    names = [name for name in TARGETS if all(_both(part, name) for part in (learn, choose))]
    left_out = tuple(name for name in TARGETS if name not in names)
    _log.info("%d rows to learn from, %d to choose by", len(learn), len(choose))
    if not names:
        raise NothingToDoError(
            f"nothing to learn: fewer than {FEWEST} members did, or fewer than that did not, "
            "any of " + ", ".join(TARGETS),
            hint="more history, or another horizon_days, or more asked under [propensity]",
        )
    sequence = _sequence(graph, learn, choose, names, config) if config.sequence else None
    told = told_of(graph, learn.nodes, learn.as_of, None)
    asked = told_of(graph, choose.nodes, choose.as_of, sequence)
    targets, validation = {}, {}
    for name in names:
        targets[name], validation[name] = _target(name, learn, told, choose, asked, config)
    uses = any("sequence" in METHODS[target.method] for target in targets.values())
    model = PropensityModel(
        targets=targets,
        sequence=sequence if uses else None,
        config=config,
        trained_until=max(train) + horizon,
        chosen_until=valid + horizon,
        digests=digests,
    )
    return Fitted(
        model=model, validation=validation, train=len(learn), valid=len(choose), left_out=left_out
    )


def _answers(part: Asked, name: str) -> NDArray[np.float32]:
    column: NDArray[np.float32] = part.y[:, TARGETS.index(name)]
    return column


def _both(part: Asked, name: str) -> bool:
    y = _answers(part, name)
    return bool(min((y == 1).sum(), (y == 0).sum()) >= FEWEST)


def _sequence(
    graph: Graph, learn: Asked, choose: Asked, names: list[str], config: PropensityConfig
) -> SequenceModel:
    from graphml.propensity.sequence import Sequences, fit_sequence

    places = [TARGETS.index(name) for name in names]
    return fit_sequence(
        Sequences(graph), learn.nodes, learn.as_of, learn.y[:, places],
        choose.nodes, choose.as_of, choose.y[:, places], targets=tuple(names), seed=config.seed,
    )  # fmt: skip


def _target(
    name: str, learn: Asked, told: Told, choose: Asked, asked: Told, config: PropensityConfig
) -> tuple[Target, dict[str, float]]:
    train_y, valid_y = _answers(learn, name), _answers(choose, name)
    rows, judged = np.flatnonzero(~np.isnan(train_y)), np.flatnonzero(~np.isnan(valid_y))
    known, shown = _only(told, rows), _only(asked, judged)
    y, answer = train_y[rows].astype(np.int64), valid_y[judged].astype(np.int64)
    trees = fit_trees(
        known.features.values, y, shown.features.values, answer,
        names=known.features.names, config=TreeConfig(seed=config.seed), groups=learn.nodes[rows],
    )  # fmt: skip
    recency = fit_recency(known.features, y)
    made = Target(
        method="trees", trees=trees, recency=recency, calibrator=Calibrator(method="none")
    )
    said = {method: made.log_odds(shown, name, method) for method in methods_of(shown)}
    good = {method: auroc(answer, scores) for method, scores in said.items()}
    best = max(good, key=lambda method: good[method])
    _log.info("%s: %s", name, ", ".join(f"{method} {value:.4f}" for method, value in good.items()))
    calibrator = fit_calibrator(said[best], answer)
    return Target(method=best, trees=trees, recency=recency, calibrator=calibrator), good


def methods_of(told: Told) -> list[str]:
    """Return the methods that can be asked: without a network all but those that need it."""
    return [
        name
        for name, parts in METHODS.items()
        if told.sequence is not None or "sequence" not in parts
    ]


def _only(told: Told, rows: NDArray[np.int64]) -> Told:
    return Told(
        features=Features(names=told.features.names, values=told.features.values[rows]),
        sequence=None if told.sequence is None else told.sequence[rows],
    )


def report_rows(model: PropensityModel, graph: Graph, asked: Asked) -> list[dict[str, Any]]:
    """Return a row for each target and method, the one that ships first.

    AUROC and average precision with 95 % intervals (bootstrap by member); ``above``: by how much
    the AUROC of the method that ships is above this one's, on the same samples; of the method that
    ships the expected calibration error, too; ``base_rate``: how often it came true.

    Args:
        model: To be judged.
        graph: That reaches beyond the horizon.
        asked: Later than all that the model knows.
    """
    told = told_of(graph, asked.nodes, asked.as_of, model.sequence)
    result = []
    for name, target in model.targets.items():
        y = _answers(asked, name)
        rows = np.flatnonzero(~np.isnan(y))
        answer, shown, owners = y[rows].astype(np.int64), _only(told, rows), asked.nodes[rows]
        shipped = target.log_odds(shown, name)
        methods = [target.method, *(m for m in methods_of(shown) if m != target.method)]
        for method in methods:
            said = target.log_odds(shown, name, method)
            row = {
                "target": name,
                "method": method,
                "ships": method == target.method,
                **beside(answer, said, shipped, owners, seed=model.config.seed),
                "calibration_error": expected_calibration_error(
                    target.probability(shown, name), answer
                )
                if method == target.method
                else None,
                "base_rate": float(answer.mean()) if len(answer) else float("nan"),
                "members": len(answer),
            }
            result.append(row)
    return result
