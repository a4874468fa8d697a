"""The file of cases and audit: SQLite, one short connection a call, one transaction a change.

Several processes share it: the service and the command line. A change takes the write lock before
it reads (``BEGIN IMMEDIATE``), so nobody decides on what another is about to change, and two
entries never have the same one before them. The journal is SQLite's default, a file that is there
only while somebody writes: a write-ahead log would be made and removed with every connection, and
cannot be read in a folder that may not be written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from graphml.errors import StoreVersionError
from graphml.store.decisions import clear_error
from graphml.store.files import clear_errors, sync_folder
from graphml.store.rooms import CASES

_VERSION = 1
_PATIENCE = 5.0
"""Seconds to wait for another writer."""

_TABLES = (
    """
CREATE TABLE cases (
    number INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, unit TEXT NOT NULL,
    id TEXT NOT NULL, state TEXT NOT NULL, assignee TEXT, content TEXT NOT NULL
)""",
    "CREATE UNIQUE INDEX one_unresolved ON cases (store, unit, id) WHERE state <> 'resolved'",
    "CREATE INDEX by_unit ON cases (store, unit, id)",
    """
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, case_id TEXT NOT NULL,
    content TEXT NOT NULL, written INTEGER NOT NULL DEFAULT 0
)""",
    """
CREATE TABLE audit (
    store TEXT NOT NULL, seq INTEGER NOT NULL, time TEXT NOT NULL, actor TEXT NOT NULL,
    action TEXT NOT NULL, unit TEXT, id TEXT, case_id TEXT, detail TEXT NOT NULL,
    prev TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (store, seq)
) WITHOUT ROWID""",
    "CREATE INDEX of_case ON audit (store, case_id, seq)",
    # REPLACE deletes without asking the third trigger, so the first refuses a number twice.
    """
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit WHERE store = NEW.store)
BEGIN SELECT RAISE(ABORT, 'the audit is appended to, in order'); END""",
    """
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is never changed'); END""",
    """
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'nothing is removed from the audit'); END""",
)


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the file of ``folder`` for reading; ``None`` where there is none yet.

    All that the block reads is of one moment.
    """
    path = folder / CASES
    with clear_errors(folder):
        there = path.is_file()
    if not there:
        yield None
        return
    # Not "ro": what a killed writer left half-done is put back by the next who opens it.
    with _opened(path, "rw") as database:
        database.execute("BEGIN")
        yield database if _version(path, database) else None


@contextmanager
def writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open one transaction: kept, on the disk, when the block ends well, else undone."""
    path = folder / CASES
    with clear_errors(folder):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # members' own data
            sync_folder(folder.parent)
    with _opened(path, "rwc") as database:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        if not _version(path, database):
            for statement in (*_TABLES, f"PRAGMA user_version = {_VERSION}"):
                database.execute(statement)
        yield database
        database.execute("COMMIT")


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """Open the file; closing it undoes what was not committed."""
    try:
        address = f"{path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
        with closing(connection) as database:
            database.text_factory = _text
            yield database
    except sqlite3.Error as error:
        raise clear_error(path, error) from error


def _text(raw: bytes) -> str:
    """Return a text that is no UTF-8, which somebody put there, as one that JSON can hold."""
    return raw.decode("utf-8", "surrogateescape")


def _version(path: Path, database: sqlite3.Connection) -> int:
    """Return the version of what the file holds; 0 where it holds nothing yet."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in (0, _VERSION):
        raise StoreVersionError(
            f"{path} has format {version}, this graphml knows {_VERSION}",
            hint="use the version of graphml that wrote it",
        )
    return int(version)
