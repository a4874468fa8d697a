"""Training a fraud detector: bars and blends on the same labels, the best by what a team can review."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.config import FraudConfig, TrainConfig
from graphml.fraud.detector import FraudDetector, ask_network, weighed
from graphml.fraud.drift import Reference
from graphml.fraud.evidence import Described, Describer, flat_columns
from graphml.graph.build import Graph
from graphml.tabular.accusations import Accusing, accusing, fit_accused
from graphml.tabular.aggregates import Features
from graphml.tabular.calibration import Calibrator, fit_calibrator
from graphml.tabular.reliability import expected_calibration_error
from graphml.tabular.trees import TreeConfig, TreeModel, fit_trees
from graphml.tasks.labels import Labels
from graphml.training.bootstrap import paired_interval
from graphml.training.fit import fit
from graphml.training.metrics import recall_at_share
from graphml.training.model import GraphModel
from graphml.training.questions import Seeds, seeds_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLENDS: Mapping[str, Mapping[str, float]] = {
    "blend": {"structure": 1.0, "trees": 0.5},
    "blend with network": {"structure": 1.0, "trees": 0.5, "network": 0.25},
    "structure": {"structure": 1.0},
    "aggregates": {"trees": 1.0},
    "network": {"network": 1.0},
}
"""What may ship, by the weight of each part's log-odds; the first unless another is clearly better."""
BARS: Mapping[str, Mapping[str, float]] = {"flat": {"flat": 1.0}}
"""What is beside them in the report and never ships."""
FEWEST = 10
"""With fewer accused members to learn from or to choose by, candidate rings alone are the model."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Part:
    """One part of the split: whom it asks about, the answers, and what is told of them."""

    labels: Labels
    seeds: Seeds
    y: Ints
    told: Described

    @classmethod
    def of(cls, describer: Describer, labels: Labels, *, seed: int) -> Part:
        """Return ``labels`` with what is told of their members."""
        rows = labels.rows
        seeds = seeds_of(describer.graph, "member", rows["member_id"], rows["as_of"], seed=seed)
        return cls(
            labels=labels,
            seeds=seeds,
            y=rows["y"].to_numpy().astype(np.int64),
            told=describer.members(seeds.nodes, seeds.as_of),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A detector, and how it and the bars did.

    Attributes:
        detector: The method chosen.
        chosen: Its name among the methods.
        validation: By method: share of the accused among the members that can be reviewed.
        scores: By method: the log-odds of the test part's rows.
        test: The test part; ``None`` without.
        valid: The validation part.
        risk: The chosen method's log-odds of its rows.
        describer: Of the graph, with the candidate rings of every moment that was asked about.
        network: What was tried, asked by the detector or not; ``None`` where none was.
    """

    detector: FraudDetector
    chosen: str
    validation: Mapping[str, float]
    scores: Mapping[str, Floats]
    test: Part | None
    valid: Part
    risk: Floats
    describer: Describer
    network: GraphModel | None = None


def fit_detector(
    graph: Graph,
    train: Labels,
    valid: Labels,
    test: Labels | None,
    config: FraudConfig,
    network: TrainConfig | None,
    *,
    complete: bool,
    digests: Mapping[str, str],
) -> Fitted:
    """Return the detector that does best on ``valid``, with every method's scores on ``test``.

    Methods are compared by the share of the accused that are among the members a team can review:
    frauds that nobody accused stand high in a good ranking and would spoil its precision, but not
    that. The blend ships unless another ``shippable`` method is surely better: 95 %, on the same
    samples. Where silence is no acquittal, the silent weigh the less the more suspicious their
    company is.

    Args:
        graph: All that is known; each label sees what was there by its moment.
        train: Learned from.
        valid: Later: chosen and calibrated by.
        test: Later still: reported on.
        config: Capacity and seed.
        network: Of the network; ``None`` for none.
        complete: Whether the unaccused are innocent.
        digests: Of settings and data.

    Raises:
        UsageError: The labels do not fit the graph.
    """
    describer = Describer(graph)
    _log.info("describing %d training and %d validation rows", len(train), len(valid))
    learn, choose = (Part.of(describer, part, seed=config.seed) for part in (train, valid))
    accused = [len(np.unique(part.seeds.nodes[part.y == 1])) for part in (learn, choose)]
    parts: dict[str, Any] = {"structure": None}
    if min(accused) < FEWEST:
        _log.warning(
            "only candidate rings are used: %d accused members to learn from, %d to choose by, and at "
            "least %d are needed of each", *accused, FEWEST,
        )  # fmt: skip
    else:
        parts |= _trees(learn, choose, config, complete=complete)
        if network is not None:
            parts["network"] = fit(graph, train, valid, network)
    asked = {"valid": choose}
    if test is not None:
        asked["test"] = Part.of(describer, test, seed=config.seed)
    scores = {name: _scores(parts, part, graph) for name, part in asked.items()}
    ranked = {n: scores["valid"][n] for n in shippable(complete=complete) if n in scores["valid"]}
    found = {name: _recall(choose, some, config.capacity) for name, some in scores["valid"].items()}
    chosen = next(iter(ranked))
    if choose.y.any():
        chosen = _chosen(choose, ranked, capacity=config.capacity, seed=config.seed)
    _log.info("%s: %.3f of the accused within capacity", chosen, found[chosen])
    calibrator, how = _calibrated(choose, ranked[chosen], complete)
    weights = BLENDS[chosen]
    detector = FraudDetector(
        weights=weights,
        trees=parts.get("trees"),
        network=parts.get("network") if "network" in weights else None,
        calibrator=calibrator,
        found=how.found,
        wrong=how.wrong,
        method=chosen.replace(" ", "-"),
        horizon=train.horizon or timedelta(0),
        trained_until=_known(train),
        chosen_until=_known(valid),
        seed=config.seed,
        reference=Reference.of(calibrator.apply(ranked[chosen]), choose.told.features),
        digests=digests,
    )
    return Fitted(
        detector=detector,
        chosen=chosen,
        validation=found,
        scores=scores.get("test", {}),
        test=asked.get("test"),
        valid=choose,
        risk=ranked[chosen],
        describer=describer,
        network=parts.get("network"),
    )


