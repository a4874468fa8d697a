"""Why an order scores as it does: planted ties are named, and nothing from its moment on shows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from graphml.config import SimulateConfig
from graphml.explain.local import local_record, with_record
from graphml.explain.order import explain_order
from graphml.explain.worlds import Removal, features_without
from graphml.fraud.order_columns import COLUMNS, EVERY, OrderColumns
from graphml.graph.build import build_graph
from graphml.tables.frames import Tables
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.aggregates import AsOf
from graphml.tabular.flags import known_flags
from graphml.tabular.trees import fit_trees
from tests.explain.farm import SMALL, Sum, farm_tables, random_trees
from tests.explain.test_local import bits, taken_away
from tests.graph.marketplace import HOSTILE
from tests.rings.small import Market, at
from tests.tabular.shop import dense, event_row, graph_of, shops

DEVICE = ("device", "farm-0")
TELLING = [
    "order_device_members", "order_device_members_7d", "device_members", "order_device_new",
    "structure_score", "structure_other", "order_amount", "spent",
]  # fmt: skip


def known(rows):
    return rows["row"].cast(pl.Int64).to_numpy()


def last_order(graph, who):
    """Return the row of a member's last order."""
    member = graph.nodes["member"].keys.index_of(who)
    of = OrderColumns(graph).units.filter(
        (pl.col("member") == member) & (pl.col("unit") == "order")
    )
    return int(of["row"][-1])


@cache
def learned():
    """Return trees that know the orders of the market's farms, as they were when they came in."""
    graph = build_graph(farm_tables())
    columns = OrderColumns(graph)
    members = graph.nodes["member"].keys.gather(columns.units["member"])
    y = (members.str.starts_with("farm") | (members == "suspect")).to_numpy().astype(np.int64)
    x = columns.of(known(columns.units)).values[:, [COLUMNS.index(name) for name in TELLING]]
    return Sum({}, trees=fit_trees(x, y, x, y, names=TELLING, config=SMALL))


def ask(graph, row, scorer, threshold=0.5):
    return explain_order(OrderColumns(graph, every=EVERY), row, scorer=scorer, threshold=threshold)


