"""The sampler inside PyTorch Geometric's loaders, for models of other makers."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
)

from graphml.config import SampleConfig
from graphml.errors import UsageError
from graphml.graph.adjacency import Adjacency, Index, index_dtype
from graphml.graph.build import Graph, reverse
from graphml.graph.trees import SEEDS, Sample
from graphml.sampling.temporal import TemporalSampler, check_seeds, keys_of
from graphml.schema import EdgeType

Ints = NDArray[np.int64]


class TemporalNodeSampler(BaseSampler):  # type: ignore[misc]  # torch_geometric is untyped
    """Draws ``TemporalSampler``'s trees for a ``torch_geometric.loader.NodeLoader``.

    The loader's ``data`` is ``to_hetero_data(graph)`` of the same ``graph``, with features added
    and every edge in its place; its ``input_time`` is each seed's ``as_of``, microseconds since
    1970, int64. A batch holds one tree a seed: nodes that two trees share, or that one tree meets
    twice, are there twice, and ``batch`` says which seed each belongs to. Seeds come first. Edges
    point from neighbour to parent, as messages go: what a member ``buys`` arrives along
    ``(product, rev_buys, member)``, with that edge type's ``e_id``, ``time`` and ``event``.

    One thread samples; for more, give the loader ``num_workers``.

    Args:
        graph: What is sampled; nothing after a seed's moment is looked at.
        seed_type: Node type of the seeds.
        config: Fanouts and strategy. Edge types without an edge are not followed.

    Attributes:
        seed: What chance depends on beside a seed's key and moment; ``config.seed`` at first. Set
            it to draw otherwise from the loader's next pass on.

    Raises:
        UsageError: ``seed_type`` or a relation of the configuration is not in the graph.
    """

    def __init__(self, graph: Graph, seed_type: str, config: SampleConfig) -> None:
        # A loader's workers are forks: threads do not live on there, and polars' must not be
        # needed. So there is one thread, and whatever can be made once is made now.
        self._sampler = TemporalSampler(graph, seed_type, config, threads=1)
        self._messages: dict[EdgeType, tuple[EdgeType, Index]] = {}
        for edge_type in {step.edge_type for step in self._sampler.plan}:
            message = _opposite(edge_type, graph)
            places = _places(graph.edges[edge_type], graph.edges[message])
            self._messages[edge_type] = message, places
        none = np.empty(0, dtype=np.int64)
        self._sampler.sample(none, none, key=none.view(np.uint64))
        self.seed = config.seed

    def sample_from_nodes(self, index: NodeSamplerInput) -> HeteroSamplerOutput:
        """Return the trees around the nodes of ``index``, each as of its own ``time``.

        Nodes and edges are sorted by hop, as ``torch_geometric.utils.trim_to_layer`` wants.

        Raises:
            UsageError: There is no time, it is not int64, or a node is not in the graph or not
                of the sampler's type.
        """
        seeds, as_of = self._checked(index)
        graph, seed_type = self._sampler.graph, self._sampler.seed_type
        key = keys_of(graph.nodes[seed_type].keys[seeds], as_of, seed=self.seed)
        result = self._output(self._sampler.sample(seeds, as_of, key=key))
        result.metadata = (index.input_id, index.time)
        return result

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> NoReturn:
        """Refuse: an edge's order would have to be hidden from both of its ends.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "the sampler has nodes as seeds, not edges",
            hint="a NodeLoader for each end, with input_time one microsecond before the edge",
        )

    def _checked(self, index: NodeSamplerInput) -> tuple[Ints, Ints]:
        seed_type = self._sampler.seed_type
        if index.input_type != seed_type:
            raise UsageError(
                f"seeds of type {index.input_type!r} for a sampler of {seed_type!r}",
                hint=f"input_nodes=({seed_type!r}, ids), data=to_hetero_data(graph)",
            )
        if index.time is None:
            raise UsageError(
                "seeds without a moment",
                hint="input_time: each seed's as_of, microseconds since 1970, int64",
            )
        if index.time.dtype != torch.int64:
            raise UsageError(
                f"input_time is {index.time.dtype}", hint="microseconds since 1970, torch.int64"
            )
        if index.time.shape != index.node.shape:
            raise UsageError(
                f"input_time of shape {tuple(index.time.shape)} for {index.node.numel()} seeds",
                hint="one as_of a seed",
            )
        seeds = index.node.numpy().astype(np.int64)
        check_seeds(seeds, len(self._sampler.graph.nodes[seed_type]), seed_type)
        return seeds, index.time.numpy()

    def _output(self, sample: Sample) -> HeteroSamplerOutput:
        forest = _Forest(self._sampler.graph, hops=len(self._sampler.config.fanout))
        trees = np.arange(len(sample.seeds))
        ends = {SEEDS: forest.add_nodes(sample.seed_type, sample.seeds, trees, hop=0)}
        for place, block in enumerate(sample.blocks):
            message, places = self._messages[block.edge_type]
            parents = ends[block.parent]
            ends[place] = forest.add_nodes(
                block.edge_type[2], block.neighbor, parents.trees[block.row], hop=parents.hop + 1
            )
            forest.add_edges(
                message, ends[place], parents.numbers[block.row], places[block.position]
            )
        return forest.output()


