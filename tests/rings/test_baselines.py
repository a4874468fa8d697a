"""Each baseline finds what it is made for, and nothing after as_of."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.graph.build import build_graph
from graphml.rings.baselines import BASELINES
from graphml.tables.frames import Tables, empty

START = datetime(2024, 1, 1, tzinfo=UTC)


def graph_of(uses):
    """Return the graph of (day, member, type, value)."""
    columns = {"device": "device_id", "card": "card", "ip": "ip"}
    rows = [
        {
            "event_id": f"e-{place}",
            "time": START + timedelta(days=day),
            "kind": "login",
            "member_id": member,
            columns[kind]: value,
        }
        for place, (day, member, kind, value) in enumerate(uses)
    ]
    events = pl.DataFrame(rows, infer_schema_length=None) if rows else empty("events")
    return build_graph(Tables(events=events))


def found(name, uses, day):
    graph = graph_of(uses)
    keys = graph.nodes["member"].keys
    groups = BASELINES[name](graph, as_of=START + timedelta(days=day))
    assert all(group.dtype == np.int64 and (np.diff(group) > 0).all() for group in groups)
    return [keys.gather(group).to_list() for group in groups]


def own(members, days=range(0, 200, 20)):
    """Return each member's uses of a device and an address of their own."""
    return [
        (day, m, kind, f"{kind} of {m}")
        for m in members
        for day in days
        for kind in ("device", "ip")
    ]


RING = [f"r-{n}" for n in range(5)]
HOME = [f"h-{n}" for n in range(3)]
BURST = [
    (50 + n, m, kind, f"burst {kind}") for n, m in enumerate(RING) for kind in ("device", "ip")
]
HOUSEHOLD = [(day, m, "device", "tablet") for m in HOME for day in range(0, 200, 5)]
MARKET = own([*RING, *HOME, "x-1", "x-2"]) + BURST + HOUSEHOLD


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("device shared by 3", [RING, HOME]),
        ("device and card components", [RING, HOME]),
        ("Louvain on the projection", [RING, HOME]),
        ("Louvain over two views", [RING]),
        ("shared at most 50 days", [RING]),
    ],
)
def test_it_finds_what_it_looks_for(name, expected):
    assert found(name, MARKET, 400) == expected


def test_fraudar_finds_the_block_first():
    crowd = own([f"c-{n}" for n in range(30)])
    block = [(60, m, "device", f"d-{n}") for m in RING for n in range(4)]
    assert found("Fraudar", MARKET + crowd + block, 400)[0] == RING


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_shared_is_no_ring(name):
    assert found(name, [], 400) == []
    if name != "Fraudar":  # a block is dense against the rest, whatever the rest is
        assert found(name, own(["m-1", "m-2", "m-3"]), 400) == []


@pytest.mark.parametrize("name", BASELINES)
def test_it_knows_nothing_on_the_day_before(name):
    assert RING not in found(name, MARKET, 51)


days = st.integers(0, 3)
members = st.sampled_from(["m-1", "m-2", "m-3", "m-4"])
kinds = st.sampled_from(["device", "card"])
uses = st.lists(st.tuples(days, members, kinds, st.sampled_from(["v", "w"])), max_size=12)


@pytest.mark.parametrize("name", BASELINES)
@settings(deadline=None, max_examples=15)
@given(uses=uses, late=uses, as_of=days)
def test_the_future_changes_nothing(name, uses, late, as_of):
    past = [use for use in uses if use[0] <= as_of]
    future = [(as_of + 1 + day, *rest) for day, *rest in late]
    assert found(name, past + future, as_of) == found(name, past, as_of)


def test_a_hub_ties_nobody_in_a_projection():
    crowd = [(1, f"m-{n}", "ip", "station") for n in range(51)]
    assert found("Louvain on the projection", crowd, 9) == []
    assert len(found("Louvain on the projection", crowd[:50], 9)[0]) == 50
