"""What is Neo4j's own: ties, loads cut off, slots, the lock, errors. The contract suite has the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from graphml.errors import (
    StoreConnectionError,
    StoreError,
    StoreLockedError,
    StorePermissionError,
    StoreVersionError,
    UsageError,
)
from graphml.results import Recommendation, Scores
from graphml.store import neo4j_schema, neo4j_ties, neo4j_write
from graphml.store.connect import connect
from graphml.store.cypher import statement
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_session import Connection
from graphml.tables.frames import Tables, frame_schema

START = datetime(2024, 6, 2, 9, 30, tzinfo=UTC)
LATER = datetime(9999, 1, 1, tzinfo=UTC)


def events(*rows: tuple[str, int, str, str, dict[str, str]]) -> Tables:
    columns = ("event_id", "time", "kind", "member_id")
    dicts = [
        {**dict(zip(columns, (i, START + timedelta(days=day), kind, member), strict=True)), **more}
        for i, day, kind, member, more in rows
    ]
    schema = frame_schema("events")
    return Tables(
        events=pl.DataFrame([{c: d.get(c) for c in schema} for d in dicts], schema=schema)
    )


FIRST = events(
    ("e-1", 3, "view", "m-1", {"product_id": "p-1", "device_id": "d-1"}),
    ("e-2", 5, "view", "m-1", {"product_id": "p-1", "device_id": "d-2"}),
    ("e-3", 4, "purchase", "m-2", {"product_id": "p-1", "device_id": "d-1", "ip": "10.0.0.1"}),
    ("e-4", 1, "coupon", "m-2", {"product_id": "p-2"}),
    ("e-5", 2, "login", "m-3", {}),
)
SECOND = events(
    ("e-6", 1, "login", "m-1", {"device_id": "d-1"}),
    ("e-7", 9, "view", "m-1", {"product_id": "p-1", "device_id": "d-1"}),
    ("e-8", 7, "view", "m-4", {"product_id": "p-3", "device_id": "d-1"}),
)
BOTH = Tables(events=pl.concat([FIRST.events, SECOND.events]))


@pytest.fixture
def store(neo4j_url: str) -> Iterator[Neo4jStore]:
    with Neo4jStore(neo4j_url) as opened:
        yield opened


def graph(store: Neo4jStore) -> list[tuple[Any, ...]]:
    """Return every node's and tie's content, without sequences."""
    nodes = store.cypher(
        "MATCH (n) WHERE NOT labels(n)[0] STARTS WITH 'Graphml' "
        "RETURN labels(n)[0] AS label, [k IN keys(n) WHERE k <> 'sequence' | toString(n[k])] AS v",
        {},
    )
    ties = store.cypher(
        "MATCH (a:Member)-[r]->(b) RETURN a.member_id AS a, type(r) AS type, "
        "[k IN keys(b) WHERE k <> 'sequence' | toString(b[k])] AS b, toString(r.first) AS first, "
        "toString(r.last) AS last, r.events AS events",
        {},
    )
    found = [(r["label"], *sorted(r["v"])) for r in nodes.to_dicts()]
    found += [
        (r["a"], r["type"], *sorted(r["b"]), r["first"], r["last"], r["events"])
        for r in ties.to_dicts()
    ]
    return sorted(found, key=repr)


def ties(store: Neo4jStore) -> set[tuple[Any, ...]]:
    rows = store.cypher(
        "MATCH (m:Member)-[r]->(n) WHERE r.events IS NOT NULL "
        "RETURN m.member_id AS m, type(r) AS t, "
        "coalesce(n.product_id, n.device_id, n.ip) AS n, "
        "duration.inDays($start, r.first).days AS first, "
        "duration.inDays($start, r.last).days AS last, r.events AS events",
        {"start": START},
    )
    return set(rows.rows())


pytestmark = pytest.mark.neo4j


def test_ties_have_first_last_and_number_of_events(store: Neo4jStore) -> None:
    store.write_tables(FIRST)
    store.write_tables(SECOND)
    store.write_tables(BOTH)
    assert ties(store) == {
        ("m-1", "VIEWS", "p-1", 3, 9, 3),
        ("m-1", "USES", "d-1", 1, 9, 3),
        ("m-1", "USES", "d-2", 5, 5, 1),
        ("m-2", "BUYS", "p-1", 4, 4, 1),
        ("m-2", "USES", "d-1", 4, 4, 1),
        ("m-2", "CONNECTS_FROM", "10.0.0.1", 4, 4, 1),
        ("m-2", "NAMES", "p-2", 1, 1, 1),
        ("m-4", "VIEWS", "p-3", 7, 7, 1),
        ("m-4", "USES", "d-1", 7, 7, 1),
    }


class CutOff(Exception):  # noqa: N818 - what a test raises
    pass


def cut_off_after(count: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let ``count`` transactions of a load through, then fail; return what lifts that."""
    left = [count]
    write, beside = Connection.write, Connection.write_side_by_side

    def tick() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise CutOff

    def counted_write(self: Connection, *works: Any) -> Any:
        tick()
        return write(self, *works)

    def counted_beside(self: Connection, sides: Any) -> None:
        for side in sides:
            for work in side:
                tick()
                beside(self, [[work]])

    monkeypatch.setattr(Connection, "write", counted_write)
    monkeypatch.setattr(Connection, "write_side_by_side", counted_beside)

    def lift() -> None:
        monkeypatch.setattr(Connection, "write", write)
        monkeypatch.setattr(Connection, "write_side_by_side", beside)

    return lift


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j_write, "BATCH", 2)
    monkeypatch.setattr(neo4j_ties, "BATCH", 2)


