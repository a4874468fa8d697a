"""Candidates are those that dense arithmetic puts first, source by source."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import UsageError
from graphml.recommend import candidates as module
from graphml.recommend.candidates import Sources
from graphml.recommend.covisits import Baskets, following
from graphml.recommend.history import DAY, History
from graphml.recommend.similar import similar
from tests.recommend.small import TALE, Act, acts, day, graph_of, numbers


def sources_of(history):
    return Sources.of(history, neighbours=similar(history))


def last_baskets(history):
    """Return which products the last basket of each member holds, by a loop."""
    found, seen = np.zeros(history.shape), {}
    bought = np.flatnonzero(history.bought)
    for row in bought:
        first = min(history.time[r] for r in bought if history.basket[r] == history.basket[row])
        key = (first, history.basket[row])
        seen[history.member[row]] = max(seen.get(history.member[row], key), key)
    for row in bought:
        if seen[history.member[row]][1] == history.basket[row]:
            found[history.member[row], history.product[row]] = 1
    return found


def new_of(history):
    """Return by loops how well each product of four weeks suits each member's kinds of products."""
    own, features = (
        history.matrix(timedelta(days=90)).toarray(),
        history.graph.nodes["product"].features,
    )
    sold = history.matrix(timedelta(days=30)).toarray().sum(axis=0)
    found = np.zeros(history.shape)
    share = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-30)
    for name in set(features.columns) & {"category", "brand", "seller_id"}:
        of = features[name].to_list()
        total = share[:, [value is not None for value in of]].sum()
        for product, value in enumerate(of):
            first = history.graph.nodes["product"].first[product]
            if value is None or not history.moment - 28 * DAY < first <= history.moment:
                continue
            alike = [n for n, other in enumerate(of) if other == value]
            liked = share[:, alike].sum(axis=1)
            if liked.sum():
                rare = np.log(total / liked.sum())
                found[:, product] += liked * rare * (1 + np.log1p(sold[product]))
    return found


def scores_of(history):
    """Return each source's score of every product for every member, dense [members, products]."""
    baskets = Baskets.of(history)
    faded = history.matrix(timedelta(days=90)).toarray()
    lag = [found.toarray() for found in following(baskets, lags=range(4))]
    last, members = last_baskets(history), history.shape[0]
    found = {
        "own": faded,
        "together": last @ lag[0],
        "next": last @ lag[1],
        "later": last @ (lag[2] + lag[3]),
        "similar": faded @ similar(history).toarray(),
        "new": new_of(history),
    }
    for days in (7, 30):
        sold = history.matrix(timedelta(days=days)).toarray().sum(axis=0)
        found[f"popular_{days}"] = np.tile(sold, (members, 1))
    return found


def first_of(scores, each):
    """Return the first places; where rounding decides between equals, all of them may be there."""
    order = sorted((-round(s, 5), n) for n, s in enumerate(scores.tolist()) if s > 1e-9)
    sure = {n for s, n in order[:each] if not order[each:] or s < order[each][0]}
    return sure, {n for s, n in order if not order[:each] or s <= order[:each][-1][0]}


