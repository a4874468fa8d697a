"""Intervals hold what they should, as often as they should, and draw owners whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from graphml.training.bootstrap import interval, paired_interval, resampled, wilson
from graphml.training.metrics import average_precision

owners = st.lists(st.sampled_from([3, 7, 8, 20]), min_size=1, max_size=12)


@given(owners=owners, seed=st.integers(0, 5))
def test_samples_are_those_of_a_loop_over_owners(owners, seed):
    names = sorted(set(owners))
    rng = np.random.default_rng(seed)
    for rows, whose in resampled(np.array(owners), seed=seed, times=3):
        expected, places = [], []
        for place, drawn in enumerate(rng.integers(0, len(names), len(names))):
            mine = [n for n, owner in enumerate(owners) if owner == names[drawn]]
            expected += mine
            places += [place] * len(mine)
        assert rows.tolist() == expected
        assert whose.tolist() == places


def test_names_of_owners_draw_as_numbers_do():
    numbers = np.array([2, 0, 1, 1])
    names = np.array(["c", "a", "b", "b"])
    for one, other in zip(
        resampled(numbers, seed=4, times=5), resampled(names, seed=4, times=5), strict=True
    ):
        assert one[0].tolist() == other[0].tolist()


def test_the_interval_of_a_mean_is_as_wide_as_the_formula_says():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, 400)
    low, high = interval(lambda rows, _: values[rows].mean(), np.arange(400), seed=1)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 2 / np.sqrt(400), rel=0.2)


def test_owners_who_are_one_row_many_times_make_it_wider():
    values = np.random.default_rng(0).normal(size=40).repeat(25)
    whole = interval(lambda rows, _: values[rows].mean(), np.arange(40).repeat(25), seed=1)
    apart = interval(lambda rows, _: values[rows].mean(), np.arange(1000), seed=1)
    assert whole[1] - whole[0] == pytest.approx(5 * (apart[1] - apart[0]), rel=0.25)


def test_about_95_of_100_intervals_hold_the_truth():
    held = 0
    for seed in range(100):
        values = np.random.default_rng(seed).exponential(size=200)
        low, high = interval(lambda rows, _, v=values: v[rows].mean(), np.arange(200), seed=seed)
        held += low <= 1 <= high
    assert 88 <= held <= 99


def test_samples_without_a_measure_do_not_count():
    y, scores = np.array([1, 0, 0]), np.array([0.9, 0.5, 0.1])
    low, high = interval(
        lambda rows, _: average_precision(y[rows], scores[rows]), np.arange(3), seed=0
    )
    assert (low, high) == (1, 1)
    nothing = interval(lambda rows, _: float("nan"), np.arange(3), seed=0)
    assert np.isnan(nothing).all()


def test_more_resamples_are_drawn_where_asked():
    drawn = []
    interval(lambda rows, _: drawn.append(1) or 0.0, np.arange(3), seed=0, resamples=17)
    assert len(drawn) == 17
    with pytest.raises(ValueError, match="at least 1"):
        interval(lambda rows, _: 0.0, np.arange(3), seed=0, resamples=0)


def test_a_small_but_steady_difference_shows_in_pairs_alone():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=300)
    better, worse = hard + 0.05, hard + rng.normal(0, 0.05, 300)

    def mean(rows, scores):
        return float(scores.mean())

    low, high = paired_interval(mean, better, worse, np.arange(300), seed=0)
    assert 0 < low < 0.05 < high < 0.1
    one, two = (
        interval(lambda rows, _, s=s: mean(rows, s[rows]), np.arange(300), seed=0)
        for s in (better, worse)
    )
    assert one[0] < two[1]
    assert paired_interval(mean, worse, better, np.arange(300), seed=0) == (-high, -low)
    assert paired_interval(mean, hard, hard.copy(), np.arange(300), seed=0) == (0, 0)


def test_pairs_are_measured_on_the_rows_they_are_told():
    y = np.array([1, 0, 1, 0, 0, 1, 0, 0])
    good, bad = y + np.arange(8) / 10, 1 - y + np.arange(8) / 10
    seen = []

    def measure(rows, scores):
        seen.append((rows, scores))
        return average_precision(y[rows], scores)

    whose = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    low, _ = paired_interval(measure, good, bad, whose, seed=3)
    assert low > 0
    for (one, a), (other, b) in zip(seen[::2], seen[1::2], strict=True):
        assert one.tolist() == other.tolist()
        assert a.tolist() == good[one].tolist()
        assert b.tolist() == bad[one].tolist()
    with pytest.raises(ValueError, match="of one length, got 8, 8, 7"):
        paired_interval(measure, good, bad, whose[:7], seed=0)


@settings(deadline=None)
@given(hits=st.integers(0, 60), more=st.integers(0, 60))
def test_wilson_is_scipys(hits, more):
    low, high = wilson(hits, hits + more)
    if hits + more == 0:
        assert np.isnan([low, high]).all()
        return
    expected = binomtest(hits, hits + more).proportion_ci(method="wilson")
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-9)
