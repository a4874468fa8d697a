"""Links between members: referrals, gifts and transfers of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.results import RingKind
from graphml.tables.synthetic.people import LARGEST_FAMILY, World
from graphml.tables.synthetic.rings import PlantedRing

Ints = NDArray[np.int64]

_REFERRED = 0.15
"""Share of new members whom another one brought."""
_RING_REFERRED: dict[RingKind, float] = {"coupon_farming": 0.6, "device_farm": 0.4}
"""The same for accounts made for a ring that earns by it; other rings do as everybody does."""
_FAMILY_TRANSFERS = 0.05
_RING_TRANSFERS: dict[RingKind, float] = {"device_farm": 0.5}


@dataclass(frozen=True, kw_only=True)
class Links:
    """Links in no order: ``source`` to ``target`` at ``time`` (µs); arrays are parallel."""

    kind: str
    source: Ints
    target: Ints
    time: Ints


def _referrals(world: World, rng: np.random.Generator, rings: list[PlantedRing]) -> Links:
    """Return who brought whom, at the signup of the newcomer."""
    order = np.argsort(world.signup, kind="stable")
    place = np.empty(world.members, dtype=np.int64)
    place[order] = np.arange(world.members)
    referrer = np.full(world.members, -1, dtype=np.int64)
    new = np.flatnonzero(
        (world.signup >= world.clock.start) & (rng.random(world.members) < _REFERRED) & (place > 0)
    )
    referrer[new] = order[(rng.random(len(new)) * place[new]).astype(np.int64)]
    for ring in rings:
        made = ring.members[ring.fresh]
        brought = made[rng.random(len(made)) < _RING_REFERRED.get(ring.kind, 0.0)]
        head = ring.members[np.argmin(world.signup[ring.members])]
        referrer[brought[brought != head]] = head
    target = np.flatnonzero(referrer >= 0)
    return Links(kind="referral", source=referrer[target], target=target, time=world.signup[target])


def _transfers(world: World, rng: np.random.Generator, rings: list[PlantedRing]) -> Links:
    """Return who gave points to whom: within families, and to the head of a farm."""
    size = np.bincount(world.dwelling)[world.dwelling]
    givers = np.flatnonzero(
        (size >= 2) & (size <= LARGEST_FAMILY) & (rng.random(world.members) < _FAMILY_TRANSFERS)
    )
    order = np.argsort(world.dwelling, kind="stable")
    first = np.searchsorted(world.dwelling[order], world.dwelling[givers])
    receivers = order[first]
    sources, targets = [givers[givers != receivers]], [receivers[givers != receivers]]
    for ring in rings:
        others = ring.members[1:]
        paying = others[rng.random(len(others)) < _RING_TRANSFERS.get(ring.kind, 0.0)]
        sources.append(paying)
        targets.append(np.full(len(paying), ring.members[0]))
    source, target = np.concatenate(sources), np.concatenate(targets)
    both = np.maximum(world.signup[source], world.signup[target])
    time = world.clock.draw(rng, both, np.full(len(both), world.clock.end))
    return Links(kind="transfer", source=source, target=target, time=time)


def _gifts(world: World) -> Links:
    """Return who sent a present to whom."""
    none = np.empty(0, dtype=np.int64)
    return Links(
        kind="gift",
        source=np.concatenate([none, *(givers for givers, _, _ in world.gifts)]),
        target=np.concatenate([none, *(np.full(len(givers), to) for givers, to, _ in world.gifts)]),
        time=np.concatenate([none, *(times for _, _, times in world.gifts)]),
    )


def link(world: World, rng: np.random.Generator, rings: list[PlantedRing]) -> tuple[Links, ...]:
    """Return all links of the marketplace."""
    return _referrals(world, rng, rings), _gifts(world), _transfers(world, rng, rings)
