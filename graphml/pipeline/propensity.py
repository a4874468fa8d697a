"""From a store to a model of behaviour, its report, and what members are likely to do."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from graphml.config import PropensityConfig
from graphml.pipeline.keeping import Trained, keep
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.propensity import CARD
from graphml.propensity.answers import EVENTS, Asked, ask
from graphml.propensity.fitting import fit_propensity, report_rows
from graphml.propensity.model import PropensityModel
from graphml.results import Report, time_text
from graphml.store.provenance import Manifest, Stopwatch, digest, fingerprint
from graphml.tasks.moments import past_moments

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore

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

    The report is about the last horizon up to the moment, the choice about the one before it, and
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
    asked = ask(graph, test, config)
    report = _report(model, graph, asked, moment=test)
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
        },
        watch=watch,
    )
    model.save(folder)
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
    return _report(model, graph, ask(graph, moment, model.config), moment=moment)


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


def _report(model: PropensityModel, graph: Graph, asked: Asked, *, moment: datetime) -> Report:
    return Report(
        task="propensity", model=model.name, rows=tuple(report_rows(model, graph, asked)),
        labels=len(asked), first=moment, last=moment + model.horizon,
    )  # fmt: skip
