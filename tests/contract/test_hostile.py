from __future__ import annotations

import pytest

from graphml.schema import MARKETPLACE
from graphml.store.base import GraphStore
from graphml.tables.frames import TABLES

from .rows import HOSTILE, LATER, Row, at, same, tables


def _rows(table: str) -> list[Row]:
    """Return one row for each hostile text, with it in every text column."""
    columns = MARKETPLACE.tables[table]
    values = {"time": at(1), "number": 0.5, "integer": 1, "boolean": True}
    rows = [
        {name: text if c.type == "text" else values[c.type] for name, c in columns.items()}
        for text in HOSTILE
    ]
    return [{**row, "kind": "login"} for row in rows] if table == "events" else rows


def test_hostile_text_in_every_column_comes_back_as_it_was(store: GraphStore) -> None:
    batch = tables(**{table: _rows(table) for table in TABLES})
    counts = store.write_tables(batch)
    assert counts.events == len(HOSTILE)
    same(store.read_tables(LATER), batch)
    assert store.write_tables(batch).repeats == len(HOSTILE) * len(TABLES)


@pytest.mark.parametrize("name", ["a b", "`x`", "name'; //", "sequence_", "é", "0", "here"])
def test_a_feature_may_be_called_anything(store: GraphStore, name: str) -> None:
    batch = tables(members=[{"member_id": "m-1", "signup_time": at(0), name: 3.5}])
    store.write_tables(batch)
    assert store.read_tables(LATER).members[name].to_list() == [3.5]
    assert store.write_tables(batch).repeats == 1
