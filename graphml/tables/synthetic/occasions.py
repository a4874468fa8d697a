"""Occasions that people share for an hour, a day or a week, and mean no harm.

Each function returns further visits and records who came.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from graphml.tables.synthetic.clock import DAY, HOUR, MINUTE
from graphml.tables.synthetic.people import World
from graphml.tables.synthetic.sharing import Company
from graphml.tables.synthetic.visits import Visits, buy, visit

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _came(world: World, members: Ints, times: Ints) -> Bools:
    """Return who had joined, and not left, at each time."""
    return (world.signup[members] < times) & (times < world.leave[members])


def _gathering(
    world: World, rng: np.random.Generator, guests: Ints, begin: int, length: int, each: float
) -> Visits:
    """Return further visits of ``guests`` within ``length`` µs of ``begin``."""
    members = np.repeat(guests, rng.poisson(each, len(guests)))
    low = np.full(len(members), begin)
    times = world.clock.draw(rng, low, low + length)
    here = _came(world, members, times)
    return visit(world, rng, members[here], times[here])


def _moment(world: World, rng: np.random.Generator, length: int) -> int:
    low, high = np.array([world.clock.start]), np.array([world.clock.end - length])
    return int(world.clock.draw(rng, low, high)[0])


def event_networks(company: Company) -> list[Visits]:
    """Guests of a fair or a concert come over its Wi-Fi for a day or three, and never again."""
    world, rng = company.world, company.rng
    found = []
    for guests in company.groups(0.07, 35, 8, 120):
        length = int(rng.integers(1, 4)) * DAY
        rows = _gathering(world, rng, guests, _moment(world, rng, length), length, 1.6)
        rows["ip"] = world.new("ip", 1)
        company.record("event_wifi", rows["member"])
        found.append(rows)
    return found


def holiday_homes(company: Company) -> list[Visits]:
    """Friends and families spend a week under one roof: one IP, and parcels sent there."""
    world, rng = company.world, company.rng
    found = []
    for guests in company.groups(0.05, 5, 3, 9):
        length = int(rng.integers(4, 15)) * DAY
        rows = _gathering(world, rng, guests, _moment(world, rng, length), length, 2.4)
        inside = rng.random(len(rows)) < 0.75
        rows["ip"] = np.where(inside, world.new("ip", 1), rows["ip"])
        sent = rng.random(len(rows)) < 0.6
        rows["address"] = np.where(sent, world.new("address", 1), rows["address"])
        used = rows[inside | (sent & (rows["buys"] > 0))]
        company.record("holiday_home", used["member"])
        found.append(rows)
    return found


def borrowed_phones(company: Company) -> list[Visits]:
    """A friend logs in on somebody else's phone for a day; at a party three or four do."""
    world, rng = company.world, company.rng
    found = []
    for party in company.groups(0.09, 2.8, 2, 7):
        begin = _moment(world, rng, DAY)
        lender = int(party[0])
        rows = _gathering(world, rng, party[1:], begin, DAY, 1.5)
        rows["device"] = world.own_device(np.full(len(rows), lender), rows["time"])
        together = rng.random(len(rows)) < 0.5
        place = world.home_ip(np.full(len(rows), lender), rows["time"])
        rows["ip"] = np.where(together, place, rows["ip"])
        rows["login"] = True
        company.record("borrowed_phone", np.append(rows["member"], lender))
        found.append(rows)
    return found


def demo_devices(company: Company) -> list[Visits]:
    """A stand or a phone shop has customers log in, or sign up, on its device for some days."""
    world, rng = company.world, company.rng
    found = []
    order = np.argsort(world.signup, kind="stable")
    joined = world.signup[order]
    for guests in company.groups(0.03, 10, 4, 40):
        length = int(rng.integers(2, 10)) * DAY
        begin = _moment(world, rng, length)
        device, line = world.new("device", 1), world.new("ip", 1)
        came = guests[:0]
        first, last = np.searchsorted(joined, (begin, begin + length))
        if rng.random() < 0.4 and last - first >= len(guests):
            # A stand that wins new customers: their accounts begin on its device.
            guests = rng.choice(order[first:last], len(guests), replace=False)
            world.signup_device[guests], world.signup_ip[guests] = device, line
            came = guests
        rows = _gathering(world, rng, guests, begin, length, 1.3)
        rows["device"] = device
        rows["ip"] = np.where(rng.random(len(rows)) < 0.6, line, rows["ip"])
        company.record("demo_device", np.append(rows["member"], came))
        found.append(rows)
    return found


