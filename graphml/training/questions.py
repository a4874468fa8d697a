"""Labels as a graph's dense ids: what is asked of a network, in arrays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from graphml.config import SampleConfig
from graphml.errors import UsageError, one_line
from graphml.graph.build import Graph
from graphml.graph.nodes import time_array
from graphml.graph.trees import Sample
from graphml.sampling.device import DeviceSampler
from graphml.sampling.temporal import TemporalSampler, keys_of
from graphml.schema import EdgeType

Ints = NDArray[np.int64]

_TURN = 0x9E3779B97F4A7C15


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seeds:
    """Nodes to encode, each as of its moment.

    Attributes:
        nodes: Dense ids, int64 [seeds].
        as_of: Microseconds, int64 [seeds].
        key: What each seed's chance depends on, uint64 [seeds].
        order: Code of the order that each must not see, −1 for none; ``None`` where all may be
            seen.
    """

    nodes: Ints
    as_of: Ints
    key: NDArray[np.uint64]
    order: Ints | None = None

    def __len__(self) -> int:
        return len(self.nodes)

    def take(self, rows: Ints, *, turn: int = 0) -> Seeds:
        """Return some of the seeds; another ``turn`` draws other neighbours."""
        return Seeds(
            nodes=self.nodes[rows],
            as_of=self.as_of[rows],
            key=self.key[rows] ^ (np.uint64(turn * _TURN % 2**64)),
            order=None if self.order is None else self.order[rows],
        )


def seeds_of(
    graph: Graph, node_type: str, keys: pl.Series, as_of: pl.Series | Ints, *, seed: int
) -> Seeds:
    """Return the seeds of these keys and moments.

    Raises:
        UsageError: A key is not in the graph.
    """
    moments = as_of if isinstance(as_of, np.ndarray) else time_array(as_of)
    known = graph.nodes[node_type].keys
    place = pl.DataFrame({"key": known, "node": np.arange(len(known))})
    found = keys.alias("key").to_frame().join(place, on="key", how="left", maintain_order="left")
    if strangers := found["node"].null_count():
        name = found.filter(pl.col("node").is_null())["key"][0]
        raise UsageError(
            f"{strangers} of {len(keys)} {node_type} ids are not in the graph, as {one_line(name, 60)!r}",
            hint="labels and graph must come from the same store",
        )
    return Seeds(
        nodes=found["node"].to_numpy().astype(np.int64),
        as_of=np.ascontiguousarray(moments, dtype=np.int64),
        key=keys_of(keys, moments, seed=seed),
    )


def everybody(graph: Graph, node_type: str, as_of: int, *, seed: int) -> Seeds:
    """Return all nodes of a type that exist by then, as seeds of that moment."""
    nodes = np.flatnonzero(graph.nodes[node_type].first <= as_of).astype(np.int64)
    return seeds_as_of(graph, node_type, nodes, as_of, seed=seed)


def seeds_as_of(graph: Graph, node_type: str, nodes: Ints, as_of: int, *, seed: int) -> Seeds:
    """Return nodes of a type, dense ids, as seeds of one moment."""
    moments = np.full(len(nodes), as_of)
    names = graph.nodes[node_type].keys.gather(nodes)
    return Seeds(nodes=nodes, as_of=moments, key=keys_of(names, moments, seed=seed))


class Sampler:
    """Samples on the device where the network is: loops on the CPU, torch's operations elsewhere."""

    def __init__(
        self,
        graph: Graph,
        node_type: str,
        config: SampleConfig,
        device: torch.device,
        edge_types: Collection[EdgeType],
    ) -> None:
        self._inner: TemporalSampler | DeviceSampler
        if device.type == "cpu":
            self._inner = TemporalSampler(graph, node_type, config, edge_types=edge_types)
        else:
            self._inner = DeviceSampler(
                graph, node_type, config, device=device, edge_types=edge_types
            )

    def sample(self, seeds: Seeds) -> Sample:
        """Return the trees around ``seeds``."""
        return self._inner.sample(seeds.nodes, seeds.as_of, key=seeds.key, order=seeds.order)
