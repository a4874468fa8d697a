"""Values come from the functions of the report, are said in words, and are kept as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import one_line
from graphml.pictures.measured import BINS, capacity_of, reliability_of
from graphml.pictures.values import Capacity, Learning, Reliability, plain
from graphml.pictures.watched import Drifted
from graphml.pictures.wording import label
from graphml.tabular.reliability import expected_calibration_error, reliability_table
from graphml.training.metrics import brier, precision_at, recall_at_share
from tests.pictures import made


def test_bins_and_errors_are_those_of_the_report():
    chance, y, owners = made.rows()
    values = reliability_of(chance, y, owners, model="m", split="test")
    table = reliability_table(chance, y, bins=BINS)
    assert [one.predicted for one in values.bins] == table["predicted"].to_list()
    assert [one.observed_high for one in values.bins] == table["observed_high"].to_list()
    assert sum(one.count for one in values.bins) == values.asked == len(y)
    assert values.ece == expected_calibration_error(chance, y)
    assert values.brier == brier(y, chance)
    assert values.members == len(set(owners.tolist()))
    assert f"Brier score {values.brier:.4f}" in values.title
    assert f"{len(y)} rows of {values.members} members" in values.title


labels = st.lists(st.integers(0, 1), min_size=1, max_size=60)


@given(y=labels, seed=st.integers(0, 99), share=st.floats(0.01, 1), ties=st.booleans())
@settings(max_examples=100, deadline=None)
def test_recall_at_the_capacity_is_the_report_s_and_precision_is_of_the_same_rows(
    y, seed, share, ties
):
    y = np.array(y)
    scores = np.random.default_rng(seed).permutation(len(y)).astype(float)
    if ties:
        scores = np.floor(scores / 4)
    values = capacity_of(
        {"a": scores, "b": -scores}, y, np.arange(len(y)), first="b", share=share, model="m",
        split="test",
    )  # fmt: skip
    if not y.sum():
        assert values.counts == values.curves == ()
        assert "Nobody was accused" in values.finding
        return
    assert [curve.method for curve in values.curves] == ["b", "a"]
    at = values.counts.index(values.chosen)
    assert list(values.counts) == sorted(set(values.counts))
    for curve, some in zip(values.curves, (-scores, scores), strict=True):
        assert curve.recall[at] == recall_at_share(y, some, share=share)
        if not ties:
            wanted = [precision_at(y, some, k=k) for k in values.counts]
            assert curve.precision == pytest.approx(wanted)


def test_k_goes_up_to_a_tenth_and_holds_the_capacity():
    _, y, owners = made.rows()
    values = made.capacity()
    assert values.counts[0] == 1
    assert values.counts[-1] == len(y) // 10
    assert values.chosen == 21
    wide = capacity_of({"a": y * 1.0}, y, owners, first="a", share=0.5, model="m", split="s")
    assert wide.counts[-1] == wide.chosen == 350


@pytest.mark.parametrize(
    ("values", "kind"),
    [(made.reliability(), Reliability), (made.capacity(), Capacity), (made.learning(), Learning)],
    ids=lambda one: getattr(one, "name", ""),
)
def test_values_come_back_from_json(values, kind):
    assert kind.from_json(json.loads(json.dumps(plain(values)))) == values


def test_learning_is_told_by_its_best_pass():
    values = made.learning()
    assert values.best == 2
    assert values.finding == "Best after pass 3 of 4: average precision 0.4200 on validation"
    assert "812 training labels, 90 validation labels" in values.about


def test_drift_is_read_from_a_manifest_s_note():
    note = {
        "score": 0.3, "columns": {"a": 0.4, "b": 0.1}, "alerts": None, "missing": [],
        "scores": {"edges": [0.5], "then": [0.5, 0.5, 0.0], "now": [0.9, 0.1, 0.0]},
    }  # fmt: skip
    values = Drifted.of(note, model="m", as_of="2024-08-01T00:00:00Z", members=9)
    assert values.columns == (("a", 0.4), ("b", 0.1))
    assert values.now == (0.9, 0.1, 0.0)
    assert values.finding == (
        "Scores have moved (stability index 0.30, 0.25 is moved); moved: a 0.40"
    )
    older = {key: value for key, value in note.items() if key != "scores"}
    assert Drifted.of(older, model="m", as_of="2024-08-01", members=9).now == ()
    torn = {**note, "scores": {"edges": [0.5], "then": [1.0], "now": [1.0]}}
    with pytest.raises(ValueError, match="shares between"):
        Drifted.of(torn, model="m", as_of="2024-08-01", members=9)


def test_rings_active_of_late_are_counted_to_the_moment():
    values = made.timeline(8)
    since = values.as_of.timestamp() - 30 * 86_400
    assert values.recent == sum(bar.last.timestamp() > since for bar in values.bars)
    assert 0 < values.recent < 8
    assert values.more == 0


def test_amounts_of_several_currencies_have_none():
    from graphml.pictures.watched import RingTimeline

    rings = [made.ring(1, currency=None), made.ring(2, currency="a\nb")]
    bars = RingTimeline.of(rings, source="s", as_of=made.BEGIN).bars
    assert bars[0].amount_words == "2,001"
    assert bars[1].amount_words == "3,001 a\\nb"


@given(text=st.text(max_size=200), limit=st.integers(5, 60))
@settings(deadline=None)
def test_a_label_is_one_printable_line_that_fits(text, limit):
    found = label(text, limit)
    assert len(found) <= limit
    assert found.isprintable()
    if len(one_line(text, 10 * limit)) <= limit:
        assert found == one_line(text, 10 * limit)
