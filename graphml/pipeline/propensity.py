"""From a store to a model of behaviour, its report, and what members are likely to do, also with which product."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.pipeline.keeping import Trained, keep
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.propensity import CARD
from graphml.propensity.answers import EVENTS, Asked, ask
from graphml.propensity.fitting import fit_propensity, report_rows
from graphml.propensity.model import PropensityModel
from graphml.recommend import chances_fitting as pairs
from graphml.recommend.chances import CARD as PAIR_CARD
from graphml.recommend.chances import PairModel
from graphml.recommend.chances_asked import ask as ask_pairs
from graphml.results import Report, time_text
from graphml.store.provenance import Manifest, Stopwatch, digest, fingerprint
from graphml.tasks.moments import past_moments

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore

PAIRS = "pairs"
"""The folder in a model's that holds the chances of members and products."""

logger = logging.getLogger("graphml.pipeline")


def is_propensity(folder: Path) -> bool:
    """Return whether a folder holds a model of behaviour, whole or damaged."""
    return (folder / CARD).is_file()


def moments_of(
    graph: Graph, config: PropensityConfig, *, as_of: datetime
) -> tuple[list[datetime], datetime, datetime]:
    """Return the moments to learn from, to choose by and to report on.

    Raises:
        NothingToDoError: The history is too short.
    """
    deeds = graph.events.filter(pl.col("kind").cast(pl.String).is_in(EVENTS))
    first: datetime | None = deeds["time"].min()  # type: ignore[assignment]
    return past_moments(first, as_of, config, section="propensity")


def train_propensity(
    store: GraphStore, config: PropensityConfig, *, as_of: datetime, folder: Path
) -> Trained[PropensityModel]:
    """Train a model of behaviour on what a store held as of a moment; keep it in ``folder``.

    With ``config.pairs`` a model of members and products too, in the folder ``pairs`` there. What
    the past cannot teach is left out, which is logged. The report is about the last horizon up to the moment, the choice about the one before it, and
    training knows what came before that.

    Raises:
        NothingToDoError: There is no event by then, too little history, or nothing to learn.
    """
    watch = Stopwatch()
    tables, graph = stored_graph(store, as_of)
    train, valid, test = moments_of(graph, config, as_of=as_of)
    digests = {"settings": digest(asdict(config)), "data": fingerprint(tables)}
    fitted = fit_propensity(graph, train, valid, config=config, digests=digests)
    model = fitted.model
    if fitted.left_out:
        logger.warning(
            "not predicted: %s: too few members did, or too few did not", ", ".join(fitted.left_out)
        )
    taught = _fit_pairs(graph, train, valid, config, digests) if config.pairs else None
    asked = ask(graph, test, config)
    report = _report(model, taught.model if taught else None, graph, asked, moment=test)
    manifest = Manifest.of(
        "train-propensity",
        settings=config,
        data=digests["data"],
        as_of=as_of,
        seed=config.seed,
        model=model.name,
        counts={"train": fitted.train, "valid": fitted.valid, "test": len(asked)},
        notes={
            "store": store.url,
            "methods": {name: target.method for name, target in model.targets.items()},
            "validation_auroc": {name: dict(found) for name, found in fitted.validation.items()},
            "left_out": list(fitted.left_out),
            "moments": [time_text(moment) for moment in (*train, valid, test)],
            "pairs": _about_pairs(taught),
        },
        watch=watch,
    )
    model.save(folder)
    if taught is not None:
        taught.model.save(folder / PAIRS)
    else:
        (folder / PAIRS / PAIR_CARD).unlink(missing_ok=True)
    keep(folder, report, manifest, card=CARD)
    return Trained(model=model, report=report, manifest=manifest)


def evaluate_propensity(store: GraphStore, folder: Path, *, as_of: datetime) -> Report:
    """Return how good a model of behaviour is on the last horizon up to a moment.

    Raises:
        UsageError: There is none in ``folder``, or it was chosen by what came within the horizon.
        NothingToDoError: Nobody was there a horizon before.
    """
    model = PropensityModel.load(folder)
    moment = as_of - model.horizon
    check_moment(model, moment, called=f"one horizon before {time_text(as_of)},")
    _, graph = stored_graph(store, as_of)
    chances = _pairs_of(folder, model) if (folder / PAIRS / PAIR_CARD).is_file() else None
    return _report(model, chances, graph, ask(graph, moment, model.config), moment=moment)


def score_propensity(store: GraphStore, folder: Path, *, as_of: datetime) -> pl.DataFrame:
    """Return what members of a store are likely to do, as ``PropensityModel.score`` does.

    Raises:
        UsageError: There is no model in ``folder``, or it knows what came after ``as_of``.
        NothingToDoError: No event has happened by then.
    """
    model = PropensityModel.load(folder)
    check_moment(model, as_of)
    _, graph = stored_graph(store, as_of)
    return model.score(graph, as_of=as_of)


def score_propensity_pairs(
    store: GraphStore,
    folder: Path,
    *,
    as_of: datetime,
    target: str | None = None,
    top: int | None = None,
) -> pl.DataFrame:
    """Return what members of a store are likely to do with products, as ``PairModel.score`` does.

    Raises:
        UsageError: There is no model in ``folder``, or it knows no pairs or no such target, or it
            knows what came after ``as_of``.
        NothingToDoError: No event has happened by then.
    """
    model = PropensityModel.load(folder)
    check_moment(model, as_of)
    chances = _pairs_of(folder, model)
    _, graph = stored_graph(store, as_of)
    return chances.score(graph, as_of=as_of, target=target, top=top)


def _pairs_of(folder: Path, model: PropensityModel) -> PairModel:
    chances = PairModel.load(folder / PAIRS)
    if dict(chances.digests) != dict(model.digests):
        raise UsageError(
            f"{folder / PAIRS} is of another training, which did not end",
            hint="train again into another folder",
        )
    return chances


def _fit_pairs(
    graph: Graph, train: list[datetime], valid: datetime, config: PropensityConfig, digests: Any
) -> pairs.FittedPairs | None:
    try:
        taught = pairs.fit_pairs(graph, train, valid, config=config, digests=digests)
    except NothingToDoError as error:
        logger.warning("no chances of products: %s", error.message)
        return None
    if taught.left_out:
        logger.warning(
            "not predicted of a product: %s: too few members did", ", ".join(taught.left_out)
        )
    return taught


def _about_pairs(taught: pairs.FittedPairs | None) -> dict[str, Any] | None:
    if taught is None:
        return None
    return {
        "methods": {name: target.method for name, target in taught.model.targets.items()},
        "validation_average_precision": {k: dict(v) for k, v in taught.validation.items()},
        "train": taught.train,
        "valid": taught.valid,
        "share": taught.share,
        "left_out": list(taught.left_out),
    }


def _report(
    model: PropensityModel,
    chances: PairModel | None,
    graph: Graph,
    asked: Asked,
    *,
    moment: datetime,
) -> Report:
    rows = [
        {**row, "log_loss": None, "pairs": None, "named": None}
        for row in report_rows(model, graph, asked)
    ]
    if chances is not None:
        rows += pairs.report_rows(chances, ask_pairs(graph, moment, chances.config))
    return Report(
        task="propensity", model=model.name, rows=tuple(rows), labels=len(asked), first=moment,
        last=moment + model.horizon,
    )  # fmt: skip
