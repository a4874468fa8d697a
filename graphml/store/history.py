"""Which runs a store has had: what one holds, which came before it, which nobody sees any more."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from graphml.errors import NothingToDoError, StoreLockedError, UsageError
from graphml.results import Results, RunInfo, Scores, time_text


def overtaken(url: str, kind: str) -> StoreLockedError:
    """Return what a rollback raises where another run came into view since it looked."""
    return StoreLockedError(
        f"{url}: another run of kind {kind!r} was published meanwhile",
        hint="graphml runs list, then again",
    )


def content_of(parts: Iterable[Results], *, model: str | None, as_of: datetime) -> str:
    """Return 128 bits in hex of what a run is to hold.

    A ring's ``status`` speaks of the run before and is left out: the same rings found again are the
    same content.
    """
    found = hashlib.blake2b(json.dumps([model, time_text(as_of)]).encode(), digest_size=16)
    for part in parts:
        if isinstance(part, Scores):
            found.update(json.dumps([part.unit, part.score_kind, list(part.ids)]).encode())
            found.update(array("d", part.values).tobytes())
        else:
            told = [{**one.to_json(), "status": None} for one in part]
            found.update(json.dumps(told).encode())
    return found.hexdigest()


def chosen_run(listed: Sequence[RunInfo], run_id: str | None, *, kind: str, url: str) -> str | None:
    """Return the run to be read: the named one, else the one of a kind in view; ``None`` without any.

    Raises:
        UsageError: No run of that name was published.
    """
    ended = [run for run in listed if run.readable]
    if run_id is None:
        chosen = [run.run_id for run in ended if run.kind == kind and run.status == "published"]
        return chosen[0] if chosen else None
    if run_id not in {run.run_id for run in ended}:
        raise UsageError(f"no published run {run_id!r} in {url}", hint="graphml runs list")
    return run_id


def run_before(
    listed: Sequence[RunInfo], kind: str, to: str | None, *, url: str
) -> tuple[RunInfo, list[RunInfo]]:
    """Return the run that a rollback puts in view, and those published after it, the newest first.

    Args:
        listed: All runs of a store.
        kind: Of the runs.
        to: Its run_id; the one before the run in view if omitted.
        url: Of the store, for what is said.

    Raises:
        NothingToDoError: No run of the kind is in view.
        UsageError: There is no such run, or none older.
    """
    ended = _newest(run for run in listed if run.kind == kind and run.readable)
    if not ended:
        raise NothingToDoError(f"no run of kind {kind!r} is in view", hint="graphml runs list")
    if to is None and len(ended) == 1:
        raise UsageError(
            f"{ended[0].run_id} is the first run of kind {kind!r}: there is none before it",
            hint="graphml runs list",
        )
    names = [run.run_id for run in ended]
    if to is not None and to not in names:
        raise UsageError(
            f"no published run {to!r} of kind {kind!r} in {url}", hint="graphml runs list"
        )
    place = 1 if to is None else names.index(to)
    return ended[place], ended[:place]


def unseen_runs(
    listed: Sequence[RunInfo], *, keep: int, cut_off: Callable[[RunInfo], bool]
) -> list[RunInfo]:
    """Return the runs that readers do not see and nobody goes back to, in the order of the list.

    Args:
        listed: All runs of a store.
        keep: How many before the one in view are to be gone back to, of each kind.
        cut_off: Whether an open run is surely not written any more.
    """
    older = _newest(run for run in listed if run.status == "superseded")
    kept = {
        run.run_id
        for kind in {run.kind for run in older}
        for run in [one for one in older if one.kind == kind][:keep]
    }
    return [
        run
        for run in listed
        if run.status in ("failed", "withdrawn")
        or (run.status == "superseded" and run.run_id not in kept)
        or (run.status == "open" and cut_off(run))
    ]


def _newest(runs: Iterable[RunInfo]) -> list[RunInfo]:
    return sorted(runs, key=lambda run: (run.finished or run.started, run.run_id), reverse=True)
