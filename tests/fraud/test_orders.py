"""Orders and reviews: told by what is strictly before them, scored, kept, measured, named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graphml.config import SimulateConfig
from graphml.errors import ConfigError, NothingToDoError, UsageError
from graphml.fraud import order_columns
from graphml.fraud.brushing import pushed
from graphml.fraud.decisions import Costs, decide
from graphml.fraud.order_columns import COLUMNS, STRUCTURE, OrderColumns
from graphml.fraud.order_evaluation import BETTER, evaluate_orders
from graphml.fraud.orders import BAR_COLUMNS, BARS, OrderModel, fit_orders
from graphml.graph.build import build_graph
from graphml.rings.membership import membership
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.aggregates import AsOf
from graphml.tabular.trees import TreeConfig
from graphml.tasks.order_labels import ORDER_ROWS, OrderLabels, order_labels
from graphml.training.metrics import average_precision, value_weighted_recall
from tests.graph.marketplace import START, at, event, tables
from tests.tasks.small import backwards, span

DAY = timedelta(days=1)
EVERY = 30 * DAY
CONFIG = TreeConfig(rounds=40, patience=20, min_child_samples=5, threads=1)


@pytest.fixture(scope="module")
def shop():
    """A market whose rings are all found out at once: 1 for their orders, 0 for all others."""
    made = make_marketplace(SimulateConfig(members=1_500, seed=6, difficulty="easy"))
    graph = build_graph(made.tables)
    columns = OrderColumns(graph, every=EVERY)
    end = made.tables.events["time"].max()
    fraud = pl.col("order_id").is_in(made.truth_fraud["order_id"].implode())
    keys = graph.nodes["member"].keys
    rows = columns.units.with_columns(
        y=fraud.fill_null(False), known_at="time", member_id=keys.gather(columns.units["member"])
    ).select(pl.col(name).cast(dtype) for name, dtype in ORDER_ROWS.items())
    labels = OrderLabels(rows=rows)
    cuts = end - 110 * DAY, end - 75 * DAY
    train = labels.where(pl.col("time") <= cuts[0])
    valid = labels.where((pl.col("time") > cuts[0]) & (pl.col("time") <= cuts[1]))
    test = labels.where(pl.col("time") > cuts[1])
    model = fit_orders(graph, train, valid, config=CONFIG, columns=columns)
    return SimpleNamespace(
        tables=made.tables, graph=graph, columns=columns, train=train, valid=valid, test=test,
        model=model, end=end, cut=cuts[1],
    )  # fmt: skip


def test_columns_are_aggregates_and_the_ring_of_the_last_look(shop):
    rows = shop.columns.rows_of(shop.test.rows["event_id"])[::7]
    told, plain = shop.columns.of(rows), AsOf(shop.graph).orders(rows)
    assert told.names == COLUMNS == (*plain.names, *STRUCTURE)
    assert np.array_equal(told.values[:, : len(plain.names)], plain.values, equal_nan=True)
    events = shop.graph.events[rows]
    epoch = START - timedelta(days=(START.timestamp() // 86_400))
    looks = [epoch + (t - span(1) - epoch) // EVERY * EVERY for t in events["time"]]
    rings = {look: membership(shop.graph, as_of=look) for look in set(looks)}
    for name, attribute in zip(STRUCTURE, ("score", "size", "believed"), strict=False):
        pairs = zip(looks, events["member"], strict=True)
        expected = [float(getattr(rings[look], attribute)[member]) for look, member in pairs]
        assert told[name].tolist() == expected
        assert max(expected) > 0


moments = st.integers(0, 11)
deeds = st.tuples(
    moments,
    st.sampled_from("lmno"),
    st.sampled_from(["purchase", "login", "review", "chargeback"]),
    *(st.none() | st.sampled_from("ab") for _ in ("device", "address", "card", "ip")),
)


def little(deeds, *, later=0, prefix=""):
    names = ("device_id", "address_id", "card", "ip")
    return tables(
        [
            event(
                f"{prefix}e-{n:02}", moment + later, member, kind, product_id="p",
                **dict(zip(names, values, strict=True)),
            )
            for n, (moment, member, kind, *values) in enumerate(deeds)
        ]
    )  # fmt: skip


def made_up(graph, *, as_of):
    """Company that is the worse the more a member had done by then."""
    now = graph.until(as_of)
    done = np.bincount(now.events["member"].to_numpy(), minlength=len(graph.nodes["member"]))
    return SimpleNamespace(score=done / 100, size=done, believed=done > 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(deeds, min_size=1, max_size=12))
@example(
    [
        (0, "o", "login", "a", None, None, None),
        (1, "m", "login", "a", None, None, None),
        (1, "m", "login", "a", None, None, None),
        (5, "m", "purchase", "a", None, None, None),
    ]
)
def test_the_company_of_an_order_is_that_of_plain_loops(monkeypatch, deeds):
    monkeypatch.setattr(order_columns, "membership", made_up)
    columns = OrderColumns(build_graph(little(deeds)), every=span(4))
    told = columns.of(columns.units["row"].cast(pl.Int64).to_numpy())
    for row, (key, values) in enumerate(
        zip(columns.units["event_id"], told.values[:, -4:], strict=True)
    ):
        moment, member, _, *own = deeds[int(key[2:])]
        look = (moment - 1) // 4 * 4
        done = {m: sum(d[0] <= look and d[1] == m for d in deeds) for m in "lmno"}
        others = [
            done[d[1]]
            for d in deeds
            if d[0] < moment and d[1] != member
            and any(mine and mine == its for mine, its in zip(own[:3], d[3:6], strict=True))
        ]  # fmt: skip
        expected = [
            done[member] / 100,
            done[member],
            done[member] > 1,
            max(others, default=0) / 100,
        ]
        assert values.tolist() == np.float32(expected).tolist(), row


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(deeds, max_size=8), st.lists(deeds, max_size=6), moments)
def test_what_is_not_strictly_before_an_order_changes_nothing(monkeypatch, deeds, late, moment):
    monkeypatch.setattr(order_columns, "membership", made_up)
    own = (moment, "m", "purchase", "a", "b", "a", "b")
    past = little([d for d in deeds if d[0] < moment])
    asked = little([own], prefix="own-")
    future = little(late, later=moment, prefix="late-")  # the first of them at the order's own time
    told = []
    for events in ([past, asked], [past, asked, future]):
        made = replace(past, events=pl.concat([t.events for t in events]))
        columns = OrderColumns(build_graph(made), every=span(4))
        told.append(columns.of(columns.rows_of(pl.Series(["own-e-00"]))).values)
    assert np.array_equal(*told, equal_nan=True)


def test_events_that_are_no_units_are_refused(shop):
    login = shop.graph.events.filter(pl.col("kind") == "login")["event_id"].head(2)
    with pytest.raises(UsageError, match="2 of 2 events are no order's first purchase"):
        shop.columns.rows_of(login)
    with pytest.raises(ConfigError, match=r"orders\.every"):
        OrderColumns(shop.graph, every=timedelta(0))


def test_planted_fraud_is_found_and_fields_alone_find_less(shop):
    y = shop.test.rows["y"].to_numpy()
    said = shop.model.log_odds(shop.columns.of(shop.columns.rows_of(shop.test.rows["event_id"])))
    assert tuple(said) == BARS
    precision = {bar: average_precision(y, scores) for bar, scores in said.items()}
    assert precision["blend"] > 10 * y.mean()
    assert precision["aggregates"] > precision["flat"]


def test_bars_see_what_they_are_named_after():
    assert set(BAR_COLUMNS["flat"]) < set(BAR_COLUMNS["aggregates"])
    assert set(BAR_COLUMNS["blend"]) - set(BAR_COLUMNS["aggregates"]) == set(STRUCTURE)
    assert {"order_amount", "order_hour", "order_is_review"} < set(BAR_COLUMNS["flat"])
    others = {"order_device_members", "order_product_flagged", "order_dearness"}
    assert others < set(BAR_COLUMNS["aggregates"]) - set(BAR_COLUMNS["flat"])


def test_a_window_holds_what_came_after_its_start_up_to_its_end(shop):
    times = shop.columns.units["time"]
    since, until = times[-60], times[-20]
    costs = Costs(review=5, block_good=20)
    scored = shop.model.score(shop.graph, since=since, until=until, costs=costs)
    units = shop.columns.units.filter((pl.col("time") > since) & (pl.col("time") <= until))
    assert scored["event_id"].to_list() == units["event_id"].to_list()
    assert scored["as_of"].to_list() == [t - span(1) for t in units["time"]]
    assert scored["exposure"].to_list() == units["amount"].to_list()
    assert scored["member_id"].to_list() == [
        shop.graph.nodes["member"].keys[m] for m in units["member"]
    ]
    assert (
        scored["decision"].to_list()
        == decide(scored["score"], scored["exposure"], costs=costs).tolist()
    )
    for unit in ("order", "review"):
        part = shop.model.score(shop.graph, since=since, until=until, unit=unit)
        assert part.equals(scored.filter(pl.col("unit") == unit).drop("decision"))
    with pytest.raises(NothingToDoError, match="no review after"):
        shop.model.score(shop.graph, since=shop.end, until=shop.end + DAY, unit="review")
    with pytest.raises(UsageError, match="no unit 'member'"):
        shop.model.score(shop.graph, since=since, until=until, unit="member")


def test_what_comes_after_the_window_changes_no_row(shop):
    until = shop.columns.units["time"][-300]
    question = {"since": until - 20 * DAY, "until": until}
    events = shop.tables.events
    late = events.filter(pl.col("time") > until).with_columns(
        member_id=pl.lit(events["member_id"][0]), amount=pl.lit(1e6),
        order_id=pl.lit(events.filter(pl.col("time") <= until)["order_id"].drop_nulls()[-1]),
    )  # fmt: skip
    past = events.filter(pl.col("time") <= until)
    known = replace(shop.tables, events=past, labels=shop.tables.labels.filter(pl.col("known_at") <= until))  # fmt: skip
    whole = replace(shop.tables, events=pl.concat([past, late]))
    one, other = (shop.model.score(build_graph(t), **question) for t in (known, backwards(whole)))
    columns = ["id", "score", "exposure", "event_id", "member_id"]
    assert one.select(columns).equals(other.select(columns))
    assert len(one) > 100


def test_a_model_is_kept_whole_and_a_damaged_one_refused(shop, tmp_path):
    shop.model.save(tmp_path)
    again = OrderModel.load(tmp_path)
    question = {"since": shop.end - 20 * DAY, "until": shop.end}
    assert again.score(shop.graph, **question).equals(shop.model.score(shop.graph, **question))
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and f.suffix not in (".json", ".txt")]
    other = replace(
        shop.model, trees={bar: again.trees[bar] for bar in BARS} | {"flat": small_trees(shop)}
    )
    other.save(tmp_path)
    assert len(list(tmp_path.glob("flat-*"))) == 1
    assert OrderModel.load(tmp_path).trees["flat"].text == other.trees["flat"].text
    about = tmp_path / "orders.json"
    good = about.read_text()
    for wrong in (
        good.replace('"format": 1', '"format": 9'),
        good[: len(good) // 2],
        json.dumps(json.loads(good) | {"trees": {"flat": 3}}),
        json.dumps(json.loads(good) | {"every": None}),
        good.replace('"isotonic"', '"x"').replace('"beta"', '"x"').replace('"none"', '"x"'),
    ):
        about.write_text(wrong)
        with pytest.raises(UsageError) as raised:
            OrderModel.load(tmp_path)
        assert raised.value.hint
    about.write_text(good)
    text = next(tmp_path.glob("blend-*/trees-*.txt"))
    text.write_text(text.read_text().replace("num_leaves", "num_leaver", 1))
    with pytest.raises(UsageError, match="damaged"):
        OrderModel.load(tmp_path)
    other.trees["aggregates"].save(text.parent)
    with pytest.raises(UsageError, match="blend are not those it was written with"):
        OrderModel.load(tmp_path)
    with pytest.raises(UsageError, match="no model of orders"):
        OrderModel.load(tmp_path / "elsewhere")


def small_trees(shop):
    config = TreeConfig(rounds=2, patience=2, threads=1)
    return fit_orders(shop.graph, shop.train, shop.valid, config=config, columns=shop.columns).trees["flat"]  # fmt: skip


def test_trees_of_one_bar_are_not_taken_for_anothers(shop, tmp_path):
    shop.model.save(tmp_path)
    about = json.loads((tmp_path / "orders.json").read_text())
    about["trees"]["flat"] = about["trees"]["aggregates"]
    aggregates = next(tmp_path.glob("aggregates-*"))
    aggregates.rename(tmp_path / aggregates.name.replace("aggregates", "flat"))
    shop.model.trees["aggregates"].save(aggregates)
    (tmp_path / "orders.json").write_text(json.dumps(about))
    with pytest.raises(UsageError, match="the trees of flat know other columns"):
        OrderModel.load(tmp_path)


def test_columns_of_another_kind_are_refused(shop):
    rows = shop.columns.rows_of(shop.test.rows["event_id"].head(3))
    with pytest.raises(UsageError, match="other columns than OrderColumns has"):
        shop.model.log_odds(AsOf(shop.graph).orders(rows))
    other = SimpleNamespace(every=DAY)
    with pytest.raises(UsageError, match="rings at every 1 day"):
        shop.model.score_rows(other, rows)


def test_the_unaccused_in_bad_company_teach_less(shop):
    told = shop.columns.of(shop.columns.rows_of(shop.train.rows["event_id"]))
    bad = told["structure_score"] == told["structure_score"].max()
    rows = shop.train.rows.with_columns(y=pl.Series(bad.astype(np.int8)))
    turned = OrderLabels(rows=rows.with_columns(y=1 - pl.col("y")))
    # All 0s are in the worst company: they weigh least, but the base rate is that of the labels.
    model = fit_orders(shop.graph, turned, shop.valid, config=CONFIG, columns=shop.columns)
    assert model.trees["blend"].correction < 0 == model.trees["aggregates"].correction


SELLERS = [("p-1", "s-2"), ("p-2", "s-1"), ("p-3", None), ("p-9", "s-9")]


def fake_shop():
    def buy(n, moment, member, product, order, amount, currency="EUR", kind="purchase"):
        return event(
            f"e-{n}", moment, member, kind,
            product_id=product, order_id=order, amount=amount, currency=currency,
        )  # fmt: skip

    return build_graph(
        tables(
            [
                buy(1, 1, "l", "p-1", "o-1", 5.0), buy(2, 1, "l", "p-2", "o-1", 7.0),
                buy(3, 2, "m", "p-1", "o-2", 11.0), buy(4, 3, "m", "p-1", None, 13.0),
                buy(5, 4, "n", "p-3", "o-3", 17.0), buy(6, 4, "o", "p-3", "o-4", 19.0, "USD"),
                buy(7, 5, "l", "p-1", "o-1", None, None, "review"),
                buy(8, 6, "l", "p-1", "o-1", None, None, "review"),
                buy(9, 6, "k", "p-9", "o-9", 99.0), buy(10, 7, "k", "p-9", None, 1.0),
                buy(11, 8, "l", "p-1", "o-1", 50.0, kind="refund"),
            ],
            products=[{"product_id": p, "seller_id": s} for p, s in SELLERS],
        )
    )  # fmt: skip


def test_pushed_names_seller_and_product_of_what_is_suspicious():
    scores = {"e-1": 0.9, "e-3": 0.6, "e-4": 0.5, "e-5": 0.8, "e-6": 0.7, "e-7": 0.9, "e-8": 0.4, "e-9": 0.1}  # fmt: skip
    scored = pl.DataFrame(
        {
            "event_id": list(scores),
            "score": list(scores.values()),
            "unit": ["review" if key in ("e-7", "e-8") else "order" for key in scores],
        }
    )
    assert pushed(fake_shop(), scored).rows() == [
        ("s-2", "p-1", 3, 1, 2, 29.0, "EUR"),
        (None, "p-3", 2, 0, 2, None, None),
        ("s-1", "p-2", 1, 0, 1, 7.0, "EUR"),
    ]
    assert pushed(fake_shop(), scored, threshold=0.85).rows() == [
        ("s-2", "p-1", 1, 1, 1, 5.0, "EUR"),
        ("s-1", "p-2", 1, 0, 1, 7.0, "EUR"),
    ]
    assert pushed(fake_shop(), scored, threshold=0.95).is_empty()
    with pytest.raises(UsageError, match="without score"):
        pushed(fake_shop(), scored.drop("score"))


def test_a_shop_without_a_catalogue_has_products_and_no_sellers():
    bare = build_graph(tables([event("e-1", 1, "m", "purchase", product_id="p", amount=2.0)]))
    scored = pl.DataFrame({"event_id": ["e-1"], "score": [1.0], "unit": ["order"]})
    assert pushed(bare, scored).rows() == [(None, "p", 1, 0, 1, 2.0, None)]


def says(shop, said):
    """The shop's model, with other words."""
    return SimpleNamespace(log_odds=lambda features: said)


