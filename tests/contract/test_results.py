"""Runs, decisions and summaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from graphml.errors import UsageError
from graphml.results import (
    Decision,
    Evidence,
    Reason,
    Recommendation,
    Ring,
    RingMember,
    Scores,
    SharedValue,
)
from graphml.store.base import GraphStore

from .rows import HOSTILE, LATER, at, event, tables


def ring(name: str, score: float, text: str = "6 members used device d-5") -> Ring:
    return Ring(
        ring_id=name,
        kind="device_farm",
        status="new",
        score=score,
        score_kind="rank",
        members=(
            RingMember(member_id="m-17", score=0.93, role="core"),
            RingMember(member_id="m-4", score=0.1, role="victim"),
        ),
        shared=(
            SharedValue(
                type="device",
                id="d-5",
                members=6,
                events=11,
                first=at(1),
                last=at(4),
                surprise=14.2,
            ),
        ),
        amount_gross=1834.5,
        amount_net=1410.0,
        currency="EUR",
        first=at(1),
        last=at(4),
        as_of=at(5),
        model=None,
        evidence=(Evidence(code="SHARED_DEVICE_BURST", text=text, event_ids=("e-4", "e-9")),),
        counter_evidence=(),
    )


def scores(*values: float) -> Scores:
    return Scores(
        unit="member",
        ids=tuple(f"m-{i}" for i in range(len(values))),
        values=values,
        score_kind="rank",
        as_of=at(5),
        model="model-1",
    )


class StopHere(Exception):  # noqa: N818 - no error: what a test raises
    pass


def test_a_run_is_in_view_once_its_block_has_ended(
    store: GraphStore, reopen: Callable[[], GraphStore]
) -> None:
    rings = [ring("r-1", 0.2), ring("r-2", 0.9), ring("r-3", 0.2)]
    reader = reopen()
    with store.run("rings", model="model-1", as_of=at(5)) as run:
        run.write(rings[:2])
        assert reader.read_rings() == []
        assert [(r.run_id, r.status) for r in reader.runs()] == [(run.run_id, "open")]
        run.write(rings[2:])
    assert reader.read_rings() == [rings[1], rings[0], rings[2]]
    (info,) = reader.runs()
    assert (info.run_id, info.kind, info.model) == (run.run_id, "rings", "model-1")
    assert (info.as_of, info.status, info.counts["rings"]) == (at(5), "published", 3)
    assert info.finished is not None
    assert info.started <= info.finished


def test_a_block_that_raises_leaves_the_former_run_in_view(store: GraphStore) -> None:
    with store.run("rings", model=None, as_of=at(5)) as good:
        good.write([ring("r-1", 0.5)])

    def fail() -> None:
        with store.run("rings", model=None, as_of=at(6)) as bad:
            name.append(bad.run_id)
            bad.write([ring("r-2", 0.9)])
            raise StopHere

    name: list[str] = []
    with pytest.raises(StopHere):
        fail()
    assert store.read_rings() == [ring("r-1", 0.5)]
    assert [(r.run_id, r.status) for r in store.runs()] == [
        (name[0], "failed"),
        (good.run_id, "published"),
    ]
    with pytest.raises(UsageError, match="no published run"):
        store.read_rings(name[0])


def test_the_newest_run_is_in_view_and_older_ones_by_name(store: GraphStore) -> None:
    names = []
    for number in range(3):
        with store.run("rings", model=None, as_of=at(number)) as run:
            run.write([ring(f"r-{number}", 0.5)])
        names.append(run.run_id)
    assert len(set(names)) == 3
    assert store.read_rings() == [ring("r-2", 0.5)]
    assert store.read_rings(names[0]) == [ring("r-0", 0.5)]
    assert [(r.run_id, r.status) for r in store.runs()] == [
        (names[2], "published"),
        (names[1], "superseded"),
        (names[0], "superseded"),
    ]


def test_kinds_of_runs_do_not_hide_each_other(store: GraphStore) -> None:
    store.write_tables(tables([event("e-1", 0, "m-0"), event("e-2", 0, "m-1")]))
    with store.run("rings", model=None, as_of=at(5)) as run:
        run.write([ring("r-1", 0.5)])
    with store.run("fraud", model="model-1", as_of=at(5)) as other:
        other.write(scores(0.5, 0.25))
    assert store.read_rings() == [ring("r-1", 0.5)]
    assert {r.kind: r.status for r in store.runs()} == {"rings": "published", "fraud": "published"}
    assert {r.kind: dict(r.counts) for r in store.runs()}["fraud"] == {"scores": 2}


def test_an_empty_run_is_a_result_too(store: GraphStore) -> None:
    with store.run("rings", model=None, as_of=at(5)) as run:
        run.write([ring("r-1", 0.5)])
    with store.run("rings", model=None, as_of=at(5)) as run:
        run.write([])
    assert store.read_rings() == []
    assert store.read_rings(run.run_id) == []


def test_rings_say_what_they_said(store: GraphStore) -> None:
    rings = [ring(f"r-{i}", 0.5, text) for i, text in enumerate(HOSTILE)]
    with store.run("rings", model="\n'`", as_of=at(5)) as run:
        run.write(rings)
    assert sorted(store.read_rings(), key=lambda r: int(r.ring_id[2:])) == rings
    assert store.runs()[0].model == "\n'`"


def test_runs_need_a_zone_and_a_name_that_exists(store: GraphStore) -> None:
    with (
        pytest.raises(ValueError, match="time zone"),
        store.run(
            "rings",
            model=None,
            as_of=datetime(2024, 1, 1),  # noqa: DTZ001
        ),
    ):
        pass
    with pytest.raises(UsageError, match="no published run"):
        store.read_rings("../rings")
    assert store.read_rings() == []
    assert store.runs() == []


DECISION = Decision(
    unit="ring",
    id="r-1",
    verdict="dismiss",
    reason="a dormitory",
    by="ana",
    time=at(5),
    members=("m-1", "m-2"),
)


def test_a_decision_is_kept_once(store: GraphStore, reopen: Callable[[], GraphStore]) -> None:
    assert store.write_decision(DECISION)
    assert not store.write_decision(DECISION)
    assert reopen().decisions(at(5)) == [DECISION]


def test_decisions_show_from_when_they_were_taken(store: GraphStore) -> None:
    later = replace(DECISION, verdict="confirm", time=at(7), members=("m-1",))
    store.write_decision(later)
    store.write_decision(DECISION)
    assert store.decisions(at(4)) == []
    assert store.decisions(at(5)) == [DECISION]
    assert store.decisions(at(6)) == [DECISION]
    assert store.decisions(at(7)) == [DECISION, later]
    with pytest.raises(ValueError, match="time zone"):
        store.decisions(datetime(2024, 1, 1))  # noqa: DTZ001


def test_decisions_say_what_they_said(store: GraphStore) -> None:
    taken = [
        replace(DECISION, id=text, reason=text, by=text, members=(text,), time=at(number))
        for number, text in enumerate(HOSTILE)
    ]
    assert all(store.write_decision(decision) for decision in taken)
    assert store.decisions(LATER) == taken


def test_an_empty_store_answers(store: GraphStore) -> None:
    summary = store.summary()
    assert (summary.events, summary.members, summary.sequence) == (0, 0, 0)
    assert (summary.first, summary.last) == (None, None)
    assert store.read_tables(LATER).events.is_empty()
    assert store.read_tables(LATER).events["sequence"].is_empty()
    assert store.neighborhood("member", "m-1", as_of=LATER).events.is_empty()
    assert (store.runs(), store.read_rings(), store.decisions(LATER)) == ([], [], [])


def test_a_summary_counts_members_with_events_or_attributes(
    store: GraphStore, reopen: Callable[[], GraphStore]
) -> None:
    rows = [event("e-1", 3, "m-1"), event("e-2", 1, "m-1"), event("e-3", 2, "m-2")]
    store.write_tables(tables(rows, members=[{"member_id": "m-2"}, {"member_id": "m-3"}]))
    for held in (store.summary(), reopen().summary()):
        assert (held.events, held.members, held.sequence) == (3, 3, 5)
        assert (held.first, held.last) == (at(1), at(3))


def test_closing_twice_is_fine(store: GraphStore) -> None:
    store.close()
    store.close()


def listed(member: str, *products: str) -> list[Recommendation]:
    return [
        Recommendation(
            member_id=member, product_id=product, rank=rank, score=1 / rank,
            reasons=(Reason(code="RETURNING", text=f"bought {product}", because=(product, "p-1")),),
        )
        for rank, product in enumerate(products, start=1)
    ]  # fmt: skip


def test_lists_are_in_view_once_their_run_has_ended(
    store: GraphStore, reopen: Callable[[], GraphStore]
) -> None:
    rows = [event(f"e-{n}", n, f"m-{n % 3}", product_id=f"p-{n}") for n in range(5)]
    store.write_tables(tables(rows))
    first, second = listed("m-2", "p-4", "p-0"), listed("m-0", "p-1")
    reader = reopen()
    assert reader.read_recommendations() == []
    with store.run("recommend", model="recommend-1", as_of=at(5)) as run:
        run.write(first)
        assert reader.read_recommendations() == []
        run.write(second)
    assert reader.read_recommendations() == [*second, *first]
    (info,) = reader.runs()
    assert (info.kind, info.status, dict(info.counts)) == (
        "recommend", "published", {"recommendations": 3},
    )  # fmt: skip
    with store.run("recommend", model="recommend-2", as_of=at(6)) as later:
        later.write(listed("m-1", "p-3"))
    assert reader.read_recommendations() == listed("m-1", "p-3")
    assert reader.read_recommendations(run.run_id) == [*second, *first]
    assert reader.read_rings() == []

    def fail() -> None:
        with store.run("recommend", model=None, as_of=at(7)) as bad:
            name.append(bad.run_id)
            bad.write(first)
            raise StopHere

    name: list[str] = []
    with pytest.raises(StopHere):
        fail()
    assert store.read_recommendations() == listed("m-1", "p-3")
    assert next(r.status for r in store.runs() if r.run_id == name[0]) == "failed"
    with pytest.raises(UsageError, match="no published run"):
        store.read_recommendations(name[0])


def test_lists_say_what_they_said(store: GraphStore) -> None:
    rows = [event(f"e-{n}", n, text, product_id=text) for n, text in enumerate(HOSTILE)]
    store.write_tables(tables(rows))
    lists = [one for text in HOSTILE for one in listed(text, text)]
    with store.run("recommend", model="\n'`", as_of=at(5)) as run:
        run.write(lists)
    assert store.read_recommendations() == sorted(lists, key=lambda one: one.member_id)
