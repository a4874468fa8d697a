"""Drift: nothing moves against itself, what is planted moves most, what is saved comes back."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.fraud.drift import MOVED, Reference, Shape
from graphml.tabular.aggregates import Features

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=60)


def brute_index(shape: Shape, values) -> float:
    """Return the stability index by counting, bin by bin."""
    bounds = [-np.inf, *shape.edges, np.inf]
    shares = [sum(low < v <= high for v in values) / len(values) for low, high in pairwise(bounds)]
    shares.append(sum(v != v for v in values) / len(values))
    total = 0.0
    for then, now in zip(shape.shares, shares, strict=True):
        then, now = max(then, 1e-4), max(now, 1e-4)
        total += (now - then) * np.log(now / then)
    return total


@given(NUMBERS, NUMBERS)
def test_the_index_is_what_counting_gives_and_0_against_itself(seen, now):
    shape = Shape.of(seen)
    assert shape.moved(seen) == pytest.approx(0)
    if now:
        assert shape.moved(now) == pytest.approx(brute_index(shape, now))
        assert shape.moved(now) >= 0
    assert shape.moved([]) == 0


def test_what_has_moved_comes_first_and_chance_does_not_count():
    rng = np.random.default_rng(0)

    def columns(shift):
        values = rng.normal(size=(5000, 3)) + np.array([0, shift, 0])
        values[: int(1500 * bool(shift)), 2] = np.nan
        return Features(names=("calm", "shifted", "missing"), values=values.astype(np.float32))

    scores = rng.random(5000)
    reference = Reference.of(scores, columns(0))
    drift = reference.drift(rng.random(5000), columns(1.5))
    assert list(drift) == ["score", "missing", "shifted", "calm"]
    assert drift["calm"] < 0.02 > drift["score"]
    assert min(drift["shifted"], drift["missing"]) > MOVED


def test_a_column_that_said_something_and_is_empty_now_is_missing():
    rng = np.random.default_rng(0)
    cards = rng.integers(0, 3, 3000).astype(np.float32)
    spent = np.where(cards > 0, rng.random(3000) + 1, np.nan)
    rare = (rng.random(3000) < 0.01).astype(np.float32)
    names = ("cards", "spent", "rare", "never")

    def features(*columns):
        return Features(names=names, values=np.stack(columns, axis=1).astype(np.float32))

    nothing, unknown = np.zeros(3000), np.full(3000, np.nan)
    reference = Reference.of(rng.random(3000), features(cards, spent, rare, nothing))
    assert reference.missing(features(cards, spent, nothing, nothing)) == []
    assert reference.missing(features(nothing, unknown, nothing, nothing)) == ["cards", "spent"]
    one = nothing.copy()
    one[7] = 1
    assert reference.missing(features(one, unknown, nothing, unknown)) == ["spent"]


def test_it_is_saved_and_loaded_and_damage_is_seen():
    values = np.array([[1.0, np.nan], [2.0, 3.0]], dtype=np.float32)
    reference = Reference.of([0.1, 0.9], Features(names=("a", "b"), values=values))
    about = json.loads(json.dumps(reference.to_json()))
    assert Reference.from_json(about) == reference
    about["a"][1].pop()
    with pytest.raises(ValueError, match="shares"):
        Reference.from_json(about)
