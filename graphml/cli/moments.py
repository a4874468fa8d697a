"""Training at moments of a store's past: what a recommender and a model of behaviour share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphml.cli import options
from graphml.cli.output import print_rows
from graphml.cli.progress import progress, say

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.pipeline.keeping import Trained
    from graphml.store.base import GraphStore

Moments = tuple[list[datetime], datetime, datetime]


def train_at_moments(
    url: str,
    train: Callable[[GraphStore, datetime], Trained[Any]],
    moments: Callable[[Graph, datetime], Moments],
    *,
    folder: Path,
    as_of: str | None,
    dry_run: bool,
    quiet: bool,
) -> Trained[Any] | None:
    """Train on a store as of a moment and say so, or, for a dry run, say what would be done.

    Args:
        url: Of the store.
        train: Trains as of a moment and keeps the model in ``folder``.
        moments: Those to learn from, to choose by and to report on.
        folder: Of the model.
        as_of: The last moment known; the store's last if omitted.
        dry_run: Whether to say alone what would be done; then nothing is returned.
        quiet: Whether to say nothing.
    """
    from graphml.pipeline.reading import stored_graph
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        if dry_run:
            learn, valid, _ = moments(stored_graph(source, moment)[1], moment)
            say(
                f"would train on {len(learn)} moments before {valid.isoformat()}, into {folder}",
                quiet=quiet,
            )
            return None
        trained = train(source, moment)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    return trained


def print_report(rows: Any, shown: tuple[str, ...], format_: str, out: Path | None) -> None:
    """Print a report's rows; on a terminal the columns that people look at first."""
    if format_ == "table":
        rows = [{name: row[name] for name in shown} for row in rows]
    print_rows(rows, format_, out)