def test_the_metrics_are_those_of_each_bar_and_differences_are_paired(shop):
    rows = shop.test.rows
    y, amount = rows["y"].to_numpy().astype(int), rows["amount"].to_numpy()
    noise = np.random.default_rng(3).normal(size=len(y))
    said = {"flat": noise, "aggregates": y + 2 * noise, "blend": y + 0.5 * noise}
    result = evaluate_orders(says(shop, said), shop.columns, shop.test, resamples=40)
    assert [row["method"] for row in result] == [*BARS, BETTER]
    for row in result[:3]:
        scores = said[row["method"]]
        assert row["average_precision"] == average_precision(y, scores)
        assert row["value_recall_at_1pct"] == value_weighted_recall(y, scores, amount, share=0.01)
        assert row["auroc_low"] < row["auroc"] < row["auroc_high"]
        assert (row["base_rate"], row["rows"]) == (y.mean(), len(y))
    better = result[-1]
    assert better["auroc"] == result[2]["auroc"] - result[1]["auroc"]
    assert 0 < better["auroc_low"] < better["auroc"] < better["auroc_high"]
    alike = {"flat": noise, "aggregates": y - noise, "blend": y - noise}
    (*_, same) = evaluate_orders(says(shop, alike), shop.columns, shop.test, resamples=5)
    assert (same["average_precision_low"], same["average_precision_high"]) == (0, 0)


