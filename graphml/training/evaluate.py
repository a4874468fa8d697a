"""How good a model is on labels it never saw, beside simple methods on the same labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.config import SampleConfig
from graphml.graph.build import Graph
from graphml.graph.trees import SEEDS
from graphml.results import Report
from graphml.sampling.temporal import TemporalSampler
from graphml.tasks.labels import Labels
from graphml.training.fraud import ask
from graphml.training.metrics import auroc, average_precision, mrr, ndcg_at, precision_at, recall_at
from graphml.training.model import GraphModel
from graphml.training.purchase import Ranking
from graphml.training.questions import Ints, Seeds, seeds_of
from graphml.training.ranks import Ranks

_RESAMPLED = 200
_LIST = 20
_SHARED = ("uses", "ships_to", "connects_from", "pays_with", "has_phone", "has_email")
_ASKED_AT_ONCE = 4_096

Floats = NDArray[np.float64]


def evaluate(model: GraphModel, graph: Graph, labels: Labels, *, seed: int = 0) -> Report:
    """Return a model's metrics on ``labels``, with those of simple methods beside them.

    Fraud: average precision, AUROC and the precision of as many members as are fraudulent.
    Purchases: lists of 20 out of all products, for the members who buy, as of the first label's
    moment. Intervals are 95 % of 200 bootstrap samples of members.

    Args:
        model: For the labels' task.
        graph: Of the same marketplace.
        labels: That training and validation did not see.
        seed: Of the bootstrap.
    """
    rows = _fraud(model, graph, labels, seed) if labels.task == "fraud" else _purchases(
        model, graph, labels, seed
    )  # fmt: skip
    return Report(
        task=labels.task, model=model.name, rows=tuple(rows), labels=len(labels),
        first=cast(datetime, labels.rows["as_of"].min()), last=cast(datetime, labels.rows["as_of"].max()),
    )  # fmt: skip


def _fraud(model: GraphModel, graph: Graph, labels: Labels, seed: int) -> list[dict[str, object]]:
    rows = labels.rows
    seeds = seeds_of(graph, "member", rows["member_id"], rows["as_of"], seed=model.config.seed)
    y = rows["y"].to_numpy().astype(np.int64)
    logits = ask(model.reader(graph), model.network, "member", seeds).cpu().numpy()
    scores = {
        model.config.encoder: logits,
        "members it shares identifiers with": sharers(graph, seeds),
    }
    frauds = max(int(y.sum()), 1)
    measures: dict[str, Callable[[Ints, Floats], float]] = {
        "average_precision": average_precision,
        "auroc": auroc,
        "precision_at_frauds": lambda a, b: precision_at(a, b, k=min(frauds, len(a))),
    }
    return [
        {
            "method": name,
            **_measured(measures, y, score, seeds.nodes, seed),
            "base_rate": float(y.mean()),
        }
        for name, score in scores.items()
    ]


def _measured(
    measures: Mapping[str, Callable[[Ints, Floats], float]],
    y: Ints,
    scores: Floats,
    owners: Ints,
    seed: int,
) -> dict[str, float]:
    result = {name: measure(y, scores) for name, measure in measures.items()}
    name, measure = next(iter(measures.items()))
    low, high = interval(lambda rows, _: measure(y[rows], scores[rows]), owners, seed=seed)
    return {**result, f"{name}_low": low, f"{name}_high": high}


def interval(
    measure: Callable[[Ints, Ints], float], owners: Ints, *, seed: int
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a measure of rows, resampled by their owners.

    Args:
        measure: Of rows, repeats among them, and of their owners: one drawn twice is two.
        owners: Whose each row is, int64 [rows].
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    _, owner = np.unique(owners, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(owner.max(initial=-1) + 2))
    size = np.diff(bounds)
    found = []
    for _ in range(_RESAMPLED):
        drawn = rng.integers(0, len(size), len(size))
        inside = np.arange(size[drawn].sum()) - np.repeat(
            np.cumsum(size[drawn]) - size[drawn], size[drawn]
        )
        rows = order[np.repeat(bounds[drawn], size[drawn]) + inside]
        found.append(measure(rows, np.repeat(np.arange(len(drawn)), size[drawn])))
    known = [value for value in found if not np.isnan(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def sharers(graph: Graph, seeds: Seeds) -> Floats:
    """Return with how many others each member shared an identifier by its moment, at most some hundred."""
    relations = dict.fromkeys(_SHARED, (20, 0))
    back = {f"rev_{relation}": (0, 20) for relation in _SHARED}
    others = {t[1]: (0, 0) for t in graph.edges if t[1] not in relations | back}
    config = SampleConfig(
        fanout=(20, 20), relations=relations | back | others, strategy="recent", distinct=True
    )
    sampler = TemporalSampler(graph, "member", config)
    result = np.zeros(len(seeds))
    for begin in range(0, len(seeds), _ASKED_AT_ONCE):
        rows = np.arange(begin, min(begin + _ASKED_AT_ONCE, len(seeds)))
        part = seeds.take(rows)
        sample = sampler.sample(part.nodes, part.as_of, key=part.key)
        owner = {SEEDS: np.arange(len(rows))}
        met = []
        for place, block in enumerate(sample.blocks):
            owner[place] = owner[block.parent][block.row]
            if block.parent != SEEDS:
                met.append(np.column_stack([owner[place], block.neighbor]))
        pairs = np.unique(
            np.concatenate([*met, np.zeros((0, 2), np.int64)]).astype(np.int64), axis=0
        )
        other = pairs[:, 1] != part.nodes[pairs[:, 0]]
        result[rows] = np.bincount(pairs[other, 0], minlength=len(rows))
    return result


def _purchases(
    model: GraphModel, graph: Graph, labels: Labels, seed: int
) -> list[dict[str, object]]:
    reader = model.reader(graph)
    asked = Ranking.of(reader, labels, model.config.seed, most=10_000)
    found, owner = asked.ranks(reader, model.network, Ranks())
    methods = {model.config.encoder: found}
    methods["popular in the last 30 days"] = asked.ranks_by(_popular(graph, asked))
    methods["bought before, then popular"] = asked.ranks_by(
        _popular(graph, asked), _bought(graph, asked)
    )
    rows = []
    for name, ranks in methods.items():

        def measure(some: Ints, whose: Ints, ranks: Ints = ranks) -> float:
            return ndcg_at(ranks[some], whose, k=_LIST)

        low, high = interval(measure, owner, seed=seed)
        rows.append(
            {
                "method": name,
                f"ndcg_at_{_LIST}": ndcg_at(ranks, owner, k=_LIST),
                f"recall_at_{_LIST}": recall_at(ranks, owner, k=_LIST),
                "mrr": mrr(ranks, owner),
                f"ndcg_at_{_LIST}_low": low,
                f"ndcg_at_{_LIST}_high": high,
                "members": len(asked.members),
            }
        )
    return rows


def _popular(graph: Graph, asked: Ranking) -> Floats:
    """Return purchases of each product in the 30 days up to the moment, float64 [products]."""
    as_of = int(asked.members.as_of[0])
    recent = (pl.col("time").dt.epoch("us") > as_of - 30 * 86_400_000_000) & (
        pl.col("time").dt.epoch("us") <= as_of
    )
    bought = graph.events.filter(pl.col("kind") == "purchase", recent)["product"].drop_nulls()
    counts = np.bincount(bought.to_numpy(), minlength=len(graph.nodes["product"]))
    return counts[asked.products.nodes].astype(np.float64)


def _bought(graph: Graph, asked: Ranking) -> list[Ints]:
    """Return by member the places of the products bought by the moment."""
    as_of = int(asked.members.as_of[0])
    edges = graph.edges["member", "buys", "product"]
    place = np.full(len(graph.nodes["product"]), -1)
    place[asked.products.nodes] = np.arange(len(asked.products))
    result = []
    for member in asked.members.nodes:
        at = edges.of(int(member))
        known = edges.target[at][edges.time[at] <= as_of]
        result.append(place[known][place[known] >= 0])
    return result
