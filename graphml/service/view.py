"""The run of rings that readers see, found by whatever may be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphml.results import Decision, Ring, RunInfo, Verdict
from graphml.rings.lifecycle import verdicts_on


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """The run of rings that readers see, and what analysts said.

    Attributes:
        run: ``None`` where none is published.
        rings: Of the run, best first.
        by_id: Place of each ring, by its id.
        of_member: Rings that a member is in, by member id.
        of_value: Rings that share an identifier, by type and id.
        decisions: All that were taken, oldest first.
        verdicts: On these rings as they are now.
    """

    run: RunInfo | None = None
    rings: Sequence[Ring] = ()
    by_id: Mapping[str, int] = field(default_factory=dict)
    of_member: Mapping[str, list[int]] = field(default_factory=dict)
    of_value: Mapping[tuple[str, str], list[int]] = field(default_factory=dict)
    decisions: Sequence[Decision] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


def view_of(run: RunInfo | None, rings: Sequence[Ring], decisions: Sequence[Decision]) -> View:
    """Return a run's rings, found by their id, members and shared values."""
    of_member: dict[str, list[int]] = {}
    of_value: dict[tuple[str, str], list[int]] = {}
    for place, ring in enumerate(rings):
        for member_id in ring.member_ids:
            of_member.setdefault(member_id, []).append(place)
        for value in ring.shared:
            of_value.setdefault((value.type, value.id), []).append(place)
    return View(
        run=run, rings=rings, by_id={ring.ring_id: n for n, ring in enumerate(rings)},
        of_member=of_member, of_value=of_value, decisions=decisions,
        verdicts=verdicts_on(rings, decisions),
    )  # fmt: skip
