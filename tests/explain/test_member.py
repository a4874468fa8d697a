"""Reasons that hold: planted ties are named, clear the member, and nothing of the future shows."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphml.config import SimulateConfig
from graphml.errors import UsageError
from graphml.explain.member import explain_member
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.rings.membership import membership
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.aggregates import AsOf
from graphml.tabular.flags import known_flags
from graphml.tabular.trees import fit_trees
from tests.explain.farm import (
    SMALL,
    Sum,
    company,
    farm,
    farm_company,
    farm_tables,
    random_trees,
    without_ties,
)
from tests.graph.marketplace import HOSTILE, at
from tests.rings.small import Market, group
from tests.rings.small import at as hours
from tests.tabular.shop import dense, graph_of, moments, shops

DEVICE = ("device", "farm-0")


def explained(who="suspect", *, scorer=None, threshold=0.5, found=None):
    graph, usual = farm()
    as_of = graph.events["time"][-1]
    return explain_member(
        graph, who, as_of=as_of, scorer=scorer or usual, threshold=threshold,
        company=found or farm_company(graph, as_of),
    )  # fmt: skip


def score(graph, who, scorer, structure):
    """Return a member's score by the whole graph."""
    member = np.array([graph.nodes["member"].keys.index_of(who)])
    moment = int(graph.events["time"].to_physical()[-1])
    features = AsOf(graph, threads=1).members(member, np.array([moment]))
    return float(scorer.probability(scorer.risks(features, np.array([structure])))[0])


def test_the_one_shared_device_is_named_and_its_absence_clears():
    graph, scorer = farm()
    found = explained()
    assert found.flagged
    assert found.score == score(graph, "suspect", scorer, np.float32(0.9))
    first = found.reasons[0]
    assert first.code == "SHARED_DEVICE"
    assert first.ties == (DEVICE,)
    assert "device farm-0 with 8 other members" in first.text
    assert first.fall > 1
    left = build_graph(without_ties(farm_tables(), "suspect", [DEVICE]))
    assert first.score_without == pytest.approx(score(left, "suspect", scorer, 0.0), abs=1e-12)
    assert found.counterfactual is not None
    assert found.counterfactual.ties == (DEVICE,)
    assert found.counterfactual.smallest
    assert found.counterfactual.score_without == first.score_without < 0.5


def test_events_cited_are_those_on_the_device_the_own_ones_among_them():
    events = farm_tables().events
    on = events.filter(device_id="farm-0")
    own = on.filter(member_id="suspect")["event_id"].to_list()
    first = explained().reasons[0]
    assert first.events == on.height > 20
    assert len(first.event_ids) == len(set(first.event_ids)) == 20
    assert set(own) <= set(first.event_ids) < set(on["event_id"])


def test_falls_are_in_order_codes_differ_and_there_are_four_at_most():
    for who in ("suspect", "farm-0-0", "farm-1-3", "alone-004"):
        reasons = explained(who).reasons
        falls = [reason.fall for reason in reasons]
        assert falls == sorted(falls, reverse=True)
        assert all(fall >= 0.05 for fall in falls)
        assert len({reason.code for reason in reasons}) == len(reasons) <= 4


def test_a_reason_whose_deletion_lowers_nothing_is_dropped():
    _, usual = farm()
    # The trees say what they said, but the score no longer listens to them, nor to the ring.
    deaf = Sum({}, base=3.0, trees=usual.trees, of_trees=0.0)
    found = explained(scorer=deaf)
    assert found.flagged
    assert found.reasons == ()
    assert found.counterfactual is None
    # A purchase less raises this score: nothing that rests on purchases is told.
    rising = Sum({"purchases": -1.0}, base=9.0, trees=usual.trees, of_trees=0.0)
    assert explained(scorer=rising).reasons == ()


def test_a_fall_that_is_not_the_reasons_own_is_none_of_its():
    graph, usual = farm()
    as_of = graph.events["time"][-1]
    # Only the ring counts: what trees say of the device falls with it, what they say of time not.
    found = explained(scorer=Sum({}, structure=1.0, trees=usual.trees, of_trees=0.0))
    assert [reason.ties for reason in found.reasons] == [(DEVICE,)] * len(found.reasons)
    apart = company(graph, as_of)
    scorer = Sum({}, structure=1.0, base=9.0, trees=usual.trees, of_trees=0.0)
    assert explained(scorer=scorer, found=apart).reasons == ()


