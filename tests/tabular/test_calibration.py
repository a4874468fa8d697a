"""Calibration finds what was planted, keeps ranks, and stays inside (0, 1)."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import UsageError
from graphml.tabular.calibration import Calibrator, fit_calibrator, shift_prior
from graphml.tabular.reliability import expected_calibration_error, reliability_table
from graphml.training.metrics import log_loss

METHODS = ["isotonic", "beta", "none"]


def sigmoid(odds):
    return 1 / (1 + np.exp(-odds))


def overconfident(rows: int, seed: int):
    """Return log-odds three times too large and 1.5 too high, and labels of the true ones."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-2, 1, rows)
    return 3 * true + 1.5, (rng.random(rows) < sigmoid(true)).astype(int), sigmoid(true)


@pytest.mark.parametrize("method", ["isotonic", "beta", "auto"])
def test_planted_overconfidence_is_taken_back(method):
    scores, y, _ = overconfident(4000, 0)
    found = fit_calibrator(scores, y, method=method)
    scores, y, true = overconfident(4000, 1)
    assert np.abs(found.apply(scores) - true).mean() < 0.02
    assert expected_calibration_error(found.apply(scores), y) < 0.03
    assert expected_calibration_error(sigmoid(scores), y) > 0.08


def test_beta_finds_the_slopes_that_made_the_labels():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.001, 0.999, 60_000)
    odds = 0.5 * np.log(p) - 2.0 * np.log(1 - p) - 1.0
    y = (rng.random(len(p)) < sigmoid(odds)).astype(int)
    found = fit_calibrator(np.log(p / (1 - p)), y, method="beta")
    np.testing.assert_allclose(found.slopes, (0.5, 2.0, -1.0), atol=0.1)


def test_beta_is_where_no_nearby_slopes_fit_better():
    rng = np.random.default_rng(2)
    p = rng.uniform(0.01, 0.99, 500)
    y = (rng.random(500) < sigmoid(np.log(p) - 1.5 * np.log(1 - p))).astype(int)
    scores = np.log(p / (1 - p))
    a, b, c = fit_calibrator(scores, y, method="beta").slopes

    def loss(*slopes):
        return log_loss(y, Calibrator(method="beta", slopes=slopes).apply(scores))

    assert min(a, b) > 0.1
    for step in (0.01, -0.01):
        nearby = loss(a + step, b, c), loss(a, b + step, c), loss(a, b, c + step)
        assert loss(a, b, c) < min(nearby)


def test_beta_fits_scores_of_any_size_and_place():
    scores, y, true = overconfident(4000, 0)
    for moved in (scores * 1000, scores / 1000, scores + 5000):
        found = fit_calibrator(moved, y, method="beta").apply(moved)
        assert np.abs(found - true).mean() < 0.05


def test_isotonic_is_the_pooled_share_by_hand():
    # 0 1 | 0 0 1 | 1: the second and third pool with the zeros after them.
    scores, y = np.arange(6.0), np.array([0, 1, 0, 0, 1, 1])
    found = fit_calibrator(scores, y, method="isotonic").apply(scores)
    by_hand = [1 / 8, 1 / 3, 1 / 3, 1 / 3, 7 / 8, 7 / 8]
    np.testing.assert_allclose(found, by_hand, atol=1e-6)
    assert (np.diff(found) > 0).all()


def test_weights_count_as_rows_do():
    scores, y, _ = overconfident(200, 3)
    weights = np.random.default_rng(0).integers(0, 4, 200)
    for method in ("isotonic", "beta"):
        one = fit_calibrator(scores, y, method=method, weights=weights)
        many = fit_calibrator(np.repeat(scores, weights), np.repeat(y, weights), method=method)
        # How near steps come to 0 and 1 goes by rows; beta is the same to the last fit.
        places = np.sort(scores)[20:180]
        exact = 0.01 if method == "isotonic" else 1e-6
        np.testing.assert_allclose(one.apply(places), many.apply(places), atol=exact)


