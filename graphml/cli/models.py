"""``train``, ``score`` and ``audit-leakage``: models of what members do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphml.cli import options
from graphml.cli.asking import (
    CapacityOption,
    DeviceOption,
    EncoderOption,
    EpochsOption,
    EveryOption,
    GraphOption,
    HorizonOption,
    KindArgument,
    MethodOption,
    ModelOption,
    NegativesOption,
    TestOption,
    UnitOption,
    ValidOption,
    WhatArgument,
    asking_of,
    capacity_of,
    config_of,
    fraud_config_of,
    what_of,
)
from graphml.cli.detector import method_of, train_blend
from graphml.cli.graphs import refuse_for_cards, score_card, train_card
from graphml.cli.lists import train_lists
from graphml.cli.orders import score_units, train_units, unit_of
from graphml.cli.output import chosen_format, print_rows
from graphml.cli.progress import progress, say
from graphml.cli.propensity import PROPENSITY, score_behaviour, train_behaviour
from graphml.cli.scoring import score_members
from graphml.errors import UsageError

_EXPLAINED = 20


def train(
    what: KindArgument,
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
    method: MethodOption = "blend",
    unit: UnitOption = "member",
    graph: GraphOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    seed: options.SeedOption = None,
    format_: options.FormatOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Train a model on the store's events: a fraud detector, a recommender, or one of behaviour.

    A network's training that was stopped goes on.
    """
    from graphml.pipeline.keeping import claim, kinds_of
    from graphml.pipeline.reading import stored_graph
    from graphml.pipeline.training import split_of
    from graphml.pipeline.training import train as train_store
    from graphml.store.connect import connect

    chosen = chosen_format(format_, None)
    url = options.store_url(store)
    folder = out or models_of(url, graph) / (what if unit == "member" else "orders")
    if what == PROPENSITY:
        options.refuse_options(
            {"--horizon": horizon, "--every": every, "--valid-from": valid_from, "--test-from": test_from,
             "--negatives": _unless("auto", negatives), "--encoder": encoder, "--epochs": epochs,
             "--device": device, "--method": _unless("blend", method), "--unit": _unless("member", unit)},
            "is not for propensity",
            hint="settings under [propensity] in graphml.toml",
        )  # fmt: skip
        claim(folder, *kinds_of(what, of_card=graph is not None))
        train_behaviour(
            url, graph, folder=folder, as_of=as_of, seed=seed, format_=chosen, dry_run=dry_run, quiet=quiet,
        )  # fmt: skip
        return
    kind = what_of(what)
    config = config_of(encoder, epochs, device, seed)
    asking = asking_of(horizon, every, negatives, valid_from, test_from)
    claim(folder, *kinds_of(kind if unit == "member" else unit, of_card=graph is not None))
    if graph is not None:
        refuse_for_cards(
            graph,
            {"--as-of": as_of, "--horizon": horizon, "--every": every,
             "--negatives": _unless("auto", negatives), "--unit": _unless("member", unit),
             "--method": _unless("blend", method) if kind == "fraud" else None},
        )  # fmt: skip
        train_card(
            graph, kind, config, asking, method=method,
            network={"--valid-from": valid_from, "--test-from": test_from, "--encoder": encoder,
                     "--epochs": epochs, "--device": device},
            folder=folder, format_=chosen, dry_run=dry_run, quiet=quiet,
        )  # fmt: skip
        return
    if unit_of(unit, kind) != "member":
        options.refuse_options(
            {"--horizon": horizon, "--every": every, "--valid-from": valid_from, "--test-from": test_from,
             "--negatives": _unless("auto", negatives), "--method": _unless("blend", method)},
            "is for --unit member",
            hint="orders are asked about once each, as they come in",
        )  # fmt: skip
        train_units(
            url, fraud_config_of(seed), folder=folder, as_of=as_of, format_=chosen,
            dry_run=dry_run, quiet=quiet,
        )  # fmt: skip
        return
    if kind == "recommend" and method_of(method) == "blend":
        options.refuse_options(
            {"--horizon": horizon, "--every": every, "--valid-from": valid_from, "--test-from": test_from,
             "--negatives": _unless("auto", negatives), "--encoder": encoder, "--epochs": epochs,
             "--device": device},
            "is for --method network",
            hint="horizon_days and step_days under [recommend] in graphml.toml",
        )  # fmt: skip
        train_lists(
            url, folder=folder, as_of=as_of, seed=seed, format_=chosen, dry_run=dry_run,
            quiet=quiet,
        )  # fmt: skip
        return
    if kind == "fraud" and method_of(method) == "blend":
        options.refuse_options(
            {"--horizon": horizon, "--every": every, "--valid-from": valid_from, "--test-from": test_from,
             "--negatives": _unless("auto", negatives)},
            "is for --method network",
            hint="a detector's step is step_days under [fraud] in graphml.toml",
        )  # fmt: skip
        train_blend(
            url, fraud_config_of(seed), config, folder=folder, as_of=as_of, format_=chosen,
            dry_run=dry_run, quiet=quiet,
        )  # fmt: skip
        return
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        if dry_run:
            tables, _ = stored_graph(source, moment)
            split = split_of(tables, kind, asking, as_of=moment)
            say(f"would train on {len(split.train)} labels into {folder}", quiet=quiet)
            return
        trained = train_store(source, kind, config, asking, as_of=moment, folder=folder)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    print_rows(trained.report.rows, chosen, None)


