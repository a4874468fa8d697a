"""Products alike are those that the same members bought, by dense arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings

from graphml.recommend import spectral
from graphml.recommend.history import History
from graphml.recommend.similar import similar
from tests.recommend.small import TALE, Act, acts, graph_of, numbers


def dense(history):
    bought = np.zeros(history.shape)
    rows = history.kind == 0
    bought[history.member[rows], history.product[rows]] = 1
    shared = bought / np.sqrt(np.maximum(bought.sum(axis=1, keepdims=True), 1))
    shared /= np.sqrt(np.maximum(bought.sum(axis=0), 1))
    found = shared.T @ shared
    np.fill_diagonal(found, 0)
    return found


@settings(max_examples=100, deadline=None)
@given(acts())
def test_all_neighbours_are_the_dense_cosine_without_oneself(made):
    history = History.of(graph_of(made))
    np.testing.assert_allclose(similar(history).toarray(), dense(history), atol=1e-6)


@pytest.mark.parametrize("neighbours", [1, 2, 4, 40])
@pytest.mark.parametrize("block", [1, 3, 4, 2_048])
def test_short_lists_hold_the_highest_whatever_the_block(neighbours, block, monkeypatch):
    history = History.of(graph_of(TALE))
    monkeypatch.setattr(spectral, "_ROWS", block)
    found, whole = similar(history, neighbours=neighbours).toarray(), dense(history)
    for row, values in zip(found, whole, strict=True):
        np.testing.assert_allclose(
            np.sort(row)[::-1][:neighbours], np.sort(values)[::-1][:neighbours], atol=1e-6
        )
        there = row > 0
        np.testing.assert_allclose(row[there], values[there], atol=1e-6)
        assert there.sum() <= neighbours


def test_who_buys_everything_says_little_of_each_pair():
    rows = [Act(0, p, 1.0) for p in range(9)] + [Act(1, 0, 1.0), Act(1, 8, 2.0), Act(2, 5, 2.0)]
    rows += [Act(1, 0, 3.0)] * 5  # buying again says no more
    history = History.of(graph_of(rows))
    place = {n: at for at, n in enumerate(numbers(history.graph.nodes["product"]))}
    found = similar(history).toarray()
    assert found[place[0], place[8]] == pytest.approx((1 / 9 + 1 / 2) / 2)
    assert found[place[1], place[2]] == pytest.approx(1 / 9)
    assert found[place[5], place[0]] == pytest.approx(1 / 9 / 2)


def test_refunds_views_and_carts_make_nobody_alike():
    rows = [
        Act(0, 1, 1.0),
        Act(0, 2, 1.0, "view"),
        Act(0, 3, 1.0, "cart"),
        Act(0, 4, 1.0, "refund"),
    ]
    assert similar(History.of(graph_of(rows))).nnz == 0
