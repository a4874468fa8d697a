"""From a store to a recommender, its report, and products for members."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphml.config import RecommendConfig, TrainConfig
from graphml.errors import UsageError, one_line
from graphml.pipeline.keeping import Trained, keep
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.recommend import CARD
from graphml.recommend.evaluation import compare
from graphml.recommend.fitting import ask, fit_recommender, moments_of
from graphml.recommend.listing import Listed, listed
from graphml.recommend.ranker import Asked
from graphml.recommend.reasons import reasons
from graphml.recommend.recommender import SIMPLE, Recommender, Shelf, simple_scores
from graphml.recommend.rules import Rules
from graphml.results import Reason, Recommendation, Report, time_text
from graphml.store.provenance import Manifest, Stopwatch, digest, fingerprint
from graphml.tabular.flags import fraudulent, opted_out

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables
    from graphml.training.model import GraphModel

logger = logging.getLogger("graphml.pipeline")


def is_recommender(folder: Path) -> bool:
    """Return whether a folder holds a recommender, whole or damaged."""
    return (folder / CARD).is_file()


def train_recommender(
    store: GraphStore,
    config: RecommendConfig,
    *,
    as_of: datetime,
    folder: Path,
    network: TrainConfig | None = None,
) -> Trained[Recommender]:
    """Train a recommender on what a store held as of a moment; keep it in ``folder``.

    ``network`` says how the network is trained that the configuration may ask for.

    The report is about the last horizon up to the moment, the choice about the one before it, and
    training knows what came before that.

    Raises:
        NothingToDoError: There is no event by then, too little history, or nobody came back.
    """
    watch = Stopwatch()
    tables, graph = stored_graph(store, as_of)
    graph = graph.until(as_of)
    train, valid, test = moments_of(graph, config)
    digests = {"settings": digest(asdict(config)), "data": fingerprint(tables)}
    fitted = fit_recommender(graph, train, valid, config=config, digests=digests)
    tried = dict(fitted.chosen)
    if config.network:
        made = fit_network(
            tables, graph, min(train), config, network or TrainConfig(seed=config.seed)
        )
        other = fit_recommender(graph, train, valid, config=config, digests=digests, network=made)
        tried |= other.chosen
        fitted = max(fitted, other, key=lambda one: max(one.chosen.values()))
    recommender = fitted.recommender
    asked = ask(graph, test, config, network=recommender.network)
    report = report_of(recommender, asked, moment=test, seed=config.seed)
    manifest = Manifest.of(
        "train-recommend",
        settings=config,
        data=digests["data"],
        as_of=as_of,
        seed=config.seed,
        model=recommender.name,
        counts={"train": fitted.train, "valid": len(fitted.valid.bought), "test": report.labels},
        notes={
            "store": store.url,
            "method": recommender.method,
            "validation_ndcg_at_20": tried,
            "moments": [time_text(moment) for moment in (*train, valid, test)],
        },
        watch=watch,
    )
    recommender.save(folder)
    keep(folder, report, manifest, card=CARD)
    return Trained(model=recommender, report=report, manifest=manifest)


def evaluate_recommender(store: GraphStore, folder: Path, *, as_of: datetime) -> Report:
    """Return how good a recommender is on the last horizon up to a moment.

    Raises:
        UsageError: There is none in ``folder``, or it was chosen by what came within the horizon.
        NothingToDoError: Nobody bought anything within it.
    """
    recommender = Recommender.load(folder)
    moment = as_of - recommender.horizon
    _, graph = stored_graph(store, as_of)
    check_moment(recommender, moment, called=f"one horizon before {time_text(as_of)},")
    config = recommender.config
    asked = ask(graph, moment, config, network=recommender.network)
    return report_of(recommender, asked, moment=moment, seed=config.seed)


def fit_network(
    tables: Tables,
    graph: Graph,
    moment: datetime,
    config: RecommendConfig,
    network: TrainConfig,
) -> GraphModel:
    """Return a network of purchases by a moment, chosen by the last horizon before it.

    Args:
        tables: Of the graph.
        graph: That may reach further.
        moment: The first that a ranker is to learn from: its candidates come after all that the
            network was told.
        config: Its horizon is what the network is chosen by.
        network: How it is trained.

    Raises:
        NothingToDoError: Nothing was bought by then.
        UsageError: There is too little before the horizon, or nothing within.
    """
    import polars as pl

    from graphml.tasks.recommend import purchase_links
    from graphml.training.fit import fit

    links = purchase_links(tables, until=moment)
    cut = moment - timedelta(days=config.horizon_days)
    train, valid = links.where(pl.col("known_at") <= cut), links.where(pl.col("as_of") >= cut)
    return fit(graph.until(moment), train, valid, network)


def report_of(recommender: Recommender, asked: Asked, *, moment: datetime, seed: int) -> Report:
    """Return a recommender's report as of a moment, beside all simple methods."""
    told = {recommender.method: recommender.scores(asked.names, asked.values)}
    told |= {name: simple_scores(asked.names, asked.values, name) for name in SIMPLE}
    rows = compare(asked, told, seed=seed)
    return Report(
        task="recommend", model=recommender.name, rows=tuple(rows), labels=int(asked.wanted.sum()),
        first=moment, last=moment + recommender.horizon,
    )  # fmt: skip


