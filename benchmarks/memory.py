"""Training on a graph larger than memory would like: edges mapped from files, batches in memory.

``python -m benchmarks.memory [--json] [--quick] [--write]``. The graph of ``benchmarks.sampling`` with
some 100 M edges of both directions is made and saved in one process, loaded and trained on in
another: HeteroSAGE, 64 channels, two hops, fanout 10 then 5, 50 steps of 4,096 members. RssAnon is the
memory that is the process's own; mapped pages, which the system takes back when it must, do not
count in it. It is read ten times a second.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.common import Table, finish, parser, progress
from benchmarks.processes import measured

_STEPS = 50


def anonymous_mb() -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("RssAnon"))
    return round(int(line.split()[1]) * 1024 / 1e6)


def make(folder: Path, purchases: int) -> dict[str, Any]:
    from benchmarks.sampling import big_graph
    from benchmarks.training import with_numbers

    graph = with_numbers(big_graph(purchases))
    graph.save(folder)
    edges = [graph.edges[edge_type] for edge_type in graph.edges]
    return {"edges": sum(e.edges for e in edges), "bytes": sum(e.nbytes for e in edges)}


def train(folder: Path) -> dict[str, Any]:
    import torch

    from benchmarks.sampling import batches_of
    from graphml.config import SampleConfig
    from graphml.graph.build import Graph
    from graphml.nn.features import encode, fit_features
    from graphml.nn.heads import NodeHead
    from graphml.nn.sage import HeteroSAGE
    from graphml.nn.tables import Tables
    from graphml.nn.tree import Tree
    from graphml.sampling.temporal import TemporalSampler

    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], anonymous_mb())

    threading.Thread(target=watch, daemon=True).start()
    graph = Graph.load(folder)
    spec = fit_features(graph, edge_attributes=False)
    device = torch.device("cpu")
    tables = Tables(graph, encode(graph, spec), device)
    sampler = TemporalSampler(graph, "member", SampleConfig())
    edge_types = tuple(sorted({step.edge_type for step in sampler.plan}))
    model = torch.nn.ModuleList([HeteroSAGE(spec, edge_types, channels=64, hops=2), NodeHead(64)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    seeds, start = 0, time.perf_counter()
    for nodes, as_of, key in batches_of(graph, _STEPS):
        logits = model[1](model[0](Tree(sampler.sample(nodes, as_of, key=key), tables, device)))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, (logits > 9).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seeds += len(nodes)
    seconds = time.perf_counter() - start
    done.set()
    return {"rss_anon_mb": peak[0], "seeds_per_s": round(seeds / seconds)}


def main() -> int:
    if sys.argv[1:2] in (["make"], ["train"]):
        folder = Path(sys.argv[2])
        result = make(folder, int(sys.argv[3])) if sys.argv[1] == "make" else train(folder)
        print(json.dumps(result))
        return 0
    options = parser("memory", __doc__).parse_args()
    purchases = 1_000_000 if options.quick else 39_000_000
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "graph")
        progress(f"making a graph of {purchases:,} purchases")
        made = measured("benchmarks.memory", ["make", place, str(purchases)]).result
        progress("training on it")
        run = measured("benchmarks.memory", ["train", place])
    figures = {**made, **run.result, "peak_rss_mb": run.peak_rss_mb}
    table = Table(
        title="Memory of training",
        text=__doc__.split("\n\n", 1)[1].split("``. ", 1)[1].replace("\n", " "),
        columns=("edges", "edges on disk, MB", "own memory (RssAnon), MB", "resident with mapped pages, MB", "seeds/s"),
        rows=[[
            f"{figures['edges']:,}", f"{figures['bytes'] / 1e6:,.0f}", f"{figures['rss_anon_mb']:,}",
            f"{figures['peak_rss_mb']:,}", f"{figures['seeds_per_s']:,}",
        ]],
    )  # fmt: skip
    return finish("memory", options, figures, table, seed=1)


if __name__ == "__main__":
    sys.exit(main())
