from datetime import datetime

import numpy as np
import polars as pl
import pytest

from graphml.errors import UsageError
from graphml.graph.build import LINKS, Graph, build_graph, reverse
from graphml.graph.model import Model
from graphml.graph.nodes import NEVER
from graphml.results import Scores
from graphml.schema import MARKETPLACE
from tests.graph.marketplace import HOSTILE, at, described, event, tables

EVENTS = [
    event("e-5", 40, "m-3", "purchase", product_id="p-2", device_id="d-1", order_id="o-1"),
    event("e-1", 10, "m-7", device_id="d-1", currency="EUR"),
    event("e-3", 30, "m-3", "view", product_id="p-11", device_id="d-1"),
    event("e-2", 30, "m-1", "view", product_id="p-2", device_id="d-4", card="c-9"),
    event("e-4", 20, HOSTILE, device_id=HOSTILE),
    event("e-6", 90, "m-1", "chargeback", order_id="o-1", amount=12.5),
]


def edges_of(graph, edge_type, key):
    adjacency = graph.edges[edge_type]
    source, _, target = edge_type
    at = adjacency.of(graph.nodes[source].keys.to_list().index(key))
    keys = graph.nodes[target].keys
    return [
        (keys[int(t)], graph.events["event_id"][int(e)])
        for t, e in zip(adjacency.target[at], adjacency.event[at], strict=True)
    ]


def test_events_stand_in_order_of_time_then_event_id():
    events = build_graph(tables(EVENTS)).events
    assert events["event_id"].to_list() == ["e-1", "e-4", "e-2", "e-3", "e-5", "e-6"]
    assert events["member"].to_list() == [3, 0, 1, 2, 2, 1]
    assert events["product"].to_list() == [None, None, 1, 0, 1, None]
    assert events.schema["kind"] == pl.Enum(MARKETPLACE.kinds)
    assert "member_id" not in events.columns


def test_edges_know_their_event_and_have_a_reverse():
    graph = build_graph(tables(EVENTS))
    uses = ("member", "uses", "device")
    assert edges_of(graph, uses, "m-3") == [("d-1", "e-3"), ("d-1", "e-5")]
    assert edges_of(graph, uses, HOSTILE) == [(HOSTILE, "e-4")]
    assert edges_of(graph, reverse(uses), "d-1") == [("m-7", "e-1"), ("m-3", "e-3"), ("m-3", "e-5")]
    assert edges_of(graph, ("product", "rev_views", "member"), "p-2") == [("m-1", "e-2")]
    assert edges_of(graph, ("member", "buys", "product"), "m-3") == [("p-2", "e-5")]
    assert len(graph.edges) == 2 * (len(MARKETPLACE.edges) + 1)


def test_a_node_exists_from_its_first_event_on():
    graph = build_graph(tables(EVENTS)).until(at(29))
    members = graph.nodes["member"]
    assert members.keys.to_list() == [HOSTILE, "m-1", "m-3", "m-7"]
    assert members.present.tolist() == [True, False, False, True]
    assert members.first[1] == NEVER
    assert graph.nodes["product"].present.tolist() == [False, False]


def test_until_includes_its_own_microsecond_and_shares_the_events():
    graph = build_graph(tables(EVENTS))
    assert graph.until(at(30)).events.height == 4
    assert graph.until(at(29)).events.height == 2
    assert graph.until(at(9)).events.height == 0
    assert graph.until(at(30)).until(at(90)).events.height == 4
    whole = graph.events["time"].to_physical().to_numpy()
    assert np.shares_memory(whole, graph.until(at(30)).events["time"].to_physical().to_numpy())


def test_a_naive_as_of_is_an_error():
    with pytest.raises(ValueError, match="as_of needs a time zone"):
        build_graph(tables(EVENTS)).until(datetime(2024, 6, 1))  # noqa: DTZ001


def test_a_graph_without_time_has_no_as_of():
    graph = build_graph(tables([{**EVENTS[1], "time": None}, {**EVENTS[2], "time": None}]))
    assert graph.edges["member", "uses", "device"].time.tolist() == [0, 0]
    with pytest.raises(UsageError, match="events without time"):
        graph.until(at(0))


def test_a_chargeback_is_a_label_about_its_order_and_that_orders_member():
    graph = build_graph(tables(EVENTS))
    assert described(graph)["labels"] == [
        {
            "member": "m-3",
            "order_id": "o-1",
            "label": 1,
            "known_at": at(90),
            "fraud_time": at(40),
        }
    ]
    assert graph.until(at(89)).labels.height == 0


def test_a_chargeback_without_an_order_is_about_its_own_member():
    graph = build_graph(tables([*EVENTS, event("e-9", 95, "m-7", "chargeback")]))
    last = described(graph)["labels"][-1]
    assert (last["member"], last["order_id"], last["fraud_time"]) == ("m-7", None, None)


