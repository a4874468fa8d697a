"""``recommend``: products for members, with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphml.cli import options
from graphml.cli.asking import GraphOption, ModelOption
from graphml.cli.graphs import recommend_card
from graphml.cli.models import models_of
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import progress, say
from graphml.errors import NothingToDoError, UsageError, one_line


def recommend(
    members: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MEMBER]...",
            help="For whom, of a graph card its pairs' sources; all if nobody is named.",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Products for each member.")] = 20,
    bought: Annotated[
        bool, typer.Option("--bought/--no-bought", help="Whether what a member has may come again.")
    ] = True,
    blocked: Annotated[
        Path | None,
        typer.Option(
            "--blocked",
            metavar="FILE",
            help="Products never recommended, an id a line: sold out, or not to be promoted.",
            show_default=False,
        ),
    ] = None,
    per_seller: Annotated[
        int | None,
        typer.Option("--per-seller", min=1, help="Of one seller at most.", show_default=False),
    ] = None,
    per_category: Annotated[
        int | None,
        typer.Option("--per-category", min=1, help="Of one category at most.", show_default=False),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Publish the lists in the store as a run.")
    ] = False,
    with_reasons: Annotated[
        bool, typer.Option("--reasons/--no-reasons", help="Whether to say why.")
    ] = True,
    model: ModelOption = None,
    graph: GraphOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Recommend products to members, each with the reasons for it.

    A run holds the lists of the members it is asked about, and takes the place of the run before.
    """
    from graphml.pipeline.recommending import recommended
    from graphml.recommend.rules import Rules
    from graphml.store.connect import connect

    chosen = chosen_format(format_, out)
    url = options.store_url(store)
    if graph is not None:
        options.refuse_options(
            {"--write": write or None, "--store": store, "--as-of": as_of, "--blocked": blocked,
             "--per-seller": per_seller, "--per-category": per_category,
             "--no-bought": None if bought else True, "--no-reasons": None if with_reasons else True,
             "--dry-run": dry_run or None},
            f"is for a store, and {graph} is a graph card",
            hint="--top N and --out FILE; what an owner has is never on its list, and no reason is given",
        )  # fmt: skip
        recommend_card(
            graph, model or models_of(url, graph) / "recommend", members or [],
            top=top, format_=chosen, out=out, quiet=quiet,
        )  # fmt: skip
        return
    rules = Rules(
        bought=bought, blocked=_ids(blocked), per_seller=per_seller, per_category=per_category
    )
    publish = write and not dry_run
    with progress(quiet=quiet), connect(url, read_only=not publish) as source:
        moment = options.as_of_or_last(source, as_of)
        found, name = recommended(
            source,
            model or models_of(url, None) / "recommend",
            members or [],
            as_of=moment,
            rules=rules,
            top=top,
            explained=with_reasons,
        )
        if not found:
            raise NothingToDoError("the rules leave nothing to recommend", hint="fewer rules")
        if publish:
            run = source.publish("recommend", [found], model=name, as_of=moment)
            say(f"published {len(found)} recommendations as run {run.run_id}", quiet=quiet)
    if write and dry_run:
        say(f"would publish {len(found)} recommendations", quiet=quiet)
    rows = [{**one.to_json(), "model": name} for one in found]
    emit(rows, columns=COLUMNS, format_=chosen, out=out)


def _why(row: dict[str, Any]) -> str:
    return "; ".join(reason["text"] for reason in row["reasons"])


COLUMNS = {
    "member_id": lambda row: row["member_id"],
    "rank": lambda row: row["rank"],
    "product_id": lambda row: row["product_id"],
    "score": lambda row: row["score"],
    "reasons": _why,
}


def _ids(file: Path | None) -> frozenset[str]:
    if file is None:
        return frozenset()
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {file}: {one_line(error)}", hint="a text file, a product id a line"
        ) from error
    return frozenset(line.strip() for line in lines if line.strip())
