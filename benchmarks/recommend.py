"""What members buy in four weeks: the recommender beside simple methods, a filter and EASE.

``python -m benchmarks.recommend [--json] [--quick] [--write]``. Needs
uci-online-retail/onlineretail.csv.gz and complete-journey/transactions_sample.csv.gz and
products.csv.gz (see their cards under datasets) in ../shared/data or the folder of GRAPHML_DATA.
All is learned and chosen by what was known four weeks before the end, and asked about the last four
weeks: every product that was there by then is ranked. ``--quick`` looks at the second shop with one
moment to learn from.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.cards import folder_of, tables_of
from benchmarks.common import Table, finish, parser, progress
from benchmarks.gowalla_methods import ease, mean_interval
from benchmarks.processes import peak_rss_mb
from graphml.config import RecommendConfig, TrainConfig
from graphml.graph.build import Graph, build_graph
from graphml.graph.nodes import microseconds
from graphml.pipeline.recommending import fit_network
from graphml.recommend.evaluation import LENGTHS, compare, ndcg_of, ranked
from graphml.recommend.filters import FilterConfig, fit_filter
from graphml.recommend.fitting import ask, bought_after, fit_recommender, moments_of
from graphml.recommend.history import DAY, History
from graphml.recommend.ranker import LIST, Asked
from graphml.recommend.recommender import SIMPLE, WITH_NETWORK, simple_scores
from graphml.tables.frames import Tables

SHOPS = {
    "uci-online-retail": ("onlineretail.csv.gz",),
    "complete-journey": ("transactions_sample.csv.gz", "products.csv.gz"),
}
_EASE_PENALTY = 100.0
_EASE_PRODUCTS = 6_000
"""More do not fit: their Gram matrix is inverted."""


def dense_methods(history: History, members: Any) -> dict[str, Any]:
    """Return the scores of all products for members, by methods that do not need candidates."""
    bought = history.matrix()
    bought.data[:] = 1
    found = {"linear filter": fit_filter(bought, FilterConfig()).scores(bought[members])}
    kept = np.argsort(-np.bincount(bought.indices, minlength=bought.shape[1]), kind="stable")
    kept = np.sort(kept[:_EASE_PRODUCTS])
    some = bought[:, kept]
    scores = np.full((len(members), bought.shape[1]), -np.inf, np.float32)
    scores[:, kept] = ease(some, _EASE_PENALTY).scores(some[members])
    # Its weights of a product for itself are 0; a shop's members come back, so what they had counts.
    found["EASE (Steck 2019)"] = scores
    found["EASE, bought before first"] = scores + 1e3 * bought[members].toarray()
    return found


def dense_row(name: str, scores: Any, asked: Asked, wanted: Any, first: Any) -> dict[str, Any]:
    """Return the row of a method that ranks all products, as ``compare`` would."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :LIST]
    hits = np.take_along_axis(wanted, top, axis=1)
    gain = hits / np.log2(np.arange(LIST) + 2.0)
    best = np.cumsum(1 / np.log2(np.arange(LIST) + 2.0))
    ndcg = gain.sum(axis=1) / best[np.minimum(asked.wanted, LIST) - 1]
    apart = first - ndcg
    (low, high), (below, above) = mean_interval(ndcg), mean_interval(apart)
    return {
        "method": name,
        f"ndcg_at_{LIST}": float(ndcg.mean()),
        f"ndcg_at_{LIST}_low": low,
        f"ndcg_at_{LIST}_high": high,
        f"recall_at_{LIST}": float((hits.sum(axis=1) / asked.wanted).mean()),
        "above": float(apart.mean()),
        "above_low": below,
        "above_high": above,
        "coverage": len(np.unique(top)) / max(asked.there, 1),
    }


