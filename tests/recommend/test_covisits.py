"""What follows what, against a loop over members' baskets."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings

from graphml.recommend.covisits import LAGS, Baskets, following
from graphml.recommend.history import History
from tests.recommend.small import DAYS, TALE, Act, acts, graph_of, numbers


def baskets_of(made, until):
    """Return each member's baskets in order: when bought first, and the products."""
    found = defaultdict(list)
    bought = [a for a in made if a.kind == "purchase" and a.day <= until]
    for act in sorted(bought, key=lambda a: a.day):
        found[act.member, act.order, None if act.order is not None else int(act.day)].append(act)
    members = defaultdict(list)
    for (member, *_), lines in found.items():
        members[member].append((lines[0].day, {line.product for line in lines}))
    return {member: sorted(every, key=lambda b: b[0]) for member, every in members.items()}


def oracle(made, lag, until):
    totals, found = defaultdict(float), defaultdict(float)
    for baskets in baskets_of(made, until).values():
        for began, products in baskets:
            for product in products:
                totals[product] += 0.5 ** ((until - began) / 180) / len(products)
        for (_, before), (began, after) in zip(baskets, baskets[lag:], strict=False):
            weight = 0.5 ** ((until - began) / 180) / math.sqrt(len(before) * len(after))
            for one in before:
                for other in after:
                    if lag > 0 or one != other:
                        found[one, other] += weight
    return {
        (a, b): value / math.sqrt(totals[a] * totals[b]) for (a, b), value in found.items() if value
    }


def shown(history, lag):
    products = numbers(history.graph.nodes["product"])
    (found,) = following(Baskets.of(history), lags=[lag])
    assert found.shape == (len(products), len(products))
    found = found.tocoo()
    return {
        (products[a], products[b]): float(value)
        for a, b, value in zip(found.row, found.col, found.data, strict=True)
    }


def told_apart(made):
    """Return the acts, those of one member each a little later: baskets never begin together."""
    return [
        Act(**{**vars(a), "day": min(a.day + n / 1024, math.floor(a.day) + 0.999)})
        for n, a in enumerate(made)
    ]


@settings(max_examples=150, deadline=None)
@given(acts().map(told_apart))
def test_it_is_what_a_loop_over_baskets_counts(made):
    history = History.of(graph_of(made, until=90.5))
    for lag in range(LAGS + 1):
        assert shown(history, lag) == pytest.approx(oracle(made, lag, 90.5), rel=1e-5), lag


def test_the_tale_s_directions():
    history = History.of(graph_of(TALE, until=36.0))
    for lag in range(LAGS + 1):
        assert shown(history, lag) == pytest.approx(oracle(TALE, lag, 36.0), rel=1e-5)
    after = shown(history, 1)
    assert (3, 1) in after
    assert (5, 1) in after  # member 2: 5, 5, then 1
    assert (1, 3) in after  # member 0
    assert (7, 1) not in after  # only ever in one basket with 3, or at another lag
    assert after[2, 2] > 0  # member 3 came back for 2
    assert after[3, 1] > after[1, 3]
    together = shown(history, 0)
    assert not any(a == b for a, b in together)
    assert together[3, 7] == pytest.approx(together[7, 3])


def test_the_later_basket_s_age_decides_what_a_pair_counts():
    lone = [Act(0, 1, 0.0), Act(0, 2, 180.0)]
    history = History.of(graph_of(lone, until=360.0))
    # weight ½ of the pair over the roots of ¼ and ½
    assert shown(history, 1) == pytest.approx({(1, 2): 0.5 / math.sqrt(0.25 * 0.5)})


def test_members_do_not_follow_one_another():
    history = History.of(graph_of([Act(0, 1, 1.0), Act(1, 2, 2.0), Act(1, 3, 3.0), Act(2, 4, 4.0)]))
    assert set(shown(history, 1)) == {(2, 3)}
    assert shown(history, 2) == {}


def test_a_day_that_was_looked_at_first_is_bought_when_it_is_bought():
    # Views without an order begin the day's basket before the order, the purchase comes after it.
    rows = [Act(0, 9, 5.1, "view"), Act(0, 1, 5.2, order=7), Act(0, 2, 5.3)]
    history = History.of(graph_of(rows))
    assert set(shown(history, 1)) == {(1, 2)}
    assert Baskets.of(history).age.tolist() == pytest.approx([114.8, 114.7])


@settings(max_examples=100, deadline=None)
@given(acts())
def test_baskets_lie_by_member_and_grow_younger(made):
    found = Baskets.of(History.of(graph_of(made)))
    assert (np.diff(found.member) >= 0).all()
    same = np.diff(found.member) == 0
    assert (np.diff(found.age)[same] <= 0).all()
    assert set(found.lines.data) <= {1.0}
    assert found.lines.has_canonical_format or found.lines.nnz == 0


def test_of_a_huge_basket_its_last_lines_count():
    rows = [Act(0, n, 3.0 + n / 2_000, order=1) for n in range(250)] + [Act(0, 7, 9.0, order=2)]
    history = History.of(graph_of(rows))
    assert {a for a, _ in shown(history, 1)} == set(range(150, 250))
    assert Baskets.of(history).lines.sum(axis=1).ravel().tolist() == [[100, 1]]


@pytest.mark.parametrize("lag", range(LAGS + 1))
@pytest.mark.parametrize("made", [[], [Act(0, 1, 1.0)], [Act(0, 1, DAYS[3], "view")]])
def test_too_little_gives_nothing(made, lag):
    history = History.of(graph_of([*made, Act(7, None, 4.0, "login")]))
    assert shown(history, lag) == {}
