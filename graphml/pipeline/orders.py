"""From a store to a model of orders and reviews, its report, and the scores of what came in."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphml.config import FraudConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.fraud import ORDERS
from graphml.pipeline.keeping import MODEL_CARD, keep
from graphml.pipeline.labelnotes import circular_note, warn_of_labels
from graphml.pipeline.reading import stored_graph
from graphml.results import Report, parse_time, time_text
from graphml.store.files import replace_file
from graphml.store.provenance import Manifest, Stopwatch, fingerprint

if TYPE_CHECKING:
    import polars as pl

    from graphml.config import Costs
    from graphml.fraud.decisions import Capacity
    from graphml.fraud.order_columns import OrderColumns
    from graphml.fraud.orders import OrderModel
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables
    from graphml.tasks.order_labels import OrderLabels

logger = logging.getLogger("graphml.pipeline")

KNOWN = "known.json"
_PART = timedelta(days=28)
"""What validation and the report each look at; less where history is short."""
_SHARE = 8
RECENT = timedelta(days=28)
"""What ``score_orders`` looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedOrders:
    """A model of orders, its report on the latest ones, and the manifest of the training."""

    model: OrderModel
    report: Report
    manifest: Manifest


def train_orders(
    store: GraphStore, config: FraudConfig, *, as_of: datetime, folder: Path
) -> TrainedOrders:
    """Train on the orders and reviews that a store held as of a moment; keep the model in ``folder``.

    Training knows what was known three months before the moment, validation what was known one
    month before it, and the report is about what came in since.

    Raises:
        NothingToDoError: Too few were accused in time to learn from.
        UsageError: The labels are all alike.
    """
    from graphml.fraud.order_columns import OrderColumns
    from graphml.fraud.order_evaluation import evaluate_orders
    from graphml.fraud.orders import fit_orders
    from graphml.pipeline.ordercard import order_card
    from graphml.tabular.trees import TreeConfig

    watch = Stopwatch()
    warn_of_labels(store, as_of)
    tables, graph = stored_graph(store, as_of)
    parts, second = order_parts(tables, as_of=as_of)
    train, valid, test = parts["train"], parts["valid"], parts["test"]
    columns = OrderColumns(graph)
    model = fit_orders(graph, train, valid, config=TreeConfig(seed=config.seed), columns=columns)
    rows: list[dict[str, Any]] = []
    if len(test) and test.rows["y"].sum():
        rows = evaluate_orders(model, columns, test, seed=config.seed)
    else:
        logger.warning("no order of the last weeks was accused yet: there is nothing to measure")
    data = fingerprint(tables)
    name = f"orders-{data[:8]}"
    report = Report(
        task="orders", model=name, rows=tuple(rows), labels=len(test), first=second, last=as_of,
        notes=_notes(store, test, as_of=as_of),
    )  # fmt: skip
    counts = {part: len(labels) for part, labels in parts.items()}
    counts |= {f"{part}_accused": int(labels.rows["y"].sum()) for part, labels in parts.items()}
    manifest = Manifest.of(
        "train-fraud",
        settings=config,
        data=data,
        as_of=as_of,
        seed=config.seed,
        model=name,
        counts=counts,
        notes={
            "store": store.url,
            "unit": "order",
            "trained_until": time_text(train.rows["known_at"].max()),  # type: ignore[arg-type]
            "calibration_error": _calibration_error(model, columns, valid),
        },
        watch=watch,
    )
    model.save(folder)
    keep(folder, report, manifest, card=ORDERS)
    known = {"name": name, "until": time_text(second), "model": model.digest}
    replace_file(folder / KNOWN, json.dumps(known).encode())
    card = order_card(report, manifest, every=model.every)
    replace_file(folder / MODEL_CARD, card.encode())
    return TrainedOrders(model=model, report=report, manifest=manifest)


def order_parts(tables: Tables, *, as_of: datetime) -> tuple[dict[str, OrderLabels], datetime]:
    """Return the labels of each part of the split, and until when validation knows.

    Raises:
        NothingToDoError: Fewer than ``FEWEST_POSITIVES`` were accused in time to learn from.
    """
    import polars as pl

    from graphml.tabular.calibration import FEWEST_POSITIVES
    from graphml.tasks.order_labels import order_labels

    begun: datetime = tables.events["time"].min()  # type: ignore[assignment]
    part = min(_PART, (as_of - begun) / _SHARE)
    first, second = as_of - 3 * part, as_of - part
    train = order_labels(tables, until=first, maturity=part)
    valid = order_labels(tables, until=second, maturity=part).where(pl.col("time") > first)
    test = order_labels(tables, until=as_of, maturity=timedelta(0)).where(pl.col("time") > second)
    for name, labels in (("train", train), ("valid", valid), ("test", test)):
        logger.info(
            "%s: %d orders and reviews, %d accused", name, len(labels), labels.rows["y"].sum()
        )
    if not (len(train) and len(valid) and train.rows["y"].sum()):
        raise NothingToDoError(
            f"no order was accused by {time_text(first)}",
            hint="chargebacks, or labels with order_id",
        )
    if (accused := int(train.rows["y"].sum())) < FEWEST_POSITIVES:
        raise NothingToDoError(
            f"{accused} orders accused by {time_text(first)} are too few to learn from: at least "
            f"{FEWEST_POSITIVES} are needed",
            hint="more chargebacks or labels with order_id; graphml score fraud ranks members by rings",
        )
    return {"train": train, "valid": valid, "test": test}, second


