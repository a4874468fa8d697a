"""Statements that both dialects know, over what both stores hold."""

from __future__ import annotations

import pytest

from graphml.errors import GraphmlError
from graphml.store.base import GraphStore, RunsCypher

from .rows import HOSTILE, LATER, at, event, random_tables, tables


def ask(store: GraphStore, statement: str, **parameters: object) -> list[tuple[object, ...]]:
    assert isinstance(store, RunsCypher)
    return store.cypher(statement, parameters).rows()


def test_events_are_on_their_members_timelines(store: GraphStore) -> None:
    batch = random_tables(1)
    store.write_tables(batch)
    rows = ask(
        store,
        "MATCH (member:Member)-[:DID]->(event:Event) "
        "RETURN member.member_id AS member_id, event.event_id AS event_id ORDER BY event_id",
    )
    assert rows == batch.events.select("member_id", "event_id").sort("event_id").rows()


def test_ties_count_the_events_of_a_pair(store: GraphStore) -> None:
    rows = [event(f"e-{i}", i, "m-1", device_id="d-1") for i in (3, 1, 2)]
    store.write_tables(tables([*rows, event("e-9", 9, "m-2", device_id="d-1")]))
    store.write_tables(tables([event("e-10", 10, "m-2", device_id="d-1")]))
    found = ask(
        store,
        "MATCH (member:Member)-[tie:USES]->(device:Device {device_id: $key}) RETURN "
        "member.member_id AS who, tie.events AS events, tie.first AS first, tie.last AS last "
        "ORDER BY who",
        key="d-1",
    )
    assert found == [("m-1", 3, at(1), at(3)), ("m-2", 2, at(9), at(10))]


def test_the_answer_follows_what_is_written(store: GraphStore) -> None:
    question = "MATCH (event:Event) RETURN count(event) AS events"
    store.write_tables(tables([event("e-1", 0, "m-1")]))
    assert ask(store, question) == [(1,)]
    store.write_tables(tables([event("e-2", 0, "m-1")]))
    assert ask(store, question) == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE (:Member {member_id: 'm-9'})",
        "MATCH (member:Member) DETACH DELETE member",
        "MATCH (member:Member) SET member.member_id = 'x'",
        "MERGE (:Member {member_id: 'm-9'})",
        "no Cypher at all",
        "",
    ],
)
def test_only_questions_are_answered(store: GraphStore, statement: str) -> None:
    store.write_tables(tables([event("e-1", 0, "m-1")]))
    with pytest.raises(GraphmlError) as told:
        ask(store, statement)
    assert "\n" not in told.value.message
    assert ask(store, "MATCH (member:Member) RETURN member.member_id AS m") == [("m-1",)]
    assert store.read_tables(LATER).events.height == 1


def test_parameters_are_only_values(store: GraphStore) -> None:
    store.write_tables(tables([event(f"e-{i}", i, key) for i, key in enumerate(HOSTILE)]))
    for i, key in enumerate(HOSTILE):
        rows = ask(
            store,
            "MATCH (:Member {member_id: $key})-[:DID]->(event:Event) "
            "RETURN event.event_id AS id, event.member_id AS key",
            key=key,
        )
        assert rows == [(f"e-{i}", key)]
