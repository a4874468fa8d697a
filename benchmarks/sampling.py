"""Sampling by edge time, beside a loop that only gathers from the same arrays.

``python -m benchmarks.sampling [--json] [--quick] [--write]``. The graph: 0.5 M members, 50,000
products, 0.4 M devices, 0.3 M addresses; 10 M purchases, 1.5 M of which name a device and 1.5 M an
address, both directions; members and products by a power law. Batches of 4,096 members as of
moments of the second half, fanout 10 then 5 through each of the three relations, uniform without
replacement. The yardstick draws (neighbour, time) pairs at uniform positions of the ``buys``
arrays with the same threads: ``gather_ratio`` is edges/s over its pairs/s.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.common import Table, finish, parser, progress
from graphml.config import SampleConfig
from graphml.graph.build import Graph
from graphml.graph.nodes import Nodes
from graphml.graph.trees import Sample
from graphml.sampling.loader import ahead
from graphml.sampling.temporal import TemporalSampler
from graphml.schema import MARKETPLACE
from graphml.tables.frames import TIME, empty

_SEED = 1
_BATCH = 4_096
_START = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp() * 1e6)
_LENGTH = 365 * 86_400_000_000
_THREADS = os.cpu_count() or 1


def big_graph(purchases: int, *, seed: int = _SEED) -> Graph:
    """Return the benchmark's graph, for so many purchases in proportion; other records there are none."""
    rng = np.random.default_rng(seed)
    members, products = purchases // 20, max(purchases // 200, 10)
    devices, addresses = purchases // 25, purchases * 3 // 100
    bought = _START + np.sort(rng.integers(0, _LENGTH, purchases))
    named = rng.permutation(purchases)
    tied = purchases * 15 // 100
    columns = {
        "member": _power_law(rng, members, purchases),
        "product": _power_law(rng, products, purchases),
        "device": _some(rng, devices, purchases, named[:tied]),
        "address": _some(rng, addresses, purchases, named[tied : 2 * tied]),
    }
    events = pl.DataFrame(
        {"time": pl.Series(bought).cast(TIME), **{k: pl.Series(v) for k, v in columns.items()}}
    ).with_columns(
        **{name: pl.lit(None, pl.UInt32) for name in ("ip", "card", "phone", "email")},
        kind=pl.lit("purchase", pl.Enum(MARKETPLACE.kinds)),
        order_id=pl.lit(None, pl.String),
        amount=pl.Series(rng.gamma(2.0, 20.0, purchases)),
    )  # fmt: skip
    sizes = {"member": members, "product": products, "device": devices, "address": addresses}
    nodes = {
        name: Nodes(
            keys=pl.Series("key", np.arange(sizes.get(name, 0))).cast(pl.String),
            first=np.zeros(sizes.get(name, 0), dtype=np.int64),
            attributes=pl.DataFrame(schema={"node": pl.UInt32, "valid_from": TIME}),
        )
        for name in MARKETPLACE.nodes
    }
    links = pl.DataFrame(
        schema={"member": pl.UInt32, "other": pl.UInt32, "kind": pl.String, "time": TIME}
    )
    return Graph(
        schema=MARKETPLACE, nodes=nodes, events=events, links=links, stated=empty("labels")
    )


def _power_law(rng: np.random.Generator, nodes: int, draws: int) -> NDArray[np.uint32]:
    weight = rng.permutation((np.arange(nodes) + 10.0) ** -0.7)
    edges = np.cumsum(weight) / weight.sum()
    return np.searchsorted(edges, rng.random(draws)).clip(max=nodes - 1).astype(np.uint32)


def _some(rng: np.random.Generator, nodes: int, rows: int, at: NDArray[np.int64]) -> pl.Series:
    values = np.zeros(rows, dtype=np.uint32)
    values[at] = rng.integers(0, nodes, len(at), dtype=np.uint32)
    there = np.zeros(rows, dtype=np.bool_)
    there[at] = True
    return pl.Series(values).set(pl.Series(~there), None)


@numba.njit(cache=True, nogil=True)
def gather(target, when, place, to_target, to_when):
    for row in range(len(place)):
        to_target[row] = target[place[row]]
        to_when[row] = when[place[row]]


def gather_rate(graph: Graph, draws: int) -> float:
    """Return pairs a second of a loop that gathers from the arrays of ``buys``."""
    edges = graph.edges["member", "buys", "product"]
    place = np.random.default_rng(0).integers(0, edges.edges, draws)
    to_target, to_when = np.empty(draws, edges.target.dtype), np.empty(draws, np.int64)
    bounds = np.linspace(0, draws, _THREADS + 1).astype(int)

    def part(number: int) -> None:
        rows = slice(bounds[number], bounds[number + 1])
        gather(edges.target, edges.time, place[rows], to_target[rows], to_when[rows])

    with ThreadPoolExecutor(_THREADS) as pool:
        seconds = _median_time(lambda: list(pool.map(part, range(_THREADS))))
    return draws / seconds


