"""What ``--graph CARD`` does: the commands of models on a plain graph in place of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.detector import method_of
from graphml.cli.moments import print_report
from graphml.cli.output import emit, print_rows
from graphml.cli.progress import progress, say
from graphml.errors import NothingToDoError

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
    method: str,
    network: Mapping[str, object],
    folder: Path,
    format_: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train on the graph of ``card`` and print the report.

    A network, or, for pairs without time by the ``method`` blend, a filter of these, which heeds
    none of the options of ``network``.
    """
    from graphml.pipeline.pairs import is_timeless

    if what == "recommend" and method_of(method) == "blend" and is_timeless(card):
        options.refuse_options(
            network, "is for --method network", hint="lists of pairs without time need none of it"
        )
        _train_pairs(
            card, config.seed, folder=folder, format_=format_, dry_run=dry_run, quiet=quiet
        )
        return
    from graphml.pipeline.graphs import plain_graph, train_graph

    with progress(quiet=quiet):
        if dry_run:
            count = len(plain_graph(card, what, config, asking).split.train)
            say(f"would train on {count} labels into {folder}", quiet=quiet)
            return
        trained = train_graph(card, what, config, asking, folder=folder)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    print_rows(trained.report.rows, format_, None)


def _train_pairs(
    card: Path, seed: int, *, folder: Path, format_: str, dry_run: bool, quiet: bool
) -> None:
    from graphml.pipeline.pairs import split_card, train_pairs

    with progress(quiet=quiet):
        if dry_run:
            count = split_card(card, seed=seed).train.height
            say(f"would train on {count} pairs into {folder}", quiet=quiet)
            return
        trained = train_pairs(card, seed, folder=folder)
    say(f"model {trained.model.name} in {folder}", quiet=quiet)
    print_report(trained.report.rows, _SHOWN, format_, None)


def recommend_card(
    card: Path,
    folder: Path,
    ids: Sequence[str],
    *,
    top: int,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Print the lists of named owners of a card's pairs, or of all, best first."""
    from graphml.pipeline.pairs import recommend_pairs

    with progress(quiet=quiet):
        lists, name = recommend_pairs(card, folder, ids, top)
    if lists.is_empty():
        raise NothingToDoError(f"{card} leaves nothing to recommend", hint="other ids")
    rows = [
        {"owner_id": owner, "target_id": target, "rank": rank, "score": round(score, 6), "model": name}
        for owner, target, rank, score in lists.iter_rows()
    ]  # fmt: skip
    columns = ("owner_id", "rank", "target_id", "score")
    emit(
        rows,
        columns={column: (lambda row, column=column: row[column]) for column in columns},
        format_=format_,
        out=out,
    )


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
    from graphml.pipeline.pairs import evaluate_pairs, is_of_pairs

    if is_of_pairs(folder):
        with progress(quiet=quiet):
            report = evaluate_pairs(card, folder)
        print_report(report.rows, _SHOWN, format_, out)
        return
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


_SHOWN = ("method", "ndcg_at_20", "ndcg_at_20_low", "ndcg_at_20_high", "recall_at_20", "map_at_20",
          "mrr_at_20", "above", "above_low", "above_high", "coverage", "members")  # fmt: skip