def test_an_order_without_a_purchase_belongs_to_the_member_of_its_first_event():
    rows = [
        event("e-1", 1, "m-2", "cart", product_id="p", order_id="o"),
        event("e-2", 2, "m-1", "chargeback", order_id="o"),
    ]
    assert described(build_graph(tables(rows)))["labels"][0]["member"] == "m-2"


def test_labels_without_known_at_are_for_evaluation_alone():
    labels = [
        {"member_id": "m-3", "order_id": None, "label": 1, "known_at": None, "fraud_time": None},
        {"member_id": None, "order_id": "o-1", "label": 0, "known_at": at(50), "fraud_time": None},
        {"member_id": "m-9", "order_id": None, "label": 1, "known_at": at(51), "fraud_time": None},
    ]
    graph = build_graph(tables(EVENTS[:5], labels=labels))
    shown = described(graph)
    assert [(row["member"], row["label"]) for row in shown["labels"]] == [("m-3", 0), (None, 1)]
    assert [(row["member"], row["label"]) for row in shown["evaluation"]] == [("m-3", 1)]


def test_features_are_the_row_that_holds_by_then():
    products = [
        {"product_id": "p-2", "price": 3.0, "valid_from": at(60)},
        {"product_id": "p-2", "price": 1.0, "valid_from": None},
        {"product_id": "p-2", "price": 2.0, "valid_from": at(35)},
        {"product_id": "p-99", "price": 9.0, "valid_from": None},
    ]
    graph = build_graph(tables(EVENTS, products=products))
    assert graph.nodes["product"].keys.to_list() == ["p-11", "p-2"]
    prices = {
        moment: graph.until(at(moment)).nodes["product"].features["price"].to_list()
        for moment in (29, 34, 35, 59, 60)
    }
    assert prices == {
        29: [None, None],
        34: [None, 1.0],
        35: [None, 2.0],
        59: [None, 2.0],
        60: [None, 3.0],
    }


def test_a_sign_up_later_than_as_of_is_not_a_feature_yet():
    members = [{"member_id": "m-1", "signup_time": at(35), "valid_from": None, "tier": "gold"}]
    graph = build_graph(tables(EVENTS, members=members))
    features = graph.until(at(34)).nodes["member"].features
    assert features["signup_time"].to_list() == [None] * 4
    assert features["tier"].to_list() == [None, "gold", None, None]
    assert graph.until(at(35)).nodes["member"].features["signup_time"][1] == at(35)


def test_links_are_edges_between_members_with_their_own_rows():
    links = [
        {"member_id": "m-7", "other_member_id": "m-8", "kind": "gift", "time": at(12)},
        {"member_id": "m-7", "other_member_id": "m-1", "kind": "referral", "time": at(11)},
    ]
    graph = build_graph(tables(EVENTS, links=links))
    assert graph.links["kind"].to_list() == ["referral", "gift"]
    made = graph.edges[LINKS]
    members = graph.nodes["member"].keys.to_list()
    at_seven = made.of(members.index("m-7"))
    assert [members[t] for t in made.target[at_seven]] == ["m-1", "m-8"]
    assert made.event[at_seven].tolist() == [0, 1]
    back = graph.edges[reverse(LINKS)]
    assert [members[t] for t in back.target[back.of(members.index("m-8"))]] == ["m-7"]
    early = graph.until(at(11))
    assert (early.edges[LINKS].edges, early.nodes["member"].first[members.index("m-8")]) == (
        1,
        NEVER,
    )


def test_a_graph_of_nothing_is_empty():
    graph = build_graph(tables([]))
    assert graph.events.height == 0
    assert [len(nodes) for nodes in graph.nodes.values()] == [0] * len(MARKETPLACE.nodes)
    assert sum(adjacency.edges for adjacency in graph.edges.values()) == 0
    assert graph.until(at(0)).labels.height == 0


def test_edges_are_made_only_when_asked_for():
    graph = build_graph(tables(EVENTS))
    assert graph.edges._made == {}
    first = graph.edges["member", "uses", "device"]
    assert graph.edges["member", "uses", "device"] is first
    assert list(graph.edges._made) == [("member", "uses", "device")]


def test_a_model_is_whatever_scores_a_graph():
    class Constant:
        def score(self, graph, *, as_of):
            ids = tuple(graph.nodes["member"].keys)
            return Scores(
                unit="member",
                ids=ids,
                values=(0.5,) * len(ids),
                score_kind="rank",
                as_of=as_of,
                model=None,
            )

    assert isinstance(Constant(), Model)
    assert not isinstance(Graph, Model)
