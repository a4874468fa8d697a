"""The audit in its file: appended to, read, walked along."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from graphml.cases.chain import (
    FIELDS,
    START,
    AuditReport,
    Entry,
    canonical,
    entry_hash,
    walk,
)
from graphml.cases.rows import digests
from graphml.results import time_text

CASE_DIGEST = "case_sha256"
"""In an entry's detail: the digest of the case's row as the entry left it."""

_COLUMNS = ", ".join(FIELDS)


def append(
    database: sqlite3.Connection,
    store: str,
    *,
    actor: str,
    action: str,
    time: datetime,
    detail: Mapping[str, Any],
    about: tuple[str | None, str | None, str | None] = (None, None, None),
) -> Entry:
    """Add the next entry, in the caller's transaction, which holds the write lock.

    ``about`` is unit, id and name of the case.
    """
    seq, prev = _last(database, store)
    unit, id_, case_id = about
    fields: dict[str, Any] = {
        "seq": seq + 1,
        "time": time_text(time),
        "actor": actor,
        "action": action,
        "unit": unit,
        "id": id_,
        "case_id": case_id,
        "detail": canonical(detail).decode("ascii"),
        "prev": prev,
    }
    entry = Entry(**fields, hash=entry_hash(store, fields))
    database.execute(
        f"INSERT INTO audit (store, {_COLUMNS}) VALUES (?{', ?' * len(FIELDS)})",  # noqa: S608 - names of ours
        (store, *(getattr(entry, name) for name in FIELDS)),
    )
    return entry


def _last(database: sqlite3.Connection, store: str) -> tuple[int, str]:
    sql = "SELECT seq, hash FROM audit WHERE store = ? ORDER BY seq DESC LIMIT 1"
    return database.execute(sql, (store,)).fetchone() or (0, START)


def head(database: sqlite3.Connection, store: str) -> str:
    """Return the hash of the last entry; ``START`` before the first."""
    return _last(database, store)[1]


def entries(database: sqlite3.Connection, store: str, case_id: str | None = None) -> list[Entry]:
    """Return the entries of a store, or of one case, in their order."""
    where = "" if case_id is None else " AND case_id = :case"
    sql = f"SELECT {_COLUMNS} FROM audit WHERE store = :store{where} ORDER BY seq"  # noqa: S608 - as above
    return [Entry.of(row) for row in database.execute(sql, {"store": store, "case": case_id})]


def verified(database: sqlite3.Connection, store: str, head: str | None) -> AuditReport:
    """Walk along the chain, then hold each case against the last entry about it."""
    left: dict[str, str] = {}
    sql = f"SELECT {_COLUMNS} FROM audit WHERE store = ? ORDER BY seq"  # noqa: S608 - as above
    report = walk(store, _noting(database.execute(sql, (store,)), left), head=head)
    wrong = tuple(_strayed(left, dict(digests(database, store))))
    return replace(report, problems=(*report.problems, *wrong))


def _noting(rows: Iterable[tuple[Any, ...]], left: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Pass rows on, and note in ``left`` how each case was left."""
    case, detail = FIELDS.index("case_id"), FIELDS.index("detail")
    for row in rows:
        if row[case] is not None and (found := _digest_in(row[detail])):
            left[str(row[case])] = found
        yield row


def _digest_in(detail: Any) -> str | None:
    try:
        found = json.loads(detail)
    except (TypeError, ValueError):
        return None
    return str(found[CASE_DIGEST]) if isinstance(found, dict) and CASE_DIGEST in found else None


def _strayed(left: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for case_id in left.keys() - found.keys():
        yield f"case {case_id} has entries and is gone"
    for case_id, digest in found.items():
        if left.get(case_id) != digest:
            yield (
                f"case {case_id} is not as its last entry left it: "
                "it was changed, or entries at the end were removed"
            )
