"""The model of behaviour: for each target trees, a sequence network or the simplest of bars, calibrated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.config import PropensityConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.propensity import CARD
from graphml.propensity.answers import CHURN, TARGETS, lately, there_by
from graphml.propensity.recency import Recency
from graphml.results import ScoreKind, parse_time, time_text
from graphml.store.files import clear_errors, read_saved, write_saved
from graphml.store.provenance import model_name
from graphml.tables.frames import TIME, require_utc
from graphml.tabular.aggregates import AsOf, Features
from graphml.tabular.calibration import Calibrator
from graphml.tabular.flags import opted_out
from graphml.tabular.trees import TreeModel

if TYPE_CHECKING:
    from graphml.propensity.sequence import SequenceModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FORMAT = 1
_log = logging.getLogger(__name__)
METHODS: Mapping[str, Mapping[str, float]] = {
    "blend": {"trees": 0.5, "sequence": 0.5},
    "trees": {"trees": 1.0},
    "sequence": {"sequence": 1.0},
    "recency, frequency, money": {"recency": 1.0},
}
"""What may ship, by the weight of each part's log-odds."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Told:
    """What is known of members at their moments.

    Attributes:
        features: Aggregates, one row each.
        sequence: Log-odds of the sequence network, float64 [rows, ``TARGETS``]; NaN for a target
            that it was not taught, ``None`` without a network.
    """

    features: Features
    sequence: Floats | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Target:
    """How one target is predicted.

    Attributes:
        method: Of ``METHODS``.
        trees: On aggregates.
        recency: The simplest bar.
        calibrator: Of the method's log-odds.
    """

    method: str
    trees: TreeModel
    recency: Recency
    calibrator: Calibrator

    def log_odds(self, told: Told, name: str, method: str | None = None) -> Floats:
        """Return what a method says of rows, uncalibrated, float64 [rows].

        Args:
            told: Of the rows.
            name: The target's.
            method: Of ``METHODS``; the one that was chosen if omitted.
        """
        result = np.zeros(len(told.features.values))
        for part, weight in METHODS[method or self.method].items():
            result += weight * self._said(part, told, name)
        return result

    def _said(self, part: str, told: Told, name: str) -> Floats:
        if part == "recency":
            return self.recency.log_odds(told.features)
        if part == "trees":
            return self.trees.predict(told.features.values, names=told.features.names)
        assert told.sequence is not None
        column: Floats = told.sequence[:, TARGETS.index(name)]
        return column

    def probability(self, told: Told, name: str) -> Floats:
        """Return the chance that it comes true, in (0, 1), float64 [rows]."""
        return self.calibrator.apply(self.log_odds(told, name))

    @property
    def score_kind(self) -> ScoreKind:
        """``rank`` where too few answers of a kind were there to calibrate with."""
        return "rank" if self.calibrator.method == "none" else "probability"


