"""Leaving a database: what was there before graphml is there after it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from neo4j import Driver

from graphml.errors import StoreLockedError, StorePermissionError
from graphml.results import Decision
from graphml.store import neo4j_uninstall
from graphml.store.archive import Archive
from graphml.store.connect import connect
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_mapped import MappedStore
from tests.contract.rows import HOSTILE, event, random_tables, tables
from tests.contract.test_results import listed, ring
from tests.store.test_neo4j_mapped import AS_OF, card, driver, everything, indexed, scores

__all__ = ["card", "driver", "indexed"]
pytestmark = pytest.mark.neo4j

THEIRS = """
CREATE (m:Member {member_id: 'm-1', name: 'theirs'}), (n:Member {member_id: 'm-2'}), (p:Product {product_id: 'p-1'}),
  (m)-[:USES {since: 2020}]->(:Device {device_id: 'd-1'}), (n)-[:KNOWS]->(m), (n)-[:LIKES]->(p),
  (:Event {title: 'a concert', sequence: 3}), (:Event {event_id: 'e-other', member_id: 'm-1', sequence: 2, title: 'another'}),
  (m)-[:INCLUDES]->(n), (m)-[:FOUND {events: 4}]->(p), (:GraphmlLike {name: 'x'})
"""


@pytest.fixture
def before(driver: Driver, neo4j_url: str) -> list[str]:
    with Neo4jStore(neo4j_url) as store:
        store.uninstall()  # indexes that other tests have left
    driver.execute_query(THEIRS)
    driver.execute_query("CREATE INDEX mine_device IF NOT EXISTS FOR (n:Device) ON (n.maker)")
    driver.execute_query(
        "CREATE CONSTRAINT mine_member IF NOT EXISTS FOR (n:Member) REQUIRE n.member_id IS UNIQUE"
    )
    driver.execute_query("CALL db.awaitIndexes()")
    return everything(driver)


def fill(store: Neo4jStore) -> None:
    for number in range(2):
        store.publish("fraud", [scores()], model=f"m-{number}", as_of=AS_OF)
    store.publish("rings", [[ring("r-1", 0.5)]], model=None, as_of=AS_OF)
    store.publish("recommend", [listed("m-1", "p-1", "p-2")], model=None, as_of=AS_OF)
    store.write_decision(
        Decision(unit="member", id="m-1", verdict="confirm", reason=None, by="a", time=AS_OF, members=("m-1",))
    )  # fmt: skip


def load(store: Neo4jStore) -> None:
    store.write_tables(random_tables(3))
    keys = [
        event(f"u-{n}", n, "m-1", device_id="d-1", product_id=HOSTILE[n])
        for n in range(len(HOSTILE))
    ]
    store.write_tables(tables(keys))


def test_a_database_is_what_it_was(
    before: list[str], driver: Driver, neo4j_url: str, tmp_path: Path
) -> None:
    archive = tmp_path / "runs"
    with Neo4jStore(neo4j_url, archive=Archive(archive)) as store:
        load(store)
        fill(store)
        found = store.traces()
        assert (found.runs, found.rings, found.lists, found.decisions) == (4, 1, 1, 1)
        assert found.records > len(HOSTILE)
        assert found.ties > len(HOSTILE)
        assert found.indexes >= 20
        assert [*archive.iterdir()]
        middle = everything(driver)
        store.traces()
        assert everything(driver) == middle != before
        store.uninstall()
        assert everything(driver) == before
        assert not [*archive.iterdir()]
        assert set(vars_of(store)) == {0}
        store.uninstall()  # twice is once
        assert everything(driver) == before
        load(store)  # and it can be used again
        assert store.summary().events > 0


def vars_of(store: Neo4jStore) -> list[int]:
    found = store.traces()
    return [getattr(found, name) for name in found.__slots__]


@pytest.mark.usefixtures("indexed")
def test_so_is_a_graph_that_a_card_maps(before: list[str], driver: Driver, card: Path) -> None:
    whole = everything(driver)
    with connect(str(card)) as store:
        assert isinstance(store, MappedStore)
        fill(store)
        assert store.traces().scored == 2
        store.uninstall()
    assert everything(driver) == whole


def cut_off_after(count: int) -> Callable[..., str]:
    real, left = neo4j_uninstall.fill, iter(range(count))

    def counted(name: str, **parts: str) -> str:
        if name.startswith(("remove", "drop")) and next(left, None) is None:
            raise KeyboardInterrupt
        return real(name, **parts)

    return counted


def test_cut_off_it_goes_on(
    before: list[str], driver: Driver, neo4j_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts, done = 0, False
    while not done:
        with Neo4jStore(neo4j_url) as store:
            if not cuts:
                load(store)
                fill(store)
            with monkeypatch.context() as patch:
                patch.setattr(neo4j_uninstall, "fill", cut_off_after(5 * cuts + 3))
                try:
                    store.uninstall()
                    done = True
                except KeyboardInterrupt:
                    cuts += 1
    assert cuts > 5
    assert everything(driver) == before


def test_it_does_not_leave_under_a_load(before: list[str], driver: Driver, neo4j_url: str) -> None:
    with Neo4jStore(neo4j_url) as store, Neo4jStore(neo4j_url, read_only=True) as reader:
        load(store)
        middle = everything(driver)
        with store._connection.transaction({"graphml_writer": "process 7 on x"}, None) as held:
            held.run("MATCH (s:GraphmlStore) SET s.locked = true REMOVE s.locked").consume()
            with pytest.raises(StoreLockedError, match="process 7 on x"):
                store.uninstall()
        with pytest.raises(StorePermissionError):
            reader.uninstall()
    assert everything(driver) == middle
