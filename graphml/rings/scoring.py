"""From a graph to scored groups: ties, bursts, cells judged, merged, judged again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from graphml.config import RingConfig
from graphml.graph.build import Graph
from graphml.results import Scores
from graphml.rings.assemble import BELIEVED, assemble, assign, to_score
from graphml.rings.bursts import Bursts, find_bursts
from graphml.rings.cells import Cells, value_cells
from graphml.rings.classes import Verdict, tell_apart
from graphml.rings.groups import Groups
from graphml.rings.links import Links, company, find_links, linked
from graphml.rings.signals import Signals, behaviour, unusual
from graphml.rings.ties import Ties, shared_ties
from graphml.rings.timeline import Timeline, build_timeline
from graphml.schema import MARKETPLACE

_ECHOES = 2
"""How often links are weighed anew by what the cells at their other end turned out to be."""

_TRUST = 0.55
"""Weight of each signal, less than 1 because signals repeat each other."""

_SEEDS = 10
"""Cells surprising in two views that are enough to begin from them alone."""

logger = logging.getLogger("graphml.rings")


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Groups, and the judged cells that they were made of.

    Attributes:
        groups: All candidates, best first.
        ties, bursts, cells: What is shared, when, and by whom; no cell where nothing is.
        nats: Log odds of each cell to be a ring's, float64[cells].
        life: Of all members.
    """

    groups: Groups
    ties: Ties
    bursts: Bursts
    cells: Cells
    nats: NDArray[np.float64]
    life: Timeline


def find_groups(
    graph: Graph, config: RingConfig, *, as_of: datetime, scores: Scores | None = None
) -> Groups:
    """Return all candidate groups of members, best first, a member in one at most.

    Args:
        graph: Events of which those up to ``as_of``, inclusive, are looked at.
        config: ``allow`` and ``seed`` matter here.
        as_of: The last moment known, with a time zone.
        scores: Members' risk where a model gives it.
    """
    return judge(graph, config, as_of=as_of, scores=scores).groups


def judge(
    graph: Graph, config: RingConfig, *, as_of: datetime, scores: Scores | None = None
) -> Judged:
    """Return what ``find_groups`` returns, with the cells behind it; arguments are its."""
    graph = graph.until(as_of)
    members = len(graph.nodes["member"].keys)
    ties = shared_ties(graph, MARKETPLACE.identifiers, allow=config.allow)
    logger.info("%d shared values of %s", len(ties.key), ", ".join(ties.views))
    bursts = find_bursts(ties, seed=config.seed)
    cells = value_cells(ties, bursts)
    life = build_timeline(graph)
    if len(cells) == 0:
        none = Groups(groups=(), threshold=float(to_score(BELIEVED)))
        return Judged(
            groups=none, ties=ties, bursts=bursts, cells=cells, nats=np.zeros(0), life=life
        )
    links = find_links(cells, members, least=2)
    known = _known(graph, scores)
    signals = behaviour(cells, life) | _sharing(ties, bursts, cells) | _told(cells, known)
    dealt = cells.dealt_anew(ties.member, seed=config.seed)
    chance = behaviour(dealt, life) | _sharing(ties, bursts, dealt) | _told(dealt, known)
    chance["burst"] = np.random.default_rng(config.seed).exponential(size=len(cells))
    verdict = _judge(ties, bursts, cells, links, signals, chance, members=members)
    logger.info("%d of %d cells credible", (verdict.probability >= 0.5).sum(), len(cells))
    group = assign(cells, verdict.nats, members=members, seed=config.seed)
    found = assemble(ties, bursts, cells, verdict, list(signals), group)
    return Judged(groups=found, ties=ties, bursts=bursts, cells=cells, nats=verdict.nats, life=life)


def _sharing(ties: Ties, bursts: Bursts, cells: Cells) -> Signals:
    return {
        "burst": bursts.surprise[cells.value],
        "buyers": cells.mean((ties.purchases[cells.seat] > 0).astype(np.float64)),
        "foreign": 1 - cells.mean(ties.share[cells.seat]),
    }


