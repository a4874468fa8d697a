"""An encoder with its head, on one device, over one graph."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from graphml.config import TrainConfig
from graphml.errors import ConfigError
from graphml.graph.build import Graph
from graphml.graph.trees import without_hidden
from graphml.nn import ENCODERS
from graphml.nn.features import encode
from graphml.nn.heads import LinkHead, NodeHead
from graphml.nn.spec import FeatureSpec
from graphml.nn.tables import Tables
from graphml.nn.tree import Tree
from graphml.schema import EdgeType
from graphml.training.questions import Ints, Sampler, Seeds


class Network(nn.Module):
    """An encoder of seeds of any type, and what is said of them.

    Raises:
        ConfigError: There is no such encoder.
    """

    head: NodeHead | LinkHead

    def __init__(
        self,
        spec: FeatureSpec,
        edge_types: tuple[EdgeType, ...],
        config: TrainConfig,
        *,
        of_links: bool,
    ) -> None:
        super().__init__()
        if config.encoder not in ENCODERS:
            raise ConfigError(
                f"train.encoder is {config.encoder!r}", hint=f"one of {', '.join(sorted(ENCODERS))}"
            )
        self.encoder = ENCODERS[config.encoder](
            spec,
            edge_types,
            channels=config.channels,
            hops=len(config.sample.fanout),
            dropout=config.dropout,
        )
        if of_links:
            self.head = LinkHead(config.channels)
        else:
            self.head = NodeHead(config.channels, config.dropout)


class Reader:
    """Encodes seeds of one graph: samples, looks features up, runs the encoder.

    Args:
        graph: What is sampled.
        spec: Of the network.
        config: Of the network.
        edge_types: That the network knows.
        device: Where the network is.
    """

    def __init__(
        self,
        graph: Graph,
        spec: FeatureSpec,
        config: TrainConfig,
        edge_types: tuple[EdgeType, ...],
        device: torch.device,
    ) -> None:
        self.device = device
        self.graph = graph
        self._config = config
        self._edge_types = edge_types
        self._tables = Tables(graph, encode(graph, spec), device)
        self._samplers: dict[str, Sampler] = {}

    def tree(
        self, node_type: str, seeds: Seeds, *, hidden: Mapping[EdgeType, Ints] | None = None
    ) -> Tree:
        """Return the trees around seeds of one type; no degree counts the ``hidden`` edges."""
        if node_type not in self._samplers:
            self._samplers[node_type] = Sampler(
                self.graph, node_type, self._config.sample, self.device, self._edge_types
            )
        sample = self._samplers[node_type].sample(seeds)
        if hidden:
            sample = without_hidden(sample, hidden)
        return Tree(sample, self._tables, self.device)

    def precision(self) -> torch.autocast:
        """Return the context in which the network runs."""
        wanted = self._config.precision
        low = wanted == "bfloat16" or (wanted == "auto" and self.device.type == "cuda")
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low)

    def vectors(self, network: Network, tree: Tree) -> Tensor:
        """Return the seeds' vectors, float32 [seeds, channels]."""
        with self.precision():
            encoded: Tensor = network.encoder(tree)
        return encoded.float()


def device_of(config: TrainConfig) -> torch.device:
    """Return the device that the settings ask for.

    Raises:
        ConfigError: It is not there.
    """
    if config.device in ("auto", "cuda") and torch.cuda.is_available():
        # Processes of one machine each take a device of their own; torchrun counts them.
        own = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        return torch.device("cuda", own)
    if config.device == "auto":
        return torch.device("cpu")
    try:
        device = torch.device(config.device)
    except RuntimeError as error:
        raise ConfigError(
            f"train.device is {config.device!r}", hint="auto, cpu, cuda or cuda:1"
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"train.device is {config.device!r}", hint="auto, cpu, cuda or cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"train.device is {config.device!r}, and this machine has "
            f"{torch.cuda.device_count()} CUDA devices",
            hint="--device cpu, or auto",
        )
    return device
