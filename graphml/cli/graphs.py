"""What ``--graph CARD`` does: the commands of models on a plain graph in place of a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.output import print_rows
from graphml.cli.progress import progress, say

if TYPE_CHECKING:
    from graphml.cli.asking import What
    from graphml.config import TrainConfig
    from graphml.pipeline.training import Asking


def train_card(
    card: Path,
    what: What,
    config: TrainConfig,
    asking: Asking,
    *,
    folder: Path,
    format_: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train on the graph of ``card`` and print the report."""
    from graphml.pipeline.graphs import plain_graph, train_graph

    with progress(quiet=quiet):
        if dry_run:
            count = len(plain_graph(card, what, config, asking).split.train)
            say(f"would train on {count} labels into {folder}", quiet=quiet)
            return
        trained = train_graph(card, what, config, asking, folder=folder)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    print_rows(trained.report.rows, format_, None)


def score_card(
    card: Path,
    folder: Path,
    *,
    as_of: str | None,
    device: str | None,
    top: int | None,
    embeddings: Path | None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Score every node of the type that a model is about, and print them, riskiest first."""
    from graphml.pipeline.graphs import score_graph
    from graphml.training.model import GraphModel

    with progress(quiet=quiet):
        model = GraphModel.load(folder, device=device or "auto")
        scores, graph = score_graph(card, model, as_of=options.moment("--as-of", as_of))
        if embeddings is not None:
            model.embed(graph, scores.unit, as_of=scores.as_of).write_parquet(embeddings)
    shared = {
        "score_kind": scores.score_kind,
        "as_of": None if graph.timeless else scores.as_of.isoformat(),
        "model": scores.model,
    }
    best = sorted(zip(scores.values, scores.ids, strict=True), key=lambda pair: (-pair[0], pair[1]))
    rows = [{"id": i, "unit": scores.unit, "score": value, **shared} for value, i in best[:top]]
    print_rows(rows, format_, out)


def report_card(card: Path, folder: Path, *, format_: str, out: Path | None, quiet: bool) -> None:
    """Print how good a model is on the test part of a card's split."""
    from graphml.pipeline.graphs import evaluate_graph
    from graphml.training.model import GraphModel

    with progress(quiet=quiet):
        report = evaluate_graph(card, GraphModel.load(folder))
    print_rows(report.rows, format_, out)


def refuse_for_cards(card: Path, given: Mapping[str, object]) -> None:
    """Refuse options that a card's own split answers, or that are about a marketplace.

    Raises:
        UsageError: One is given.
    """
    options.refuse_options(
        given,
        f"is for a store, and {card} is a graph card",
        hint="a card says by [split], masks or pairs what is asked when",
    )
