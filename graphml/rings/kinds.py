"""What a ring is after: its kind, from what its members do far more than the market."""

from __future__ import annotations

import math

import numpy as np

from graphml.results import RingKind
from graphml.rings.dossier import Dossier
from graphml.rings.market import lower_bound
from graphml.rings.takeover import own_life, shared_entries, taken_over
from graphml.rings.turns import is_in_turn

_MOSTLY = 0.8
"""Least share of those who come in by a shared device that a takeover has taken over."""
_HALF = 0.5
_SURELY = 1.0
"""Standard errors by which a habit is held to be smaller than it looks."""


def kind_of(dossier: Dossier) -> RingKind:
    """Return the kind of a ring.

    First the habit (coupons, refunds, praise) that surely lies nearer, in ratio, to "every time"
    than to the market's rate. Accounts in turn are other. Else takeover, where nearly all who come in by a shared device are
    accounts with a life of their own. Else by what at least half of the ring's own events share: the
    delivery address is reshipping, cards are other (nobody's stated trade), and a ring of devices
    or networks without either is a device farm.
    """
    habit = _habit(dossier)
    if habit is not None:
        return habit
    if is_in_turn(dossier.group):
        return "other"
    return "takeover" if _is_takeover(dossier) else _by_sharing(dossier)


def _is_takeover(dossier: Dossier) -> bool:
    entered = shared_entries(dossier).members
    taken = taken_over(dossier)
    if len(taken) < 2 or len(taken) < _MOSTLY * len(entered):
        return False
    lived = sum(len(own_life(dossier, member)) > 0 for member in taken)
    return 2 * lived >= len(taken)


def _habit(dossier: Dossier) -> RingKind | None:
    market, rows = dossier.market, dossier.rows
    bought = rows.of("purchase")
    shared = rows.where(dossier.on_shared).of("purchase")
    reviews = rows.of("review")
    best = reviews.rating == market.best_rating
    excess: dict[RingKind, float] = {
        "coupon_farming": _excess(
            int(shared.coupon.sum()), len(shared), market.rate("coupon_purchase", "purchase")
        ),
        "refund_abuse": _excess(
            len(rows.of("refund")), len(bought), market.rate("refund", "purchase")
        ),
        "brushing": _excess(
            int(best.sum()),
            len(bought),
            market.best_ratings / max(market.counts.get("purchase", 0), 1),
        ),
    }
    kind = max(excess, key=lambda name: excess[name])
    return kind if excess[kind] > 0 else None


def _excess(observed: int, total: int, usual: float) -> float:
    """Return how far a rate surely lies beyond the middle, in log, between the usual one and 1.

    From 0 at the middle to a half at "every time"; negative below the middle.
    """
    least = lower_bound(observed, total, errors=_SURELY) if total else 0.0
    if not 0 < usual < 1 or least == 0:
        return -math.inf
    return 0.5 - math.log(least) / math.log(usual)


def _by_sharing(dossier: Dossier) -> RingKind:
    """Return the kind by what most of the ring's events share; the door before the card."""
    rows = dossier.rows.where(dossier.on_shared)
    values: dict[str, list[int]] = {}
    for use in dossier.identifiers:
        values.setdefault(use.type, []).append(use.shared.value)
    shares = {
        node: np.isin(rows.values[node], shared).sum() / (rows.values[node] >= 0).sum()
        for node, shared in values.items()
    }
    if shares.get("address", 0) >= _HALF:
        return "reshipping"
    if shares.get("card", 0) >= _HALF:
        return "other"
    return "device_farm" if "device" in shares or "ip" in shares else "other"