def _median_time(work: Callable[[], Any], rounds: int = 5) -> float:
    work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def batches_of(graph: Graph, batches: int) -> list[tuple[NDArray[np.int64], ...]]:
    rng = np.random.default_rng(2)
    members = len(graph.nodes["member"])
    return [
        (
            rng.integers(0, members, _BATCH),
            _START + _LENGTH // 2 + rng.integers(0, _LENGTH // 2, _BATCH),
            rng.integers(0, 2**63, _BATCH, dtype=np.uint64),
        )
        for _ in range(batches)
    ]


def sampling_rate(
    graph: Graph, config: SampleConfig, batches: int, *, side_by_side: bool
) -> dict[str, float]:
    """Return seeds and edges a second, edges a seed, and events and amounts fetched a second.

    Either every thread draws a batch of its own, as a loader that reads ahead does, or all draw
    one.
    """
    sampler = TemporalSampler(graph, "member", config, threads=1 if side_by_side else _THREADS)
    workers = _THREADS if side_by_side else 1
    work = batches_of(graph, batches)

    def sample(one: tuple[NDArray[Any], ...]) -> Sample:
        return sampler.sample(*one[:2], key=one[2])

    def edges_of(some: list[tuple[NDArray[Any], ...]]) -> int:
        return sum(sample.edges for sample in ahead(sample, some, workers=workers))

    edges_of(work[:workers])
    seconds = _median_time(lambda: edges_of(work), rounds=3)
    edges, fetched = 0, 0.0
    amounts = graph.events["amount"].to_numpy()
    for one in work:
        drawn = sample(one)
        edges += drawn.edges
        start = time.perf_counter()
        for block in drawn.blocks:
            amounts[graph.edges[block.edge_type].event[block.position]]
        fetched += time.perf_counter() - start
    seeds = len(work) * _BATCH
    return {
        "seeds_per_s": round(seeds / seconds),
        "edges_per_s": round(edges / seconds),
        "edges_per_seed": round(edges / seeds, 2),
        "attributes_per_s": round(edges / fetched),
    }


def main() -> int:
    options = parser("sampling", __doc__).parse_args()
    purchases = 1_000_000 if options.quick else 10_000_000
    progress(f"a graph of {purchases:,} purchases")
    graph = big_graph(purchases)
    relations = ("buys", "uses", "ships_to")
    edges = sum(graph.edges[t].edges for t in graph.edges if t[1].removeprefix("rev_") in relations)
    held = sum(graph.edges[t].nbytes for t in graph.edges if t[1].removeprefix("rev_") in relations)
    progress("gather")
    pairs = gather_rate(graph, purchases * 17 // 10)
    rows, figures = [], {}
    for name, config, side_by_side in (
        ("uniform", SampleConfig(), True),
        ("uniform, one batch at a time", SampleConfig(), False),
        ("recent", SampleConfig(strategy="recent"), True),
        ("uniform, distinct", SampleConfig(distinct=True), True),
    ):
        progress(name)
        rate = sampling_rate(graph, config, 12 if options.quick else 60, side_by_side=side_by_side)
        figures[name] = {**rate, "gather_ratio": round(rate["edges_per_s"] / pairs, 3)}
        rows.append([
            name, f"{rate['seeds_per_s']:,}", f"{rate['edges_per_s'] / 1e6:.1f}",
            f"{rate['edges_per_seed']:.1f}", f"{figures[name]['gather_ratio']:.2f}",
            f"{rate['attributes_per_s'] / 1e6:.1f}",
        ])  # fmt: skip
    table = Table(
        title="Sampling by edge time",
        text=(
            f"{purchases:,} purchases, {edges:,} edges of both directions, "
            f"{edges / purchases:.2f} edges an event and {held / edges:.1f} bytes an edge. Batches of "
            f"{_BATCH:,} members, fanout 10 then 5 through three relations, {_THREADS} threads, "
            "each with a batch of its own; median of three rounds. The "
            f"yardstick gathers {pairs / 1e6:.0f} M pairs/s. Amounts are fetched from positions and "
            "timed apart, on one thread."
        ),
        columns=("strategy", "seeds/s", "M edges/s", "edges a seed", "of the gather", "M amounts/s"),
        rows=rows,
    )  # fmt: skip
    result = {
        **figures["uniform"], "gather_pairs_per_s": round(pairs), "threads": _THREADS,
        "edges_per_event": round(edges / purchases, 3), "bytes_per_edge": round(held / edges, 2),
        "strategies": figures,
    }  # fmt: skip
    return finish("sampling", options, result, table, seed=_SEED)


if __name__ == "__main__":
    sys.exit(main())
