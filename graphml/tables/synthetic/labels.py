"""What a risk team has found out so far: late, for a small part, and now and then wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.tables.synthetic.clock import DAY, MINUTE
from graphml.tables.synthetic.people import World
from graphml.tables.synthetic.rings import PlantedRing

Ints = NDArray[np.int64]

FOUND = 0.2
"""Chance that a member of a ring somebody looked at is labelled."""
LOOKED_AT = 0.4
"""Share of rings that somebody looked at."""
CLEARED_IN_ERROR = 0.1
"""Share of those labels that say 0."""
CHECKED = 0.012
"""Share of honest members who were checked."""
ACCUSED_IN_ERROR = 0.04
"""Share of those who were labelled 1."""


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Labels of members; arrays are parallel, times in µs."""

    member: Ints
    label: Ints
    known_at: Ints
    fraud_time: Ints


def verdicts(world: World, rng: np.random.Generator, rings: list[PlantedRing]) -> Verdicts:
    """Return the labels known by the end of the window; victims are never labelled as fraudsters."""
    looked = rng.random(len(rings)) < LOOKED_AT
    guilty, honest = np.zeros(world.members, dtype=bool), np.ones(world.members, dtype=bool)
    happened = np.full(world.members, world.clock.start)
    for number, ring in enumerate(rings):
        accused = np.array([role != "victim" for role in ring.roles])
        guilty[ring.members[accused]] = looked[number]
        happened[ring.members] = ring.begin
        honest[ring.members] = False
    found = np.flatnonzero(guilty & (rng.random(world.members) < FOUND))
    checked = np.flatnonzero(honest & (rng.random(world.members) < CHECKED))
    member = np.concatenate((found, checked))
    label = np.concatenate(
        (
            rng.random(len(found)) >= CLEARED_IN_ERROR,
            rng.random(len(checked)) < ACCUSED_IN_ERROR,
        )
    ).astype(np.int64)
    begin = np.maximum(np.maximum(happened, world.signup), world.clock.start)[member]
    honest_time = world.clock.draw(rng, begin, np.full(len(member), world.clock.end))
    fraud_time = np.where(honest[member], honest_time, begin)
    delay = (rng.gamma(2.5, 14, len(member)) * DAY).astype(np.int64) + 3 * DAY
    known_at = fraud_time + delay
    known_at -= known_at % MINUTE
    kept = known_at < world.clock.end
    return Verdicts(
        member=member[kept],
        label=label[kept],
        known_at=known_at[kept],
        fraud_time=fraud_time[kept],
    )