def _known(graph: Graph, scores: Scores | None) -> Signals:
    """Return what is known of each member without the ties: fraud labels, and a model's scores."""
    keys = graph.nodes["member"].keys
    known: Signals = {}
    fraud = graph.labels.filter(pl.col("label") == 1)["member"].drop_nulls().unique()
    if len(fraud):
        known["fraud"] = np.zeros(len(keys))
        known["fraud"][fraud.to_numpy()] = 1
    if scores is not None and scores.unit == "member":
        given = pl.DataFrame({"key": scores.ids, "score": scores.values})
        told = keys.to_frame("key").join(given, on="key", how="left", maintain_order="left")
        known["risk"] = told["score"].fill_null(0.0).to_numpy()
    return known


def _told(cells: Cells, known: Signals) -> Signals:
    """Return the cells' means of what is known of their members."""
    return {name: cells.mean(values[cells.member]) for name, values in known.items()}


def _links(ties: Ties, cells: Cells, links: Links, weight: NDArray[np.float64]) -> Signals:
    """Return how much each cell is tied again by what ``weight`` says of the others."""
    view = ties.view[cells.value]
    same = view[links.left] == view[links.right]
    return {
        "links": linked(cells, links, weight, ~same),
        "links_same_view": linked(cells, links, weight, same),
    }


def _judge(
    ties: Ties,
    bursts: Bursts,
    cells: Cells,
    links: Links,
    signals: Signals,
    chance: Signals,
    *,
    members: int,
) -> Verdict:
    initial = _first_guess(ties, bursts, cells, links, signals, chance)
    weight = signals["foreign"]
    learnable = bool(initial.any())
    for echo in range(1 + _ECHOES):
        signals.update(_links(ties, cells, links, weight))
        if echo == _ECHOES:
            signals["company"] = company(cells, weight, members=members)
        alone = np.zeros(len(cells))
        verdict = tell_apart(
            np.column_stack(list(signals.values())),
            initial,
            ties.view[cells.value],
            chance=np.column_stack([chance.get(name, alone) for name in signals]),
            trust=_TRUST if learnable else 0.0,
        )
        initial = weight = verdict.probability
    return verdict


def _first_guess(
    ties: Ties, bursts: Bursts, cells: Cells, links: Links, signals: Signals, chance: Signals
) -> NDArray[np.float64]:
    """Return a first probability: high where sharing, in two views, and behaviour all surprise.

    With too few such cells, as where there is one view alone, sharing in one has to do. Where
    chance would do as much, a third of it, all are 0: there is nothing to learn from.
    """
    evidence = (signals["burst"] + bursts.episodes[cells.value]) * signals["foreign"]
    threshold = _first_threshold(evidence, signals["foreign"], false=0.1)
    if not (evidence >= _first_threshold(evidence, signals["foreign"], false=1 / 3)).any():
        return np.zeros(len(evidence))
    twice = np.minimum(evidence, _other_view(ties, cells, links, evidence))
    guesses = (np.minimum(twice, unusual(signals, chance)), twice, evidence)
    enough = (one for one in guesses if (one >= threshold).sum() >= _SEEDS)
    return expit(2 * (next(enough, evidence) - threshold))  # type: ignore[no-any-return]


def _other_view(
    ties: Ties, cells: Cells, links: Links, evidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the best evidence of a cell of another view with a third of the smaller in common."""
    view, size = ties.view[cells.value], cells.size
    smaller = np.minimum(size[links.left], size[links.right])
    kept = (view[links.left] != view[links.right]) & (links.common * 3 >= smaller)
    result = np.zeros(len(cells))
    np.maximum.at(result, links.left[kept], evidence[links.right[kept]])
    return result


def _first_threshold(
    evidence: NDArray[np.float64], foreign: NDArray[np.float64], *, false: float
) -> float:
    """Return the least evidence at which at most the share ``false`` is expected to be chance."""
    for threshold in np.arange(2.0, 12.0, 0.25):
        chance = np.exp(-threshold / np.maximum(foreign, 1e-3)).sum()
        if chance <= false * (evidence >= threshold).sum():
            return float(threshold)
    return 12.0