@pytest.mark.usefixtures("small_batches")
def test_a_load_cut_off_anywhere_is_unseen_and_a_rerun_makes_it_whole(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_tables(FIRST)
    before = store.read_tables(LATER).events
    store.write_tables(SECOND)
    undisturbed = graph(store)
    assert len(undisturbed) > 20
    cuts = 0
    while True:
        store._connection.run("MATCH (n) WHERE NOT n:GraphmlTestDatabase DETACH DELETE n")
        neo4j_schema.prepare(store._connection)
        store.write_tables(FIRST)
        lift = cut_off_after(cuts, monkeypatch)
        try:
            store.write_tables(SECOND)
        except CutOff:
            lift()
        else:
            lift()
            break
        cuts += 1
        assert store.read_tables(LATER).events.equals(before)
        assert store.summary().events == 5
        counts = store.write_tables(SECOND)
        assert counts.events + counts.repeats == 3
        assert graph(store) == undisturbed, cuts
        assert store.read_tables(LATER).events["sequence"].n_unique() == 8
    assert cuts >= 8


@pytest.mark.usefixtures("small_batches")
def test_finishing_a_load_may_be_cut_off_too(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lift = cut_off_after(14, monkeypatch)
    with pytest.raises(CutOff):
        store.write_tables(BOTH)
    lift()
    for cuts in range(4):
        lift = cut_off_after(cuts, monkeypatch)
        with pytest.raises(CutOff):
            store.write_tables(SECOND)
        lift()
    store.write_tables(BOTH)
    again = graph(store)
    store._connection.run("MATCH (n) WHERE NOT n:GraphmlTestDatabase DETACH DELETE n")
    neo4j_schema.prepare(store._connection)
    store.write_tables(BOTH)
    assert graph(store) == again


def test_a_second_writer_gets_one_line_that_names_the_first(
    store: Neo4jStore, neo4j_url: str
) -> None:
    store.write_tables(FIRST)
    with Neo4jStore(neo4j_url) as second, neo4j_write._writing(store._connection):
        with pytest.raises(StoreLockedError, match=r"is being written by process \d+ on "):
            second.write_tables(SECOND)
        assert second.read_tables(LATER).events.height == 5
    assert store.write_tables(SECOND).events == 3


def test_fields_may_hold_what_parts_them(store: Neo4jStore) -> None:
    names = ["\x1f", "\x1e\x1f", "=", "", "\x1d\x1c\ue000", "a\x1f=b"]
    rows = [(f"e{i}{n}", i, "login", n, {"device_id": n, "ip": n}) for i, n in enumerate(names)]
    written = events(*rows)
    store.write_tables(written)
    read = store.read_tables(LATER).events.drop("sequence")
    assert read.equals(written.events)
    assert store.write_tables(written).repeats == 6


def test_times_are_exact_to_the_microsecond_in_any_year(store: Neo4jStore) -> None:
    moments = [
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    rows = events(*((f"e-{i}", 0, "login", "m-1", {}) for i in range(4)))
    times = pl.Series("time", moments, dtype=pl.Datetime("us", "UTC"))
    amounts = pl.Series("amount", [0.1 + 0.2, 1e-7, 1.7976931348623157e308, 5e-324])
    written = rows.events.with_columns(times, amounts)
    store.write_tables(Tables(events=written))
    for count, moment in enumerate(moments, start=1):
        assert store.read_tables(moment).events.height == count
    assert store.read_tables(moments[-1]).events.drop("sequence").equals(written)
    assert (store.summary().first, store.summary().last) == (moments[0], moments[-1])


def scores(**values: float) -> Scores:
    return Scores(
        unit="member",
        ids=tuple(name.replace("_", "-") for name in values),
        values=tuple(values.values()),
        score_kind="rank",
        as_of=START,
        model="model-1",
    )


def scores_in_view(store: Neo4jStore) -> dict[str, float]:
    rows = store.cypher(statement("neo4j/read_scores"), {}).to_dicts()
    return {row["member_id"]: row["score"] for row in rows}


def test_scores_change_all_at_once_when_their_run_is_published(store: Neo4jStore) -> None:
    store.write_tables(FIRST)
    assert scores_in_view(store) == {}
    with store.run("fraud", model="model-1", as_of=START) as run:
        run.write(scores(m_1=0.25, m_2=0.5))
        assert scores_in_view(store) == {}
    assert scores_in_view(store) == {"m-1": 0.25, "m-2": 0.5}
    with pytest.raises(UsageError), store.run("fraud", model=None, as_of=START) as run:  # noqa: PT012 - the block is the case
        run.write(scores(m_1=1.0))
        run.write(replace(scores(m_1=1.0), unit="order"))
    assert scores_in_view(store) == {"m-1": 0.25, "m-2": 0.5}
    for value in (0.75, 0.125):
        with store.run("fraud", model=None, as_of=START) as run:
            run.write(scores(m_3=value))
        assert scores_in_view(store) == {"m-3": value}


def test_a_reader_sees_the_lists_of_the_run_in_view_and_nothing_of_one_given_up(
    store: Neo4jStore,
) -> None:
    store.write_tables(FIRST)
    known = {name: nodes_of(store, name) for name in ("Member", "Product")}
    member, (one, two) = known["Member"][0], known["Product"][:2]

    def shown() -> list[tuple[str, int]]:
        rows = store.cypher(statement("neo4j/read_recommendations"), {"member_id": member})
        return [(row["product_id"], row["rank"]) for row in rows.to_dicts()]

    def wanted(*products: str) -> list[Recommendation]:
        return [
            Recommendation(member_id=member, product_id=product, rank=rank, score=1 / rank)
            for rank, product in enumerate(products, start=1)
        ]

    assert shown() == []
    with store.run("recommend", model="m", as_of=START) as run:
        run.write(wanted(two, one))
        assert shown() == []
    assert shown() == [(two, 1), (one, 2)]
    with pytest.raises(ZeroDivisionError), store.run("recommend", model=None, as_of=START) as run:  # noqa: PT012 - the block is the case
        run.write(wanted(one))
        raise ZeroDivisionError
    assert shown() == [(two, 1), (one, 2)]
    assert len(nodes_of(store, "GraphmlList")) == 1
    with store.run("recommend", model=None, as_of=START) as run:
        run.write(wanted(one))
    assert shown() == [(one, 1)]


def nodes_of(store: Neo4jStore, label: str) -> list[str]:
    """Return a property of each node of a label: its id."""
    keys = {"Member": "member_id", "Product": "product_id", "GraphmlList": "key"}
    rows = store.cypher(f"MATCH (n:{label}) RETURN n.{keys[label]} AS id ORDER BY id", {})
    return rows["id"].to_list() if rows.height else []


def test_a_run_whose_slot_was_taken_is_not_published(store: Neo4jStore) -> None:
    store.write_tables(FIRST)
    with (  # noqa: PT012 - the block is the case
        pytest.raises(StoreLockedError, match="another run writes scores"),
        store.run("fraud", model=None, as_of=START) as late,
    ):
        late.write(scores(m_1=1.0))
        with store.run("fraud", model=None, as_of=START) as run:
            run.write(scores(m_2=0.5))
    assert scores_in_view(store) == {"m-2": 0.5}
    assert {r.run_id: r.status for r in store.runs()}[late.run_id] == "failed"


def test_scores_that_have_no_place_are_refused(store: Neo4jStore) -> None:
    with (
        pytest.raises(UsageError, match="no scores"),
        store.run("rings", model=None, as_of=START) as run,
    ):
        run.write(scores(m_1=1.0))


def test_a_store_opened_to_be_read_creates_nothing(neo4j_url: str) -> None:
    with Neo4jStore(neo4j_url, read_only=True) as store:
        assert store.read_tables(LATER).events.is_empty()
        assert store.summary().sequence == 0
        with pytest.raises(StorePermissionError, match="opened to be read only"):
            store.write_tables(FIRST)
        with pytest.raises(StorePermissionError, match="opened to be read only"):
            store._open_run("rings", None, START, None)
        assert graph(store) == []


def test_cypher_reads_and_nothing_else(store: Neo4jStore) -> None:
    assert store.cypher("RETURN $x AS x", {"x": "'; //"}).rows() == [("'; //",)]
    assert store.cypher("RETURN $x AS x", {"x": START})["x"].to_list() == [START]
    with pytest.raises(StorePermissionError):
        store.cypher("CREATE (n:Member {member_id: 'm'})", {})
    with pytest.raises(StoreError, match="Invalid input"):
        store.cypher("MTCH (n)", {})


def test_another_schema_version_is_told(store: Neo4jStore) -> None:
    store.write_tables(FIRST)
    store._connection.run("MATCH (s:GraphmlStore) SET s.version = 99")
    with pytest.raises(StoreVersionError, match="schema version 99"):
        store.read_tables(LATER)
    with pytest.raises(StoreVersionError, match="schema version 99"):
        store.write_tables(SECOND)


def test_a_key_too_long_for_an_index_is_one_line(store: Neo4jStore) -> None:
    with pytest.raises(StoreError, match="device_id has 9000 bytes") as refused:
        store.write_tables(events(("e-1", 0, "login", "m-1", {"device_id": "x" * 9000})))
    assert len(str(refused.value)) < 200
    assert graph(store) == []


def test_a_wrong_password_is_no_permission(neo4j_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", "not-the-password")
    with pytest.raises(StorePermissionError) as refused:
        connect(neo4j_url)
    assert "not-the-password" not in f"{refused.value} {refused.value.hint}"
    assert "NEO4J_PASSWORD" in refused.value.hint


def test_the_password_may_stand_in_a_file(
    neo4j_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    file = tmp_path / "password"
    file.write_text(os.environ["NEO4J_PASSWORD"] + "\n")
    monkeypatch.delenv("NEO4J_PASSWORD")
    monkeypatch.setenv("NEO4J_PASSWORD_FILE", str(file))
    connect(neo4j_url).close()
    monkeypatch.setenv("NEO4J_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="cannot be read"):
        connect(neo4j_url)


def test_nothing_there_is_told_quickly() -> None:
    started = time.monotonic()
    with pytest.raises(StoreConnectionError, match=r"no connection to bolt.*: Connection refused$"):
        connect("bolt://127.0.0.1:9")
    assert time.monotonic() - started < 20