def test_rings_drawn_whole_make_wider_intervals(shop):
    y = shop.test.rows["y"].to_numpy().astype(int)
    noise = np.random.default_rng(4).normal(size=len(y))
    said = dict.fromkeys(BARS, y + noise)
    question = {"columns": shop.columns, "labels": shop.test, "resamples": 25}
    model = says(shop, said)
    members = shop.test.rows["member_id"].to_numpy()
    alone = evaluate_orders(model, **question)
    assert alone == evaluate_orders(model, **question, owners=members)
    one = np.where(y == 1, "ring", members)
    rings = evaluate_orders(model, **question, owners=one)
    width = [r[0]["average_precision_high"] - r[0]["average_precision_low"] for r in (alone, rings)]
    assert width[1] > width[0]


def test_what_cannot_be_measured_is_told(shop):
    nothing = shop.test.where(pl.lit(False))
    with pytest.raises(NothingToDoError, match="no orders to evaluate"):
        evaluate_orders(shop.model, shop.columns, nothing)
    two = OrderLabels(
        rows=shop.test.rows.with_columns(
            currency=pl.when(pl.int_range(pl.len()) % 2 == 0)
            .then(pl.lit("EUR"))
            .otherwise(pl.lit("USD"))
        )
    )
    with pytest.raises(UsageError, match="2 currencies"):
        evaluate_orders(shop.model, shop.columns, two)
    with pytest.raises(UsageError, match="owners of shape"):
        evaluate_orders(shop.model, shop.columns, shop.test, owners=["m"])


def test_labels_as_known_fit_the_graph_of_their_tables(shop):
    labels = order_labels(shop.tables, until=shop.cut, maturity=14 * DAY)
    rows = shop.columns.rows_of(labels.rows["event_id"])
    times = shop.graph.events["time"].gather(rows)
    assert times.to_list() == labels.rows["time"].to_list()
    assert (labels.as_of < times).all()
    assert at(0) < shop.cut
