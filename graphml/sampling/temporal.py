"""The sampler: trees of edges around seeds, each as of its own moment, by loops over arrays."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection
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
from graphml.sampling.choosing import draw_allowed, gaps, pack
from graphml.sampling.plan import Step, plan_of
from graphml.schema import EdgeType

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

_FEWEST = 2_048
"""Parents that are worth a thread."""


class Surrounding(NamedTuple):
    """One edge type as the kernels want it."""

    edges: Adjacency
    stretches: NDArray[Any]
    begin: int
    span: float
    gap: NDArray[Any]
    order: NDArray[Any]


class _Ends(NamedTuple):
    """Nodes that edges are drawn from: their ids, seeds and keys."""

    ids: NDArray[Any]
    seed: Ints
    key: Keys


class TemporalSampler:
    """Draws trees around seeds of one node type; the same for the same seeds, moments and keys.

    Args:
        graph: What is sampled; nothing after a seed's moment is looked at.
        seed_type: Node type of the seeds.
        config: Fanouts and strategy. Edge types without an edge are not followed.
        threads: At most so many; the machine's cores if omitted. Results do not depend on it.
        edge_types: Only these are followed; all if omitted.

    Raises:
        UsageError: ``seed_type`` or a relation of the configuration is not in the graph.
    """

    def __init__(
        self,
        graph: Graph,
        seed_type: str,
        config: SampleConfig,
        *,
        threads: int | None = None,
        edge_types: Collection[EdgeType] | None = None,
    ) -> None:
        self.graph = graph
        self.seed_type = seed_type
        self.config = config
        self.plan = plan_of(seed_type, fanouts(graph, seed_type, config, edge_types))
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
        ends = {SEEDS: _Ends(seeds, np.arange(len(seeds)), np.ascontiguousarray(key))}
        blocks: list[Block] = []
        for step in self.plan:
            block, following = self._block(step, ends[step.parent], as_of, order)
            ends[len(blocks)] = following
            blocks.append(block)
        return Sample(seed_type=self.seed_type, seeds=seeds, as_of=as_of, blocks=tuple(blocks))

    @cached_property
    def orders(self) -> NDArray[np.int32]:
        """Code of each record's order, int32 [events]; −1 for none."""
        return order_codes(self.graph)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="graphml-sample")

    def _each(self, rows: int, work: Callable[[slice], None]) -> None:
        """Do ``work`` for all rows, in parts side by side."""
        parts = max(1, min(self._threads, rows // _FEWEST))
        bounds = np.linspace(0, rows, parts + 1).astype(np.int64).tolist()
        slices = [slice(first, last) for first, last in itertools.pairwise(bounds)]
        if parts == 1:
            work(slices[0])
        else:
            list(self._pool.map(work, slices))

    def _surrounding(self, edge_type: EdgeType, *, hides: bool) -> Surrounding:
        around = self._around.get(edge_type)
        if around is None or (hides and not len(around.order) and not follows_links(edge_type)):
            edges = self.graph.edges[edge_type]
            none = np.empty(0, dtype=np.int32)
            targets = len(self.graph.nodes[edge_type[2]])
            self._around[edge_type] = Surrounding(
                edges,
                *time_index(edges),
                gap=gaps_of(edges, targets) if self.config.distinct else none,
                order=none if follows_links(edge_type) or not hides else self.orders,
            )
            return self._around[edge_type]
        return around

    def _block(
        self, step: Step, ends: _Ends, as_of: Ints, order: Ints | None
    ) -> tuple[Block, _Ends]:
        around = self._surrounding(step.edge_type, hides=order is not None)
        edges, rows, array = around.edges, len(ends.ids), self._arena.array
        low, known = array((rows,), np.int64), array((rows,), np.int64)

        def look_up(part: slice) -> None:
            kernels.look_up(
                edges.indptr, edges.time, around.stretches, around.begin, around.span,
                ends.ids[part], ends.seed[part], as_of, low[part], known[part],
            )  # fmt: skip

        self._each(rows, look_up)
        # Not whether an order is known: one that comes later must not change how others are drawn.
        choosing = self.config.distinct or order is not None
        if choosing:
            places, count = self._choose(step, around, ends, low, known, order)
        else:
            count = np.minimum(known, step.fanout)
        start = array((rows + 1,), np.int64)
        start[0] = 0
        np.cumsum(count, out=start[1:])
        drawn = int(start[-1])
        block = Block(
            edge_type=step.edge_type,
            parent=step.parent,
            position=array((drawn,), np.int64),
            neighbor=array((drawn,), edges.target.dtype),
            time=array((drawn,), np.int64),
            count=count,
            degree=known,
        )
        further = 0 if step.ends else drawn
        following = _Ends(block.neighbor, array((further,), np.int64), array((further,), np.uint64))

        def fill(part: slice) -> None:
            key, begin = ends.key[part], start[:-1][part]
            if choosing:
                pack(places[part], begin, count[part], block.position)
            else:
                kernels.draw(
                    low[part], known[part], key, step.salt, step.fanout,
                    self.config.strategy == "recent", begin, block.position,
                )  # fmt: skip
            kernels.fetch(
                edges.target, edges.time, key, step.salt, ends.seed[part], begin, count[part],
                block.position, block.neighbor, block.time, following.key, following.seed,
            )  # fmt: skip

        self._each(rows, fill)
        return block, following

    def _choose(
        self,
        step: Step,
        around: Surrounding,
        ends: _Ends,
        low: Ints,
        known: Ints,
        order: Ints | None,
    ) -> tuple[Ints, Ints]:
        """Return places [parents, fanout] and how many of each parent's are drawn."""
        rows = len(low)
        places = self._arena.array((rows, step.fanout), np.int64)
        count = self._arena.array((rows,), np.int64)
        own = np.full(rows, -1, dtype=np.int64)
        if order is not None and len(around.order):
            own = order.astype(np.int64)[ends.seed]

        def choose(part: slice) -> None:
            draw_allowed(
                around.edges.event, around.gap, around.order, low[part], known[part], own[part],
                ends.key[part], step.salt, self.config.strategy == "recent",
                places[part], count[part],
            )  # fmt: skip

        self._each(rows, choose)
        return places, count


def fanouts(
    graph: Graph,
    seed_type: str,
    config: SampleConfig,
    edge_types: Collection[EdgeType] | None = None,
) -> list[dict[EdgeType, int]]:
    """Return per hop how many edges of each type that has any are drawn from a node.

    Where ``edge_types`` are given, no others are.

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
    wanted = graph.edges if edge_types is None else edge_types
    present = [edge_type for edge_type in graph.edges if edge_type in wanted]
    present = [edge_type for edge_type in present if graph.edges[edge_type].edges]
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


def time_index(edges: Adjacency) -> tuple[NDArray[Any], int, float]:
    """Return what leads to a source's edges of about a time, and where time begins and how long it is."""
    begin = int(edges.time.min()) if edges.edges else 0
    span = float(edges.time.max() - begin) if edges.edges else 0.0
    longest = int(np.diff(edges.indptr).max(initial=0))
    index = np.empty(kernels.index_size(edges.sources, edges.edges), dtype=index_dtype(longest + 1))
    kernels.index_times(edges.indptr, edges.time, begin, span or 1.0, index)
    return index, begin, span or 1.0


def gaps_of(edges: Adjacency, targets: int) -> NDArray[Any]:
    """Return for each edge how much further on its source has the same target again, 0 for never."""
    longest = int(np.diff(edges.indptr).max(initial=0))
    result = np.empty(edges.edges, dtype=index_dtype(longest))
    gaps(edges.indptr, edges.target, targets, result)
    return result


def check_seeds(seeds: Ints, nodes: int, seed_type: str) -> None:
    """Raise a ``UsageError`` that names the first seed that is not among ``nodes``."""
    if len(seeds) and not (seeds.min() >= 0 and seeds.max() < nodes):
        wrong = int(seeds[(seeds < 0) | (seeds >= nodes)][0])
        raise UsageError(
            f"no {seed_type} {wrong} in the graph", hint=f"dense ids from 0 to {nodes - 1}"
        )
