"""Models of behaviour, and what they say, are the same whatever comes after."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from graphml.config import PropensityConfig
from graphml.errors import UsageError
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.pipeline.propensity import evaluate_propensity, moments_of, score_propensity
from graphml.propensity.answers import TARGETS, ask, lately, there_by
from graphml.propensity.fitting import fit_propensity
from graphml.propensity.model import told_of
from graphml.store.connect import connect
from graphml.store.moments import visible
from tests.properties.future import MARKETS, MICROSECOND, cut, future, market, together

CONFIG = PropensityConfig(horizon_days=14, step_days=14, moments=2, asked=400)


@cache
def scene(name: str):
    whole = market(name)
    when = cut(whole, 0.8)
    past = visible(whole, when)
    return past, {"whole": whole, "mixed": together(past, future(whole, when, 7), 9)}, when


@cache
def fitted(name: str, world: str):
    """Return what is learned as of the moment from a world that may reach beyond it."""
    past, worlds, when = scene(name)
    graph = build_graph(past if world == "past" else worlds[world])
    if world != "past":
        graph = graph.until(when)
    train, valid, _ = moments_of(graph, CONFIG, as_of=when)
    return fit_propensity(graph, train, valid, config=CONFIG, digests={})


@pytest.mark.parametrize("name", list(MARKETS))
def test_what_is_told_of_members_knows_no_future(name: str) -> None:
    past, worlds, when = scene(name)
    moment, some = microseconds(when), None
    read = {}
    for world, tables in {"past": past, **worlds}.items():
        graph = build_graph(tables)
        who, keys = there_by(graph, moment), graph.nodes["member"].keys
        some = some or set(keys.gather(who).gather_every(5))
        who = np.array([n for n in who.tolist() if keys[n] in some])
        told = told_of(graph, who, np.full(len(who), moment), None)
        bought = lately(graph, when, 40)
        read[world] = {
            keys[n]: (row.tobytes(), bool(bought[n]))
            for n, row in zip(who.tolist(), told.features.values, strict=True)
        }
    assert len(read["past"]) > 200
    assert {flag for _, flag in read["past"].values()} == {True, False}
    assert read["whole"] == read["mixed"] == read["past"]


@pytest.mark.parametrize("world", ["whole", "mixed"])
def test_no_model_and_no_score_knows_the_future(world: str, tmp_path) -> None:
    past, worlds, when = scene("default")
    alone, beside = fitted("default", "past").model, fitted("default", world).model
    assert beside.targets.keys() == alone.targets.keys() == set(TARGETS) & alone.targets.keys()
    for name, target in alone.targets.items():
        other = beside.targets[name]
        assert (other.method, other.trees.digest) == (target.method, target.trees.digest)
        assert other.recency.weights == pytest.approx(target.recency.weights, rel=1e-6)
    assert (alone.sequence is None) == (beside.sequence is None)
    found = {}
    for label, tables in (("past", past), (world, worlds[world])):
        alone.save(tmp_path / "model")
        with connect(f"embedded://{tmp_path}/{label}") as store:
            store.write_tables(tables)
            found[label] = score_propensity(store, tmp_path / "model", as_of=when)
    assert found["past"].height > 1_000
    assert found[world].equals(found["past"])
    with connect(f"embedded://{tmp_path}/{world}") as store:
        later = score_propensity(store, tmp_path / "model", as_of=when + 10**9 * MICROSECOND)
        assert not later["score"].equals(found["past"]["score"])


def test_answers_of_a_part_are_over_when_the_next_begins() -> None:
    past, _, when = scene("default")
    graph = build_graph(past)
    train, valid, test = moments_of(graph, CONFIG, as_of=when)
    ends = [moment + fitted("default", "past").model.horizon for moment in (*train, valid, test)]
    assert max(ends[:-2]) <= valid
    assert ends[-2] <= test
    assert ends[-1] <= when
    model = fitted("default", "past").model
    assert model.trained_until == max(ends[:-2])
    assert model.chosen_until == ends[-2]


def test_only_the_horizon_moves_answers() -> None:
    past, _, when = scene("default")
    graph = build_graph(past)
    moment = moments_of(graph, CONFIG, as_of=when)[1]
    asked = ask(graph, moment, CONFIG)
    end = moment + fitted("default", "past").model.horizon
    within = visible(past, end)
    same = ask(build_graph(within), moment, CONFIG)
    keys = [build_graph(tables).nodes["member"].keys for tables in (past, within)]
    assert keys[0].gather(asked.nodes).to_list() == keys[1].gather(same.nodes).to_list()
    np.testing.assert_array_equal(asked.y, same.y)
    before = ask(build_graph(visible(past, end - MICROSECOND * 10**11)), moment, CONFIG)
    assert np.nansum(before.y[:, :-1]) < np.nansum(asked.y[:, :-1])


def test_a_model_is_not_asked_about_what_it_was_taught(tmp_path) -> None:
    past, _, when = scene("default")
    model = fitted("default", "past").model
    model.save(tmp_path / "model")
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(past)
        with pytest.raises(UsageError, match="was trained on data up to"):
            score_propensity(store, tmp_path / "model", as_of=model.chosen_until - MICROSECOND)
        assert score_propensity(store, tmp_path / "model", as_of=model.chosen_until).height
        with pytest.raises(UsageError, match="was trained on data up to"):
            evaluate_propensity(store, tmp_path / "model", as_of=when - MICROSECOND)
        report = evaluate_propensity(store, tmp_path / "model", as_of=when)
    assert report.last == when
    assert {row["target"] for row in report.rows} == model.targets.keys()
    assert replace(model.config, seed=1) != model.config
    assert isinstance(report.rows[0]["auroc"], float)
    assert pl.DataFrame(list(report.rows)).height >= 2 * len(model.targets)