def _notes(store: GraphStore, asked: OrderLabels, *, as_of: datetime) -> tuple[str, ...]:
    """Return, and log, what has to be known to read figures about these labels."""
    note = circular_note(store, asked.rows.filter(asked.rows["y"] == 1), as_of=as_of)
    if note is None:
        return ()
    logger.warning(note)
    return (note,)


def _calibration_error(
    model: OrderModel, columns: OrderColumns, valid: OrderLabels
) -> float | None:
    """Return how far probabilities are from what was accused on validation, in [0, 1].

    ``None`` where too few were accused to calibrate by, which is logged: scores are ranks then.
    """
    from graphml.tabular.calibration import FEWEST_POSITIVES
    from graphml.tabular.reliability import expected_calibration_error

    if model.score_kind == "rank":
        logger.warning(
            "scores are ranks and no probabilities: %d accused to calibrate by, and at least %d are "
            "needed", valid.rows["y"].sum(), FEWEST_POSITIVES,
        )  # fmt: skip
        return None
    asked = columns.of(columns.rows_of(valid.rows["event_id"]))
    return expected_calibration_error(model.calibrator.apply(model.risk(asked)), valid.rows["y"])


def evaluate_kept_orders(
    store: GraphStore, folder: Path, *, as_of: datetime, seed: int = 0
) -> Report:
    """Return how a model of orders does on those that came in since the last moment it knows.

    Raises:
        UsageError: There is no model in ``folder``, or nothing that came in since is accused.
    """
    import polars as pl

    from graphml.fraud.order_columns import OrderColumns
    from graphml.fraud.order_evaluation import evaluate_orders
    from graphml.tasks.order_labels import order_labels

    kept = kept_orders(folder, as_of=as_of)
    tables, graph = stored_graph(store, as_of)
    labels = order_labels(tables, until=as_of, maturity=timedelta(0))
    since = labels.where(pl.col("time") > kept.until)
    if not since.rows["y"].sum():
        raise UsageError(
            f"no order since {time_text(kept.until)}, the last moment that {kept.name} knows, was "
            f"accused by {time_text(as_of)}: there is nothing to measure",
            hint="load the chargebacks and labels that came in since",
        )
    columns = OrderColumns(graph, every=kept.model.every)
    rows = evaluate_orders(kept.model, columns, since, seed=seed)
    return Report(
        task="orders", model=kept.name, rows=tuple(rows), labels=len(since),
        first=kept.until, last=as_of, notes=_notes(store, since, as_of=as_of),
    )  # fmt: skip


def is_of_orders(folder: Path) -> bool:
    """Return whether ``folder`` holds a model of orders rather than one of members."""
    return (folder / ORDERS).is_file()


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptOrders:
    """A model of orders from its folder: what it is called, and until when it knows."""

    model: OrderModel
    name: str
    until: datetime


def kept_orders(folder: Path, *, as_of: datetime) -> KeptOrders:
    """Return the model of orders in ``folder``, to be asked about what is known by ``as_of``.

    Raises:
        UsageError: There is none, or it knows what came after ``as_of``.
    """
    from graphml.fraud.orders import OrderModel

    model = OrderModel.load(folder)
    try:
        known = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
        until = parse_time(known["until"])
        if known["model"] != model.digest:
            raise ValueError("the model is of another training, which did not end")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder / KNOWN} is damaged",
            hint="train again into another folder",
        ) from error
    if until > as_of:
        raise UsageError(
            f"{known['name']} was trained on data up to {known['until']}; --as-of {time_text(as_of)} is earlier",
            hint="a later --as-of, or a model trained as of an earlier moment",
        )
    return KeptOrders(model=model, name=known["name"], until=until)


def score_orders(
    store: GraphStore,
    folder: Path,
    *,
    unit: str,
    as_of: datetime,
    explained: int = 0,
    costs: Costs | None = None,
    reviews: Capacity | None = None,
) -> pl.DataFrame:
    """Return the orders or reviews of the four weeks up to ``as_of``, riskiest first.

    ``reasons`` are those of the ``explained`` riskiest. With costs, or with a limit of reviews, there
    is the column ``decision``: ``with_decision`` says by which rule.

    Raises:
        UsageError: There is no model in ``folder``, or it knows what came after ``as_of``, or there
            are fewer rows than reviews, or scores are ranks and there are costs alone.
        NothingToDoError: Nothing came in.
    """
    import polars as pl

    from graphml.fraud.decisions import with_decision
    from graphml.fraud.order_columns import OrderColumns
    from graphml.fraud.order_evaluation import REVIEWED
    from graphml.pipeline.explaining import lowest_flagged
    from graphml.pipeline.explaining_orders import order_reasons
    from graphml.pipeline.thresholds import keep_threshold, threshold_key

    kept = kept_orders(folder, as_of=as_of)
    tables, graph = stored_graph(store, as_of)
    columns = OrderColumns(graph, every=kept.model.every, keep=explained > 0)
    scored = kept.model.score(
        graph, since=as_of - RECENT, until=as_of, unit=unit, columns=columns
    ).sort("score", "id", descending=[True, False])
    key = threshold_key(kept.model.digest, tables, unit=unit, as_of=as_of)
    keep_threshold(folder, key, lowest_flagged(scored["score"].to_numpy(), REVIEWED))
    reasons = order_reasons(kept, columns, scored, explained)
    rows = scored.select(
        "id", "unit", "score", pl.lit(kept.model.score_kind).alias("score_kind"), "exposure", "as_of",
        pl.lit(kept.name).alias("model"), pl.Series("reasons", reasons, dtype=pl.String), "member_id",
    )  # fmt: skip
    return with_decision(rows, costs=costs, capacity=reviews)