def test_an_account_no_older_without_its_first_record_is_no_reason():
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 10, (400, 1)).astype(np.float32)
    y = (x[:, 0] < 3).astype(np.int64)
    trees = fit_trees(x[:300], y[:300], x[300:], y[300:], names=["age_days"], config=SMALL)
    market = Market()
    for n in range(5):
        market.tell("m", n)
    graph = market.graph

    def reasons(scorer):
        return explain_member(
            graph, "m", as_of=hours(4), scorer=scorer, company=company(graph, hours(4)),
            threshold=0.5,
        ).reasons  # fmt: skip

    # A record less lowers this score, but the account is as new as before.
    assert reasons(Sum({"events": 0.5}, trees=trees, of_trees=0.0)) == ()
    assert trees.contributions(np.array([[0.1]], dtype=np.float32))[0, 0] > 0.5


def test_a_member_with_nothing_gets_no_reason():
    found = explained("alone-000")
    assert not found.flagged
    assert found.reasons == ()
    assert found.counterfactual is None
    assert "NO_RING" in [one.code for one in found.against]
    lowers = [one.lowers for one in found.against]
    assert lowers == sorted(lowers, reverse=True)
    assert min(lowers) > 0


def test_reasons_need_no_trees():
    found = explained(scorer=Sum({}, structure=1.0))
    assert [(reason.code, reason.ties) for reason in found.reasons] == [
        ("SHARED_DEVICE", (DEVICE,))
    ]


def test_it_says_the_same_twice_and_is_json():
    one, two = explained().to_json(), explained().to_json()
    assert json.loads(json.dumps(one)) == one == two
    assert set(one["reasons"][0]) == {
        "code", "text", "ties", "event_ids", "events", "fall", "score_without",
    }  # fmt: skip
    assert one["counterfactual"]["ties"] == [{"type": "device", "id": "farm-0"}]
    assert one["as_of"].endswith("Z")


def test_hostile_ids_come_through_and_stay_on_one_line():
    tables = farm_tables(farm=HOSTILE, suspect=HOSTILE)
    graph, (_, scorer) = build_graph(tables), farm()
    as_of = graph.events["time"][-1]
    keys = graph.nodes["member"].keys
    ring = keys.filter(keys.str.starts_with("farm-0") | (keys == HOSTILE)).to_list()
    found = explain_member(
        graph, HOSTILE, as_of=as_of, scorer=scorer, threshold=0.5,
        company=company(graph, as_of, group(graph, ring, as_of)),
    ).to_json()  # fmt: skip
    again = json.loads(json.dumps(found))
    assert again["member_id"] == HOSTILE
    assert again["reasons"][0]["ties"] == [{"type": "device", "id": HOSTILE}]
    assert again["counterfactual"]["ties"] == [{"type": "device", "id": HOSTILE}]
    for reason in again["reasons"]:
        assert reason["text"].isprintable()
        assert len(reason["text"]) <= 300


def test_other_evidence_comes_before_more_about_the_same():
    columns = ["device_members_max", "joined_together_max", "neighbours", "shared_rarity",
               "shared_identifiers", "soon", "refunds_30d"]  # fmt: skip
    columns[5] = "neighbours_signup_1d"
    rng = np.random.default_rng(1)
    x = rng.integers(0, 9, (900, len(columns))).astype(np.float32)
    y = (x @ np.array([3, 3, 3, 3, 3, 3, 1.0]) > 80).astype(np.int64)
    trees = fit_trees(x[:600], y[:600], x[600:], y[600:], names=columns, config=SMALL)
    market = Market()
    for n in range(8):
        market.tell(f"m-{n}", n, "login", device_id="d", ip="i")
    for n in range(8):
        market.tell("m-7", 20 + n, "refund", product_id="p")
    graph = market.graph
    as_of = graph.events["time"][-1]
    found = explain_member(
        graph, "m-7", as_of=as_of, scorer=Sum({}, trees=trees), threshold=0.1,
        company=company(graph, as_of),
    )  # fmt: skip
    falls = {reason.code: reason.fall for reason in found.reasons}
    assert len(falls) == 4
    assert min(falls, key=falls.get) == "REFUNDS"
    assert {reason.code: reason.events for reason in found.reasons}["REFUNDS"] == 8


def test_what_is_wrong_is_said():
    graph, scorer = farm()
    as_of = graph.events["time"][-1]
    found = farm_company(graph, as_of)

    def ask(who="suspect", moment=as_of, rings=found):
        return explain_member(
            graph, who, as_of=moment, scorer=scorer, company=rings, threshold=0.5
        )  # fmt: skip

    with pytest.raises(UsageError, match="no member nobody"):
        ask("nobody")
    with pytest.raises(ValueError, match="time zone"):
        ask(moment=as_of.replace(tzinfo=None))
    with pytest.raises(UsageError, match="rings are as of"):
        ask(moment=as_of - timedelta(days=1))
    early = graph.events["time"][0]
    later = graph.nodes["member"].keys[int(graph.events["member"][-1])]
    with pytest.raises(UsageError, match=r"no member .* by 2024"):
        ask(later, early, company(graph, early))
    other = Market()
    other.tell("m", 1)
    with pytest.raises(UsageError, match="other members"):
        ask(rings=company(other.graph, as_of))