def recommended(
    store: GraphStore,
    folder: Path,
    members: Sequence[str],
    *,
    as_of: datetime,
    rules: Rules,
    top: int,
    explained: bool = True,
) -> tuple[list[Recommendation], str]:
    """Return lists of products for members of a store, best first, and the recommender's name.

    Who has opted out of personalisation, and who has no history, gets what sells most.

    Args:
        store: Whose members they are.
        folder: Of the recommender.
        members: Ids; all members there by then if empty.
        as_of: The last moment known, with a time zone.
        rules: What may stand on a list.
        top: Longest list.
        explained: Whether to give reasons.

    Raises:
        UsageError: There is no recommender in ``folder``, or it knows what came after ``as_of``, or
            a member is not there by then.
        NothingToDoError: No event has happened by then.
    """
    recommender = Recommender.load(folder)
    check_moment(recommender, as_of)
    _, graph = stored_graph(store, as_of)
    made = list_maker(recommender, graph.until(as_of), members, as_of=as_of)
    if strangers := rules.blocked - set(graph.nodes["product"].keys):
        logger.warning(
            "%d of %d blocked ids are no products of the store, as %s",
            len(strangers), len(rules.blocked), one_line(min(strangers), 60),
        )  # fmt: skip
    return made.lists(members, rules=rules, top=top, explained=explained), recommender.name


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ListMaker:
    """A recommender and what it knows as of a moment: made once, asked often.

    Attributes:
        graph: As of the moment.
        silent: Who has opted out of personalisation, bool [members].
    """

    recommender: Recommender
    shelf: Shelf
    graph: Graph
    as_of: datetime
    silent: Any

    def lists(
        self, members: Sequence[str], *, rules: Rules, top: int, explained: bool = True
    ) -> list[Recommendation]:
        """Return lists of products for members, all there by then if none is named.

        Raises:
            UsageError: A member is not there by then.
        """
        who = _asked(self.graph, members, self.as_of)
        found = listed(
            self.shelf, self.recommender, who, opted_out=self.silent, rules=rules, top=top
        )
        return _told(self.shelf, found, ~self.silent if explained else None)


def list_maker(
    recommender: Recommender, graph: Graph, members: Sequence[str], *, as_of: datetime
) -> ListMaker:
    """Return what makes lists for some members, or for all there by then if none is named.

    Args:
        recommender: That knows nothing of what came after ``as_of``.
        graph: As of the moment.
        members: Who may be asked about.
        as_of: The moment.

    Raises:
        UsageError: A member is not there by then.
    """
    who = _asked(graph, members, as_of)
    return ListMaker(
        recommender=recommender,
        shelf=recommender.shelf(graph, who, without=fraudulent(graph)),
        graph=graph,
        as_of=as_of,
        silent=opted_out(graph),
    )


def recommend_stored(
    store: GraphStore,
    folder: Path,
    members: Sequence[str],
    *,
    as_of: datetime,
    rules: Rules,
    top: int,
    explained: bool = True,
) -> list[dict[str, Any]]:
    """Return what ``recommended`` does as rows of JSON, each with the recommender's name."""
    found, name = recommended(
        store, folder, members, as_of=as_of, rules=rules, top=top, explained=explained
    )
    return [{**one.to_json(), "model": name} for one in found]


def _told(shelf: Shelf, found: Listed, personal: Any) -> list[Recommendation]:
    """Return what lists say; ``personal``: of whom reasons may speak, without any if ``None``."""
    nodes = shelf.history.graph.nodes
    result: list[Recommendation] = []
    bounds = np.flatnonzero(np.diff(found.member, prepend=-1, append=-1))
    for begin, end in pairwise(bounds.tolist()):
        own, products = int(found.member[begin]), found.product[begin:end]
        why: list[list[Reason]] = [[] for _ in products]
        if personal is not None:
            why = reasons(shelf, own, products, personal=personal[own])
        result += [
            Recommendation(
                member_id=nodes["member"].keys[own],
                product_id=nodes["product"].keys[int(product)],
                rank=rank,
                score=round(float(found.score[begin + rank - 1]), 6),
                reasons=tuple(why[rank - 1]),
            )
            for rank, product in enumerate(products, start=1)
        ]
    return result


def _asked(graph: Graph, members: Sequence[str], as_of: datetime) -> Any:
    nodes = graph.nodes["member"]
    if not members:
        return np.flatnonzero(nodes.present).astype(np.int64)
    result = []
    for name in members:
        place = nodes.keys.search_sorted(name)
        there = place < len(nodes) and nodes.keys[int(place)] == name
        if not there or not nodes.present[int(place)]:
            raise UsageError(
                f"no member {one_line(name)} by {time_text(as_of)}",
                hint="an id as in the events, or a later --as-of",
            )
        result.append(int(place))
    return np.unique(np.array(result, dtype=np.int64))
