"""What a visit leaves behind: logins, views, carts, orders, and later refunds, reviews, disputes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.schema import KINDS
from graphml.tables.synthetic.clock import DAY, MILLISECOND, MINUTE, SECOND, Clock
from graphml.tables.synthetic.people import World
from graphml.tables.synthetic.visits import Visits, taste

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EVENT = np.dtype(
    [
        ("time", np.int64),
        ("kind", np.int8),
        ("member", np.int32),
        ("product", np.int32),
        ("device", np.int32),
        ("address", np.int32),
        ("ip", np.int32),
        ("card", np.int32),
        ("order", np.int32),
        ("coupon", np.int32),
        ("quantity", np.int16),  # 0 for none
        ("rating", np.int8),  # 0 for none
        ("amount", np.float64),  # NaN for none
        ("points", np.float64),  # NaN for none
    ]
)
CODE = {kind: code for code, kind in enumerate(KINDS)}
_NUMBERS = ("product", "device", "address", "ip", "card", "order", "coupon")
_UNTRACKED = 0.04
_DISPUTE_DAYS = (10, 90)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The looked-at products of all visits, visit by visit; arrays are parallel.

    Attributes:
        visit: Row of the visit.
        place: 0 for the first product of a visit.
        product: The product.
        time: When it was looked at.
    """

    visit: Ints
    place: Ints
    product: Ints
    time: Ints


def blank(kind: str, time: Ints, member: Ints) -> np.ndarray:
    """Return events with nothing but a kind, times and members."""
    rows = np.zeros(len(time), dtype=EVENT)
    rows["kind"], rows["time"], rows["member"] = CODE[kind], time, member
    for name in _NUMBERS:
        rows[name] = -1
    rows["amount"] = rows["points"] = np.nan
    return rows


def lines_of(world: World, rng: np.random.Generator, visits: Visits) -> tuple[Lines, Ints]:
    """Return the products each visit looks at, and the moment each visit checks out."""
    items = np.maximum(visits["views"], visits["carts"]).astype(np.int64)
    row = np.repeat(np.arange(len(visits)), items)
    first = np.concatenate(([0], np.cumsum(items)[:-1])) if len(items) else items
    place = np.arange(len(row)) - first[row]
    low, high = taste(world, rng, visits["member"])
    product = world.catalogue.draw(rng, low[row], high[row])
    wanted = visits["product"][row]
    product = np.where((place == 0) & (wanted >= 0), wanted, product)
    pace = np.exp(rng.normal(np.log(40 * SECOND), 0.6, len(visits)))
    time = visits["time"][row] + ((place + 0.2 + 0.7 * rng.random(len(row))) * pace[row]).astype(
        np.int64
    )
    checkout = visits["time"] + ((items + 1.0 + rng.random(len(visits))) * pace).astype(np.int64)
    return Lines(visit=row, place=place, product=product, time=time), checkout


def _seen(kind: str, visits: Visits, row: Ints, time: Ints) -> np.ndarray:
    """Return events of visits ``row`` with the device and IP of the visit."""
    chosen = visits[row]
    rows = blank(kind, time, chosen["member"])
    rows["device"], rows["ip"] = chosen["device"], chosen["ip"]
    return rows


def _looks(visits: Visits, lines: Lines) -> list[np.ndarray]:
    """Return logins, views and carts."""
    login = np.flatnonzero(visits["login"])
    found = [_seen("login", visits, login, visits["time"][login])]
    for kind, column, delay in (("view", "views", 0), ("cart", "carts", 9 * SECOND)):
        chosen = np.flatnonzero(lines.place < visits[column][lines.visit])
        rows = _seen(kind, visits, lines.visit[chosen], lines.time[chosen] + delay)
        rows["product"] = lines.product[chosen]
        found.append(rows)
    return found


def _purchases(
    world: World, rng: np.random.Generator, visits: Visits, lines: Lines, checkout: Ints
) -> tuple[np.ndarray, Ints]:
    """Return purchases, a row per line of an order, and the visit of each; orders are numbered."""
    chosen = np.flatnonzero(lines.place < visits["buys"][lines.visit])
    row = lines.visit[chosen]
    rows = _seen("purchase", visits, row, checkout[row])
    rows["product"] = lines.product[chosen]
    for name in ("address", "card", "coupon"):
        rows[name] = visits[name][row]
    rows["order"] = np.cumsum(np.diff(row, prepend=-1) > 0) - 1
    rows["quantity"] = np.minimum(rng.geometric(0.85, len(rows)), 9)
    off = np.where(rows["coupon"] >= 0, 0.85, 1.0)
    price = world.catalogue.price[rows["product"]]
    rows["amount"] = np.round(price * rows["quantity"] * off, 2)
    return rows, row


