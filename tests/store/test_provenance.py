"""The fingerprint of tables: whatever could change a result changes it, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from graphml.store.provenance import fingerprint
from graphml.tables.frames import TABLES, Tables
from tests.contract.rows import at, event, tables


def shop() -> Tables:
    return tables(
        [
            event("e-1", 0, "m-1", "purchase", product_id="p-1", amount=5.0, currency="EUR"),
            event("e-2", 1, "m-2", "purchase", product_id="p-2", amount=7.0, device_id="d-5"),
            event("e-3", 2, "m-2", "view", product_id="p-1"),
        ],
        labels=[
            {"member_id": "m-1", "label": 1, "known_at": at(3)},
            {"order_id": "o-1", "label": 0, "known_at": at(4)},
        ],
        members=[{"member_id": "m-1", "opted_out": False}],
        products=[{"product_id": "p-1", "category": "toys"}],
        links=[{"member_id": "m-1", "other_member_id": "m-2", "kind": "gift", "time": at(1)}],
    )


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("labels", "label", 0),
        ("labels", "known_at", at(9)),
        ("labels", "member_id", "m-2"),
        ("events", "amount", 6.0),
        ("events", "currency", "USD"),
        ("events", "kind", "refund"),
        ("events", "member_id", "m-9"),
        ("events", "product_id", "p-9"),
        ("events", "device_id", "d-6"),
        ("members", "opted_out", True),
        ("products", "category", "books"),
        ("links", "kind", "transfer"),
    ],
)
def test_one_cell_changes_it(table, column, value):
    before = shop()
    rows = getattr(before, table)
    first = pl.int_range(pl.len()) == 0
    cell = pl.lit(value).cast(rows.schema[column])
    changed = rows.with_columns(pl.when(first).then(cell).otherwise(column).alias(column))
    assert not changed.equals(rows)
    assert fingerprint(replace(before, **{table: changed})) != fingerprint(before)


def test_order_and_load_sequence_do_not():
    before = shop()
    turned = {
        name: getattr(before, name).reverse().with_row_index("sequence").select(pl.all().reverse())
        for name in TABLES
    }
    moved = {name: frame.select(sorted(frame.columns)) for name, frame in turned.items()}
    assert fingerprint(Tables(**moved)) == fingerprint(before)
