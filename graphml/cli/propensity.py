"""What the commands of models do with a model of behaviour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.flat import score_flat_card, train_flat_card
from graphml.cli.moments import print_report, train_at_moments
from graphml.cli.output import print_rows
from graphml.cli.progress import progress
from graphml.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

PROPENSITY = "propensity"
UNITS = ("member", "product")
"""What is scored: members, or members and products."""


def train_behaviour(
    url: str, card: Path | None, *, folder: Path, as_of: str | None, seed: int | None, format_: str, dry_run: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Train a model of behaviour on a store, or on a flat table's card, and print its report."""
    from graphml.pipeline.propensity import moments_of, train_propensity

    if card is not None:
        options.refuse_options({"--as-of": as_of}, "is for a store", hint="without --graph")
        train_flat_card(
            card, folder=folder, seed=seed or 0, format_=format_, dry_run=dry_run, quiet=quiet
        )
        return
    config = options.settings().propensity
    if seed is not None:
        config = replace(config, seed=seed)
    trained = train_at_moments(
        url,
        lambda source, moment: train_propensity(source, config, as_of=moment, folder=folder),
        lambda graph, moment: moments_of(graph, config, as_of=moment),
        folder=folder, as_of=as_of, dry_run=dry_run, quiet=quiet,
    )  # fmt: skip
    if trained is not None:
        print_report(trained.report.rows, _SHOWN, format_, None)


def score_behaviour(
    url: str, card: Path | None, folder: Path, *, unit: str, target: str | None, top: int | None,
    as_of: str | None, format_: str, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Print how likely members are to do what a model of behaviour predicts, the likeliest first.

    Of ``UNITS``: members, or members and the products that a source names for them.
    """
    from graphml.pipeline.propensity import score_propensity, score_propensity_pairs
    from graphml.store.connect import connect

    if unit not in UNITS:
        raise UsageError(f"no unit {unit!r} of propensity", hint="--unit member or product")
    if card is not None:
        options.refuse_options(
            {"--as-of": as_of, "--target": target, "--unit": None if unit == "member" else unit},
            "is for a store",
            hint="without --graph",
        )
        score_flat_card(card, folder, top=top, format_=format_, out=out, quiet=quiet)
        return
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        if unit == "member":
            found = _only(score_propensity(source, folder, as_of=moment), target, top)
        else:
            found = score_propensity_pairs(source, folder, as_of=moment, target=target, top=top)
    rows = [{**row, "as_of": row["as_of"].isoformat()} for row in found.iter_rows(named=True)]
    print_rows(rows, format_, out)


def _only(scores: pl.DataFrame, target: str | None, top: int | None) -> pl.DataFrame:
    """Return the scores of a target, the first so many of each."""
    import polars as pl

    known = scores["target"].unique(maintain_order=True).to_list()
    if target is not None and target not in known:
        raise UsageError(f"the model predicts no {target!r}", hint=", ".join(known))
    if target is not None:
        scores = scores.filter(pl.col("target") == target)
    if top is not None:
        scores = scores.filter(pl.int_range(pl.len()).over("target") < top)
    return scores


def report_behaviour(
    folder: Path, url: str, *, as_of: str | None, format_: str, out: Path | None, quiet: bool
) -> None:
    """Print how a model of behaviour does on the last horizon."""
    from graphml.pipeline.propensity import evaluate_propensity
    from graphml.store.connect import connect

    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        report = evaluate_propensity(source, folder, as_of=moment)
    print_report(report.rows, _SHOWN, format_, out)


_SHOWN = ("target", "method", "ships", "auroc", "auroc_low", "auroc_high", "above_low", "above_high",
          "average_precision", "calibration_error", "base_rate", "members")  # fmt: skip
