"""A trained network with all it takes to ask it: settings, encoders, cut-off, in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphml.config import SampleConfig, TrainConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.nn.heads import LinkHead
from graphml.nn.spec import FeatureSpec
from graphml.results import Scores, parse_time, time_text
from graphml.schema import EdgeType
from graphml.store.files import clear_errors, replace_file
from graphml.store.provenance import model_name, versions
from graphml.tables.frames import require_utc
from graphml.tasks.labels import Task
from graphml.training.checkpoint import read_tensors, write_tensors
from graphml.training.network import Network, Reader, device_of
from graphml.training.node import ask, encode_all
from graphml.training.questions import Seeds, everybody, seeds_as_of

WEIGHTS = "model.safetensors"
CARD = "model.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphModel:
    """A network for one task; a ``Model`` where that is about nodes.

    Attributes:
        network: Encoder and head.
        spec: Its fitted encoders of columns.
        edge_types: That it knows.
        config: It was trained with.
        task, about, horizon: Of the labels.
        trained_until: Last moment that any training label knew of.
        chosen_until: Last moment that any validation label knew of.
        correction: Added to logits, for the labels 0 that training left out.
        metric, validation: What it was chosen by, and how well it did.
        history: Loss and validation of each pass.
        digests: Of settings, data and encoders.
    """

    network: Network
    spec: FeatureSpec
    edge_types: tuple[EdgeType, ...]
    config: TrainConfig
    task: Task
    about: tuple[str, ...]
    horizon: timedelta | None
    trained_until: datetime
    chosen_until: datetime
    correction: float
    metric: str
    validation: float
    history: Sequence[dict[str, float]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What runs and scores carry: task, encoder and a digest of all that made it."""
        return model_name(f"{self.task}-{self.config.encoder}", self.digests)

    def reader(self, graph: Graph) -> Reader:
        """Return what encodes nodes of ``graph`` with this model."""
        device = next(self.network.parameters()).device
        return Reader(graph, self.spec, self.config, self.edge_types, device)

    def score(self, graph: Graph, *, as_of: datetime) -> Scores:
        """Return the probability of fraud of every member who is there by ``as_of``.

        A member first seen today is scored from its first events. Memory does not grow with the
        members but for the scores. Of a plain graph, the probability of label 1 of every node of
        the type asked about.

        Raises:
            ValueError: ``as_of`` is naive.
            UsageError: The model was trained for something else.
        """
        if len(self.about) != 1:
            raise UsageError(f"{self.name} was trained for {self.task}, and scores no nodes")
        moment = microseconds(require_utc("as_of", as_of))
        (node_type,) = self.about
        seeds = everybody(graph, node_type, moment, seed=self.config.seed)
        logits = ask(self.reader(graph), self.network, node_type, seeds)
        chance = torch.sigmoid(logits.double() + self.correction).cpu().numpy()
        return Scores(
            unit=node_type,
            ids=tuple(graph.nodes[node_type].keys.gather(seeds.nodes)),
            values=tuple(chance.tolist()),
            score_kind="probability",
            as_of=as_of,
            model=self.name,
        )

    def embed(self, graph: Graph, node_type: str, *, as_of: datetime) -> pl.DataFrame:
        """Return the vector of every node of a type that is there by ``as_of``.

        Columns: the type's key, as_of, vector (Array of float32).
        """
        moment = microseconds(require_utc("as_of", as_of))
        nodes = everybody(graph, node_type, moment, seed=self.config.seed).nodes
        found = self.vectors(graph, node_type, nodes, as_of=as_of)
        return pl.DataFrame(
            {
                graph.schema.nodes[node_type].key: graph.nodes[node_type].keys.gather(nodes),
                "as_of": pl.Series([as_of] * len(nodes), dtype=pl.Datetime("us", "UTC")),
                "vector": pl.Series(found, dtype=pl.Array(pl.Float32, self.config.channels)),
            }
        )

    def vectors(
        self, graph: Graph, node_type: str, nodes: NDArray[np.int64], *, as_of: datetime
    ) -> NDArray[np.float32]:
        """Return the vectors of nodes that are there by ``as_of``, float32 [nodes, channels].

        Of a model of links they are the head's points: a pair's logit is their inner product.

        Raises:
            ValueError: ``as_of`` is naive.
        """
        moment = microseconds(require_utc("as_of", as_of))
        seeds = seeds_as_of(graph, node_type, nodes, moment, seed=self.config.seed)
        blocks = [block.cpu().numpy() for block in self._blocks(graph, node_type, seeds)]
        return np.concatenate([np.zeros((0, self.config.channels), np.float32), *blocks])

    def _blocks(self, graph: Graph, node_type: str, seeds: Seeds) -> Iterator[Tensor]:
        for vectors in encode_all(self.reader(graph), self.network, node_type, seeds):
            if isinstance(self.network.head, LinkHead):
                source, _, target = self.about
                sides = {target: self.network.head.products, source: self.network.head.members}
                yield sides[node_type](vectors).detach() if node_type in sides else vectors
            else:
                yield vectors

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``: ``model.safetensors``, and ``model.json`` to read.

        Raises:
            StoreError: The disk is full.
            StorePermissionError: The folder may not be written.
        """
        about = self._about()
        write_tensors(folder / WEIGHTS, self.network.state_dict(), about)
        with clear_errors(folder):
            text = json.dumps({"name": self.name, **about}, indent=1, ensure_ascii=False)
            replace_file(folder / CARD, text.encode())

    def _about(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "about": list(self.about),
            "horizon_us": None
            if self.horizon is None
            else self.horizon // timedelta(microseconds=1),
            "trained_until": time_text(self.trained_until),
            "chosen_until": time_text(self.chosen_until),
            "correction": self.correction,
            "metric": self.metric,
            "validation": self.validation,
            "history": list(self.history),
            "edge_types": [list(edge_type) for edge_type in self.edge_types],
            "config": asdict(self.config),
            "digests": self.digests,
            "versions": {**versions(), "torch": torch.__version__},
            "spec": self.spec.to_json(),
        }

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto") -> GraphModel:
        """Return what ``save`` wrote.

        Raises:
            UsageError: ``folder`` holds no model, or a damaged one.
            ConfigError: No such device.
        """
        tensors, about = read_tensors(folder / WEIGHTS)
        given = dict(about["config"])
        sample = dict(given.pop("sample"))
        sample["fanout"] = tuple(sample["fanout"])
        sample["relations"] = {name: tuple(n) for name, n in sample["relations"].items()}
        given["device"] = device
        config = TrainConfig(**given, sample=SampleConfig(**sample))
        spec = FeatureSpec.from_json(about["spec"])
        edge_types = tuple((a, b, c) for a, b, c in about["edge_types"])
        network = Network(spec, edge_types, config, of_links=len(about["about"]) > 1)
        network.load_state_dict(tensors)
        horizon = about["horizon_us"]
        return cls(
            network=network.to(device_of(config)).eval(),
            spec=spec,
            edge_types=edge_types,
            config=config,
            task=about["task"],
            about=tuple(about["about"]),
            horizon=None if horizon is None else timedelta(microseconds=horizon),
            trained_until=parse_time(about["trained_until"]),
            chosen_until=parse_time(about["chosen_until"]),
            correction=about["correction"],
            metric=about["metric"],
            validation=about["validation"],
            history=about["history"],
            digests=about["digests"],
        )
