"""What an investigator's statement may do: read the graph, and nothing around it.

A session that may only read stops Cypher that writes. It does not stop a plugin's procedure or
function that opens a transaction of its own, nor LOAD CSV, nor commands for the server. So the
functions that the text names are looked at first, then the server's own plan for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from neo4j import ManagedTransaction

from graphml.errors import StorePermissionError, one_line
from graphml.store.neo4j_session import Connection, fill, rows_of

PROCEDURES = frozenset(
    {
        *("db.info", "db.labels", "db.ping", "db.propertyKeys", "db.relationshipTypes"),
        *("db.schema.nodeTypeProperties", "db.schema.relTypeProperties", "db.schema.visualization"),
        "db.index.fulltext.listAvailableAnalyzers",
        *("db.index.fulltext.queryNodes", "db.index.fulltext.queryRelationships"),
        *("db.index.vector.queryNodes", "db.index.vector.queryRelationships"),
    }
)
"""Procedures that only read; no plugin may define one in their namespace."""

_SHOWN = frozenset({"ShowIndexes", "ShowConstraints", "ShowFunctions", "ShowProcedures"})
_REFUSED = re.compile(
    r"LoadCSV|Transaction|Terminate|Show|Administration|Create|Merge|Set|Delete|Remove|Foreach|"
    r"Alter|Drop|Grant|Deny|Revoke|DoNothing"
)
_LEXEME = re.compile(
    r"""//[^\r\n]*|/\*.*?(?:\*/|\Z)"""  # comments: \r ends one, as it does for the server
    r"""|'(?:\\.|[^'\\])*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)"""
    r"""|`(?P<quoted>(?:``|[^`])*)(?:`|\Z)"""
    # Control characters and whatever is no space of ASCII may be within a name.
    r"""|(?P<plain>(?:[\w\x00-\x08\x0e-\x1b\x7f]|[^\x00-\x7f\s])(?:[\w\x00-\x08\x0e-\x1b\x7f$]|[^\x00-\x7f\s])*)"""
    r"""|(?P<sign>\S)""",
    re.DOTALL,
)
_HINT = "graphml answers statements that only read the graph"
_CALL_HINT = "the server's own functions may be called, and its procedures that only read"


def answer(
    connection: Connection, statement: str, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows of one statement that only reads.

    Raises:
        StorePermissionError: It would do more, or the server's plan does not show that it would not.
    """
    # Outside of texts too it may stand for any character, a quote or a letter of a name.
    if re.search(r"\\u", statement, re.IGNORECASE):
        raise _refusal(r"it has an escape \u", "write the character itself, or pass a parameter")

    functions: dict[str, bool] = {}
    for row in connection.read(fill("read_functions")):
        name = row["name"].lower()
        # Of two whose names differ in case alone a statement may mean either.
        functions[name] = bool(row["own"]) and functions.get(name, True)
    # Before the planner sees it: whatever a planner may work out beforehand, it runs nothing.
    require_known_calls(statement, functions)

    def work(transaction: ManagedTransaction) -> list[dict[str, Any]]:
        explained = transaction.run("EXPLAIN " + statement, dict(parameters)).consume()
        require_reading(explained.query_type, explained.plan, explained.database)
        require_unnamed(explained.plan, [name for name, own in functions.items() if not own])
        return rows_of(transaction, (statement, parameters))

    return connection.reading(work)


def require_known_calls(statement: str, functions: Mapping[str, bool]) -> None:
    """Raise StorePermissionError if ``statement`` calls what is not the server's own.

    A name in a namespace that is neither among ``functions`` nor a procedure that only reads is
    refused too, so that nothing depends on the list being whole.

    Args:
        statement: Its text, without escapes of characters.
        functions: By name in lower case: whether the server brings it.
    """
    for place, (name, called) in enumerate(_names(statement)):
        known = functions.get(name.lower())
        strange = known is None and "." in name and name not in PROCEDURES
        if called and (known is False or strange):
            raise _refusal(f"it calls {one_line(name)}", _CALL_HINT)
        if not place and name.upper() in ("EXPLAIN", "PROFILE"):
            raise _refusal(f"it begins with {name}", "ask for the rows themselves")


def _names(statement: str) -> Iterator[tuple[str, bool]]:
    """Yield each name of a statement, its parts joined by dots, and whether ``(`` follows it."""
    name, dotted = "", False
    for lexeme in _LEXEME.finditer(statement):
        part = lexeme["plain"] if lexeme["quoted"] is None else lexeme["quoted"].replace("``", "`")
        if part is not None:
            if name and not dotted:
                yield name, False
                name = ""
            name, dotted = f"{name}.{part}" if name else part, False
        elif lexeme["sign"] == "." and name:
            dotted = True
        elif lexeme["sign"] or lexeme[0][0] in "'\"":
            if name:
                yield name, lexeme["sign"] == "("
            name, dotted = "", False
    if name:
        yield name, False


def require_reading(query_type: str | None, plan: Any, database: str | None) -> None:
    """Raise StorePermissionError unless each operator of a plan only reads the session's database.

    Args:
        query_type: What the server takes it for: ``r`` reads.
        plan: Its root, as the driver hands it over.
        database: The session's.
    """
    if not plan:
        raise _refusal("the server has no plan for it")
    for operator in _operators(plan):
        kind, _, where = operator["operatorType"].partition("@")
        if "Procedure" in kind and kind not in _SHOWN:
            _require_allowed(operator)
        elif _REFUSED.match(kind) and kind not in _SHOWN:
            raise _refusal(f"its plan has {one_line(kind)}")
        if where != database:
            raise _refusal(f"it leaves database {database}")
    if query_type != "r":
        raise _refusal("it does more than read")


def _require_allowed(call: Mapping[str, Any]) -> None:
    name = str(call.get("args", {}).get("Details", "")).partition("(")[0]
    if name not in PROCEDURES:
        raise _refusal(f"it calls {one_line(name)}", _CALL_HINT)


def require_unnamed(plan: Any, functions: list[str]) -> None:
    """Raise StorePermissionError if a plan names one of ``functions``, in lower case."""
    for operator in _operators(plan):
        details = str(operator.get("args", {}).get("Details", "")).lower().replace("`", "")
        for name in functions:
            if f"{name.replace('`', '')}(" in details:
                raise _refusal(f"it calls {one_line(name)}", _CALL_HINT)


def _operators(plan: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [plan]
    while waiting:
        operator = waiting.pop()
        yield operator
        waiting += operator.get("children", [])


def _refusal(why: str, hint: str = _HINT) -> StorePermissionError:
    return StorePermissionError(f"the statement is refused: {why}", hint=hint)