def test_auto_takes_steps_where_the_curve_has_them_and_beta_where_it_has_none():
    rng = np.random.default_rng(1)
    scores = rng.uniform(-3, 3, 6000)
    steps = np.select([scores < -1, scores < 1], [0.02, 0.6], 0.65)
    y = (rng.random(6000) < steps).astype(int)
    assert fit_calibrator(scores, y).method == "isotonic"
    smooth = (rng.random(600) < sigmoid(scores[:600] - 1)).astype(int)
    assert fit_calibrator(scores[:600], smooth).method == "beta"


@pytest.mark.parametrize(
    ("positives", "method"), [(0, "none"), (9, "none"), (10, "beta"), (49, "beta")]
)
def test_few_labels_of_a_kind_get_less(positives, method, caplog):
    y = np.arange(300) < positives
    scores = np.random.default_rng(0).normal(size=300)
    with caplog.at_level(logging.WARNING):
        assert fit_calibrator(scores, y).method == method
        assert fit_calibrator(scores, ~y).method == method
    assert (f"only {positives} of one label" in caplog.text) == (method == "none")
    assert fit_calibrator([], []).method == "none"


def test_from_50_labels_of_a_kind_on_both_are_tried(caplog):
    scores = np.random.default_rng(0).normal(size=300)
    for positives, tried in ((49, False), (50, True)):
        with caplog.at_level(logging.INFO, logger="graphml.tabular.calibration"):
            caplog.clear()
            fit_calibrator(scores, np.arange(300) < positives)
        assert ("log loss: isotonic" in caplog.text) == tried


def test_one_class_is_refused_where_a_method_was_asked_for():
    for method in ("isotonic", "beta"):
        with pytest.raises(UsageError, match="labels 0 and 1, got 3 of one kind"):
            fit_calibrator([1, 2, 3], [1, 1, 1], method=method)
    assert fit_calibrator([1, 2, 3], [1, 1, 1], method="none").apply([0.0]) == [0.5]


def calibrators():
    """Return one of each method, fitted to hostile labels too."""
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=200), 1)
    labels = [rng.integers(0, 2, 200), (scores > 0).astype(int), (scores < 0).astype(int)]
    return [fit_calibrator(scores, y, method=m) for m in METHODS for y in labels]


@settings(max_examples=200, deadline=None)
@given(
    found=st.sampled_from(calibrators()),
    scores=st.lists(st.integers(-900, 900), min_size=2, max_size=30, unique=True),
)
def test_ranks_survive_whatever_was_fitted(found, scores):
    at = np.sort(np.array(scores)) / 10
    chance = found.apply(at)
    assert (np.diff(chance) > 0).all()
    assert ((chance > 0) & (chance < 1)).all()


@pytest.mark.parametrize("found", calibrators(), ids=lambda found: found.method)
def test_the_farthest_scores_stay_inside_and_in_order(found):
    chance = found.apply([-1e300, -1e6, -50.0, 50.0, 1e6, 1e300])
    assert (np.diff(chance) >= 0).all()
    assert ((chance > 0) & (chance < 1)).all()


@pytest.mark.parametrize("found", calibrators(), ids=lambda found: found.method)
def test_a_round_trip_through_json_changes_no_bit(found):
    again = Calibrator.from_json(json.loads(json.dumps(found.to_json())))
    scores = np.linspace(-7, 7, 1001)
    assert again == found
    assert again.apply(scores).tobytes() == found.apply(scores).tobytes()


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"method": "sigmoid"},
        {"slopes": [1, 2]},
        {"slopes": [-1, 1, 0]},
        {"slopes": [1, 1, float("nan")]},
        {"knots": [[0, 1], [0.5]]},
        {"knots": [[0, 1], [0.5, 0.4]]},
        {"knots": [[1, 0], [0.4, 0.5]]},
        {"knots": [[], []]},
        {"knots": [[0, 1], [0.0, 0.5]]},
        {"scale": [0, 0]},
        {"scale": None},
    ],
)
def test_damaged_json_is_refused(damage):
    good = fit_calibrator([0, 1, 2, 3], [0, 1, 0, 1], method="isotonic").to_json()
    with pytest.raises(UsageError, match="the calibration is damaged"):
        Calibrator.from_json({**good, **damage})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(bad):
    with pytest.raises(UsageError, match="1 are not"):
        fit_calibrator([0.0, bad], [0, 1])
    with pytest.raises(UsageError, match="1 are not"):
        Calibrator(method="none").apply([bad])
    assert Calibrator(method="none").apply([]).shape == (0,)