def shippable(*, complete: bool) -> list[str]:
    """Return which blends may ship, the first unless another is surely better.

    Where the unaccused are not innocent, none without candidate rings: accusations that have
    nothing to do with any ring (chargebacks over lost parcels) are what trees alone foretell best, and
    validation, made of accusations, would take that for a better detector.

    Args:
        complete: Whether the unaccused are innocent.
    """
    return [name for name, weights in BLENDS.items() if complete or "structure" in weights]


def _trees(
    learn: Part, choose: Part, config: FraudConfig, *, complete: bool
) -> dict[str, TreeModel]:
    """Return trees on aggregates and, as a bar, on what is a member's alone."""
    settings = TreeConfig(seed=config.seed)
    unsure = np.where(learn.y == 1, 1.0, (1 - learn.told.structure) ** 2)
    flat = flat_columns(learn.told.features)
    names = np.array(learn.told.features.names)
    _log.info("growing trees on %d rows", len(learn.y))
    return {
        "trees": fit_trees(
            learn.told.features.values, learn.y, choose.told.features.values, choose.y,
            names=list(names), config=settings, weights=None if complete else unsure,
        ),
        "flat": fit_trees(
            learn.told.features.values[:, flat], learn.y,
            choose.told.features.values[:, flat], choose.y,
            names=list(names[flat]), config=settings,
        ),
    }  # fmt: skip


def _scores(parts: Mapping[str, Any], part: Part, graph: Graph) -> dict[str, Floats]:
    """Return by method the log-odds of a part's rows: of all whose parts there are."""
    told = {"structure": part.told.suspicion}
    features: Features = part.told.features
    for name in ("trees", "flat"):
        if name in parts:
            trees: TreeModel = parts[name]
            columns = [features.names.index(column) for column in trees.names]
            told[name] = trees.predict(features.values[:, columns])
    if "network" in parts:
        told["network"] = ask_network(parts["network"], graph, part.seeds)
    methods = {**BLENDS, **BARS}
    return {name: weighed(told, w) for name, w in methods.items() if set(w) <= set(told)}


def _recall(part: Part, scores: Floats, capacity: float) -> float:
    """Return the mean over moments of the share of the accused within capacity."""
    moments = np.unique(part.seeds.as_of)
    found = [
        recall_at_share(part.y[at], scores[at], share=capacity)
        for at in (part.seeds.as_of == moment for moment in moments)
        if part.y[at].any()
    ]
    return float(np.mean(found)) if found else 0.0


def _chosen(part: Part, scores: Mapping[str, Floats], *, capacity: float, seed: int) -> str:
    """Return the first method, unless another surely finds more: the one that finds most of these.

    Sure is a 95 % interval of the difference above 0, over the same samples of members.
    """

    def recall(rows: Ints, some: Floats) -> float:
        return recall_at_share(part.y[rows], some, share=capacity)

    first, *others = scores
    owners = part.seeds.nodes
    surer = [
        name
        for name in others
        if paired_interval(recall, scores[name], scores[first], owners, seed=seed)[0] > 0
    ]
    every = np.arange(len(part.y))
    return max(surer, key=lambda name: recall(every, scores[name]), default=first)


def _calibrated(part: Part, risk: Floats, complete: bool) -> tuple[Calibrator, Accusing]:
    """Return the calibrator of fraud, and how accusations come about."""
    certain = Accusing(found=1.0, wrong=0.0)
    if part.y.sum() < FEWEST:
        return Calibrator(method="none"), certain
    if complete:
        return fit_calibrator(risk, part.y), certain
    how = accusing(part.y, part.told.structure)
    return fit_accused(risk, part.y, how), how


def calibration_error(fitted: Fitted) -> float | None:
    """Return how far the chance of an accusation is from accusations on validation, in [0, 1].

    It is what the detector was calibrated on, so on later labels it is rather larger. ``None`` where
    too few are accused there to calibrate, or to measure, anything.
    """
    detector, y = fitted.detector, fitted.valid.y
    if detector.trees is None or y.sum() < FEWEST:
        return None
    return expected_calibration_error(detector.accusation(fitted.risk), y)


def _known(labels: Labels) -> datetime:
    last: datetime = labels.rows.select(labels.settled.max()).item()
    return last
