"""What rows say beside others, held against the metrics on rows drawn one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.training.bootstrap import interval, paired_interval
from graphml.training.judging import Sorted, beside
from graphml.training.metrics import auroc, average_precision, log_loss


def test_figures_and_intervals_are_those_of_the_metrics_on_the_same_draws():
    rng = np.random.default_rng(0)
    y = (rng.random(900) < 0.1).astype(np.int64)
    owners = rng.integers(0, 70, 900) * 3
    shipped, said = (np.round(rng.normal(size=900) + pull * y, 1) for pull in (1.0, 0.4))
    found = beside(y, said, shipped, owners, seed=5)
    for name, measure in (("auroc", auroc), ("average_precision", average_precision)):
        above = "above" if name == "auroc" else f"{name}_above"
        alone = interval(lambda rows, _, f=measure: f(y[rows], said[rows]), owners, seed=5)
        apart = paired_interval(
            lambda rows, scores, f=measure: f(y[rows], scores), shipped, said, owners, seed=5
        )
        assert found[name] == pytest.approx(measure(y, said))
        assert (found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx(alone)
        assert found[above] == pytest.approx(measure(y, shipped) - measure(y, said))
        assert (found[f"{above}_low"], found[f"{above}_high"]) == pytest.approx(apart)
    own = beside(y, shipped, shipped, owners, seed=5)
    assert own["above"] == own["above_low"] == own["above_high"] == 0


rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-2, 3), st.integers(0, 4)), min_size=1, max_size=30
)


@given(rows=rows, counts=st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_an_owner_that_counts_twice_is_as_good_as_its_rows_written_twice(rows, counts):
    y, scores, owner = (np.array(side) for side in zip(*rows, strict=True))
    times = np.array(counts)[owner]
    drawn = np.repeat(np.arange(len(y)), times)
    found = Sorted.of(y, scores.astype(float), owner).measured(np.array(counts, dtype=float))
    labels, said = y[drawn], scores[drawn].astype(float)
    expected = (auroc(labels, said), average_precision(labels, said))
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("y", [[], [1, 1, 1], [0, 0, 0]])
def test_where_all_is_alike_nothing_is_known(y):
    y = np.array(y, dtype=np.int64)
    scores = np.linspace(0, 1, len(y))
    found = beside(y, scores, scores, np.arange(len(y)), seed=0)
    assert len(found) == 12
    assert np.isnan(list(found.values())).all()


def test_log_loss_is_the_mean_surprise():
    assert log_loss(np.array([1, 0, 0]), np.array([0.9, 0.2, 0.5])) == pytest.approx(
        -(np.log(0.9) + np.log(0.8) + np.log(0.5)) / 3
    )
    assert np.isnan(log_loss(np.zeros(0, np.int64), np.zeros(0)))
