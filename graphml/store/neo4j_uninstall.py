"""Leaving a Neo4j database: every node, relationship, property and index that graphml has made goes."""

from __future__ import annotations

from dataclasses import dataclass

from graphml.schema import MARKETPLACE
from graphml.store.neo4j_owners import quoted
from graphml.store.neo4j_read import read_state
from graphml.store.neo4j_session import MARKS, RECORDS, RESULTS, Connection, fill
from graphml.store.neo4j_ties import TIES
from graphml.store.neo4j_write import require_no_writer

_TYPES = tuple(dict.fromkeys(edge.tie for edge in TIES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """What graphml has in a database, as counts.

    Attributes:
        runs, rings, lists, decisions: Nodes of each.
        scored: Nodes with a score.
        records: Events and rows of the other tables.
        ties: Relationships between members and what they share.
        indexes: Constraints and indexes.
    """

    runs: int
    rings: int
    lists: int
    decisions: int
    scored: int
    records: int
    ties: int
    indexes: int


def traces_of(connection: Connection) -> Traces:
    """Return what ``remove_traces`` would remove, but for nodes that hold a key alone."""
    last = read_state(connection).reserved

    def count(name: str, **parts: str) -> int:
        (row,) = connection.read(fill(name, **parts), last=last)
        (number,) = row.values()
        return int(number)

    runs, rings, lists, decisions = (
        count("count_nodes", LABEL=label)
        for label in ("GraphmlRun", "GraphmlRing", "GraphmlList", "GraphmlDecision")
    )
    return Traces(
        runs=runs,
        rings=rings,
        lists=lists,
        decisions=decisions,
        scored=count("count_scored"),
        records=sum(count("count_records", RECORD=record) for record in RECORDS.values()),
        ties=sum(count("count_ties", TIE=tie) for tie in _TYPES),
        indexes=len(connection.read(fill("own_indexes"))),
    )


def remove_traces(connection: Connection) -> None:
    """Remove all that graphml has made; a database that held more is then what it was before.

    Of members, products and what they share those go that hold their key alone and are tied to
    nothing any more: a node that the user's own data uses stays, one that never had more than its
    key goes too. Relationships that were there before stay; a ``first``, ``last`` or ``events`` that
    they had was written over when events were loaded. Cut off, it is begun again by the same call.

    Raises:
        StoreLockedError: Somebody is loading.
    """
    require_no_writer(connection)
    last = read_state(connection).reserved
    for label in RESULTS:
        connection.run(fill("remove_all", LABEL=label))
    connection.run(fill("remove_scored"))
    if last:
        for tie in _TYPES:
            connection.run(fill("remove_ties", TIE=tie), last=last)
            connection.run(fill("release_ties", TIE=tie))
        for record in RECORDS.values():
            connection.run(fill("remove_records", RECORD=record), last=last)
        for node in MARKETPLACE.nodes.values():
            connection.run(fill("remove_bare_nodes", LABEL=node.label, KEY=node.key))
    for index in connection.read(fill("own_indexes")):
        name = "drop_constraint" if index["unique"] else "drop_index"
        connection.run(fill(name, NAME=quoted(index["name"])))
    # Last: while they are there, what a load wrote is known to be graphml's.
    for label in MARKS:
        connection.run(fill("remove_all", LABEL=label))
