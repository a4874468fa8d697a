"""``runs``: what was written into a store, and undoing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import progress, say
from graphml.errors import NothingToDoError, UsageError
from graphml.results import time_text
from graphml.store.history import run_before

if TYPE_CHECKING:
    from graphml.results import RunInfo
    from graphml.store.base import GraphStore

_KEPT = 3
"""Runs of each kind before the one in view that prune leaves."""
_ACTIONS = ("list", "show", "rollback", "prune")


def runs(
    action: Annotated[
        str,
        typer.Argument(
            metavar="list|show|rollback|prune",
            help="Name the runs, print what one holds, put an older one in view, or remove what nobody sees.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|KIND]",
            help="show: a run. list, rollback: a kind, as rings, fraud or recommend.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="RUN",
            help="rollback: to this run; else to the one before.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=0,
            metavar="N",
            help="prune: how many before the one in view stay, of each kind; else 3.",
            show_default=False,
        ),
    ] = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """List what --write has published, print it, and undo it: readers see one run of a kind, whole."""
    from graphml.store.connect import connect

    _check(action, name, to, keep)
    chosen = chosen_format(format_, out)
    changes = action in ("rollback", "prune") and not dry_run
    with progress(quiet=quiet), connect(options.store_url(store), read_only=not changes) as target:
        if action == "show":
            _show(target, str(name), format_=chosen, out=out, quiet=quiet)
            return
        if action == "list":
            found = _listed(target, name)
        elif action == "rollback":
            found = [_rolled_back(target, str(name), to, dry_run=dry_run, quiet=quiet)]
        else:
            found = target.prune(keep=_KEPT if keep is None else keep, dry_run=dry_run)
            say(f"{'would remove' if dry_run else 'removed'} {len(found)} runs", quiet=quiet)
    emit([_row(run) for run in found], columns=COLUMNS, format_=chosen, out=out)


def _check(action: str, name: str | None, to: str | None, keep: int | None) -> None:
    """Refuse what does not go together.

    Raises:
        UsageError: Something does not.
    """
    if action not in _ACTIONS:
        raise UsageError(f"cannot {action!r} runs", hint=", ".join(_ACTIONS))
    if to is not None and action != "rollback":
        raise UsageError("--to is for rollback", hint="graphml runs rollback KIND --to RUN")
    if keep is not None and action != "prune":
        raise UsageError("--keep is for prune", hint="graphml runs prune --keep N")
    missing = {"show": "show which run?", "rollback": "rollback of which kind?"}
    if name is None and action in missing:
        raise UsageError(missing[action], hint="graphml runs list names runs and their kinds")
    if name is not None and action == "prune":
        raise UsageError("prune is for runs of all kinds", hint="graphml runs prune --keep N")


def _listed(store: GraphStore, kind: str | None) -> list[RunInfo]:
    found = [run for run in store.runs() if kind in (None, run.kind)]
    if not found:
        of = "" if kind is None else f" of kind {kind}"
        raise NothingToDoError(
            f"no runs{of} in {store.url}", hint="detect-rings, score or recommend --write"
        )
    return found


def _rolled_back(
    store: GraphStore, kind: str, to: str | None, *, dry_run: bool, quiet: bool
) -> RunInfo:
    run, later = run_before(store.runs(), kind, to, url=store.url)
    if dry_run:
        say(f"would put run {run.run_id} in view", quiet=quiet)
    else:
        run = store.rollback(kind, to=run.run_id)
        say(f"run {run.run_id} is in view", quiet=quiet)
    if later:
        gone = ", ".join(one.run_id for one in later)
        told = "would be withdrawn" if dry_run else "withdrawn"
        say(f"{told} for good, to be published again if wanted: {gone}", quiet=quiet)
    return run


def _show(store: GraphStore, name: str, *, format_: str, out: Path | None, quiet: bool) -> None:
    """Print what a run holds: its rings or its lists; of scores how many there are."""
    run = next((run for run in store.runs() if run.run_id == name), None)
    if run is None:
        raise UsageError(f"no run {name!r} in {store.url}", hint="graphml runs list")
    row = _row(run)
    if run.readable:
        row["rings"] = [ring.to_json() for ring in store.read_rings(name)]
        row["recommendations"] = [one.to_json() for one in store.read_recommendations(name)]
    elif run.status == "withdrawn":
        say("it was withdrawn: what it held is not shown any more", quiet=quiet)
    if format_ in ("json", "jsonl"):
        emit([row], columns=COLUMNS, format_=format_, out=out)
        return
    if format_ in ("csv", "parquet"):
        parts = [{"run_id": run.run_id, **part} for name in _PARTS for part in row.get(name, ())]
        emit(parts, columns=_OF_RINGS if row.get("rings") else _OF_LISTS, format_=format_, out=out)
        return
    lines = [{"what": key, "is": _text(value)} for key, value in row.items() if key not in _PARTS]
    for ring in row.get("rings", ()):
        said = f"{ring['kind']}, score {ring['score']:.3f}, {len(ring['members'])} members"
        lines.append({"what": f"ring {ring['ring_id']}", "is": said})
    for one in row.get("recommendations", ()):
        said = f"{one['rank']}. {one['product_id']}"
        lines.append({"what": f"member {one['member_id']}", "is": said})
    columns = {"what": lambda line: line["what"], "is": lambda line: line["is"]}
    emit(lines, columns=columns, format_=format_, out=out)


_PARTS = ("rings", "recommendations")
_OF_RINGS = {
    "run": lambda row: row["run_id"],
    "ring": lambda row: row["ring_id"],
    "kind": lambda row: row["kind"],
    "score": lambda row: row["score"],
    "members": lambda row: " ".join(member["member_id"] for member in row["members"]),
}
_OF_LISTS = {
    "run": lambda row: row["run_id"],
    "member_id": lambda row: row["member_id"],
    "rank": lambda row: row["rank"],
    "product_id": lambda row: row["product_id"],
    "score": lambda row: row["score"],
}


def _row(run: RunInfo) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "status": run.status,
        "as_of": time_text(run.as_of),
        "started": time_text(run.started),
        "finished": None if run.finished is None else time_text(run.finished),
        "model": run.model,
        "counts": dict(run.counts),
    }


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{number:,} {name}" for name, number in value.items())
    return "" if value is None else str(value)


COLUMNS = {
    "run": lambda row: row["run_id"],
    "kind": lambda row: row["kind"],
    "status": lambda row: row["status"],
    "as_of": lambda row: row["as_of"],
    "finished": lambda row: row["finished"],
    "model": lambda row: row["model"],
    "holds": lambda row: _text(row["counts"]),
}
