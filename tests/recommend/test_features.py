"""What is known of members, products and pairs, worked out from lists of acts."""

import math
import statistics
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from graphml.graph.build import build_graph
from graphml.recommend.features import Known, Table
from graphml.recommend.history import KINDS, History
from tests.recommend.small import (
    MEMBERS,
    PRODUCTS,
    TALE,
    Act,
    acts,
    day,
    graph_of,
    numbers,
    shop,
)

NAN = math.nan
NOW = 119.0
SHELVES = [
    {"product_id": f"p-{n:02}", "category": category, "brand": None, "seller_id": f"s-{n % 3}"}
    for n, category in enumerate(["tea", "tea", None, "cake", "tea", "cake", None, "tea"])
]
"""Products 2, 6 and all from 8 on are of no known category; no brand is known."""


def ratio(part, whole):
    """Divide as trees see it: no number where nothing is known, infinite over nothing."""
    if math.isnan(part) or math.isnan(whole) or (part == whole == 0):
        return NAN
    return math.inf if whole == 0 else part / whole


def rhythm(ages, baskets):
    return (max(ages) - min(ages)) / (baskets - 1) if baskets > 1 else NAN


def mean(values):
    found = [value for value in values if not math.isnan(value)]
    return sum(found) / len(found) if found else NAN


class Slow:
    """The same by loops: ``told(member, product)`` is a row, by the name of the column."""

    def __init__(self, made):
        self.acts = sorted((a for a in made if a.kind in KINDS), key=lambda a: a.day)
        uses = defaultdict(int)
        for act in self.acts:
            uses[act.currency] += act.currency is not None
        self.currency = min(uses, key=lambda c: (-uses[c], c or ""), default=None)

    def age(self, act):
        return NOW - act.day

    def price(self, act):
        if act.amount is None or act.currency not in (None, self.currency):
            return NAN
        return math.log(max(act.amount / (act.quantity or 1), 1e-6))

    def baskets(self, acts):
        return {(a.member, a.order, None if a.order is not None else int(a.day)) for a in acts}

    def of(self, member=None, product=None, kind="purchase"):
        return [
            a
            for a in self.acts
            if (member is None or a.member == member)
            and (product is None or a.product == product)
            and (kind is None or a.kind == kind)
        ]

    def pair(self, member, product):
        every, bought = self.of(member, product, None), self.of(member, product)
        if not every:
            return {}
        ages = [self.age(a) for a in bought]
        looked = [self.age(a) for a in every if a.kind in ("view", "cart")]
        baskets = len(self.baskets(bought))
        return {
            "lines": len(bought),
            "baskets": baskets,
            "lines_28": sum(age <= 28 for age in ages),
            "faded_30": sum(0.5 ** (age / 30) for age in ages),
            "faded_90": sum(0.5 ** (age / 90) for age in ages),
            "since_bought": min(ages, default=NAN),
            "since_first": max(ages, default=NAN),
            "gap": rhythm(ages, baskets),
            "units": mean(a.quantity or 1 for a in bought),
            **{
                f"{kind}s": sum(a.kind == kind for a in every)
                for kind in ("refund", "cart", "view")
            },
            "since_looked": min(looked, default=NAN),
        }

    def product(self, product):
        every, bought = self.of(None, product, None), self.of(None, product)
        if not every:
            return {}
        ages = [self.age(a) for a in bought]
        own = [self.pair(member, product) for member in {a.member for a in bought}]
        gaps = [pair["gap"] for pair in own if not math.isnan(pair["gap"])]

        def within(days):
            return sum(age <= days for age in ages)

        return {
            **{f"lines_{days}": math.log1p(within(days)) for days in (7, 28, 90)},
            "trend": math.log(within(28) + 1) - math.log(within(56) - within(28) + 1),
            "since_bought": min(ages, default=NAN),
            "since_first": max(map(self.age, every)),
            "price": mean(map(self.price, bought)),
            "gap": statistics.median(gaps) if gaps else NAN,
            "again": mean(pair["baskets"] > 1 for pair in own),
            "buyers": math.log1p(len(own)) if own else NAN,
            "refunds": mean(a.kind == "refund" for a in every),
            "views_28": math.log1p(sum(a.kind == "view" and self.age(a) <= 28 for a in every)),
        }

    def member(self, member):
        every, bought = self.of(member, None, None), self.of(member)
        if not every:
            return {}
        ages = [self.age(a) for a in bought]
        baskets = len(self.baskets(bought))
        products = len({a.product for a in bought})
        return {
            "baskets": baskets,
            "lines": ratio(len(bought), baskets),
            "baskets_28": len(self.baskets([a for a in bought if self.age(a) <= 28])),
            "products": products,
            "again": 1 - ratio(products, len(bought)),
            "since_bought": min(ages, default=NAN),
            "since_first": max(ages, default=NAN),
            "gap": rhythm(ages, baskets),
            "price": mean(map(self.price, bought)),
            "units": mean(a.quantity or 1 for a in bought),
        }

    def shared(self, member, product, codes):
        code = codes(product)
        bought = self.of(member)
        of_code = [a for a in bought if codes(a.product) == code]
        counted = [a for a in bought if codes(a.product) is not None]
        if code is None or not of_code:
            return {}
        ages = [self.age(a) for a in of_code]
        return {
            "lines": len(of_code),
            "share": len(of_code) / len(counted),
            "faded": sum(0.5 ** (age / 30) for age in ages),
            "since": min(ages),
        }

    def told(self, member, product):
        own, item, who = self.pair(member, product), self.product(product), self.member(member)
        found = {f"pair.{k}": v for k, v in own.items()}
        found |= {f"product.{k}": v for k, v in item.items()}
        found |= {f"member.{k}": v for k, v in who.items()}
        for name, codes in {"category": category, "seller_id": seller}.items():
            told = self.shared(member, product, codes)
            found |= {f"{name}.{k}": v for k, v in told.items()}
        since, last = own.get("since_bought", NAN), who.get("since_bought", NAN)
        return found | {
            "since_by_product_gap": ratio(since, item.get("gap", NAN)),
            "since_by_own_gap": ratio(since, own.get("gap", NAN)),
            "since_by_member_gap": ratio(since, who.get("gap", NAN)),
            "due": ratio(last, who.get("gap", NAN)),
            "dearer": item.get("price", NAN) - who.get("price", NAN),
            "basket_share": ratio(own.get("baskets", NAN), who.get("baskets", NAN)),
            "baskets_behind": since - last,
        }


