"""What fake orders do to lists, and what leaving fraudsters out changes.

``python -m benchmarks.brushing [--json] [--quick] [--write] [--members N] [--seeds N ...]``. Made-up
marketplaces with planted brushing rings. A product is pushed if members of such rings are at least
half of its buyers in the last 90 days. Looked at are the lists of 2,000 honest members, 20 long.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.common import Table, finish, market_options, progress
from graphml.config import RecommendConfig, RingConfig, SimulateConfig
from graphml.graph.build import Graph, build_graph
from graphml.recommend.listing import listed
from graphml.recommend.recommender import SIMPLE, Recommender, Shelf
from graphml.recommend.rules import Rules
from graphml.rings.extract import extract_rings
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.flags import fraudulent

_LATELY = timedelta(days=90)
_ASKED = 2_000
_LEFT_OUT = ("nobody", "known frauds", "known frauds and rings found", "all who brush")


def pushed(graph: Graph, brushers: Any) -> Any:
    """Return which products are pushed, bool [products]."""
    assert graph.as_of is not None
    bought = graph.events.filter(
        (pl.col("kind") == "purchase") & (pl.col("time") > graph.as_of - _LATELY)
    )
    pairs = bought.select("member", "product").drop_nulls().unique()
    fake = pl.lit(pl.Series(brushers)).gather(pl.col("member"))
    by_product = pairs.group_by("product").agg(share=fake.mean())
    result = np.zeros(len(graph.nodes["product"]), dtype=bool)
    result[by_product.filter(pl.col("share") >= 0.5)["product"].to_numpy()] = True
    return result


def one_market(members: int, seed: int) -> list[dict[str, Any]]:
    progress(f"seed {seed}")
    made = make_marketplace(SimulateConfig(members=members, seed=seed))
    graph = build_graph(made.tables)
    graph = graph.until(graph.events["time"].max())  # type: ignore[arg-type]
    assert graph.as_of is not None
    keys = graph.nodes["member"].keys
    brush = made.truth_rings.filter(kind="brushing")["member_id"]
    brushers = keys.is_in(brush.implode()).to_numpy()
    frauds = keys.is_in(made.truth_fraud["member_id"].implode()).to_numpy()
    wanted = pushed(graph, brushers)
    rings = extract_rings(graph, None, RingConfig(seed=0), as_of=graph.as_of)
    flagged = pl.Series([member for ring in rings for member in ring.flagged_ids], dtype=pl.String)
    known = fraudulent(graph)
    masks = (
        np.zeros(len(keys), dtype=bool), known,
        known | keys.is_in(flagged.implode()).to_numpy(), brushers,
    )  # fmt: skip
    honest = np.flatnonzero(graph.nodes["member"].present & ~frauds & ~brushers)
    asked = np.sort(np.random.default_rng(seed).choice(honest, min(_ASKED, len(honest)), False))
    rows = []
    for name, without in zip(_LEFT_OUT, masks, strict=True):
        shelf = Shelf.of(graph, without=without)
        for method in SIMPLE:
            made_by = Recommender(
                method=method, ranker=None, config=RecommendConfig(), trained_until=graph.as_of,
                chosen_until=graph.as_of,
            )  # fmt: skip
            found = listed(
                shelf, made_by, asked, opted_out=np.zeros(len(keys), dtype=bool), rules=Rules(), top=20
            )  # fmt: skip
            hit = wanted[found.product]
            rows.append(
                {
                    "seed": seed, "left_out": name, "method": method, "members_left_out": int(without.sum()),
                    "places": float(hit.mean()), "lists": len(np.unique(found.member[hit])) / len(asked),
                    "pushed": int(wanted.sum()), "products": int(graph.nodes["product"].present.sum()),
                }
            )  # fmt: skip
    return rows


def main() -> int:
    options, members, seeds = market_options(
        "brushing", __doc__, quick=2_000, members=20_000, seeds=(1, 2, 3, 4, 5)
    )
    rows = pl.DataFrame([row for seed in seeds for row in one_market(members, seed)])
    mean = rows.group_by("method", "left_out", maintain_order=True).agg(
        pl.col("places").mean(), low=pl.col("places").min(), high=pl.col("places").max(),
        lists=pl.col("lists").mean(), out=pl.col("members_left_out").mean(),
    )  # fmt: skip
    shop = rows.select(pl.col("pushed", "products").mean()).row(0, named=True)
    table = Table(
        title="What fake orders do to lists",
        text=(
            f"{len(seeds)} made-up marketplaces of {members:,} members (seeds {', '.join(map(str, seeds))}), default "
            f"difficulty; {shop['pushed']:.0f} of {shop['products']:,.0f} products are pushed on average: at "
            "least half of their buyers in the last 90 days are members of planted brushing rings. Lists of 20 for "
            "2,000 honest members, who neither brush nor are fraudulent, as of the last event. Share of the places "
            "that pushed products have (mean, lowest and highest seed), and of the lists that hold any."
        ),
        columns=("method", "members who do not count", "how many", "places", "lists with any"),
        rows=[
            [
                row["method"], row["left_out"], f"{row['out']:,.0f}",
                f"{row['places']:.4f} ({row['low']:.4f} to {row['high']:.4f})", f"{row['lists']:.3f}",
            ]
            for row in mean.sort("method", maintain_order=True).iter_rows(named=True)
        ],
    )  # fmt: skip
    return finish("brushing", options, {"rows": rows.to_dicts()}, table, seed=seeds[0])


if __name__ == "__main__":
    sys.exit(main())
