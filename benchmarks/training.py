"""Training HeteroSAGE on trees beside the same model by PyG's HeteroConv, on the same sampled edges.

``python -m benchmarks.training [--json] [--quick] [--write]``. The graph of
``benchmarks.sampling``; 64 channels, two hops, fanout 10 then 5, batches of 4,096 members, AdamW.
Node inputs are the members' and products' eight numbers and every node's age; edges carry
nothing, since SAGEConv has no place for it (ours with edge ages and degrees is timed too). Both
are given the same samples; making PyG's edge lists of them is timed apart. ``training_ratio`` is
seeds/s over PyG's, forward, backward and step, without sampling on either side.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch_geometric.nn import HeteroConv, SAGEConv

from benchmarks.common import Table, finish, parser, progress
from benchmarks.sampling import batches_of, big_graph
from graphml.config import SampleConfig
from graphml.graph.build import Graph
from graphml.graph.nodes import Nodes
from graphml.graph.trees import SEEDS, Sample
from graphml.nn.features import encode, fit_features
from graphml.nn.heads import NodeHead
from graphml.nn.inputs import NodeInput
from graphml.nn.sage import HeteroSAGE
from graphml.nn.spec import FeatureSpec
from graphml.nn.tables import Tables
from graphml.nn.tree import Tree
from graphml.sampling.temporal import TemporalSampler
from graphml.tables.frames import TIME

_CHANNELS = 64
_CPU = torch.device("cpu")
EdgeList = dict[tuple[str, str, str], Tensor]


def with_numbers(graph: Graph, names: tuple[str, ...] = ("member", "product")) -> Graph:
    """Give nodes of these types eight numbers each."""
    rng = np.random.default_rng(5)
    for name in names:
        nodes = graph.nodes[name]
        rows = pl.DataFrame(
            {
                "node": np.arange(len(nodes), dtype=np.uint32),
                "valid_from": pl.Series([None] * len(nodes), dtype=TIME),
                **{f"x{place}": rng.normal(size=len(nodes)) for place in range(8)},
            }
        )
        graph.nodes[name] = Nodes(keys=nodes.keys, first=nodes.first, attributes=rows)  # type: ignore[index]
    return graph


class ByPyG(nn.Module):
    """HeteroSAGE's sums over edge types by HeteroConv and SAGEConv over edge lists."""

    def __init__(self, spec: FeatureSpec, edge_types: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__()
        self.nodes = NodeInput(spec, _CHANNELS)
        self.convs = nn.ModuleList(
            HeteroConv(
                {
                    (target, relation, source): SAGEConv((_CHANNELS, _CHANNELS), _CHANNELS)
                    for source, relation, target in edge_types
                },
                aggr="sum",
            )
            for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(_CHANNELS) for _ in range(2))
        self.head = NodeHead(_CHANNELS)

    def forward(self, tree: Tree, edges: EdgeList) -> Tensor:
        """Return the seeds' logits."""
        x = self.inputs(tree)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = {name: torch.relu(norm(value)) for name, value in conv(x, edges).items()}
        result: Tensor = self.head(x["member"][: len(tree)])
        return result

    def inputs(self, tree: Tree) -> dict[str, Tensor]:
        """Return each type's node vectors, in the order of ``edge_lists``."""
        parts: dict[str, list[Tensor]] = {}
        for place in tree.depths:
            parts.setdefault(tree.node_type(place), []).append(self.nodes(tree.group(place)))
        return {name: torch.cat(some) for name, some in parts.items()}


def edge_lists(tree: Tree) -> EdgeList:
    """Return the sample as PyG wants it: an edge list a type, nodes numbered by ``inputs``'s order."""
    begin, sizes = {}, dict.fromkeys(("member", "product", "device", "address"), 0)
    for place in tree.depths:
        name = tree.node_type(place)
        begin[place] = sizes[name]
        sizes[name] += len(tree) if place == SEEDS else tree.blocks[place].edges
    edges: dict[Any, list[Tensor]] = {}
    for place, block in enumerate(tree.blocks):
        child = begin[place] + torch.arange(block.edges)
        source, relation, target = block.edge_type
        pairs = torch.stack([child, begin[block.parent] + block.row])
        edges.setdefault((target, relation, source), []).append(pairs)
    return {key: torch.cat(some, dim=1) for key, some in edges.items()}


def step_time(model: nn.Module, logits: Callable[[int], Tensor], rounds: int) -> float:
    """Return the median seconds of one forward, backward and step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    taken = []
    for number in range(rounds + 2):
        start = time.perf_counter()
        out = logits(number)
        target = (torch.arange(len(out)) % 7 == 0).float()
        loss = nn.functional.binary_cross_entropy_with_logits(out, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        taken.append(time.perf_counter() - start)
    return median(taken[2:])


def main() -> int:
    options = parser("training", __doc__).parse_args()
    purchases, rounds = (1_000_000, 4) if options.quick else (10_000_000, 15)
    progress(f"a graph of {purchases:,} purchases")
    graph = with_numbers(big_graph(purchases))
    sampler = TemporalSampler(graph, "member", SampleConfig())
    edge_types = tuple(sorted({step.edge_type for step in sampler.plan}))
    work = batches_of(graph, rounds + 2)
    progress("sampling")
    sampler.sample(*work[0][:2], key=work[0][2])
    start = time.perf_counter()
    samples = [sampler.sample(seeds, as_of, key=key) for seeds, as_of, key in work]
    sampling = (time.perf_counter() - start) / len(work)
    seeds = len(samples[0].seeds)
    bare = fit_features(graph, edge_attributes=False)
    rows, figures = [], {}

    progress("HeteroSAGE on trees")
    seconds = {}
    for name, spec, carried in (
        ("trees", bare, False),
        ("trees, edges with ages and degrees", bare, True),
        ("trees, edges with ages, degrees and amounts", fit_features(graph), True),
    ):
        tables = Tables(graph, encode(graph, spec), _CPU)
        torch.manual_seed(0)
        model = HeteroSAGE(spec, edge_types, channels=_CHANNELS, hops=2, carried=carried)
        head = NodeHead(_CHANNELS)

        def ours(
            number: int, tables: Tables = tables, model: nn.Module = model, head: nn.Module = head
        ) -> Tensor:
            result: Tensor = head(model(Tree(samples[number], tables, _CPU)))
            return result

        seconds[name] = step_time(nn.ModuleList([model, head]), ours, rounds)
    progress("PyG over edge lists")
    tables = Tables(graph, encode(graph, bare), _CPU)
    torch.manual_seed(0)
    peer = ByPyG(bare, edge_types)
    start = time.perf_counter()
    trees = [Tree(sample, tables, _CPU) for sample in samples]
    lists = [edge_lists(tree) for tree in trees]
    listing = (time.perf_counter() - start) / len(samples)

    def theirs(number: int) -> Tensor:
        result: Tensor = peer(trees[number], lists[number])
        return result

    seconds["PyG edge lists"] = step_time(peer, theirs, rounds)
    for name, taken in seconds.items():
        rows.append([
            name, f"{seeds / taken:,.0f}", f"{seconds['PyG edge lists'] / taken:.2f}",
            f"{sampling / (sampling + taken):.0%}",
        ])  # fmt: skip
        figures[name] = {"seeds_per_s": round(seeds / taken)}
    ours_s = seconds["trees, edges with ages and degrees"]
    result = {
        "training_ratio": round(seconds["PyG edge lists"] / seconds["trees"], 2),
        "seeds_per_s": round(seeds / ours_s),
        "sampling_share": round(sampling / (sampling + ours_s), 3),
        "edge_list_s": round(listing, 3),
        "layouts": figures,
    }
    table = Table(
        title="Training HeteroSAGE",
        text=(
            f"{purchases:,} purchases, {edges_of(samples[0])} edges a seed, {_CHANNELS} channels, two hops, "
            f"batches of {seeds:,}, {torch.get_num_threads()} threads; median of {rounds} steps. Sampling "
            f"took {sampling:.3f} s a batch, PyG's edge lists {listing:.3f} s more; neither is in seeds/s."
        ),
        columns=("layout", "seeds/s", "beside PyG", "sampling's share of a step"),
        rows=rows,
    )  # fmt: skip
    return finish("training", options, result, table, seed=1)


def edges_of(sample: Sample) -> str:
    return f"{sample.edges / len(sample.seeds):.1f}"


if __name__ == "__main__":
    sys.exit(main())
