"""Sharing that harms nobody: places, parties, families, things that change hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.other_market.goods import Goods
from benchmarks.other_market.people import WELCOME, People, own_visits
from benchmarks.other_market.style import DAY
from benchmarks.other_market.world import NONE, Integers, Visits, World


@dataclass(kw_only=True)
class Town:
    """Everyday visits, sorted by time, being redirected through what people share."""

    world: World
    people: People
    goods: Goods
    visits: Visits
    extra: list[Visits] = field(default_factory=list)
    groups: list[tuple[str, Integers]] = field(default_factory=list)

    def window(self, days: float) -> tuple[float, float]:
        """Return a stretch of that many days somewhere in the shop's time."""
        length = min(days * DAY, self.world.end * 0.9)
        start = self.world.rng.uniform(0, self.world.end - length)
        return start, start + length

    def rows(self, start: float, end: float) -> Integers:
        """Return the visits between two moments."""
        low, high = np.searchsorted(self.visits["time"], [start, end])
        return np.arange(low, high)

    def some(self, rows: Integers, count: int) -> tuple[Integers, Integers]:
        """Return up to ``count`` members of those visits, and their visits among ``rows``."""
        owner = np.asarray(self.visits["member"])[rows]
        there = np.zeros(self.world.members, dtype=bool)
        there[owner] = True
        members = self.world.rng.permutation(np.flatnonzero(there))[:count]
        chosen = np.zeros(self.world.members, dtype=bool)
        chosen[members] = True
        return members, rows[chosen[owner]]

    def keep(self, kind: str, members: Integers) -> None:
        """Note a group, if it is one."""
        if len(members) > 1:
            self.groups.append((kind, np.unique(members)))


def _place(
    town: Town, kind: str, views: tuple[str, ...], days: float, people: int, share: float
) -> None:
    """Redirect a share of some members' visits within ``days`` through one place's values."""
    rows = town.rows(*town.window(days))
    members, theirs = town.some(rows, people)
    theirs = theirs[town.world.chance(share, len(theirs))]
    for view in views:
        town.visits[view][theirs] = town.world.new(view)[0]
    town.keep(kind, members)


def _size(town: Town, low: int, high: int) -> int:
    return int(town.world.between(low, high + 0.99))


def _parcel_locker(town: Town) -> None:
    _place(town, "parcel_locker", ("address",), 400, _size(town, 15, 150), 0.35)


def _cafe(town: Town) -> None:
    _place(town, "cafe", ("ip",), 300, _size(town, 20, 120), 0.12)


def _campus(town: Town) -> None:
    _place(town, "campus", ("ip",), 200, _size(town, 40, 200), 0.6)


def _care_home(town: Town) -> None:
    _place(town, "care_home", ("address", "device"), 400, _size(town, 5, 20), 0.9)


def _kiosk(town: Town) -> None:
    _place(town, "kiosk", ("device",), 400, _size(town, 20, 200), 0.2)


def _shared_computer(town: Town) -> None:
    """In a youth club, a library, a repair shop."""
    days = town.world.between(20, 400)
    _place(town, "shared_computer", ("device", "ip"), days, _size(town, 4, 25), 0.5)


def _helpdesk(town: Town) -> None:
    """A salesman helps customers on his own device, some days long."""
    days = town.world.between(1, 14)
    _place(town, "helpdesk", ("device", "ip"), days, _size(town, 3, 20), 0.9)


def _gift_card(town: Town) -> None:
    """A prepaid card that an employer gives to many."""
    days = town.world.between(10, 70)
    _place(town, "gift_card", ("card",), days, _size(town, 4, 25), 0.8)


def _event_wifi(town: Town) -> None:
    days = town.world.between(0.3, 3)
    _place(town, "event_wifi", ("ip",), days, _size(town, 5, 40), 0.9)


def _holiday_home(town: Town) -> None:
    days = town.world.between(4, 15)
    _place(town, "holiday_home", ("address", "ip", "phone"), days, _size(town, 2, 8), 0.9)


def _family_account(town: Town) -> None:
    days = town.world.between(5, 60)
    _place(town, "family_account", ("card", "address"), days, _size(town, 2, 4), 0.8)


def _company_card(town: Town) -> None:
    days = town.world.between(40, 400)
    _place(town, "company_card", ("card", "phone"), days, _size(town, 3, 20), 0.6)


def _buying_agent(town: Town) -> None:
    """Somebody with a counter and a telephone who orders for those who would rather not."""
    days = town.world.between(60, 400)
    _place(town, "buying_agent", ("phone", "address"), days, _size(town, 4, 25), 0.5)


