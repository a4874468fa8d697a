"""Probabilities of fraud from accusations: planted shares come back, few labels stay sane."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.tabular.accusations import Accusing, accusing, fit_accused
from graphml.tabular.reliability import expected_calibration_error


def planted(rows, *, found, wrong, slope, shift, seed=0):
    """Return scores of which few are risky, the accused, the frauds and how likely each was one."""
    rng = np.random.default_rng(seed)
    risk = np.concatenate([rng.normal(-7, 2, rows - rows // 20), rng.normal(4, 2, rows // 20)])
    q = 1 / (1 + np.exp(-(slope * risk + shift)))
    fraud = rng.random(rows) < q
    accused = np.where(fraud, rng.random(rows) < found, False) | (rng.random(rows) < wrong)
    return risk, accused.astype(int), fraud.astype(int), q


def test_the_planted_slope_and_shift_come_back():
    risk, y, fraud, q = planted(400_000, found=0.2, wrong=0.002, slope=0.7, shift=-1.0)
    p = fit_accused(risk, y, Accusing(found=0.2, wrong=0.002)).apply(risk)
    assert np.abs(p - q).max() < 0.05
    assert expected_calibration_error(p, fraud) < 0.003


def test_fifty_accused_and_mostly_wrong_ones_still_tell_the_share_of_frauds():
    # A plain calibration divided by the mean of the accused is out by far more than the base rate.
    for seed in range(5):
        risk, y, fraud, _ = planted(20_000, found=0.03, wrong=0.001, slope=1, shift=0, seed=seed)
        p = fit_accused(risk, y, Accusing(found=0.03, wrong=0.001)).apply(risk)
        assert expected_calibration_error(p, fraud) < 0.02


def test_how_accusations_come_about_is_seen_where_company_leaves_no_doubt():
    structure = np.concatenate([np.full(995, 0.95), np.full(100, 0.5), np.full(2000, 0.1)])
    y = np.zeros(len(structure), int)
    y[:100], y[995:1095], y[1095:1101] = 1, 1, 1
    assert accusing(y, structure) == Accusing(found=110 / 1095, wrong=6 / 2000)


def test_without_any_ring_a_tenth_counts_as_found():
    assert accusing([1, 0], [0.0, 0.0]) == Accusing(found=pytest.approx(0.1), wrong=0.5)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(-25, 25), st.integers(0, 1)), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
    st.floats(0, 0.5),
)
def test_whatever_is_seen_probabilities_are_inside_and_keep_the_order(rows, found, wrong):
    risk, y = (np.array(column) for column in zip(*rows, strict=True))
    p = fit_accused(risk, y, Accusing(found=found, wrong=wrong)).apply(np.linspace(-25, 25, 101))
    assert (np.diff(p) > 0).all()
    assert 0 < p.min() < p.max() < 1


def test_nobody_accused_in_plain_company_does_not_make_everybody_a_suspect():
    rng = np.random.default_rng(3)
    fraud = rng.random(12_000) < 0.02
    score = np.where(fraud, rng.normal(2.0, 1.0, 12_000), rng.normal(-4.0, 1.5, 12_000))
    structure = np.where(fraud & (rng.random(12_000) < 0.8), 0.95, 0.05)
    busy = score > -4  # who does more is accused a little more often, for other reasons
    y = (~fraud & (rng.random(12_000) < np.where(busy, 0.004, 0.001))).astype(int)
    how = accusing(y, structure)
    q = fit_accused(score, y, how).apply(score)
    assert q.mean() < 0.06
