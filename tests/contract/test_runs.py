"""Publishing as a whole, once; going back; removing what nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from graphml.errors import NothingToDoError, UsageError
from graphml.store.base import GraphStore
from graphml.store.history import run_before

from .rows import at, event, tables
from .test_results import StopHere, listed, ring, scores


def filled(store: GraphStore) -> GraphStore:
    rows = [event(f"e-{n}", n, f"m-{n % 3}", product_id=f"p-{n}") for n in range(5)]
    store.write_tables(tables(rows))
    return store


def statuses(store: GraphStore) -> dict[str, str]:
    return {run.run_id: run.status for run in store.runs()}


def test_the_same_results_are_published_once(
    store: GraphStore, reopen: Callable[[], GraphStore]
) -> None:
    filled(store)
    first = store.publish("rings", [[ring("r-1", 0.5), ring("r-2", 0.25)]], model="m", as_of=at(5))
    assert (first.status, first.kind, dict(first.counts)) == ("published", "rings", {"rings": 2})
    # What a ring is called beside the run before it is nothing new about it.
    again = [replace(one, status="grown") for one in (ring("r-1", 0.5), ring("r-2", 0.25))]
    for rings in ([ring("r-1", 0.5), ring("r-2", 0.25)], again):
        assert reopen().publish("rings", [rings], model="m", as_of=at(5)) == first
    assert [run.run_id for run in store.runs()] == [first.run_id]
    assert store.read_rings() == [ring("r-1", 0.5), ring("r-2", 0.25)]
    changes = (
        ([ring("r-1", 0.5), ring("r-2", 0.26)], "m", at(5)),
        ([ring("r-2", 0.26), ring("r-1", 0.5)], "m", at(5)),
        ([ring("r-2", 0.26), ring("r-1", 0.5)], None, at(5)),
        ([ring("r-2", 0.26), ring("r-1", 0.5)], None, at(6)),
        ([], None, at(6)),
    )
    for rings, model, as_of in changes:
        before = len(store.runs())
        found = store.publish("rings", [rings], model=model, as_of=as_of)
        assert len(store.runs()) == before + 1
        assert found.status == "published"
    # What was in view once, and is not any more, is published again.
    assert store.publish("rings", [again], model="m", as_of=at(5)).run_id != first.run_id


def test_scores_and_lists_are_published_once_too(store: GraphStore) -> None:
    filled(store)
    lists = [*listed("m-1", "p-1", "p-3"), *listed("m-2", "p-0")]
    for _ in range(2):
        store.publish("fraud", [scores(0.5, 0.25, 0.75)], model="m", as_of=at(5))
        store.publish("recommend", [lists], model="m", as_of=at(5))
    assert {run.kind: dict(run.counts) for run in store.runs()} == {
        "fraud": {"scores": 3},
        "recommend": {"recommendations": 3},
    }
    assert len(store.runs()) == 2
    store.publish("fraud", [scores(0.5, 0.25, 0.7500001)], model="m", as_of=at(5))
    assert len(store.runs()) == 3


def test_going_back_puts_the_former_run_in_view(
    store: GraphStore, reopen: Callable[[], GraphStore]
) -> None:
    filled(store)
    runs = [
        store.publish("rings", [[ring(f"r-{n}", 0.5)]], model=None, as_of=at(n)) for n in range(4)
    ]
    lists = store.publish("recommend", [listed("m-1", "p-1")], model=None, as_of=at(9))
    reader = reopen()
    assert run_before(store.runs(), "rings", None, url="")[0].run_id == runs[2].run_id
    assert statuses(store)[runs[3].run_id] == "published"
    found = store.rollback("rings")
    assert (found.run_id, found.status) == (runs[2].run_id, "published")
    assert reader.read_rings() == [ring("r-2", 0.5)]
    assert reader.read_recommendations() == listed("m-1", "p-1")
    assert statuses(reader) == {
        runs[0].run_id: "superseded", runs[1].run_id: "superseded", runs[2].run_id: "published",
        runs[3].run_id: "withdrawn", lists.run_id: "published",
    }  # fmt: skip
    with pytest.raises(UsageError, match="no published run"):
        store.read_rings(runs[3].run_id)
    assert store.rollback("rings", to=runs[0].run_id).run_id == runs[0].run_id
    assert reader.read_rings() == [ring("r-0", 0.5)]
    assert store.rollback("rings", to=runs[0].run_id).run_id == runs[0].run_id  # it is in view
    # What comes next supersedes what is in view, and what was withdrawn stays so.
    later = store.publish("rings", [[ring("r-3", 0.5)]], model=None, as_of=at(3))
    assert reader.read_rings() == [ring("r-3", 0.5)]
    assert store.rollback("rings").run_id == runs[0].run_id
    assert statuses(store)[later.run_id] == "withdrawn"
    assert statuses(store)[runs[1].run_id] == "withdrawn"


def test_there_must_be_something_to_go_back_to(store: GraphStore) -> None:
    filled(store)
    with pytest.raises(NothingToDoError, match="no run of kind 'rings' is in view"):
        store.rollback("rings")
    only = store.publish("rings", [[ring("r-1", 0.5)]], model=None, as_of=at(5))
    other = store.publish("recommend", [listed("m-1", "p-1")], model=None, as_of=at(9))
    with pytest.raises(UsageError, match="the first run of kind 'rings'"):
        store.rollback("rings")

    def fail() -> None:
        with store.run("rings", model=None, as_of=at(6)) as bad:
            names.append(bad.run_id)
            raise StopHere

    names: list[str] = []
    with pytest.raises(StopHere):
        fail()
    for to in (other.run_id, names[0], "../rings", ""):
        with pytest.raises(UsageError, match="no published run"):
            store.rollback("rings", to=to)
    assert statuses(store)[only.run_id] == "published"


def test_what_nobody_sees_is_removed(store: GraphStore, reopen: Callable[[], GraphStore]) -> None:
    filled(store)
    runs = [
        store.publish("rings", [[ring(f"r-{n}", 0.5)]], model=None, as_of=at(n)) for n in range(5)
    ]
    lists = store.publish("recommend", [listed("m-1", "p-1")], model=None, as_of=at(9))
    store.rollback("rings")

    def fail() -> None:
        with store.run("rings", model=None, as_of=at(6)) as bad:
            names.append(bad.run_id)
            bad.write([ring("r-9", 0.5)])
            raise StopHere

    names: list[str] = []
    with pytest.raises(StopHere):
        fail()
    before = store.runs()
    with pytest.raises(ValueError, match="at least 0"):
        store.prune(keep=-1)
    gone = store.prune(keep=1, dry_run=True)
    assert store.runs() == before
    assert [run.run_id for run in gone] == [
        names[0], runs[4].run_id, runs[1].run_id, runs[0].run_id,
    ]  # fmt: skip
    assert store.prune(keep=1) == gone
    assert statuses(reopen()) == {
        lists.run_id: "published", runs[3].run_id: "published", runs[2].run_id: "superseded",
    }  # fmt: skip
    assert store.read_rings() == [ring("r-3", 0.5)]
    assert store.read_recommendations() == listed("m-1", "p-1")
    assert store.rollback("rings").run_id == runs[2].run_id
    assert store.read_rings() == [ring("r-2", 0.5)]
    assert [run.run_id for run in store.prune(keep=0)] == [runs[3].run_id]
    assert store.prune(keep=0) == []
    with store.run("rings", model=None, as_of=at(7)) as still_open:
        assert store.prune(keep=0) == []
        still_open.write([ring("r-7", 0.5)])
    assert store.read_rings() == [ring("r-7", 0.5)]
