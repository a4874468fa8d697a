"""Members: when they joined and left, where they live, what they own and what they like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graphml.tables.synthetic.catalogue import (
    BRANDS_A_CATEGORY,
    CATEGORIES,
    Catalogue,
    make_catalogue,
)
from graphml.tables.synthetic.clock import DAY, MILLISECOND, Clock

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LARGEST_FAMILY = 5
FAVOURITES = 3
_CARRIERS = 3


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """A group of members who share something and mean no harm: who, and as what kind."""

    kind: str
    members: Ints


@dataclass(kw_only=True)
class World:
    """Everything that stays the same while events happen; numbers name things, −1 is none.

    Attributes:
        clock: The window and its rhythm.
        catalogue: The products.
        signup: Time each member joined; about half before the window.
        leave: Time after which a member does not come back by themselves.
        rate: Visits a day while a member is active, in arbitrary units.
        devices: Own devices, the most used first; shape (members, 3).
        cards: Own cards, the main one first; shape (members, 2).
        dwelling: Where each member lives.
        home: Address of each dwelling.
        line: First of a dwelling's IP addresses; lines that change step through the pool.
        lease: Length of an IP address's lease in µs; 0 for a line that keeps its address.
        at_home: Chance that a visit comes from home rather than over a mobile carrier.
        carrier: The mobile carrier, 0 to 2.
        carrier_ips: Addresses of each carrier, which hundreds share.
        tastes: Favourite categories; shape (members, 3).
        brands: Favourite brand within each of those; same shape.
        signup_device: Device of the signup event.
        signup_ip: IP of the signup event.
        sold_at: When a member parted with the main device; after the window for never.
        spare: What a member uses in its place from then on.
        second: Another address of one's own, the parents' or a partner's; −1 for none.
        virtual: Whether a member pays with a new card number each time.
        got: Device a member bought second-hand, −1 for none.
        got_at: From when, and
        got_until: until when it was used.
        counts: How many devices, addresses, IPs and cards exist so far.
        benign: Groups that share harmlessly.
        gifts: Who sent something to whom, and when.
    """

    clock: Clock
    catalogue: Catalogue
    signup: Ints
    leave: Ints
    rate: Floats
    devices: Ints
    cards: Ints
    dwelling: Ints
    home: Ints
    line: Ints
    lease: Ints
    pool: Ints
    at_home: Floats
    carrier: Ints
    carrier_ips: Ints
    tastes: Ints
    brands: Ints
    signup_device: Ints
    signup_ip: Ints
    sold_at: Ints
    spare: Ints
    second: Ints
    virtual: Bools
    got: Ints
    got_at: Ints
    got_until: Ints
    counts: dict[str, int]
    benign: list[Sharing] = field(default_factory=list)
    gifts: list[tuple[Ints, int, Ints]] = field(default_factory=list)

    @property
    def members(self) -> int:
        """How many members there are."""
        return len(self.signup)

    def new(self, kind: str, count: int) -> Ints:
        """Return ``count`` fresh numbers of ``kind``: device, address, ip or card."""
        first = self.counts[kind]
        self.counts[kind] = first + count
        return np.arange(first, first + count)

    def own_device(self, members: Ints, times: Ints, which: Ints | None = None) -> Ints:
        """Return a device of each member: the main one, or number ``which`` where there is one."""
        device = self.devices[members, 0 if which is None else which]
        main = self.devices[members, 0]
        device = np.where(device < 0, main, device)
        sold = (times >= self.sold_at[members]) & (device == main)
        return np.where(sold, self.spare[members], device)

    def home_ip(self, members: Ints, times: Ints) -> Ints:
        """Return the IP address of each member's home at each time."""
        dwelling = self.dwelling[members]
        lease = self.lease[dwelling]
        turn = np.where(lease > 0, (times - self.clock.start) // np.maximum(lease, 1), 0)
        # A large odd step spreads the leases of one line over the provider's whole pool.
        slot = (self.line[dwelling] + turn * 7_919) % len(self.pool)
        return np.where(lease > 0, self.pool[slot], self.line[dwelling])

    def mobile_ip(self, rng: np.random.Generator, members: Ints) -> Ints:
        """Return an address of each member's carrier, another one at each call."""
        at = rng.integers(0, self.carrier_ips.shape[1], len(members))
        return self.carrier_ips[self.carrier[members], at]


def _dwellings(rng: np.random.Generator, members: int) -> tuple[Ints, Ints, int]:
    """Return each member's dwelling, the size of each dwelling, and how many are dormitories.

    Dormitories come last: houses of 15 to 60 students that have one address and one network.
    """
    dorms: list[int] = []
    room = max(15, int(members * 0.035))
    while room >= 15:
        size = int(np.clip(rng.lognormal(3.3, 0.4), 15, min(60, room)))
        dorms.append(size)
        room -= size
    rest = members - sum(dorms)
    sizes = rng.choice([1, 2, 3, 4, 5], rest, p=[0.82, 0.09, 0.05, 0.03, 0.01])
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), rest)) + 1]
    sizes[-1] -= sizes.sum() - rest
    sizes = np.concatenate((sizes, np.array(dorms, dtype=np.int64)))
    dwelling = np.repeat(np.arange(len(sizes)), sizes)
    return rng.permutation(dwelling), sizes, len(dorms)


