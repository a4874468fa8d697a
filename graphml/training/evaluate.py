"""How good a model is on labels it never saw, beside simple methods on the same labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray

from graphml.config import SampleConfig
from graphml.graph.build import Graph
from graphml.graph.trees import SEEDS
from graphml.results import Report
from graphml.sampling.temporal import TemporalSampler
from graphml.tasks.labels import Labels
from graphml.training.bootstrap import interval
from graphml.training.metrics import auroc, average_precision, mrr, ndcg_at, precision_at, recall_at
from graphml.training.model import GraphModel
from graphml.training.node import ask, asked
from graphml.training.questions import Ints, Seeds
from graphml.training.ranking import Ranking
from graphml.training.ranks import Ranks

_LIST = 20
_SHARED = ("uses", "ships_to", "connects_from", "pays_with", "has_phone", "has_email")
_ASKED_AT_ONCE = 4_096

Floats = NDArray[np.float64]


def evaluate(model: GraphModel, graph: Graph, labels: Labels, *, seed: int = 0) -> Report:
    """Return a model's metrics on ``labels``, with those of simple methods beside them.

    Fraud, and nodes of plain graphs: average precision, AUROC and the precision of as many members
    as are fraudulent. Purchases and other pairs: lists of 20 out of all products, for the members
    who buy, as of the first label's moment; without time, what is linked already is in no list.
    Intervals are 95 % of 200 bootstrap samples of members.

    Args:
        model: For the labels' task.
        graph: Of the same marketplace.
        labels: That training and validation did not see.
        seed: Of the bootstrap.
    """
    rows = (_links if labels.of_links else _nodes)(model, graph, labels, seed)
    return Report(
        task=labels.task, model=model.name, rows=tuple(rows), labels=len(labels),
        first=cast(datetime, labels.rows["as_of"].min()), last=cast(datetime, labels.rows["as_of"].max()),
    )  # fmt: skip


def _nodes(model: GraphModel, graph: Graph, labels: Labels, seed: int) -> list[dict[str, object]]:
    reader, (node_type,) = model.reader(graph), labels.about
    seeds, answers = asked(reader, labels, model.config.seed)
    y = answers.astype(np.int64)
    scores = {model.config.encoder: ask(reader, model.network, node_type, seeds).cpu().numpy()}
    if labels.task == "fraud":
        scores["members it shares identifiers with"] = sharers(graph, seeds)
    else:
        scores["edges it has"] = degrees(graph, node_type, seeds)
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


def degrees(graph: Graph, node_type: str, seeds: Seeds) -> Floats:
    """Return how many edges each seed has by its moment."""
    result = np.zeros(len(seeds))
    for edge_type, edges in graph.edges.items():
        if edge_type[0] != node_type:
            continue
        low, high = edges.indptr[seeds.nodes], edges.indptr[seeds.nodes + 1]
        result += [
            np.searchsorted(edges.time[begin:end], as_of, side="right")
            for begin, end, as_of in zip(low, high, seeds.as_of, strict=True)
        ]
    return result


def _links(model: GraphModel, graph: Graph, labels: Labels, seed: int) -> list[dict[str, object]]:
    reader = model.reader(graph)
    asked = Ranking.of(reader, labels, model.config.seed, most=10_000)
    found, owner = asked.ranks(reader, model.network, Ranks())
    methods = {model.config.encoder: found}
    popular = _popular(graph, asked)
    if graph.timeless:
        methods["popular"] = asked.ranks_by(popular)
    else:
        methods["popular in the last 30 days"] = asked.ranks_by(popular)
        before = "bought" if labels.task == "purchase" else "linked"
        methods[f"{before} before, then popular"] = asked.ranks_by(popular, _linked(graph, asked))
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
    """Return purchases of each product in the 30 days up to the moment, float64 [products].

    In a graph without time, all of them.
    """
    as_of = int(asked.members.as_of[0])
    edges = graph.edges[asked.about]
    recent = (edges.time > as_of - 30 * 86_400_000_000) & (edges.time <= as_of)
    counts = np.bincount(edges.target[recent], minlength=len(graph.nodes[asked.about[2]]))
    return counts[asked.products.nodes].astype(np.float64)


def _linked(graph: Graph, asked: Ranking) -> list[Ints]:
    """Return by member the places of the products bought by the moment."""
    as_of = int(asked.members.as_of[0])
    edges = graph.edges[asked.about]
    place = np.full(len(graph.nodes[asked.about[2]]), -1)
    place[asked.products.nodes] = np.arange(len(asked.products))
    result = []
    for member in asked.members.nodes:
        at = edges.of(int(member))
        known = edges.target[at][edges.time[at] <= as_of]
        result.append(place[known][place[known] >= 0])
    return result
