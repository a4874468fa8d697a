"""Counter-evidence: what an honest reading of the same events would say."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from graphml.results import Evidence, RingKind
from graphml.rings.dossier import Dossier, Rows, Use
from graphml.rings.wording import DAY, clock, count, length, name, names, period, share

_MOST_VALUES = 4
_HOME = ("address", "device", "ip", "phone")
_LONG = 30 * DAY
_FAMILY = 6
"""Most members of a household: beyond, it is a hall or an office."""


def doubts(dossier: Dossier, kind: RingKind, departed: Collection[int]) -> tuple[Evidence, ...]:
    """Return what speaks against the ring.

    Args:
        dossier: What is known of the group.
        kind: The ring's kind: of a takeover's accounts it is no wonder that they are old.
        departed: Members who came to what the group shares long after the others.
    """
    return (
        *_household(dossier),
        *(_old_accounts(dossier) if kind != "takeover" else ()),
        *_hubs(dossier),
        *_second_hand(dossier),
        *_own_life(dossier),
        *_departed(dossier, departed),
        *_no_chargeback(dossier),
    )


def _household(dossier: Dossier) -> Iterator[Evidence]:
    """Tell of a home: the few who use it do so more than any other.

    An address makes it; where none is recorded of them, or over a month, the device or network that
    stands in it. Over a month one of the family may be none of the group. Families share cards too,
    but cards of their own say more.
    """
    for use in sorted(dossier.identifiers, key=lambda use: use.type != "address"):
        members = use.rows.members
        if use.type not in _HOME or not 2 <= len(members) <= use.users <= _FAMILY:
            continue
        start, end = int(use.rows.time[0]), int(use.rows.time[-1])
        others = use.users - len(members)
        if end - start < (_LONG if others else DAY) or not _live_there(dossier, use):
            continue
        if use.type != "address" and end - start < _LONG and _have_addresses(dossier, members):
            continue
        text = (
            f"{names([dossier.names[m] for m in members.tolist()])} may be a household: "
            f"{use.type} {name(use.id)} is the one each of them uses most, over "
            f"{length(end - start)} {period(start, end)}, {_else(others)}, and {_cards(dossier, use)}"
        )
        yield Evidence(code="HOUSEHOLD", text=text, event_ids=dossier.event_ids(use.rows))
        return


def _else(others: int) -> str:
    return f"only {count(others, 'other member')} did too" if others else "nobody else does"


def _have_addresses(dossier: Dossier, members: NDArray[np.int64]) -> bool:
    rows = dossier.rows
    return bool((rows.values["address"][np.isin(rows.member, members)] >= 0).any())


def _live_there(dossier: Dossier, use: Use) -> bool:
    """Return whether it is the value of its type that each member uses most."""
    rows = dossier.rows
    for member in use.rows.members.tolist():
        own = rows.values[use.type][(rows.member == member) & (rows.values[use.type] >= 0)]
        if 2 * int((own == use.shared.value).sum()) < len(own):
            return False
    return True


def _cards(dossier: Dossier, use: Use) -> str:
    rows = dossier.rows.where(np.isin(dossier.rows.member, use.rows.members))
    paid = rows.values["card"] >= 0
    pairs = np.unique(np.column_stack((rows.values["card"], rows.member))[paid], axis=0)
    _, place, users = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    sharing = len(np.unique(pairs[users[place] > 1, 1]))
    if sharing:
        return f"{sharing} of them paid with the same cards, as families may"
    return "no two of them used the same card"


def _old_accounts(dossier: Dossier) -> Iterator[Evidence]:
    """Tell of accounts opened at different times long before what they share began."""
    opened = sorted(dossier.opened[m] for m in dossier.members.tolist() if m in dossier.opened)
    if len(opened) < len(dossier.members) or not dossier.on_shared.any():
        return
    began = int(dossier.rows.time[dossier.on_shared][0])
    if began - opened[-1] < _LONG or opened[-1] - opened[0] < _LONG:
        return
    # Rounded down, so that it is no less.
    ahead = count((began - opened[-1]) // DAY, "day")
    text = (
        f"all {len(opened):,} accounts were opened {ahead} or more before the first known event on "
        f"what they share, and at different times, {period(opened[0], opened[-1])}"
    )
    yield Evidence(
        code="OLD_ACCOUNTS", text=text, event_ids=dossier.event_ids(dossier.rows.of("signup"))
    )


def _hubs(dossier: Dossier) -> Iterator[Evidence]:
    hubs = [
        use
        for use in dossier.identifiers
        if use.users - len(use.rows.members) > len(use.rows.members)
    ]
    for use in hubs[:_MOST_VALUES]:
        code = "LOCKER" if use.type == "address" else "HUB"
        inside = len(use.rows.members)
        text = (
            f"{use.type} {name(use.id)} is shared by many: {count(use.users, 'member')} used it, "
            f"{inside} of them in this ring"
        )
        yield Evidence(code=code, text=text, event_ids=dossier.event_ids(use.rows))


def _second_hand(dossier: Dossier) -> Iterator[Evidence]:
    for use in [use for use in dossier.identifiers if use.type == "device"][:_MOST_VALUES]:
        members, stays = _stays(use.rows)
        days = [len(np.unique(use.rows.time[use.rows.member == m] // DAY)) for m in members]
        alone = all(a[1] < b[0] for a, b in pairwise(stays))
        if len(members) > 1 and alone and min(days) > 2:
            text = (
                f"device {name(use.id)} may have changed hands: {count(len(members), 'member')} used "
                f"it one after the other, on {min(days)} days or more each, never in the same time"
            )
            yield Evidence(code="SECOND_HAND", text=text, event_ids=dossier.event_ids(use.rows))


def _stays(rows: Rows) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the members in order of their first use, with first and last use of each."""
    stays = []
    for member in rows.members.tolist():
        time = rows.time[rows.member == member]
        stays.append((int(time[0]), int(time[-1]), member))
    stays.sort()
    return [member for _, _, member in stays], [(first, last) for first, last, _ in stays]


