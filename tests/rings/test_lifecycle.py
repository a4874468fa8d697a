from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.results import Decision, Ring, RingMember
from graphml.rings.lifecycle import apply_decisions, core_of, fresh_id, identify

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def ring(*members: str, ring_id: str = "", roles: dict[str, str] | None = None, **changes) -> Ring:
    return Ring(
        ring_id=ring_id, kind="other", status="new", score=0.9, score_kind="rank",
        members=tuple(
            RingMember(member_id=m, score=0.9, role=(roles or {}).get(m, "core")) for m in members
        ),
        shared=(), amount_gross=0, amount_net=0, currency=None, first=NOW, last=NOW, as_of=NOW,
        model=None, evidence=(), counter_evidence=(), **changes,
    )  # fmt: skip


def test_a_new_ring_is_named_by_its_core_alone():
    first, second = identify([ring("a", "b", "c"), ring("d", "e", "f", roles={"f": "victim"})], [])
    assert (first.ring_id, first.status) == (fresh_id(["c", "a", "b"]), "new")
    assert second.ring_id == fresh_id(["d", "e"])
    assert len(first.ring_id) == len("r-") + 16


def test_ids_of_joined_names_differ():
    assert fresh_id(["ab", "c"]) != fresh_id(["a", "bc"])


@pytest.mark.parametrize(
    ("now", "status"),
    [
        ("abc", "unchanged"),
        ("abcd", "grown"),
        ("ab", "shrunk"),
        ("abx", "grown"),
        ("abcx", "grown"),
    ],
)
def test_the_id_passes_on(now, status):
    before = identify([ring(*"abc")], [])
    after = identify([ring(*now)], before)[0]
    assert (after.ring_id, after.status) == (before[0].ring_id, status)


def test_half_of_the_core_is_enough_and_less_is_not():
    before = identify([ring(*"abcd")], [])
    assert identify([ring(*"ab")], before)[0].status == "shrunk"
    assert identify([ring(*"abxyz")], before)[0].status == "new"


def test_a_ring_whose_whole_core_is_in_a_larger_one_has_grown():
    before = identify([ring(*"abc")], [])
    after = identify([ring(*"abcdefg", roles={"c": "periphery"})], before)[0]
    assert (after.ring_id, after.status) == (before[0].ring_id, "grown")
    confirmed = dismissal(before[0], verdict="confirm")
    assert apply_decisions([after], [confirmed]) == [after]
    assert apply_decisions([after], [dismissal(before[0])]) == [after]
    assert identify([ring(*"abxyzuvw")], before)[0].status == "new"


def test_of_two_rings_that_became_one_the_one_more_alike_passes_its_id():
    before = identify([ring(*"abc"), ring(*"defgh")], [])
    after = identify([ring(*"abcdefghijklmnop")], before)[0]
    assert (after.ring_id, after.status) == (before[1].ring_id, "grown")


def test_each_id_goes_to_the_ring_most_alike():
    before = identify([ring(*"abcdef")], [])
    halves = identify([ring(*"abc"), ring(*"defg"[:3])], before)
    assert [r.status for r in halves] == ["shrunk", "new"]
    assert len({r.ring_id for r in halves}) == 2
    better = identify([ring(*"abc"), ring(*"defc")], before)
    assert [r.status for r in better] == ["new", "shrunk"]


def test_a_name_that_is_taken_is_not_given_again():
    once = identify([ring(*"abc")], [])
    grown = identify([ring(*"abcdef")], once)
    # abc comes again while def carries on under its name
    later = identify([ring(*"cdef"), ring("a", "b")], grown)
    again = identify([ring(*"cdef"), ring(*"abc"[:2])], later)
    assert [r.ring_id for r in again] == [r.ring_id for r in later]
    other = identify([ring(*"xyz"), ring(*"abc")], [replace(once[0], members=ring(*"uvw").members)])
    assert other[1].ring_id != once[0].ring_id


sets = st.lists(st.frozensets(st.sampled_from("abcdefghij"), min_size=2), max_size=5)


@given(sets, sets)
def test_ids_are_unique_and_depend_on_no_order(before, now):
    def disjoint(groups):
        seen: set[str] = set()
        kept = []
        for members in groups:
            if seen.isdisjoint(members):
                seen |= members
                kept.append(ring(*sorted(members)))
        return kept

    previous = identify(disjoint(before), [])
    rings = identify(disjoint(now), previous)
    assert len({r.ring_id for r in rings}) == len(rings)
    turned = identify(rings[::-1], previous[::-1])[::-1]
    if len({len(core_of(r)) for r in rings}) == len(rings):
        assert {core_of(r): r.ring_id for r in turned} == {core_of(r): r.ring_id for r in rings}
    for found in rings:
        if found.status != "new":
            old = next(p for p in previous if p.ring_id == found.ring_id)
            alike = core_of(old), core_of(found)
            grown = alike[0] <= set(found.member_ids) and found.status == "grown"
            assert grown or 2 * len(alike[0] & alike[1]) >= len(alike[0] | alike[1])


def dismissal(of: Ring, days: int = 0, **changes) -> Decision:
    decision = Decision(
        unit="ring", id=of.ring_id, verdict="dismiss", reason="", by="ana",
        time=NOW + timedelta(days=days), members=of.flagged_ids,
    )  # fmt: skip
    return replace(decision, **changes)


def test_a_dismissed_ring_comes_back_only_when_it_grows():
    before = identify([ring(*"abcd"), ring(*"xyz")], [])
    decisions = [dismissal(before[0])]
    assert apply_decisions(before, decisions) == before[1:]
    for now, kept in (("abcd", 0), ("abc", 0), ("abcde", 1), ("abce", 1)):
        later = identify([ring(*now)], before)
        assert len(apply_decisions(later, decisions)) == kept, now


def test_a_dismissed_ring_stays_away_under_another_name():
    before = identify([ring(*"abcd")], [])
    remains = identify([ring("a", "b")], [])
    assert remains[0].ring_id != before[0].ring_id
    assert apply_decisions(remains, [dismissal(before[0])]) == []


def test_the_last_decision_counts():
    before = identify([ring(*"abcd")], [])
    confirmed = dismissal(before[0], days=1, verdict="confirm")
    assert apply_decisions(before, [confirmed, dismissal(before[0])]) == before


def test_a_decision_without_members_goes_by_the_status():
    before = identify([ring(*"abcd")], [])
    decisions = [dismissal(before[0], members=())]
    assert apply_decisions(before, decisions) == []
    assert len(apply_decisions(identify([ring(*"abcde")], before), decisions)) == 1


def test_decisions_about_members_leave_rings_alone():
    before = identify([ring(*"abcd")], [])
    assert apply_decisions(before, [dismissal(before[0], unit="member", id="a")]) == before
