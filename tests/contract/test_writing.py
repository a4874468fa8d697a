from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from graphml.errors import StoreConflictError, StoreError
from graphml.store.base import Counts, GraphStore
from graphml.tables.frames import Tables

from .rows import LATER, at, content, event, random_tables, same, tables


def test_what_was_written_is_read(store: GraphStore) -> None:
    batch = random_tables(1)
    counts = store.write_tables(batch)
    assert counts.events == batch.events.height
    assert counts.members == batch.members.height
    assert counts.products == batch.products.height
    assert counts.labels == batch.labels.height
    assert counts.links == batch.links.height
    assert counts.repeats == 0
    assert counts.conflicts.is_empty()
    assert content(store.read_tables(LATER).events) == content(batch.events)
    assert content(store.read_tables(LATER).links) == content(batch.links)


def test_writing_twice_changes_nothing(store: GraphStore) -> None:
    batch = random_tables(2)
    store.write_tables(batch)
    before, summary = store.read_tables(LATER), store.summary()
    counts = store.write_tables(batch)
    rows = sum(
        frame.height
        for frame in (batch.events, batch.members, batch.products, batch.labels, batch.links)
    )
    assert (counts.events, counts.members, counts.products) == (0, 0, 0)
    assert (counts.labels, counts.links, counts.repeats) == (0, 0, rows)
    assert store.summary() == summary
    after = store.read_tables(LATER)
    same(after, before)
    assert sorted(after.events["sequence"]) == sorted(before.events["sequence"])


def test_a_later_batch_adds_what_is_new(store: GraphStore) -> None:
    store.write_tables(tables([event("e-1", 0, "m-1"), event("e-2", 1, "m-2")]))
    counts = store.write_tables(tables([event("e-2", 1, "m-2"), event("e-3", 2, "m-3")]))
    assert (counts.events, counts.repeats) == (1, 1)
    events = store.read_tables(LATER).events
    assert dict(events.select("event_id", "sequence").rows())["e-3"] == events["sequence"].max()
    assert store.summary().sequence == events["sequence"].max()


def test_sequences_are_unique_and_grow_with_each_call(store: GraphStore) -> None:
    store.write_tables(random_tables(3))
    first = store.summary().sequence
    store.write_tables(random_tables(4, prefix="later-"))
    events = store.read_tables(LATER).events
    assert events["sequence"].n_unique() == events.height
    assert events["sequence"].dtype == pl.Int64
    later = events.filter(pl.col("event_id").str.starts_with("later-"))
    assert later["sequence"].min() > first  # type: ignore[operator]


def test_rows_come_back_in_load_order(store: GraphStore) -> None:
    store.write_tables(tables([event("e-9", 5, "m-1"), event("e-1", 7, "m-1")]))
    store.write_tables(tables([event("e-5", 1, "m-1")]))
    assert store.read_tables(LATER).events["event_id"].to_list() == ["e-9", "e-1", "e-5"]


@pytest.mark.parametrize(
    "change",
    [{"amount": 2.0}, {"time": at(1)}, {"device_id": None}, {"product_id": "p-1"}, {"quantity": 3}],
    ids=lambda change: next(iter(change)),
)
def test_an_id_with_other_content_is_a_conflict(
    store: GraphStore, change: dict[str, object]
) -> None:
    first = event("e-1", 0, "m-1", amount=1.0, device_id="d-1")
    store.write_tables(tables([first]))
    counts = store.write_tables(tables([{**first, **change}, event("e-2", 0, "m-1"), first]))
    assert (counts.events, counts.repeats) == (1, 1)
    assert content(counts.conflicts) == content(tables([{**first, **change}]).events)
    assert content(store.read_tables(LATER).events) == content(
        tables([first, event("e-2", 0, "m-1")]).events
    )


def test_strict_writes_nothing_where_one_event_contradicts(store: GraphStore) -> None:
    first = event("e-1", 0, "m-1", amount=1.0)
    store.write_tables(tables([first]))
    before, summary = store.read_tables(LATER), store.summary()
    clashing = tables(
        [{**first, "amount": 2.0}, event("e-2", 0, "m-1")],
        members=[{"member_id": "m-1", "signup_time": at(0)}],
    )
    with pytest.raises(StoreConflictError, match="e-1"):
        store.write_tables(clashing, strict=True)
    same(store.read_tables(LATER), before)
    assert store.summary() == summary
    counts = store.write_tables(tables([first, event("e-2", 0, "m-1")]), strict=True)
    assert (counts.events, counts.repeats) == (1, 1)


