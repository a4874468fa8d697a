"""Lists are what one by one picking would make of them, and speak of nobody who opted out."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RecommendConfig
from graphml.errors import ConfigError, NothingToDoError, UsageError
from graphml.graph.build import build_graph
from graphml.pipeline.recommending import recommend_stored
from graphml.recommend import listing
from graphml.recommend.candidates import Candidates
from graphml.recommend.history import History
from graphml.recommend.recommender import SIMPLE, Recommender, Shelf, simple_scores
from graphml.recommend.rules import Rules, lists
from graphml.store.connect import connect
from graphml.tabular.flags import fraudulent
from tests.graph.marketplace import HOSTILE
from tests.recommend.small import MEMBERS, PRODUCTS, TALE, Act, acts, day, graph_of, numbers, shop

SHELVES = [
    {"product_id": f"p-{n:02}", "category": category, "seller_id": seller}
    for n, (category, seller) in enumerate(
        [("tea", "s-0"), ("tea", "s-1"), (None, "s-1"), ("cake", None), ("tea", "s-0"),
         ("cake", "s-2"), (None, None), ("tea", "s-1"), ("pie", "s-1")]
    )
]  # fmt: skip
"""Nothing is known of products 9 and 10."""


def shelf_of(made=TALE, until=36.0, **others):
    return Shelf.of(graph_of(made, until=until, products=SHELVES, **others))


def seller(product):
    return SHELVES[product]["seller_id"] if product < len(SHELVES) else None


def category(product):
    return SHELVES[product]["category"] if product < len(SHELVES) else None


def picked(rows, *, rules, top, had):
    """Return the products that one picks from the top, each where it may still stand."""
    found, sellers, categories = [], Counter(), Counter()
    for _, product in sorted(rows, key=lambda row: (-row[0], row[1])):
        kinds = [(sellers, seller(product), rules.per_seller)]
        kinds += [(categories, category(product), rules.per_category)]
        full = any(most is not None and one and seen[one] >= most for seen, one, most in kinds)
        blocked = f"p-{product:02}" in rules.blocked or (product in had and not rules.bought)
        if full or blocked or len(found) == top:
            continue
        for seen, one, _ in kinds:
            seen[one] += 1
        found.append(product)
    return found


some_rules = st.builds(
    Rules,
    bought=st.booleans(),
    blocked=st.frozensets(st.sampled_from(["p-03", "p-07", "p-10", "p-99", ""])),
    per_seller=st.none() | st.integers(1, 3),
    per_category=st.none() | st.integers(1, 3),
)
SHELF = shelf_of()


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.dictionaries(
        st.tuples(st.integers(0, MEMBERS - 1), st.integers(0, PRODUCTS - 1)),
        st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0]),
    ),
    rules=some_rules,
    top=st.integers(1, 12),
)
def test_a_list_is_what_picking_from_the_top_makes(pairs, rules, top):
    keys = sorted(pairs)
    member, product = (np.array([key[n] for key in keys], np.int64) for n in (0, 1))
    assert numbers(SHELF.history.graph.nodes["product"]) == list(range(PRODUCTS))
    found = Candidates(
        owner=np.unique(member, return_inverse=True)[1].astype(np.int64), member=member,
        product=product, values=np.zeros((len(keys), 0), np.float32),
    )  # fmt: skip
    scores = np.array([pairs[key] for key in keys])
    rows = lists(SHELF, found, scores, rules=rules, top=top)
    shown = {m: [] for m in member.tolist()}
    for row in rows.tolist():
        shown[int(member[row])].append(int(product[row]))
    assert member[rows].tolist() == sorted(member[rows].tolist())
    for who, listed in shown.items():
        had = {a.product for a in TALE if a.member == who and a.kind == "purchase"}
        own = [(score, p) for (m, p), score in pairs.items() if m == who]
        assert listed == picked(own, rules=rules, top=top, had=had)


@pytest.mark.parametrize("name", ["per_seller", "per_category"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_rule_that_leaves_nothing_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"rules.{name} is {value}"):
        Rules(**{name: value})


@settings(max_examples=100, deadline=None)
@given(acts(), st.sampled_from(sorted(SIMPLE)))
def test_a_simple_method_orders_by_one_column_then_by_the_other_whoever_else_is_asked(made, method):
    shelf = Shelf.of(graph_of(made))
    members = np.arange(shelf.history.shape[0])
    found, values = shelf.described(members, each=20)
    first, second = (
        np.zeros(len(values)) if name is None else np.nan_to_num(values[:, shelf.names.index(name)])
        for name in SIMPLE[method]
    )
    whole = simple_scores(shelf.names, values, method)
    for owner in members:
        rows = np.flatnonzero(found.owner == owner)
        wanted = np.lexsort((found.product[rows], -second[rows], -first[rows]))
        alone = simple_scores(shelf.names, values[rows], method)
        for scores in (whole[rows], alone):
            order = np.lexsort((found.product[rows], -scores))
            np.testing.assert_array_equal(order, wanted)


def test_a_member_of_long_ago_is_ordered_as_it_would_be_alone():
    # The other's numbers are a million times higher; a tie broken by them must not drown the first.
    rows = [Act(0, 1, 0.0), Act(0, 2, 40.0)] + [Act(1, 1, 2_000.0 + n / 99) for n in range(99)]
    shelf = Shelf.of(graph_of(rows, until=2_001.0))
    for who in ([0], [0, 1]):
        found, values = shelf.described(np.array(who), each=20)
        scores = simple_scores(shelf.names, values, "bought lately, then popular")
        top = lists(shelf, found, scores, rules=Rules(), top=1)
        assert found.product[top[0]] == 1, "product 2: what the member had last"


# Through a store, as the commands do it.

SILENT, FRESH = 4, 7
WHEN = 36.0


def model_in(folder: Path, method="bought before, then popular", each=20) -> Path:
    Recommender(
        method=method, ranker=None, config=RecommendConfig(each=each), digests={},
        trained_until=day(1.0), chosen_until=day(2.0),
    ).save(folder)  # fmt: skip
    return folder


def asked(store, folder, *members, when=WHEN, rules=None, top=20, **options):
    rows = recommend_stored(
        store, folder, [f"m-{n}" for n in members], as_of=day(when), rules=rules or Rules(),
        top=top, **options,
    )  # fmt: skip
    assert json.loads(json.dumps(rows)) == rows
    found = {}
    for row in rows:
        found.setdefault(row["member_id"], []).append(row)
    for own in found.values():
        assert [row["rank"] for row in own] == list(range(1, len(own) + 1))
        scores = [row["score"] for row in own]
        assert scores == sorted(scores, reverse=True)
    return found


def products_of(rows):
    return [row["product_id"] for row in rows]


@pytest.fixture
def store(tmp_path):
    opted = [{"member_id": f"m-{SILENT}", "signup_time": None, "opted_out": True}]
    with connect(f"embedded://{tmp_path}/store") as made:
        made.write_tables(shop(TALE, members=opted, products=SHELVES))
        yield made


@pytest.mark.parametrize("method", sorted(SIMPLE))
def test_who_opted_out_gets_the_popular_list_and_no_word_of_what_it_did(store, tmp_path, method):
    folder = model_in(tmp_path / "model", method)
    found = asked(store, folder, SILENT, FRESH, 0)
    popular = asked(store, model_in(tmp_path / "popular", "popular"), FRESH)[f"m-{FRESH}"]
    silent = found[f"m-{SILENT}"]
    assert products_of(silent) == products_of(popular)
    assert {r["code"] for row in silent for r in row["reasons"]} <= {"POPULAR", "NEW"}
    assert all(not r["because"] for row in silent for r in row["reasons"])
    spoken = {r["code"] for row in found["m-0"] for r in row["reasons"]}
    assert "RETURNING" in spoken


def test_no_rule_lets_what_an_opted_out_member_did_onto_its_list(tmp_path):
    # 30 products sell; the member alone bought 31 others, long ago. All that sells well is blocked.
    rows = [Act(1 + n % 3, n, 100.0 + n / 99) for n in range(25) for _ in range(25 - n)]
    rows += [Act(SILENT, 50 + n, 1.0) for n in range(30)]
    opted = [{"member_id": f"m-{SILENT}", "signup_time": None, "opted_out": True}]
    folder = model_in(tmp_path / "model")
    blocked = Rules(blocked=frozenset(f"p-{n:02}" for n in range(19)))
    with connect(f"embedded://{tmp_path}/store") as made:
        made.write_tables(shop([*rows, Act(FRESH, None, 2.0, "login")], members=opted))
        found = asked(made, folder, SILENT, FRESH, when=120.0, rules=blocked)
    assert products_of(found[f"m-{SILENT}"]) == products_of(found[f"m-{FRESH}"]) == ["p-19"]


def test_who_has_done_nothing_gets_what_sells_most(store, tmp_path):
    for method in SIMPLE:
        folder = model_in(tmp_path / f"{len(method)}{method[:3]}", method)
        found = asked(store, folder, FRESH)[f"m-{FRESH}"]
        shelf = shelf_of()
        sold = shelf.sources.popular["popular_30"]
        wanted = sorted(
            (-float(s), f"p-{n:02}") for n, s in enumerate(sold) if s > 0
        )  # all eleven fit into what each source names
        assert products_of(found) == [product for _, product in wanted]


def test_known_fraudsters_do_not_make_a_product_popular_and_unknown_ones_do(tmp_path):
    rows = [Act(6, 5, 30.0 + n / 99) for n in range(40)] + [Act(0, 2, 30.0), Act(1, 2, 31.0)]
    rows += [Act(2, 9, 29.0), Act(FRESH, None, 2.0, "login")]
    folder = model_in(tmp_path / "model")

    def label(known, member="m-6", y=1):
        return [{"member_id": member, "order_id": None, "label": y, "known_at": known}]

    def shown(name, labels):
        with connect(f"embedded://{tmp_path}/{name}") as made:
            made.write_tables(shop(rows, labels=labels))
            return products_of(asked(made, folder, FRESH)[f"m-{FRESH}"])

    assert shown("none", []) == ["p-05", "p-02", "p-09"]
    assert shown("known", label(day(WHEN))) == ["p-02", "p-09"]
    assert shown("later", label(day(WHEN + 0.001))) == ["p-05", "p-02", "p-09"]
    assert shown("good", label(day(WHEN), y=0)) == ["p-05", "p-02", "p-09"]
    assert shown("other", label(day(WHEN), member="m-2")) == ["p-05", "p-02"]


def test_a_charged_back_order_s_buyer_is_a_known_fraudster_from_then_on():
    rows = [Act(3, 1, 1.0, order=9), Act(1, 4, 2.0), Act(0, None, 5.0, "chargeback", order=9)]
    graph = build_graph(shop(rows))
    for when, names in ((4.999, []), (5.0, [3])):
        flags = fraudulent(graph.until(day(when)))
        assert [
            n for n, flag in zip(numbers(graph.nodes["member"]), flags, strict=True) if flag
        ] == names


@pytest.mark.parametrize("top", [1, 3, 500])
def test_no_list_is_longer_than_asked_and_none_longer_than_the_catalogue(store, tmp_path, top):
    found = asked(store, model_in(tmp_path / "model"), top=top)
    assert set(found) == {f"m-{n}" for n in range(MEMBERS)}
    assert max(map(len, found.values())) <= min(top, PRODUCTS)
    long = asked(store, tmp_path / "model", top=PRODUCTS)
    assert all(products_of(long[m])[:top] == products_of(own) for m, own in found.items())


def test_one_member_s_list_is_the_same_alone_and_among_all_and_when_named_twice(store, tmp_path):
    for method in SIMPLE:
        folder = model_in(tmp_path / f"{len(method)}{method[:3]}", method)
        every = asked(store, folder)
        for n in range(MEMBERS):
            alone = asked(store, folder, n, n)[f"m-{n}"]
            assert products_of(alone) == products_of(every[f"m-{n}"]), method


def test_blocked_ids_that_are_no_products_are_told(store, tmp_path, caplog):
    folder = model_in(tmp_path / "model")
    asked(store, folder, rules=Rules(blocked=frozenset({"p-01", "p-1", "\x1b[2J"})))
    assert "2 of 3 blocked ids are no products of the store" in caplog.text
    assert "\x1b[2J" not in caplog.text
    caplog.clear()
    asked(store, folder, rules=Rules(blocked=frozenset({"p-01"})))
    assert "blocked ids" not in caplog.text


@pytest.mark.parametrize("block", [1, 3, 5])
def test_lists_are_the_same_in_blocks_of_any_size(store, tmp_path, block, monkeypatch):
    folder = model_in(tmp_path / "model", "next in baskets")
    whole = asked(store, folder, rules=Rules(per_seller=2))
    monkeypatch.setattr(listing, "_BLOCK", block)
    assert asked(store, folder, rules=Rules(per_seller=2)) == whole
    assert len(whole) == MEMBERS


def test_reasons_come_only_when_asked_for(store, tmp_path):
    found = asked(store, model_in(tmp_path / "model"), 0, explained=False)
    assert all(row["reasons"] == [] for row in found["m-0"])


def test_hostile_ids_are_found_blocked_and_given_back_as_they_are(tmp_path):
    rows = shop(TALE)
    renamed = rows.events.with_columns(
        member_id=rows.events["member_id"].replace("m-0", HOSTILE),
        product_id=rows.events["product_id"].replace("p-03", HOSTILE),
    )
    folder = model_in(tmp_path / "model")
    from graphml.tables.frames import Tables

    with connect(f"embedded://{tmp_path}/store") as made:
        made.write_tables(Tables(events=renamed))
        ask = {"as_of": day(WHEN), "top": 5}
        found = recommend_stored(made, folder, [HOSTILE], rules=Rules(), **ask)
        assert found[0]["member_id"] == found[0]["product_id"] == HOSTILE
        assert found[0]["reasons"][0]["because"] == [HOSTILE]
        assert all(r["text"].isprintable() for row in found for r in row["reasons"])
        without = recommend_stored(
            made, folder, [HOSTILE], rules=Rules(blocked=frozenset([HOSTILE])), **ask
        )
        assert HOSTILE not in products_of(without)
        with pytest.raises(UsageError, match="no member") as told:
            recommend_stored(made, folder, [HOSTILE + "\n"], rules=Rules(), **ask)
        assert "\n" not in told.value.message
        assert len(told.value.message) < 400


def test_who_is_not_there_by_then_is_refused(store, tmp_path):
    folder = model_in(tmp_path / "model")
    assert asked(store, folder, 5, when=34.0)  # its first purchase
    for names in (["m-5"], ["m-0", "m-5"], ["m-99"], [""], ["p-03"]):
        with pytest.raises(UsageError, match="no member"):
            recommend_stored(store, folder, names, as_of=day(33.9), rules=Rules(), top=3)


def test_before_the_model_or_before_all_events_is_refused(store, tmp_path):
    folder = model_in(tmp_path / "model")
    with pytest.raises(UsageError, match="trained on data up to 2024-06-03"):
        asked(store, folder, 0, when=1.999)
    with pytest.raises(NothingToDoError, match="no events"):
        recommend_stored(
            store,
            model_in(tmp_path / "old") and _old(tmp_path / "old"),
            [],
            as_of=datetime(2001, 1, 1, tzinfo=UTC),
            rules=Rules(),
            top=3,
        )


def _old(folder: Path) -> Path:
    card = json.loads((folder / "recommender.json").read_text())
    card |= {"trained_until": "2000-01-01T00:00:00Z", "chosen_until": "2000-02-01T00:00:00Z"}
    (folder / "recommender.json").write_text(json.dumps(card))
    return folder


def test_a_shop_without_purchases_recommends_nothing_to_anybody(tmp_path):
    rows = [Act(0, None, 2.0, "login"), Act(1, None, 3.0, "login")]
    with connect(f"embedded://{tmp_path}/store") as made:
        made.write_tables(shop(rows))
        assert asked(made, model_in(tmp_path / "model")) == {}
    with connect(f"embedded://{tmp_path}/other") as made:
        made.write_tables(shop([*rows, Act(1, 3, 3.5, "view")]))
        assert asked(made, tmp_path / "model") == {}


def test_history_s_shape_is_the_graph_s():
    assert History.of(graph_of(TALE)).shape == (MEMBERS, PRODUCTS)