def _owned(rng: np.random.Generator, members: int, chances: tuple[float, ...]) -> Ints:
    """Return numbers of own things, −1 where a member lacks the second or third."""
    has = rng.random((members, len(chances))) < np.array(chances)
    numbers = np.full(has.shape, -1, dtype=np.int64)
    numbers[has] = np.arange(int(has.sum()))
    return numbers


def _tastes(rng: np.random.Generator, members: int) -> tuple[Ints, Ints]:
    """Return three favourite categories and a favourite brand in each; some are loved by many."""
    appeal = rng.dirichlet(np.full(len(CATEGORIES), 3.0))
    tastes = rng.choice(len(CATEGORIES), (members, FAVOURITES), p=appeal)
    brands = tastes * BRANDS_A_CATEGORY + rng.integers(0, BRANDS_A_CATEGORY, tastes.shape)
    return tastes, brands


def _joined(rng: np.random.Generator, clock: Clock, members: int) -> tuple[Ints, Ints]:
    """Return when each member joined and left: half joined up to three years before the window."""
    before = clock.start - (rng.beta(1, 2, members) * 1_000 * DAY).astype(np.int64)
    within = clock.draw(rng, np.full(members, clock.start), np.full(members, clock.end - DAY))
    signup = np.where(rng.random(members) < 0.5, before - before % MILLISECOND, within)
    stay = (rng.exponential(260, members) * DAY).astype(np.int64)
    faithful = rng.random(members) < 0.4
    leave = np.where(faithful, clock.end, np.maximum(signup, clock.start) + stay)
    return signup, np.minimum(leave, clock.end)


def _part(world: World, rng: np.random.Generator) -> None:
    """Let members get a new main device: a third renews it, one in 25 sells it to another.

    A cookie that is deleted looks like a new device too. The buyer may sell it on.
    """
    low, high = np.full(world.members, world.clock.start), np.full(world.members, world.clock.end)
    renewed = np.flatnonzero(rng.random(world.members) < 0.35)
    world.sold_at[renewed] = world.clock.draw(rng, low, high)[renewed]
    world.spare[renewed] = world.new("device", len(renewed))

    count = max(1, world.members // 25)
    first, second, third = rng.permutation(world.members)[: 3 * count].reshape(3, count)
    sale = world.clock.draw(rng, low[:count], high[:count])
    again = world.clock.draw(rng, sale + 30 * DAY, high[:count])
    sold_on = (rng.random(count) < 0.3) & (again > sale)
    world.sold_at[first] = sale
    world.spare[first] = world.new("device", count)
    world.got[second] = world.devices[first, 0]
    world.got_at[second] = sale
    world.got_until[second] = np.where(sold_on, again, world.clock.end)
    world.got[third[sold_on]] = world.devices[first[sold_on], 0]
    world.got_at[third[sold_on]] = again[sold_on]


def make_world(rng: np.random.Generator, members: int) -> World:
    """Return a marketplace at rest: members with homes, devices, cards and tastes, and products."""
    clock = Clock(rng)
    catalogue = make_catalogue(rng, members)
    dwelling, sizes, dorms = _dwellings(rng, members)
    houses = len(sizes)
    devices = _owned(rng, members, (1.0, 0.55, 0.15))
    cards = _owned(rng, members, (1.0, 0.3))
    signup, leave = _joined(rng, clock, members)
    tastes, brands = _tastes(rng, members)

    changing = rng.random(houses) < 0.25
    changing[houses - dorms :] = False
    mobile = max(4, members // 500)
    pool = np.arange(houses, houses + max(8, int(changing.sum() * 2.5)))
    carrier_ips = np.arange(_CARRIERS * mobile).reshape(_CARRIERS, mobile) + pool[-1] + 1
    lease = np.where(changing, rng.integers(30, 120, houses) * DAY, 0)
    line = np.where(changing, rng.integers(0, len(pool), houses), np.arange(houses))
    world = World(
        clock=clock,
        catalogue=catalogue,
        signup=signup,
        leave=leave,
        rate=rng.lognormal(0, 0.9, members),
        devices=devices,
        cards=cards,
        dwelling=dwelling,
        home=np.arange(houses),
        line=line,
        lease=lease,
        pool=pool,
        at_home=rng.beta(5, 2.5, members),
        carrier=rng.integers(0, _CARRIERS, members),
        carrier_ips=carrier_ips,
        tastes=tastes,
        brands=brands,
        signup_device=devices[:, 0],
        signup_ip=np.full(members, -1, dtype=np.int64),
        sold_at=np.full(members, clock.end),
        spare=np.full(members, -1, dtype=np.int64),
        second=np.full(members, -1, dtype=np.int64),
        virtual=rng.random(members) < 0.12,
        got=np.full(members, -1, dtype=np.int64),
        got_at=np.full(members, clock.end),
        got_until=np.full(members, clock.end),
        counts={
            "device": int(devices.max()) + 1,
            "card": int(cards.max()) + 1,
            "address": houses,
            "ip": int(carrier_ips.max()) + 1,
        },
    )
    _part(world, rng)
    elsewhere = np.flatnonzero(rng.random(members) < 0.55)
    world.second[elsewhere] = world.new("address", len(elsewhere))
    world.signup_device = world.own_device(np.arange(members), signup)
    world.signup_ip = np.where(
        rng.random(members) < world.at_home,
        world.home_ip(np.arange(members), np.maximum(signup, clock.start)),
        world.mobile_ip(rng, np.arange(members)),
    )
    return world
