"""Rings found on made-up marketplaces, beside the baselines.

``python -m benchmarks.rings [--json] [--quick] [--write] [--members N] [--seeds 1001 …]``. Reported
are seeds 1001 to 1005, which were never looked at while the method and its parameters were made
(seeds 1 to 20 were); grocery, fashion and electronics are another maker's (benchmarks.other_market),
two seeds each. ``--quick`` runs seed 1 on a small marketplace. Each marketplace is made in
one process and searched in another.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.common import Table, finish, market_options, progress
from benchmarks.processes import measured

REPORTED = (1001, 1002, 1003, 1004, 1005)
"""Seeds for reporting alone."""
_KINDS = ("default", "hard")
_OTHERS = ("grocery", "fashion", "electronics")
_OTHER_MEMBERS = 20_000
_GROUP = "benign_per_1000_"
_METRICS = {
    "pair F1": "pair_f1",
    "B-cubed F1": "bcubed_f1",
    "recovered": "recovered_j50",
    "over-merge": "over_merge",
    "precision at 50": "precision_top50",
    "benign per 1,000": "benign_per_1000",
}


def one_market(kind: str, seed: int, members: int, *, days: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{kind}, seed {seed}, {members:,} members: make")
        size = [str(Path(folder) / "market"), kind, str(seed), str(members)]
        measured("benchmarks.market", ["make", *size])
        progress(f"{kind}, seed {seed}, {members:,} members: find rings")
        found = measured("benchmarks.market", ["find", *size, *(["days"] if days else [])])
    result: dict[str, Any] = found.result
    return {"kind": kind, "market_seed": seed, **result}


def summary(markets: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the mean of each figure by method."""
    methods: dict[str, list[dict[str, Any]]] = {}
    for market in markets:
        for row in market["methods"]:
            methods.setdefault(row["method"], []).append(row)
    return {
        name: {
            key: round(mean(row[key] for row in rows if row.get(key) is not None), 4)
            for key in rows[0]
            if key != "method" and rows[0][key] is not None
        }
        for name, rows in methods.items()
    }


def methods_table(kind: str, markets: Sequence[dict[str, Any]], members: int) -> Table:
    means = summary(markets)
    spread = _spread(markets)
    return Table(
        title=f"Found on {kind}",
        text=(
            f"{members:,} members, {mean(m['events'] for m in markets):,.0f} events and "
            f"{mean(m['true_rings'] for m in markets):.0f} rings on average, {_seeds(markets)}; as of "
            f"the last event. Means over the seeds, for graphml with the lowest and the highest."
        ),
        columns=("method", *_METRICS, "s"),
        rows=[
            [
                name,
                *[_number(row[key]) + spread.get((name, key), "") for key in _METRICS.values()],
                f"{row['seconds']:.1f}",
            ]
            for name, row in means.items()
        ],
    )


def _spread(markets: Sequence[dict[str, Any]]) -> dict[tuple[str, str], str]:
    ours = [market["methods"][0] for market in markets]
    if len(ours) < 2:
        return {}
    return {
        (ours[0]["method"], key): f" ({_number(min(values))}–{_number(max(values))})"
        for key in _METRICS.values()
        for values in [[row[key] for row in ours]]
    }


def benign_table(by_kind: dict[str, list[dict[str, Any]]]) -> Table:
    means = {
        kind: next(iter(summary(markets).values()))
        for kind, markets in by_kind.items()
        if kind in _KINDS
    }
    groups = sorted({key for row in means.values() for key in row if key.startswith(_GROUP)})
    return Table(
        title="Benign members flagged per 1,000, by group",
        text="By graphml, mean over the seeds, of the group's members who are in no ring.",
        columns=("group", *means),
        rows=[
            [
                group.removeprefix(_GROUP).replace("_", " "),
                *[_number(row.get(group, 0.0)) for row in means.values()],
            ]
            for group in groups
        ],
    )


def days_table(by_kind: dict[str, list[dict[str, Any]]]) -> Table:
    rows = []
    for kind, markets in by_kind.items():
        days = [day for market in markets for day in market.get("days", [])]
        found = [day for day in days if day is not None]
        if days:
            middle = f"{median(found):.0f}" if found else "–"
            rows.append([kind, str(len(days)), f"{len(found) / len(days):.2f}", middle])
    return Table(
        title="Days from a ring's first event to its detection",
        text=(
            "The first seed of each, a detection every 30 days; a ring is detected when a returned "
            "one has Jaccard ≥ .5 with the members who had acted by then."
        ),
        columns=("marketplace", "rings", "detected", "median days"),
        rows=rows,
    )


def resources_table(by_kind: dict[str, list[dict[str, Any]]]) -> Table:
    return Table(
        title="Time and memory",
        text=(
            "Graph and rings, from tables in memory, one process a seed; peak is its highest "
            "resident memory until the rings were found, reading included, 1 MB = 10⁶ bytes."
        ),
        columns=("marketplace", "seed", "events", "s", "peak MB", "pair F1", "recovered"),
        rows=[
            [
                kind,
                str(market["market_seed"]),
                f"{market['events']:,}",
                f"{market['seconds']:.1f}",
                f"{market['peak_rss_mb']:,}",
                _number(market["methods"][0]["pair_f1"]),
                _number(market["methods"][0]["recovered_j50"]),
            ]
            for kind, markets in by_kind.items()
            for market in markets
        ],
    )


def _seeds(markets: Sequence[dict[str, Any]]) -> str:
    seeds = ", ".join(str(market["market_seed"]) for market in markets)
    return f"seed {seeds}" if len(markets) == 1 else f"seeds {seeds}"


def _main_figures(row: dict[str, float]) -> dict[str, float]:
    return {key: row[key] for key in ("seconds", *_METRICS.values())}


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:,.2f}"


def main() -> int:
    options, members, seeds = market_options(
        "rings", __doc__, quick=2_000, members=100_000, seeds=REPORTED
    )
    others = _OTHERS[:1] if options.quick else _OTHERS
    sizes = {
        **dict.fromkeys(_KINDS, members),
        **dict.fromkeys(others, min(members, _OTHER_MEMBERS)),
    }
    by_kind = {
        kind: [
            one_market(kind, seed, size, days=kind in _KINDS and seed == seeds[0])
            for seed in (seeds if kind in _KINDS else seeds[:2])
        ]
        for kind, size in sizes.items()
    }
    default, *rest = [
        methods_table(kind, markets, sizes[kind]) for kind, markets in by_kind.items()
    ]
    summaries = {kind: summary(markets) for kind, markets in by_kind.items()}
    ours = next(iter(summaries["default"].values()))
    figures = {
        **_main_figures(ours),
        "members": members,
        "peak_rss_mb": max(market["peak_rss_mb"] for market in by_kind["default"]),
        "methods": {
            kind: {name: _main_figures(row) for name, row in methods.items()}
            for kind, methods in summaries.items()
        },
        "benign_per_1000_by_group": {
            key.removeprefix(_GROUP): value for key, value in ours.items() if key.startswith(_GROUP)
        },
    }
    further = (*rest, benign_table(by_kind), days_table(by_kind), resources_table(by_kind))
    return finish("rings", options, figures, default, seed=list(seeds), further=further)


if __name__ == "__main__":
    sys.exit(main())
