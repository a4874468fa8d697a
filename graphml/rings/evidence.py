"""Reasons to believe in a ring: what its members did together, in words, with the events."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from graphml.results import Evidence
from graphml.rings.dossier import Dossier, Use
from graphml.rings.instep import is_in_step
from graphml.rings.market import CONVINCING, Market, surprise
from graphml.rings.steps import steps_of
from graphml.rings.takeover import own_life, shared_entries, taken_over
from graphml.rings.turns import is_in_turn
from graphml.rings.wording import MINUTE, count, day, length, name, names, period, share

_MOST_VALUES = 8
"""Shared values told in words; all of them stand in ``Ring.shared``."""

_DID = {
    "device": "used device",
    "address": "shipped to or gave address",
    "ip": "connected from IP address",
    "card": "paid with card",
    "phone": "gave phone number",
    "email": "gave e-mail address",
}


def reasons(dossier: Dossier) -> tuple[Evidence, ...]:
    """Return what speaks for the ring: chargebacks, the chain, shared values, then behaviour.

    Every number in a sentence can be counted again from the tables as of the moment; the ids cited
    are at most 50 a reason, of events by then.
    """
    return (
        *_chargebacks(dossier),
        *_in_turn(dossier),
        *_in_haste(dossier),
        *(told for use in dossier.identifiers[:_MOST_VALUES] for told in _shared(dossier, use)),
        *_linked_views(dossier),
        *_in_step(dossier),
        *_signups(dossier),
        *_habits(dossier),
        *_takeover(dossier),
    )


def _shared(dossier: Dossier, use: Use) -> Iterator[Evidence]:
    rows = use.rows
    members = len(rows.members)
    if members < 2:
        return
    start, end = int(rows.time[0]), int(rows.time[-1])
    if is_burst(dossier, use):
        code = f"SHARED_{use.type.upper()}_BURST"
        when = f"within {length(end - start)}, {period(start, end)}, none of them before or after"
    else:
        code = f"SHARED_{use.type.upper()}"
        when = f"for {length(end - start)}, {period(start, end)}"
    others = use.users - members
    also = f"{count(others, 'other member')} did too" if others else "nobody else did"
    text = f"{count(members, 'member')} {_DID[use.type]} {name(use.id)} {when}; {also}"
    yield Evidence(code=code, text=text, event_ids=dossier.event_ids(rows))


def is_burst(dossier: Dossier, use: Use) -> bool:
    """Return whether members came to a value together, so that it says more than that they share it.

    So many of them on it surprise by more than a nat; it took at most a tenth of the time in which
    the market's events carry such identifiers; and at most half of the time that these members are
    known, unless it surprises convincingly: who is new has nothing but what was just shared.
    """
    rows, surprising = use.rows, use.shared.surprise
    took = int(rows.time[-1] - rows.time[0])
    market = dossier.market
    known = market.last - min(dossier.began[member] for member in rows.members.tolist())
    brief = 10 * took <= market.last - market.since[use.type]
    return surprising > 1 and brief and (2 * took <= known or surprising >= CONVINCING)


def _in_haste(dossier: Dossier) -> Iterator[Evidence]:
    """Tell of accounts that all bought at once, and how much of that day's haste is in rings."""
    if not is_in_step(dossier.group):
        return
    opened = dossier.rows.of("signup")
    start, end = int(opened.time[0]), int(opened.time[-1])
    rows = dossier.rows.of("signup", "purchase")
    yield Evidence(
        code="ACCOUNTS_IN_STEP",
        text=f"{count(len(dossier.members), 'member')} each bought within 1 minute of sign-up, having "
        f"signed up {period(start, end)}, when most accounts in such haste share identifiers with others",
        event_ids=dossier.event_ids(rows),
    )


def _linked_views(dossier: Dossier) -> Iterator[Evidence]:
    """Tell who shares identifiers of two types or more."""
    types: dict[int, set[str]] = {}
    for use in dossier.identifiers:
        if len(use.rows.members) > 1:
            for member in use.rows.members.tolist():
                types.setdefault(member, set()).add(use.type)
    linked = sorted(member for member, kinds in types.items() if len(kinds) > 1)
    if len(linked) < 2:
        return
    kinds = sorted(set().union(*(types[member] for member in linked)))
    rows = dossier.rows.where(dossier.on_shared & np.isin(dossier.rows.member, linked))
    yield Evidence(
        code="LINKED_VIEWS",
        text=f"{names([dossier.names[m] for m in linked])} share identifiers of two types or more "
        f"with other members of the ring: {', '.join(kinds)}",
        event_ids=dossier.event_ids(rows),
    )


def _in_step(dossier: Dossier) -> Iterator[Evidence]:
    for step in steps_of(dossier):
        rows = step.rows
        start, end = int(rows.time[0]), int(rows.time[-1])
        who = count(len(rows.members), "member")
        when = f"within {length(end - start)}, {period(start, end)}"
        if step.kind == "review":
            best = dossier.market.best_rating
            praised = int((rows.rating == best).sum())
            praise = (
                "" if best is None else f", {praised:,} of them with the highest rating, {best:g}"
            )
            text = f"{who} wrote {count(len(rows), 'review')} about seller {name(step.id)} {when}{praise}"
            code = "REVIEWS_IN_STEP"
        else:
            text = f"{who} bought product {name(step.id)} {when}"
            code = "PURCHASES_IN_STEP"
        others = f"{count(step.others, 'other member')} ever" if step.others else "nobody else"
        text += f"; {others} did"
        yield Evidence(code=code, text=text, event_ids=dossier.event_ids(rows))