def trips(company: Company) -> list[Visits]:
    """One pays for several: friends order for a trip or a club with the card of one of them."""
    world, rng = company.world, company.rng
    found = []
    for group in company.groups(0.04, 4, 3, 9):
        length = int(rng.integers(2, 15)) * DAY
        rows = _gathering(world, rng, group, _moment(world, rng, length), length, 1.3)
        buy(rows, rng)
        rows["card"] = world.cards[group[0], 0]
        if rng.random() < 0.4:
            rows["address"] = world.home[world.dwelling[group[0]]]
        company.record("trip", rows["member"])
        found.append(rows)
    return found


def flash_sales(company: Company) -> list[Visits]:
    """Many buy one product within the hour, each from their own device to their own home."""
    world, rng = company.world, company.rng
    found = []
    for buyers in company.groups(0.08, 60, 15, 250):
        begin = _moment(world, rng, HOUR)
        times = begin + (rng.exponential(15 * MINUTE, len(buyers))).astype(np.int64)
        here = _came(world, buyers, times) & (times < begin + HOUR)
        rows = visit(world, rng, buyers[here], times[here])
        everything = np.array([0]), np.array([len(world.catalogue)])
        buy(rows, rng, world.catalogue.draw(rng, *everything))
        company.record("flash_sale", rows["member"])
        found.append(rows)
    return found


def friends(company: Company) -> list[Visits]:
    """Friends buy the same things on the same days, now and then in one parcel."""
    world, rng = company.world, company.rng
    found = []
    for group in company.groups(0.05, 4, 3, 7):
        bought = []
        for _ in range(int(rng.integers(2, 6))):
            length = int(rng.integers(1, 3)) * DAY
            begin = _moment(world, rng, length)
            members = group[rng.random(len(group)) < 0.8]
            low = np.full(len(members), begin)
            times = world.clock.draw(rng, low, low + length)
            here = _came(world, members, times)
            rows = visit(world, rng, members[here], times[here])
            low, high = world.catalogue.of_category(world.tastes[group[:1], 0])
            buy(rows, rng, world.catalogue.draw(rng, low, high))
            rows["review"] = 0.3
            if rng.random() < 0.25:
                rows["address"] = world.home[world.dwelling[group[0]]]
            bought.append(rows)
        company.record("friends", np.concatenate(bought)["member"])
        found.extend(bought)
    return found


def gifts(company: Company) -> list[Visits]:
    """Some send a present to a friend's home, around a birthday several do."""
    world, rng = company.world, company.rng
    found = []
    for group in company.groups(0.05, 3, 2, 7):
        begin = _moment(world, rng, 6 * DAY)
        givers = group[1:]
        low = np.full(len(givers), begin)
        times = world.clock.draw(rng, low, low + 6 * DAY)
        here = _came(world, givers, times)
        rows = visit(world, rng, givers[here], times[here])
        buy(rows, rng)
        rows["address"] = world.home[world.dwelling[group[0]]]
        world.gifts.append((rows["member"], int(group[0]), rows["time"]))
        company.record("gift", np.append(rows["member"], group[0]))
        found.append(rows)
    return found


OCCASIONS: tuple[Callable[[Company], list[Visits]], ...] = (
    event_networks,
    holiday_homes,
    borrowed_phones,
    demo_devices,
    trips,
    flash_sales,
    friends,
    gifts,
)


def meet(company: Company) -> Visits:
    """Return the visits of all occasions."""
    return np.concatenate([rows for occasion in OCCASIONS for rows in occasion(company)])
