"""Operating points by hand, intervals that know who belongs together, segments side by side."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.errors import NothingToDoError, UsageError
from graphml.fraud.decisions import Costs, threshold_for_costs
from graphml.fraud.operating import operating_point, segment_table, with_intervals

COSTS = Costs(review=5, block_good=20, margin=0.5, recovered=0.25, missed=0.125, wronged=0.25)
Y, P = [1, 0, 1, 0, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.3, 0.2, 0.1]
EXPOSURE = [100, 40, 60, 80, 10, 300, 20]


def test_a_point_by_hand():
    point = operating_point(Y, P, EXPOSURE, threshold=0.6, costs=COSTS)
    assert (point.rows, point.flagged, point.threshold) == (7, 4, 0.6)
    assert point.accuracy == pytest.approx(4 / 7)
    assert (point.precision, point.recall) == (0.5, pytest.approx(2 / 3))
    assert point.f1 == pytest.approx(4 / 7)
    assert point.value_recall == pytest.approx(160 / 460)
    # Frauds of 160: three quarters are lost, an eighth of it still; good ones of 40 and 80.
    assert point.saved == pytest.approx(160 * 0.75 * 0.875 - 4 * 5 - 0.25 * (20 + 20 + 20 + 40))
    refused = operating_point(Y, P, EXPOSURE, threshold=0.6, costs=COSTS, flagged="refuse")
    assert refused.saved == pytest.approx(160 * 0.75 - (20 + 20 + 20 + 40))
    assert point.intervals == {}


def test_without_costs_all_but_the_money_is_told():
    point = operating_point(Y, P, EXPOSURE, threshold=0.6, costs=None)
    assert np.isnan(point.saved)
    told = operating_point(Y, P, EXPOSURE, threshold=0.6, costs=COSTS)
    assert (point.accuracy, point.value_recall) == (told.accuracy, told.value_recall)
    drawn = with_intervals(Y, P, EXPOSURE, threshold=0.6, costs=None, groups=range(7), seed=0)
    assert np.isnan(drawn.intervals["saved"]).all()
    assert not np.isnan(drawn.intervals["recall"]).any()


def test_where_nothing_is_flagged_nothing_is_saved_or_precise():
    point = operating_point(Y, P, EXPOSURE, threshold=0.95, costs=COSTS)
    assert (point.flagged, point.saved, point.recall, point.value_recall) == (0, 0, 0, 0)
    assert np.isnan(point.precision)
    clean = operating_point([0, 0], [0.1, 0.9], [1, 1], threshold=0.5, costs=COSTS)
    assert np.isnan([clean.recall, clean.value_recall]).all()


cases = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 9)), min_size=1, max_size=12
)


@given(rows=cases)
def test_no_threshold_saves_more_than_the_one_for_costs(rows):
    y, p, exposure = (np.array(side) for side in zip(*rows, strict=True))
    p, exposure = p / 8, exposure * 16

    def saved(threshold):
        return operating_point(y, p, exposure, threshold=threshold, costs=COSTS).saved

    best = saved(threshold_for_costs(y, p, exposure, costs=COSTS))
    assert best == max(map(saved, [*p, 2.0]))
    assert best >= 0


def rings(count: int = 40, each: int = 10):
    """Return rows of rings whose members are all frauds or none, and are all flagged or none."""
    rng = np.random.default_rng(0)
    y = np.repeat(rng.random(count) < 0.5, each).astype(int)
    p = np.where(np.repeat(rng.random(count) < 0.7, each), y, 1 - y) * 0.8 + 0.1
    return y, p, np.full(count * each, 50.0), np.repeat([f"r-{n}" for n in range(count)], each)


def test_intervals_of_rings_are_as_wide_as_that_of_one_row_each():
    y, p, exposure, ring = rings()
    point = with_intervals(y, p, exposure, threshold=0.5, costs=COSTS, groups=ring, seed=0)
    low, high = point.intervals["accuracy"]
    # Of 40 that are right with chance a: ± 1.96 sqrt(a (1 - a) / 40).
    width = 2 * 1.96 * np.sqrt(point.accuracy * (1 - point.accuracy) / 40)
    assert high - low == pytest.approx(width, rel=0.2)
    alone = with_intervals(
        y, p, exposure, threshold=0.5, costs=COSTS, groups=np.arange(len(y)), seed=0
    )
    assert alone.intervals["accuracy"][1] - alone.intervals["accuracy"][0] < (high - low) / 2


def test_every_figure_lies_in_its_interval_and_the_seed_decides_it():
    y, p, exposure, ring = rings()
    first, again, other = (
        with_intervals(y, p, exposure, threshold=0.5, costs=COSTS, groups=ring, seed=n)
        for n in (1, 1, 2)
    )
    assert set(first.intervals) == {
        "flagged", "accuracy", "precision", "recall", "f1", "value_recall", "saved"
    }  # fmt: skip
    for name, (low, high) in first.intervals.items():
        assert low < getattr(first, name) < high
    assert first == again
    assert first.intervals != other.intervals
    plain = operating_point(y, p, exposure, threshold=0.5, costs=COSTS)
    assert (first.saved, first.f1) == (plain.saved, plain.f1)


def test_segments_by_hand():
    y = [1, 1, 0, 0, 0, 0, 0, 1] + [0] * 25
    p = [0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9] + [0.9] * 5 + [0.1] * 20
    segment = pl.Series(["fr"] * 6 + [None] * 2 + ["de"] * 25)
    table = segment_table(y, p, 0.5, segment)
    assert table["segment"].to_list() == ["de", "fr", None]
    assert table["count"].to_list() == [25, 6, 2]
    assert table["flagged"].to_list() == [5, 2, 2]
    assert table["base_rate"].to_list() == pytest.approx([0, 1 / 3, 0.5])
    assert table["false_positive_rate"].to_list() == pytest.approx([0.2, 0.25, 1])
    assert table["recall"].to_list() == [None, 0.5, 1]
    assert table["recall_low"].to_list()[0] is None
    assert table["precision"].to_list() == [0, 0.5, 0.5]
    assert table["note"].to_list() == [None, "too small to judge", "too small to judge"]
    # Wilson by hand for 5 of 25.
    assert table["false_positive_rate_low"][0] == pytest.approx(0.0886, abs=1e-4)
    assert table["false_positive_rate_high"][0] == pytest.approx(0.3913, abs=1e-4)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 2)), min_size=1, max_size=45
    )
)
def test_segments_add_up_to_a_count_of_each(rows):
    y, flag, segment = (np.array(side) for side in zip(*rows, strict=True))
    table = segment_table(y, np.where(flag, 0.5, 0.4), 0.5, pl.Series(segment))
    for row in table.to_dicts():
        mine = [(a, b) for a, b, c in rows if c == row["segment"]]
        good = [b for a, b in mine if a == 0]
        caught = [a for a, b in mine if b]
        assert row["count"] == len(mine)
        assert row["false_positive_rate"] == (sum(good) / len(good) if good else None)
        assert row["precision"] == (sum(caught) / len(caught) if caught else None)
        assert (row["note"] is None) == (len(mine) >= 20)


@pytest.mark.parametrize(("rows", "note"), [(19, "too small to judge"), (20, None)])
def test_a_segment_of_20_can_be_judged(rows, note):
    table = segment_table([1] * rows, [0.9] * rows, 0.5, pl.Series(["a"] * rows))
    assert table["note"][0] == note


def test_a_threshold_of_one_flags_a_probability_of_one():
    assert segment_table([1], [1.0], 1.0, pl.Series(["a"]))["recall"][0] == 1


def test_what_does_not_fit_is_refused():
    good = {"y": [0, 1], "p": [0.1, 0.9], "exposure": [1, 1], "threshold": 0.5, "costs": COSTS}
    for wrong, said in (
        ({"y": [0, 3]}, "labels are 0 or 1"),
        ({"p": [0.1, np.nan]}, "1 of 2 probabilities"),
        ({"exposure": [1, -1]}, "1 of 2 exposures"),
        ({"threshold": np.nan}, "the threshold is NaN"),
    ):
        with pytest.raises(UsageError, match=said):
            operating_point(**{**good, **wrong})
        with pytest.raises(UsageError, match=said):
            with_intervals(**{**good, **wrong}, groups=[0, 1], seed=0)
    with pytest.raises(UsageError, match="groups of shape"):
        with_intervals(**good, groups=[0], seed=0)
    with pytest.raises(UsageError, match="1 segments for 2 rows"):
        segment_table([0, 1], [0.1, 0.9], 0.5, pl.Series(["a"]))
    with pytest.raises(UsageError, match="the threshold is NaN"):
        segment_table([0], [0.1], np.nan, pl.Series(["a"]))
    with pytest.raises(NothingToDoError):
        operating_point([], [], [], threshold=0.5, costs=COSTS)
    with pytest.raises(NothingToDoError):
        segment_table([], [], 0.5, pl.Series([], dtype=pl.String))
