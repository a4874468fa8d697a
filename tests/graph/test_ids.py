import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.errors import GraphmlError
from graphml.graph.ids import dense_ids
from tests.graph.marketplace import HOSTILE

texts = st.lists(st.none() | st.sampled_from(["", "a", "b", HOSTILE, "é", "Z"]) | st.text())


@given(texts, texts)
def test_an_id_is_the_place_among_the_sorted_keys(first, second):
    columns = [pl.Series("x", first, pl.String), pl.Series("y", second, pl.String)]
    keys, ids = dense_ids(columns)
    expected = sorted({t for t in first + second if t is not None}, key=lambda t: t.encode())
    assert keys.to_list() == expected
    for column, encoded in zip((first, second), ids, strict=True):
        assert encoded.dtype == pl.UInt32
        assert encoded.to_list() == [None if t is None else expected.index(t) for t in column]


def test_rows_in_another_order_get_the_same_ids():
    keys = pl.Series("x", [f"m-{n}" for n in range(2_000)])
    places = np.random.default_rng(3).permutation(2_000)
    shuffled, (ids,) = dense_ids([keys.gather(places)])
    sorted_keys, (plain,) = dense_ids([keys])
    assert shuffled.equals(sorted_keys)
    assert ids.equals(plain.gather(places))


def test_more_keys_than_ids_are_refused():
    column = pl.Series(["a", "b", "c"])
    assert len(dense_ids([column], limit=3)[0]) == 3
    with pytest.raises(GraphmlError, match="3 keys of one node type; at most 2 have an id"):
        dense_ids([column], limit=2)


def test_no_column_has_no_key():
    keys, ids = dense_ids([])
    assert len(keys) == 0
    assert ids == []
