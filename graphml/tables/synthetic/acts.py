"""What planted rings do: visits with the ring's shared values put over the members' own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphml.results import Role
from graphml.tables.synthetic.clock import DAY, MILLISECOND, MINUTE
from graphml.tables.synthetic.people import World
from graphml.tables.synthetic.plays import PLAYS, Play
from graphml.tables.synthetic.rings import Cell, PlantedRing
from graphml.tables.synthetic.visits import DISPUTE, WELCOME, Visits, visit

Ints = NDArray[np.int64]

_EFFORT: dict[Role, float] = {"core": 1.0, "mule": 0.5, "periphery": 0.35, "victim": 1.0}
"""How much each role acts, beside a core member."""


def _targets(world: World, rng: np.random.Generator, play: Play) -> Ints:
    """Return the products a ring aims at; empty for anything."""
    price, seller = world.catalogue.price, world.catalogue.seller
    if play.target == "any":
        return np.empty(0, dtype=np.int64)
    if play.target == "seller":
        # A small seller needs the praise, and has something to sell.
        stock = np.bincount(seller)
        chosen = rng.choice(np.flatnonzero((stock >= 3) & (stock <= 60)))
        range_ = np.flatnonzero(seller == chosen)
    elif play.target == "cheap":
        range_ = np.flatnonzero(price < np.quantile(price, 0.4))
    else:
        range_ = np.flatnonzero(price > np.quantile(price, 0.6))
    return rng.choice(range_, min(play.targets, len(range_)), replace=False)


def _when(world: World, rng: np.random.Generator, ring: PlantedRing, members: Ints) -> Ints:
    """Return when each act happens: in the operator's sittings, or at any time of the ring."""
    count = len(members)
    first, last = np.full(count, ring.begin), np.full(count, ring.end)
    times = world.clock.draw(rng, first, last)
    play = PLAYS[ring.kind]
    if play.shifts and count:
        sittings = world.clock.draw(rng, first, last)[: max(2, count // 4)]
        if play.victims:
            # An account is emptied at once, before its owner sees it.
            _, place = np.unique(members, return_inverse=True)
            sitting = sittings[place % len(sittings)]
        else:
            sitting = rng.choice(sittings, count)
        shifted = sitting + rng.exponential(40 * MINUTE, count).astype(np.int64)
        times = np.where(rng.random(count) < 0.8, shifted, times)
    joined = world.signup[members]
    soon = joined + rng.exponential(DAY, count).astype(np.int64)
    times = np.where(times <= joined, soon, times)
    acted: Ints = np.clip(times - times % MILLISECOND, joined + MINUTE, world.clock.end - 1)
    return acted


def _turn(rng: np.random.Generator, ring: PlantedRing, rows: Visits, count: int) -> Ints:
    """Return which of ``count`` values each act uses.

    A ring that rotates goes through them in the order of time; in others each member keeps to one
    of them, mostly.
    """
    if ring.rotates:
        part = (rows["time"] - ring.begin) / (ring.end - ring.begin)
        return np.clip((part * count).astype(np.int64), 0, count - 1)
    kept = (rows["member"] * 2_654_435_761 >> 7) % count
    return np.where(rng.random(len(rows)) < 0.85, kept, rng.integers(0, count, len(rows)))


def _put_shared(rng: np.random.Generator, ring: PlantedRing, cell: Cell, rows: Visits) -> None:
    """Put the cell's shared values over the members' own, in place, as often as the play says.

    A member's first act mostly shows the two kinds of value that this kind of ring shares most:
    accounts that share nothing would be no ring.
    """
    play = PLAYS[ring.kind]
    first = np.diff(rows["member"], prepend=-1) != 0
    slips = first & (rng.random(len(rows)) < ring.slip)
    for column, values in cell.values.items():
        hit = rng.random(len(rows)) < play.chances[column] * ring.shared
        if column in play.most:
            hit |= slips
        rows[column] = np.where(hit, values[_turn(rng, ring, rows, len(values))], rows[column])
    ordered = slips & bool({"address", "card"} & set(play.most))
    rows["buys"] = np.where(ordered, np.maximum(rows["buys"], 1), rows["buys"])


def _cell_acts(
    world: World,
    rng: np.random.Generator,
    number: int,
    ring: PlantedRing,
    cell: Cell,
    targets: Ints,
) -> Visits:
    play = PLAYS[ring.kind]
    share = {
        member: _EFFORT[role]
        for member, role in zip(ring.members.tolist(), ring.roles, strict=True)
    }
    mean = np.array([share[member] for member in cell.members.tolist()]) * play.acts
    members = np.repeat(cell.members, np.maximum(rng.poisson(mean), 1))
    rows = visit(world, rng, members, _when(world, rng, ring, members))
    count = len(rows)
    rows["buys"] = np.where(rng.random(count) < play.buys, np.maximum(rows["buys"], 1), 0)
    _put_shared(rng, ring, cell, rows)
    rows["carts"] = np.maximum(rows["carts"], rows["buys"])
    if len(targets):
        aimed = rng.random(count) < 0.8
        rows["product"] = np.where(aimed, rng.choice(targets, count), -1)
    coupon = rng.random(count) < play.coupon
    rows["coupon"] = np.where(coupon, WELCOME, rows["coupon"])
    rows["login"] |= play.victims
    rows["earns"] |= rng.random(count) < play.earns
    rows["refund"], rows["review"] = play.refund, play.review
    rows["praise"] = play.review > 0.5
    rows["same"] = rng.random(count) < 0.5
    rows["dispute"] = play.dispute if ring.disputed else DISPUTE
    rows["ring"] = number
    return rows


def act(world: World, rng: np.random.Generator, rings: list[PlantedRing]) -> Visits:
    """Return all that the rings do, as visits."""
    parts = []
    for number, ring in enumerate(rings):
        targets = _targets(world, rng, PLAYS[ring.kind])
        for cell in ring.cells:
            parts.append(_cell_acts(world, rng, number, ring, cell, targets))
    return np.concatenate(parts)
