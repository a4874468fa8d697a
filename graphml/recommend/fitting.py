"""From a graph to a recommender: moments of its past, each asked what members bought after."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.config import RecommendConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.recommend.evaluation import ndcg_of
from graphml.recommend.history import done_after
from graphml.recommend.ranker import Asked, fit_ranker
from graphml.recommend.recommender import (
    RANKER,
    SIMPLE,
    WITH_NETWORK,
    Recommender,
    shelf_of,
    simple_scores,
)
from graphml.results import time_text
from graphml.tabular.flags import fraudulent
from graphml.tabular.trees import TreeConfig, TreeModel
from graphml.tasks.moments import past_moments

if TYPE_CHECKING:
    from graphml.training.model import GraphModel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A recommender, and what its validation saw.

    Attributes:
        recommender: The method that did best.
        valid: What it was chosen by.
        chosen: NDCG of 20 on validation, by method.
        train: How many candidates were learned from.
    """

    recommender: Recommender
    valid: Asked
    chosen: Mapping[str, float]
    train: int


def ask(
    graph: Graph, moment: datetime, config: RecommendConfig, *, network: GraphModel | None = None
) -> Asked:
    """Return candidates as of a moment, and which of them members bought within the horizon.

    Asked about are members there by the moment who buy a product there by then, at most
    ``config.asked`` of them. Members known by then to be fraudulent neither count nor are asked.

    Args:
        graph: That reaches beyond the horizon; candidates and their columns see
            ``graph.until(moment)`` alone.
        moment: With a time zone.
        config: Horizon and counts.
        network: That names candidates too, trained on what came by the moment.

    Raises:
        ValueError: The network knows what came later.
        NothingToDoError: Nobody there by the moment buys anything within the horizon.
    """
    if network is not None and network.chosen_until > moment:
        raise ValueError(f"{network.name} knows what came by {network.chosen_until}")
    then = graph.until(moment)
    without = fraudulent(then)
    member, product = bought_after(graph, then, moment, config.horizon_days)
    counts = ~without[member]
    member, product = member[counts], product[counts]
    who = np.unique(member)
    if not len(who):
        raise NothingToDoError(
            f"nobody known by {time_text(moment)} bought a product known by then within "
            f"{config.horizon_days} days",
            hint="more history, or a longer horizon_days under [recommend]",
        )
    if len(who) > config.asked:
        rng = np.random.default_rng([config.seed, microseconds(moment)])
        who = np.sort(rng.choice(who, config.asked, replace=False))
        member, product = member[np.isin(member, who)], product[np.isin(member, who)]
    shelf = shelf_of(then, who, config, without=without, network=network)
    found, values = shelf.described(who, each=config.each)
    logger.info(
        "%s: %d members bought something in the %d days after, %d candidates",
        time_text(moment), len(who), config.horizon_days, len(values),
    )  # fmt: skip
    width = shelf.history.shape[1]
    bought = np.isin(found.member * width + found.product, member * width + product)
    return Asked(
        candidates=found,
        names=shelf.names,
        values=values,
        bought=bought,
        wanted=np.bincount(np.searchsorted(who, member), minlength=len(who)),
        sold=shelf.sources.popular["popular_30"].astype(np.float64),
        there=int(then.nodes["product"].present.sum()),
    )


def moments_of(graph: Graph, config: RecommendConfig) -> tuple[list[datetime], datetime, datetime]:
    """Return the moments to learn from, the one to choose by, and the one to report on.

    Each horizon ends by the moment of the next part; a moment has a horizon of past before it.

    Raises:
        ValueError: The graph is of no moment.
        NothingToDoError: The history is too short.
    """
    if graph.as_of is None:
        raise ValueError("moments are counted back from one: pass graph.until(as_of)")
    bought = graph.events.filter(pl.col("kind") == "purchase")
    first: datetime | None = bought["time"].min()  # type: ignore[assignment]
    return past_moments(first, graph.as_of, config, section="recommend")


def fit_recommender(
    graph: Graph, train: list[datetime], valid: datetime, *, config: RecommendConfig,
    digests: Mapping[str, str], network: GraphModel | None = None,
) -> Fitted:  # fmt: skip
    """Return the recommender that does best as of ``valid``, learned as of earlier moments.

    Args:
        graph: That reaches beyond validation's horizon.
        train: Whose horizons end by ``valid``.
        valid: To choose by.
        config: How to train.
        digests: Of settings and data.
        network: That names candidates too, trained on what came by the first moment of ``train``.

    Raises:
        NothingToDoError: Nobody bought anything after ``valid``.
    """
    learned = RANKER if network is None else WITH_NETWORK
    horizon = timedelta(days=config.horizon_days)
    assert max(train) + horizon <= valid
    judged = ask(graph, valid, config, network=network)
    parts: list[Asked] = []
    for moment in train:
        try:
            parts.append(ask(graph, moment, config, network=network))
        except NothingToDoError as error:
            logger.info("nothing to learn from: %s", error)
    told = {name: simple_scores(judged.names, judged.values, name) for name in SIMPLE}
    ranker: TreeModel | None = None
    try:
        ranker = fit_ranker(parts, judged, config=TreeConfig(seed=config.seed))
        told[learned] = ranker.predict(judged.values, names=judged.names)
    except UsageError as error:
        logger.warning("no ranker: %s", error)
    chosen = {name: float(ndcg_of(judged, scores).mean()) for name, scores in told.items()}
    best = max(chosen, key=lambda name: (chosen[name], name == learned))
    logger.info("validation: %s", ", ".join(f"{n} {v:.4f}" for n, v in chosen.items()))
    recommender = Recommender(
        method=best,
        ranker=ranker if best == learned else None,
        network=network if best == learned else None,
        config=config,
        trained_until=max(train) + horizon,
        chosen_until=valid + horizon,
        digests=digests,
    )
    count = sum(len(part.bought) for part in parts)
    return Fitted(recommender=recommender, valid=judged, chosen=chosen, train=count)


def bought_after(graph: Graph, then: Graph, moment: datetime, days: int) -> tuple[Ints, Ints]:
    """Return who of those there by a moment buys what of that, within (moment, moment + days].

    Args:
        graph: That reaches beyond the horizon.
        then: ``graph.until(moment)``.
        moment: With a time zone.
        days: The horizon.
    """
    member, product = done_after(graph, "purchase", moment, days)
    there = then.nodes["member"].present[member] & then.nodes["product"].present[product]
    return member[there], product[there]