def test_a_preview_says_what_a_write_would_do_and_does_nothing(store: GraphStore) -> None:
    batch = random_tables(5)
    same_counts(store.preview_tables(batch), store.write_tables(batch))
    before, summary = store.read_tables(LATER), store.summary()
    first = batch.events.head(1)
    more = random_tables(6, prefix="later-")
    changed = first.with_columns(amount=pl.lit(-1.0))
    later = replace(more, events=pl.concat([more.events, changed, batch.events.slice(1, 3)]))
    foreseen = store.preview_tables(later)
    assert (foreseen.events, foreseen.conflicts.height) == (more.events.height, 1)
    same(store.read_tables(LATER), before)
    assert store.summary() == summary
    same_counts(foreseen, store.write_tables(later))


def same_counts(one: Counts, other: Counts) -> None:
    for name in ("events", "members", "products", "labels", "links", "repeats"):
        assert getattr(one, name) == getattr(other, name), name
    assert content(one.conflicts) == content(other.conflicts)


def test_within_a_batch_the_first_of_equal_ids_counts(store: GraphStore) -> None:
    first, other = event("e-1", 0, "m-1", amount=1.0), event("e-1", 0, "m-1", amount=2.0)
    counts = store.write_tables(tables([first, other, first]))
    assert (counts.events, counts.repeats) == (1, 1)
    assert content(counts.conflicts) == content(tables([other]).events)
    assert content(store.read_tables(LATER).events) == content(tables([first]).events)


def test_a_changed_attribute_row_replaces_the_older_one(store: GraphStore) -> None:
    rows = [
        {"product_id": "p-1", "price": 1.0},
        {"product_id": "p-1", "price": 2.0, "valid_from": at(3)},
    ]
    shown = [event("e-1", 0, "m-1", "view", product_id="p-1")]
    store.write_tables(tables(shown, products=rows))
    changed = [{"product_id": "p-1", "price": 7.0, "valid_from": at(3)}]
    counts = store.write_tables(tables(products=[*changed, rows[0]]))
    assert (counts.products, counts.repeats) == (1, 1)
    products = store.read_tables(LATER).products
    assert content(products) == content(tables(products=[rows[0], *changed]).products)
    assert products.filter(price=7.0)["sequence"].item() == store.summary().sequence


def test_within_a_batch_the_last_of_equal_attribute_keys_counts(store: GraphStore) -> None:
    rows = [{"member_id": "m-1", "signup_time": at(0), "opted_out": out} for out in (False, True)]
    counts = store.write_tables(tables(members=rows))
    assert (counts.members, counts.repeats) == (1, 1)
    assert store.read_tables(LATER).members["opted_out"].to_list() == [True]
    again = store.write_tables(tables(members=rows))
    assert (again.members, again.repeats) == (0, 2)


def test_labels_and_links_are_kept_once_by_all_their_columns(store: GraphStore) -> None:
    label = {"member_id": "m-1", "label": 1, "known_at": at(0)}
    link = {"member_id": "m-1", "other_member_id": "m-2", "kind": "gift", "time": at(0)}
    batch = tables(
        labels=[label, label, {**label, "label": 0}], links=[link, link, {**link, "time": at(1)}]
    )
    counts = store.write_tables(batch)
    assert (counts.labels, counts.links, counts.repeats) == (2, 2, 2)
    assert store.write_tables(batch).repeats == 6
    assert store.read_tables(LATER).labels.height == 2
    assert store.read_tables(LATER).links.height == 2


def test_further_columns_are_features_that_stay(store: GraphStore) -> None:
    store.write_tables(tables(members=[{"member_id": "m-1", "signup_time": at(0), "age": 41}]))
    store.write_tables(tables(members=[{"member_id": "m-2", "signup_time": at(0), "tier": "gold"}]))
    members = store.read_tables(LATER).members.sort("member_id")
    assert members["age"].to_list() == [41, None]
    assert members["tier"].to_list() == [None, "gold"]


def test_an_empty_batch_is_nothing(store: GraphStore) -> None:
    counts = store.write_tables(tables())
    assert (counts.events, counts.repeats, store.summary().sequence) == (0, 0, 0)


def test_values_come_back_as_they_were(store: GraphStore) -> None:
    row = event(
        "e-1", 1, "m-1", "purchase", amount=0.1 + 0.2, quantity=2**53 + 1, rating=4.5, points=1e300
    )
    store.write_tables(tables([row]))
    (back,) = store.read_tables(LATER).events.to_dicts()
    assert {key: back[key] for key in row} == row


def test_a_feature_that_no_store_keeps_is_refused_whole(store: GraphStore) -> None:
    odd = tables([event("e-1", 0, "m-1")]).events.with_columns(basket=pl.lit([1, 2]).implode())
    with pytest.raises(StoreError, match="basket"):
        store.write_tables(Tables(events=odd))
    assert store.summary().events == 0
