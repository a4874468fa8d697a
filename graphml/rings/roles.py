"""What each member is in a ring: core, mule, periphery or victim."""

from __future__ import annotations

import numpy as np

from graphml.results import RingKind, RingMember, Role
from graphml.rings.dossier import Dossier
from graphml.rings.takeover import shared_entries


def members_of(dossier: Dossier, kind: RingKind, late: frozenset[int]) -> tuple[RingMember, ...]:
    """Return the members with role and score, riskiest first, then by id.

    The score is the ring's, scaled by how much of what the ring shares the member shares: that of
    the best tied member is the ring's own.

    Args:
        dossier: What is known of the group.
        kind: The ring's kind.
        late: Who departs from the group, as ``departures.departed`` found.
    """
    strength = tie_strength(dossier)
    top = max(strength.values(), default=0.0)
    roles = roles_of(dossier, kind, strength, late)
    members = [
        RingMember(
            member_id=dossier.names[member],
            score=round(dossier.group.score * (tie / top if top else 1.0), 6),
            role=roles[member],
        )
        for member, tie in strength.items()
    ]
    return tuple(sorted(members, key=lambda m: (-m.score, m.member_id)))


def tie_strength(dossier: Dossier) -> dict[int, float]:
    """Return by member the surprise of all values that the member shares, at least 1 each."""
    strength = dict.fromkeys(dossier.members.tolist(), 0.0)
    for use in dossier.uses:
        for member in use.shared.members:
            if member in strength:
                strength[member] += max(use.shared.surprise, 1.0)
    return strength


def roles_of(
    dossier: Dossier, kind: RingKind, strength: dict[int, float], late: frozenset[int]
) -> dict[int, Role]:
    """Return the role of each member.

    Victims are the accounts that were there before a takeover, and who departs from the group.
    Mules are a takeover's or reshipping ring's receivers: the drop is their own address. Periphery is who shares one value alone while
    the median member shares at least four times as much. All others are core.
    """
    median = float(np.median(list(strength.values()))) if strength else 0.0
    victims = _accounts_before(dossier) if kind == "takeover" else late
    receivers = _receivers(dossier, kind)
    roles: dict[int, Role] = {}
    for member, tie in strength.items():
        if member in receivers:
            roles[member] = "mule"
        elif member in victims:
            roles[member] = "victim"
        elif 4 * tie <= median and _values(dossier, member) <= 1:
            roles[member] = "periphery"
        else:
            roles[member] = "core"
    return roles


def _accounts_before(dossier: Dossier) -> frozenset[int]:
    """Return the members whose accounts are older than the ring's first entry by a shared device."""
    entries = shared_entries(dossier)
    return frozenset(member for member, began in dossier.began.items() if began < entries.time[0])


def _receivers(dossier: Dossier, kind: RingKind) -> set[int]:
    """Return the members at whose own address the ring's parcels arrive.

    It was theirs before others of the ring, two or more, used it, and is the one they use most.
    """
    if kind not in ("reshipping", "takeover"):
        return set()
    rows = dossier.rows
    result = set()
    for use in dossier.identifiers:
        if use.type == "address" and len(use.rows.members) > 2:
            first = int(use.rows.member[0])
            own = rows.values["address"][(rows.member == first) & (rows.values["address"] >= 0)]
            others = use.rows.time[use.rows.member != first]
            before = int((use.rows.time < others[0]).sum())
            if before > 1 and 2 * int((own == use.shared.value).sum()) > len(own):
                result.add(first)
    return result


def _values(dossier: Dossier, member: int) -> int:
    return sum(member in use.shared.members for use in dossier.uses)
