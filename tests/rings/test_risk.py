"""Risk of members raises weak groups and puts parts together; ranks are enough, the future is unseen."""

from __future__ import annotations

import functools
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.config import RingConfig, SimulateConfig
from graphml.graph.build import build_graph
from graphml.results import Scores
from graphml.rings import metrics
from graphml.rings.extract import find_candidates
from graphml.rings.risk import relative_risk
from graphml.tables.synthetic import make_marketplace


@functools.cache
def market():
    made = make_marketplace(SimulateConfig(members=8_000, seed=12, difficulty="hard"))
    graph = build_graph(made.tables)
    keys = graph.nodes["member"].keys
    rings = made.truth_rings.group_by("ring_id").agg("member_id")["member_id"].to_list()
    truth = [set(keys.is_in(ring).arg_true().to_list()) for ring in rings]
    return graph, truth, graph.events["time"].max()


@functools.cache
def risk():
    """Return a noisy view of the truth, about as good as that of a trained model."""
    graph, truth, _ = market()
    chance = np.random.default_rng(5)
    value = chance.normal(size=len(graph.nodes["member"]))
    value[sorted(set().union(*truth))] += 3
    return 1 / (1 + np.exp(-value))


def scores(values, as_of, unit="member"):
    keys = market()[0].nodes["member"].keys
    return Scores(
        unit=unit, ids=tuple(keys), values=tuple(np.asarray(values).tolist()),
        score_kind="rank", as_of=as_of, model="m",
    )  # fmt: skip


@functools.cache
def plain():
    graph, _, end = market()
    return find_candidates(graph, None, RingConfig(), as_of=end)


def detected(values, *, unit="member"):
    graph, _, end = market()
    return find_candidates(graph, scores(values, end, unit), RingConfig(), as_of=end)


def sets(groups):
    return [frozenset(group.members.tolist()) for group in groups]


def told(found):
    return [(g.members.tolist(), g.score, g.values) for g in (*found.believed, *found.others)]


def test_risk_finds_more_of_the_rings_and_accuses_hardly_more():
    _, truth, _ = market()
    before, after = sets(plain().believed), sets(detected(risk()).believed)
    assert metrics.pair_f1(after, truth) > metrics.pair_f1(before, truth) + 0.05
    assert metrics.pair_precision(after, truth) > metrics.pair_precision(before, truth) - 0.05


def test_nobody_leaves_a_ring_and_each_is_in_one():
    found = detected(risk())
    after = sets(found.believed)
    for ring in sets(plain().believed):
        assert any(ring <= one for one in after)
    members = [member for one in sets((*found.believed, *found.others)) for member in one]
    assert len(members) == len(set(members))
    for group in found.believed:
        assert group.score >= found.threshold
        assert all(set(value.members) <= set(group.members.tolist()) for value in group.values)
        assert group.members.tolist() == sorted(group.members.tolist())


def test_a_raised_group_says_what_risk_added():
    found = detected(risk())
    raised = [group for group in found.believed if "risk" in group.signals]
    assert raised
    before = frozenset().union(*sets(plain().believed))
    for group in raised:
        assert group.score == found.threshold
        assert group.signals["risk"] > 0
        assert sum(group.signals.values()) == pytest.approx(np.log(19))
        assert not before >= set(group.members.tolist())


def test_scores_that_tell_nothing_raise_nobody():
    found = detected(np.full(len(risk()), 0.7))
    assert not any("risk" in group.signals for group in found.believed)


def test_only_the_order_of_scores_matters():
    assert told(detected(risk())) == told(detected(risk() ** 3))


def test_scores_of_orders_change_nothing():
    assert told(detected(risk(), unit="order")) == told(plain())


def test_what_comes_later_changes_nothing():
    graph, _, end = market()
    as_of = end - timedelta(days=45)
    given = scores(risk(), as_of)
    whole = find_candidates(graph, given, RingConfig(), as_of=as_of)
    then = find_candidates(graph.until(as_of), given, RingConfig(), as_of=as_of)
    assert told(whole) == told(then)
    assert told(whole) != told(find_candidates(graph, None, RingConfig(), as_of=as_of))


@given(
    values=st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=9),
    believed=st.integers(1, 9),
)
def test_relative_risk_counts_who_is_at_least_as_risky(values, believed):
    keys = [f"m-{n}" for n in range(len(values))]
    known = {key: value / 4 for key, value in zip(keys, values, strict=True) if value is not None}
    given = Scores(
        unit="member", ids=("not there", *reversed(known)), values=(1.0, *reversed(known.values())),
        score_kind="rank", as_of=market()[2], model=None,
    )  # fmt: skip
    found = relative_risk(pl.Series(keys, dtype=pl.String), given, believed=believed)
    for key, risk_of in zip(keys, found, strict=True):
        above = [k for k in keys if known.get(k, -1.0) >= known.get(key, -1.0)]
        assert risk_of == pytest.approx(np.log(believed / len(above)))


def test_relative_risk_needs_somebody_to_compare_with():
    with pytest.raises(ValueError, match="at least 1"):
        relative_risk(pl.Series(["a"]), scores(risk(), market()[2]), believed=0)
