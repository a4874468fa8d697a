"""A shop with households, two planted rings and a few chargebacks, as tables."""

from __future__ import annotations

import random

from graphml.tables.frames import Tables
from tests.rings.small import Market

DAY = 24.0
_END = 80


def shop(seed: int, people: int = 240) -> Tables:
    """Return 80 days: homes of two or three, people alone, a drop of 7 and 5 on 3 cards."""
    chance = random.Random(seed)
    market = Market()
    for home in range(30):
        for n in range(chance.choice([2, 2, 3])):
            _person(market, chance, f"home-{home}-{n}", home=f"home-{home}")
    for n in range(people):
        _person(market, chance, f"alone-{n:03}", home=f"alone-{n}")
    _drop(market, chance)
    _cards(market, chance)
    for member in ("drop-0", "drop-3"):
        market.tell(member, 72 * DAY, "chargeback", order_id=f"{member}/0")
    return market.tables


def _drop(market: Market, chance: random.Random) -> None:
    for n in range(7):
        market.tell(f"drop-{n}", (43 + 0.4 * n) * DAY, "signup")
        for turn in range(3):
            buy(market, f"drop-{n}", chance.uniform(46, 50), f"{turn}",
                address_id="drop", device_id=f"dev-{chance.randrange(2)}", card=f"k-{n}")  # fmt: skip


def _cards(market: Market, chance: random.Random) -> None:
    for n in range(5):
        market.tell(f"card-{n}", (10 + 9 * n) * DAY, "signup")
        for turn in range(4):
            buy(market, f"card-{n}", chance.uniform(70, 79), f"{turn}",
                address_id=f"a-{n}", device_id=f"d-{n}", card=f"stolen-{(turn + n) % 3}")  # fmt: skip


def buy(market: Market, member: str, day: float, turn: str, **columns: object) -> None:
    market.tell(member, day * DAY, "purchase", order_id=f"{member}/{turn}", amount=40.0, **columns)


def _person(market: Market, chance: random.Random, name: str, home: str) -> None:
    market.tell(name, -chance.uniform(30, 900) * DAY, "signup")
    for turn in range(chance.choice([1, 2, 3, 4, 6])):
        device = chance.choice([f"device of {home}", f"phone of {name}"])
        buy(market, name, chance.uniform(0, _END), f"{turn}", address_id=home, device_id=device,
            ip=f"ip of {home}", card=f"card of {name}")  # fmt: skip
