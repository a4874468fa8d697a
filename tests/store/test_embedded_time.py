"""Nothing after ``as_of``, nothing after ``loaded_until``: any rows, in any order of loading."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.schema import MARKETPLACE
from graphml.store.embedded import EmbeddedStore
from graphml.tables.frames import TABLES, Tables
from tests.contract.rows import (
    Row,
    at,
    content,
    event,
    expected,
    expected_events_around,
    same,
    tables,
)

moments = st.integers(0, 3).map(at)
maybe_moments = st.none() | moments
members = st.sampled_from(["m-1", "m-2", "m-3"])
products = st.sampled_from(["p-1", "p-2"])

ROWS: dict[str, st.SearchStrategy[Row]] = {
    "events": st.fixed_dictionaries(
        {
            "event_id": st.integers(0, 30).map(lambda number: f"e-{number}"),
            "time": moments,
            "kind": st.just("view"),
            "member_id": members,
            "product_id": st.none() | products,
            "device_id": st.none() | st.sampled_from(["d-1", "d-2"]),
        }
    ),
    "members": st.fixed_dictionaries(
        {
            "member_id": members,
            "signup_time": maybe_moments,
            "opted_out": st.booleans(),
            "valid_from": maybe_moments,
        }
    ),
    "products": st.fixed_dictionaries(
        {"product_id": products, "price": st.integers(0, 2), "valid_from": maybe_moments}
    ),
    "labels": st.fixed_dictionaries(
        {
            "member_id": members,
            "label": st.integers(0, 1),
            "known_at": maybe_moments,
            "fraud_time": maybe_moments,
        }
    ),
    "links": st.fixed_dictionaries(
        {
            "member_id": members,
            "other_member_id": members,
            "kind": st.just("gift"),
            "time": moments,
        }
    ),
}
Batch = dict[str, list[Row]]
batches = st.fixed_dictionaries({table: st.lists(rows, max_size=5) for table, rows in ROWS.items()})


@contextmanager
def fresh() -> Iterator[EmbeddedStore]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedStore(Path(folder) / "s") as store:
        yield store


def kept(batches: list[Batch]) -> Tables:
    """Return what a store holds after some calls, by dicts: the rules of ``write_tables``."""
    held: dict[str, dict[Any, Row]] = {table: {} for table in TABLES}
    for batch in batches:
        for row in batch["events"]:
            held["events"].setdefault(row["event_id"], row)
        for table, key in (("members", "member_id"), ("products", "product_id")):
            held[table].update({(row[key], row["valid_from"]): row for row in batch[table]})
        for table in ("labels", "links"):
            held[table].update({tuple(sorted(row.items())): row for row in batch[table]})
    return tables(**{table: list(rows.values()) for table, rows in held.items()})


@settings(max_examples=40, deadline=None)
@given(loads=st.lists(batches, min_size=1, max_size=3), data=st.data())
def test_a_store_shows_what_was_known_and_had_happened(
    loads: list[Batch], data: st.DataObject
) -> None:
    as_of = data.draw(st.integers(-1, 3).map(at))
    with fresh() as store:
        sequences = []
        for number, batch in enumerate(loads):
            before = kept(loads[:number])
            counts = store.write_tables(tables(**batch))
            after = kept(loads[: number + 1])
            assert counts.events == after.events.height - before.events.height
            new = counts.events + counts.members + counts.products + counts.labels + counts.links
            given = sum(len(rows) for rows in batch.values())
            assert new + counts.repeats + counts.conflicts.height == given
            sequences.append(store.summary().sequence)
        same(store.read_tables(as_of), expected(kept(loads), as_of))
        for number, sequence in enumerate(sequences):
            then = store.read_tables(as_of, loaded_until=sequence)
            same(then, expected(kept(loads[: number + 1]), as_of))


@settings(max_examples=40, deadline=None)
@given(past=batches, future=batches, data=st.data())
def test_the_future_changes_nothing(past: Batch, future: Batch, data: st.DataObject) -> None:
    """Every time in ``future`` is at the microsecond after ``as_of`` or later."""
    as_of = data.draw(moments)
    moved = {
        table: [{name: _after(as_of, name, value) for name, value in row.items()} for row in rows]
        for table, rows in future.items()
    }
    node = data.draw(st.sampled_from([("member", "m-1"), ("device", "d-1"), ("product", "p-1")]))
    with fresh() as store:
        store.write_tables(tables(**past))
        before = store.read_tables(as_of)
        around = store.neighborhood(*node, hops=3, as_of=as_of, limit=2)
        store.write_tables(tables(**moved))
        same(store.read_tables(as_of), before)
        same(store.neighborhood(*node, hops=3, as_of=as_of, limit=2), around)


def _after(as_of: Any, name: str, value: Any) -> Any:
    if name in ("valid_from", "known_at"):
        return as_of + (value - at(-1)) if value else as_of + (at(1) - at(0))
    if name == "event_id":
        return f"future-{value}"
    return as_of + (value - at(-1)) if name.endswith("time") and value else value


@settings(max_examples=40, deadline=None)
@given(
    loads=st.lists(batches, min_size=1, max_size=2),
    node=st.sampled_from([("member", "m-1"), ("device", "d-1"), ("product", "p-1")]),
    hops=st.integers(1, 4),
    limit=st.integers(1, 4),
    as_of=st.integers(-1, 3).map(at),
)
def test_a_neighborhood_is_what_plain_loops_find(
    loads: list[Batch], node: tuple[str, str], hops: int, limit: int, as_of: Any
) -> None:
    with fresh() as store:
        for batch in loads:
            store.write_tables(tables(**batch))
        around = store.neighborhood(*node, hops=hops, as_of=as_of, limit=limit)
        held = kept(loads)
    found = expected_events_around(
        held, (MARKETPLACE.nodes[node[0]].key, node[1]), hops=hops, as_of=as_of, limit=limit
    )
    assert set(around.events["event_id"]) == found
    there = expected(held, as_of)
    for table in TABLES:
        assert set(content(getattr(around, table))) <= set(content(getattr(there, table)))


def test_a_value_at_the_edge_of_a_segment_is_seen() -> None:
    with fresh() as store:
        for number in range(5):
            store.write_tables(tables([event(f"e-{number}", number, "m-1")]))
        for number in range(-1, 6):
            height = store.read_tables(at(number)).events.height
            assert height == min(max(number + 1, 0), 5)
