"""A graph of the user's own: read through a card, results written beside it, and every trace removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from neo4j import Driver, GraphDatabase

from graphml.errors import CardError, StoreError, UsageError
from graphml.results import Ring, Scores
from graphml.store.connect import connect
from graphml.store.neo4j_mapped import MappedStore
from tests.contract.test_results import listed, ring
from tests.neo4j_server import Server

pytestmark = pytest.mark.neo4j

CARD = """
store = "URL"
currency = "EUR"
time_zone = "Europe/Berlin"

[files.lines]
match = "(c:`Web Customer`)-[:PLACED]->(o:Order)-[r:CONTAINS]->(i:Item)"
required = ["c.no"]

[files.devices]
match = "(o:Order)<-[:`SENT FROM`]-(t:Terminal)"

[files.customers]
match = "(c:`Web Customer`)"

[[events]]
kind = "purchase"
from = "lines"
join = { file = "devices", on = { "o.no" = "o.no" } }
[events.columns]
event_id = { number = ["order_id", "product_id"] }
time = "o.placed"
member_id = "c.no"
product_id = "i.sku"
order_id = "o.no"
device_id = "t.print"
quantity = "r.count"
amount = { formula = "r.price * r.count" }

[[members]]
from = "customers"
[members.columns]
member_id = "c.no"
signup_time = { column = "c.since", time_zone = "UTC" }
"""

GRAPH = """
CREATE (a:`Web Customer` {no: 17, since: localdatetime('2024-01-05T10:00:00'), name: 'Ada', risk: 'mine'}),
  (b:`Web Customer` {no: 4, since: localdatetime('2024-01-06T10:00:00')}),
  (:`Web Customer` {name: 'has no number'}),
  (x:Item {sku: $hostile, title: 'x'}), (y:Item {sku: 'p-2'}),
  (t:Terminal {print: 'd-1'}),
  (o:Order {no: 'o-1', placed: datetime('2024-02-01T10:00:00.000001+02:00')}),
  (p:Order {no: 'o-2', placed: datetime('2024-02-03T23:30:00[America/New_York]')}),
  (q:Order {no: 'o-3', placed: datetime('2024-02-05T12:00:00Z')}),
  (a)-[:PLACED]->(o), (b)-[:PLACED]->(p), (b)-[:PLACED]->(q),
  (o)-[:CONTAINS {count: 2, price: 1.5}]->(x), (o)-[:CONTAINS {count: 1, price: 9.0}]->(y),
  (p)-[:CONTAINS {count: 3, price: 2}]->(x), (q)-[:CONTAINS {count: 1, price: -4.0}]->(y),
  (t)-[:`SENT FROM`]->(o), (t)-[:`SENT FROM`]->(p),
  (a)-[:INCLUDES]->(b), (:Member {member_id: 'theirs'})-[:USES]->(t)
