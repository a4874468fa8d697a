"""A ring through time: its id, what became of it since the last run, what an analyst decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b

from graphml.results import Decision, Ring, RingStatus, Verdict

_SAME = 0.5
"""Least Jaccard index of two cores that are the same ring."""


def core_of(ring: Ring) -> frozenset[str]:
    """Return the ids of the core; of all whom the ring accuses, else of all, where there is none."""
    core = [member.member_id for member in ring.members if member.role == "core"]
    return frozenset(core or ring.flagged_ids or ring.member_ids)


def fresh_id(core: Iterable[str], turn: int = 0) -> str:
    """Return the ring id that a core has at first sight: 64 bits of BLAKE2b over its sorted ids.

    Args:
        core: Member ids, in any order.
        turn: Raised where the id is taken already.

    >>> fresh_id(["m-2", "m-1"]) == fresh_id(["m-1", "m-2"])
    True
    """
    digest = blake2b(digest_size=8, person=turn.to_bytes(8, "big"))
    for member in sorted(core):
        name = member.encode("utf-8", "surrogatepass")
        digest.update(len(name).to_bytes(8, "big") + name)
    return f"r-{digest.hexdigest()}"


def identify(rings: Sequence[Ring], previous: Sequence[Ring]) -> list[Ring]:
    """Return ``rings`` with their ids and what became of them since ``previous``.

    An id passes to the ring with the highest Jaccard index of cores: at least one half, or any
    where the whole former core, two members or more, is in the new ring, which has grown then. Each
    id goes to one ring, each ring has one id; where equal, the smaller id and the ring that stands
    first.
    """
    inherited = _inherit(rings, previous)
    taken = {ring.ring_id for ring in previous}
    result = []
    for place, ring in enumerate(rings):
        before = inherited.get(place)
        if before is None:
            ring_id = _free_id(core_of(ring), taken)
            taken.add(ring_id)
            result.append(replace(ring, ring_id=ring_id, status="new"))
        else:
            status = _status(set(before.member_ids), set(ring.member_ids))
            result.append(replace(ring, ring_id=before.ring_id, status=status))
    return result


def apply_decisions(rings: Sequence[Ring], decisions: Sequence[Decision]) -> list[Ring]:
    """Return the rings that no analyst has dismissed, and the dismissed ones that have grown."""
    verdicts = verdicts_on(rings, decisions)
    return [ring for ring in rings if verdicts.get(ring.ring_id) != "dismiss"]


def verdicts_on(rings: Sequence[Ring], decisions: Sequence[Decision]) -> dict[str, Verdict]:
    """Return what analysts said of the rings as they are now, by ring id; nothing of the others.

    The last decision about a ring counts. What was said of a dismissed ring no longer holds once
    it has grown: if it accuses a member who was not among those a dismissed ring accused, whatever
    its id is by now; where the decision names no member, if its status says so.
    """
    latest = {d.id: d for d in sorted(decisions, key=lambda d: d.time) if d.unit == "ring"}
    dismissed = [frozenset(d.members) for d in latest.values() if d.verdict == "dismiss"]
    result: dict[str, Verdict] = {}
    for ring in rings:
        decision = latest.get(ring.ring_id)
        if decision is not None and decision.verdict == "confirm":
            result[ring.ring_id] = "confirm"
        elif _dismissed(ring, decision, dismissed):
            result[ring.ring_id] = "dismiss"
    return result


def _dismissed(ring: Ring, decision: Decision | None, dismissed: Sequence[frozenset[str]]) -> bool:
    if decision is not None and not decision.members:
        return ring.status != "grown"
    accused = set(ring.flagged_ids)
    return bool(accused) and any(accused <= members for members in dismissed)


def _inherit(rings: Sequence[Ring], previous: Sequence[Ring]) -> dict[int, Ring]:
    """Return, by place in ``rings``, the previous ring whose id it takes over."""
    rings_of: dict[str, list[int]] = {}
    before = [core_of(ring) for ring in previous]
    for number, core in enumerate(before):
        for member in core:
            rings_of.setdefault(member, []).append(number)
    pairs = []
    for place, ring in enumerate(rings):
        core, members = core_of(ring), set(ring.member_ids)
        for number in {n for member in members for n in rings_of.get(member, ())}:
            alike = len(core & before[number]) / len(core | before[number])
            if alike >= _SAME or (len(before[number]) > 1 and before[number] <= members):
                pairs.append((-alike, previous[number].ring_id, place, number))
    result: dict[int, Ring] = {}
    given: set[str] = set()
    for _, ring_id, place, number in sorted(pairs):
        if place not in result and ring_id not in given:
            result[place] = previous[number]
            given.add(ring_id)
    return result


def _free_id(core: frozenset[str], taken: set[str]) -> str:
    turn = 0
    while (ring_id := fresh_id(core, turn)) in taken:
        turn += 1
    return ring_id


def _status(before: set[str], now: set[str]) -> RingStatus:
    if now == before:
        return "unchanged"
    return "shrunk" if len(now) < len(before) else "grown"
