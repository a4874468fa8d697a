"""Reasons say what a member, and those like it, really did."""

import re

import numpy as np
import pytest
from hypothesis import given, settings

from graphml.graph.build import build_graph
from graphml.recommend.covisits import Baskets, following
from graphml.recommend.reasons import reasons
from graphml.recommend.recommender import Shelf
from graphml.tables.frames import Tables
from tests.recommend.small import Act, acts, day, graph_of, numbers, shop

NOW = 60.0
CODES = {"RETURNING", "BECAUSE_BOUGHT", "OFTEN_TOGETHER", "OFTEN_NEXT", "OFTEN_LATER", "POPULAR", "NEW"}  # fmt: skip
# Member 0 buys 3 often and 7 once; members 1, 2 and 4 bought 7 and then 5, which 0 has not.
PLANTED = [
    Act(0, 3, 20.0), Act(0, 3, 30.0), Act(0, 3, 55.0), Act(0, 3, 55.2), Act(0, 7, 59.0),
    *(Act(m, 7, 10.0 + m) for m in (1, 2, 4)), *(Act(m, 5, 12.0 + m) for m in (1, 2, 4)),
    Act(5, 10, 58.0), Act(5, 10, 59.0), Act(5, 10, 60.0), Act(6, 1, 1.0), Act(6, 9, 3.0, "view"),
    Act(2, 3, 1.5, "view"), Act(4, 9, 2.0, "cart"),
]  # fmt: skip


def told(shelf, member, products, **options):
    keys = shelf.history.graph.nodes
    who = numbers(keys["member"]).index(member)
    what = np.array([numbers(keys["product"]).index(n) for n in products], np.int64)
    return dict(zip(products, reasons(shelf, who, what, **options), strict=True))


@pytest.fixture(scope="module")
def shelf():
    return Shelf.of(graph_of(PLANTED, until=NOW))


def test_what_comes_back_is_counted_in_baskets_and_days(shelf):
    found = told(shelf, 0, [3, 7])
    assert found[3][0].to_json() == {
        "code": "RETURNING",
        "text": "bought 3 times, last 5 days ago, every 18 days or so",
        "because": ["p-03"],
    }
    assert (found[7][0].code, found[7][0].text) == ("RETURNING", "bought once, last 1 day ago")


def test_a_product_is_there_because_of_the_one_that_others_bought_with_it(shelf):
    found = told(shelf, 0, [5])[5]
    assert [reason.code for reason in found] == ["BECAUSE_BOUGHT", "OFTEN_NEXT"]
    assert found[0].because == found[1].because == ("p-07",)
    assert found[0].text == "members who bought p-07 bought this"
    assert found[1].text == "often in the basket after p-07"


def test_a_second_product_is_named_only_where_it_says_about_as_much():
    both = [*(Act(m, p, 9.0 + p / 99) for m in (1, 2) for p in (3, 7, 5)), Act(4, 7, 9.0)]
    even = told(Shelf.of(graph_of([*both, Act(0, 3, 50.0), Act(0, 7, 50.0)])), 0, [5])[5]
    assert even[0].because == ("p-03", "p-07")  # 4 has 7 without 5: it says a little less
    assert even[0].text == "members who bought p-03 and p-07 bought this"
    faded = told(Shelf.of(graph_of([*both, Act(0, 3, 118.0), Act(0, 7, -130.0)])), 0, [5])[5]
    assert faded[0].because == ("p-03",)


def test_in_one_basket_and_some_baskets_after():
    rows = [Act(m, p, 5.0) for m in (1, 2) for p in (3, 8)]  # 3 and 8 together
    rows += [Act(m, p, 10.0 + k) for m in (4, 5) for k, p in enumerate((3, 0, 6))]  # 6 two after 3
    shelf = Shelf.of(graph_of([*rows, Act(7, 3, 20.0)], until=NOW))
    found = told(shelf, 7, [8, 6])
    assert {r.code: r.because for r in found[8]} == {
        "BECAUSE_BOUGHT": ("p-03",), "OFTEN_TOGETHER": ("p-03",),
    }  # fmt: skip
    assert {r.code: r.because for r in found[6]}["OFTEN_LATER"] == ("p-03",)
    assert [r.text for r in found[6]][-1] == "often some baskets after p-03"