"""
HOSTILE = "p'`\"\\u0060\n\x1f=}) DETACH DELETE (n"
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def driver(neo4j_server: Server, neo4j_url: str) -> Iterator[Driver]:
    with GraphDatabase.driver(
        neo4j_url,
        auth=(neo4j_server.username, neo4j_server.password),
        notifications_min_severity="OFF",
    ) as opened:
        opened.execute_query(GRAPH, hostile=HOSTILE)
        yield opened
        for kind in ("CONSTRAINT", "INDEX"):
            names = f"SHOW {kind} YIELD name WHERE name STARTS WITH 'mine_' RETURN name"
            for row in opened.execute_query(names).records:
                opened.execute_query(f"DROP {kind} {row['name']}")


@pytest.fixture
def card(driver: Driver, neo4j_url: str, tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(CARD.replace("URL", neo4j_url))
    return path


@pytest.fixture
def indexed(driver: Driver) -> None:
    driver.execute_query(
        "CREATE INDEX mine_customer IF NOT EXISTS FOR (n:`Web Customer`) ON (n.no)"
    )
    driver.execute_query("CREATE INDEX mine_item IF NOT EXISTS FOR (n:Item) ON (n.sku)")
    driver.execute_query("CALL db.awaitIndexes()")


def everything(driver: Driver) -> list[str]:
    nodes = driver.execute_query(
        "MATCH (n) WHERE NOT n:GraphmlTestDatabase RETURN labels(n) AS l, properties(n) AS p"
    ).records
    ties = driver.execute_query(
        "MATCH (a)-[r]->(b) RETURN properties(a) AS a, type(r) AS t, properties(r) AS p, properties(b) AS b"
    ).records
    schema = driver.execute_query(
        "SHOW INDEXES YIELD labelsOrTypes, properties, type WHERE properties IS NOT NULL RETURN *"
    ).records
    return sorted(
        json.dumps(row.data(), sort_keys=True, default=str) for row in (*nodes, *ties, *schema)
    )


def scores() -> Scores:
    return Scores(
        unit="member", ids=("17", "4", "99"), values=(0.9, 0.25, 0.5), score_kind="rank", as_of=AS_OF, model=None
    )  # fmt: skip


def test_a_users_graph_is_read_as_tables(card: Path, caplog: pytest.LogCaptureFixture) -> None:
    with connect(str(card), read_only=True) as store:
        tables = store.read_tables(AS_OF)
        summary = store.summary()
    events = tables.events.filter(kind="purchase").sort(
        "time", "order_id", "quantity", descending=[False, False, True]
    )
    assert events.select("member_id", "product_id", "order_id", "device_id", "quantity", "amount").rows() == [
        ("17", HOSTILE, "o-1", "d-1", 2, 3.0),
        ("17", "p-2", "o-1", "d-1", 1, 9.0),
        ("4", HOSTILE, "o-2", "d-1", 3, 6.0),
    ]  # fmt: skip
    assert events["time"].to_list() == [
        datetime(2024, 2, 1, 8, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 2, 1, 8, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 2, 4, 4, 30, tzinfo=UTC),
    ]
    signups = tables.events.filter(kind="signup").sort("time")
    assert signups["member_id"].to_list() == ["17", "4"]
    assert signups["time"][0] == datetime(2024, 1, 5, 10, tzinfo=UTC)
    assert tables.events["sequence"].to_list() == [1, 2, 3, 4, 5]
    assert tables.events["time"].is_sorted()
    assert (summary.events, summary.members) == (5, 2)
    # Nothing vanishes: an order of a negative amount, and a customer without a number.
    assert "2 rows left out" in caplog.text


@pytest.mark.parametrize("day", range(1, 8))
def test_nothing_later_than_as_of_is_read(day: int, card: Path) -> None:
    as_of = datetime(2024, 2, day, tzinfo=UTC)
    with connect(str(card), read_only=True) as store:
        whole = store.read_tables(AS_OF).events
        seen = store.read_tables(as_of).events
        near = store.neighborhood("device", "d-1", as_of=as_of).events
    assert seen.equals(whole.filter(whole["time"] <= as_of))
    assert near.filter(near["time"] > as_of).is_empty()
    assert near.height == {1: 0, 2: 3, 3: 3, 4: 3}.get(day, 5)


def test_its_events_are_read_in_blocks_of_any_size(
    card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(str(card), read_only=True) as store:
        whole = store.read_tables(AS_OF)
    monkeypatch.setattr("graphml.store.neo4j_pattern.BLOCK", 1)
    with connect(str(card), read_only=True) as store:
        pieces = store.read_tables(AS_OF)
    assert pieces.events.equals(whole.events)
    assert pieces.members.equals(whole.members)


@pytest.mark.usefixtures("indexed")
def test_results_are_written_beside_it_and_nothing_of_it_changes(
    card: Path, driver: Driver
) -> None:
    before = everything(driver)
    with connect(str(card)) as store:
        for number in range(2):  # twice is once
            store.publish("fraud", [scores()], model="m", as_of=AS_OF)
            rings = [_of(ring("r-1", 0.5), "17", "4")]
            store.publish("rings", [rings], model=None, as_of=AS_OF)
            store.publish("recommend", [listed("17", HOSTILE, "p-2")], model=None, as_of=AS_OF)
            assert len(store.runs()) == 3, number
        assert [member.member_id for member in store.read_rings()[0].members] == ["17", "4"]
        assert [one.product_id for one in store.read_recommendations()] == [HOSTILE, "p-2"]
    after = everything(driver)
    untouched = [line for line in before if '"no"' not in line]
    assert [line for line in untouched if line not in after] == []
    rows = driver.execute_query(
        "MATCH (c:`Web Customer`) RETURN c.no AS no, c.name AS name, c.risk AS risk, "
        "coalesce(c.graphml_fraud_a, c.graphml_fraud_b) AS score ORDER BY no"
    ).records
    assert [tuple(row.values()) for row in rows] == [
        (4, None, None, 0.25),
        (17, "Ada", "mine", 0.9),
        (None, "has no number", None, None),
    ]
    kinds = driver.execute_query(
        "MATCH (r)-[t]->(c) WHERE type(t) STARTS WITH 'GRAPHML_' AND NOT c:GraphmlRing AND NOT c:GraphmlList "
        "RETURN type(t) AS t, labels(c)[0] AS l, count(*) AS n ORDER BY t"
    ).records
    assert [tuple(row.values()) for row in kinds] == [
        ("GRAPHML_INCLUDES", "Web Customer", 2),
        ("GRAPHML_IS_FOR", "Web Customer", 1),
        ("GRAPHML_RECOMMENDS", "Item", 2),
    ]
    names = driver.execute_query("MATCH (n) UNWIND labels(n) AS l RETURN DISTINCT l").records
    theirs = {"Web Customer", "Order", "Item", "Terminal", "Member", "GraphmlTestDatabase"}
    assert all(row["l"] in theirs or row["l"].startswith("Graphml") for row in names)


@pytest.mark.usefixtures("indexed")
def test_going_back_gives_the_scores_before(card: Path, driver: Driver) -> None:
    with connect(str(card)) as store:
        for value in (0.1, 0.2, 0.3):
            one = Scores(
                unit="member",
                ids=("17",),
                values=(value,),
                score_kind="rank",
                as_of=AS_OF,
                model=None,
            )
            store.publish("fraud", [one], model=None, as_of=AS_OF)
        runs = store.runs()
        for run, value in ((runs[1], 0.2), (runs[2], 0.1)):
            store.rollback("fraud", to=run.run_id)
            row = driver.execute_query(
                "MATCH (p:GraphmlPointer {kind: 'fraud'}) MATCH (c:`Web Customer` {no: 17}) "
                "RETURN CASE p.slot WHEN 'a' THEN c.graphml_fraud_a ELSE c.graphml_fraud_b END AS score"
            ).records[0]
            assert row["score"] == value


def test_without_an_index_nothing_is_written(card: Path, driver: Driver) -> None:
    before = everything(driver)
    with (
        connect(str(card)) as store,
        pytest.raises(StoreError, match="no index finds a Web Customer by no") as told,
    ):
        store.publish("fraud", [scores()], model=None, as_of=AS_OF)
    assert told.value.hint == "CREATE INDEX FOR (n:`Web Customer`) ON (n.`no`)"
    assert everything(driver) == before


@pytest.mark.usefixtures("indexed")
def test_an_id_that_names_several_nodes_is_not_written_to(card: Path, driver: Driver) -> None:
    driver.execute_query("CREATE (:`Web Customer` {no: 17}), (:Item {sku: 'p-2'})")
    before = everything(driver)
    with (
        connect(str(card)) as store,
        pytest.raises(StoreError, match="several nodes Web Customer have no '17'"),
    ):
        store.publish("fraud", [scores()], model=None, as_of=AS_OF)
    assert everything(driver) == before


@pytest.mark.usefixtures("indexed")
def test_products_that_are_no_nodes_of_their_own_are_named_in_lists_alone(
    card: Path, driver: Driver
) -> None:
    driver.execute_query("CREATE (:Item {sku: 'p-2'})")
    with connect(str(card)) as store:
        store.publish("recommend", [listed("17", HOSTILE, "p-2")], model=None, as_of=AS_OF)
        assert [one.product_id for one in store.read_recommendations()] == [HOSTILE, "p-2"]
    rows = driver.execute_query(
        "MATCH (l:GraphmlList)-[r]->(x) RETURN type(r) AS t, x.no AS no"
    ).records
    assert [tuple(row.values()) for row in rows] == [("GRAPHML_IS_FOR", 17)]


def test_nothing_is_loaded_into_it(card: Path, driver: Driver) -> None:
    before = everything(driver)
    with connect(str(card)) as store:
        tables = store.read_tables(AS_OF)
        for write in (store.write_tables, store.preview_tables):
            with pytest.raises(UsageError, match="not graphml's"):
                write(tables)
        with pytest.raises(UsageError, match="does not tell when"):
            store.read_tables(AS_OF, loaded_until=3)
    assert everything(driver) == before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('member_id = "c.no"', 'member_id = { column = "c.no", normalise = ["upper"] }', "not the property of a node"),
        ('member_id = "c.no"', 'member_id = "r.count"', "not the property of a node"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("indexed")
def test_ids_that_are_none_of_a_nodes_cannot_be_written_back(
    old: str, new: str, told: str, card: Path, driver: Driver
) -> None:
    card.write_text(card.read_text().replace(old, new))
    before = everything(driver)
    with connect(str(card)) as store, pytest.raises(CardError, match=told):
        store.publish("fraud", [scores()], model=None, as_of=AS_OF)
    assert everything(driver) == before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("(c:`Web Customer`)\"", "(c:`Web Customer`) DETACH DELETE c\"", "no pattern from sign"),
        ("`Web Customer`)-", "`Web\\\\u0060 Customer`)-", "no pattern"),
        ("store = ", "# ", "names none"),
        ("[files.customers]\nmatch = \"(c:`Web Customer`)\"", "[files.customers]\npath = 'x.csv'", "has no files"),
        ("c.since", "c_since", "no column"),
        ("required", "requires", "unknown key"),
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_refused_in_one_line(
    old: str, new: str, told: str, card: Path, driver: Driver
) -> None:
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))
    before = everything(driver)
    with pytest.raises(CardError) as error, connect(str(card), read_only=True) as store:
        store.summary()
    assert told in error.value.message
    assert "\n" not in error.value.message
    assert everything(driver) == before


def _of(one: Ring, *members: str) -> Ring:
    return replace(one, members=tuple(replace(one.members[0], member_id=name) for name in members))


def test_the_class_is_what_connect_gives(card: Path) -> None:
    with connect(str(card), read_only=True) as store:
        assert isinstance(store, MappedStore)
        assert store.url == str(card)
