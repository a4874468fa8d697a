"""Planted rings: who is in them, since when, and how each kind goes about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.other_market.people import People
from benchmarks.other_market.style import DAY
from benchmarks.other_market.world import Flags, Integers, World

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trade:
    """How a kind of ring works; ranges are drawn from once a ring.

    Attributes:
        shares: Per identifier type, how likely the ring shares values of it.
        fresh: Share of members who sign up for the ring.
        honest: Share of members who also have a life of their own.
        days: From the first act to the last.
        acts: Mean visits of a member for the ring.
        wants: Which products: dear, cheap, seller or any.
    """

    shares: Mapping[str, float]
    fresh: Range
    honest: Range
    days: Range
    acts: Range
    wants: str
    buy: Range = (0.4, 0.9)
    refund: Range = (0.0, 0.1)
    review: Range = (0.0, 0.05)
    coupon: Range = (0.0, 0.2)
    chargeback: Range = (0.0, 0.05)
    spend: Range = (0.0, 0.0)
    browse: Range = (0.3, 2.5)


TRADES: Mapping[str, Trade] = {
    "device_farm": Trade(
        shares={"device": 1.0, "ip": 0.6, "phone": 0.5, "address": 0.25, "card": 0.25},
        fresh=(0.4, 1.0),
        honest=(0.0, 0.6),
        days=(1, 90),
        acts=(2.5, 7),
        wants="any",
        buy=(0.3, 0.8),
        coupon=(0.1, 0.7),
        chargeback=(0.0, 0.15),
    ),
    "reshipping": Trade(
        shares={"address": 1.0, "card": 0.5, "phone": 0.45, "ip": 0.35, "device": 0.3},
        fresh=(0.2, 0.9),
        honest=(0.2, 0.8),
        days=(4, 120),
        acts=(2.5, 6),
        wants="dear",
        buy=(0.7, 1.0),
        chargeback=(0.05, 0.5),
    ),
    "brushing": Trade(
        shares={"device": 0.6, "ip": 0.65, "address": 0.4, "card": 0.3, "phone": 0.3},
        fresh=(0.1, 0.8),
        honest=(0.2, 0.8),
        days=(7, 120),
        acts=(3, 7),
        wants="seller",
        buy=(0.7, 1.0),
        review=(0.6, 0.95),
    ),
    "coupon_farming": Trade(
        shares={"device": 0.75, "address": 0.7, "ip": 0.5, "card": 0.35, "phone": 0.3},
        fresh=(0.5, 1.0),
        honest=(0.0, 0.7),
        days=(1, 60),
        acts=(2.5, 5),
        wants="cheap",
        buy=(0.7, 1.0),
        coupon=(0.6, 1.0),
    ),
    "refund_abuse": Trade(
        shares={"address": 0.75, "card": 0.55, "device": 0.5, "phone": 0.45, "ip": 0.3},
        fresh=(0.0, 0.5),
        honest=(0.4, 1.0),
        days=(20, 150),
        acts=(3, 7),
        wants="dear",
        buy=(0.8, 1.0),
        refund=(0.6, 0.95),
    ),
    "takeover": Trade(
        shares={"device": 0.9, "ip": 0.8, "address": 0.6, "phone": 0.3},
        fresh=(0.0, 0.0),
        honest=(1.0, 1.0),
        days=(0.5, 30),
        acts=(2, 3),
        wants="dear",
        buy=(0.6, 1.0),
        chargeback=(0.3, 0.9),
        spend=(200, 3_000),
        browse=(0.0, 1.0),
    ),
}
"""The kinds of ring by the contract's names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One ring: its members (numbers), their roles, its time in seconds."""

    kind: str
    members: Integers
    roles: tuple[str, ...]
    fresh: Flags
    honest: Flags
    start: float
    end: float
    pace: str


def _roles(world: World, kind: str, size: int) -> tuple[str, ...]:
    """Return a role each, the core first."""
    if kind == "takeover":
        own = int(world.rng.random() < 0.35)
        return ("core",) * own + ("victim",) * (size - own)
    core = max(1, round(size * world.rng.uniform(0.2, 0.6)))
    edge = int((size - core) * world.rng.uniform(0, 0.4))
    rest = "mule" if kind in ("reshipping", "refund_abuse") else "core"
    return ("core",) * core + (rest,) * (size - core - edge) + ("periphery",) * edge


def _plan(world: World, kind: str, members: Integers) -> Plan:
    trade, rng, size = TRADES[kind], world.rng, len(members)
    length = world.between(*trade.days) * DAY
    start = rng.uniform(0.12 * world.end, 0.95 * world.end - length)
    roles = _roles(world, kind, size)
    return Plan(
        kind=kind,
        members=members,
        roles=roles,
        fresh=world.chance(rng.uniform(*trade.fresh), size)
        | (np.array(roles) == "core") & (kind == "takeover"),
        honest=world.chance(rng.uniform(*trade.honest), size),
        start=start,
        end=start + length,
        pace=str(rng.choice(["steady", "waves", "relay"], p=[0.4, 0.4, 0.2])),
    )


def plan_rings(world: World) -> list[Plan]:
    """Return the rings, about three per 1,000 members, of members that no other ring has."""
    rng, style = world.rng, world.style
    count = max(5, round(world.members * 0.003))
    sizes = 3 + np.exp(rng.normal(*style.sizes, count)).astype(int) - 1
    sizes = np.clip(sizes, 3, 25)
    kinds = list(style.rings)
    weights = np.array(list(style.rings.values()), dtype=float)
    drawn = rng.choice(len(kinds), count, p=weights / weights.sum())
    free = rng.permutation(world.members)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    return [
        _plan(world, kinds[kind], free[low:high])
        for kind, low, high in zip(drawn, edges[:-1], edges[1:], strict=True)
    ]


def prepare(world: World, people: People, plan: Plan) -> None:
    """Give the ring's members the past their part in it needs."""
    rng, members = world.rng, plan.members
    people.leave[members] = np.maximum(people.leave[members], plan.end + 1)
    until = np.minimum(plan.start + 0.7 * (plan.end - plan.start), world.end - DAY)
    early = plan.start - rng.exponential(12 * DAY, len(members))
    joined = np.floor(np.maximum(rng.uniform(early, until), 0))
    people.signup[members[plan.fresh]] = joined[plan.fresh]
    older = members[~plan.fresh]
    before = plan.start - rng.exponential(120 * DAY, len(older)) - 5 * DAY
    people.signup[older] = np.floor(np.minimum(people.signup[older], before))
    idle = members[~plan.honest]
    people.activity[idle] *= rng.uniform(0, 0.2, len(idle))
    if plan.kind == "takeover":
        people.activity[members] = np.maximum(people.activity[members], 0.5)
