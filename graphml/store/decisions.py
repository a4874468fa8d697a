"""Analysts' decisions in SQLite: small, durable, written by people at any time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from graphml.errors import StoreError, StoreLockedError, StorePermissionError
from graphml.results import Decision

DECISIONS = "decisions.sqlite"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TABLE = """
CREATE TABLE IF NOT EXISTS decisions (
    unit TEXT NOT NULL, id TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    author TEXT NOT NULL, time INTEGER NOT NULL, members TEXT NOT NULL,
    UNIQUE (unit, id, verdict, reason, author, time, members)
)
"""
_INSERT = "INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT = """
SELECT unit, id, verdict, reason, author, time, members FROM decisions
WHERE time <= ? ORDER BY time, rowid
"""


def write_decision(folder: Path, decision: Decision) -> bool:
    """Keep ``decision``, on the disk when this returns; false if the same one is there already."""
    row = (
        decision.unit,
        decision.id,
        decision.verdict,
        decision.reason,
        decision.by,
        _microseconds(decision.time),
        json.dumps(decision.members),
    )
    with _opened(folder, "rwc") as database:
        database.execute("PRAGMA synchronous = FULL")
        with database:
            database.execute(_TABLE)
            return database.execute(_INSERT, row).rowcount == 1


def read_decisions(folder: Path, as_of: datetime, *, read_only: bool) -> list[Decision]:
    """Return the decisions taken by ``as_of``, inclusive, oldest first."""
    if not (folder / DECISIONS).is_file():
        return []
    with _opened(folder, "ro" if read_only else "rw") as database:
        known = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'decisions'").fetchone()
        rows = database.execute(_SELECT, (_microseconds(as_of),)).fetchall() if known else []
    return [
        Decision(
            unit=unit,
            id=key,
            verdict=verdict,
            reason=reason,
            by=author,
            time=_EPOCH + time * _MICROSECOND,
            members=tuple(json.loads(members)),
        )
        for unit, key, verdict, reason, author, time, members in rows
    ]


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


@contextmanager
def _opened(folder: Path, mode: str) -> Iterator[sqlite3.Connection]:
    path = folder / DECISIONS
    try:
        address = f"{path.resolve().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as database:
            yield database
    except sqlite3.Error as error:
        raise clear_error(path, error) from error


def clear_error(path: Path, error: sqlite3.Error) -> StoreError:
    """Return what SQLite said of the file at ``path`` as one of our errors."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_BUSY"):
        return StoreLockedError(
            f"{path} is being written by another process", hint="run the same command again"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StorePermissionError(
            f"{path}: {error}", hint="give this user the right to write in its folder"
        )
    if name.startswith("SQLITE_FULL"):
        return StoreError(
            f"{path}: no space left; nothing was kept",
            hint="free some space and run the same command again",
        )
    return StoreError(f"{path}: {error}", hint="restore the file from a copy, or remove it")
