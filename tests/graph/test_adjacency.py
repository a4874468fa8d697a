import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.graph.adjacency import Adjacency, build_adjacency

edges = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 3)), max_size=40)


def adjacency(rows, **limits):
    columns = np.array(sorted(rows, key=lambda row: row[2]), dtype=np.int64).reshape(-1, 3).T
    source, target, time = columns.astype(np.uint32)[0], columns[1].astype(np.uint32), columns[2]
    event = np.arange(len(time), dtype=np.uint32)
    return build_adjacency(
        source, target, time, event, sources=5, targets=7, events=len(time), **limits
    )


@settings(deadline=None)  # the first call compiles
@given(edges)
def test_edges_of_a_source_stand_together_in_order_of_time_and_event(rows):
    made = adjacency(rows)
    ordered = sorted(rows, key=lambda row: row[2])
    assert (made.sources, made.edges, made.indptr[-1]) == (5, len(rows), len(rows))
    for source in range(5):
        at = made.of(source)
        expected = [(t, when, e) for e, (s, t, when) in enumerate(ordered) if s == source]
        got = zip(made.target[at], made.time[at], made.event[at], strict=True)
        assert [tuple(map(int, edge)) for edge in got] == expected


@pytest.mark.parametrize(
    ("limit", "target", "event"),
    [(7, "int32", "int32"), (6, "int64", "int32"), (2, "int64", "int64")],
)
def test_int64_is_taken_where_int32_would_overflow(limit, target, event):
    made = adjacency([(0, 6, 0), (4, 0, 1), (4, 1, 2)], limit=limit)
    assert (made.target.dtype, made.event.dtype) == (target, event)
    assert (made.indptr.dtype, made.time.dtype) == ("int64", "int64")
    assert made.target.tolist() == [6, 0, 1]
    assert made.event.tolist() == [0, 1, 2]


@pytest.mark.parametrize("rows", [[], [(1, 2, 3), (0, 6, 1)]])
def test_saved_and_loaded_it_is_the_same_mapped_and_read_only(tmp_path, rows):
    made = adjacency(rows)
    made.save(tmp_path / "edges")
    loaded = Adjacency.load(tmp_path / "edges")
    for name in ("indptr", "target", "time", "event"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(made, name))
        assert isinstance(getattr(loaded, name), np.memmap)
        assert not getattr(loaded, name).flags.writeable
    assert loaded.nbytes == made.nbytes