class _Ends(NamedTuple):
    """Nodes added together: their numbers in the batch, their trees, their distance to the seeds."""

    numbers: Ints
    trees: Ints
    hop: int


class _Forest:
    """Nodes and edges of a batch while it grows, hop by hop.

    Args:
        graph: Whose node and edge types a batch has, with nodes and edges or without.
        hops: From the seeds to the outermost nodes.
    """

    def __init__(self, graph: Graph, *, hops: int) -> None:
        self._nodes: dict[str, list[NDArray[Any]]] = {name: [] for name in graph.nodes}
        self._trees: dict[str, list[Ints]] = {name: [] for name in graph.nodes}
        self._node_counts = {name: [0] * (hops + 1) for name in graph.nodes}
        self._edges: dict[EdgeType, list[tuple[Ints, Ints, Index]]] = {e: [] for e in graph.edges}
        self._edge_counts = {edge_type: [0] * hops for edge_type in graph.edges}

    def add_nodes(self, node_type: str, nodes: NDArray[Any], trees: Ints, *, hop: int) -> _Ends:
        """Add nodes to the trees named."""
        counts = self._node_counts[node_type]
        first = sum(counts)
        counts[hop] += len(nodes)
        self._nodes[node_type].append(nodes)
        self._trees[node_type].append(trees)
        return _Ends(np.arange(first, first + len(nodes)), trees, hop)

    def add_edges(self, edge_type: EdgeType, children: _Ends, parents: Ints, ids: Index) -> None:
        """Add an edge from each child to its parent."""
        self._edges[edge_type].append((children.numbers, parents, ids))
        self._edge_counts[edge_type][children.hop - 1] += len(parents)

    def output(self) -> HeteroSamplerOutput:
        """Return everything as tensors with memory of their own."""
        row, col, edge = (
            {
                edge_type: _joined([part[place] for part in parts])
                for edge_type, parts in self._edges.items()
            }
            for place in range(3)
        )
        return HeteroSamplerOutput(
            node={name: _joined(parts) for name, parts in self._nodes.items()},
            row=row,
            col=col,
            edge=edge,
            batch={name: _joined(parts) for name, parts in self._trees.items()},
            num_sampled_nodes=self._node_counts,
            num_sampled_edges=self._edge_counts,
        )


def _joined(parts: list[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *parts], dtype=np.int64))


def _opposite(edge_type: EdgeType, graph: Graph) -> EdgeType:
    """Return the edge type of the same records that runs the other way."""
    source, relation, target = edge_type
    there = reverse(edge_type)
    return there if there in graph.edges else (target, relation.removeprefix("rev_"), source)


def _places(followed: Adjacency, stored: Adjacency) -> Index:
    """Return where each edge that is followed stands in the adjacency of the other direction.

    A record makes at most one edge of a type, so it is the same edge if the record is.
    """
    records = int(stored.event.max(initial=-1)) + 1
    place = np.empty(records, dtype=index_dtype(stored.edges))
    place[stored.event] = np.arange(stored.edges)
    result: Index = place[followed.event]
    return result
