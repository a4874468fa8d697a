"""One marketplace of ``benchmarks.rings``: made in one process, searched for rings in another.

``python -m benchmarks.market make|find FOLDER KIND SEED MEMBERS [days]``; find prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.processes import peak_rss_mb
from graphml.config import RingConfig, SimulateConfig
from graphml.graph.build import Graph, build_graph
from graphml.rings.evaluate import detection_days, evaluate_rings, read_truth
from graphml.rings.extract import extract_rings
from graphml.tables.frames import TABLES, Tables
from graphml.tables.synthetic import Marketplace, make_marketplace

_EVERY = timedelta(days=30)


def make(folder: Path, kind: str, seed: int, members: int) -> None:
    if kind in ("easy", "default", "hard"):
        config = SimulateConfig(members=members, seed=seed, difficulty=kind)  # type: ignore[arg-type]
        make_marketplace(config).write(folder)
        return
    from benchmarks.other_market import make_other_market

    tables, rings, groups = make_other_market(members=members, seed=seed, style=kind)
    made = Marketplace(
        tables=tables, truth_rings=rings, truth_groups=groups, truth_fraud=pl.DataFrame()
    )
    made.write(folder)


def read_market(folder: Path) -> Tables:
    """Return the tables that ``make`` wrote."""
    return Tables(**{name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES})


def find(folder: Path, *, days: bool) -> dict[str, Any]:
    tables = read_market(folder)
    rings, groups = read_truth(folder.with_name(f"{folder.name}.truth"))
    start = time.perf_counter()
    graph = build_graph(tables)
    as_of: datetime = graph.events["time"][-1]
    found = extract_rings(graph, None, RingConfig(), as_of=as_of)
    seconds = time.perf_counter() - start
    peak = peak_rss_mb()
    report = evaluate_rings(found, rings, groups, graph=graph, as_of=as_of, seconds=seconds)
    result: dict[str, Any] = {
        "events": graph.events.height,
        "true_rings": report.true_rings,
        "seconds": seconds,
        "peak_rss_mb": peak,
        "methods": report.rows(),
    }
    if days:
        result["days"] = _days(graph, rings, as_of)
    return result


def _days(graph: Graph, rings: pl.DataFrame, as_of: datetime) -> list[float | None]:
    first = rings["first_event"].min()
    assert isinstance(first, datetime)
    moments = [as_of]
    while moments[-1] - _EVERY > first:
        moments.append(moments[-1] - _EVERY)
    return detection_days(graph, rings, RingConfig(), moments=moments[::-1])


def main() -> int:
    what, folder, kind, seed, members, *rest = sys.argv[1:]
    if what == "make":
        make(Path(folder), kind, int(seed), int(members))
    else:
        print(json.dumps(find(Path(folder), days="days" in rest)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
