"""Fraudulent orders and reviews found on made-up marketplaces: flat trees, aggregates, the blend.

``python -m benchmarks.orders [--json] [--quick] [--write] [--members N] [--seeds 2001 …]``. Each
marketplace is learned from as of four weeks before its end, by what was known then, and asked about
every order and review of the four weeks before that moment which nobody had accused; the truth
decides. Reported are seeds 2001 to 2005, looked at once; 7, 8 and 11 were looked at before.
``--quick`` runs seed 1 on a small marketplace.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.common import Table, finish, market_options, progress
from benchmarks.processes import measured
from graphml.fraud.order_evaluation import BETTER
from graphml.fraud.orders import BARS
from graphml.training.bootstrap import percentiles

REPORTED = (2001, 2002, 2003, 2004, 2005)
_METRICS = ("average_precision", "value_recall_at_1pct")


def one_market(kind: str, seed: int, members: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        market = str(Path(folder) / "market")
        progress(f"{kind}, seed {seed}, {members:,} members: make")
        measured("benchmarks.market", ["make", market, kind, str(seed), str(members)])
        # A seed of its own for each bootstrap: the draws of several marketplaces are independent.
        result = measured("benchmarks.orders_market", [market, "--seed", str(seed)]).result
    found = ", ".join(f"{r['method']} {r['average_precision']:.3f}" for r in result["methods"])
    progress(f"{kind}, seed {seed}: {found}")
    return {"kind": kind, "market_seed": seed, **result}


def methods_table(kind: str, markets: Sequence[dict[str, Any]], members: int) -> Table:
    learned = mean(m["accused"]["train"] + m["accused"]["valid"] for m in markets)
    return Table(
        title=f"On {kind}",
        text=(
            f"{len(markets)} made-up marketplaces of {members:,} members, "
            f"{mean(m['events'] for m in markets):,.0f} events by the moment of the question, four weeks "
            "before the end. Learned from what was known then and before: accusations known 12 weeks "
            f"before the moment, validated by those known 4 weeks before it ({learned:.0f} accused orders and "
            f"reviews in both). Asked about all {mean(m['orders'] for m in markets):,.0f} orders and reviews "
            "of the last 4 weeks before the moment that nobody had accused by then; "
            f"{mean(m['fraudulent'] for m in markets):.0f} of them are fraud, by "
            f"{mean(m['rings'] for m in markets):.0f} rings. Mean over the seeds (lowest to highest) of the "
            "ranking's average precision and of the share of the frauds' amount among the riskiest 1 %. "
            "The last row is the blend less the aggregates, the baseline: the mean, its 95 % interval "
            "(paired bootstrap by ring, and by member outside rings, in each marketplace)."
        ),
        columns=("method", "average precision", "value-weighted recall at 1 %"),
        rows=[*[_row(bar, markets) for bar in BARS], _gain(markets)],
    )


def _row(name: str, markets: Sequence[dict[str, Any]]) -> list[str]:
    cells = []
    for metric in _METRICS:
        found = [row[metric] for row in _of(markets, name)]
        cells.append(f"{mean(found):.3f} ({min(found):.3f} to {max(found):.3f})")
    return [name, *cells]


def _gain(markets: Sequence[dict[str, Any]]) -> list[str]:
    drawn = np.mean([market["drawn"] for market in markets], axis=0)
    cells = []
    for at, metric in enumerate(_METRICS):
        low, high = percentiles(drawn[:, at])
        found = mean(row[metric] for row in _of(markets, BETTER))
        cells.append(f"{found:+.3f} ({low:+.3f} to {high:+.3f})")
    return [BETTER, *cells]


def _of(markets: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [row for market in markets for row in market["methods"] if row["method"] == name]


def seeds_table(markets: Sequence[dict[str, Any]]) -> Table:
    rows = []
    for market in markets:
        by_name = {row["method"]: row for row in market["methods"]}
        values = [f"{by_name[bar]['average_precision']:.3f}" for bar in BARS]
        better = [_interval(by_name[BETTER], metric) for metric in _METRICS]
        asked = [f"{market['orders']:,}", str(market["fraudulent"]), str(market["rings"])]
        rows.append([market["kind"], str(market["market_seed"]), *asked, *values, *better])
    return Table(
        title="Each marketplace",
        text=(
            "Average precision, and what the blend has above the aggregates with the 95 % interval of the "
            "paired bootstrap by ring."
        ),
        columns=("market", "seed", "orders and reviews", "fraudulent", "of rings", *BARS, BETTER, "the same, value-weighted recall"),
        rows=rows,
    )  # fmt: skip


def _interval(row: dict[str, Any], metric: str) -> str:
    return f"{row[metric]:+.3f} ({row[f'{metric}_low']:+.3f} to {row[f'{metric}_high']:+.3f})"


def main() -> int:
    options, members, seeds = market_options(
        "orders", __doc__, quick=3_000, members=20_000, seeds=REPORTED
    )
    kinds = ("default",) if options.quick else ("default", "hard")
    markets = [one_market(kind, seed, members) for kind in kinds for seed in seeds]
    first, *further = [
        methods_table(kind, [m for m in markets if m["kind"] == kind], members) for kind in kinds
    ]
    further.append(seeds_table(markets))
    figures = [{k: v for k, v in market.items() if k != "drawn"} for market in markets]
    return finish("orders", options, {"markets": figures}, first, seed=list(seeds), further=further)


if __name__ == "__main__":
    sys.exit(main())
