"""Load events into the embedded store and find rings: time and memory by size.

``python -m benchmarks.load [--json] [--quick] [--write]``: each command runs in a process of its
own, as a user would run it, on made-up marketplaces of 0.1, 1 and 10 million events.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import Table, finish, parser, progress
from benchmarks.processes import measured

_SEED = 1001
_EVENTS_A_MEMBER = 30
_MAIN = 1_000_000


def one_size(events: int, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        source, store = Path(folder) / "source", f"embedded://{folder}/store"
        members = str(max(events // _EVENTS_A_MEMBER, 200))
        quiet = ["--store", store, "--quiet"]
        progress(f"{events:,} events: simulate")
        size = ["--members", members, "--events", str(events), "--seed", str(seed), "--quiet"]
        simulate = measured("graphml", ["simulate", str(source), *size])
        progress(f"{events:,} events: load")
        load = measured("graphml", ["load", str(source), *quiet])
        again = measured("graphml", ["load", str(source), *quiet])
        progress(f"{events:,} events: detect-rings")
        detect = measured("graphml", ["detect-rings", *quiet, "--format", "jsonl"])
        made = _rows(source / "events.parquet")
    return {
        "events": made,
        "simulate_s": round(simulate.seconds, 1),
        "load_s": round(load.seconds, 1),
        "events_per_s": round(made / load.seconds),
        "peak_rss_mb": load.peak_rss_mb,
        "again_s": round(again.seconds, 1),
        "detect_s": round(detect.seconds, 1),
        "detect_peak_rss_mb": detect.peak_rss_mb,
        "rings": len(detect.stdout.splitlines()),
    }


def _rows(file: Path) -> int:
    import polars as pl

    return int(pl.scan_parquet(file).select(pl.len()).collect().item())


def main() -> int:
    options = parser("load", __doc__).parse_args()
    sizes = (20_000, 100_000) if options.quick else (100_000, _MAIN, 10_000_000)
    seed = 1 if options.quick else _SEED
    rows = [one_size(events, seed) for events in sizes]
    columns = {
        "events": "events",
        "simulate, s": "simulate_s",
        "load, s": "load_s",
        "load, events/s": "events_per_s",
        "load, peak MB": "peak_rss_mb",
        "load again, s": "again_s",
        "detect-rings, s": "detect_s",
        "detect-rings, peak MB": "detect_peak_rss_mb",
        "rings": "rings",
    }
    table = Table(
        title="From events to rings: time and memory by size",
        text=(
            f"The made-up marketplace, default, seed {seed}, {_EVENTS_A_MEMBER} events a member. Each "
            "figure is one command (`graphml simulate`, `load` of Parquet into the embedded store, "
            "`load` of the same once more, `detect-rings`) in a process of its own, from start to "
            "end, imports too; peak is its highest resident memory, 1 MB = 10⁶ bytes."
        ),
        columns=tuple(columns),
        rows=[[_figure(row[key]) for key in columns.values()] for row in rows],
    )
    main_row = rows[min(1, len(rows) - 1)]
    return finish("load", options, {**main_row, "sizes": rows}, table, seed=seed)


def _figure(value: float) -> str:
    return f"{value:,}"


if __name__ == "__main__":
    sys.exit(main())