def category(product):
    return SHELVES[product]["category"] if product < len(SHELVES) else None


def seller(product):
    return SHELVES[product]["seller_id"] if product < len(SHELVES) else None


def all_told(made):
    """Return every pair's row by name, and by whom and what."""
    graph = graph_of(made, until=NOW, products=SHELVES)
    known = Known.of(History.of(graph))
    members, products = (numbers(graph.nodes[name]) for name in ("member", "product"))
    who, what = np.divmod(np.arange(len(members) * len(products)), max(len(products), 1))
    values = known.describe(who, what)
    assert values.shape == (len(who), len(known.names))
    assert values.dtype == np.float32
    for m, p, row in zip(who, what, values, strict=True):
        yield members[m], products[p], dict(zip(known.names, row.tolist(), strict=True))


def check(made):
    slow = Slow(made)
    for member, product, row in all_told(made):
        wanted = dict.fromkeys(row, NAN) | slow.told(member, product)
        assert set(wanted) == set(row)
        for name, value in row.items():
            assert value == pytest.approx(wanted[name], rel=1e-4, abs=2e-5, nan_ok=True), (
                member, product, name,
            )  # fmt: skip


def test_the_tale_is_told_as_loops_tell_it():
    check(TALE)


@settings(max_examples=60, deadline=None)
@given(acts())
def test_any_shop_is_told_as_loops_tell_it(made):
    check(made)


