"""Places and things that are shared for long: homes, offices, cafés, lockers, kiosks, old phones.

Each function puts shared values over everyday visits, in place, and records who shared them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphml.tables.synthetic.clock import hour_of, is_workday
from graphml.tables.synthetic.people import LARGEST_FAMILY
from graphml.tables.synthetic.sharing import Company
from graphml.tables.synthetic.visits import Visits

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _assigned(company: Company, share: float, middle: float, low: int, high: int) -> Ints:
    """Return the group of each member, −1 for none."""
    place = np.full(company.world.members, -1, dtype=np.int64)
    for number, group in enumerate(company.groups(share, middle, low, high)):
        place[group] = number
    return place


def _overlay(
    company: Company, visits: Visits, place: Ints, hit: Bools, column: str, kind: str
) -> None:
    """Put a new value of each group into ``column`` of the visits hit, and record who came."""
    group = place[visits["member"]]
    rows = np.flatnonzero(hit & (group >= 0))
    values = company.world.new(column, int(place.max()) + 1)
    visits[column][rows] = values[group[rows]]
    company.record_by(kind, group[rows], visits["member"][rows])


def households(company: Company, visits: Visits) -> None:
    """Families share a tablet and a card now and then; address and line they share by living there."""
    world, rng = company.world, company.rng
    size = np.bincount(world.dwelling)
    family = (size >= 2) & (size <= LARGEST_FAMILY)
    tablets = np.full(len(size), -1, dtype=np.int64)
    has = np.flatnonzero(family & (rng.random(len(size)) < 0.6))
    tablets[has] = world.new("device", len(has))
    purse = np.full(len(size), -1, dtype=np.int64)
    first = np.full(len(size), -1, dtype=np.int64)
    first[world.dwelling[::-1]] = np.arange(world.members)[::-1]
    pays = family & (rng.random(len(size)) < 0.5)
    purse[pays] = world.cards[first[pays], 0]

    home = world.dwelling[visits["member"]]
    at_home = visits["ip"] == world.home_ip(visits["member"], visits["time"])
    on = (tablets[home] >= 0) & at_home & (rng.random(len(visits)) < 0.3)
    visits["device"] = np.where(on, tablets[home], visits["device"])
    joint = (purse[home] >= 0) & (visits["card"] >= 0) & (rng.random(len(visits)) < 0.4)
    visits["card"] = np.where(joint, purse[home], visits["card"])

    everybody = np.arange(world.members)
    shared = family[world.dwelling]
    company.record_by("household", world.dwelling[shared], everybody[shared])
    shared = (size > LARGEST_FAMILY)[world.dwelling]
    company.record_by("dormitory", world.dwelling[shared], everybody[shared])


def offices(company: Company, visits: Visits) -> None:
    """Colleagues come over one IP in working hours; parcels go there, some on the firm's card."""
    world, rng = company.world, company.rng
    place = _assigned(company, 0.06, 18, 5, 80)
    working = is_workday(visits["time"]) & np.isin(hour_of(visits["time"]), np.arange(7, 18))
    hit = working & (rng.random(len(visits)) < 0.6)
    _overlay(company, visits, place, hit, "ip", "office")
    group = place[visits["member"]]
    desks = world.new("address", int(place.max()) + 1)
    sent = hit & (group >= 0) & (rng.random(len(visits)) < 0.4)
    visits["address"] = np.where(sent, desks[group], visits["address"])
    purses = world.new("card", len(desks))
    purses[rng.random(len(desks)) < 0.5] = -1
    paid = sent & (purses[group] >= 0) & (rng.random(len(visits)) < 0.6)
    visits["card"] = np.where(paid, purses[group], visits["card"])


def cafes(company: Company, visits: Visits) -> None:
    """Guests of a café come over its IP now and then."""
    rng = company.rng
    place = _assigned(company, 0.10, 35, 8, 150)
    _overlay(company, visits, place, rng.random(len(visits)) < 0.13, "ip", "cafe")


def lockers(company: Company, visits: Visits) -> None:
    """Neighbours have parcels sent to one locker."""
    rng = company.rng
    place = _assigned(company, 0.09, 30, 5, 120)
    hit = (visits["buys"] > 0) & (rng.random(len(visits)) < 0.45)
    _overlay(company, visits, place, hit, "address", "parcel_locker")


def kiosks(company: Company, visits: Visits) -> None:
    """A terminal in a library or a shop is used by many who live nearby, at times for years."""
    rng = company.rng
    place = _assigned(company, 0.07, 18, 4, 80)
    _overlay(company, visits, place, rng.random(len(visits)) < 0.25, "device", "kiosk")


def second_hand(company: Company, visits: Visits) -> None:
    """A device is sold on once or twice; nobody uses it while another owner does."""
    world, rng = company.world, company.rng
    members = visits["member"]
    after = world.got_at[members] <= visits["time"]
    kept = visits["time"] < world.got_until[members]
    hit = after & kept & (rng.random(len(visits)) < 0.85)
    visits["device"] = np.where(hit, world.got[members], visits["device"])
    sold = np.zeros(world.counts["device"], dtype=bool)
    sold[world.got[world.got >= 0]] = True
    using = sold[visits["device"]]
    company.record_by("second_hand_device", visits["device"][using], members[using])


def live_together(company: Company, visits: Visits) -> None:
    """Put all lasting sharing over everyday ``visits``, in place."""
    for overlay in (households, second_hand, kiosks, offices, cafes, lockers):
        overlay(company, visits)
