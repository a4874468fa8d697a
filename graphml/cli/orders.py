"""What ``--unit order`` and ``--unit review`` do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.output import print_rows, print_scores
from graphml.cli.progress import progress, say
from graphml.cli.scoring import say_equals
from graphml.errors import UsageError

if TYPE_CHECKING:
    from graphml.config import FraudConfig
    from graphml.fraud.decisions import Capacity


def unit_of(unit: str, what: str) -> str:
    """Return what is judged.

    Raises:
        UsageError: There is no such unit, or nothing but fraud is about it.
    """
    if unit not in ("member", "order", "review"):
        raise UsageError(f"no unit {unit!r}", hint="--unit member, order or review")
    if unit != "member" and what != "fraud":
        raise UsageError(f"--unit {unit} is for fraud", hint="graphml train fraud --unit order")
    return unit


def train_units(
    url: str,
    config: FraudConfig,
    *,
    folder: Path,
    as_of: str | None,
    format_: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train a model of orders and reviews on a store and print its report."""
    from graphml.pipeline.keeping import MODEL_CARD
    from graphml.pipeline.labelnotes import warn_of_labels
    from graphml.pipeline.orders import order_parts, train_orders
    from graphml.pipeline.reading import stored_graph
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        if dry_run:
            warn_of_labels(source, moment)
            tables, _ = stored_graph(source, moment)
            count = len(order_parts(tables, as_of=moment)[0]["train"])
            say(f"would train on {count} orders and reviews into {folder}", quiet=quiet)
            return
        trained = train_orders(source, config, as_of=moment, folder=folder)
    card = folder / MODEL_CARD
    say(f"model {trained.manifest.model} in {folder}; its card: {card}", quiet=quiet)
    print_rows(trained.report.rows, format_, None)


def score_units(
    url: str,
    folder: Path,
    *,
    unit: str,
    as_of: str | None,
    top: int | None,
    explained: int,
    reviews: Capacity | None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Score the orders or reviews of the last four weeks and print them, riskiest first."""
    from graphml.pipeline.orders import score_orders
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        costs = options.settings().costs
        rows = score_orders(
            source, folder, unit=unit, as_of=moment, explained=min(explained, top or explained),
            costs=costs, reviews=reviews,
        )  # fmt: skip
    if reviews is not None:
        say_equals(rows, costs, quiet=quiet)
    print_scores(rows, top=top, format_=format_, out=out)
