"""Ties of a load that was cut off: each batch is written once, whatever is cut off how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from graphml.store import neo4j_schema, neo4j_ties, neo4j_write
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_session import Connection
from tests.contract.rows import event, tables

pytestmark = pytest.mark.neo4j
SHOP = tables(
    [
        event(f"e-{n:03}", n % 7, f"m-{n * n % 23:02}", product_id=f"p-{n % 5}", device_id=f"d-{n % 9}")
        for n in range(80)
    ]
)  # fmt: skip


class CutOff(Exception):  # noqa: N818 - what a test raises
    pass


@pytest.fixture
def store(neo4j_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neo4jStore]:
    monkeypatch.setattr(neo4j_write, "BATCH", 50)
    monkeypatch.setattr(neo4j_ties, "BATCH", 4)
    with Neo4jStore(neo4j_url) as opened:
        yield opened


def load_in_pieces(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, size: int) -> list[str]:
    """Load, cut off after each ``size`` batches of ties; return side and place of those written."""
    written: list[str] = []
    beside = Connection.write_side_by_side

    def some(self: Connection, sides: Any) -> None:
        left = size
        for side in sides:
            for work in side:
                if "batch" not in work[1]:
                    beside(self, [[work]])
                    continue
                if not left:
                    raise CutOff
                left -= 1
                beside(self, [[work]])
                written.append(f"{work[1]['side']} {work[1]['batch']}")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "write_side_by_side", some)
        while True:
            try:
                store.write_tables(SHOP)
            except CutOff:
                continue
            return written


def ties(store: Neo4jStore) -> list[tuple[Any, ...]]:
    rows = store.cypher(
        "MATCH (m:Member)-[t]->(x) WHERE t.events IS NOT NULL RETURN m.member_id, type(t), "
        "coalesce(x.product_id, x.device_id) AS to, t.events, toString(t.first), toString(t.last)",
        {},
    )
    return sorted(rows.rows())


@pytest.mark.parametrize("size", [1, 3])
def test_each_batch_of_ties_is_written_once(
    size: int, store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_in_pieces(store, monkeypatch, 10_000)
    expected = ties(store)
    assert len(whole) > 12
    assert sum(row[3] for row in expected) == 160
    store._connection.run("MATCH (n) WHERE NOT n:GraphmlTestDatabase DETACH DELETE n")
    neo4j_schema.prepare(store._connection)
    pieces = load_in_pieces(store, monkeypatch, size)
    assert pieces == whole
    assert ties(store) == expected
    assert not store._connection.read("MATCH (n:GraphmlLedger) RETURN n")


def test_a_count_of_other_batches_is_not_believed(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_in_pieces(store, monkeypatch, 10_000)
    expected = ties(store)
    store._connection.run("MATCH (n) WHERE NOT n:GraphmlTestDatabase DETACH DELETE n")
    neo4j_schema.prepare(store._connection)
    # As another version of what parts the pairs would have left it.
    store._connection.run(
        "UNWIND ['0 0', '0 1', '1 0', '1 1'] AS side CREATE (:GraphmlLedger {side: side, plan: 'other', batches: 3})"
    )
    assert load_in_pieces(store, monkeypatch, 10_000) == whole
    assert ties(store) == expected