def columns_only(*names):
    """Return trees that find each of some columns alone telling, the higher the worse."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 9, (900, len(names))).astype(np.float32)
    y = (x.sum(axis=1) > 4 * len(names)).astype(np.int64)
    return fit_trees(x[:600], y[:600], x[600:], y[600:], names=list(names), config=SMALL)


def test_an_order_on_a_farms_device_names_it_and_its_absence_clears():
    graph, scorer = build_graph(farm_tables()), learned()
    row = last_order(graph, "suspect")
    found = ask(graph, row, scorer)
    features = OrderColumns(graph).of(np.array([row]))
    assert found.score == float(scorer.probability(scorer.risks(features, np.zeros(1)))[0])
    assert found.flagged
    assert DEVICE in {tie for reason in found.reasons for tie in reason.ties}
    assert all(reason.score_without < found.score for reason in found.reasons)
    assert found.counterfactual is not None
    assert found.counterfactual.ties == (DEVICE,)
    assert found.counterfactual.smallest
    assert found.counterfactual.score_without < 0.5
    device = next(reason for reason in found.reasons if DEVICE in reason.ties)
    events = farm_tables().events.filter(device_id="farm-0")
    before = events.filter(pl.col("time") < graph.events["time"][row])["event_id"].to_list()
    assert set(device.event_ids) <= {*before, graph.events["event_id"][row]}


def test_the_order_of_an_honest_member_is_not_flagged_and_has_no_reason():
    graph, scorer = build_graph(farm_tables()), learned()
    for who in ("alone-000", "alone-017", "alone-101"):
        found = ask(graph, last_order(graph, who), scorer)
        assert not found.flagged
        assert found.reasons == ()
        assert found.counterfactual is None


def test_a_reason_whose_deletion_lowers_nothing_is_dropped():
    graph, usual = build_graph(farm_tables()), learned()
    row = last_order(graph, "suspect")
    deaf = Sum({}, base=3.0, trees=usual.trees, of_trees=0.0)
    assert ask(graph, row, deaf).reasons == ()
    # The other way round: to be alone on a device raises this score.
    rising = Sum({"order_device_members": -1.0}, base=9.0, trees=usual.trees, of_trees=0.0)
    assert ask(graph, row, rising).reasons == ()
    # At this height the log-odds fall but nobody sees it.
    high = Sum({"order_device_members": 0.3}, base=9.0, trees=usual.trees, of_trees=0.0)
    assert ask(graph, row, high).reasons == ()


def test_the_ring_of_another_on_the_orders_device_is_told():
    graph = build_graph(farm_tables())
    row = last_order(graph, "suspect")
    value = float(OrderColumns(graph).of(np.array([row]))["structure_other"][0])
    assert value > 0
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (400, 1)).astype(np.float32)
    y = (x[:, 0] > value / 2).astype(np.int64)
    trees = fit_trees(x[:300], y[:300], x[300:], y[300:], names=["structure_other"], config=SMALL)
    found = ask(graph, row, Sum({}, trees=trees))
    first = found.reasons[0]
    assert (first.code, first.ties) == ("RING_ON_DEVICE", (DEVICE,))
    assert "had used device farm-0 before" in first.text


def test_who_comes_to_the_device_in_the_same_microsecond_is_nobody_yet():
    tables = farm_tables()
    bought = tables.events.filter(
        pl.col("member_id").str.starts_with("alone"), kind="purchase"
    ).sort("time")[-1]
    who = bought["member_id"][0]
    scorer = Sum({"structure_other": 3.0, "order_device_members": 1.0}, base=-3.0)

    def found(*, before):
        time = pl.col("time") - pl.duration(microseconds=before)
        other = bought.with_columns(
            time, event_id=pl.lit("other"), member_id=pl.lit("farm-0-1"), order_id=pl.lit("other")
        )
        graph = build_graph(Tables(events=pl.concat([tables.events, other])))
        return ask(graph, last_order(graph, who), scorer)

    graph = build_graph(tables)
    alone = ask(graph, last_order(graph, who), scorer)
    assert found(before=0).to_json() == alone.to_json()
    # Not the one more alone, but the ring it is in.
    assert found(before=1).score > 1.1 / (1 + np.exp(2.0))


def test_what_the_order_states_is_taken_away_alone():
    market = Market()
    for n in range(6):
        market.tell("m", 24 * n, "purchase", product_id="p", order_id=f"o-{n}", amount=5.0)
    event = market.tell("m", 200, "purchase", product_id="p", order_id="big", amount=900.0)
    graph = market.graph
    trees = columns_only("order_amount", "spent")
    scorer = Sum({"order_amount": 0.004, "spent": 0.001}, trees=trees, of_trees=0.0, base=-2.0)
    found = ask(graph, last_order(graph, "m"), scorer)
    (reason,) = (one for one in found.reasons if one.code == "LARGE_PURCHASE")
    assert reason.text == "an amount of 900.00"
    assert (reason.event_ids, reason.ties) == ((event,), ())
    assert reason.score_without == pytest.approx(1 / (1 + np.exp(2.0 - 0.03)))


def test_hostile_ids_come_through_and_stay_on_one_line():
    graph = build_graph(farm_tables(farm=HOSTILE, suspect=HOSTILE))
    found = ask(graph, last_order(graph, HOSTILE), learned()).to_json()
    again = json.loads(json.dumps(found))
    assert again["member_id"] == HOSTILE
    assert again["reasons"]
    assert {"type": "device", "id": HOSTILE} in again["counterfactual"]["ties"]
    assert all(one["text"].isprintable() for one in [*again["reasons"], *again["against"]])


def test_clearances_a_quiet_history_and_lockers_speak_against_it():
    market = Market()
    for n in range(40):
        market.tell(f"other-{n}", n, "purchase", address_id="locker", device_id=f"d-{n}")
    for n in range(6):
        market.tell("m", 500 * n, "purchase", order_id=f"o-{n}", device_id="own")
    market.tell("m", 3000, "purchase", order_id="asked", address_id="locker", device_id="own")
    labels = pl.DataFrame(
        [
            {"order_id": "o-2", "label": 0, "known_at": at(2000)},
            {"order_id": "o-4", "label": 0, "known_at": at(3000)},
        ]
    )
    graph = build_graph(Tables(events=market.tables.events, labels=labels))
    found = ask(graph, last_order(graph, "m"), Sum({}, base=1.0))
    told = {one.code: one.text for one in found.against}
    assert told["CLEARED"] == "order o-2 was found legitimate on 23 August 2024 UTC"
    assert told["QUIET_HISTORY"] == "6 earlier orders over 125 days, none accused"
    assert told["LOCKER"] == "address locker is shared by many: 40 other members had used it"
    assert "HUB" not in told


EVERYTHING = Sum(
    {"events": 0.3, "device_members": 0.7, "ip_flagged": 1.1, "neighbours": 0.4, "spent": 0.01,
     "order_device_members": 0.4, "order_email_flagged": 0.7, "order_product_buyers": 0.2,
     "order_amount": 0.1, "structure_score": 2.0, "structure_other": 1.0, "identifiers": 0.6},
    base=-3.0,
)  # fmt: skip


def picked(shop, data):
    """Return a purchase or review of the shop."""
    asked = [act for act in shop.acts if act.kind in ("purchase", "review")]
    if not asked:
        reject()
    return data.draw(st.sampled_from(asked))


@settings(max_examples=25, deadline=None)
@given(shop=shops, late=shops, data=st.data())
def test_what_comes_with_the_order_or_later_changes_nothing(shop, late, data):
    act = picked(shop, data)
    scorer = replace(EVERYTHING, trees=random_trees(COLUMNS))
    # From the order's own microsecond on.
    more = late.later(act.time - 1)
    before, after = graph_of(shop), graph_of(shop.plus(more))
    row, again = event_row(before, act), event_row(after, act)
    assert ask(before, row, scorer, 0.3).to_json() == ask(after, again, scorer, 0.3).to_json()


@settings(max_examples=60, deadline=None)
@given(shop=shops, data=st.data())
def test_all_numbers_are_those_of_the_whole_graph_before_and_after(shop, data):
    act = picked(shop, data)
    graph = graph_of(shop)
    row, flags = event_row(graph, act), known_flags(graph)
    now = with_record(graph, row)
    around = local_record(now, flags=flags)
    member = dense(graph, act.member)
    found = AsOf(graph, flags=flags, threads=1).orders(np.array([row]))
    assert bits(features_without(around, [Removal()])) == bits(found)
    removal = Removal(
        ties=frozenset(data.draw(st.sets(st.sampled_from([*around.rows])))) if around.rows else frozenset(),
        events=frozenset(
            data.draw(st.sets(st.sampled_from(around.own.tolist()), max_size=6)) if len(around.own) else ()
        ),
        links=data.draw(st.booleans()),
        fields=frozenset(data.draw(st.sets(st.sampled_from(["amount", "quantity", "product"])))),
    )  # fmt: skip
    ids = around.graph.events["event_id"].gather(sorted(removal.events)).to_list()
    left = taken_away(now, member, removal, ids)
    last = pl.int_range(pl.len()) == pl.len() - 1
    stated = [pl.when(~last).then(name).alias(name) for name in sorted(removal.fields)]
    left = replace(left, events=left.events.with_columns(stated))
    place = np.array([left.events.height - 1])
    wanted = AsOf(left, flags=flags, threads=1).orders(place)
    assert bits(features_without(around, [Removal(), removal])) == [*bits(found), *bits(wanted)]


def test_in_a_market_scores_are_the_models():
    made = make_marketplace(SimulateConfig(members=800, seed=6, difficulty="easy"))
    graph = build_graph(made.tables)
    columns, flags = OrderColumns(graph, keep=True), known_flags(graph)
    rows = known(columns.units)[-240::12]
    scorer = replace(EVERYTHING, trees=random_trees(COLUMNS), of_trees=0.3)
    scores = scorer.probability(scorer.risks(columns.of(rows), np.zeros(len(rows))))
    for row, value in zip(rows.tolist(), scores.tolist(), strict=True):
        found = explain_order(
            columns, row, scorer=scorer, threshold=0.6, flags=flags
        )  # fmt: skip
        assert found.score == pytest.approx(value, abs=1e-12)
        assert all(one.score_without < found.score - 0.0009 for one in found.reasons)
        assert all(one.event_ids for one in found.reasons)
