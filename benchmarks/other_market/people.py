"""Members and what is theirs: home, devices, cards, habits; and a visit made with their own things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.other_market.goods import Goods
from benchmarks.other_market.style import DAY, VIEWS
from benchmarks.other_market.world import NONE, Flags, Floats, Integers, Visits, World

WELCOME = 0
"""The code of the coupon for new members."""


@dataclass(kw_only=True, slots=True)
class People:
    """One entry a member; two columns where something is replaced once, at the time beside it."""

    signup: Floats
    leave: Floats
    activity: Floats
    hour: Floats
    household: Integers
    building: Integers
    device: Integers
    second: Integers
    shared_device: Integers
    bought: Floats
    address: Integers
    moved: Floats
    home_ip: Integers
    work_ip: Integers
    card: Integers
    renewed: Floats
    phone: Integers
    email: Integers
    refund: Floats
    thrift: Floats
    usual: Integers
    taste: Integers
    lease: Integers
    carrier: Integers


def _in_groups(world: World, share: float, low: int, mean: float) -> Integers:
    """Return a group number per member, or −1: that ``share`` of them in groups of ``low`` or more."""
    count = int(world.members * share / (low + mean)) + 1
    sizes = low + world.rng.poisson(mean, count)
    numbers = np.repeat(np.arange(count), sizes)[: world.members]
    groups = np.full(world.members, NONE, dtype=np.int64)
    groups[world.rng.permutation(world.members)[: len(numbers)]] = numbers
    return groups


def _of_group(world: World, name: str, groups: Integers, joins: Flags) -> Integers:
    """Return a new value each, but one for all who join in the same group."""
    values = world.new(name, world.members)
    common = world.new(name, int(groups.max(initial=0)) + 1)
    together = (groups != NONE) & joins
    values[together] = common[groups[together]]
    return values


def _replaced(world: World, yearly: float) -> Floats:
    """Return when something is replaced; most often after the end."""
    return world.rng.exponential(365 * DAY / yearly, world.members)


def settle(world: World, goods: Goods) -> People:
    """Return the members with homes, households, devices, cards and tastes."""
    rng, n, style = world.rng, world.members, world.style
    everyone = np.ones(n, dtype=bool)
    household = _in_groups(world, style.households, 2, 0.7)
    building = _in_groups(world, style.buildings, 3, 9.0)
    building[household != NONE] = NONE
    home = _of_group(world, "address", household, everyone)
    stairs = world.new("address", int(building.max()) + 1)
    home[building != NONE] = stairs[building[building != NONE]]
    new_home = world.new("address", n)
    # Successive tenants: who moves often moves into what somebody else has left.
    inherits = world.chance(0.3, n)
    new_home[inherits] = home[rng.integers(0, n, int(inherits.sum()))]
    family_card = _of_group(world, "card", household, world.chance(0.35, n))
    tablet = _of_group(world, "device", household, everyone)
    tablet[(household == NONE) | world.chance(0.35, n)] = NONE
    office = _in_groups(world, 0.3, 3, 14.0)
    work_ip = _of_group(world, "ip", office, everyone)
    work_ip[office == NONE] = NONE
    home_ip = _of_group(world, "ip", household, everyone)
    home_ip[~world.chance(style.static_ip, n) & (household == NONE)] = NONE
    signup = rng.uniform(-0.7, 0.95, n) * world.end
    stays = rng.exponential(2.5 * world.end, n)
    taste = rng.integers(0, style.categories, (n, 3))
    return People(
        signup=np.floor(signup),
        leave=signup + stays,
        activity=rng.gamma(1.3, 1 / 1.3, n),
        hour=rng.choice([9.0, 13.0, 18.0, 20.5, 22.0], n, p=[0.15, 0.2, 0.25, 0.3, 0.1]),
        household=household,
        building=building,
        device=world.new("device", 2 * n).reshape(n, 2),
        second=np.where(world.chance(0.5, n), world.new("device", n), NONE),
        shared_device=tablet,
        bought=_replaced(world, 0.35),
        address=np.stack([home, new_home], axis=1),
        moved=_replaced(world, 0.1),
        home_ip=home_ip,
        work_ip=work_ip,
        card=np.stack([family_card, world.new("card", n)], axis=1),
        renewed=_replaced(world, 0.25),
        phone=_of_group(world, "phone", household, world.chance(0.4, n)),
        email=world.new("email", n),
        refund=style.refund * rng.gamma(1.5, 1 / 1.5, n),
        thrift=style.coupon * rng.gamma(0.8, 1 / 0.8, n),
        usual=goods.usual(rng, taste),
        taste=taste,
        lease=world.new("ip", 2 * n),
        carrier=world.new("ip", n // 80 + 4),
    )


def _devices(world: World, people: People, member: Integers, time: Floats) -> Integers:
    first = people.device[member, (time > people.bought[member]).astype(int)]
    throw = world.rng.random(len(member))
    second, tablet = people.second[member], people.shared_device[member]
    chosen = np.where((throw < 0.25) & (second != NONE), second, first)
    return np.where((throw > 0.8) & (tablet != NONE), tablet, chosen)


def _networks(world: World, people: People, member: Integers, time: Floats) -> Integers:
    """Home, work or the mobile network; providers hand the same addresses out to many."""
    rng, count = world.rng, len(member)
    fortnight = (time // (17 * DAY)).astype(np.int64)
    lease = people.lease[(member * 7_919 + fortnight * 104_729) % len(people.lease)]
    home = np.where(people.home_ip[member] != NONE, people.home_ip[member], lease)
    carrier = rng.choice(people.carrier, count)
    throw = rng.random(count)
    work = people.work_ip[member]
    chosen = np.where((throw < 0.3) & (work != NONE), work, home)
    return np.where(throw > 1 - world.style.mobile, carrier, chosen)


def own_visits(world: World, people: People, member: Integers, time: Floats) -> Visits:
    """Return a visit each at ``time`` as the member makes it, with what is the member's own."""
    rng, style, n = world.rng, world.style, len(member)
    visits: Visits = {
        "time": np.asarray(time, dtype=np.float64),
        "member": np.asarray(member, dtype=np.int64),
        "device": _devices(world, people, member, time),
        "address": people.address[member, (time > people.moved[member]).astype(int)],
        "ip": _networks(world, people, member, time),
        "card": people.card[member, (time > people.renewed[member]).astype(int)],
        "phone": people.phone[member],
        "email": people.email[member],
        "browse": rng.geometric(1 / (1 + style.browse), n) - 1,
        "items": np.where(world.chance(style.buy, n), 1 + rng.poisson(style.items, n), 0),
        "target": np.full(n, NONE, dtype=np.int64),
        "coupon": np.full(n, NONE, dtype=np.int64),
        "refund": people.refund[member],
        "review": np.full(n, style.review),
        "rating": np.full(n, np.nan),
        "spent": np.where(
            world.chance(0.06 * style.points, n), rng.integers(2, 30, n) * 100.0, 0.0
        ),
        "chargeback": np.full(n, 0.0006),
        "delay": np.full(n, 1.0),
        "login": world.chance(style.login, n),
        "signup": np.zeros(n, dtype=bool),
        "sticky": np.zeros(n, dtype=bool),
    }
    thrifty = world.chance(people.thrift[member], n)
    # Campaigns follow one another, some at the same time: a coupon is a code that many hold.
    campaign = 1 + (time // (21 * DAY)).astype(np.int64) * 4 + rng.integers(0, 4, n)
    visits["coupon"][thrifty] = campaign[thrifty]
    for view in VIEWS:
        visits[f"keeps_{view}"] = world.chance(style.recorded[view].share, n)
    return visits
