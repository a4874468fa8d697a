"""A history is what happened by a moment, in baskets as members filled them."""

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings

from graphml.graph.build import build_graph
from graphml.recommend.history import KINDS, History
from tests.recommend.small import TALE, Act, acts, day, graph_of, numbers, shop


def told(history):
    """Return what a history says, event by event, without dense ids."""
    members, products = (numbers(history.graph.nodes[name]) for name in ("member", "product"))
    return [
        (members[m], products[p], int(t), KINDS[k])
        for m, p, t, k in zip(
            history.member, history.product, history.time, history.kind, strict=True
        )
    ]


def counted(acts, until=120.0):
    """Return the acts that count, in the order of the graph's events."""
    there = [act for act in acts if act.day <= until and act.kind in KINDS]
    return sorted(there, key=lambda act: act.day)


def micro(days):
    return int(day(days).timestamp() * 1_000_000)


@settings(max_examples=100, deadline=None)
@given(acts())
def test_events_units_and_prices_are_those_that_count(made):
    history = History.of(graph_of(made, until=60.0))
    rows = counted(made, until=60.0)
    assert told(history) == [(a.member, a.product, micro(a.day), a.kind) for a in rows]
    assert history.units.tolist() == [a.quantity or 1 for a in rows]
    uses = Counter(a.currency for a in rows if a.currency)
    common = min(uses, key=lambda c: (-uses[c], c), default=None)
    for price, act in zip(history.price.tolist(), rows, strict=True):
        if act.amount is None or act.currency not in (None, common):
            assert math.isnan(price)
        else:
            assert price == pytest.approx(act.amount / (act.quantity or 1))
    assert history.bought.tolist() == [a.kind == "purchase" for a in rows]
    assert history.age() == pytest.approx([60.0 - a.day for a in rows])


def basket(act):
    return (act.member, act.order, None if act.order is not None else math.floor(act.day))


@settings(max_examples=150, deadline=None)
@given(acts())
def test_a_basket_is_an_order_else_a_member_s_day_and_numbers_rise_as_they_begin(made):
    history = History.of(graph_of(made))
    rows = counted(made)
    number = history.basket.tolist()
    for (a, x), (b, y) in itertools.combinations(zip(rows, number, strict=True), 2):
        assert (basket(a) == basket(b)) == (x == y)
    assert sorted(set(number)) == list(range(len(set(number))))
    began = defaultdict(lambda: math.inf)
    for act, n in zip(rows, number, strict=True):
        began[n] = min(began[n], act.day)
    times = [began[n] for n in range(len(began))]
    assert times == sorted(times)


def test_two_members_may_use_one_order_id_and_it_stays_two_baskets():
    history = History.of(graph_of([Act(0, 1, 1.0, order=5), Act(4, 1, 1.5, order=5)]))
    assert history.basket.tolist() == [0, 1]


def test_an_order_over_midnight_is_one_basket_and_a_night_without_one_is_two():
    rows = [Act(2, 1, 1.99, order=5), Act(2, 4, 2.01, order=5), Act(3, 1, 1.99), Act(3, 4, 2.01)]
    history = History.of(graph_of(rows))
    assert history.basket[history.member == 0].tolist() == [0, 0]
    assert len(set(history.basket[history.member == 1])) == 2


def test_of_currencies_as_common_as_each_other_the_first_by_name_sets_prices():
    rows = [
        Act(0, 1, 1.0, amount=8.0, currency="USD"), Act(1, 2, 2.0, amount=9.0, currency="EUR"),
        Act(1, 2, 3.0, amount=7.0, currency="USD"), Act(1, 4, 4.0, amount=6.0, currency="EUR"),
        Act(1, 4, 5.0, amount=5.0), Act(1, 4, 6.0, amount=4.0, currency="CHF"),
    ]  # fmt: skip
    price = History.of(graph_of(rows)).price
    np.testing.assert_array_equal(price, [np.nan, 9, np.nan, 6, 5, np.nan])


def test_members_left_out_leave_no_event_and_move_nobody():
    graph = graph_of(TALE)
    without = np.array([n in (0, 3) for n in numbers(graph.nodes["member"])])
    whole, rest = History.of(graph), History.of(graph, without)
    assert told(rest) == [row for row in told(whole) if row[0] not in (0, 3)]
    assert rest.shape == whole.shape == (8, 11)


def test_the_matrix_adds_up_what_members_bought_and_fades():
    rows = [Act(1, 4, 100.0), Act(1, 4, 110.0), Act(1, 2, 120.0, "view"), Act(2, 4, 120.0, "cart")]
    history = History.of(graph_of(rows))
    from datetime import timedelta

    assert history.matrix().toarray().tolist() == [[0, 2], [0, 0]]
    faded = history.matrix(timedelta(days=10), weights=(1.0, 0.5, 0.25)).toarray()
    np.testing.assert_allclose(faded, [[0.25, 0.25 + 0.5], [0, 0.5]])


def test_what_comes_after_the_moment_is_not_there():
    history = History.of(graph_of(TALE, until=9.0))
    assert told(history) == [
        (a.member, a.product, micro(a.day), a.kind) for a in counted(TALE, until=9.0)
    ]
    assert history.moment == micro(9.0)


def test_a_graph_of_no_moment_is_refused():
    with pytest.raises(ValueError, match="until"):
        History.of(build_graph(shop(TALE)))


def test_nothing_happened():
    history = History.of(graph_of([Act(7, None, 4.0, "login")]))
    assert history.shape == (1, 0)
    assert len(history.basket) == len(history.price) == 0
    assert history.matrix().shape == (1, 0)
