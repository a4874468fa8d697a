"""``evaluate``: how good the rings are, beside the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphml.cli import options
from graphml.cli.asking import GraphOption
from graphml.cli.detector import report_detector
from graphml.cli.flat import report_flat_card
from graphml.cli.graphs import refuse_for_cards, report_card
from graphml.cli.lists import report_lists
from graphml.cli.models import models_of
from graphml.cli.output import chosen_format, emit, print_rows
from graphml.cli.plots import (
    PlotsOption,
    plot_detector,
    plot_rings,
    refuse_plots,
    require_plots,
    write_pictures,
)
from graphml.cli.progress import progress
from graphml.cli.propensity import report_behaviour
from graphml.cli.ringmodel import ModelOption, ring_model
from graphml.errors import UsageError

_KINDS = ("fraud", "recommend", "propensity", "orders")
"""Models of a store that are named by what they are of."""


def evaluate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="rings|MODEL",
            help="The rings, a model's folder, or the store's model: "
            "fraud, recommend, propensity or orders.",
        ),
    ],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Folder with the truth, as simulate's OUT.truth.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Beside the baselines.")
    ] = True,
    model: ModelOption = None,
    graph: GraphOption = None,
    plots: PlotsOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    seed: options.SeedOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Measure the rings against the truth, or a model on later labels, beside the baselines."""
    from graphml.config import RingConfig
    from graphml.pipeline.flat import is_flat
    from graphml.pipeline.judging import judge_store
    from graphml.store.connect import connect

    if what != "rings" and graph is not None:
        refuse_for_cards(graph, {"--as-of": as_of, "--store": store})
        refuse_plots(plots, "graph cards")
        folder = model_folder(what, options.store_url(store), graph)
        report = report_flat_card if is_flat(folder) else report_card
        report(graph, folder, format_=chosen_format(format_, out), out=out, quiet=quiet)
        return
    require_plots(plots)
    if what != "rings":
        report_of(
            model_folder(what, options.store_url(store), None), store, as_of, plots=plots,
            format_=chosen_format(format_, out), out=out, quiet=quiet,
        )  # fmt: skip
        return
    if truth is None:
        raise UsageError("evaluate rings needs --truth DIR", hint="simulate writes OUT.truth")
    chosen = chosen_format(format_, out)
    url = options.store_url(store)
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        detector = ring_model(url, model, moment, quiet=quiet)
        judged = judge_store(
            source, truth, RingConfig(seed=seed or 0), as_of=moment, baselines=baselines,
            detector=detector,
        )  # fmt: skip
    rows = judged.report.rows()
    wide = chosen != "table"  # the groups of benign sharing would not fit a terminal
    columns = {
        name: (lambda row, name=name: row[name])
        for name in rows[0]
        if wide or not name.startswith("benign_per_1000_")
    }
    emit(rows, columns=columns, format_=chosen, out=out)
    if plots is not None:
        plot_rings(judged, url, plots, quiet=quiet)


def model_folder(what: str, url: str, card: Path | None) -> Path:
    """Return the folder of a model that was named by it, or by its kind: then the store's."""
    given = Path(what)
    return models_of(url, card) / what if what in _KINDS and not given.is_dir() else given


def report_of(
    folder: Path,
    store: str | None,
    as_of: str | None,
    *,
    plots: Path | None = None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Print how good a model is on the labels that its training did not see."""
    from graphml.pipeline.pairs import is_of_pairs

    if is_of_pairs(folder):
        raise UsageError(f"{folder} is of a graph card's pairs", hint="--graph CARD")
    from graphml.pipeline.fraud import is_detector
    from graphml.pipeline.orders import evaluate_kept_orders, is_of_orders
    from graphml.pipeline.picturing import pictures_of_network
    from graphml.pipeline.propensity import is_propensity
    from graphml.pipeline.recommending import is_recommender
    from graphml.pipeline.training import evaluate_model
    from graphml.store.connect import connect
    from graphml.training.model import GraphModel

    if is_of_orders(folder):
        refuse_plots(plots, "models of orders")
        with progress(quiet=quiet), connect(options.store_url(store), read_only=True) as source:
            report = evaluate_kept_orders(
                source, folder, as_of=options.as_of_or_last(source, as_of)
            )
        print_rows(report.rows, format_, out)
        return
    if is_detector(folder):
        url = options.store_url(store)
        if plots is not None:
            plot_detector(
                folder, url, plots, as_of=as_of, format_=format_, out=out, quiet=quiet
            )  # fmt: skip
            return
        report_detector(folder, url, as_of=as_of, format_=format_, out=out, quiet=quiet)
        return
    if is_recommender(folder):
        refuse_plots(plots, "recommenders")
        url = options.store_url(store)
        report_lists(folder, url, as_of=as_of, format_=format_, out=out, quiet=quiet)
        return
    if is_propensity(folder):
        refuse_plots(plots, "models of behaviour")
        url = options.store_url(store)
        report_behaviour(folder, url, as_of=as_of, format_=format_, out=out, quiet=quiet)
        return
    with progress(quiet=quiet), connect(options.store_url(store), read_only=True) as source:
        model = GraphModel.load(folder)
        report = evaluate_model(source, model, as_of=options.as_of_or_last(source, as_of))
    print_rows(report.rows, format_, out)
    if plots is not None:
        write_pictures(pictures_of_network(folder), plots, quiet=quiet)
