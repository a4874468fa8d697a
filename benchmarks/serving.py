"""How fast lists come: one member's, and everybody's, at 100,000 members and 100,000 products.

``python -m benchmarks.serving [--json] [--quick] [--write]``. Two million purchases of a made-up shop
in 200 days: members have tastes, half of what they buy they bought before. The ranker is trained on
the shop, four weeks before its end.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.common import Table, finish, parser, progress
from benchmarks.processes import peak_rss_mb
from graphml.config import RecommendConfig
from graphml.graph.build import build_graph
from graphml.recommend.fitting import ask
from graphml.recommend.listing import listed
from graphml.recommend.ranker import fit_ranker
from graphml.recommend.recommender import Recommender, Shelf
from graphml.recommend.rules import Rules
from graphml.tables.frames import Tables
from graphml.tabular.trees import TreeConfig

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 200
_TASTES = 400
_ASKED = 500


def purchases(members: int, products: int, lines: int, *, seed: int) -> Tables:
    """Return a shop's purchases: by taste, the popular more often, half of them again."""
    rng = np.random.default_rng(seed)
    who = np.sort(rng.integers(0, members, lines))
    day = rng.uniform(0, DAYS, lines)
    place = (products / _TASTES * rng.random(lines) ** 2.5).astype(np.int64)
    what = (who % _TASTES + _TASTES * place) % products
    first = np.searchsorted(who, who)
    again = (rng.random(lines) < 0.5) & (np.arange(lines) > first)
    before = first + (rng.random(lines) * (np.arange(lines) - first)).astype(np.int64)
    what = np.where(again, what[before], what)
    events = pl.DataFrame(
        {
            "event_id": pl.Series(np.arange(lines)).cast(pl.String),
            "time": pl.Series((day * 864e8).astype(np.int64)),
            "member_id": pl.Series(who).cast(pl.String),
            "product_id": pl.Series(what).cast(pl.String),
        }
    ).with_columns(time=pl.lit(START) + pl.duration(microseconds="time"), kind=pl.lit("purchase"))
    return Tables(events=events.sort("time"))


def timed(members: int, products: int, lines: int) -> dict[str, Any]:
    progress("the shop")
    graph = build_graph(purchases(members, products, lines, seed=0))
    config, end = RecommendConfig(asked=4_000), START + timedelta(days=DAYS)
    progress("the ranker")
    moments = [end - timedelta(days=28 * n) for n in (3, 2)]
    train, valid = (ask(graph.until(end), moment, config) for moment in moments)
    ranker = fit_ranker([train], valid, config=TreeConfig())
    made = Recommender(
        method="ranker", ranker=ranker, config=config, trained_until=end, chosen_until=end
    )
    progress("the shelf")
    start = time.perf_counter()
    shelf = Shelf.of(graph.until(end))
    shelf_s = time.perf_counter() - start
    nobody = np.zeros(len(graph.nodes["member"]), dtype=bool)
    there = np.flatnonzero(graph.nodes["member"].present)

    def lists(who: Any) -> Any:
        return listed(shelf, made, who, opted_out=nobody, rules=Rules(), top=20)

    lists(there[:1_000])
    progress("one member at a time")
    seconds = []
    for one in np.random.default_rng(1).choice(there, _ASKED):
        start = time.perf_counter()
        lists(np.array([one]))
        seconds.append(time.perf_counter() - start)
    progress("everybody")
    start = time.perf_counter()
    found = lists(there)
    whole = time.perf_counter() - start
    return {
        "members": len(there), "products": len(graph.nodes["product"]), "events": lines,
        "trees": ranker.best_round, "candidates": len(valid.bought) / len(valid.wanted),
        "shelf_s": shelf_s, "one_p50_ms": 1e3 * float(np.median(seconds)),
        "one_p99_ms": 1e3 * float(np.percentile(seconds, 99)), "all_s": whole,
        "members_per_s": len(there) / whole, "rows": len(found.member), "peak_rss_mb": peak_rss_mb(),
    }  # fmt: skip


def main() -> int:
    options = parser("serving", __doc__).parse_args()
    size = (5_000, 5_000, 100_000) if options.quick else (100_000, 100_000, 2_000_000)
    found = timed(*size)
    table = Table(
        title="How fast lists come",
        text=(
            f"{found['members']:,} members, {found['products']:,} products, {found['events']:,} purchases; the ranker has "
            f"{found['trees']} trees and orders {found['candidates']:.0f} candidates a member, all of them exact. The shelf "
            f"(sources and tables as of a moment) is made once, in {found['shelf_s']:.0f} s, and kept. One member: "
            f"{_ASKED} of them one after another, warm; everybody: in blocks, on all cores, lists of 20 without reasons."
        ),
        columns=("one member, p50, ms", "p99, ms", "everybody, s", "members a second", "peak MB"),
        rows=[
            [
                f"{found['one_p50_ms']:.1f}", f"{found['one_p99_ms']:.1f}", f"{found['all_s']:.0f}",
                f"{found['members_per_s']:,.0f}", f"{found['peak_rss_mb']:,}",
            ]
        ],
    )  # fmt: skip
    return finish("serving", options, found, table, seed=0)


if __name__ == "__main__":
    sys.exit(main())