def test_what_a_person_would_say_of_the_tale():
    told = {(m, p): row for m, p, row in all_told(TALE)}
    assert len(told) == MEMBERS * PRODUCTS
    three = told[0, 3]  # bought on days 2, 12 and 23, others of the member on 2 and 22
    assert (three["pair.lines"], three["pair.baskets"]) == (3, 3)
    assert three["pair.since_bought"] == 96
    assert three["pair.gap"] == 10.5
    assert three["member.gap"] == 7  # baskets on 2, 12, 22 and 23
    assert three["product.gap"] == 10.5  # nobody else came back for it
    assert three["since_by_product_gap"] == pytest.approx(96 / 10.5)
    assert three["category.share"] == pytest.approx(3 / 5)  # 3 is cake; 7 and 1 are tea
    assert three["baskets_behind"] == 0
    assert three["product.again"] == pytest.approx(1 / 3)
    unknown = told[3, 9]
    assert all(math.isnan(v) for k, v in unknown.items() if k.startswith(("pair.", "category.")))
    assert all(math.isnan(v) for k, v in told[7, 0].items() if k.startswith("brand."))
    looked = told[6, 8]
    assert (looked["pair.carts"], looked["pair.lines"], looked["product.lines_90"]) == (1, 0, 0)
    assert math.isnan(looked["pair.since_bought"])


def test_a_table_has_no_row_for_a_key_that_is_not_there():
    table = Table(
        keys=np.array([2, 5, 9]), names=("a", "b"), values=np.arange(6, dtype=np.float32).reshape(3, 2)
    )  # fmt: skip
    found = table.at(np.array([9, 0, 5, 10, -1, 3, 2]))
    assert found[[0, 2, 6]].tolist() == [[4, 5], [2, 3], [0, 1]]
    assert np.isnan(found[[1, 3, 4, 5]]).all()
    nothing = Table(keys=np.zeros(0, np.int64), names=("a",), values=np.zeros((0, 1), np.float32))
    assert np.isnan(nothing.at(np.array([0, 3]))).all()
    assert table.column("b").tolist() == [1, 3, 5]


def test_columns_are_the_same_at_every_moment_whatever_is_known_of_products_by_then():
    late = [{"product_id": "p-03", "category": "cake", "valid_from": day(30.0)}]
    graph = build_graph(shop(TALE, products=late))
    known = {when: Known.of(History.of(graph.until(day(when)))) for when in (0.5, 29.0, 31.0)}
    assert len({tuple(one.names) for one in known.values()}) == 1
    asked = np.array([0]), np.array([numbers(graph.nodes["product"]).index(3)])
    share = {
        when: one.describe(*asked)[0, one.names.index("category.share")]
        for when, one in known.items()
    }
    assert np.isnan(share[29.0])
    assert share[31.0] == 1  # of what is of a known category


def test_a_schema_s_category_may_change_and_the_last_one_counts():
    rows = [
        {"product_id": "p-03", "category": "cake", "valid_from": day(1.0)},
        {"product_id": "p-07", "category": "tea", "valid_from": day(1.0)},
        {"product_id": "p-07", "category": "cake", "valid_from": day(20.0)},
    ]
    graph = build_graph(shop(TALE, products=rows))
    for when, lines in ((19.0, 2), (21.0, 3)):  # member 0 had 3 twice and 7 once by then
        known = Known.of(History.of(graph.until(day(when))))
        at = numbers(graph.nodes["product"]).index(3)
        row = known.describe(np.array([0]), np.array([at]))[0]
        assert row[known.names.index("category.lines")] == lines


def test_nobody_and_nothing():
    known = Known.of(History.of(graph_of([Act(7, None, 4.0, "login")])))
    none = np.zeros(0, np.int64)
    assert known.describe(none, none).shape == (0, len(known.names))
    only_seen = Known.of(History.of(graph_of([Act(1, 4, 4.0, "view")])))
    row = only_seen.describe(np.array([0]), np.array([0]))[0]
    told = dict(zip(only_seen.names, row.tolist(), strict=True))
    assert told["pair.views"] == 1
    assert told["member.baskets"] == 0
    assert math.isnan(told["product.price"])
    assert isinstance(only_seen.attributes["category"][1], Table)
    assert pl.Series(only_seen.attributes["category"][0]).to_list() == [-1]
