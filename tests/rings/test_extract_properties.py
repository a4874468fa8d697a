"""What no market may break: nothing of the future, real ids, numbers that can be counted again."""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RingConfig
from graphml.graph.build import build_graph
from graphml.results import Evidence, Ring
from graphml.rings.extract import describe, extract_rings
from graphml.rings.wording import CODES
from graphml.tables.frames import Tables
from tests.rings.small import at, group, longest, random_tables, rows

MEMBERS = ["m-0", "m-1", "m-2", "m-4"]
AS_OF = at(72)
drawn = st.lists(rows, min_size=6, max_size=40)
COLUMNS = {
    "DEVICE": "device_id",
    "ADDRESS": "address_id",
    "IP": "ip",
    "CARD": "card",
}


def describe_members(tables: Tables, as_of=AS_OF) -> list[Ring]:
    graph = build_graph(tables)
    return describe(graph, [group(graph, MEMBERS, as_of)], as_of=as_of)


def present(tables: Tables) -> bool:
    return tables.events.filter(pl.col("member_id").is_in(MEMBERS))["member_id"].n_unique() > 1


def together(tables: Tables, future: list[dict]) -> Tables:
    late = random_tables(future, later=timedelta(hours=72, microseconds=1))
    events = late.events.with_columns(event_id="late-" + pl.col("event_id"))
    return Tables(events=pl.concat([tables.events, events]), products=tables.products)


@settings(deadline=None, max_examples=60)
@given(drawn, drawn)
def test_the_future_changes_no_description(now, future):
    tables = random_tables(now)
    if not present(tables):
        return
    later = together(tables, future)
    graph = build_graph(later)
    if not graph.until(AS_OF).nodes["member"].present.all():
        return  # a group is of members who exist
    assert describe_members(later) == describe_members(tables)


@settings(deadline=None, max_examples=25)
@given(drawn, drawn)
def test_the_future_changes_no_ring(now, future):
    config = RingConfig(min_score=0, min_members=2)
    tables = random_tables(now)
    rings = [
        extract_rings(build_graph(t), None, config, as_of=AS_OF)
        for t in (tables, together(tables, future))
    ]
    assert rings[0] == rings[1]


@settings(deadline=None, max_examples=25)
@given(drawn, st.randoms())
def test_the_order_of_rows_changes_nothing(now, random):
    tables = random_tables(now)
    config = RingConfig(min_score=0, min_members=2)
    places = list(range(tables.events.height))
    random.shuffle(places)
    shuffled = Tables(events=tables.events[places], products=tables.products)
    rings = [extract_rings(build_graph(t), None, config, as_of=AS_OF) for t in (tables, shuffled)]
    assert rings[0] == rings[1]
    members = [member for ring in rings[0] for member in ring.member_ids]
    assert len(members) == len(set(members))
    assert [ring.score for ring in rings[0]] == sorted((r.score for r in rings[0]), reverse=True)
    assert [Ring.from_json(ring.to_json()) for ring in rings[0]] == rings[0]


@settings(deadline=None, max_examples=80)
@given(drawn)
def test_every_number_can_be_counted_again(now):
    tables = random_tables(now)
    if not present(tables):
        return
    for ring in describe_members(tables):
        events = tables.events.filter(pl.col("time") <= ring.as_of)
        for item in (*ring.evidence, *ring.counter_evidence):
            cited = events.filter(pl.col("event_id").is_in(item.event_ids))
            assert cited.height == len(item.event_ids) == len(set(item.event_ids)) <= 50
            check = CHECKS.get(re.sub("_BURST$", "", item.code), lambda *_: None)
            check(item, cited, events, ring)
            assert item.code in CODES
            assert item.text.count("UTC") == len(re.findall(r"\b\d+ June 2024\b", item.text)[:1])
        count_amounts(ring, events)


def number(pattern: str, text: str) -> int:
    return int(re.search(pattern, text).group(1).replace(",", ""))


