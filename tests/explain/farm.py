"""A market with three device farms, and scorers whose answers are known."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import numpy as np

from graphml.graph.build import Graph, build_graph
from graphml.rings.extract import Candidates
from graphml.rings.groups import Group
from graphml.rings.market import market_of
from graphml.rings.membership import Membership
from graphml.tables.frames import Tables
from graphml.tabular.aggregates import AGGREGATES, AsOf, Features
from graphml.tabular.trees import TreeConfig, TreeModel, fit_trees
from tests.rings.small import Market, group

COLUMNS = [name for name, aggregate in AGGREGATES.items() if aggregate.group != "order"]
SMALL = TreeConfig(
    rounds=40, patience=40, num_leaves=4, min_child_samples=5, learning_rate=0.2, threads=1
)  # fmt: skip


@dataclass(frozen=True)
class Sum:
    """Log-odds: weighted aggregates, with 0 for NaN, then structure and trees."""

    weights: dict[str, float]
    structure: float = 0.0
    base: float = 0.0
    trees: TreeModel | None = None
    of_trees: float = 1.0
    name = "sum"

    def risks(self, features: Features, structure):
        p = np.clip(np.asarray(structure, dtype=np.float64), 1e-3, 1 - 1e-3)
        total = self.base + self.structure * np.log(p / (1 - p))
        for column, weight in self.weights.items():
            total = total + weight * np.nan_to_num(features[column].astype(np.float64))
        if self.trees is not None:
            names = list(self.trees.names)
            places = [features.names.index(name) for name in names]
            total = total + self.of_trees * self.trees.predict(features.values[:, places])
        return total

    def probability(self, risks):
        return 1 / (1 + np.exp(-risks))


def farm_tables(*, farm: str = "farm-0", suspect: str = "suspect") -> Tables:
    """Return a market in which one member's only tie to others is a device of a farm's."""
    chance = random.Random(3)
    market = Market()
    for n in range(150):
        _life(market, chance, f"alone-{n:03}", f"device of {n}", ip=f"cafe-{n % 50}")
    for number, device in enumerate((farm, "farm-1", "farm-2")):
        for n in range(9):
            who = suspect if (number, n) == (0, 4) else f"farm-{number}-{n}"
            _life(market, chance, who, device)
    return market.tables


def _life(market: Market, chance: random.Random, who: str, device: str, **more: str) -> None:
    start = chance.uniform(0, 900)
    market.tell(who, start, "signup")
    for turn in range(chance.choice([3, 4, 5])):
        hours = start + chance.uniform(1, 300)
        market.tell(who, hours, "view", product_id=f"p-{chance.randrange(40)}", **more)
        market.tell(
            who, hours + 1, "purchase", device_id=device, address_id=f"home of {who}",
            product_id=f"p-{chance.randrange(40)}", order_id=f"{who}/{turn}", amount=20.0,
        )  # fmt: skip


@cache
def farm() -> tuple[Graph, Sum]:
    """Return the market, and trees with structure that know its farms."""
    graph = build_graph(farm_tables())
    members = graph.nodes["member"].keys
    on_farm = (members.str.starts_with("farm") | (members == "suspect")).to_numpy()
    moment = int(graph.events["time"].to_physical()[-1])
    nodes = np.arange(len(members))
    features = AsOf(graph, threads=1).members(nodes, np.full(len(nodes), moment))
    trees = fit_trees(
        features.values, on_farm.astype(np.int64), features.values, on_farm.astype(np.int64),
        names=features.names, config=SMALL,
    )  # fmt: skip
    return graph, Sum({}, structure=0.5, trees=trees)


def company(graph: Graph, as_of, *groups: Group, others: tuple[Group, ...] = ()) -> Membership:
    """Return a membership of these groups, all of them believed in, and of ``others``."""
    count = len(graph.nodes["member"])
    score, size = np.zeros(count, np.float32), np.zeros(count, np.int32)
    place = np.full(count, -1, np.int32)
    for number, one in enumerate((*groups, *others)):
        score[one.members], size[one.members] = one.score, len(one.members)
        place[one.members] = number
    now = graph.until(as_of)
    found = Candidates(
        believed=groups, others=others, threshold=0.7, as_of=as_of, model=None, graph=now,
        market=market_of(now),
    )  # fmt: skip
    believed = (place >= 0) & (place < len(groups))
    return Membership(score=score, size=size, believed=believed, group=place, candidates=found)


def farm_company(graph: Graph, as_of) -> Membership:
    keys = graph.nodes["member"].keys
    members = keys.filter(keys.str.starts_with("farm-0") | (keys == "suspect")).to_list()
    return company(graph, as_of, group(graph, members, as_of))


@cache
def random_trees(columns: tuple[str, ...] = COLUMNS) -> TreeModel:
    """Return trees that look at many columns, grown on noise."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 4, (600, len(columns))).astype(np.float32)
    y = (x[:, ::7].sum(axis=1) + rng.normal(0, 2, 600) > x[:, ::7].sum(axis=1).mean()).astype(int)
    return fit_trees(x[:400], y[:400], x[400:], y[400:], names=columns, config=SMALL)


def without_ties(tables: Tables, member: str, ties) -> Tables:
    """Return the tables as if a member had never used some identifiers."""
    import polars as pl

    from graphml.schema import MARKETPLACE

    events = tables.events
    for type_, id_ in ties:
        column = MARKETPLACE.nodes[type_].key
        cut = (pl.col("member_id") == member) & (pl.col(column) == id_).fill_null(value=False)
        events = events.with_columns(pl.when(~cut).then(column).alias(column))
    return Tables(events=events, products=tables.products, labels=tables.labels)
