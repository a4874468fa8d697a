from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from graphml.store.base import GraphStore
from graphml.tables.frames import TABLES, Tables

from .rows import LATER, MICROSECOND, at, content, event, expected, random_tables, same, tables


@pytest.mark.parametrize("seed", range(3))
def test_each_microsecond_shows_what_had_happened_by_then(store: GraphStore, seed: int) -> None:
    batch = random_tables(seed)
    store.write_tables(batch)
    for microseconds in range(-1, 7):
        as_of = at(microseconds)
        same(store.read_tables(as_of), expected(batch, as_of))


def test_the_future_changes_nothing(store: GraphStore) -> None:
    batch, late = random_tables(5), random_tables(6, prefix="late-")
    store.write_tables(batch)
    before = store.read_tables(at(5))
    store.write_tables(Tables(**{table: _moved(getattr(late, table)) for table in TABLES}))
    same(store.read_tables(at(5)), before)


def _moved(frame: pl.DataFrame) -> pl.DataFrame:
    """Move every time six microseconds on, past all that the other tables hold."""
    times = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    moved = frame.with_columns(pl.col(times) + 6 * MICROSECOND)
    if "valid_from" in times:
        # A row without valid_from would hold always: it is no row of the future.
        return moved.with_columns(pl.col("valid_from").fill_null(at(6)))
    return moved


def test_an_event_is_there_at_its_microsecond_and_not_before(store: GraphStore) -> None:
    store.write_tables(tables([event("e-9", 3, "m-17")]))
    assert store.read_tables(at(2)).events.is_empty()
    assert store.read_tables(at(3)).events["event_id"].to_list() == ["e-9"]


def test_the_ends_of_time(store: GraphStore) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    rows = [event("e-1", 0, "m-1"), event("e-2", 0, "m-2")]
    rows[0]["time"], rows[1]["time"] = first, LATER
    store.write_tables(tables(rows))
    assert store.read_tables(first).events["event_id"].to_list() == ["e-1"]
    assert store.read_tables(LATER - MICROSECOND).events["event_id"].to_list() == ["e-1"]
    assert store.read_tables(LATER).events.height == 2
    assert (store.summary().first, store.summary().last) == (first, LATER)


def test_a_naive_moment_is_an_error(store: GraphStore) -> None:
    with pytest.raises(ValueError, match="as_of needs a time zone"):
        store.read_tables(datetime(2024, 6, 2))  # noqa: DTZ001


def test_a_late_arrival_is_told_from_what_was_known_on_the_day(store: GraphStore) -> None:
    store.write_tables(
        tables([event("e-2", 2, "m-1")], links=[_link("m-1", "m-2", 2)], labels=[_label("m-1", 2)])
    )
    known = store.summary().sequence
    store.write_tables(
        tables([event("e-1", 1, "m-2")], links=[_link("m-2", "m-3", 1)], labels=[_label("m-2", 1)])
    )
    then = store.read_tables(at(2), loaded_until=known)
    assert then.events["event_id"].to_list() == ["e-2"]
    assert then.links["member_id"].to_list() == ["m-1"]
    assert then.labels["member_id"].to_list() == ["m-1"]
    now = store.read_tables(at(2))
    assert sorted(now.events["event_id"]) == ["e-1", "e-2"]
    assert store.read_tables(at(1)).events["event_id"].to_list() == ["e-1"]
    assert store.read_tables(at(2), loaded_until=0).events.is_empty()


def test_a_member_is_there_on_the_day_only_by_what_was_loaded_by_then(store: GraphStore) -> None:
    store.write_tables(tables(members=[{"member_id": "m-1"}, {"member_id": "m-2"}]))
    store.write_tables(tables([event("e-1", 0, "m-1")]))
    known = store.summary().sequence
    store.write_tables(tables([event("e-2", 0, "m-2")]))
    assert store.read_tables(at(0), loaded_until=known).members["member_id"].to_list() == ["m-1"]
    assert sorted(store.read_tables(at(0)).members["member_id"]) == ["m-1", "m-2"]


def _link(one: str, other: str, microseconds: int) -> dict[str, object]:
    return {"member_id": one, "other_member_id": other, "kind": "gift", "time": at(microseconds)}


def _label(member: str, microseconds: int) -> dict[str, object]:
    return {"member_id": member, "label": 1, "known_at": at(microseconds)}


def test_labels_show_once_they_are_known(store: GraphStore) -> None:
    late = {"member_id": "m-1", "label": 1, "known_at": at(5), "fraud_time": at(1)}
    never = {"order_id": "o-1", "label": 0}
    store.write_tables(tables([event("e-1", 0, "m-1")], labels=[late, never]))
    assert store.read_tables(at(4)).labels.is_empty()
    assert content(store.read_tables(at(5)).labels) == content(tables(labels=[late]).labels)


def test_stored_rows_are_all_of_a_table_whatever_the_moment(store: GraphStore) -> None:
    assert store.stored_rows("labels").is_empty()
    labels = [
        {"member_id": "m-1", "label": 1, "known_at": LATER},
        {"order_id": "o-1", "label": 0},
    ]
    members = [{"member_id": "m-1", "opted_out": False}, {"member_id": "m-without-events"}]
    store.write_tables(tables([event("e-1", 0, "m-1")], labels=labels, members=members))
    found = store.stored_rows("labels")
    assert content(found) == content(tables(labels=labels).labels)
    assert sorted(store.stored_rows("members")["member_id"]) == ["m-1", "m-without-events"]
    store.write_tables(tables(members=[{"member_id": "m-1", "opted_out": True}]))
    changed = store.stored_rows("members").filter(pl.col("member_id") == "m-1")
    assert changed["opted_out"].to_list() == [True]
    with pytest.raises(ValueError, match="no table 'runs'"):
        store.stored_rows("runs")


def test_attributes_show_from_when_they_hold(store: GraphStore) -> None:
    rows = [
        {"member_id": "m-1", "opted_out": False},
        {"member_id": "m-1", "opted_out": True, "valid_from": at(3)},
    ]
    store.write_tables(tables([event("e-1", 1, "m-1")], members=rows))
    assert store.read_tables(at(0)).members.is_empty()
    assert store.read_tables(at(2)).members["opted_out"].to_list() == [False]
    assert sorted(store.read_tables(at(3)).members["opted_out"]) == [False, True]


def test_a_sign_up_makes_a_member_and_a_later_one_is_not_told(store: GraphStore) -> None:
    rows = [
        {"member_id": "m-1", "signup_time": at(2)},
        {"member_id": "m-2", "signup_time": at(9)},
        {"member_id": "m-3"},
    ]
    store.write_tables(tables([event("e-1", 3, "m-2")], members=rows))
    assert store.read_tables(at(1)).members.is_empty()
    assert store.read_tables(at(2)).members["member_id"].to_list() == ["m-1"]
    members = store.read_tables(at(3)).members.sort("member_id")
    assert members["member_id"].to_list() == ["m-1", "m-2"]
    assert members["signup_time"].to_list() == [at(2), None]


def test_a_product_is_there_from_its_first_event_or_its_row(store: GraphStore) -> None:
    rows = [{"product_id": "p-1"}, {"product_id": "p-2", "valid_from": at(1)}]
    store.write_tables(tables([event("e-1", 2, "m-1", "view", product_id="p-1")], products=rows))
    assert store.read_tables(at(0)).products.is_empty()
    assert store.read_tables(at(1)).products["product_id"].to_list() == ["p-2"]
    assert sorted(store.read_tables(at(2)).products["product_id"]) == ["p-1", "p-2"]