@dataclass(frozen=True, kw_only=True, eq=False)
class PropensityModel:
    """How likely members are to view, put into the cart, buy, give back, or leave.

    Attributes:
        targets: By name, in the order of ``TARGETS``; those that the shop's past could teach.
        sequence: The network over members' events; ``None`` where no target uses it.
        config: How it was trained.
        trained_until: Last moment that training knew.
        chosen_until: Last moment that validation knew.
        digests: Of settings and data.
    """

    targets: Mapping[str, Target]
    sequence: SequenceModel | None
    config: PropensityConfig
    trained_until: datetime
    chosen_until: datetime
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What scores carry: a digest of all that made it."""
        return model_name("propensity", self.digests)

    @property
    def horizon(self) -> timedelta:
        """How far ahead it looks."""
        return timedelta(days=self.config.horizon_days)

    def score(self, graph: Graph, *, as_of: datetime) -> pl.DataFrame:
        """Return the chance of each target within the horizon after ``as_of``.

        Who has opted out of personalisation is left out, which is logged.
        Columns: member_id, target, score, score_kind, horizon_days, as_of, model; by target as in
        ``targets``, the likeliest first, of equal ones by id. Churn is about who bought within
        ``active_days`` alone.

        Args:
            graph: Of which what comes after ``as_of`` is not looked at.
            as_of: The last moment known, with a time zone.

        Raises:
            ValueError: ``as_of`` is naive.
        """
        moment = microseconds(require_utc("as_of", as_of))
        nodes = there_by(graph, moment)
        silent = opted_out(graph.until(as_of))[nodes]
        if silent.any():
            _log.info("%d members have opted out and are not scored", silent.sum())
        nodes = nodes[~silent]
        told = told_of(graph, nodes, np.full(len(nodes), moment), self.sequence)
        names, bought = graph.nodes["member"].keys, lately(graph, as_of, self.config.active_days)
        parts = []
        for name, target in self.targets.items():
            asked = bought[nodes] if name == CHURN else np.ones(len(nodes), dtype=bool)
            frame = pl.DataFrame(
                {
                    "member_id": names.gather(nodes[asked]),
                    "score": target.probability(told, name)[asked],
                }
            ).sort("score", "member_id", descending=[True, False])
            parts.append(
                frame.select(
                    "member_id",
                    pl.lit(name).alias("target"),
                    "score",
                    pl.lit(target.score_kind).alias("score_kind"),
                    pl.lit(self.config.horizon_days, pl.Int64).alias("horizon_days"),
                    pl.lit(as_of, TIME).alias("as_of"),
                    pl.lit(self.name).alias("model"),
                )
            )
        return pl.concat(parts)

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``: its parts, and ``propensity.json`` last; no pickle.

        Raises:
            StoreError: The disk is full.
            StorePermissionError: The folder may not be written.
        """
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for name, target in self.targets.items():
            target.trees.save(folder / f"trees-{name}")
        if self.sequence is not None:
            self.sequence.save(folder / "sequence")
        about = {
            "format": FORMAT,
            "name": self.name,
            "targets": {
                name: {
                    "method": target.method,
                    "trees": target.trees.digest,
                    "recency": target.recency.weights,
                    "calibrator": target.calibrator.to_json(),
                }
                for name, target in self.targets.items()
            },
            "sequence": self.sequence.digest if self.sequence else None,
            "config": asdict(self.config),
            "trained_until": time_text(self.trained_until),
            "chosen_until": time_text(self.chosen_until),
            "digests": dict(self.digests),
        }
        write_saved(folder / CARD, about)

    @classmethod
    def load(cls, folder: Path) -> PropensityModel:
        """Return what ``save`` wrote.

        Raises:
            UsageError: ``folder`` holds no model of behaviour, or a damaged one.
        """
        absent = UsageError(
            f"no model of behaviour in {folder}", hint="graphml train propensity --out writes one"
        )
        return read_saved(
            folder / CARD, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )


def told_of(graph: Graph, nodes: Ints, as_of: Ints, sequence: SequenceModel | None) -> Told:
    """Return what is known of members by their moments, nothing later.

    Args:
        graph: That may reach further.
        nodes: Dense ids, int64 [rows].
        as_of: Microseconds, int64 [rows].
        sequence: Network to be asked; ``None`` for none.
    """
    features = AsOf(graph).members(nodes, as_of)
    if sequence is None:
        return Told(features=features, sequence=None)
    from graphml.propensity.sequence import Sequences

    said = np.full((len(nodes), len(TARGETS)), np.nan)
    places = [TARGETS.index(name) for name in sequence.targets]
    said[:, places] = sequence.logits(Sequences(graph, sequence.length), nodes, as_of)
    return Told(features=features, sequence=said)


def _read(folder: Path, about: dict[str, Any]) -> PropensityModel:
    targets = {}
    for name, target in about["targets"].items():
        trees = TreeModel.load(folder / f"trees-{name}")
        if name not in TARGETS or target["method"] not in METHODS:
            raise ValueError(f"no target {name!r}, or no method {target['method']!r}")
        if trees.digest != target["trees"]:
            raise ValueError(f"the trees of {name} are of another training, which did not end")
        targets[name] = Target(
            method=target["method"],
            trees=trees,
            recency=Recency(weights=tuple(map(float, target["recency"]))),
            calibrator=Calibrator.from_json(target["calibrator"]),
        )
    sequence = None
    if about["sequence"] is not None:
        from graphml.propensity.sequence import SequenceModel

        sequence = SequenceModel.load(folder / "sequence")
        if sequence.digest != about["sequence"]:
            raise ValueError("the sequence network is of another training, which did not end")
    return PropensityModel(
        targets=targets,
        sequence=sequence,
        config=PropensityConfig(**about["config"]),
        trained_until=parse_time(about["trained_until"]),
        chosen_until=parse_time(about["chosen_until"]),
        digests=dict(about["digests"]),
    )