EVERYTHING = Sum(
    {"events": 0.3, "device_members": 0.7, "ip_flagged": 1.1, "neighbours": 0.4, "spent": 0.01,
     "two_hop": 0.2, "link_partners": 0.5, "bought_buyers_max": 0.3, "identifiers": 0.6},
    structure=0.5, base=-2.0,
)  # fmt: skip


def read_out(graph, number, moment):
    scorer = Sum(EVERYTHING.weights, structure=0.5, base=-2.0, trees=random_trees())
    return explain_member(
        graph, f"m-{number}", as_of=at(moment), scorer=scorer, threshold=0.3,
        company=membership(graph, as_of=at(moment)),
    ).to_json()  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(shop=shops, late=shops, number=st.integers(0, 4), moment=moments)
def test_a_microsecond_later_changes_nothing(shop, late, number, moment):
    assume(
        any(a.member == number and a.time <= moment and a.kind != "chargeback" for a in shop.acts)
    )
    before = graph_of(shop)
    assert dense(before, number) is not None
    after = graph_of(shop.plus(late.later(moment)))
    assert read_out(before, number, moment) == read_out(after, number, moment)


@pytest.fixture(scope="module")
def busy():
    made = make_marketplace(SimulateConfig(members=1_500, seed=6, difficulty="easy"))
    graph = build_graph(made.tables)
    return graph, membership(graph, as_of=graph.events["time"][-1]), known_flags(graph), made.tables


def test_in_a_market_scores_are_the_models_and_every_ring_member_has_a_reason(busy):
    graph, rings, flags, _ = busy
    as_of = graph.events["time"][-1]
    scorer = Sum({"device_members_max": 0.2, "card_members_max": 0.2}, structure=1.0, trees=random_trees(), of_trees=0.3)  # fmt: skip
    members = np.flatnonzero(rings.believed)[::4]
    features = AsOf(graph, flags=flags).members(members, np.full(len(members), microseconds(as_of)))
    scores = scorer.probability(scorer.risks(features, rings.score[members].astype(np.float64)))
    for member, value in zip(members.tolist(), scores.tolist(), strict=True):
        found = explain_member(
            graph, graph.nodes["member"].keys[member], as_of=as_of, scorer=scorer, company=rings,
            threshold=0.6, flags=flags,
        )  # fmt: skip
        assert found.score == pytest.approx(value, abs=1e-12)
        assert found.reasons
        assert all(reason.score_without < found.score for reason in found.reasons)
        assert all(reason.event_ids for reason in found.reasons)
        assert any(reason.ties for reason in found.reasons)


def test_what_clears_by_rule_clears_when_rings_are_found_anew(busy):
    graph, rings, flags, tables = busy
    as_of = graph.events["time"][-1]
    scorer = Sum({}, structure=1.0)
    agreed = []
    for member in np.flatnonzero(rings.believed)[::9].tolist():
        who = graph.nodes["member"].keys[member]
        found = explain_member(
            graph, who, as_of=as_of, scorer=scorer, company=rings, threshold=0.6, flags=flags
        ).counterfactual  # fmt: skip
        if found is not None:
            left = build_graph(without_ties(tables, who, found.ties))
            again = membership(left, as_of=as_of)
            agreed.append(not again.believed[left.nodes["member"].keys.index_of(who)])
    assert len(agreed) >= 5
    assert np.mean(agreed) > 0.75


def test_the_first_moment_is_enough():
    market = Market()
    market.tell("m-0", 1, "purchase", device_id="d", product_id="p")
    market.tell("m-1", 1, "purchase", device_id="d", product_id="p")
    graph = market.graph
    found = explain_member(
        graph, "m-1", as_of=hours(1), scorer=Sum({"device_members_max": 3.0}, base=-1.0),
        company=company(graph, hours(1)), threshold=0.5,
    )  # fmt: skip
    assert found.counterfactual is not None
    assert found.counterfactual.ties == (("device", "d"),)


def test_who_has_no_record_of_its_own_is_explained_too():
    market = Market()
    market.tell("m-0", 1, "login", device_id="d")
    market.tell("m-1", 2, "chargeback")
    graph = market.graph
    found = explain_member(
        graph, "m-1", as_of=hours(2), scorer=Sum({}, base=2.0, trees=random_trees(), of_trees=0.0),
        company=company(graph, hours(2)), threshold=0.5,
    )  # fmt: skip
    assert found.flagged
    assert (found.reasons, found.counterfactual) == ((), None)
