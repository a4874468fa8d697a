"""The sampler: trees of edges around seeds, each as of its own moment, by loops over arrays."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.config import SampleConfig
from graphml.errors import UsageError
from graphml.graph.adjacency import Adjacency, index_dtype
from graphml.graph.build import LINKS, Graph, reverse
from graphml.graph.trees import SEEDS, Block, Sample
from graphml.sampling import kernels
from graphml.sampling.arena import Arena
from graphml.sampling.plan import plan_of
from graphml.schema import EdgeType

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]


class Surrounding(NamedTuple):
    """One edge type as the kernels want it."""

    edges: Adjacency
    gap: NDArray[Any]
    order: NDArray[Any]


class TemporalSampler:
    """Draws trees around seeds of one node type; the same for the same seeds, moments and keys.

    Args:
        graph: What is sampled; nothing after a seed's moment is looked at.
        seed_type: Node type of the seeds.
        config: Fanouts and strategy. Edge types without an edge are not followed.
        threads: At most so many; the machine's cores if omitted. Results do not depend on it.

    Raises:
        UsageError: ``seed_type`` or a relation of the configuration is not in the graph.
    """

    def __init__(
        self, graph: Graph, seed_type: str, config: SampleConfig, *, threads: int | None = None
    ) -> None:
        self.graph = graph
        self.seed_type = seed_type
        self.config = config
        self.plan = plan_of(seed_type, fanouts(graph, seed_type, config))
        self._threads = threads or os.cpu_count() or 1
        self._around: dict[EdgeType, Surrounding] = {}
        self._arena = Arena()

    def sample(
        self, seeds: NDArray[Any], as_of: Ints, *, key: Keys, order: Ints | None = None
    ) -> Sample:
        """Return the trees around ``seeds``.

        Args:
            seeds: Dense ids, int64 [seeds]; a node may come more than once.
            as_of: Last moment known to each, microseconds, int64 [seeds].
            key: What each seed's chance depends on, uint64 [seeds]; see ``keys_of``.
            order: Code of the order that each must not see (``orders``), −1 for none.

        Raises:
            UsageError: A seed is not in the graph.
        """
        seeds = np.ascontiguousarray(seeds, dtype=np.int64)
        check_seeds(seeds, len(self.graph.nodes[self.seed_type]), self.seed_type)
        sample = Sample(
            seed_type=self.seed_type, seeds=seeds, as_of=as_of, blocks=self._unwritten(len(seeds))
        )
        bounds = np.linspace(0, len(seeds), self._parts(len(seeds)) + 1).astype(np.int64)
        parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds)]
        for step in self.plan:
            self._surrounding(step.edge_type)  # made once, not by each thread

        def fill(part: slice) -> None:
            self._fill(sample, order, key, part)

        if len(parts) == 1:
            fill(parts[0])
        else:
            list(self._pool.map(fill, parts))
        return sample

    @cached_property
    def orders(self) -> NDArray[np.int32]:
        """Code of each record's order, int32 [events]; −1 for none."""
        return order_codes(self.graph)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="graphml-sample")

    def _parts(self, seeds: int) -> int:
        return max(1, min(self._threads, seeds // 64))

    def _unwritten(self, seeds: int) -> tuple[Block, ...]:
        """Return the blocks of so many seeds, for ``_fill`` to write in full."""
        long = np.dtype(np.int64)
        shapes: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
        for step in self.plan:
            parents, target = seeds * step.slots, self.graph.edges[step.edge_type].target
            wide = (parents, step.fanout)
            shapes += [(wide, long), (wide, target.dtype), (wide, long)]
            shapes += [((parents,), long), ((parents,), long)]
        arrays = iter(self._arena.arrays(shapes))
        return tuple(
            Block(
                edge_type=step.edge_type,
                parent=step.parent,
                position=next(arrays),
                neighbor=next(arrays),
                time=next(arrays),
                count=next(arrays),
                degree=next(arrays),
            )
            for step in self.plan
        )

    def _surrounding(self, edge_type: EdgeType) -> Surrounding:
        if edge_type not in self._around:
            edges = self.graph.edges[edge_type]
            none = np.empty(0, dtype=np.int32)
            gap = (
                gaps_of(edges, len(self.graph.nodes[edge_type[2]]))
                if self.config.distinct
                else none
            )
            order = none if follows_links(edge_type) else self.orders
            self._around[edge_type] = Surrounding(edges, gap, order)
        return self._around[edge_type]

    def _fill(self, sample: Sample, order: Ints | None, key: Keys, part: slice) -> None:
        """Write the rows of all blocks that belong to the seeds of ``part``."""
        as_of, key = sample.as_of[part], key[part]
        unhidden = np.full(len(as_of), -1, dtype=np.int64)
        own = unhidden if order is None else order[part]
        # Not whether an order is known: one that comes later must not change how others are drawn.
        choosing = self.config.distinct or order is not None
        every = np.ones(len(as_of), dtype=np.bool_)

        for step, block in zip(self.plan, sample.blocks, strict=True):
            if step.parent == SEEDS:
                parents, filled = sample.seeds[part], every
            else:
                before = sample.blocks[step.parent]
                rows = _rows(part, self.plan[step.parent].slots)
                parents = before.neighbor[rows].reshape(-1)
                filled = (before.position[rows] >= 0).reshape(-1)
            mine = _rows(part, step.slots)
            edges, gap, orders = self._surrounding(step.edge_type)
            written = [a[mine] for a in (block.position, block.neighbor, block.time)]
            written += [block.count[mine], block.degree[mine]]
            recent = self.config.strategy == "recent"
            if choosing:
                hidden = own if len(orders) else unhidden
                kernels.draw_allowed(
                    edges.indptr, edges.target, edges.time, edges.event, gap, orders,
                    parents, filled, as_of, hidden, key, step.salt, recent, *written,
                )  # fmt: skip
            else:
                kernels.draw(
                    edges.indptr, edges.target, edges.time,
                    parents, filled, as_of, key, step.salt, recent, *written,
                )  # fmt: skip


def fanouts(graph: Graph, seed_type: str, config: SampleConfig) -> list[dict[EdgeType, int]]:
    """Return per hop how many edges of each type that has any are drawn from a node.

    Raises:
        UsageError: ``seed_type`` or a relation named by ``config`` is not in the graph.
    """
    if seed_type not in graph.nodes:
        raise UsageError(
            f"no node type {seed_type!r}", hint=f"one of {', '.join(sorted(graph.nodes))}"
        )
    known = {edge_type[1] for edge_type in graph.edges}
    for relation in config.relations:
        if relation not in known:
            raise UsageError(
                f"sample.relations: no relation {relation!r}",
                hint=f"one of {', '.join(sorted(known))}",
            )
    present = [edge_type for edge_type in graph.edges if graph.edges[edge_type].edges]
    return [
        {edge_type: config.relations.get(edge_type[1], config.fanout)[hop] for edge_type in present}
        for hop in range(len(config.fanout))
    ]


def keys_of(names: pl.Series, as_of: Ints, *, seed: int) -> Keys:
    """Return what the chance of each seed depends on: its name and moment, not its place.

    Args:
        names: Keys of the nodes, text [seeds].
        as_of: Microseconds, int64 [seeds].
        seed: Of the run.
    """
    moments = pl.Series(as_of).hash(seed=seed + 1).to_numpy() << np.uint64(1)
    result: Keys = names.hash(seed=seed).to_numpy() ^ moments
    return result


def order_codes(graph: Graph) -> NDArray[np.int32]:
    """Return the code of each record's order, int32 [events]; −1 for none."""
    categories = pl.Categories.random(physical=pl.UInt32)
    codes = graph.events["order_id"].cast(pl.Categorical(categories)).to_physical()
    return codes.cast(pl.Int32).fill_null(-1).to_numpy()


def follows_links(edge_type: EdgeType) -> bool:
    """Return whether edges of this type come from links, which have no record and no order."""
    return edge_type in (LINKS, reverse(LINKS))


def gaps_of(edges: Adjacency, targets: int) -> NDArray[Any]:
    """Return for each edge how much further on its source has the same target again, 0 for never."""
    longest = int(np.diff(edges.indptr).max(initial=0))
    result = np.empty(edges.edges, dtype=index_dtype(longest))
    kernels.gaps(edges.indptr, edges.target, targets, result)
    return result


def _rows(part: slice, slots: int) -> slice:
    return slice(part.start * slots, part.stop * slots)


def check_seeds(seeds: Ints, nodes: int, seed_type: str) -> None:
    """Raise a ``UsageError`` that names the first seed that is not among ``nodes``."""
    if len(seeds) and not (seeds.min() >= 0 and seeds.max() < nodes):
        wrong = int(seeds[(seeds < 0) | (seeds >= nodes)][0])
        raise UsageError(
            f"no {seed_type} {wrong} in the graph", hint=f"dense ids from 0 to {nodes - 1}"
        )
