from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from graphml.rings.subgraph import evidence_graph, to_graphml, to_node_link
from tests.rings.small import Market, at

HOSTILE = "]]><x> & \"'`{}\n\r\\ \x00\ud7ffé￾ \U0001f600"


@pytest.fixture
def market() -> Market:
    market = Market()
    for n in range(3):
        market.tell(f"m-{n}", n, "signup", device_id=HOSTILE)
        market.tell(f"m-{n}", n + 5, "purchase", product_id="p-1", device_id=HOSTILE, card="k",
                    amount=4.0 + n, currency="EUR")  # fmt: skip
    market.tell("m-0", 9, "purchase", product_id="p-1", card="own", amount=100.0, currency="JPY")
    market.tell("else", 9, device_id=HOSTILE)
    return market


def test_members_values_and_their_events(market):
    ring = market.ring(["m-0", "m-1", "m-2"])
    market.tell("m-0", 99, device_id=HOSTILE)
    drawn = evidence_graph(ring, market.tables)
    assert sorted(drawn.nodes) == ["m0", "m1", "m2", "s0", "s1"]
    assert {drawn.nodes[n]["key"] for n in drawn if n.startswith("m")} == {"m-0", "m-1", "m-2"}
    device = next(n for n in drawn if drawn.nodes[n]["type"] == "device")
    member = next(n for n in drawn if drawn.nodes[n]["key"] == "m-0")
    assert drawn.edges[member, device] == {
        "events": 2,
        "first": "2024-06-01T00:00:00Z",
        "last": "2024-06-01T05:00:00Z",
        "amount": 4.0,
        "kinds": "purchase 1, signup 1",
    }
    assert drawn.number_of_edges() == 6
    assert drawn.graph["ring_id"] == ring.ring_id


def test_both_exports_can_be_read_again(market):
    drawn = evidence_graph(market.ring(["m-0", "m-1", "m-2"], as_of=at(9)), market.tables)
    told = json.loads(to_node_link(drawn))
    assert HOSTILE in {node["key"] for node in told["nodes"]}
    assert len(told["edges"]) == 6
    root = ElementTree.fromstring(to_graphml(drawn).encode())
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert len(root.findall(f".//{space}node")) == 5
    keys = {data.text for data in root.findall(f".//{space}node/{space}data")}
    assert any(key and key.startswith("]]><x> & \"'`{}\n\\r\\ \\x00") for key in keys)


def test_a_seller_is_drawn_through_its_products(market):
    from dataclasses import replace

    from graphml.results import SharedValue

    market.sellers["p-1"] = "s"
    ring = market.ring(["m-0", "m-1", "m-2"])
    seller = SharedValue(
        type="seller", id="s", members=3, events=4, first=at(5), last=at(9), surprise=1.0
    )
    drawn = evidence_graph(replace(ring, shared=(seller,)), market.tables)
    assert drawn.number_of_edges() == 3
