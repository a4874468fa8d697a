"""Planted rings: who is in them, what they share, when they act, and how they hide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.config import Difficulty
from graphml.results import RING_KINDS, RingKind, Role
from graphml.tables.synthetic.clock import DAY, MILLISECOND
from graphml.tables.synthetic.people import World
from graphml.tables.synthetic.plays import PLAYS, Play

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RINGS_A_THOUSAND = 3.0
LEAST, MOST = 3, 30


@dataclass(frozen=True, kw_only=True)
class Camouflage:
    """How hard rings of one difficulty try to hide.

    Attributes:
        own_life: Range of a ring member's own visits beside those of an honest member.
        days: Median days from a ring's first act to its last.
        cells: Chance that a ring of six or more is split into cells.
        shared: Factor on the chance that an act uses a shared value.
        slip: Chance that a member's first act shows the two values the ring shares most.
        spread: Factor on the number of values of a ring.
        views: Chance that a ring also shares each of the two things its kind shares less.
        rotates: Chance that a ring uses its values one after the other, not side by side.
        faint: Chance that a ring hardly shares anything: a few per cent are beyond finding.
    """

    own_life: tuple[float, float]
    days: float
    cells: float
    shared: float
    slip: float
    spread: float
    views: float
    rotates: float
    faint: float


CAMOUFLAGE: dict[Difficulty, Camouflage] = {
    "easy": Camouflage(
        own_life=(0.2, 0.6), days=12, cells=0.0, shared=1.1, slip=1.0, spread=0.8, views=0.8, rotates=0.0,
        faint=0.0,
    ),
    "default": Camouflage(
        own_life=(0.3, 1.0), days=25, cells=0.15, shared=1.0, slip=0.9, spread=1.0, views=0.5, rotates=0.25,
        faint=0.02,
    ),
    "hard": Camouflage(
        own_life=(0.6, 1.3), days=60, cells=0.45, shared=0.75, slip=0.6, spread=1.4, views=0.35, rotates=0.5,
        faint=0.05,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A part of a ring that works together: its members and, by column, the values they share."""

    members: Ints
    values: dict[str, Ints]


@dataclass(frozen=True, kw_only=True)
class PlantedRing:
    """One ring as planned.

    Attributes:
        kind: As in the contract.
        members: All members; parallel to ``roles``.
        roles: What each does.
        fresh: Whether each member's account was made for the ring.
        cells: Parts; a bridge is a member of two.
        begin: Time of the earliest possible act.
        end: Time after the last possible one.
        shared: Factor on the chance that an act uses a shared value.
        slip: Chance that a member's first act shows the values the ring shares most.
        rotates: Whether the ring uses its values one after the other.
        disputed: Whether banks ever hear of it: whole rings stay without labels.
    """

    kind: RingKind
    members: Ints
    roles: tuple[Role, ...]
    fresh: Bools
    cells: tuple[Cell, ...]
    begin: int
    end: int
    shared: float
    slip: float
    rotates: bool
    disputed: bool


