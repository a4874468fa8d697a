"""Rows of cases and of their decisions, inside one transaction that the caller opened."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphml.cases.chain import canonical, digest
from graphml.cases.model import Case, Due, Unit, decision_from, decision_json
from graphml.errors import CaseRuleError, UnknownCaseError, one_line
from graphml.results import Decision

_NAME = re.compile(r"c-([1-9][0-9]{0,17})")


def number_of(case_id: str) -> int | None:
    """Return the number of a case's row; ``None`` for what is no case's name."""
    found = _NAME.fullmatch(case_id)
    return int(found[1]) if found else None


def add_case(database: sqlite3.Connection, store: str, unit: Unit, id_: str) -> str:
    """Make room for a case and return its name; ``put_case`` has to follow."""
    row = (store, unit, id_, "open", "")
    sql = "INSERT INTO cases (store, unit, id, state, content) VALUES (?, ?, ?, ?, ?)"
    return f"c-{database.execute(sql, row).lastrowid}"


def put_case(database: sqlite3.Connection, case: Case) -> str:
    """Keep a case as it is now, and return the digest of its row.

    Raises:
        CaseRuleError: Another case on the same is unresolved.
    """
    content = canonical(case.to_json()).decode("ascii")
    try:
        database.execute(
            "UPDATE cases SET state = ?, assignee = ?, content = ? WHERE number = ?",
            (case.state, case.assignee, content, number_of(case.case_id)),
        )
    except sqlite3.IntegrityError as error:
        raise CaseRuleError(
            f"case {case.case_id} stays resolved: another one on the same {case.unit} is not",
            hint="go on with that one",
        ) from error
    return row_digest((case.unit, case.id, case.state, case.assignee, content))


def row_digest(row: Sequence[Any]) -> str:
    """Return the digest of a case's unit, id, state, assignee and content."""
    return digest(json.dumps(list(row), default=repr).encode("ascii"))


def digests(database: sqlite3.Connection, store: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each case with the digest of its row."""
    sql = "SELECT number, unit, id, state, assignee, content FROM cases WHERE store = ?"
    for number, *row in database.execute(sql, (store,)):
        yield f"c-{number}", row_digest(row)


def find_case(database: sqlite3.Connection | None, store: str, case_id: str) -> Case:
    """Return a case.

    Raises:
        UnknownCaseError: There is none of that name.
    """
    number = number_of(case_id)
    row = None
    if database is not None and number is not None:
        sql = "SELECT content FROM cases WHERE store = ? AND number = ?"
        row = database.execute(sql, (store, number)).fetchone()
    if row is None:
        raise UnknownCaseError(
            f"no case {one_line(case_id, 60)!r}", hint="the list of cases names them"
        )
    return _case(row)


def unresolved(database: sqlite3.Connection, store: str, unit: str, id_: str) -> Case | None:
    """Return the one case on something that is not resolved."""
    sql = (
        "SELECT content FROM cases WHERE store = ? AND unit = ? AND id = ? AND state <> 'resolved'"
    )
    row = database.execute(sql, (store, unit, id_)).fetchone()
    return None if row is None else _case(row)


def list_cases(
    database: sqlite3.Connection,
    store: str,
    asked: Mapping[str, str],
    *,
    limit: int,
    before: int | None,
) -> list[Case]:
    """Return cases with the values asked for, by column; the last opened first."""
    where = "".join(f" AND {column} = :{column}" for column in asked)
    older = "" if before is None else " AND number < :before"
    rows = database.execute(
        f"SELECT content FROM cases WHERE store = :store{where}{older}"  # noqa: S608 - columns are ours
        " ORDER BY number DESC LIMIT :limit",
        {**asked, "store": store, "before": before, "limit": limit},
    )
    return [_case(row) for row in rows]


def latest_by_id(
    database: sqlite3.Connection, store: str, unit: str, ids: Iterable[str]
) -> dict[str, Case]:
    """Return, of each id that has cases, the unresolved one, else the last."""
    rows = database.execute(
        "SELECT content FROM cases WHERE store = ? AND unit = ?"
        " AND id IN (SELECT value FROM json_each(?)) ORDER BY state <> 'resolved', number",
        (store, unit, json.dumps(list(ids))),
    )
    return {case.id: case for case in map(_case, rows)}


def _case(row: Sequence[str]) -> Case:
    return Case.from_json(json.loads(row[0]))


def add_decision(
    database: sqlite3.Connection, store: str, case_id: str, decision: Decision
) -> None:
    """Keep a decision that is to be written into the store."""
    content = canonical(decision_json(decision)).decode("ascii")
    sql = "INSERT INTO decisions (store, case_id, content) VALUES (?, ?, ?)"
    database.execute(sql, (store, case_id, content))


def list_decisions(
    database: sqlite3.Connection, store: str, case_id: str | None, *, due: bool
) -> list[Due]:
    """Return decisions, oldest first: of one case, or those that are not written yet."""
    rows = database.execute(
        "SELECT number, case_id, content, written FROM decisions WHERE store = ?"
        " AND (?2 IS NULL OR case_id = ?2) AND (written = 0 OR NOT ?3) ORDER BY number",
        (store, case_id, due),
    )
    return [
        Due(
            number=number,
            case_id=of,
            decision=decision_from(json.loads(content)),
            written=bool(written),
        )
        for number, of, content, written in rows
    ]


def mark_written(database: sqlite3.Connection, number: int) -> None:
    """Note that a decision is in the store."""
    database.execute("UPDATE decisions SET written = 1 WHERE number = ?", (number,))
