"""What the commands of models do with a recommender."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from graphml.cli import options
from graphml.cli.output import print_rows
from graphml.cli.progress import progress, say


def train_lists(
    url: str, *, folder: Path, as_of: str | None, seed: int | None, format_: str, dry_run: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Train a recommender on a store and print its report."""
    from graphml.pipeline.reading import stored_graph
    from graphml.pipeline.recommending import train_recommender
    from graphml.recommend.fitting import moments_of
    from graphml.store.connect import connect

    config = options.settings().recommend
    if seed is not None:
        config = replace(config, seed=seed)
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        if dry_run:
            _, graph = stored_graph(source, moment)
            train, valid, _ = moments_of(graph.until(moment), config)
            say(
                f"would train on {len(train)} moments before {valid.isoformat()}, into {folder}",
                quiet=quiet,
            )
            return
        trained = train_recommender(source, config, as_of=moment, folder=folder)
    say(f"model {trained.recommender.name} in {folder}", quiet=quiet)
    print_report(trained.report.rows, format_, None)


def report_lists(
    folder: Path, url: str, *, as_of: str | None, format_: str, out: Path | None, quiet: bool
) -> None:
    """Print how a recommender does on the last horizon."""
    from graphml.pipeline.recommending import evaluate_recommender
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        report = evaluate_recommender(source, folder, as_of=moment)
    print_report(report.rows, format_, out)


_SHOWN = ("method", "ndcg_at_20", "ndcg_at_20_low", "ndcg_at_20_high", "recall_at_20", "mrr",
          "above", "above_low", "above_high", "coverage", "members")  # fmt: skip


def print_report(rows: Any, format_: str, out: Path | None) -> None:
    """Print a report's rows; on a terminal the columns that people look at first."""
    shown = [{name: row[name] for name in _SHOWN} for row in rows] if format_ == "table" else rows
    print_rows(shown, format_, out)
