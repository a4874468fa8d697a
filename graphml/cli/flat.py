"""What ``--graph CARD`` does for ``propensity``: models of purchases from a flat table."""

from __future__ import annotations

from pathlib import Path

from graphml.cli.output import print_rows
from graphml.cli.progress import progress, say


def train_flat_card(
    card: Path,
    *,
    folder: Path,
    seed: int,
    format_: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train on the table of ``card`` and print the report."""
    from graphml.pipeline.flat import flat_table, train_flat
    from graphml.propensity.flat import FlatConfig

    config = FlatConfig(seed=seed)
    with progress(quiet=quiet):
        if dry_run:
            table = flat_table(card, seed=seed)
            count = len(table.train) + len(table.valid)
            say(f"would train on {count} labels into {folder}", quiet=quiet)
            return
        trained = train_flat(card, config, folder=folder)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    print_rows(trained.report.rows, format_, None)


def score_flat_card(
    card: Path,
    folder: Path,
    *,
    top: int | None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Score every row of a card's table, and print them, the likeliest purchase first."""
    from graphml.pipeline.flat import score_flat
    from graphml.tasks.plain import EPOCH

    with progress(quiet=quiet):
        scores = score_flat(card, folder)
    shared = {
        "score_kind": scores.score_kind,
        "as_of": None if scores.as_of == EPOCH else scores.as_of.isoformat(),
        "model": scores.model,
    }
    best = sorted(zip(scores.values, scores.ids, strict=True), key=lambda pair: (-pair[0], pair[1]))
    rows = [{"id": i, "unit": scores.unit, "score": value, **shared} for value, i in best[:top]]
    print_rows(rows, format_, out)


def report_flat_card(
    card: Path, folder: Path, *, format_: str, out: Path | None, quiet: bool
) -> None:
    """Print how good a model is on the test part of a card's split."""
    from graphml.pipeline.flat import evaluate_flat

    with progress(quiet=quiet):
        report = evaluate_flat(card, folder)
    print_rows(report.rows, format_, out)
