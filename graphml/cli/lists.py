"""What the commands of models do with a recommender."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graphml.cli import options
from graphml.cli.moments import print_report, train_at_moments
from graphml.cli.progress import progress


def train_lists(
    url: str, *, folder: Path, as_of: str | None, seed: int | None, format_: str, dry_run: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Train a recommender on a store and print its report."""
    from graphml.pipeline.recommending import train_recommender
    from graphml.recommend.fitting import moments_of

    config, network = options.settings().recommend, options.settings().train
    if seed is not None:
        config, network = replace(config, seed=seed), replace(network, seed=seed)
    trained = train_at_moments(
        url,
        lambda source, moment: train_recommender(
            source, config, as_of=moment, folder=folder, network=network
        ),
        lambda graph, moment: moments_of(graph.until(moment), config),
        folder=folder, as_of=as_of, dry_run=dry_run, quiet=quiet,
    )  # fmt: skip
    if trained is not None:
        print_report(trained.report.rows, _SHOWN, format_, None)


def report_lists(
    folder: Path, url: str, *, as_of: str | None, format_: str, out: Path | None, quiet: bool
) -> None:
    """Print how a recommender does on the last horizon."""
    from graphml.pipeline.recommending import evaluate_recommender
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        report = evaluate_recommender(source, folder, as_of=moment)
    print_report(report.rows, _SHOWN, format_, out)


_SHOWN = ("method", "ndcg_at_20", "ndcg_at_20_low", "ndcg_at_20_high", "recall_at_20", "mrr",
          "above", "above_low", "above_high", "coverage", "members")  # fmt: skip