def _borrowed_phone(town: Town) -> None:
    """A phone goes round among friends for an evening or a few days; it is one member's own."""
    rows = town.rows(*town.window(town.world.between(0.4, 6)))
    members, theirs = town.some(rows, _size(town, 2, 5))
    if len(members) > 1:
        phone = town.people.device[members[0], 0]
        town.visits["device"][theirs[town.world.chance(0.8, len(theirs))]] = phone
        town.keep("borrowed_phone", members)


def _second_hand(town: Town) -> None:
    """One member's device becomes another's, who often meets it through the same shop."""
    when = town.world.rng.uniform(0.1, 0.9) * town.world.end
    seller, buyer = town.world.rng.choice(town.world.members, 2, replace=False)
    town.people.bought[seller] = min(town.people.bought[seller], when)
    town.keep("second_hand", np.array([seller, buyer]))
    device = town.people.device[seller, 0]
    member, time = town.visits["member"], town.visits["time"]
    town.visits["device"][(member == buyer) & (time > when + 3 * DAY)] = device
    sold = (member == seller) & (time > when) & (town.visits["device"] == device)
    town.visits["device"][sold] = town.people.device[seller, 1]


def _more(town: Town, members: Integers, start: float, days: float) -> Visits:
    """Return one more visit of each member in a stretch, each with own things, buying one thing."""
    time = start + town.world.rng.random(len(members)) * days * DAY
    time = town.world.hours(time, town.people.hour[members], 2.5)
    visits = own_visits(town.world, town.people, members, time)
    visits["items"] = np.maximum(visits["items"], 1)
    town.extra.append(visits)
    return visits


def _guests(town: Town, count: int, start: float) -> Integers:
    """Return members who were there before ``start`` and have not left."""
    here = (town.people.signup < start) & (town.people.leave > start)
    return town.world.rng.permutation(np.flatnonzero(here))[:count]


def _wedding(town: Town) -> None:
    start, _ = town.window(40)
    members = _guests(town, _size(town, 5, 20), start)
    visits = _more(town, members, start, 35)
    visits["address"][:] = town.people.address[members[:1], 0] if len(members) else NONE
    visits["target"][:] = town.goods.dear(town.world.rng, len(members))
    town.keep("wedding", members)


def _club_order(town: Town) -> None:
    start, _ = town.window(12)
    members = _guests(town, _size(town, 4, 14), start)
    visits = _more(town, members, start, town.world.between(1, 10))
    together = town.world.chance(0.8, len(members))
    visits["address"][together] = town.world.new("address")[0]
    visits["target"][:] = town.goods.cheap(town.world.rng, 1)[0]
    town.keep("club_order", members)


def _flash_sale(town: Town) -> None:
    start, _ = town.window(2)
    members = _guests(town, _size(town, 30, 200), start)
    visits = _more(town, members, start, 0.01)
    visits["time"] = np.floor(start + town.world.rng.exponential(1_500, len(members)))
    visits["target"][:] = town.goods.dear(town.world.rng, 1)[0]
    town.keep("flash_sale", members)


def _store_signup(town: Town) -> None:
    """At a stand in the shop, staff sign people up on one tablet."""
    rows = town.rows(*town.window(town.world.between(0.8, 4)))
    rows = rows[np.asarray(town.visits["signup"])[rows]]
    members, theirs = town.some(rows, _size(town, 5, 30))
    town.visits["device"][theirs] = town.world.new("device")[0]
    town.visits["coupon"][theirs] = WELCOME
    town.keep("store_signup", members)


_HABITS: dict[str, Callable[[Town], None]] = {
    "parcel_locker": _parcel_locker,
    "cafe": _cafe,
    "campus": _campus,
    "care_home": _care_home,
    "kiosk": _kiosk,
    "shared_computer": _shared_computer,
    "helpdesk": _helpdesk,
    "gift_card": _gift_card,
    "event_wifi": _event_wifi,
    "holiday_home": _holiday_home,
    "family_account": _family_account,
    "company_card": _company_card,
    "buying_agent": _buying_agent,
    "borrowed_phone": _borrowed_phone,
    "second_hand": _second_hand,
    "wedding": _wedding,
    "club_order": _club_order,
    "flash_sale": _flash_sale,
    "store_signup": _store_signup,
}


def share(town: Town) -> None:
    """Let the town share: redirects its visits, adds some, notes who belongs together."""
    for kind, rate in town.world.style.groups.items():
        for _ in range(max(1, round(rate * town.world.members / 1000))):
            _HABITS[kind](town)
    for kind, groups in (
        ("household", town.people.household),
        ("building", town.people.building),
        ("office", town.people.work_ip),
    ):
        order = np.argsort(groups, kind="stable")
        numbers, first = np.unique(groups[order], return_index=True)
        for number, members in zip(numbers, np.split(order, first[1:]), strict=True):
            if number != NONE:
                town.keep(kind, members)
