"""Who is asked and what came true, by plain loops."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.propensity.answers import EVENTS, TARGETS, Asked, ask
from tests.recommend.small import DAYS, Act, acts, day, shop

MICROSECOND = timedelta(microseconds=1)
CONFIG = PropensityConfig(horizon_days=28, active_days=30)


def told(graph, asked: Asked) -> dict:
    keys = graph.nodes["member"].keys
    return {
        keys[int(node)]: dict(zip(TARGETS, row.tolist(), strict=True))
        for node, row in zip(asked.nodes, asked.y, strict=True)
    }


def oracle(made: list[Act], moment: float) -> dict:
    found = {}
    for who in {act.member for act in made if act.day <= moment}:
        own = [act for act in made if act.member == who]
        after = {act.kind for act in own if moment < act.day <= moment + 28}
        row = {kind: float(kind in after) for kind in EVENTS}
        lately = any(a.kind == "purchase" and moment - 30 < a.day <= moment for a in own)
        row["churn"] = 1.0 - row["purchase"] if lately else float("nan")
        found[f"m-{who}"] = row
    return found


@settings(max_examples=150, deadline=None)
@given(acts(), st.sampled_from(DAYS))
def test_answers_are_what_plain_loops_say(made, moment):
    graph = build_graph(shop(made))
    expected = oracle(made, moment)
    if not expected:
        with pytest.raises(NothingToDoError, match="no member by"):
            ask(graph, day(moment), CONFIG)
        return
    asked = ask(graph, day(moment), CONFIG)
    found = told(graph, asked)
    assert found.keys() == expected.keys()
    for who, row in expected.items():
        np.testing.assert_array_equal([found[who][t] for t in TARGETS], [row[t] for t in TARGETS])
    assert set(asked.as_of.tolist()) == {microseconds(day(moment))}


def test_the_horizon_begins_after_the_moment_and_holds_its_last_microsecond():
    rows = [Act(1, 1, 0.0), Act(1, 1, 10.0), Act(2, 2, 0.0), Act(2, 2, 38.0), Act(3, 1, 0.0)]
    graph = build_graph(shop(rows))
    assert [told(graph, ask(graph, day(10.0), CONFIG))[f"m-{n}"]["purchase"] for n in (1, 2, 3)] == [0, 1, 0]  # fmt: skip
    early = told(graph, ask(graph, day(10.0) - MICROSECOND, CONFIG))
    assert [early[f"m-{n}"]["purchase"] for n in (1, 2, 3)] == [1, 0, 0]


def test_churn_is_asked_of_those_alone_who_bought_lately():
    rows = [Act(1, 1, 0.0), Act(2, 2, 25.0), Act(3, 1, 25.0, "view"), Act(4, 1, 25.0), Act(4, 1, 60.0)]  # fmt: skip
    graph = build_graph(shop(rows))
    found = told(graph, ask(graph, day(40.0), CONFIG))
    assert [found[f"m-{n}"]["churn"] for n in (2, 4)] == [1, 0]
    assert np.isnan([found[f"m-{n}"]["churn"] for n in (1, 3)]).all()


def test_who_is_known_to_be_fraudulent_is_not_asked_and_who_becomes_so_later_is():
    rows = [Act(n, 1, 0.0) for n in range(4)] + [Act(1, 2, 20.0)]
    labels = [
        {"member_id": f"m-{n}", "order_id": None, "label": y, "known_at": day(when)}
        for n, y, when in ((1, 1, 10.0), (2, 1, 10.001), (3, 0, 5.0))
    ]
    graph = build_graph(shop(rows, labels=labels))
    assert told(graph, ask(graph, day(10.0), CONFIG)).keys() == {"m-0", "m-2", "m-3"}


def test_no_more_are_asked_than_wished_and_by_seed_others():
    graph = build_graph(shop([Act(n, 1, 0.0) for n in range(300)]))
    asked = [ask(graph, day(1.0), replace(CONFIG, asked=40, seed=n)).nodes for n in (0, 0, 1)]
    assert [len(np.unique(nodes)) for nodes in asked] == [40] * 3
    np.testing.assert_array_equal(asked[0], asked[1])
    assert set(asked[0].tolist()) != set(asked[2].tolist())
    assert (np.diff(asked[0]) > 0).all()