def one_shop(name: str, config: RecommendConfig) -> dict[str, Any]:
    progress(f"{name}: read")
    tables = tables_of(name, folder_of(name, *SHOPS[name]))
    whole = build_graph(tables)
    graph = whole.until(whole.events["time"].max())  # type: ignore[arg-type]
    start = time.perf_counter()
    train, valid, test = moments_of(graph, config)
    fitted = fit_recommender(graph, train, valid, config=config, digests={})
    seconds = time.perf_counter() - start
    asked = ask(graph, test, config)
    made = fitted.recommender
    told = {made.method: made.scores(asked.names, asked.values)}
    told |= {method: simple_scores(asked.names, asked.values, method) for method in SIMPLE}
    rows = compare(asked, told)
    lists = {method: sparse_list(asked, scores) for method, scores in told.items()}
    progress(f"{name}: a network as a source")
    row, valid_ndcg, networked = with_network(
        tables, graph, (train, valid, test), config, ndcg_of(asked, told[made.method])
    )
    rows.append(row)
    history = History.of(graph.until(test))
    members = np.unique(asked.candidates.member)
    wanted = wanted_of(graph, test, members, config)
    first = ndcg_of(asked, told[made.method])
    for method, scores in dense_methods(history, members).items():
        progress(f"{name}: {method}")
        rows.append(dense_row(method, scores, asked, wanted, first))
    return {
        "data": name, "events": graph.events.height, "members": len(asked.wanted),
        "products": asked.there, "purchases": int(asked.wanted.sum()), "moment": test.isoformat(),
        "moments": len(train), "candidates": fitted.train, "valid": {**fitted.chosen, WITH_NETWORK: valid_ndcg}, "network_s": networked,
        "methods": rows, "by_past": by_past(asked, told), "new": of_new(graph, test, members, wanted, lists), "fit_s": seconds, "peak_rss_mb": peak_rss_mb(),
    }  # fmt: skip


def with_network(
    tables: Tables, graph: Graph, moments: Any, config: RecommendConfig, first: Any
) -> tuple[dict[str, Any], float, float]:
    """Return the row of the ranker with a network as a source, its validation, and the seconds it took."""
    train, valid, test = moments
    start = time.perf_counter()
    network = fit_network(tables, graph, min(train), config, TrainConfig(seed=config.seed))
    fitted = fit_recommender(graph, train, valid, config=config, digests={}, network=network)
    seconds = time.perf_counter() - start
    asked = ask(graph, test, config, network=network)
    (row,) = compare(asked, {WITH_NETWORK: fitted.recommender.scores(asked.names, asked.values)})
    apart = first - ndcg_of(asked, fitted.recommender.scores(asked.names, asked.values))
    low, high = mean_interval(apart)
    row |= {"above": float(apart.mean()), "above_low": low, "above_high": high}
    return row, fitted.chosen[WITH_NETWORK], seconds


_NEW_DAYS = 28


def sparse_list(asked: Asked, scores: Any) -> Any:
    """Return owner and product of what is on lists of 20."""
    listed = np.flatnonzero(ranked(asked, scores) < LIST)
    return asked.candidates.owner[listed], asked.candidates.product[listed]


