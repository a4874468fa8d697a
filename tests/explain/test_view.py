"""What people look at is what the records say, counted again by hand, and nothing later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graphml.config import RingConfig, SimulateConfig
from graphml.errors import UsageError
from graphml.explain.view import around_view, member_view, ring_view
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.graph.postings import Postings
from graphml.results import Evidence, Ring, RingMember, SharedValue, time_text
from graphml.rings.extract import extract_rings
from graphml.tables.synthetic import make_marketplace
from tests.graph.marketplace import HOSTILE, at, event, tables

EVENTS = [
    event("e-1", 0, "m-1", "signup", device_id="d-1"),
    event("e-2", 1, "m-1", "purchase", device_id="d-1", product_id="p-1", amount=10.0, currency="EUR"),
    event("e-3", 2, "m-2", "purchase", device_id="d-1", product_id="p-1", amount=5.0, currency="EUR"),
    event("e-4", 3, "m-2", "purchase", device_id="d-2", product_id="p-2", amount=7.0, currency="USD"),
    event("e-5", 4, "m-3", "review", device_id="d-1", product_id="p-1", rating=5.0),
    event("e-6", 5, "m-3", "refund", ip="i-1", product_id="p-1", amount=5.0, currency="EUR"),
    event("e-7", 9, "m-1", "login", device_id="d-1", ip="i-1"),
    event("e-8", 9, HOSTILE, "login", device_id=HOSTILE),
]  # fmt: skip


def postings(events=EVENTS):
    return Postings(build_graph(tables(events)))


def ring(as_of=5, kind="device_farm"):
    return Ring(
        ring_id="r-1", kind=kind, status="new", score=0.9, score_kind="rank",
        members=(
            RingMember(member_id="m-1", score=0.9, role="core"),
            RingMember(member_id="m-2", score=0.8, role="core"),
            RingMember(member_id="m-3", score=0.7, role="victim"),
        ),
        shared=(
            SharedValue(type="device", id="d-1", members=3, events=4, first=at(0), last=at(4), surprise=9.0),
        ),
        amount_gross=15.0, amount_net=10.0, currency="EUR", first=at(0), last=at(5), as_of=at(as_of),
        model=None, counter_evidence=(),
        evidence=(Evidence(code="X", text="x", event_ids=("e-2", "e-6")),),
    )  # fmt: skip


def test_a_ring_has_its_members_what_they_share_and_the_events_that_reasons_name():
    shown = ring_view(postings(), ring())["graph"]
    assert {n["id"] for n in shown["nodes"]} == {
        "member:m-1", "member:m-2", "member:m-3", "device:d-1",
    }  # fmt: skip
    assert [e["event_id"] for e in shown["events"]] == ["e-1", "e-2", "e-3", "e-5", "e-6"]
    edges = {e["source"]: e for e in shown["edges"]}
    assert set(edges) == {"member:m-1", "member:m-2", "member:m-3"}
    assert edges["member:m-1"]["event_ids"] == ["e-1", "e-2"]
    assert edges["member:m-1"]["kinds"] == {"purchase": 1, "signup": 1}
    assert edges["member:m-1"]["amount"] == 10.0
    assert edges["member:m-1"]["relation"] == "uses"
    roles = {n["key"]: (n["role"], n["flagged"]) for n in shown["nodes"] if n["type"] == "member"}
    assert roles["m-3"] == ("victim", False)
    device = next(n for n in shown["nodes"] if n["type"] == "device")
    assert (device["degree"], device["surprise"]) == (3, 9.0)


def test_products_are_those_of_two_members_or_more_in_one_currency():
    (product,) = ring_view(postings(), ring())["products"]
    assert product["product_id"] == "p-1"
    assert (product["members"], product["events"], product["reviews"]) == (3, 4, 1)
    assert (product["amount"], product["mean_rating"]) == (15.0, 5.0)


def test_a_brushing_ring_shows_its_products_as_nodes():
    shown = ring_view(postings(), ring(kind="brushing"))["graph"]
    assert {"product:p-1"} == {n["id"] for n in shown["nodes"] if n["type"] == "product"}
    relation = {e["source"]: e["relation"] for e in shown["edges"] if e["target"] == "product:p-1"}
    assert relation == {"member:m-1": "buys", "member:m-2": "buys", "member:m-3": "reviews"}


def test_nothing_after_a_moment_is_shown():
    later = [*EVENTS, event("e-9", 10, "m-4", device_id="d-1"), event("e-10", 6, "m-5", device_id="d-1")]  # fmt: skip
    for call in (
        lambda p: ring_view(p, ring()),
        lambda p: around_view(p, "device", "d-1", as_of=at(5), limit=10),
        lambda p: member_view(p, "m-1", as_of=at(5)),
    ):
        early = call(postings([e for e in EVENTS if e["time"] <= at(5)]))
        assert call(postings(later)) == early
        assert call(postings(EVENTS[:3]).plus(tables(later[3:]).events)) == early
    with pytest.raises(UsageError, match="no member 'm-4' by"):
        member_view(postings(later), "m-4", as_of=at(9))


def test_neighbours_come_in_order_of_their_ties_and_page_by_page():
    found = postings()
    whole = around_view(found, "device", "d-1", as_of=at(9), limit=10)
    assert whole["total"] == 3
    assert [n["key"] for n in whole["graph"]["nodes"]] == ["d-1", "m-1", "m-3", "m-2"]
    assert [e["events"] for e in whole["graph"]["edges"]] == [3, 1, 1]
    parts = [
        around_view(found, "device", "d-1", as_of=at(9), limit=1, offset=n)["graph"]["nodes"][1]
        for n in range(3)
    ]
    assert parts == whole["graph"]["nodes"][1:]
    around = around_view(found, "member", "m-3", as_of=at(9), limit=10)
    assert {n["id"] for n in around["graph"]["nodes"][1:]} == {
        "device:d-1", "product:p-1", "ip:i-1",
    }  # fmt: skip


def test_a_member_is_told_in_numbers():
    found = member_view(postings(), "m-2", as_of=at(9))
    assert (found["events"], found["first"], found["last"]) == (2, time_text(at(2)), time_text(at(3)))  # fmt: skip
    assert [(i["id"], i["members"], i["events"]) for i in found["identifiers"]] == [
        ("d-1", 3, 1), ("d-2", 1, 1),
    ]  # fmt: skip
    assert found["amounts"] == [
        {"currency": "USD", "gross": 7.0, "refunded": 0.0},
        {"currency": "EUR", "gross": 5.0, "refunded": 0.0},
    ]
    assert [e["event_id"] for e in found["recent"]] == ["e-4", "e-3"]


def test_ids_are_shown_as_they_are():
    found = around_view(postings(), "member", HOSTILE, as_of=at(9), limit=5)
    assert found["graph"]["nodes"][1]["key"] == HOSTILE
    assert member_view(postings(), HOSTILE, as_of=at(9))["identifiers"][0]["id"] == HOSTILE


def test_every_ring_of_a_market_adds_up():
    market = make_marketplace(SimulateConfig(members=1500, seed=5))
    events = market.tables.events
    graph = build_graph(market.tables)
    found, as_of = Postings(graph), events["time"].max() - timedelta(days=20)
    rings = extract_rings(graph, None, RingConfig(), as_of=as_of)
    assert rings
    known = {row["event_id"]: row for row in events.iter_rows(named=True)}
    for one in rings:
        shown = ring_view(found, one)["graph"]
        ids = {n["id"] for n in shown["nodes"]}
        held = {e["event_id"] for e in shown["events"]}
        assert all(e["source"] in ids and e["target"] in ids for e in shown["edges"])
        assert all(known[i]["time"] <= as_of for i in held)
        for value in one.shared:
            if value.type == "seller":
                continue
            edges = [e for e in shown["edges"] if e["target"] == f"{value.type}:{value.id}"]
            column = {"device": "device_id", "address": "address_id"}.get(value.type, value.type)
            mine = [
                row
                for row in known.values()
                if row[column] == value.id
                and row["member_id"] in one.member_ids
                and microseconds(row["time"]) <= microseconds(as_of)
            ]
            assert sum(e["events"] for e in edges) == len(mine)
            assert {i for e in edges for i in e["event_ids"]} == {row["event_id"] for row in mine}
