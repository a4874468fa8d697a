"""``train``, ``score`` and ``audit-leakage``: models of what members do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphml.cli import options
from graphml.cli.asking import (
    DeviceOption,
    EncoderOption,
    EpochsOption,
    EveryOption,
    HorizonOption,
    ModelOption,
    NegativesOption,
    TestOption,
    ValidOption,
    WhatArgument,
    asking_of,
    config_of,
    what_of,
)
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import progress, say
from graphml.errors import UsageError

if TYPE_CHECKING:
    from graphml.training.model import GraphModel


def train(
    what: WhatArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The model's folder; else under the store.",
            show_default=False,
        ),
    ] = None,
    horizon: HorizonOption = None,
    every: EveryOption = None,
    negatives: NegativesOption = "auto",
    valid_from: ValidOption = None,
    test_from: TestOption = None,
    encoder: EncoderOption = None,
    epochs: EpochsOption = None,
    device: DeviceOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    seed: options.SeedOption = None,
    format_: options.FormatOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Train a network on the store's events; a training that was stopped goes on."""
    from graphml.pipeline.reading import stored_graph
    from graphml.pipeline.training import split_of
    from graphml.pipeline.training import train as train_store
    from graphml.store.connect import connect

    kind = what_of(what)
    config = config_of(encoder, epochs, device, seed)
    asking = asking_of(horizon, every, negatives, valid_from, test_from)
    chosen = chosen_format(format_, None)
    url = options.store_url(store)
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        folder = out or _models(url) / kind
        if dry_run:
            tables, _ = stored_graph(source, moment)
            split = split_of(tables, kind, asking, as_of=moment)
            say(f"would train on {len(split.train)} labels into {folder}", quiet=quiet)
            return
        trained = train_store(source, kind, config, asking, as_of=moment, folder=folder)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    _print(trained.report.rows, chosen, None)


def score(
    what: Annotated[str, typer.Argument(metavar="fraud", help="What to score: fraud.")],
    model: ModelOption = None,
    unit: Annotated[str, typer.Option("--unit", help="member.")] = "member",
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Only the N riskiest.", show_default=False)
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Publish the scores in the store as a run.")
    ] = False,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            "--embeddings",
            metavar="FILE",
            help="Members' vectors too, as Parquet.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Score every member with a trained model, riskiest first."""
    from graphml.pipeline.training import score as score_store
    from graphml.store.connect import connect

    if what != "fraud":
        raise UsageError(f"cannot score {what!r}", hint="graphml score fraud")
    if unit != "member":
        raise UsageError(f"cannot score a {unit!r}", hint="--unit member")
    chosen = chosen_format(format_, out)
    url = options.store_url(store)
    publish = write and not dry_run
    with progress(quiet=quiet), connect(url, read_only=not publish) as source:
        moment = options.as_of_or_last(source, as_of)
        asked = _load(model, url, "fraud", device)
        scored = score_store(source, asked, as_of=moment)
        scores, rows = scored.scores, scored.rows
        if embeddings is not None:
            asked.embed(scored.graph, "member", as_of=moment).write_parquet(embeddings)
        if publish:
            with source.run("fraud", model=asked.name, as_of=moment) as run:
                run.write(scores)
            say(f"published {len(scores.ids)} scores as run {run.run_id}", quiet=quiet)
    if write and dry_run:
        say(f"would publish {len(scores.ids)} scores", quiet=quiet)
    shown = rows.head(top) if top else rows
    found = [{**row, "as_of": row["as_of"].isoformat()} for row in shown.iter_rows(named=True)]
    _print(found, chosen, out)


def audit_leakage(
    what: WhatArgument,
    horizon: HorizonOption = None,
    every: EveryOption = None,
    negatives: NegativesOption = "auto",
    valid_from: ValidOption = None,
    test_from: TestOption = None,
    encoder: EncoderOption = None,
    epochs: EpochsOption = None,
    device: DeviceOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    seed: options.SeedOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Show what a random split would promise and a split by time does not keep."""
    from graphml.pipeline.training import audit_leakage as audit
    from graphml.store.connect import connect

    kind = what_of(what)
    config = config_of(encoder, epochs, device, seed)
    asking = asking_of(horizon, every, negatives, valid_from, test_from)
    chosen = chosen_format(format_, out)
    with progress(quiet=quiet), connect(options.store_url(store), read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        rows = audit(source, kind, config, asking, as_of=moment)
    _print(rows, chosen, out)
    say("gap: what the random split promises beyond what the split by time keeps", quiet=quiet)


def _load(model: Path | None, url: str, kind: str, device: str | None) -> GraphModel:
    from graphml.training.model import GraphModel

    return GraphModel.load(model or _models(url) / kind, device=device or "auto")


def _models(url: str) -> Path:
    from graphml.store.connect import state_folder

    return state_folder(url) / "models"


def report_of(
    folder: Path,
    store: str | None,
    as_of: str | None,
    *,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Print how good a model is on the labels that its training did not see."""
    from graphml.pipeline.training import evaluate_model
    from graphml.store.connect import connect
    from graphml.training.model import GraphModel

    with progress(quiet=quiet), connect(options.store_url(store), read_only=True) as source:
        model = GraphModel.load(folder)
        report = evaluate_model(source, model, as_of=options.as_of_or_last(source, as_of))
    _print(report.rows, format_, out)


def _print(rows: Sequence[Mapping[str, Any]], format_: str, out: Path | None) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    emit(
        rows,
        columns={name: (lambda row, name=name: _shown(row.get(name), format_)) for name in names},
        format_=format_,
        out=out,
    )


def _shown(value: Any, format_: str) -> Any:
    return f"{value:.4f}" if isinstance(value, float) and format_ == "table" else value
