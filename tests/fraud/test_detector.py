"""The fraud detector: what it learns, what it may know, how it is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial

import numpy as np
import polars as pl
import pytest

from graphml.config import FraudConfig, SimulateConfig
from graphml.errors import UsageError
from graphml.fraud import CARD
from graphml.fraud.detector import FraudDetector, weighed
from graphml.fraud.fitting import BLENDS, Fitted, _chosen, fit_detector, shippable
from graphml.fraud.reporting import report_rows
from graphml.graph.build import build_graph
from graphml.pipeline.fraud import detector_labels, moments_of
from graphml.pipeline.reading import check_moment
from graphml.tables.synthetic import make_marketplace
from graphml.training.metrics import average_precision
from tests.training.markets import SMALL

CONFIG = FraudConfig(network=False, unaccused=800)
LATER = timedelta(days=28)


@cache
def market():
    """Return a marketplace whose reviewers find most rings three weeks after they begin."""
    made = make_marketplace(SimulateConfig(members=6_000, seed=8, difficulty="hard"))
    rings = made.truth_rings.filter(pl.col("role") != "victim")
    seen = rings.filter(pl.col("ring_id").hash(seed=5) % 10 < 7)
    told = seen.select(
        "member_id",
        label=pl.lit(1, pl.Int64),
        known_at=pl.col("first_event").dt.offset_by("21d"),
        fraud_time="first_event",
    )
    labels = pl.concat([made.tables.labels, told], how="diagonal_relaxed")
    made = replace(made, tables=replace(made.tables, labels=labels))
    return made, build_graph(made.tables), made.tables.events["time"].max() - LATER


@cache
def fitted(network: bool = False) -> Fitted:
    made, graph, as_of = market()
    parts, _ = detector_labels(made.tables, CONFIG, as_of=as_of)
    return fit_detector(
        graph, parts["train"], parts["valid"], parts["test"], CONFIG,
        SMALL if network else None, complete=False, digests={"settings": "a" * 16, "data": "b" * 16},
    )  # fmt: skip


def test_the_blend_finds_those_that_nobody_knows_of():
    made, graph, as_of = market()
    detector = fitted().detector
    assert detector.trees is not None
    scores = detector.score(graph, as_of=as_of)
    assert scores.score_kind == "probability"
    acting = made.truth_rings.filter(
        (pl.col("role") != "victim") & (pl.col("first_event") <= as_of)
    )["member_id"]
    y = pl.Series(scores.ids).is_in(acting.implode()).to_numpy().astype(np.int64)
    values = np.array(scores.values)
    assert ((values > 0) & (values < 1)).all()
    found = average_precision(y, values)
    assert found > 0.6
    rows = {row["method"]: row for row in report_rows(fitted(), capacity=0.02, seed=0)}
    assert set(rows) == {"blend", "structure", "aggregates", "flat"}
    first = report_rows(fitted(), capacity=0.02, seed=0)[0]
    assert first["method"].replace(" ", "-") == detector.method
    assert first["gain_low"] == first["gain_high"] == 0


def test_a_detector_comes_back_as_it_was(tmp_path):
    _, graph, as_of = market()
    detector = fitted().detector
    detector.save(tmp_path / "model")
    again = FraudDetector.load(tmp_path / "model")
    assert again.name == detector.name
    assert again.score(graph, as_of=as_of) == detector.score(graph, as_of=as_of)
    assert not list((tmp_path / "model").rglob("*.pkl"))


def test_what_comes_later_changes_no_score():
    _, graph, as_of = market()
    detector = fitted().detector
    assert detector.score(graph, as_of=as_of) == detector.score(graph.until(as_of), as_of=as_of)


def test_what_is_known_later_changes_no_part_of_the_model():
    made, _, as_of = market()
    parts, when = detector_labels(made.tables, CONFIG, as_of=as_of)
    late = when.until["valid"] + timedelta(microseconds=1)
    names = made.tables.members["member_id"].sample(400, seed=1)
    lies = pl.DataFrame({"member_id": names}).with_columns(
        label=pl.lit(1, pl.Int64), known_at=pl.lit(late), fraud_time=pl.lit(when.train[0])
    )
    tables = replace(
        made.tables, labels=pl.concat([made.tables.labels, lies], how="diagonal_relaxed")
    )
    after, _ = detector_labels(tables, CONFIG, as_of=as_of)
    assert after["train"].rows.equals(parts["train"].rows)
    assert after["valid"].rows.equals(parts["valid"].rows)
    assert not after["test"].rows.equals(parts["test"].rows)
    model = fit_detector(
        build_graph(tables), after["train"], after["valid"], None, CONFIG, None,
        complete=False, digests={},
    ).detector  # fmt: skip
    alone = fitted().detector
    assert model.trees.text == alone.trees.text
    assert model.calibrator == alone.calibrator
    assert model.weights == alone.weights
    assert model.found == alone.found


def test_a_network_may_join_the_blend():
    rows = {row["method"] for row in report_rows(fitted(network=True), capacity=0.02, seed=0)}
    assert {"network", "blend with network"} <= rows


def test_without_labels_candidate_rings_are_the_model_and_scores_are_ranks(tmp_path):
    made, _, as_of = market()
    events = made.tables.events.filter(pl.col("kind") != "chargeback")
    tables = replace(made.tables, events=events, labels=made.tables.labels.clear())
    graph = build_graph(tables)
    parts, _ = detector_labels(tables, CONFIG, as_of=as_of)
    given = fit_detector(
        graph, parts["train"], parts["valid"], parts["test"], CONFIG, SMALL,
        complete=False, digests={},
    )  # fmt: skip
    assert given.detector.trees is None
    assert given.detector.method == "structure"
    given.detector.save(tmp_path)
    scores = FraudDetector.load(tmp_path).score(graph, as_of=as_of)
    assert scores.score_kind == "rank"
    assert max(scores.values) > 0.9


def test_probabilities_allow_for_the_frauds_that_nobody_accuses():
    given = fitted()
    risk = given.scores[given.chosen]
    p = given.detector.probability(risk)
    assert given.detector.found < 0.9
    assert p.mean() > given.test.y.mean()
    assert (np.diff(given.detector.probability(np.linspace(-12, 12, 400))) > 0).all()


def test_the_blend_stays_unless_another_surely_finds_more():
    part = fitted().test
    count = len(part.y)
    accused = np.flatnonzero(part.y == 1)
    rng = np.random.default_rng(0)
    noise = rng.random(count) / 100
    half, more, all_ = noise.copy(), noise.copy(), noise.copy()
    half[accused[: len(accused) // 2]] += 1
    more[accused[: len(accused) // 2 + 1]] += 1
    all_[accused] += 1
    choose = partial(_chosen, part, capacity=0.05, seed=0)
    assert choose({"blend": half, "structure": more}) == "blend"
    assert choose({"blend": half, "structure": all_, "aggregates": noise}) == "structure"
    assert choose({"blend": all_, "structure": half}) == "blend"


def test_without_rings_nothing_ships_where_silence_is_no_acquittal():
    assert shippable(complete=False) == ["blend", "blend with network", "structure"]
    assert shippable(complete=True) == list(BLENDS)
    made, graph, as_of = market()
    parts, _ = detector_labels(made.tables, CONFIG, as_of=as_of)
    # Accused are the busiest, whom trees foretell and whom no ring has to do with.
    busiest = made.tables.events["member_id"].value_counts(sort=True).head(150)["member_id"]
    accused = pl.col("member_id").is_in(busiest.implode()).cast(pl.Int8)
    noisy = {
        name: replace(part, rows=part.rows.with_columns(y=accused)) for name, part in parts.items()
    }
    trusted = fit_detector(
        graph, noisy["train"], noisy["valid"], None, CONFIG, None, complete=True, digests={}
    )
    assert trusted.chosen == "aggregates"
    given = fit_detector(
        graph, noisy["train"], noisy["valid"], None, CONFIG, None, complete=False, digests={}
    )
    assert "structure" in given.detector.weights


def test_weights_are_what_log_odds_are_multiplied_by():
    told = {"structure": np.array([1.0, -2.0]), "trees": np.array([4.0, 8.0])}
    assert weighed(told, {"structure": 1.0, "trees": 0.5}).tolist() == [3.0, 2.0]


def test_moments_are_in_order_and_each_part_ends_where_the_next_begins():
    _, graph, as_of = market()
    when = moments_of(graph.events["time"][0], as_of, CONFIG)
    assert max(when.train) < when.until["train"] == min(when.valid)
    assert max(when.valid) < when.until["valid"] == min(when.test)
    assert all(m + when.step <= when.until["train"] for m in when.train)
    short = moments_of(as_of - timedelta(days=24), as_of, CONFIG)
    assert short.step == timedelta(days=2)
    assert min(short.train) >= as_of - timedelta(days=24)
    with pytest.raises(UsageError, match="too little history"):
        moments_of(as_of - timedelta(minutes=30), as_of, CONFIG)


def test_an_absent_or_damaged_model_is_told_in_one_line(tmp_path):
    with pytest.raises(UsageError, match="no fraud model"):
        FraudDetector.load(tmp_path / "nowhere")
    fitted().detector.save(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    for broken in ({}, {**card, "weights": None, "calibrator": 3}, {**card, "format": 99}):
        (tmp_path / CARD).write_text(json.dumps(broken))
        with pytest.raises(UsageError):
            FraudDetector.load(tmp_path)
    (tmp_path / CARD).write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        FraudDetector.load(tmp_path)


def test_a_moment_that_training_or_choice_knew_the_future_of_is_refused():
    detector = fitted().detector
    assert detector.trained_until < detector.chosen_until
    check_moment(detector, detector.chosen_until)
    for known in (detector.trained_until, detector.chosen_until - timedelta(microseconds=1)):
        with pytest.raises(UsageError, match="was trained on data up to"):
            check_moment(detector, known)
