"""The records that make a number are those it rests on, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from graphml.explain.candidates import tells
from graphml.explain.records import records_behind
from graphml.tabular.aggregates import AGGREGATES
from graphml.tabular.registry import RELATION
from tests.rings.small import Market

DAY = 24.0


def life() -> Market:
    market = Market()
    market.tell("m", 1, "signup")  # 0, at night
    market.tell("m", 9, "purchase", amount=5.0, currency="EUR", order_id="a", coupon_id="c")  # 1
    market.tell("m", 9.005, "purchase", amount=70.0, currency="EUR", order_id="b")  # 2
    market.tell("m", 9.01, "purchase", amount=6.0, currency="USD", order_id="b")  # 3
    market.tell("m", 20 * DAY + 12, "refund")  # 4, after a long silence
    market.tell("m", 27 * DAY + 12, "login")  # 5
    market.tell("m", 27 * DAY + 12.5, "points", points=3.0)  # 6
    market.tell("m", 27 * DAY + 13, "points", points=9.0)  # 7
    market.tell("m", 27 * DAY + 14, "purchase", currency="EUR")  # 8, without an amount
    return market


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("age_days", [0]),
        ("days_to_purchase", [1]),
        ("gap_max_hours", [4, 5, 6, 7, 8]),
        ("night_share", [0]),
        ("burst_minute", [1, 2, 3]),
        ("burst_hour", [1, 2, 3]),
        ("purchase_burst_hour", [1, 2, 3]),
        ("currencies", [3]),
        ("spent_max", [2]),
        ("spent_last_ratio", [3]),
        ("coupon_rate", [1]),
        ("points_max", [7]),
        ("order_lines_max", [2, 3]),
        ("refunds", [4]),
        ("refunds_30d", [4]),
        ("refund_rate", [4]),
        ("purchase_rate", [1, 2, 3, 8]),
        ("purchases_1d", [8]),
        ("events_1d", [5, 6, 7, 8]),
        ("pace_7d_30d", [5, 6, 7, 8]),
        ("reviews_7d", []),
    ],
)
def test_each_rests_on_its_own_records(name, rows):
    graph = life().graph
    moment = int(graph.events["time"].to_physical()[-1])
    found = records_behind(AGGREGATES[name], graph.events, moment=moment)
    assert found.tolist() == rows


def test_a_window_ends_where_the_aggregates_ends():
    market = Market()
    market.tell("m", 0, "refund")
    market.tell("m", 30 * DAY, "login")
    graph = market.graph
    moment = int(graph.events["time"].to_physical()[-1])
    assert records_behind(AGGREGATES["refunds_30d"], graph.events, moment=moment).tolist() == []
    early = records_behind(AGGREGATES["refunds_30d"], graph.events, moment=moment - 1)
    assert early.tolist() == [0]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("devices", 1.0, False), ("devices", 2.0, True), ("device_members_max", 1.0, True),
        ("device_members_max", 0.0, False), ("device_members_max", np.nan, False),
        ("night_share", 0.004, False), ("night_share", 0.006, True), ("age_days", 0.0, True),
        ("dearness_max", -3.0, False), ("dearness_max", 0.5, True), ("logins", 9.0, False),
        ("burst_minute", 1.0, False), ("purchases_1d", 2.0, True), ("device_members_7d", 1.0, False),
    ],
)  # fmt: skip
def test_a_value_is_told_if_it_says_what_the_words_say(name, value, told):
    assert tells(AGGREGATES[name], value) == told


def test_every_aggregate_with_words_can_be_told():
    for aggregate in AGGREGATES.values():
        assert tells(aggregate, 5.0) == (aggregate.reason is not None)


def test_every_reason_of_a_member_rests_on_something_that_can_be_taken_away():
    graph = life().graph
    ties = {*RELATION.values(), "links"}
    for aggregate in AGGREGATES.values():
        if aggregate.code and aggregate.group != "order" and not ties & set(aggregate.relations):
            assert set(aggregate.relations) <= set(graph.schema.kinds), aggregate.name
