"""Constraints and indexes in Neo4j: what graphml needs, each under a name that begins with graphml."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from graphml.schema import MARKETPLACE, SCHEMA_VERSION
from graphml.store.neo4j_session import RECORDS, RESULTS, Connection, fill

_UNIQUE = (
    *((node.label, node.key) for node in MARKETPLACE.nodes.values()),
    (RECORDS["events"], "event_id"),
    ("GraphmlStore", "name"),
    ("GraphmlSequence", "name"),
    ("GraphmlLedger", "side"),
    ("GraphmlPointer", "kind"),
    ("GraphmlRun", "run_id"),
    ("GraphmlRing", "key"),
    ("GraphmlList", "key"),
    ("GraphmlDecision", "key"),
)
_INDEXED = (
    *((record, "sequence") for record in RECORDS.values()),
    (RECORDS["labels"], "order_id"),
    ("GraphmlRing", "run_id"),
    ("GraphmlList", "run_id"),
)


def schema_statements(labels: Collection[str] | None = None) -> dict[tuple[str, str, bool], str]:
    """Return what makes graphml's constraints and indexes, by label, key and whether it is unique.

    Args:
        labels: Of these alone; of all when omitted.
    """
    wanted = (("create_constraint", _UNIQUE), ("create_index", _INDEXED))
    return {
        (label, key, name == "create_constraint"): fill(name, LABEL=label, KEY=key)
        for name, pairs in wanted
        for label, key in pairs
        if labels is None or label in labels
    }


def prepare(connection: Connection) -> None:
    """Create the constraints, indexes and counters that graphml needs, where they are missing."""
    _create_missing(connection, schema_statements())
    connection.write((fill("create_store"), {"version": SCHEMA_VERSION}))


def prepare_results(connection: Connection) -> None:
    """Create the constraints and indexes of what graphml writes beside a user's own graph."""
    _create_missing(connection, schema_statements(RESULTS))


def _create_missing(
    connection: Connection, statements: Mapping[tuple[str, str, bool], str]
) -> None:
    there = {
        (*row["labels"], *row["keys"], row["unique"])
        for row in connection.read(fill("read_indexes"))
    }
    missing = [text for index, text in statements.items() if index not in there]
    for statement in missing:
        connection.run(statement)
    if missing:
        connection.run(fill("await_indexes"))
