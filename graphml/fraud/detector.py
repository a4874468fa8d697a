"""The fraud model that ships: candidate rings, trees on aggregates and a network, blended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.fraud import CARD
from graphml.fraud.drift import Reference
from graphml.fraud.evidence import Described, Describer
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.results import Scores, parse_time, time_text
from graphml.store.files import read_saved, write_saved
from graphml.store.provenance import model_name
from graphml.tables.frames import require_utc
from graphml.tabular.calibration import Calibrator
from graphml.tabular.trees import TreeModel
from graphml.training.model import GraphModel
from graphml.training.node import ask
from graphml.training.questions import Seeds, everybody

FORMAT = 2

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FraudDetector:
    """A ``Model`` of members: weighted log-odds of its parts, made into a probability.

    Attributes:
        weights: By part that counts: ``structure``, ``trees``, ``network``.
        trees: On aggregates; ``None`` where there were too few labels.
        network: ``None`` where it did not help.
        calibrator: From the weighted sum to the probability of fraud.
        found: Share of the frauds that are accused in time, as it was calibrated; in (0, 1].
        wrong: Share of all others that are, in [0, 1).
        method: What the weights are called in the report.
        horizon: What a label covers.
        trained_until: Last moment that any training label knew of.
        chosen_until: Last moment that any validation label knew of.
        reference: What scores and columns were like when it was chosen.
        digests: Of settings and data.
    """

    weights: Mapping[str, float]
    trees: TreeModel | None
    network: GraphModel | None
    calibrator: Calibrator
    found: float
    wrong: float
    method: str
    horizon: timedelta
    trained_until: datetime
    chosen_until: datetime
    seed: int
    reference: Reference
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What runs and scores carry: method, and a digest of all that made it."""
        return model_name(f"fraud-{self.method}", self.digests)

    def score(self, graph: Graph, *, as_of: datetime, describer: Describer | None = None) -> Scores:
        """Return the probability of fraud of every member who is there by ``as_of``.

        Where no label calibrates it, a rank between 0 and 1.

        Args:
            graph: Of which what comes after ``as_of`` is not looked at.
            as_of: The last moment known, with a time zone.
            describer: Of the graph, to be used again.

        Raises:
            ValueError: ``as_of`` is naive.
        """
        moment = microseconds(require_utc("as_of", as_of))
        seeds = everybody(graph, "member", moment, seed=self.seed)
        values = self.probability(self.risk(describer or Describer(graph), seeds))
        return Scores(
            unit="member",
            ids=tuple(graph.nodes["member"].keys.gather(seeds.nodes)),
            values=tuple(values.tolist()),
            score_kind=self.score_kind,
            as_of=as_of,
            model=self.name,
        )

    @property
    def knows_more(self) -> bool:
        """Whether it was taught more than candidate rings show: scores may then judge rings."""
        return self.trees is not None and set(self.weights) != {"structure"}

    @property
    def score_kind(self) -> Any:
        """``probability``, or ``rank`` where there were no labels to calibrate with."""
        return "rank" if self.trees is None else "probability"

    def risk(self, describer: Describer, seeds: Seeds) -> Floats:
        """Return the weighted log-odds of members at their moments, float64 [seeds]."""
        described = describer.members(seeds.nodes, seeds.as_of)
        network = None
        if self.network is not None:
            network = ask_network(self.network, describer.graph, seeds)
        return self.weighed(described, network)

    def weighed(self, described: Described, network: Floats | None = None) -> Floats:
        """Return the weighted log-odds of what is described, float64 [rows]."""
        told = {"structure": described.suspicion}
        if self.trees is not None and "trees" in self.weights:
            features = described.features
            told["trees"] = self.trees.predict(features.values, names=features.names)
        if network is not None:
            told["network"] = network
        return weighed(told, self.weights)

    def probability(self, risk: Floats) -> Floats:
        """Return the probability of fraud, found or not, in (0, 1), of weighted log-odds."""
        return self.calibrator.apply(risk)

    def accusation(self, risk: Floats) -> Floats:
        """Return the probability of an accusation in time, in (0, 1), of weighted log-odds.

        Who is accused: frauds that are found, and others by mistake.
        """
        found = self.found * (1 - self.wrong)
        return self.wrong + found * self.probability(risk)

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``: its parts, and ``detector.json`` to read, last.

        Raises:
            StoreError: The disk is full.
            StorePermissionError: The folder may not be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.trees is not None:
            self.trees.save(folder / "trees")
        if self.network is not None:
            self.network.save(folder / "network")
        about = {
            "format": FORMAT,
            "name": self.name,
            "method": self.method,
            "weights": dict(self.weights),
            "found": self.found,
            "wrong": self.wrong,
            "calibrator": self.calibrator.to_json(),
            "horizon_s": self.horizon.total_seconds(),
            "trained_until": time_text(self.trained_until),
            "chosen_until": time_text(self.chosen_until),
            "seed": self.seed,
            "digests": dict(self.digests),
            "reference": self.reference.to_json(),
            "trees": self.trees.digest if self.trees else None,
            "parts": [n for n in ("trees", "network") if getattr(self, n) is not None],
        }
        write_saved(folder / CARD, about)

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto") -> FraudDetector:
        """Return what ``save`` wrote.

        Raises:
            UsageError: ``folder`` holds no detector, or a damaged one.
            ConfigError: No such device.
        """
        absent = UsageError(
            f"no fraud model in {folder}", hint="graphml train fraud --out writes one"
        )
        return read_saved(
            folder / CARD, lambda about: _read(folder, about, device), format_=FORMAT, absent=absent
        )


def _read(folder: Path, about: dict[str, Any], device: str) -> FraudDetector:
    parts = about["parts"]
    trees = TreeModel.load(folder / "trees") if "trees" in parts else None
    if (trees.digest if trees else None) != about["trees"]:
        raise ValueError("the trees are of another training, which did not end")
    network = GraphModel.load(folder / "network", device=device) if "network" in parts else None
    return FraudDetector(
        weights=about["weights"],
        trees=trees,
        network=network,
        calibrator=Calibrator.from_json(about["calibrator"]),
        found=about["found"],
        wrong=about["wrong"],
        method=about["method"],
        horizon=timedelta(seconds=about["horizon_s"]),
        trained_until=parse_time(about["trained_until"]),
        chosen_until=parse_time(about["chosen_until"]),
        seed=about["seed"],
        digests=about["digests"],
        reference=Reference.from_json(about["reference"]),
    )


def weighed(told: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Return the weighted sum of the parts' log-odds, float64 [rows]."""
    result: Floats = np.sum([weight * told[part] for part, weight in weights.items()], axis=0)
    return result


def ask_network(network: GraphModel, graph: Graph, seeds: Seeds) -> Floats:
    """Return the network's log-odds of members at their moments, float64 [seeds]."""
    logits = ask(network.reader(graph), network.network, "member", seeds)
    result: Floats = logits.double().cpu().numpy() + network.correction
    return result