def _signups(dossier: Dossier) -> Iterator[Evidence]:
    """Tell of the most surprising stretch of time in which members signed up."""
    rows = dossier.rows.of("signup")
    _, first_ones = np.unique(rows.member, return_index=True)
    rows = rows.where(np.sort(first_ones))
    best = (CONVINCING, 0, 0)
    for first in range(len(rows) - 1):
        nats = _closeness(dossier.market, rows.time, first)
        last = int(np.argmax(nats))
        best = max(best, (float(nats[last]), -first, first + 1 + last))
    if best[2] == 0:
        return
    chosen = rows.where(slice(-best[1], best[2] + 1))
    start, end = int(chosen.time[0]), int(chosen.time[-1])
    text = (
        f"{count(len(chosen), 'member')} of {len(dossier.members):,} signed up within "
        f"{length(end - start)}, {period(start, end)}"
    )
    yield Evidence(code="SIGNUPS_TOGETHER", text=text, event_ids=dossier.event_ids(chosen))


def _closeness(market: Market, time: NDArray[np.int64], first: int) -> NDArray[np.float64]:
    """Return how surprising the sign-ups from ``first`` to each later one are, over all stretches.

    The first stands where it is; the others are expected to fall as all others' sign-ups do, of
    which one more is spread over all the time.
    """
    end = time[first + 1 :]
    inside = np.arange(1, len(end) + 1)
    low = np.searchsorted(market.signups, time[first])
    others = np.searchsorted(market.signups, end, "right") - low - inside - 1
    spread = (end - time[first] + MINUTE) / (market.last - market.first + MINUTE)
    rate = (np.maximum(others, 0) + spread) / (max(len(market.signups) - len(time), 0) + 1)
    expected = (len(time) - 1) * rate
    nats = inside * np.log(inside / expected) - (inside - expected)
    return np.where(inside > expected, nats, 0.0) - 2 * math.log(len(time))


def _habits(dossier: Dossier) -> Iterator[Evidence]:
    market, rows = dossier.market, dossier.rows
    through = rows.where(dossier.on_shared).of("purchase")
    coupons = through.where(through.coupon)
    usual = market.rate("coupon_purchase", "purchase")
    if surprise(len(coupons), len(through) * usual) >= CONVINCING:
        yield Evidence(
            code="COUPONS",
            text=f"{len(coupons):,} of {count(len(through), 'purchase')} through what they share used "
            f"a coupon ({share(len(coupons), len(through))}; in the market "
            f"{_usual(market.counts, 'coupon_purchase')})",
            event_ids=dossier.event_ids(coupons),
        )
    bought = len(rows.of("purchase"))
    refunds = rows.of("refund")
    usual = market.rate("refund", "purchase")
    if bought and surprise(len(refunds), bought * usual) >= CONVINCING:
        yield Evidence(
            code="REFUNDS",
            text=f"the members had {count(len(refunds), 'refund')} for {count(bought, 'purchase')} "
            f"({share(len(refunds), bought)}; in the market {_usual(market.counts, 'refund')})",
            event_ids=dossier.event_ids(refunds),
        )


def _usual(counts: dict[str, int], part: str) -> str:
    return share(counts.get(part, 0), counts["purchase"])


def _chargebacks(dossier: Dossier) -> Iterator[Evidence]:
    frauds = dossier.labels
    if frauds.is_empty():
        return
    charged = sorted(set(frauds["member"].to_list()))
    dates = [int(t) for t in frauds["known_at"].to_physical().to_list()]
    ids = frauds["event_id"].drop_nulls().unique(maintain_order=True).to_list()
    what = "a chargeback" if len(ids) == frauds.height else "a chargeback or fraud label"
    when = f"known {'on' if len(set(map(day, dates))) == 1 else 'since'} {day(min(dates))} UTC"
    text = f"{names([dossier.names[m] for m in charged])} had {what}, {when}"
    yield Evidence(code="CHARGEBACK", text=text, event_ids=tuple(ids[:50]))


def _takeover(dossier: Dossier) -> Iterator[Evidence]:
    """Tell of accounts with a life of their own that came in by a shared device."""
    taken = taken_over(dossier)
    lived = [m for m in sorted(taken) if len(own_life(dossier, m))]
    if len(lived) < 2:
        return
    entries = shared_entries(dossier)
    entries = entries.where(np.isin(entries.member, lived))
    before = sum(len(own_life(dossier, member)) for member in lived)
    text = (
        f"{count(len(lived), 'account')} with {count(before, 'earlier event')} of their own "
        f"were entered from a shared device for the first time, "
        f"{period(int(entries.time[0]), int(entries.time[-1]))}"
    )
    yield Evidence(code="TAKEOVER_NEW_DEVICE", text=text, event_ids=dossier.event_ids(entries))


def _in_turn(dossier: Dossier) -> Iterator[Evidence]:
    """Tell of a chain: each account opened after the one before was last used."""
    if not is_in_turn(dossier.group):
        return
    order = sorted(dossier.began, key=lambda member: (dossier.began[member], member))
    steps = []
    for before, following in pairwise(order):
        pair = {before, following}
        steps += [
            f"{u.type} {name(u.id)}" for u in dossier.identifiers if pair <= set(u.shared.members)
        ]
    text = (
        f"{count(len(order), 'account')} followed one another, each opened after the one before was "
        f"last used, and tied by {', then '.join(steps[:_MOST_VALUES])}"
    )
    rows = dossier.rows.where(dossier.on_shared)
    yield Evidence(code="ACCOUNTS_IN_TURN", text=text, event_ids=dossier.event_ids(rows))
