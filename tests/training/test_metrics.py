"""Metrics at a threshold are scikit-learn's and what one counts by hand."""

import numpy as np
import pytest
import sklearn.metrics as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.training.metrics import (
    accuracy,
    auroc,
    average_precision,
    brier,
    f1,
    log_loss,
    precision,
    recall,
    value_weighted_recall,
)

rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=15
)


@settings(deadline=None)
@given(rows=rows, threshold=st.integers(0, 5))
def test_at_a_threshold_they_are_scikit_learns(rows, threshold):
    y, scores, _ = (np.array(side) for side in zip(*rows, strict=True))
    flagged = (scores >= threshold).astype(int)
    for mine, other in (
        (precision, theirs.precision_score),
        (recall, theirs.recall_score),
        (f1, theirs.f1_score),
    ):
        expected = other(y, flagged, zero_division=np.nan)
        assert mine(y, scores, threshold=threshold) == pytest.approx(expected, nan_ok=True)
    assert accuracy(y, scores, threshold=threshold) == theirs.accuracy_score(y, flagged)


@settings(deadline=None)
@given(rows=rows)
def test_of_probabilities_they_are_scikit_learns(rows):
    y, scores, _ = (np.array(side) for side in zip(*rows, strict=True))
    p = (scores + 0.5) / 5.5
    assert brier(y, p) == pytest.approx(theirs.brier_score_loss(y, p, labels=[0, 1]))
    assert log_loss(y, p) == pytest.approx(theirs.log_loss(y, p, labels=[0, 1]))


def test_what_was_impossible_and_came_is_infinitely_surprising():
    assert log_loss(np.array([1, 0]), np.array([0.0, 0.5])) == np.inf
    assert log_loss(np.array([1, 0]), np.array([1.0, 0.0])) == 0
    assert brier(np.array([1, 0]), np.array([0.0, 1.0])) == 1


def test_without_rows_there_is_nothing_to_measure():
    none = np.zeros(0)
    for measure in (accuracy, precision, recall, f1):
        assert np.isnan(measure(none, none, threshold=0.5))
    assert np.isnan([brier(none, none), log_loss(none, none)]).all()


@given(rows=rows, data=st.data())
def test_value_found_is_that_of_the_first_in_a_sorted_list(rows, data):
    y, scores, values = (np.array(side) for side in zip(*rows, strict=True))
    k = data.draw(st.integers(1, len(rows)))
    best = sorted(range(len(rows)), key=lambda n: (-scores[n], n))[:k]
    whole = sum(v for label, _, v in rows if label)
    expected = sum(rows[n][2] for n in best if rows[n][0]) / whole if whole else np.nan
    found = value_weighted_recall(y, scores, values, k=k)
    assert found == pytest.approx(expected, nan_ok=True)
    shared = value_weighted_recall(y, scores, values, share=k / len(rows))
    assert shared == pytest.approx(expected, nan_ok=True)


def test_a_share_below_one_row_is_one_row_and_29_of_100_is_29():
    y, scores, values = np.ones(100), -np.arange(100.0), np.ones(100)
    assert value_weighted_recall(y, scores, values, share=0.001) == 0.01
    assert value_weighted_recall(y, scores, values, share=0.29) == 0.29


@pytest.mark.parametrize(
    "wrong", [{}, {"k": 1, "share": 0.5}, {"k": 0}, {"k": 3}, {"share": 0}, {"share": 1.1}]
)
def test_how_many_must_be_said_once_and_fit(wrong):
    with pytest.raises(ValueError):
        value_weighted_recall(np.array([1, 0]), np.array([0.5, 0.1]), np.ones(2), **wrong)


@settings(deadline=None)
@given(rows=rows)
def test_rankings_are_judged_as_scikit_learn_does(rows):
    labels, scores, _ = (np.array(side) for side in zip(*rows, strict=True))
    for mine, other in (
        (auroc, theirs.roc_auc_score),
        (average_precision, theirs.average_precision_score),
    ):
        if len(set(labels.tolist())) < 2:
            assert np.isnan(mine(labels, scores))
        else:
            assert mine(labels, scores) == pytest.approx(other(labels, scores))