def _rewards(rng: np.random.Generator, visits: Visits, buys: np.ndarray) -> list[np.ndarray]:
    """Return redeemed coupons and points, earned by an order or by coming."""
    starts = buys[np.flatnonzero(np.diff(buys["order"], prepend=-1))]
    total = np.bincount(buys["order"], weights=buys["amount"], minlength=len(starts))
    used = starts[starts["coupon"] >= 0]
    coupon = blank("coupon", used["time"] - 2 * SECOND, used["member"])
    for name in ("device", "ip", "order", "coupon"):
        coupon[name] = used[name]
    earned = np.flatnonzero(rng.random(len(starts)) < 0.5)
    bought = blank("points", starts["time"][earned] + SECOND, starts["member"][earned])
    bought["order"] = starts["order"][earned]
    bought["points"] = np.ceil(total[earned] / 10)
    came = np.flatnonzero(visits["earns"])
    daily = _seen("points", visits, came, visits["time"][came] + 20 * SECOND)
    daily["points"] = rng.choice([5.0, 10.0, 20.0], len(daily), p=[0.6, 0.3, 0.1])
    return [coupon, bought, daily]


def _later(
    world: World, rng: np.random.Generator, kind: str, chosen: np.ndarray, source: Visits
) -> np.ndarray:
    """Return events some days after purchases ``chosen``; mostly from one's own device at home."""
    # At least two days for the parcel, then soon or late.
    time = chosen["time"] + ((2 + rng.gamma(1.6, 4.5, len(chosen))) * DAY).astype(np.int64)
    known = time + DAY // 2 < world.clock.end
    time = world.clock.draw(rng, time, time + DAY // 2)
    rows = blank(kind, time, chosen["member"])
    rows["product"], rows["order"] = chosen["product"], chosen["order"]
    members = chosen["member"].astype(np.int64)
    same = source["same"]
    rows["device"] = np.where(same, chosen["device"], world.own_device(members, time))
    rows["ip"] = np.where(same, chosen["ip"], world.home_ip(members, time))
    columns = ("amount", "quantity") if kind == "refund" else ("rating",)
    for name in columns:
        rows[name] = chosen[name]
    return rows[known]


def _afterwards(
    world: World, rng: np.random.Generator, visits: Visits, buys: np.ndarray, row: Ints
) -> list[np.ndarray]:
    """Return refunds and reviews."""
    source = visits[row]
    back = np.flatnonzero(rng.random(len(buys)) < source["refund"])
    refund = _later(world, rng, "refund", buys[back], source[back])
    told = np.flatnonzero(rng.random(len(buys)) < source["review"])
    # Most stars are five, some are one; products differ.
    stars = rng.choice([1, 2, 3, 4, 5], len(told), p=[0.08, 0.05, 0.1, 0.23, 0.54])
    shift = world.catalogue.quality[buys["product"][told]] + rng.normal(0, 0.4, len(told))
    stars = np.clip(np.round(stars + shift), 1, 5)
    bought = buys[told].copy()
    bought["rating"] = np.where(source["praise"][told], 5, stars)
    review = _later(world, rng, "review", bought, source[told])
    return [refund, review]


def _disputes(
    rng: np.random.Generator, clock: Clock, visits: Visits, buys: np.ndarray, row: Ints
) -> np.ndarray:
    """Return chargebacks, 10 to 90 days after their order; those after the end are not known."""
    first = np.flatnonzero(np.diff(buys["order"], prepend=-1))
    total = np.bincount(buys["order"], weights=buys["amount"], minlength=len(first))
    orders = buys[first]
    hit = np.flatnonzero(
        (rng.random(len(orders)) < visits["dispute"][row[first]]) & (orders["card"] >= 0)
    )
    low, high = _DISPUTE_DAYS
    delay = low + (high - low) * rng.beta(1.6, 2.6, len(hit))
    time = orders["time"][hit] + (delay * DAY).astype(np.int64)
    rows = blank("chargeback", time - time % MINUTE, orders["member"][hit])
    rows["card"], rows["order"] = orders["card"][hit], orders["order"][hit]
    rows["amount"] = np.round(total[hit], 2)
    return rows[rows["time"] < clock.end]


def _signups(world: World) -> np.ndarray:
    """Return a signup of each member; those before the window were kept without device and IP."""
    rows = blank("signup", world.signup, np.arange(world.members))
    known = world.signup >= world.clock.start
    rows["device"] = np.where(known, world.signup_device, -1)
    rows["ip"] = np.where(known, world.signup_ip, -1)
    return rows


def tell(world: World, rng: np.random.Generator, visits: Visits) -> tuple[np.ndarray, Ints]:
    """Return all events in the order of time, and the ring behind each order (−1 for none)."""
    visits = visits[visits["time"] < world.clock.end]
    lines, checkout = lines_of(world, rng, visits)
    buys, row = _purchases(world, rng, visits, lines, checkout)
    first = np.flatnonzero(np.diff(buys["order"], prepend=-1))
    parts = [
        _signups(world),
        *_looks(visits, lines),
        buys,
        *_rewards(rng, visits, buys),
        *_afterwards(world, rng, visits, buys, row),
        _disputes(rng, world.clock, visits, buys, row),
    ]
    events = np.concatenate(parts)
    lost = rng.random(len(events)) < _UNTRACKED
    events["device"][lost & (events["kind"] != CODE["signup"])] = -1
    time = events["time"].copy()
    time -= time % MILLISECOND
    events["time"] = time
    order = np.argsort(time, kind="stable")
    known = int((time < world.clock.end).sum())
    return events[order[:known]], visits["ring"][row[first]]
