"""Runs of the embedded store: a folder each, seen by readers once the manifest lists it."""

from __future__ import annotations

import fcntl
import json
import logging
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import polars as pl

from graphml.errors import UsageError
from graphml.results import (
    Recommendation,
    Results,
    Ring,
    RunInfo,
    RunStatus,
    Scores,
    parse_time,
    time_text,
)
from graphml.store.files import clear_errors, replace_file, sync_file, sync_folder

RUNS = "runs"

_INFO = "run.json"
_LINES: Mapping[str, type[Ring | Recommendation]] = {
    "rings": Ring,
    "recommendations": Recommendation,
}
"""Results that are kept a line each, by what they are counted as."""
_ALIVE = "lock"
_log = logging.getLogger("graphml.store")
_NAME = re.compile(r"[a-z][a-z_]*")


class EmbeddedRun:
    """An open run: writes into its own folder, which nobody reads before it is published.

    A lock held on one of its files tells the listing that the run's process lives.
    """

    def __init__(
        self, store: Path, kind: str, model: str | None, as_of: datetime, content: str | None
    ) -> None:
        if not _NAME.fullmatch(kind):
            raise UsageError(f"no kind of run {kind!r}", hint="lower-case letters, as rings")
        started = datetime.now(UTC)
        self.run_id = f"{kind}-{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        self._store = store
        self._folder = store / RUNS / self.run_id
        self._counts: Counter[str] = Counter()
        self._description = {
            "run_id": self.run_id,
            "kind": kind,
            "model": model,
            "as_of": time_text(as_of),
            "started": time_text(started),
            "content": content,
        }
        with clear_errors(store):
            self._folder.mkdir(parents=True)
            self._alive: IO[bytes] = (self._folder / _ALIVE).open("wb")
            try:
                fcntl.flock(self._alive, fcntl.LOCK_EX)
                self._sign(None)
            except BaseException:
                self._alive.close()
                raise

    def write(self, results: Results) -> None:
        """Add results to the run: scores as Parquet, rings and lists as JSON Lines."""
        with clear_errors(self._store):
            if isinstance(results, Scores):
                self._write_scores(results)
            else:
                for name, kind in _LINES.items():
                    some = [one for one in results if isinstance(one, kind)]
                    self._write_lines(name, some)

    def _write_scores(self, scores: Scores) -> None:
        path = self._folder / f"scores-{len(list(self._folder.glob('scores-*'))):04d}.parquet"
        columns = {"id": scores.ids, "score": scores.values}
        frame = pl.DataFrame(columns, schema={"id": pl.String, "score": pl.Float64})
        frame.with_columns(
            unit=pl.lit(scores.unit), score_kind=pl.lit(scores.score_kind)
        ).write_parquet(path, compression="zstd")
        sync_file(path)
        self._counts["scores"] += frame.height

    def _write_lines(self, name: str, results: Sequence[Ring | Recommendation]) -> None:
        if not results:
            return
        path = self._folder / f"{name}.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one.to_json()) + "\n" for one in results)
        sync_file(path)
        self._counts[name] += len(results)

    def finish(self) -> dict[str, Any]:
        """Return what the manifest lists about the run; its results are on the disk."""
        with clear_errors(self._store):
            sync_folder(self._folder)
            sync_folder(self._folder.parent)
        return self._json(datetime.now(UTC))

    def fail(self) -> None:
        """Remove the run's results; what remains says that it was begun."""
        with clear_errors(self._store):
            lines = [self._folder / f"{name}.jsonl" for name in _LINES]
            for path in (*lines, *self._folder.glob("scores-*")):
                path.unlink(missing_ok=True)
            self._sign(datetime.now(UTC))

    def close(self) -> None:
        """Let go of the lock that says the run is open."""
        self._alive.close()

    def _sign(self, finished: datetime | None) -> None:
        replace_file(self._folder / _INFO, json.dumps(self._json(finished), indent=1).encode())

    def _json(self, finished: datetime | None) -> dict[str, Any]:
        end = None if finished is None else time_text(finished)
        return {**self._description, "finished": end, "counts": dict(self._counts)}


def begun_runs(store: Path) -> list[RunInfo]:
    """Return every run with a folder, as open where its process lives, else as failed.

    Those that the manifest lists are published; read it after this, never before: a run that is
    published in between would be taken for a failed one.
    """
    infos = []
    for folder in sorted((store / RUNS).glob("*/")):
        status: RunStatus = "open" if _lives(folder / _ALIVE) else "failed"
        try:
            infos.append(_info(json.loads((folder / _INFO).read_text(encoding="utf-8")), status))
        except FileNotFoundError:
            continue  # begun this very moment, or cut off in its first one
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.warning("%s is damaged: its run is not listed; remove the folder", folder / _INFO)
    return infos


def published_runs(listed: Sequence[Mapping[str, Any]]) -> list[RunInfo]:
    """Return the runs that a manifest lists; the last of each kind is the one in view."""
    in_view = {run["kind"]: run["run_id"] for run in listed if not run.get("withdrawn")}

    def status(run: Mapping[str, Any]) -> RunStatus:
        if run.get("withdrawn"):
            return "withdrawn"
        return "published" if in_view[run["kind"]] == run["run_id"] else "superseded"

    return [_info(run, status(run)) for run in listed]


def remove_runs(store: Path, gone: Sequence[str]) -> None:
    """Remove the folders of runs that no manifest lists any more."""
    for run_id in gone:
        shutil.rmtree(store / RUNS / run_id, ignore_errors=True)


def stored_rings(store: Path, run_id: str) -> list[Ring]:
    """Return the rings of a listed run, best first, those of equal score as they were written."""
    rings = [Ring.from_json(line) for line in _stored(store, run_id, "rings")]
    return sorted(rings, key=lambda ring: -ring.score)


def stored_recommendations(store: Path, run_id: str) -> list[Recommendation]:
    """Return the lists of a listed run, by member and rank."""
    lines = _stored(store, run_id, "recommendations")
    found = [Recommendation.from_json(line) for line in lines]
    return sorted(found, key=lambda one: (one.member_id, one.rank))


def _stored(store: Path, run_id: str, name: str) -> list[dict[str, Any]]:
    path = store / RUNS / run_id / f"{name}.jsonl"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _lives(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _info(content: Mapping[str, Any], status: RunStatus) -> RunInfo:
    finished = content["finished"]
    return RunInfo(
        run_id=content["run_id"],
        kind=content["kind"],
        model=content["model"],
        as_of=parse_time(content["as_of"]),
        started=parse_time(content["started"]),
        finished=None if finished is None else parse_time(finished),
        status=status,
        counts=content["counts"],
        content=content.get("content"),
    )