def _own_life(dossier: Dossier) -> Iterator[Evidence]:
    """Tell if at least half of the members do most of what they do without what they share."""
    rows = dossier.rows
    named = np.zeros(len(rows), dtype=bool)
    for node in {use.type for use in dossier.identifiers}:
        named |= rows.values[node] >= 0
    own = named & ~dossier.on_shared
    apart = [
        m
        for m in dossier.members.tolist()
        if 2 * int((own & (rows.member == m)).sum()) > int((named & (rows.member == m)).sum())
    ]
    if not apart or 2 * len(apart) < len(dossier.members):
        return
    theirs = np.isin(rows.member, apart)
    part, whole = int((own & theirs).sum()), int((named & theirs).sum())
    text = (
        f"{len(apart)} of {count(len(dossier.members), 'member')} have a life of their own: "
        f"{part:,} of their {count(whole, 'event')} ({share(part, whole)}) carry nothing that the ring "
        "shares"
    )
    yield Evidence(
        code="OWN_LIFE", text=text, event_ids=dossier.event_ids(rows.where(own & theirs))
    )


def _departed(dossier: Dossier, members: Collection[int]) -> Iterator[Evidence]:
    """Tell of each member who came to a shared value long after the others."""
    for member in sorted(members):
        for use in dossier.identifiers:
            mine = use.rows.where(use.rows.member == member)
            others = use.rows.where(~np.isin(use.rows.member, list(members)))
            if not len(mine) or len(others.members) < 2:
                continue
            first = int(mine.time[0])
            text = (
                f"{name(dossier.names[member])} may be the legitimate user of {use.type} "
                f"{name(use.id)}: first use {length(first - dossier.opened[member])} after sign-up, "
                f"{period(first, first, zone='')}; {count(len(others.members), 'other member')} used it "
                f"{period(int(others.time[0]), int(others.time[-1]))}"
            )
            yield Evidence(code="LEGITIMATE_USER", text=text, event_ids=dossier.event_ids(mine))
            break


def _no_chargeback(dossier: Dossier) -> Iterator[Evidence]:
    """Tell if none of the members' orders was charged back, where chargebacks are known at all."""
    orders = dossier.rows.of("purchase")
    if dossier.market.frauds.is_empty() or not dossier.labels.is_empty() or not len(orders):
        return
    now = dossier.market.now
    text = (
        f"by {clock(now)} no chargeback or fraud label is known for any of the members' "
        f"{count(len(orders), 'purchase')}; the last one is {length(now - int(orders.time[-1]))} old"
    )
    yield Evidence(code="NO_CHARGEBACK_YET", text=text, event_ids=dossier.event_ids(orders))
