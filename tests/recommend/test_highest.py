"""The highest entries of a row are those that sorting would put first."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphml.recommend.highest import highest

VALUES = st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 2.0, -1.0])


def oracle(dense, count, own=None):
    found = []
    for row, values in enumerate(dense.tolist()):
        there = [
            (-value, column)
            for column, value in enumerate(values)
            if value > 0 and not (own is not None and column == own + row)
        ]
        found += [(row, column, -value) for value, column in sorted(there)[:count]]
    return found


def taken(matrix, count, own=None):
    row, column, value = highest(matrix, count, own=own)
    assert row.dtype == column.dtype == np.int64
    assert value.dtype == np.float32
    return list(zip(row.tolist(), column.tolist(), value.tolist(), strict=True))


@st.composite
def blocks(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 13))
    cells = draw(st.lists(VALUES, min_size=rows * columns, max_size=rows * columns))
    return np.reshape(np.array(cells, np.float32), (rows, columns))


@settings(max_examples=300, deadline=None)
@given(blocks(), st.integers(1, 15), st.none() | st.integers(0, 12))
@example(np.zeros((3, 2), np.float32), 4, None)
@example(np.ones((2, 9), np.float32), 4, 5)
def test_they_are_what_a_sort_puts_first(dense, count, own):
    assert taken(sparse.csr_matrix(dense), count, own) == oracle(dense, count, own)


@settings(max_examples=100, deadline=None)
@given(blocks(), st.integers(1, 6), st.integers(0, 999))
def test_entries_in_no_order_and_stored_zeros_change_nothing(dense, count, seed):
    rng = np.random.default_rng(seed)
    rows, columns = dense.shape
    order = np.concatenate([rng.permutation(columns) for _ in range(rows)])
    every = sparse.csr_matrix(
        (
            dense[np.repeat(np.arange(rows), columns), order],
            order,
            np.arange(0, rows * columns + 1, columns),
        ),
        shape=dense.shape,
    )
    assert taken(every, count) == oracle(dense, count)


def test_more_than_a_heap_s_worth_of_a_long_row():
    rng = np.random.default_rng(4)
    dense = rng.integers(0, 40, (3, 2_000)).astype(np.float32)  # many ties at every cut
    for count in (1, 2, 7, 100, 1_999, 2_000, 2_500):
        assert taken(sparse.csr_matrix(dense), count, 17) == oracle(dense, count, 17)


def test_not_a_number_is_nothing():
    block = sparse.csr_matrix(np.array([[np.nan, 0.5, 0.25]], np.float32))
    assert taken(block, 2) == [(0, 1, 0.5), (0, 2, 0.25)]


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_nothing_gives_nothing(shape):
    assert taken(sparse.csr_matrix(shape, dtype=np.float32), 3) == []
