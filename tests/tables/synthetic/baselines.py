"""Four detectors that anybody would try first; the made-up rings must not fall to them."""

from collections import Counter
from collections.abc import Iterable

import networkx as nx
import polars as pl

from tests.tables.synthetic.markets import uses

CROWD = 60
"""Values that more members use tie nobody on the projection."""


def pairwise_f1(groups: Iterable[set[str]], truth: pl.DataFrame) -> float:
    """F1 of the pairs within groups of three or more, against the pairs within true rings."""
    ring = dict(truth.select("member_id", "ring_id").iter_rows())
    true = sum(size * (size - 1) // 2 for size in Counter(ring.values()).values())
    hit = said = 0
    for group in groups:
        if len(group) >= 3:
            said += len(group) * (len(group) - 1) // 2
            inside = Counter(ring[member] for member in group if member in ring)
            hit += sum(size * (size - 1) // 2 for size in inside.values())
    return 2 * hit / (said + true)


def _pairs(used: pl.DataFrame) -> pl.DataFrame:
    shared = used.filter(pl.len().over("view", "value").is_between(2, CROWD))
    both = shared.join(shared, on=["view", "value"], suffix="_other")
    return (
        both.filter(pl.col("member_id") < pl.col("member_id_other"))
        .group_by("member_id", "member_id_other")
        .agg(pl.col("view").n_unique().alias("views"), pl.len().alias("weight"))
        .sort("member_id", "member_id_other")
    )


def _components(used: pl.DataFrame) -> list[set[str]]:
    graph = nx.Graph()
    graph.add_edges_from(
        (member, (view, value))
        for member, view, value in used.select("member_id", "view", "value").iter_rows()
    )
    return [
        {node for node in part if isinstance(node, str)} for part in nx.connected_components(graph)
    ]


def _louvain(pairs: pl.DataFrame) -> list[set[str]]:
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        pairs.select("member_id", "member_id_other", "weight").iter_rows()
    )
    found: list[set[str]] = nx.community.louvain_communities(graph, seed=1)
    return found


def device_and_card_components(events: pl.DataFrame) -> list[set[str]]:
    return _components(uses(events).filter(pl.col("view").is_in(["device_id", "card"])))


def louvain(events: pl.DataFrame) -> list[set[str]]:
    return _louvain(_pairs(uses(events)))


def louvain_of_two_views(events: pl.DataFrame) -> list[set[str]]:
    return _louvain(_pairs(uses(events)).filter(pl.col("views") >= 2))


def short_and_nobodys_main(events: pl.DataFrame) -> list[set[str]]:
    used = uses(events).with_columns(
        (pl.col("events") == pl.col("events").max().over("view", "member_id")).alias("main")
    )
    values = used.group_by("view", "value").agg(
        pl.len().alias("members"),
        pl.col("main").any(),
        (pl.col("last").max() - pl.col("first").min()).alias("span"),
    )
    chosen = values.filter(
        (pl.col("members") >= 2) & ~pl.col("main") & (pl.col("span") <= pl.duration(days=50))
    )
    return _components(used.join(chosen, on=["view", "value"], how="semi"))


BASELINES = {
    "device and card components": device_and_card_components,
    "Louvain": louvain,
    "Louvain over pairs with two views": louvain_of_two_views,
    "shared for at most 50 days and nobody's main one": short_and_nobodys_main,
}