def count_shared(item: Evidence, cited: pl.DataFrame, events: pl.DataFrame, ring: Ring) -> None:
    column = COLUMNS[item.code.split("_")[1]]
    value = cited[column].unique().to_list()
    assert len(value) == 1
    users = events.filter(pl.col(column) == value[0])
    inside = users.filter(pl.col("member_id").is_in(ring.member_ids))
    assert number(r"^(\d+) member", item.text) == cited["member_id"].n_unique()
    span = cited["time"].max() - cited["time"].min()
    assert ("none of them before or after" in item.text) == item.code.endswith("_BURST")
    allowed = longest(re.search(r" (?:within|for) (\d+ \w+), (?:on|from) ", item.text).group(1))
    assert span <= allowed
    if "none of them before or after" in item.text:
        assert inside["time"].is_between(cited["time"].min(), cited["time"].max()).all()
    others = users["member_id"].n_unique() - inside["member_id"].n_unique()
    told = re.search(r"(\d+) other member", item.text)
    assert others == (int(told.group(1)) if told else 0)


def count_habit(kind: str):
    def count(item: Evidence, cited: pl.DataFrame, events: pl.DataFrame, ring: Ring) -> None:
        mine = events.filter(pl.col("member_id").is_in(ring.member_ids))
        bought = mine.filter(pl.col("kind") == "purchase").height
        assert number(r"for ([\d,]+) purchase", item.text) == bought
        assert number(r"had ([\d,]+) " + kind, item.text) == mine.filter(kind=kind).height

    return count


def count_signups(item: Evidence, cited: pl.DataFrame, events: pl.DataFrame, ring: Ring) -> None:
    assert number(r"^(\d+) member", item.text) == cited["member_id"].n_unique()
    assert number(r"of ([\d,]+) signed", item.text) == len(ring.members)
    assert set(cited["kind"]) == {"signup"}


def count_chargebacks(item: Evidence, cited: pl.DataFrame, *_: object) -> None:
    assert set(cited["kind"]) == {"chargeback"}


def count_hub(item: Evidence, cited: pl.DataFrame, events: pl.DataFrame, ring: Ring) -> None:
    assert number(r", (\d+) of them in this ring", item.text) == cited["member_id"].n_unique()


def count_own(item: Evidence, cited: pl.DataFrame, events: pl.DataFrame, ring: Ring) -> None:
    told = number(r": ([\d,]+) of their", item.text)
    assert cited.height == min(told, 50)
    for shared in ring.shared:
        column = COLUMNS.get(shared.type.upper())
        assert not (cited[column] == shared.id).any()


def count_no_chargeback(
    item: Evidence, cited: pl.DataFrame, events: pl.DataFrame, ring: Ring
) -> None:
    mine = events.filter(pl.col("member_id").is_in(ring.member_ids))
    assert number(r"([\d,]+) purchase", item.text) == mine.filter(kind="purchase").height
    orders = set(mine.filter(kind="purchase")["order_id"].drop_nulls())
    charged = set(events.filter(kind="chargeback")["order_id"].drop_nulls())
    first = events.filter(pl.col("order_id").is_in(list(orders & charged)), kind="purchase")
    owners = first.sort("time", "event_id").unique("order_id", keep="first")
    assert not owners["member_id"].is_in(ring.member_ids).any()


CHECKS = {
    "SHARED_DEVICE": count_shared,
    "SHARED_ADDRESS": count_shared,
    "SHARED_IP": count_shared,
    "SHARED_CARD": count_shared,
    "REFUNDS": count_habit("refund"),
    "SIGNUPS_TOGETHER": count_signups,
    "CHARGEBACK": count_chargebacks,
    "HUB": count_hub,
    "LOCKER": count_hub,
    "OWN_LIFE": count_own,
    "NO_CHARGEBACK_YET": count_no_chargeback,
}


def count_amounts(ring: Ring, events: pl.DataFrame) -> None:
    mine = events.filter(pl.col("member_id").is_in(ring.member_ids))
    on = pl.lit(not ring.shared)
    for shared in ring.shared:
        value = pl.col(COLUMNS[shared.type.upper()]) == shared.id
        used = mine.filter(value)
        assert shared.events == used.height
        assert shared.members == used["member_id"].n_unique() >= 2
        assert (shared.first, shared.last) == (used["time"].min(), used["time"].max())
        on = on | value.fill_null(False)
    bought = mine.filter(on, kind="purchase").drop_nulls("amount")
    sums = dict(bought.group_by("currency").agg(pl.col("amount").sum()).iter_rows())
    if not sums:
        assert (ring.amount_gross, ring.currency) == (0, None)
    elif ring.currency:
        assert sums == {ring.currency: ring.amount_gross}
    else:
        assert ring.amount_gross in sums.values()
    assert ring.amount_net <= ring.amount_gross
