"""From a store to a trained model, its report, and what a split hides."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.pipeline.keeping import Trained, keep
from graphml.pipeline.labelnotes import warn_of_labels
from graphml.pipeline.reading import stored_graph
from graphml.results import Report
from graphml.store.provenance import Manifest, Stopwatch, fingerprint

if TYPE_CHECKING:
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables
    from graphml.tasks.labels import Labels
    from graphml.tasks.split import Split
    from graphml.training.model import GraphModel

logger = logging.getLogger("graphml.pipeline")

What = Literal["fraud", "recommend"]
Negatives = Literal["auto", "stated", "matured"]
_ENOUGH = 20
"""Labels 0 that are enough not to count the unaccused as innocent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """What labels are made of.

    Attributes:
        horizon: What a fraud label covers.
        every: Between two moments that members are asked about.
        maturity: After its horizon nobody is accused any more; what was observed if omitted.
        negatives: ``stated``: label 0 alone; ``matured``: all whom nobody accused in time;
            ``auto``: stated, where there are twenty.
        valid_from, test_from: Cuts; chosen by shares of the labels if omitted.
    """

    horizon: timedelta = timedelta(days=14)
    every: timedelta = timedelta(days=7)
    maturity: timedelta | None = None
    negatives: Negatives = "auto"
    valid_from: datetime | None = None
    test_from: datetime | None = None


def train(
    store: GraphStore,
    what: What,
    config: TrainConfig,
    asking: Asking,
    *,
    as_of: datetime,
    folder: Path,
) -> Trained[GraphModel]:
    """Train on what a store held as of a moment; keep model and report in ``folder``.

    Raises:
        NothingToDoError: There is no event or no label by then.
        UsageError: The labels leave a part of the split empty.
    """
    from graphml.training.evaluate import evaluate
    from graphml.training.fit import fit

    watch = Stopwatch()
    if what == "fraud":
        warn_of_labels(store, as_of)
    tables, graph = stored_graph(store, as_of)
    split = split_of(tables, what, asking, as_of=as_of)
    model = fit(graph, split.train, split.valid, config, folder=folder)
    logger.info("asking %d test labels", len(split.test))
    report = evaluate(model, graph, split.test, seed=config.seed)
    manifest = Manifest.of(
        f"train-{what}",
        settings=config,
        data=fingerprint(tables),
        as_of=as_of,
        seed=config.seed,
        model=model.name,
        counts={"train": len(split.train), "valid": len(split.valid), "test": len(split.test)},
        notes={"store": store.url, "asking": {k: str(v) for k, v in asdict(asking).items()}},
        watch=watch,
    )
    keep(folder, report, manifest, card=None)
    return Trained(model=model, report=report, manifest=manifest)


def labels_of(tables: Tables, what: What, asking: Asking, *, as_of: datetime) -> Labels:
    """Return the labels that tables hold as of a moment.

    Raises:
        NothingToDoError: There is none.
    """
    from graphml.tasks.fraud import fraud_labels
    from graphml.tasks.recommend import purchase_links

    if what == "recommend":
        return purchase_links(tables, until=as_of)
    return fraud_labels(
        tables,
        horizon=asking.horizon,
        every=asking.every,
        until=as_of,
        maturity=asking.maturity,
        negatives=_negatives(tables, asking, as_of=as_of),
    )


def _negatives(tables: Tables, asking: Asking, *, as_of: datetime) -> Literal["stated", "matured"]:
    import polars as pl

    if asking.negatives != "auto":
        return asking.negatives
    stated = tables.labels.filter(pl.col("label") == 0, pl.col("known_at") <= as_of).height
    return "stated" if stated >= _ENOUGH else "matured"


def split_of(tables: Tables, what: What, asking: Asking, *, as_of: datetime) -> Split:
    """Return train, validation and test labels, cut by time.

    Raises:
        UsageError: A part would be empty.
    """
    from graphml.tasks.split import cut_times, split_as_known

    valid_from, test_from = asking.valid_from, asking.test_from
    if valid_from is None or test_from is None:
        valid_from, test_from = cut_times(labels_of(tables, what, asking, as_of=as_of))
    # By what training knows: labels that came later may not decide what it learns from.
    asking = replace(asking, negatives=_negatives(tables, asking, as_of=valid_from))
    split = split_as_known(
        lambda moment: labels_of(tables, what, asking, as_of=moment),
        valid_from=valid_from,
        test_from=test_from,
        until=as_of,
    )
    logger.info(
        "%d labels to learn from, %d to choose by from %s on, %d to report on from %s on",
        len(split.train), len(split.valid), valid_from.date(), len(split.test), test_from.date(),
    )  # fmt: skip
    return split


def evaluate_model(store: GraphStore, model: GraphModel, *, as_of: datetime) -> Report:
    """Return a model's report on the labels from the end of its training on.

    Raises:
        UsageError: Nothing is known of the time after its training.
    """
    import polars as pl

    from graphml.training.evaluate import evaluate

    tables, graph = stored_graph(store, as_of)
    asking = Asking(horizon=model.horizon or Asking().horizon)
    what: What = "fraud" if model.task == "fraud" else "recommend"
    labels = labels_of(tables, what, asking, as_of=as_of)
    later = labels.where(pl.col("as_of") >= model.chosen_until)
    if not len(later):
        raise UsageError(
            f"no {model.task} label is about the time after {model.chosen_until.isoformat()}, "
            f"by which {model.name} was chosen",
            hint="load what happened since, or a model trained as of an earlier moment",
        )
    return evaluate(model, graph, later, seed=model.config.seed)


def audit_leakage(
    store: GraphStore, what: What, config: TrainConfig, asking: Asking, *, as_of: datetime
) -> list[dict[str, Any]]:
    """Return the same model's metrics under a random and under a time split, and the gap.

    Under the random split labels of all times are mixed, as many evaluations do: what is learned
    of a member on Tuesday is asked about on Monday. The difference is what such a figure promises
    and nobody gets.
    """
    from graphml.tasks.split import random_split
    from graphml.training.evaluate import evaluate
    from graphml.training.fit import fit

    tables, graph = stored_graph(store, as_of)
    labels = labels_of(tables, what, asking, as_of=as_of)
    rows: list[dict[str, Any]] = []
    for name, split in (
        ("random", random_split(labels, seed=config.seed)),
        ("time", split_of(tables, what, asking, as_of=as_of)),
    ):
        logger.info("training under the %s split", name)
        model = fit(graph, split.train, split.valid, config)
        report = evaluate(model, graph, split.test, seed=config.seed)
        rows += [{"split": name, **row} for row in report.rows]
    first = {row["split"]: row for row in reversed(rows)}
    measures = [
        k
        for k, v in first["time"].items()
        if isinstance(v, float) and "_low" not in k and "_high" not in k
    ]
    gap = {name: first["random"][name] - first["time"][name] for name in measures}
    return [*rows, {"split": "gap", "method": rows[0]["method"], **gap}]