def _sizes(rng: np.random.Generator, members: int) -> Ints:
    count = max(len(RING_KINDS), round(members * RINGS_A_THOUSAND / 1_000))
    sizes = np.clip(np.round(rng.lognormal(np.log(7), 0.55, count)), LEAST, MOST)
    # A small marketplace keeps its rings a small part of it.
    return np.minimum(sizes, max(LEAST, members // 60)).astype(np.int64)


def _roles(rng: np.random.Generator, play: Play, size: int) -> tuple[Role, ...]:
    """Return the roles of a ring in the order of its members: core, mules, victims, periphery."""
    if play.victims:
        insiders = min(int(rng.integers(0, 3)), size - 2)
        counts: dict[Role, int] = {"mule": insiders, "victim": size - insiders}
    else:
        mules = min(play.mules, size // 3)
        edge = int(rng.binomial(size, 0.12)) if size > 4 else 0
        counts = {"core": size - mules - edge, "mule": mules, "periphery": edge}
    return tuple(role for role, count in counts.items() for _ in range(count))


def _values(
    world: World, rng: np.random.Generator, play: Play, columns: list[str], users: float
) -> dict[str, Ints]:
    """Return new values, by column, as many as ``users`` need."""
    each = {
        "device": play.per_device,
        "ip": play.per_ip,
        "address": play.per_address,
        "card": play.per_card,
    }
    counts = {
        column: max(1, round(users / each[column] * rng.uniform(0.7, 1.3))) for column in columns
    }
    return {column: world.new(column, count) for column, count in counts.items()}


def _cells(
    world: World, rng: np.random.Generator, play: Play, ring: Ints, mules: Ints, hide: Camouflage
) -> tuple[Cell, ...]:
    parts = 1
    if len(ring) >= 6 and rng.random() < hide.cells:
        parts = int(min(2 + (rng.random() < 0.4), len(ring) // 3))
    split = np.array_split(rng.permutation(ring), parts)
    # Hardly a ring shares everything: what its kind shares most, and by chance the rest.
    columns = [c for c in play.chances if c in play.most or rng.random() < hide.views]
    cells = []
    for number, own in enumerate(split):
        # The first member of the cell before works in this one too: the bridge.
        crew = own if number == 0 else np.append(own, split[number - 1][0])
        values = _values(world, rng, play, columns, len(crew) * hide.spread)
        if len(mules):
            drops = mules[number % len(mules) :: parts]
            values["address"] = world.home[world.dwelling[drops]]
        cells.append(Cell(members=crew, values=values))
    return tuple(cells)


def _settle(world: World, rng: np.random.Generator, ring: PlantedRing, hide: Camouflage) -> None:
    """Fit the members' own lives to the ring: when they signed up, how much they do, when they stop."""
    play, members = PLAYS[ring.kind], ring.members
    lead = (rng.exponential(6, len(members)) * DAY).astype(np.int64)
    late = (rng.random(len(members)) * 0.5 * (ring.end - ring.begin)).astype(np.int64)
    new = np.where(rng.random(len(members)) < 0.6, ring.begin - lead, ring.begin + late)
    new = world.clock.draw(rng, new, new + DAY)
    known = ring.begin - ((20 if not play.victims else 90) * DAY)
    long = known - (rng.beta(1, 2, len(members)) * 600 * DAY).astype(np.int64)
    # Those who joined within the window did so in its rhythm.
    long = np.where(long < world.clock.start, long, world.clock.draw(rng, long, long + DAY))
    long -= long % MILLISECOND
    old = np.where(world.signup[members] < known, world.signup[members], long)
    world.signup[members] = np.where(ring.fresh, new, old)
    world.leave[members] = np.maximum(world.leave[members], ring.end)
    if not play.victims:
        world.rate[members] *= rng.uniform(*hide.own_life, len(members))
    _sign_up(world, rng, ring, members[ring.fresh])


def _sign_up(world: World, rng: np.random.Generator, ring: PlantedRing, members: Ints) -> None:
    """Let accounts made for the ring be opened on its devices and lines, as often as it acts there."""
    play = PLAYS[ring.kind]
    signup = {"device": world.signup_device, "ip": world.signup_ip}
    for cell in ring.cells:
        mine = members[np.isin(members, cell.members)]
        for column, told in signup.items():
            if column in cell.values:
                there = mine[rng.random(len(mine)) < play.chances[column] * ring.shared]
                told[there] = rng.choice(cell.values[column], len(there))


def _plan(
    world: World, rng: np.random.Generator, kind: RingKind, members: Ints, hide: Camouflage
) -> PlantedRing:
    play = PLAYS[kind]
    roles = _roles(rng, play, len(members))
    days = float(np.clip(rng.lognormal(np.log(hide.days), 0.6), 3, 150))
    length = int(days * DAY)
    room = world.clock.end - world.clock.start - length - 20 * DAY
    begin = world.clock.start + 10 * DAY + int(rng.random() * room)
    mules = members[np.array(roles) == "mule"]
    made = np.array([role in ("core", "periphery") for role in roles])
    faint = bool(rng.random() < hide.faint)
    return PlantedRing(
        kind=kind,
        members=members,
        roles=roles,
        fresh=made & (rng.random(len(members)) < play.fresh),
        cells=_cells(world, rng, play, members, mules, hide),
        begin=begin,
        end=begin + length,
        shared=0.1 if faint else hide.shared,
        slip=0.0 if faint else hide.slip,
        rotates=bool(rng.random() < hide.rotates),
        disputed=bool(rng.random() < 0.5),
    )


def plan_rings(world: World, rng: np.random.Generator, difficulty: Difficulty) -> list[PlantedRing]:
    """Plan the rings of a marketplace, of every kind, and fit their members' own lives to them."""
    hide = CAMOUFLAGE[difficulty]
    sizes = _sizes(rng, world.members)
    kinds = rng.permutation(np.resize(np.array(RING_KINDS), len(sizes)))
    recruits = np.split(rng.permutation(world.members)[: sizes.sum()], np.cumsum(sizes)[:-1])
    rings = []
    for kind, members in zip(kinds.tolist(), recruits, strict=True):
        ring = _plan(world, rng, kind, members, hide)
        _settle(world, rng, ring, hide)
        rings.append(ring)
    return rings
