"""What came since: a copy that is brought up to date by it equals the store, late events too."""

from __future__ import annotations

import polars as pl
import pytest

from graphml.store.base import GraphStore
from graphml.store.moments import visible
from graphml.store.novelty import KEYS, latest
from graphml.tables.frames import TABLES, Tables

from .rows import LATER, at, event, random_tables, same, tables


def joined(old: Tables, new: Tables) -> Tables:
    frames = {}
    for table in TABLES:
        rows = pl.concat([getattr(old, table), getattr(new, table)], how="diagonal_relaxed")
        frames[table] = latest(rows, table) if table in KEYS else rows
    return Tables(**frames)


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_brought_up_to_date_equals_the_store(store: GraphStore, seed: int) -> None:
    copy, known = store.rows_since(0), 0
    assert all(getattr(copy, table).is_empty() for table in TABLES)
    # Each batch has times of its own among those before it: most of it arrives late.
    for number in range(3):
        store.write_tables(random_tables(10 * seed + number, prefix=f"{number}-"))
        news = store.rows_since(known)
        for table in TABLES:
            rows = getattr(news, table)
            assert rows.is_empty() or rows["sequence"].min() > known
            assert rows["sequence"].is_sorted()
        copy, known = joined(copy, news), store.summary().sequence
        for as_of in (at(1), at(4), LATER):
            same(visible(copy, as_of), store.read_tables(as_of))
    assert all(getattr(store.rows_since(known), table).is_empty() for table in TABLES)


def test_a_late_event_is_not_missed(store: GraphStore) -> None:
    store.write_tables(tables([event("e-2", 6, "m-1")]))
    known = store.summary().sequence
    store.write_tables(tables([event("e-1", 1, "m-2")]))
    assert store.rows_since(known).events["event_id"].to_list() == ["e-1"]


def test_since_when_is_no_negative_number(store: GraphStore) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        store.rows_since(-1)
