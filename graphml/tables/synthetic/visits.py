"""Visits: one row for each time a member comes, from which all of its events follow.

Honest, harmless and fraudulent visits are made by the same ``visit`` and told as events by the
same code; they differ in the values that are put over some of their columns, and in nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphml.tables.synthetic.clock import DAY
from graphml.tables.synthetic.people import FAVOURITES, World

Ints = NDArray[np.int64]
Visits = np.ndarray

VISIT = np.dtype(
    [
        ("member", np.int64),
        ("time", np.int64),
        ("device", np.int64),
        ("ip", np.int64),
        ("address", np.int64),  # used if something is bought; card and coupon too
        ("card", np.int64),
        ("coupon", np.int64),
        ("product", np.int64),  # the first product; -1 to choose by taste
        ("views", np.int16),
        ("carts", np.int16),
        ("buys", np.int16),
        ("login", np.bool_),
        ("earns", np.bool_),  # points for coming
        ("refund", np.float32),  # chance that a bought line is sent back
        ("review", np.float32),  # chance that a bought line is reviewed
        ("praise", np.bool_),  # the review gives five stars whatever the product
        ("same", np.bool_),  # refunds and reviews come from the visit's own device and IP
        ("dispute", np.float32),  # chance that the order is charged back
        ("ring", np.int32),  # the planted ring, -1 for none: truth, never told
    ]
)

REFUND, REVIEW, DISPUTE = 0.06, 0.13, 0.0015
WELCOME = 0
"""The coupon for a first order; the others belong to seasons."""
SEASONS = 12


def _season(world: World, times: Ints) -> Ints:
    length = (world.clock.end - world.clock.start) // SEASONS
    return 1 + (times - world.clock.start) // length


def visit(world: World, rng: np.random.Generator, members: Ints, times: Ints) -> Visits:
    """Return ordinary visits of ``members`` at ``times``: own device, home or carrier, own taste."""
    count = len(members)
    rows = np.zeros(count, dtype=VISIT)
    rows["member"], rows["time"] = members, times
    which = np.searchsorted([0.72, 0.94], rng.random(count))
    rows["device"] = world.own_device(members, times, which)
    rows["ip"] = np.where(
        rng.random(count) < world.at_home[members],
        world.home_ip(members, times),
        world.mobile_ip(rng, members),
    )
    away = (world.second[members] >= 0) & (rng.random(count) < 0.35)
    rows["address"] = np.where(away, world.second[members], world.home[world.dwelling[members]])
    # Some parcels go to somebody who is no member.
    once = np.flatnonzero(rng.random(count) < 0.06)
    rows["address"][once] = world.new("address", len(once))
    card = world.cards[members, (rng.random(count) < 0.2).astype(np.int64)]
    card = np.where(card < 0, world.cards[members, 0], card)
    virtual = np.flatnonzero(world.virtual[members])
    card[virtual] = world.new("card", len(virtual))
    rows["card"] = np.where(rng.random(count) < 0.15, -1, card)

    buys = np.where(rng.random(count) < 0.31, rng.geometric(0.65, count), 0)
    rows["buys"] = np.minimum(buys, 8)
    rows["carts"] = rows["buys"] + np.where(rng.random(count) < 0.2, rng.geometric(0.7, count), 0)
    rows["views"] = np.maximum(rng.geometric(0.42, count) - (rng.random(count) < 0.3), 0)
    rows["login"] = rng.random(count) < 0.55
    rows["earns"] = rng.random(count) < 0.12
    early = times < world.signup[members] + 30 * DAY
    coupon = np.where(early & (rng.random(count) < 0.5), WELCOME, _season(world, times))
    rows["coupon"] = np.where(rng.random(count) < np.where(early, 0.45, 0.2), coupon, -1)
    rows["product"] = -1
    rows["refund"], rows["review"], rows["dispute"] = REFUND, REVIEW, DISPUTE
    rows["ring"] = -1
    return rows


def buy(rows: Visits, rng: np.random.Generator, product: Ints | None = None) -> None:
    """Make each visit end in an order, in place; of ``product`` where given."""
    rows["buys"] = np.maximum(rows["buys"], 1 + (rng.random(len(rows)) < 0.15))
    rows["carts"] = np.maximum(rows["carts"], rows["buys"])
    if product is not None:
        rows["product"] = product


def everyday(world: World, rng: np.random.Generator, visits: float) -> Visits:
    """Return the everyday visits of all members, some ``visits`` each, heavy-tailed."""
    begin = np.maximum(world.signup, world.clock.start)
    days = np.maximum(world.leave - begin, 0) / DAY
    expected = world.rate * np.sqrt(days)
    expected *= visits * world.members / expected.sum()
    # Nobody visits a hundred times as often as others do: a shop blocks such robots.
    counts = rng.poisson(np.minimum(expected, visits * 25))
    members = np.repeat(np.arange(world.members), counts)
    times = world.clock.draw(rng, begin[members], world.leave[members])
    # Half of the visits follow another one within days: people come in spells.
    spell = (rng.random(len(members)) < 0.35) & (np.diff(members, prepend=-1) == 0)
    previous = np.maximum(np.arange(len(members)) - 1, 0)
    near = times[previous] + rng.exponential(2 * DAY, len(members)).astype(np.int64)
    times = np.where(spell, world.clock.draw(rng, near, near + DAY), times)
    return visit(world, rng, members, np.minimum(times, world.clock.end - 1))


def taste(world: World, rng: np.random.Generator, members: Ints) -> tuple[Ints, Ints]:
    """Return for each visit the range of products it looks at: a brand, a category or anything."""
    count = len(members)
    favourite = np.searchsorted([0.55, 0.85], rng.random(count)) % FAVOURITES
    brand_low, brand_high = world.catalogue.of_brand(world.brands[members, favourite])
    low, high = world.catalogue.of_category(world.tastes[members, favourite])
    way = rng.random(count)
    everything = len(world.catalogue)
    low = np.where(way < 0.35, brand_low, np.where(way < 0.85, low, 0))
    high = np.where(way < 0.35, brand_high, np.where(way < 0.85, high, everything))
    return low, high
