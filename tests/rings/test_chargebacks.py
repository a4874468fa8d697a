"""Groups around known chargebacks, and chains of accounts in turn."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from graphml.graph.build import build_graph
from graphml.rings.chargebacks import charged_groups
from graphml.rings.groups import Groups
from graphml.rings.market import market_of
from graphml.rings.merging import confirmed, merged
from graphml.rings.turns import chains_in_turn
from graphml.tables.frames import Tables
from tests.rings.small import Market, at, group

NOTHING = Groups(groups=(), threshold=0.5)


def names(market: Market, groups) -> list[list[str]]:
    keys = market.graph.nodes["member"].keys
    return sorted(keys.gather(found.members).to_list() for found in groups)


def charged(market: Market, found: Groups = NOTHING, as_of=None, allow=frozenset()):
    graph = market.graph
    graph = graph.until(as_of or graph.events["time"].max())
    return charged_groups(graph, found, market_of(graph), allow=allow)


@pytest.fixture
def market() -> Market:
    """A chargeback, a device, a second member, a card, a third, a card, a fourth."""
    market = Market()
    market.tell("m-1", 1, "purchase", device_id="d-1", card="k-1", order_id="o-1")
    market.tell("m-2", 2, device_id="d-1", card="k-2")
    market.tell("m-3", 3, card="k-2", device_id="d-3")
    market.tell("m-4", 4, device_id="d-3")
    market.tell("x-1", 5, device_id="d-9")
    market.tell("x-2", 6, device_id="d-9")
    market.tell("m-1", 50, "chargeback", order_id="o-1")
    return market


def test_two_hops_from_a_chargeback_and_no_farther(market):
    found = charged(market)
    assert names(market, found) == [["m-1", "m-2", "m-3"]]
    assert {value.type for value in found[0].values} == {"device", "card"}
    assert 0.5 < found[0].score < 1


def test_before_the_chargeback_there_is_none(market):
    assert charged(market, as_of=at(49.99)) == []


def test_allowed_identifiers_and_members_tie_nobody(market):
    allow = frozenset({("card", "k-2")})
    assert names(market, charged(market, allow=allow)) == [["m-1", "m-2"]]
    assert charged(market, allow=frozenset({("member", "m-2")})) == []


def test_a_hub_ties_nobody(market):
    for n in range(4):
        market.tell(f"guest-{n}", 7, device_id="d-1")
    assert charged(market) == []


def test_a_type_that_the_data_speak_against_ties_nobody(market):
    for n in range(8):
        for person in "ab":
            market.tell(
                f"{person}-{n}", n, "purchase", device_id=f"home-{n}", order_id=f"{person}{n}"
            )
        market.tell(f"a-{n}", 60 + n, "chargeback", order_id=f"a{n}")
    assert not any("a-1" in members for members in names(market, charged(market)))
    assert names(market, charged(market)) == []


def test_members_of_a_group_believed_in_stay_there(market):
    believed = group(market.graph, ["m-2", "m-4"], at(99), score=0.8)
    found = Groups(groups=(believed,), threshold=0.5)
    assert charged(market, found) == []
    weak = Groups(
        groups=(group(market.graph, ["m-2", "m-4", "x-1"], at(99), score=0.1),), threshold=0.5
    )
    both = merged(weak, charged(market, weak))
    assert names(market, both.groups) == [["m-1", "m-2", "m-3"], ["m-4", "x-1"]]
    assert both.groups[0].score > both.groups[1].score


def test_a_label_counts_like_a_chargeback(market):
    tables = market.tables
    events = tables.events.filter(pl.col("kind") != "chargeback")
    labels = pl.DataFrame({"member_id": ["x-2"], "label": [1], "known_at": [at(40)]})
    graph = build_graph(Tables(events=events, labels=labels))
    found = charged_groups(graph, NOTHING, market_of(graph), allow=frozenset())
    assert names(market, found) == [["x-1", "x-2"]]


def test_labels_speak_against_no_identifier(market):
    """Beside a chargeback, labels in families whose others are honest lower no trust."""
    for n in range(9):
        for person in "ab":
            market.tell(f"{person}-{n}", n, device_id=f"home-{n}", card=f"{person}-{n}")
    alone = charged(market)
    labels = pl.DataFrame({"member_id": [f"a-{n}" for n in range(9)], "label": 1}).with_columns(
        known_at=pl.lit(at(55))
    )
    graph = build_graph(replace(market.tables, labels=labels)).until(at(60))
    told = charged_groups(graph, NOTHING, market_of(graph), allow=frozenset())
    scores = {tuple(found.members.tolist()): found.score for found in told}
    assert scores[tuple(alone[0].members.tolist())] >= alone[0].score
    assert len(told) == 10


def test_a_candidate_of_labelled_members_is_believed(market):
    members = group(market.graph, ["m-2", "m-4", "x-1", "x-2"], at(99), score=0.1)
    found = Groups(groups=(members,), threshold=0.5)
    for count, score in ((1, 0.1), (2, 0.5), (4, 0.5)):
        raised = confirmed(found, members.members[:count].tolist()).groups[0]
        assert raised.score == score
    assert (
        confirmed(replace(found, groups=(replace(members, score=0.7),)), members.members.tolist())
        .groups[0]
        .score
        == 0.7
    )


CHAIN = [("a", "device_id", "d"), ("b", "card", "k"), ("c", "address_id", "h")]


def chain(market: Market, gap: float = 10.0) -> Market:
    for n, (before, column, value) in enumerate(CHAIN):
        following = "bcd"[n]
        market.tell(before, n * gap + 5, **{column: value})
        market.tell(following, (n + 1) * gap, **{column: value})
    return market


def test_accounts_in_turn_are_a_chain():
    market = chain(Market())
    found = chains_in_turn(market.graph, allow=frozenset(), score=0.5)
    assert names(market, found) == [["a", "b", "c", "d"]]
    assert [value.type for value in found[0].values] == ["device", "card", "address"]
    assert not chains_in_turn(market.graph, allow=frozenset({("card", "k")}), score=0.5)
    assert not chains_in_turn(market.graph.until(at(29)), allow=frozenset(), score=0.5)


@pytest.mark.parametrize(
    "extra",
    [
        {"member": "a", "hours": 25.0},  # a lives on while c and d act
        {"member": "z", "hours": 12.0, "device_id": "d"},  # a third uses the device
    ],
)
def test_lives_at_the_same_time_or_values_of_many_are_no_chain(extra):
    market = chain(Market())
    market.tell(extra.pop("member"), extra.pop("hours"), **extra)
    assert not chains_in_turn(market.graph, allow=frozenset(), score=0.5)


def test_what_others_do_to_an_account_is_not_its_life():
    market = chain(Market())
    market.tell("a", 99, "chargeback")
    assert len(chains_in_turn(market.graph, allow=frozenset(), score=0.5)) == 1


def test_the_same_type_twice_running_is_no_chain():
    market = Market()
    for n in range(3):
        market.tell("abcd"[n], n * 10 + 5, device_id=f"d-{n}")
        market.tell("abcd"[n + 1], (n + 1) * 10, device_id=f"d-{n}")
    assert not chains_in_turn(market.graph, allow=frozenset(), score=0.5)


def test_a_long_chain_takes_no_recursion():
    market = Market()
    columns = ("device_id", "card", "phone")
    for n in range(2_000):
        market.tell(f"m-{n:04}", n * 2 + 1, **{columns[n % 3]: f"v-{n}"})
        market.tell(f"m-{n + 1:04}", n * 2 + 2, **{columns[n % 3]: f"v-{n}"})
    found = chains_in_turn(market.graph, allow=frozenset(), score=0.5)
    assert len(found) == 1
    assert len(found[0].members) == 2_001
