"""Every aggregate beside an oracle that knows no arrays, on markets where windows touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import UsageError
from graphml.graph.build import build_graph
from graphml.tabular.aggregates import AGGREGATES, AsOf, Flags, aggregates_table
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
    tables_of,
)

quick = settings(max_examples=100, deadline=None)
FAR = EPOCH + 400 * DAY


def check(features, expected):
    """Compare the first row; a name that the oracle leaves out is undefined."""
    wanted = np.array([expected.get(name, np.nan) for name in features.names], dtype=np.float64)
    values = features.values[0].astype(np.float64)
    wrong = ~np.isclose(values, wanted, rtol=1e-5, atol=2e-6, equal_nan=True)
    told = {features.names[i]: (values[i], wanted[i]) for i in np.flatnonzero(wrong)}
    assert not told


def one(graph, member, as_of, **options):
    node = np.array([dense(graph, member)])
    return AsOf(graph, threads=1, **options).members(node, np.array([EPOCH + as_of]))


def compare(shop, graph, asked):
    """Compare members at moments with the oracle."""
    nodes = np.array([dense(graph, member) for member, _ in asked], dtype=np.int64)
    times = np.array([time for _, time in asked], dtype=np.int64)
    found = AsOf(graph, threads=1).members(nodes, EPOCH + times)
    for row, (member, time) in enumerate(asked):
        one_row = replace(found, values=found.values[row : row + 1])
        check(one_row, oracle.described(shop, member, time))


def rich() -> Shop:
    """Return a market in which every aggregate of member 0 is defined, and none by chance."""
    base = {"device": 0, "address": 0, "ip": 0, "card": 0, "phone": 0, "email": 0}
    bought = {"product": 0, "amount": 4.0, "currency": "EUR", "quantity": 1, "points": 3.0}
    acts = [
        Act(4, 0, "purchase", **bought, device=1, order=9),
        Act(1, 5, "purchase", **base, **bought, order=1),
        Act(1, 6, "review", **base, product=0, rating=2.0),
        Act(0, HOUR, "view", **base, product=0),
        Act(0, 2 * HOUR, "purchase", **base, **bought, order=2),
        Act(0, 3 * HOUR, "purchase", **base, **{**bought, "amount": 9.0}, order=2, coupon=0),
        Act(0, DAY, "review", **base, product=0, rating=5.0),
        Act(2, DAY + 7, "login", device=1, card=0),
        Act(0, 2 * DAY, "refund", **base, **bought, order=2),
        Act(3, 2 * DAY, "login", device=1),
    ]
    labels = (Label(3 * DAY, member=3), Label(2 * DAY, order=1))
    return Shop(named(acts), labels, (Link(0, 1, 5), Link(1, 0, 9), Link(2, 0, 11)))


@settings(max_examples=60, deadline=None)
@given(shops, st.lists(moments, min_size=3, max_size=3))
def test_members_look_as_the_oracle_says(shop, times):
    graph = graph_of(shop)
    asked = [(m, t) for m in range(5) if dense(graph, m) is not None for t in times]
    compare(shop, graph, asked)


@quick
@given(shops, st.data())
def test_orders_look_as_the_oracle_says(shop, data):
    asked = [act for act in shop.acts if act.kind in ("purchase", "review")]
    if not asked:
        return
    act, graph = data.draw(st.sampled_from(asked)), graph_of(shop)
    found = AsOf(graph, threads=1).orders(np.array([event_row(graph, act)]))
    expected = oracle.described(shop, act.member, act.time - 1, hidden=act)
    check(found, expected | oracle.order(shop, act))


def test_the_oracle_knows_every_aggregate_and_a_rich_market_defines_it():
    shop = rich()
    expected = oracle.described(shop, 0, 4 * DAY) | oracle.order(shop, shop.acts[5])
    assert set(AGGREGATES) <= set(expected)
    graph = graph_of(shop)
    found = one(graph, 0, 4 * DAY)
    check(found, expected)
    undefined = {name for name in found.names if np.isnan(found[name][0])}
    assert undefined == set()
    bought = AsOf(graph).orders(np.array([event_row(graph, shop.acts[5])]))
    check(
        bought,
        oracle.described(shop, 0, 3 * HOUR - 1, shop.acts[5]) | oracle.order(shop, shop.acts[5]),
    )


def test_every_moment_of_the_rich_market_and_its_neighbours_on_both_sides():
    """Where chance seldom steps: right before, at and after each record, link and label."""
    shop = rich()
    graph = graph_of(shop)
    happened = [*(a.time for a in shop.acts), *(x.known for x in shop.labels)]
    happened += [x.time for x in shop.links]
    times = sorted({time + step for time in happened for step in (-1, 0, 1)})
    compare(shop, graph, [(member, time) for member in range(5) for time in times])


def test_planted_answers():
    """Four members on one device within an hour, one of them found fraudulent two days later."""
    acts = [Act(number, number * HOUR // 4, "signup", device=0) for number in range(4)]
    acts += [Act(9, 0, "signup", device=5)]
    shop = Shop(named(acts), (Label(2 * DAY, member=2),))
    graph = graph_of(shop)
    before, then = one(graph, 3, 2 * DAY - 1), one(graph, 3, 2 * DAY)
    for name, early, late in (
        ("device_members_max", 3, 3),
        ("device_flagged", 0, 1),
        ("device_flagged_share", 0, 1 / 3),
        ("neighbours_flagged", 0, 1),
        ("joined_together_max", 3, 3),
        ("hours_after_other", 0.25, 0.25),
        ("first_share", 0, 0),
        ("neighbours_signup_hours", 0.25, 0.25),
    ):
        assert before[name][0] == pytest.approx(early), name
        assert then[name][0] == pytest.approx(late), name
    own = one(graph, 2, 2 * DAY)
    assert own["device_flagged"][0] == 0
    assert one(graph, 9, 2 * DAY)["neighbours"][0] == 0


def test_together_is_within_a_day_to_the_microsecond_on_both_sides():
    times = {0: 2 * DAY, 1: DAY - 1, 2: DAY, 3: 3 * DAY, 4: 3 * DAY + 1}
    graph = graph_of(Shop(named([Act(member, time, card=0) for member, time in times.items()])))
    assert one(graph, 0, 9 * DAY)["joined_together_max"][0] == 2
    assert one(graph, 0, 9 * DAY)["neighbours_signup_1d"][0] == 2
    assert one(graph, 0, 3 * DAY - 1)["joined_together_max"][0] == 1


def test_only_the_latest_members_of_a_hub_are_neighbours_and_no_step_leads_through_it():
    crowd = [Act(number, number, "login", ip=0) for number in range(1, 101)]
    crowd += [Act(1, 500, "login", device=1), Act(100, 600, "login", device=2)]
    crowd += [Act(200, 700, "login", device=2), Act(201, 700, "login", device=1)]
    shop = Shop(
        named([*crowd, Act(0, 50, "login", ip=0)]), (Label(40, member=37), Label(40, member=36))
    )
    found = one(graph_of(shop), 0, DAY)
    assert found["ip_members_max"][0] == 100
    assert found["neighbours"][0] == 64
    assert found["neighbours_flagged"][0] == 1  # 37 … 100, but not 36
    assert found["two_hop"][0] == 1  # 200 beside 100; 1, beside 201, came too early


def test_what_is_looked_at_is_bounded_and_the_latest_counts():
    def asked(acts):
        return one(graph_of(Shop(named(acts))), 0, DAY)

    both = [Act(0, 0, ip=0), Act(1, 0, ip=0)]
    bought = [Act(1, n + 1, "purchase", product=n) for n in range(70)]
    for product, common in ((5, 0), (6, 1)):
        found = asked([*both, *bought, Act(0, 100, "purchase", product=product)])
        assert found["neighbours_bought"][0] == common

    devices = [Act(0, 10 + n, device=n) for n in range(70)]
    for device, neighbours in ((5, 0), (6, 1)):
        assert asked([*devices, Act(1, 0, device=device)])["neighbours"][0] == neighbours

    cards = [Act(1, 10 + n, card=n) for n in range(10)]
    strangers = [Act(20 + n, 0, card=n) for n in range(10)]
    assert asked([*both, *cards, *strangers])["two_hop"][0] == 8

    crowds = [Act(100 * place + n, n, ip=place) for place in (1, 2) for n in range(40)]
    behind = [Act(act.member + 50, 0, phone=act.member) for act in crowds]
    phones = [Act(act.member, 0, phone=act.member) for act in crowds]
    found = asked([*crowds, *behind, *phones, Act(0, 50, ip=1), Act(0, 51, ip=2)])
    assert found["neighbours"][0] == 80
    assert found["two_hop"][0] == 64


def test_the_currency_used_most_counts_and_of_equals_the_first():
    def paid(number, amount, currency):
        return Act(0, number, "purchase", product=0, amount=amount, currency=currency)

    acts = [paid(1, 100.0, "JPY"), paid(2, 1.0, "EUR"), paid(3, 2.0, "EUR"), paid(4, 300.0, "JPY")]
    graph = graph_of(Shop(named(acts)))
    assert [one(graph, 0, t)["spent"][0] for t in (1, 2, 3, 4)] == [100, 100, 3, 400]


def test_a_price_is_measured_by_what_others_paid_strictly_before():
    def paid(member, time, amount, currency="EUR", quantity=1):
        return Act(
            member, time, "purchase", product=0, amount=amount, currency=currency, quantity=quantity
        )

    acts = named(
        [
            paid(1, 5, 2.0),
            paid(2, 5, 16.0, quantity=2),  # together a usual price of 4
            paid(3, 5, 99.0, "USD"),
            paid(0, 6, 40.0),
            paid(0, 7, 24.0, quantity=3),  # the own 40 counts for nothing
        ]
    )
    found = AsOf(graph_of(Shop(acts))).orders(np.arange(5))
    expected = [np.nan, np.nan, np.nan, np.log(10), np.log(2)]
    assert found["order_dearness"] == pytest.approx(expected, nan_ok=True)


def test_a_seller_that_changes_counts_at_no_moment():
    shop = Shop(named([Act(0, 1, "purchase", product=0), Act(0, 2, "purchase", product=1)]))
    tables = tables_of(shop)
    changes = tables.products.with_columns(
        valid_from=pl.when(pl.col("product_id") == "p-1").then(tables.events["time"][0])
    )
    found = one(build_graph(replace(tables, products=changes)), 0, DAY)
    assert found["sellers_bought"][0] == 1
    assert one(graph_of(shop), 0, DAY)["sellers_bought"][0] == 2


def test_members_without_a_record_by_then_have_counts_of_nought_and_no_age():
    found = one(graph_of(rich()), 2, 0)
    assert found["events"][0] == found["neighbours"][0] == found["device_members"][0] == 0
    assert np.isnan(found["age_days"][0])


def test_columns_are_the_same_whatever_the_graph_has():
    bare = graph_of(Shop(named([Act(0, 0)])))
    assert one(bare, 0, 1).names == one(graph_of(rich()), 0, 1).names
    assert AsOf(bare).orders(np.empty(0, np.int64)).names == tuple(AGGREGATES)
    assert AsOf(bare).orders(np.empty(0, np.int64)).values.shape == (0, len(AGGREGATES))
    assert AsOf(bare).members(np.empty(0, np.int64), np.empty(0, np.int64)).values.shape[0] == 0


def test_rows_and_flags_that_do_not_fit_are_refused():
    graph = graph_of(rich())
    asof, row = AsOf(graph), np.array([0])
    login = graph.events["kind"].index_of("view")
    for wrong in (
        lambda: asof.members(np.array([5_000]), row),
        lambda: asof.members(np.array([-1]), row),
        lambda: asof.members(row, np.array([0, 1])),
        lambda: asof.members(row, np.array([2**62])),
        lambda: asof.members(np.array([0.5]), row),
        lambda: asof.members(np.array([[0]]), row),
        lambda: asof.orders(np.array([graph.events.height])),
        lambda: asof.orders(np.array([login])),
        lambda: AsOf(graph, flags=Flags(member=row, known_at=np.array([1, 2]))),
        lambda: AsOf(graph, flags=Flags(member=np.array([99]), known_at=row)),
    ):
        with pytest.raises(UsageError) as raised:
            wrong()
        assert raised.value.hint


def test_a_chargeback_is_no_order():
    graph = graph_of(
        Shop(named([Act(0, 1, "purchase", order=0), Act(0, 2, "chargeback", order=0)]))
    )
    with pytest.raises(UsageError, match="chargeback"):
        AsOf(graph).orders(np.array([1]))


def test_codes_and_reasons_come_together_and_can_be_filled_in():
    assert len(AGGREGATES) == len(set(AGGREGATES))
    for name, aggregate in AGGREGATES.items():
        assert aggregate.name == name
        assert aggregate.definition.endswith(".")
        assert (aggregate.code is None) == (aggregate.reason is None)
        if aggregate.reason is not None:
            aggregate.reason.format(value=1.5)
            assert aggregate.code.replace("_", "").isupper()
    assert aggregates_table().count("\n") == len(AGGREGATES) + 2