def score(
    what: Annotated[
        str,
        typer.Argument(
            metavar="fraud|propensity", help="Who is fraudulent, or what members do next."
        ),
    ],
    model: ModelOption = None,
    unit: Annotated[
        str,
        typer.Option(
            "--unit",
            help="What is judged: member | order | review; for propensity member | product.",
        ),
    ] = "member",
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="propensity: view | cart | purchase | refund | churn alone.",
            show_default=False,
        ),
    ] = None,
    capacity: CapacityOption = None,
    reasons: Annotated[
        int, typer.Option("--reasons", min=0, help="Explain the N riskiest.")
    ] = _EXPLAINED,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            min=1,
            help="Only the N riskiest; the N likeliest of each target.",
            show_default=False,
        ),
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
    graph: GraphOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Score every member with a trained model, riskiest or likeliest first; of a graph card, every node.

    With [costs] in graphml.toml, or --capacity, each has a decision: ship, hold or refuse.
    """
    chosen = chosen_format(format_, out)
    url, reviews = options.store_url(store), capacity_of(capacity)
    if what == PROPENSITY:
        options.refuse_options(
            {"--capacity": capacity, "--write": write or None, "--embeddings": embeddings,
             "--device": device, "--reasons": None if reasons == _EXPLAINED else reasons},
            "is not for propensity",
            hint="--out FILE keeps the scores",
        )  # fmt: skip
        score_behaviour(
            url, graph, model or models_of(url, graph) / PROPENSITY, unit=unit, target=target,
            top=top, as_of=as_of, format_=chosen, out=out, quiet=quiet,
        )  # fmt: skip
        return
    if what != "fraud":
        raise UsageError(f"cannot score {what!r}", hint="fraud or propensity")
    options.refuse_options({"--target": target}, "is for propensity", hint="score propensity")
    folder = model or models_of(url, graph) / ("fraud" if unit == "member" else "orders")
    if unit_of(unit, "fraud") != "member":
        options.refuse_options(
            {"--write": write or None, "--embeddings": embeddings, "--graph": graph},
            "is for --unit member",
            hint="--out FILE keeps the scores",
        )
        score_units(
            url, folder, unit=unit, as_of=as_of, top=top, explained=reasons, reviews=reviews,
            format_=chosen, out=out, quiet=quiet,
        )  # fmt: skip
        return
    if graph is not None:
        options.refuse_options(
            {"--write": write or None},
            f"needs a store, and {graph} is a graph card",
            hint="--out FILE keeps the scores",
        )
        options.refuse_options(
            {"--capacity": capacity},
            f"needs a store, and {graph} is a graph card",
            hint="--top N shows the riskiest",
        )
        score_card(
            graph, folder, as_of=as_of, device=device, top=top, embeddings=embeddings,
            format_=chosen, out=out, quiet=quiet,
        )  # fmt: skip
        return
    score_members(
        url, folder, as_of=as_of, reviews=reviews, reasons=reasons, top=top, write=write,
        embeddings=embeddings, device=device, format_=chosen, out=out, dry_run=dry_run, quiet=quiet,
    )  # fmt: skip


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
    print_rows(rows, chosen, out)
    say("gap: what the random split promises beyond what the split by time keeps", quiet=quiet)


def _unless(usual: str, value: str) -> str | None:
    """Return an option's value, ``None`` where it is what it is when nobody gives it."""
    return None if value == usual else value


def models_of(url: str, card: Path | None) -> Path:
    """Return where the models of a store, or of a graph card, are kept."""
    from graphml.store.connect import state_folder

    folder = state_folder(url) / "models"
    return folder if card is None else folder / "graphs" / card.stem