@pytest.mark.parametrize(
    "wrong",
    [{"y": [0, 2]}, {"y": [0]}, {"weights": [1, -1]}, {"weights": [1]}, {"method": "platt"}],
)
def test_arguments_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        fit_calibrator(**{"scores": [0.0, 1.0], "y": [0, 1], **wrong})


def test_the_error_by_hand():
    p, y = [0.1, 0.2, 0.3, 0.6, 0.8, 0.9], [0, 1, 0, 1, 1, 0]
    # Bins of three rows: said .2 came 1/3; said .7667 came 2/3. Of one: said .4833, came .5.
    by_hand = (abs(0.2 - 1 / 3) + abs(2.3 / 3 - 2 / 3)) / 2
    assert expected_calibration_error(p, y, bins=2) == pytest.approx(by_hand)
    assert expected_calibration_error(p, y, bins=1) == pytest.approx(abs(2.9 / 6 - 0.5))
    each = np.abs(np.array(p) - y).mean()
    assert expected_calibration_error(p, y, bins=6) == pytest.approx(each)
    assert np.isnan(expected_calibration_error([], []))


tied = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=30)


@given(rows=tied, bins=st.integers(1, 7), order=st.randoms())
def test_the_error_is_that_of_a_loop_over_bins_and_knows_no_order(rows, bins, order):
    p, y = (np.array(side) for side in zip(*rows, strict=True))
    error = expected_calibration_error(p / 4, y, bins=bins)
    total = 0.0
    for chosen in range(bins):
        inside = [
            n
            for n in range(len(rows))
            if int(((p < p[n]).sum() + (p == p[n]).sum() / 2) * bins / len(rows)) == chosen
        ]
        if inside:
            total += abs(sum(p[n] / 4 - y[n] for n in inside)) / len(rows)
    assert error == pytest.approx(total, abs=1e-12)
    order.shuffle(rows)
    p, y = (np.array(side) for side in zip(*rows, strict=True))
    assert expected_calibration_error(p / 4, y, bins=bins) == pytest.approx(error, abs=1e-12)


def test_the_table_says_what_came():
    p, y = np.repeat([0.05, 0.4, 0.9], [50, 30, 20]), np.zeros(100, int)
    y[[0, 50, 51, 52, 99]] = 1
    table = reliability_table(p, y, bins=5)
    assert table["count"].to_list() == [50, 30, 20]
    assert table["low"].to_list() == table["high"].to_list() == [0.05, 0.4, 0.9]
    assert table["observed"].to_list() == pytest.approx([0.02, 0.1, 0.05])
    assert table["predicted"].to_list() == pytest.approx([0.05, 0.4, 0.9])
    # Wilson by hand for 1 of 50.
    assert table["observed_low"][0] == pytest.approx(0.003539, abs=1e-6)
    assert table["observed_high"][0] == pytest.approx(0.104954, abs=1e-6)
    assert reliability_table([], []).is_empty()
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability_table([1.2], [1])
    with pytest.raises(ValueError, match="at least one bin"):
        reliability_table([0.2], [1], bins=0)


def test_a_shifted_prior_is_what_counting_fewer_frauds_gives():
    # 30 of 40 rows at this score are frauds; of the frauds one in ten is kept.
    assert shift_prior([30 / 40], from_rate=0.5, to_rate=1 / 11) == pytest.approx(3 / 13)


@given(p=st.floats(0, 1), one=st.floats(0.01, 0.99), two=st.floats(0.01, 0.99))
def test_shifting_there_and_back_changes_nothing(p, one, two):
    there = shift_prior([p], from_rate=one, to_rate=two)
    assert shift_prior(there, from_rate=two, to_rate=one)[0] == pytest.approx(p, abs=1e-12)
    assert shift_prior([p], from_rate=one, to_rate=one)[0] == pytest.approx(p, abs=1e-15)


@pytest.mark.parametrize(("one", "two"), [(0, 0.5), (0.5, 1), (np.nan, 0.5)])
def test_rates_out_of_range_are_refused(one, two):
    with pytest.raises(ValueError, match="rates are between"):
        shift_prior([0.5], from_rate=one, to_rate=two)
