"""Accounts with a life of their own that are entered from somebody else's device."""

from __future__ import annotations

import numpy as np

from graphml.rings.dossier import Dossier, Rows

_BRIEF = 0.1
"""A stay is brief if it takes at most this share of the account's age."""


def taken_over(dossier: Dossier) -> frozenset[int]:
    """Return the members whose accounts may have been taken over.

    Such an account is older at its first entry from a shared device than the ring is from its
    first such entry to its last, and the stay is brief beside that age. A ring's own accounts are
    opened for it; an honest household's stay.
    """
    entries = shared_entries(dossier)
    if not len(entries):
        return frozenset()
    lasted = int(entries.time[-1] - entries.time[0])
    return frozenset(
        member for member in entries.members.tolist() if _is_taken(dossier, entries, member, lasted)
    )


def shared_entries(dossier: Dossier) -> Rows:
    """Return the events from shared devices; from shared networks where no device is recorded."""
    rows = dossier.rows
    door = "device" if (rows.values["device"] >= 0).any() else "ip"
    shared = [use.shared.value for use in dossier.identifiers if use.type == door]
    return rows.where(np.isin(rows.values[door], shared))


def own_life(dossier: Dossier, member: int) -> Rows:
    """Return what a member did, sign-up apart, before first entering from a shared device."""
    rows = dossier.rows
    entered = shared_entries(dossier).where(shared_entries(dossier).member == member).time
    before = rows.time < (entered[0] if len(entered) else 0)
    signup = rows.time == dossier.opened.get(member, -1)
    return rows.where((rows.member == member) & before & ~signup & ~dossier.on_shared)


def _is_taken(dossier: Dossier, entries: Rows, member: int, lasted: int) -> bool:
    entered = entries.time[entries.member == member]
    age = int(entered[0]) - dossier.began[member]
    return age > lasted and int(entered[-1] - entered[0]) <= _BRIEF * age
