"""What comes later, the own flag, other rows and an order's own records change no bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from graphml.config import SimulateConfig
from graphml.errors import UsageError
from graphml.graph.build import build_graph
from graphml.graph.nodes import NEVER, microseconds
from graphml.schema import plain_schema
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.aggregates import AsOf, Flags
from graphml.tabular.flags import known_flags
from tests.graph.marketplace import at
from tests.properties.future import future, together
from tests.tabular import oracle
from tests.tabular.shop import (
    DAY,
    EPOCH,
    HOUR,
    Act,
    Label,
    Link,
    Shop,
    dense,
    event_row,
    graph_of,
    moments,
    named,
    shops,
)

quick = settings(max_examples=50, deadline=None)
members = st.integers(0, 4)


def bits(features):
    """Return the bits of all numbers, so that not a digit nor a NaN may differ."""
    return features.values.view(np.uint32).tolist()


def look(graph, member, as_of, **options):
    node = dense(graph, member)
    if node is None:
        reject()
    return bits(
        AsOf(graph, threads=1, **options).members(np.array([node]), np.array([EPOCH + as_of]))
    )


def flags_of(shop, graph):
    """Return the flags of a shop for a graph of a part of it."""
    since = {m: oracle.known_since(shop, m) for m in range(5) if dense(graph, m) is not None}
    known = {dense(graph, member): time for member, time in since.items() if time < np.inf}
    return Flags(
        member=np.array(list(known), dtype=np.int64),
        known_at=np.array([EPOCH + time for time in known.values()], dtype=np.int64),
    )


def aimed(shop, member):
    """Return the shop with everything about ``member`` alone, or about others who are new."""
    acts = tuple(replace(a, member=member if a.member < 3 else 10 + a.member) for a in shop.acts)
    labels = tuple(x if x.member is None else replace(x, member=member) for x in shop.labels)
    return Shop(acts, labels, tuple(replace(x, member=member) for x in shop.links))


@quick
@given(shops, shops, members, moments)
def test_the_future_changes_nothing(shop, late, member, as_of):
    whole = shop.plus(aimed(late, member).later(as_of))
    assert look(graph_of(whole), member, as_of) == look(graph_of(shop), member, as_of)


@quick
@given(shops, shops, members, moments)
def test_the_future_of_others_changes_nothing(shop, late, member, as_of):
    whole = graph_of(shop.plus(late.later(as_of)))
    assert look(whole, member, as_of) == look(graph_of(shop), member, as_of)


def test_a_microsecond_is_seen():
    """What the test above would miss if it could not fail: the same search one step further."""
    shop = Shop(named([Act(0, 0, device=0), Act(1, 0, device=0)]))
    for late in (
        Shop((Act(0, 0, "purchase"),)),
        Shop((Act(2, 0, device=0),)),
        Shop((), (Label(0, member=1),)),
        Shop((), (), (Link(0, 1, 0),)),
    ):
        whole = graph_of(shop.plus(late.later(5)))
        assert look(whole, 0, 5) == look(graph_of(shop), 0, 5)
        assert look(whole, 0, 6) != look(graph_of(shop), 0, 6)


@quick
@given(shops, members, moments)
def test_a_graph_cut_at_the_moment_gives_the_same(shop, member, as_of):
    graph = graph_of(shop)
    assert look(graph.until(at(as_of)), member, as_of) == look(graph, member, as_of)


@quick
@given(shops, members, moments, moments)
def test_the_own_flag_never_matters(shop, member, as_of, known):
    graph = graph_of(shop)
    assume((node := dense(graph, member)) is not None)
    flags = flags_of(shop, graph)
    others = flags.member != node
    without = Flags(member=flags.member[others], known_at=flags.known_at[others])
    more = Flags(
        member=np.append(without.member, node), known_at=np.append(without.known_at, EPOCH + known)
    )
    expected = look(graph, member, as_of, flags=without)
    assert look(graph, member, as_of, flags=more) == expected
    assert look(graph, member, as_of) == expected
    charged = [a for a in shop.acts if a.kind == "chargeback" and a.member == member]
    spared = graph_of(replace(shop, acts=tuple(a for a in shop.acts if a not in charged)))
    if dense(spared, member) is not None and len(spared.nodes["member"]) == len(
        graph.nodes["member"]
    ):
        assert look(spared, member, as_of, flags=without) == expected


@quick
@given(shops, st.lists(st.tuples(members, moments), min_size=1, max_size=12), st.randoms())
def test_rows_do_not_depend_on_one_another(shop, asked, chance):
    graph = graph_of(shop)
    rows = [(n, EPOCH + t) for m, t in asked if (n := dense(graph, m)) is not None]
    assume(rows)
    alone = [bits(AsOf(graph, threads=1).members(*np.array([row]).T))[0] for row in rows]
    order = list(range(len(rows))) * 2
    chance.shuffle(order)
    many = AsOf(graph, threads=3).members(*np.array([rows[i] for i in order]).T)
    assert bits(many) == [alone[i] for i in order]


@quick
@given(shops, st.data())
def test_an_order_sees_neither_itself_nor_its_order_nor_what_is_later(shop, data):
    asked = [a for a in shop.acts if a.kind in ("purchase", "review")]
    assume(asked)
    act = data.draw(st.sampled_from(asked))
    graph = graph_of(shop)
    found = AsOf(graph, flags=flags_of(shop, graph)).orders(np.array([event_row(graph, act)]))
    past = tuple(a for a in shop.acts if a.time < act.time)
    alone = replace(replace(shop, acts=past).without(own=act), labels=())
    alone = replace(alone, acts=(*alone.acts, act))
    small = graph_of(alone)
    # Links may name members whom no record names.
    again = AsOf(small, flags=flags_of(shop, small)).orders(np.array([event_row(small, act)]))
    assert bits(again) == bits(found)
    before = graph_of(replace(alone, acts=alone.acts[:-1]))
    if dense(before, act.member) is not None and alone.acts[:-1]:
        told = look(before, act.member, act.time - 1, flags=flags_of(shop, before))[0]
        assert bits(found)[0][: len(told)] == told


@quick
@given(shops, members, moments, st.sampled_from([-5_000, -1, 400_000]))
def test_whole_weeks_earlier_or_later_everything_looks_the_same(shop, member, as_of, weeks):
    """Back to before 1970, where microseconds are negative, and on to the far end of time."""
    moved = weeks * 7 * DAY
    other = Shop(
        tuple(replace(a, time=a.time + moved) for a in shop.acts),
        tuple(replace(x, known=x.known + moved) for x in shop.labels),
        tuple(replace(x, time=x.time + moved) for x in shop.links),
    )
    assert look(graph_of(other), member, as_of + moved) == look(graph_of(shop), member, as_of)


def test_an_order_that_brought_the_member_to_a_device_is_forgotten_there_too():
    acts = named(
        [
            Act(0, 0, "purchase", device=0, order=1),
            Act(1, HOUR, device=0),
            Act(0, 3 * HOUR, device=0),
            Act(0, 4 * HOUR, "purchase", device=0, order=1),
        ]
    )
    found = AsOf(graph_of(Shop(acts))).orders(np.array([3]))
    assert found["events"][0] == 1
    assert found["first_share"][0] == 0
    assert found["hours_after_other"][0] == 2
    assert found["identifier_age_max"][0] == pytest.approx(2 / 24)
    assert found["order_device_new"][0] == 0
    assert found["order_device_members"][0] == 1


def test_an_own_order_makes_no_hub():
    crowd = [Act(number, number, device=5) for number in range(1, 17)]
    friends = [Act(0, 20, device=1), Act(1, 20, device=1)]
    asked = Act(0, 40, "purchase", device=5, order=1)
    earlier = replace(asked, time=30)
    for acts in ([*crowd, *friends, asked], [*crowd, *friends, earlier, asked]):
        found = AsOf(graph_of(Shop(named(acts)))).orders(np.array([len(acts) - 1]))
        assert found["neighbours"][0] == 1
        assert found["two_hop"][0] == 15


def test_another_order_of_the_member_is_seen():
    acts = named(
        [Act(0, 1, "purchase", device=0, order=1), Act(0, 2, "purchase", device=0, order=2)]
    )
    for order, events in ((1, 0), (2, 1)):
        graph = graph_of(Shop((acts[0], replace(acts[1], order=order))))
        found = AsOf(graph).orders(np.array([1]))
        assert found["events"][0] == events
        assert found["order_device_new"][0] == 1 - events


def test_whole_markets_keep_every_bit_when_they_go_on():
    market = make_marketplace(SimulateConfig(members=250, seed=5)).tables
    as_of = market.events["time"].sort()[int(0.8 * market.events.height)]
    graph = build_graph(market)
    more = build_graph(together(market, future(market, as_of, seed=3), seed=4))
    cut = graph.until(as_of)
    keys = cut.nodes["member"].keys.filter(cut.nodes["member"].present)
    found = []
    for each in (cut, graph, more):
        place = {key: number for number, key in enumerate(each.nodes["member"].keys)}
        nodes = np.array([place[key] for key in keys])
        moment = np.full(len(nodes), microseconds(as_of))
        found.append(bits(AsOf(each).members(nodes, moment)))
    assert found[1] == found[0]


def test_flags_are_those_of_the_labels_where_no_purchase_follows_its_label():
    graph = build_graph(make_marketplace(SimulateConfig(members=1_500, seed=7)).tables)
    since = known_flags(graph).since(len(graph.nodes["member"]))
    frauds = graph.labels.filter(label=1).drop_nulls("member")
    expected = np.full(len(since), NEVER)
    for member, known in zip(frauds["member"], frauds["known_at"].dt.epoch("us"), strict=True):
        expected[member] = min(expected[member], known)
    assert (expected < NEVER).sum() > 3
    assert since.tolist() == expected.tolist()


def test_a_purchase_after_its_label_moves_no_flag():
    acts = [
        Act(1, 0, "view", order=7),
        Act(0, 0, device=0),
        Act(1, 0, device=0),
        Act(2, 0, device=0),
    ]
    late = Act(2, 10, "purchase", order=7)
    shop = Shop(named([*acts, late]), (Label(5, order=7),))
    graph = graph_of(shop)
    assert known_flags(graph).member.tolist() == [1]
    assert look(graph, 0, 5) == look(graph.until(at(5)), 0, 5)


def test_a_graph_without_time_is_refused():
    graph = graph_of(Shop(named([Act(0, 0)])))
    timeless = replace(graph, events=graph.events.with_columns(time=graph.events["time"].clear(1)))
    with pytest.raises(UsageError, match="without time"):
        AsOf(timeless)


def test_a_graph_of_something_else_is_refused():
    graph = graph_of(Shop(named([Act(0, 0)])))
    papers = plain_schema(("member",), (("member", "cites", "member"),))
    for other in (replace(graph, nodes={}), replace(graph, schema=papers)):
        with pytest.raises(UsageError, match="marketplace"):
            AsOf(other)