def check(history, asked, each):
    found = sources_of(history).candidates(asked, each=each)
    dense = scores_of(history)
    columns = sources_of(history).columns
    assert columns == (
        *(f"score.{name}" for name in dense), *(f"rank.{name}" for name in dense),
    )  # fmt: skip
    assert found.values.shape == (len(found.owner), len(columns))
    pairs = list(zip(found.owner.tolist(), found.product.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    np.testing.assert_array_equal(found.member, asked[found.owner])
    for place, member in enumerate(asked.tolist()):
        rows = np.flatnonzero(found.owner == place)
        own = set(found.product[rows].tolist())
        may = set()
        for name, scores in dense.items():
            sure, perhaps = first_of(scores[member], each)
            assert sure <= own, name
            may |= perhaps
            told = found.values[rows, columns.index(f"score.{name}")]
            np.testing.assert_allclose(told, scores[member, found.product[rows]], rtol=1e-4)
            ranks = found.values[rows, columns.index(f"rank.{name}")]
            order = np.lexsort((found.product[rows], -told))
            wanted = np.empty(len(rows))
            wanted[order] = np.arange(len(rows))
            np.testing.assert_array_equal(ranks, np.where(told > 0, wanted, np.nan))
        assert own <= may


@pytest.mark.parametrize("each", [1, 2, 3, 40])
def test_each_source_s_first_are_there_with_their_scores_and_ranks(each):
    history = History.of(graph_of(TALE, until=36.0))
    check(history, np.arange(history.shape[0]), each)
    check(history, np.array([2, 7, 5]), each)


@settings(max_examples=60, deadline=None)
@given(acts(), st.integers(1, 5))
def test_of_any_shop(made, each):
    history = History.of(graph_of(made))
    check(history, np.arange(0, history.shape[0], 2), each)


SHELVES = [
    {"product_id": f"p-{n:02}", "category": ["tea", "toys", None, "soap"][n % 4], "brand": "one" if n < 8 else "two"}
    for n in range(11)
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(acts(), st.integers(1, 4))
def test_of_any_shop_with_kinds_of_products(made, each):
    history = History.of(graph_of(made, products=SHELVES))
    check(history, np.arange(0, history.shape[0], 2), each)


def test_a_new_product_nobody_has_bought_is_named_to_who_buys_of_its_kind():
    made = [
        Act(0, 0, 40.0), Act(0, 4, 60.0), Act(0, 3, 61.0),  # tea, tea, soap
        Act(1, 1, 50.0), Act(1, 5, 62.0),  # toys
        *(Act(member, 3, 80.0 + member) for member in range(2, 6)),  # soap sells
        Act(7, 8, 110.0, "view"), Act(7, 9, 111.0, "view"),  # a new tea, a new toy
        Act(7, 2, 112.0, "view"), Act(7, 10, 60.0, "view"),  # of no kind; not new any more
    ]  # fmt: skip
    history = History.of(graph_of(made, products=SHELVES))
    found = sources_of(history).candidates(np.arange(history.shape[0]), each=2)
    column = sources_of(history).columns.index("score.new")
    names, members = numbers(history.graph.nodes["product"]), numbers(history.graph.nodes["member"])
    new = {
        (members[m], names[p])
        for m, p, row in zip(found.member, found.product, found.values, strict=True)
        if row[column] > 0
    }
    assert new == {(0, 8), (1, 9)}


def test_who_has_no_history_gets_what_sells_most():
    history = History.of(graph_of(TALE, until=36.0))
    who = numbers(history.graph.nodes["member"]).index(7)  # logged in and looked once
    found = sources_of(history).candidates(np.array([who]), each=3)
    dense = scores_of(history)
    wanted = set()
    for name in ("popular_7", "popular_30"):
        order = np.lexsort((np.arange(11), -dense[name][who].astype(np.float32)))
        wanted |= set(order[:3].tolist())
    assert set(found.product.tolist()) == wanted
    columns = sources_of(history).columns
    for name in ("own", "together", "next", "later", "similar", "new"):
        assert not found.values[:, columns.index(f"score.{name}")].any()
        assert np.isnan(found.values[:, columns.index(f"rank.{name}")]).all()


@pytest.mark.parametrize("block", [1, 2, 3, 5])
def test_where_blocks_end_changes_nothing(block, monkeypatch):
    history = History.of(graph_of(TALE, until=36.0))
    asked = np.array([0, 1, 2, 4, 5, 6, 7])
    sources = sources_of(history)
    whole = sources.candidates(asked, each=2)
    monkeypatch.setattr(module, "_BLOCK", block)
    parts = sources.candidates(asked, each=2)
    for name in ("owner", "member", "product", "values"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_what_a_member_is_told_does_not_hang_on_who_else_is_asked():
    history = History.of(graph_of(TALE, until=36.0))
    sources = sources_of(history)
    whole = sources.candidates(np.arange(8), each=2)
    for member in range(8):
        alone = sources.candidates(np.array([member]), each=2)
        np.testing.assert_array_equal(alone.values, whole.values[whole.owner == member])
        np.testing.assert_array_equal(alone.product, whole.product[whole.owner == member])


def test_nobody_asked_and_nothing_sold():
    history = History.of(graph_of(TALE, until=36.0))
    found = sources_of(history).candidates(np.zeros(0, np.int64), each=2)
    assert found.values.shape == (0, 16)
    only_seen = History.of(graph_of([Act(1, 4, 4.0, "view"), Act(2, None, 5.0, "login")]))
    assert len(sources_of(only_seen).candidates(np.array([0, 1]), each=2).owner) == 0
    empty = History.of(graph_of([Act(2, None, 5.0, "login")]))
    assert len(sources_of(empty).candidates(np.array([0]), each=2).owner) == 0


def test_who_has_no_past_is_named_what_sells_in_its_segment():
    made = [
        *(Act(m, p, 100.0 + m) for m in range(4) for p in (0, 1, 2)),  # sells everywhere but there
        *(Act(4, p, 90.0) for p in (7, 8)), Act(5, 8, 110.0),
        Act(6, None, 115.0, "login"), Act(7, None, 115.0, "login"),
    ]  # fmt: skip
    people = [
        {"member_id": f"m-{n}", "country": "pt" if n in (4, 5, 6) else None if n == 7 else "kr"}
        for n in range(8)
    ]
    late = {"member_id": "m-6", "country": "kr", "valid_from": day(119.5)}
    for until, wanted in ((119.0, {8: 1, 7: 2}), (120.0, {0: 1, 1: 2, 2: 3})):
        history = History.of(graph_of(made, until=until, members=[*people, late]))
        sources = Sources.of(history, neighbours=similar(history), segment="country")
        found = sources.candidates(np.array([6, 7]), each=3)
        column, rank = (sources.columns.index(f"{kind}.segment") for kind in ("score", "rank"))
        names = numbers(history.graph.nodes["product"])
        told = {
            (int(m), names[p]): row[rank] + 1
            for m, p, row in zip(found.member, found.product, found.values, strict=True)
            if row[column] > 0
        }
        assert told == {(6, product): place for product, place in wanted.items()}
    with pytest.raises(UsageError, match="no column 'region'") as refused:
        Sources.of(history, neighbours=similar(history), segment="region")
    assert "country" in refused.value.hint
