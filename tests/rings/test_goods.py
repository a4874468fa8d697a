"""What groups aim at: products bought together while they act, beside what all others buy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.rings.goods import Purchases, aims_of, excess, in_concert
from graphml.rings.timeline import build_timeline
from tests.rings.small import Market, group

_RING = ("r-0", "r-1", "r-2")


def market(*, aimed: bool = True) -> Market:
    """Three on one device who buy one of two products, or each another; thirty others buy all."""
    told = Market()
    for n, member in enumerate(_RING):
        for turn in range(2):
            product = f"p-{turn}" if aimed else f"p-{2 + 2 * n + turn}"
            hours = 100 + n + 10 * turn
            told.tell(member, hours, "purchase", product_id=product, device_id="d")
    for n in range(30):
        for turn in range(3):
            told.tell(f"m-{n:02}", 90 + n, "purchase", product_id=f"p-{2 + (7 * n + turn) % 20}")
    return told


def looked_at(told: Market):
    graph = told.graph
    found = group(graph, _RING, graph.events["time"].max())
    return graph, found, Purchases.of(build_timeline(graph))


def test_who_else_buys_what_a_group_aims_at_is_seen_while_it_acts_only():
    told = market()
    told.tell("with", 108, "purchase", product_id="p-1")
    told.tell("beside", 108, "purchase", product_id="p-4")
    told.tell("before", 99, "purchase", product_id="p-1")
    told.tell("next day", 136, "purchase", product_id="p-0")
    told.tell("later", 137, "purchase", product_id="p-0")
    told.tell("looks", 108, "view", product_id="p-1")
    graph, found, purchases = looked_at(told)
    aims = aims_of(found, purchases)
    keys = graph.nodes["member"].keys.to_list()
    hits = {keys[n]: aims.hits[n] for n in np.flatnonzero(aims.hits)}
    assert hits == {"r-0": 2, "r-1": 2, "r-2": 2, "with": 1, "next day": 1}
    assert 0 < aims.expected[keys.index("with")] < 0.2
    assert aims.expected[keys.index("with")] == aims.expected[keys.index("beside")]
    assert aims.expected[keys.index("looks")] == 0


def test_a_group_that_buys_apart_aims_at_nothing():
    _, found, purchases = looked_at(market(aimed=False))
    assert not aims_of(found, purchases).hits.any()
    assert in_concert(found, purchases) == 0


def test_members_are_in_concert_by_what_the_others_buy():
    _, found, purchases = looked_at(market())
    together = in_concert(found, purchases)
    assert together > 1
    told = market()
    for turn in range(9):
        told.tell("r-0", 104, "purchase", product_id=f"p-{100 + turn}")
    _, found, purchases = looked_at(told)
    assert 0 < in_concert(found, purchases) < together


def test_who_buys_nothing_aims_at_nothing():
    told = Market()
    for member in _RING:
        told.tell(member, 1, device_id="d")
    _, found, purchases = looked_at(told)
    assert not aims_of(found, purchases).hits.any()
    assert in_concert(found, purchases) == 0


@given(hits=st.integers(0, 50), expected=st.floats(0.01, 50))
def test_excess_is_the_poisson_likelihood_ratio(hits, expected):
    found = float(excess(np.array([float(hits)]), np.array([expected]))[0])
    told = hits * np.log(hits / expected) - hits + expected if hits > expected else 0.0
    assert found == pytest.approx(told, abs=1e-9)
    assert found >= -1e-12
