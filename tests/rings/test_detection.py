"""Groups are found from planted stories; nothing after as_of, and no order of rows, changes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RingConfig
from graphml.graph.build import build_graph
from graphml.results import Scores
from graphml.rings.scoring import find_groups
from graphml.schema import MARKETPLACE
from graphml.tables.frames import Tables, frame_schema

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=120)


def event(number, member, day, kind="login", **columns):
    time = START + timedelta(days=day)
    return {"event_id": f"e{number}", "time": time, "kind": kind, "member_id": member, **columns}


def market(*, seed=3, members=300, ring=7, households=20):
    """Members with own devices and homes, households, and one ring that shares for ten days."""
    generator = np.random.default_rng(seed)
    rows = []

    def tell(member, day, **columns):
        rows.append(event(len(rows), member, float(day), **columns))

    for member in range(members):
        home = member // 2 if member < 2 * households else member + 1000
        for day in np.sort(generator.uniform(0, 119, 12)):
            kind = "purchase" if generator.random() < 0.3 else "view"
            product = f"p{generator.integers(150)}"
            tell(
                f"m{member}", day, kind=kind, product_id=product,
                device_id=f"d{member}", address_id=f"a{home}", ip=f"i{home}",
            )  # fmt: skip
    names = [f"x'\"`{{}}\n{member}" for member in range(ring)]
    for name in names:
        for day in np.sort(generator.uniform(60, 70, 5)):
            tell(
                name, day, kind="purchase", product_id=f"p{generator.integers(3)}",
                device_id=f"farm{generator.integers(2)}", address_id="drop", card="stolen",
            )  # fmt: skip
    return pl.DataFrame(rows, schema=frame_schema("events")), set(names)


EVENTS, RING = market()


def detect(events, as_of=END, **settings):
    graph = build_graph(Tables(events=events), MARKETPLACE)
    return graph, find_groups(graph, RingConfig(**settings), as_of=as_of)


def plain(graph, found):
    """Return groups by name, as values."""
    keys = graph.nodes["member"].keys.to_list()
    return found.threshold, [
        (
            tuple(keys[int(member)] for member in group.members),
            group.score,
            dict(group.signals),
            tuple(
                (value.type, graph.nodes[value.type].keys[value.value], value.start, value.end)
                for value in group.values
                if value.type in graph.nodes
            ),
        )
        for group in found.groups
    ]


def test_the_planted_ring_is_first_and_whole_and_households_are_not_believed():
    graph, found = detect(EVENTS)
    keys = graph.nodes["member"].keys
    first = found.groups[0]
    assert {keys[int(member)] for member in first.members} == RING
    assert first.score > found.threshold
    assert [group for group in found.groups[1:] if group.score >= found.threshold] == []
    assert {value.type for value in first.values} >= {"device", "address", "card"}


def test_every_household_is_a_candidate_and_a_member_is_in_one_group():
    graph, found = detect(EVENTS)
    members = np.concatenate([group.members for group in found.groups])
    assert len(members) == len(np.unique(members))
    keys = graph.nodes["member"].keys
    pairs = {frozenset(keys[int(m)] for m in group.members) for group in found.groups}
    assert all(frozenset({f"m{2 * n}", f"m{2 * n + 1}"}) in pairs for n in range(20))


def test_scores_fall_and_the_signals_sum_to_them():
    _, found = detect(EVENTS)
    scores = [group.score for group in found.groups]
    assert scores == sorted(scores, reverse=True)
    for group in found.groups:
        assert 0 <= group.score <= 1
        assert group.score == pytest.approx(1 / (1 + np.exp(-sum(group.signals.values()) / 4)))
        assert (np.diff(group.members) > 0).all()


def test_values_name_those_who_used_them_and_when():
    graph, found = detect(EVENTS)
    first = found.groups[0]
    card = next(value for value in first.values if value.type == "card")
    used = graph.events.filter(pl.col("card") == card.value)
    assert sorted(used["member"].unique()) == list(card.members)
    assert used["time"].dt.epoch("us").min() == card.start
    assert used["time"].dt.epoch("us").max() == card.end
    surprises = [value.surprise for value in first.values]
    assert surprises == sorted(surprises, reverse=True)
    assert min(surprises) >= 0


def test_allowed_values_tie_nobody():
    shared = {("card", "stolen"), ("address", "drop"), ("device", "farm0"), ("device", "farm1")}
    graph, found = detect(EVENTS, allow=frozenset(shared))
    keys = graph.nodes["member"].keys
    assert not any(keys[int(m)] in RING for group in found.groups for m in group.members)


def test_allowed_members_are_in_no_group():
    gone = min(RING)
    graph, found = detect(EVENTS, allow=frozenset({("member", gone), ("device", "absent")}))
    keys = graph.nodes["member"].keys
    assert {keys[int(m)] for m in found.groups[0].members} == RING - {gone}


def test_model_scores_of_members_are_a_signal():
    graph = build_graph(Tables(events=EVENTS), MARKETPLACE)
    ids = tuple(sorted(RING))
    scores = Scores(
        unit="member", ids=(*ids, "not there"), values=(0.9,) * len(ids) + (0.5,),
        score_kind="probability", as_of=END, model="m",
    )  # fmt: skip
    found = find_groups(graph, RingConfig(), as_of=END, scores=scores)
    assert found.groups[0].signals["risk"] > 0


def test_a_naive_as_of_is_an_error():
    graph = build_graph(Tables(events=EVENTS), MARKETPLACE)
    with pytest.raises(ValueError, match="time zone"):
        find_groups(graph, RingConfig(), as_of=datetime(2024, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_event_is_no_group_or_one(count):
    rows = [event(n, f"m{n}", n, device_id="d") for n in range(count)]
    _, found = detect(pl.DataFrame(rows, schema=frame_schema("events")))
    assert [list(group.members) for group in found.groups] == ([[0, 1]] if count == 2 else [])


def test_one_view_and_one_day_each_is_enough():
    rows = []
    for member in range(200):
        day = member * 37 % 100
        rows.append(event(len(rows), f"m{member}", day, device_id=f"d{member // 2}"))
    for member in range(30):
        rows.append(
            event(len(rows), f"r{member}", 40 + member // 5 / 1000, device_id=f"x{member // 5}")
        )
    graph, found = detect(pl.DataFrame(rows, schema=frame_schema("events")))
    keys = graph.nodes["member"].keys
    top = [{keys[int(m)][0] for m in group.members} for group in found.groups[:6]]
    assert top == [{"r"}] * 6


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(seed):
    places = np.random.default_rng(seed).permutation(EVENTS.height)
    assert plain(*detect(EVENTS[places])) == plain(*detect(EVENTS))


LATER = st.lists(
    st.tuples(
        st.sampled_from([*sorted(RING), "m0", "m7", "m250", "a new one", "zz"]),
        st.integers(0, 3),
        st.sampled_from(["farm0", "farm1", "d7", "late"]),
        st.sampled_from(["purchase", "refund", "chargeback", "review", "signup"]),
    ),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(later=LATER, day=st.sampled_from([62, 66, 90]))
def test_the_future_changes_nothing(later, day):
    as_of = START + timedelta(days=day)
    past = EVENTS.filter(pl.col("time") <= as_of)
    future = [
        {
            **event(f"late{number}", member, day, kind, device_id=device, product_id="p0"),
            "time": as_of + timedelta(microseconds=1 + wait),
            "rating": 5.0,
        }
        for number, (member, wait, device, kind) in enumerate(later)
    ]
    more = pl.concat([past, pl.DataFrame(future, schema=frame_schema("events"))])
    assert plain(*detect(more, as_of)) == plain(*detect(past, as_of))
    assert plain(*detect(pl.concat([EVENTS, more[past.height :]]), as_of)) == plain(
        *detect(past, as_of)
    )


def shop(*, seed):
    """Five weeks of a small shop: a few orders each, of singles and of households of three."""
    generator = np.random.default_rng(seed)
    rows = []
    for member in range(160):
        home = member // 3 if member < 60 else member + 1000
        device = home if member < 60 and generator.random() < 0.7 else member + 3000
        card = home if home % 4 == 0 else member + 2000
        for day in generator.uniform(0, 35, generator.integers(1, 5)):
            columns = {"device_id": f"d{device}", "address_id": f"a{home}", "ip": f"i{home}"}
            name = f"k{member}"
            rows.append(event(len(rows), name, day, "purchase", card=f"c{card}", **columns))
    return pl.DataFrame(rows, schema=frame_schema("events"))


@pytest.mark.parametrize("seed", range(8))
def test_no_household_of_a_small_shop_is_believed(seed):
    _, found = detect(shop(seed=seed))
    assert len(found.groups) >= 20
    assert [one for one in found.groups if one.score >= found.threshold] == []


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_second_market_and_its_chargebacks_hide_no_ring(seed, confirmed):
    other, ring = market(seed=seed, ring=5)
    names = pl.col("event_id", "member_id", "device_id", "address_id", "ip", "card")
    other = other.with_columns(("other " + names).name.keep())
    known = [event(f" known {name}", f"other {name}", 100, "chargeback") for name in sorted(ring)]
    known = pl.DataFrame(known if confirmed else [], schema=frame_schema("events"))
    graph, found = detect(pl.concat([EVENTS, other, known]))
    keys = graph.nodes["member"].keys
    believed = [group for group in found.groups if group.score >= found.threshold]
    members = {frozenset(keys[int(member)] for member in group.members) for group in believed}
    assert members == {frozenset(RING), frozenset(f"other {name}" for name in ring)}