def test_else_sales_or_news_are_the_reason_and_nothing_is_because_of_the_member(shelf):
    found = told(shelf, 0, [10, 1, 9])
    assert found[10][0].to_json() == {
        "code": "POPULAR", "text": "number 1 in sales of the last weeks", "because": [],
    }  # fmt: skip
    assert found[1][0].text == "number 5 in sales of the last weeks"
    assert [(r.code, r.text, r.because) for r in found[9]] == [("NEW", "new here", ())]


@pytest.mark.parametrize("member", [0, 5, 6])
def test_who_is_not_to_be_spoken_of_hears_of_sales_alone(shelf, member):
    found = told(shelf, member, [3, 7, 5, 10, 1, 9], personal=False)
    assert {r.code for own in found.values() for r in own} == {"POPULAR", "NEW"}
    assert not any(r.because for own in found.values() for r in own)
    other = told(shelf, 4, [3, 7, 5, 10, 1, 9], personal=False)
    assert found == other, "whoever is asked"


@settings(max_examples=80, deadline=None)
@given(acts())
def test_everything_named_was_bought_by_the_member_by_then(made):
    shelf = Shelf.of(graph_of(made, until=NOW))
    products = numbers(shelf.history.graph.nodes["product"])
    for member in numbers(shelf.history.graph.nodes["member"]):
        bought = [a for a in made if (a.member, a.kind) == (member, "purchase") and a.day <= NOW]
        had = {f"p-{a.product:02}" for a in bought}
        for product, own in told(shelf, member, products).items():
            assert 1 <= len(own) <= 2
            assert {r.code for r in own} <= CODES
            assert all(set(r.because) <= had for r in own)
            assert all(len(set(r.because)) == len(r.because) <= 2 for r in own)
            assert (own[0].code == "RETURNING") == (f"p-{product:02}" in had)
            assert all(bool(r.because) == (r.code not in ("POPULAR", "NEW")) for r in own)
            if own[0].code == "RETURNING":
                times = [a for a in bought if a.product == product]
                baskets = {a.order if a.order is not None else -1 - int(a.day) for a in times}
                count = re.match(
                    r"bought (?:(once)|(\d+) times), last (?:today|(\d+) days? ago)", own[0].text
                )
                assert count, own[0].text
                assert int(count[2] or 1) == len(baskets)
                assert abs(int(count[3] or 0) - (NOW - max(a.day for a in times))) <= 0.5


def test_a_reason_s_product_is_one_whose_neighbour_the_recommended_one_is(shelf):
    history = shelf.history
    after = following(Baskets.of(history), lags=[1])[0].toarray()
    products = numbers(history.graph.nodes["product"])
    for member in (0, 1, 2, 4):
        for product, own in told(shelf, member, products).items():
            for reason in own:
                if reason.code == "OFTEN_NEXT":
                    named = [products.index(int(one.split("-")[1])) for one in reason.because]
                    assert all(after[n, products.index(product)] > 0 for n in named)


@pytest.mark.parametrize(
    "hostile", ["p\x1b[31m\n\u202e{} {0}", "p'\"; DROP --", "=cmd|' /C calc'!A0", "p" + "x" * 9_000]
)
def test_hostile_ids_are_one_short_printable_line_in_words_and_themselves_in_data(hostile):
    tables = shop(PLANTED)
    renamed = tables.events.with_columns(
        product_id=tables.events["product_id"].replace("p-07", hostile)
    )
    graph = build_graph(Tables(events=renamed)).until(day(NOW))
    nodes = graph.nodes
    places = {key: n for n, key in enumerate(nodes["product"].keys.to_list())}
    who = nodes["member"].keys.to_list().index("m-0")
    (found,) = reasons(Shelf.of(graph), who, np.array([places["p-05"]]))
    assert [r.because for r in found] == [(hostile,), (hostile,)]
    assert all(type(one) is str for r in found for one in r.because)
    assert all(r.text.isprintable() and len(r.text) < 100 for r in found)
    (returning,) = reasons(Shelf.of(graph), who, np.array([places[hostile]]))
    assert returning[0].because == (hostile,)
