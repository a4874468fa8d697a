from __future__ import annotations

from datetime import datetime

import pytest

from graphml.errors import UsageError
from graphml.schema import MARKETPLACE
from graphml.store.base import GraphStore
from graphml.tables.frames import Tables

from .rows import (
    HOSTILE,
    LATER,
    at,
    content,
    event,
    expected,
    expected_events_around,
    random_tables,
    tables,
)


def ids(answer: Tables) -> set[str]:
    return set(answer.events["event_id"])


@pytest.fixture
def chain(store: GraphStore) -> GraphStore:
    """Hold m-1 – d-1 – m-2 – a-1 – m-3, a product between m-1 and m-4, and m-5 alone."""
    store.write_tables(
        tables(
            [
                event("e-1", 1, "m-1", device_id="d-1"),
                event("e-2", 2, "m-2", device_id="d-1"),
                event("e-3", 3, "m-2", "purchase", address_id="a-1", order_id="o-3"),
                event("e-4", 4, "m-3", "purchase", address_id="a-1"),
                event("e-5", 5, "m-1", "view", product_id="p-1"),
                event("e-6", 6, "m-4", "view", product_id="p-1"),
                event("e-7", 7, "m-5", device_id="d-2"),
            ],
            members=[{"member_id": f"m-{i}", "opted_out": i == 2} for i in range(1, 6)],
            products=[{"product_id": f"p-{i}", "price": float(i)} for i in range(1, 3)],
            labels=[
                {"order_id": "o-3", "label": 1, "known_at": at(8)},
                {"member_id": "m-5", "label": 0, "known_at": at(8)},
            ],
            links=[
                {"member_id": a, "other_member_id": b, "kind": "gift", "time": at(2)}
                for a, b in (("m-1", "m-2"), ("m-2", "m-5"))
            ],
        )
    )
    return store


@pytest.mark.parametrize(
    ("node", "hops", "found"),
    [
        (("member", "m-1"), 1, {"e-1", "e-5"}),
        (("member", "m-1"), 2, {"e-1", "e-2", "e-5", "e-6"}),
        (("member", "m-1"), 3, {"e-1", "e-2", "e-3", "e-5", "e-6"}),
        (("member", "m-1"), 4, {"e-1", "e-2", "e-3", "e-4", "e-5", "e-6"}),
        (("device", "d-1"), 1, {"e-1", "e-2"}),
        (("device", "d-1"), 2, {"e-1", "e-2", "e-3", "e-5"}),
        (("product", "p-1"), 1, {"e-5", "e-6"}),
        (("member", "m-6"), 2, set()),
        (("address", "d-1"), 2, set()),
    ],
)
def test_hops_reach_who_shares(
    chain: GraphStore, node: tuple[str, str], hops: int, found: set[str]
) -> None:
    assert ids(chain.neighborhood(*node, hops=hops, as_of=LATER)) == found


def test_what_belongs_to_the_nodes_comes_with_them(chain: GraphStore) -> None:
    around = chain.neighborhood("device", "d-1", hops=2, as_of=at(8))
    assert sorted(around.members["member_id"]) == ["m-1", "m-2"]
    assert around.products["product_id"].to_list() == ["p-1"]
    assert around.labels["order_id"].to_list() == ["o-3"]
    assert around.links["other_member_id"].to_list() == ["m-2"]
    assert chain.neighborhood("device", "d-1", hops=2, as_of=at(7)).labels.is_empty()


def test_the_future_is_not_around(chain: GraphStore) -> None:
    assert ids(chain.neighborhood("member", "m-1", hops=4, as_of=at(3))) == {"e-1", "e-2", "e-3"}
    assert ids(chain.neighborhood("member", "m-1", hops=4, as_of=at(1))) == {"e-1"}
    assert chain.neighborhood("member", "m-1", as_of=at(0)).members.is_empty()


def test_a_node_shows_its_latest_events(store: GraphStore) -> None:
    rows = [event(f"e-{i}", i, "m-1", device_id=f"d-{i}") for i in range(5)]
    ties = [event(i, 9, "m-2", device_id="d-4") for i in ("e-b", "e-A", "e-a")]
    store.write_tables(tables([*rows, *ties]))
    assert ids(store.neighborhood("member", "m-1", hops=1, as_of=LATER, limit=2)) == {"e-3", "e-4"}
    assert ids(store.neighborhood("member", "m-1", hops=1, as_of=at(2), limit=2)) == {"e-1", "e-2"}
    # Of d-4 the two latest of one time, the lower ids first: its tie to m-1 is not among them.
    assert ids(store.neighborhood("device", "d-4", hops=1, as_of=LATER, limit=2)) == {"e-A", "e-a"}


@pytest.mark.parametrize("seed", range(2))
def test_it_is_what_plain_loops_find(store: GraphStore, seed: int) -> None:
    batch = random_tables(seed)
    store.write_tables(batch)
    for kind, key in (("member", "m-2"), ("device", "d-1"), ("ip", "i-0"), ("product", "p-3")):
        for hops, limit, as_of in ((1, 3, at(3)), (2, 2, at(2)), (3, 4, at(5)), (2, 99, at(1))):
            around = store.neighborhood(kind, key, hops=hops, as_of=as_of, limit=limit)
            node = (MARKETPLACE.nodes[kind].key, key)
            found = expected_events_around(batch, node, hops=hops, as_of=as_of, limit=limit)
            assert ids(around) == found
            assert set(content(around.members)) <= set(content(expected(batch, as_of).members))


@pytest.mark.parametrize("key", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_keys_are_only_keys(store: GraphStore, key: str) -> None:
    other = key + "'"
    store.write_tables(
        tables(
            [
                event("e-1", 1, key, device_id=key),
                event("e-2", 2, "m-2", device_id=key),
                event("e-3", 3, other, device_id=other),
            ]
        )
    )
    assert ids(store.neighborhood("member", key, hops=2, as_of=LATER)) == {"e-1", "e-2"}
    assert ids(store.neighborhood("device", other, hops=2, as_of=LATER)) == {"e-3"}


def test_wrong_questions_are_refused(store: GraphStore) -> None:
    with pytest.raises(UsageError, match=r"no node type .*DETACH.*known: address"):
        store.neighborhood("Member') DETACH", "m-1", as_of=LATER)
    for wrong in ({"hops": 0}, {"limit": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            store.neighborhood("member", "m-1", as_of=LATER, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time zone"):
        store.neighborhood("member", "m-1", as_of=datetime(2024, 1, 1))  # noqa: DTZ001
