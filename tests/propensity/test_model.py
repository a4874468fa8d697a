"""Models of behaviour on a shop of habits: planted answers, parts kept and refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from graphml.config import PropensityConfig
from graphml.errors import ConfigError, NothingToDoError, UsageError
from graphml.graph.build import build_graph
from graphml.pipeline.propensity import moments_of
from graphml.propensity.answers import CHURN, TARGETS, Asked, ask
from graphml.propensity.fitting import fit_propensity, report_rows
from graphml.propensity.model import METHODS, PropensityModel, told_of
from graphml.propensity.recency import fit_recency
from graphml.tabular.aggregates import AsOf
from graphml.training.metrics import auroc
from tests.propensity.habits import DAYS, habits
from tests.recommend.small import Act, day, shop

CONFIG = PropensityConfig(horizon_days=14, step_days=14, moments=3, active_days=40)
TRAIN, VALID, TEST = [day(DAYS - 70), day(DAYS - 56)], day(DAYS - 28), day(DAYS - 14)


@pytest.fixture(scope="module")
def graph():
    return build_graph(shop(habits()))


@pytest.fixture(scope="module")
def fitted(graph):
    return fit_propensity(graph, TRAIN, VALID, config=CONFIG, digests={"settings": "a" * 16, "data": "b" * 16})  # fmt: skip


@pytest.fixture(scope="module")
def scores(fitted, graph) -> pl.DataFrame:
    return fitted.model.score(graph, as_of=TEST)


def test_habits_are_told_apart(graph, fitted, scores):
    model = fitted.model
    assert list(model.targets) == list(TARGETS)
    assert fitted.left_out == ()
    assert fitted.train == 2 * fitted.valid == 840
    asked = ask(graph, TEST, CONFIG)
    names = graph.nodes["member"].keys
    for target in TARGETS:
        answers = dict(
            zip(names.gather(asked.nodes), asked.y[:, TARGETS.index(target)], strict=True)
        )
        frame = scores.filter(target=target)
        y = np.array([answers[m] for m in frame["member_id"]])
        assert auroc(y.astype(int), frame["score"].to_numpy()) > (
            0.65 if target == "refund" else 0.8
        )
        assert abs(frame["score"].mean() - y.mean()) < 0.1
    habit = scores.filter(target="purchase").with_columns(
        habit=pl.col("member_id").str.slice(2).cast(pl.Int64) % 5
    )
    mean = dict(habit.group_by("habit").agg(pl.col("score").mean()).rows())
    assert min(mean[0], mean[1]) > 0.7
    assert mean[3] < 0.1
    assert mean[2] < mean[0]


def test_scores_say_of_whom_and_are_sorted(graph, scores, fitted):
    assert scores.columns == ["member_id", "target", "score", "score_kind", "horizon_days", "as_of", "model"]  # fmt: skip
    assert scores["target"].unique(maintain_order=True).to_list() == list(TARGETS)
    for target in TARGETS:
        part = scores.filter(target=target)
        assert part["member_id"].n_unique() == part.height
        assert part.sort("score", "member_id", descending=[True, False]).equals(part)
        assert part["score"].is_between(0, 1, closed="none").all()
    everybody = set(graph.nodes["member"].keys)
    assert set(scores.filter(target="view")["member_id"]) == everybody
    bought = graph.events.filter(
        (pl.col("kind") == "purchase")
        & (pl.col("time") <= TEST)
        & (pl.col("time") > TEST - timedelta(days=40))
    )
    lately = set(graph.nodes["member"].keys.gather(bought["member"].unique()))
    assert set(scores.filter(target=CHURN)["member_id"]) == lately != everybody
    assert scores["model"].unique().to_list() == ["propensity-aaaaaaaabbbbbbbb"]
    assert set(scores["horizon_days"]) == {14}


def test_who_has_opted_out_by_then_is_not_scored(fitted, scores):
    members = [
        {"member_id": f"m-{n}", "opted_out": out, "valid_from": when}
        for n, out, when in ((0, True, TEST), (3, True, TEST + timedelta(days=1)), (5, False, TEST))
    ]
    found = fitted.model.score(build_graph(shop(habits(), members=members)), as_of=TEST)
    assert "m-0" in set(scores["member_id"])
    assert set(scores["member_id"]) - set(found["member_id"]) == {"m-0"}
    assert found.drop("model").equals(scores.filter(pl.col("member_id") != "m-0").drop("model"))


def test_the_method_with_the_highest_validation_ships(fitted):
    for name, target in fitted.model.targets.items():
        found = fitted.validation[name]
        assert found.keys() == METHODS.keys()
        assert found[target.method] == max(found.values())


def test_a_report_has_every_method_beside_the_one_that_ships(graph, fitted):
    rows = report_rows(fitted.model, graph, ask(graph, TEST, CONFIG))
    by_target = {t: [row for row in rows if row["target"] == t] for t in TARGETS}
    for target, own in by_target.items():
        assert own[0]["ships"]
        assert own[0]["method"] == fitted.model.targets[target].method
        assert not any(row["ships"] for row in own[1:])
        assert own[0]["above"] == 0
        assert own[0]["calibration_error"] < 0.15
        for row in own:
            assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]
            assert row["above"] == pytest.approx(own[0]["auroc"] - row["auroc"])
            assert 0 < row["base_rate"] < 1


def test_without_a_network_the_others_are_there(graph):
    config = replace(CONFIG, sequence=False)
    fitted = fit_propensity(graph, TRAIN, VALID, config=config, digests={})
    assert fitted.model.sequence is None
    assert {name for found in fitted.validation.values() for name in found} == {
        "trees", "recency, frequency, money",
    }  # fmt: skip


def test_a_kept_model_says_the_same(graph, fitted, scores, tmp_path):
    fitted.model.save(tmp_path / "m")
    again = PropensityModel.load(tmp_path / "m")
    assert again.score(graph, as_of=TEST).equals(scores)
    assert (again.name, again.config, again.chosen_until) == (
        fitted.model.name, CONFIG, VALID + timedelta(days=14),
    )  # fmt: skip


def test_an_absent_damaged_or_half_written_model_is_refused(fitted, tmp_path):
    with pytest.raises(UsageError, match="no model of behaviour in"):
        PropensityModel.load(tmp_path)
    whole = tmp_path / "whole"
    fitted.model.save(whole)
    card = json.loads((whole / "propensity.json").read_text())

    def changed(**others):
        return lambda f: (f / "propensity.json").write_text(json.dumps({**card, **others}))

    targets = card["targets"]
    for damage in (
        lambda f: (f / "propensity.json").write_text("{"),
        lambda f: shutil.rmtree(f / "trees-view"),
        lambda f: shutil.copytree(f / "trees-cart", f / "trees-view", dirs_exist_ok=True),
        changed(targets={**targets, "marry": targets["view"]}),
        changed(targets={**targets, "view": {**targets["view"], "method": "guess"}}),
        changed(sequence="0" * 64),
        changed(config={**card["config"], "horizon_days": 0}),
        changed(trained_until=3),
    ):
        folder = tmp_path / "broken"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        damage(folder)
        with pytest.raises(UsageError) as caught:
            PropensityModel.load(folder)
        assert "\n" not in str(caught.value)


def test_what_nobody_does_is_left_out_and_nothing_to_learn_is_said():
    few = build_graph(shop([act for act in habits() if act.kind in ("purchase", "refund")]))
    fitted = fit_propensity(few, TRAIN, VALID, config=replace(CONFIG, sequence=False), digests={})
    assert fitted.left_out == ("view", "cart")
    assert list(fitted.model.targets) == ["purchase", "refund", "churn"]
    nothing = build_graph(shop([Act(n, 1, 0.0) for n in range(90)] + [Act(1, 1, float(DAYS))]))
    with pytest.raises(NothingToDoError, match="nothing to learn"):
        fit_propensity(nothing, TRAIN, VALID, config=CONFIG, digests={})


def test_sign_ups_of_years_before_are_no_history(tmp_path):
    rows = [Act(n, None, -900.0, "signup") for n in range(60)]
    rows += [Act(n, 1, float(d)) for n in range(60) for d in range(0, 50, 3)]
    with pytest.raises(NothingToDoError, match="history is too short"):
        moments_of(build_graph(shop(rows)), CONFIG, as_of=day(50.0))
    train, _, _ = moments_of(build_graph(shop(rows)), replace(CONFIG, moments=50), as_of=day(80.0))
    assert min(train) >= day(14.0)


def test_settings_out_of_range_are_refused_by_name():
    for name in ("horizon_days", "step_days", "moments", "active_days", "asked"):
        with pytest.raises(ConfigError, match=rf"propensity\.{name} is 0"):
            PropensityConfig(**{name: 0})


def test_recency_frequency_and_money_are_a_regression_of_logarithms(graph):
    asked = ask(graph, VALID, CONFIG)
    features = AsOf(graph).members(asked.nodes, asked.as_of)
    y = asked.y[:, TARGETS.index("purchase")]
    bar = fit_recency(features, y)
    days = features["days_since_purchase"].astype(float)
    told = [np.where(np.isnan(days), 10_000, days), features["purchases"], features["spent"]]
    expected = (
        sum(w * np.log1p(c) for w, c in zip(bar.weights, told, strict=False)) + bar.weights[3]
    )
    np.testing.assert_allclose(bar.log_odds(features), expected, rtol=1e-4, atol=1e-5)
    assert bar.weights[0] < 0 < bar.weights[1]
    assert auroc(y.astype(int), bar.log_odds(features)) > 0.8


def test_rows_do_not_hang_on_one_another(graph, fitted):
    asked = ask(graph, TEST, CONFIG)
    some = np.arange(len(asked))[::-7]
    part = Asked(nodes=asked.nodes[some], as_of=asked.as_of[some], y=asked.y[some])
    whole, alone = (
        told_of(graph, one.nodes, one.as_of, fitted.model.sequence) for one in (asked, part)
    )
    for name, target in fitted.model.targets.items():
        np.testing.assert_allclose(
            target.probability(whole, name)[some], target.probability(alone, name), rtol=1e-5
        )