def of_new(
    graph: Graph, moment: datetime, members: Any, wanted: Any, lists: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how much of what members bought of new products was on their lists, by method."""
    nodes = graph.until(moment).nodes["product"]
    age = (microseconds(moment) - nodes.first) / DAY
    new = nodes.present & (age < _NEW_DAYS)
    count = int(wanted[:, new].sum())
    found = {
        method: float((wanted[owner, product] * new[product]).sum() / max(count, 1))
        for method, (owner, product) in lists.items()
    }
    places = {method: float(new[product].mean()) for method, (_, product) in lists.items()}
    return {"products": int(new.sum()), "bought": count, "found": found, "places": places}


def new_table(shops: Any) -> Table:
    return Table(
        title="New products",
        text=(
            f"Products first seen in the {_NEW_DAYS} days before the moment: the share of what members bought of them "
            "that stood on their lists of 20, and the share of all places that such products have."
        ),
        columns=("shop", "new products", "bought in four weeks", "method", "found", "places"),
        rows=[
            [shop["data"], f"{shop['new']['products']:,}", f"{shop['new']['bought']:,}", method,
             f"{found:.3f}", f"{shop['new']['places'][method]:.3f}"]
            for shop in shops
            for method, found in shop["new"]["found"].items()
        ],
    )  # fmt: skip


_SEGMENTS = (("none", 0, 0), ("one", 1, 1), ("2 to 5", 2, 5), ("6 or more", 6, np.inf))
"""Members by how many baskets they had bought by the moment."""


def by_past(asked: Asked, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the first method does beside the best other one, for old and new members apart."""
    ndcg = {name: ndcg_of(asked, scores) for name, scores in told.items()}
    owner, first = np.unique(asked.candidates.owner, return_index=True)
    baskets = np.zeros(len(asked.wanted))
    baskets[owner] = np.nan_to_num(asked.column("member.baskets")[first])
    own, *others = ndcg
    rows = []
    for name, low, high in _SEGMENTS:
        of = (baskets >= low) & (baskets <= high)
        if not of.any():
            continue
        best = max(others, key=lambda other: ndcg[other][of].mean())
        apart = (ndcg[own] - ndcg[best])[of]
        below, above = mean_interval(apart)
        rows.append(
            {
                "baskets": name, "members": int(of.sum()), own: float(ndcg[own][of].mean()),
                "best": best, "best_ndcg": float(ndcg[best][of].mean()),
                "above": float(apart.mean()), "above_low": below, "above_high": above,
            }
        )  # fmt: skip
    return rows


def past_table(shop: Mapping[str, Any]) -> Table:
    own = shop["methods"][0]["method"]
    return Table(
        title=f"Old and new members of {shop['data']}",
        text=(
            "The same lists by how many baskets a member had bought by the moment: NDCG@20 beside the best of the "
            "methods without training for the same members."
        ),
        columns=("baskets before", "members", own, "best without training", "", "above it by"),
        rows=[
            [
                row["baskets"], f"{row['members']:,}", f"{row[own]:.4f}", row["best"], f"{row['best_ndcg']:.4f}",
                f"{row['above']:+.4f} ({row['above_low']:+.4f} to {row['above_high']:+.4f})",
            ]
            for row in shop["by_past"]
        ],
    )  # fmt: skip


def wanted_of(graph: Graph, moment: datetime, members: Any, config: RecommendConfig) -> Any:
    """Return which product there by a moment each member buys within the horizon, dense."""
    then = graph.until(moment)
    member, product = bought_after(graph, then, moment, config.horizon_days)
    rows = np.isin(member, members)
    shape = (len(members), len(then.nodes["product"]))
    place = np.searchsorted(members, member[rows])
    found = sparse.csr_matrix((np.ones(len(place)), (place, product[rows])), shape=shape)
    return found.toarray()


def table(shop: Mapping[str, Any]) -> Table:
    rows = []
    for row in shop["methods"]:
        own = row["method"] == shop["methods"][0]["method"]
        rows.append(
            [
                row["method"],
                f"{row['ndcg_at_20']:.4f} ({row['ndcg_at_20_low']:.4f} to {row['ndcg_at_20_high']:.4f})",
                f"{row['recall_at_20']:.4f}",
                f"{row['coverage']:.3f}",
                ""
                if own
                else f"{row['above']:+.4f} ({row['above_low']:+.4f} to {row['above_high']:+.4f})",
            ]
        )
    return Table(
        title=f"On {shop['data']}",
        text=(
            f"{shop['events']:,} events. As of {shop['moment']}, four weeks before the end: the "
            f"{shop['members']:,} members known by then who bought in these weeks any of the "
            f"{shop['products']:,} products known by then, {shop['purchases']:,} purchases, what they had bought "
            f"before among them. Learned from {shop['moments']} earlier moments ({shop['candidates']:,} candidates), "
            "chosen by the four weeks before the moment. Means over members; 95 % intervals of bootstrap samples "
            "of members, for the difference on the same samples for both methods. Coverage: share of the "
            f"products on any list. Training took {shop['fit_s']:.0f} s, peak memory {shop['peak_rss_mb']:.0f} MB. "
            "With the network: HeteroSAGE over the graph, taught by purchases up to the first of those moments, "
            "names 100 products a member too and its score is a column of the ranker's; on validation "
            f"{shop['valid'][WITH_NETWORK]:.4f} beside {shop['valid']['ranker']:.4f}, {shop['network_s']:.0f} s more."
        ),
        columns=("method", "NDCG@20", "recall@20", "coverage", "the first is above by"),
        rows=rows,
    )  # fmt: skip


def main() -> int:
    options = parser("recommend", __doc__).parse_args()
    config = RecommendConfig(moments=1) if options.quick else RecommendConfig()
    names = list(SHOPS)[1:] if options.quick else list(SHOPS)
    shops = [one_shop(name, config) for name in names]
    first, *further = [made for shop in shops for made in (table(shop), past_table(shop))]
    further.append(new_table(shops))
    figures = {"shops": shops, "list_lengths": list(LENGTHS)}
    return finish("recommend", options, figures, first, seed=config.seed, further=further)


if __name__ == "__main__":
    sys.exit(main())
