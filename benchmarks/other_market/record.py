"""Visits become events: what was done, bought, sent back and praised, as this shop writes it down."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.other_market.goods import Goods
from benchmarks.other_market.people import People, own_visits
from benchmarks.other_market.style import DAY, VIEWS
from benchmarks.other_market.world import NONE, Flags, Floats, Integers, Visits, World, opaque, take

_COLUMNS = {"device": "device_id", "address": "address_id"}


def _part(kind: str, visits: Visits, time: Floats, **columns: npt.NDArray[Any]) -> pl.DataFrame:
    """Return events of one kind, one per row of ``visits``."""
    named = {name: pl.Series(column) for name, column in columns.items()}
    frame = {
        "time": np.asarray(time, dtype=np.float64),
        "member": visits["member"],
        **{view: visits[view] for view in VIEWS},
        **{f"keeps_{view}": visits[f"keeps_{view}"] for view in VIEWS},
        **named,
    }
    return pl.DataFrame(frame).with_columns(kind=pl.lit(kind))


def _again(world: World, people: People, visits: Visits, time: Floats) -> Visits:
    """Return who comes back later: with what is the member's then, or still the ring's."""
    later = own_visits(world, people, np.asarray(visits["member"], dtype=np.int64), time)
    sticky = np.asarray(visits["sticky"]) & world.chance(0.7, len(time))
    for view in VIEWS:
        later[view] = np.where(sticky, visits[view], later[view])
    # What an order had, its return has: where it came from and who paid.
    for view in ("address", "card", "phone"):
        later[view] = visits[view]
    return later


def _browsing(world: World, people: People, goods: Goods, visits: Visits) -> list[pl.DataFrame]:
    rng = world.rng
    time = np.asarray(visits["time"], dtype=np.float64)
    idle = (visits["browse"] == 0) & (visits["items"] == 0) & ~visits["signup"]
    login = np.flatnonzero(visits["login"] | idle)
    signup = np.flatnonzero(visits["signup"])
    rows = np.repeat(np.arange(len(time)), visits["browse"])
    member = visits["member"][rows]
    product = goods.choose(rng, people.taste[member], people.usual[member], world.style.repeat)
    first = np.diff(rows, prepend=-1) > 0
    target = visits["target"][rows]
    product = np.where(first & (target != NONE), target, product)
    after = time[rows] + np.floor(rng.exponential(240, len(rows)))
    return [
        _part("login", take(visits, login), time[login]),
        _part("signup", take(visits, signup), time[signup]),
        _part("view", take(visits, rows), after, product=product),
    ]


def _orders(world: World, people: People, goods: Goods, visits: Visits) -> list[pl.DataFrame]:
    """Return carts, purchases, coupons and points, and what follows from purchases."""
    rng, style = world.rng, world.style
    bought = np.flatnonzero(visits["items"])
    order = np.full(len(visits["items"]), NONE, dtype=np.int64)
    order[bought] = world.new("order", len(bought))
    paid = np.asarray(visits["time"], dtype=np.float64)
    paid = paid + 120 + np.floor(rng.exponential(400, len(paid)))
    rows = np.repeat(bought, visits["items"][bought])
    member = visits["member"][rows]
    product = goods.choose(rng, people.taste[member], people.usual[member], style.repeat)
    first, target = np.diff(rows, prepend=-1) > 0, visits["target"][rows]
    product = np.where(first & (target != NONE), target, product)
    quantity = rng.geometric(0.85, len(rows)).astype(np.int64)
    off = np.where(visits["coupon"][rows] >= 0, rng.choice([0.8, 0.85, 0.9]), 1.0)
    amount = np.round(goods.price[product] * quantity * off, 2)
    lines: Visits = take(visits, rows)
    lines |= {"product": product, "amount": amount, "quantity": quantity, "order": order[rows]}
    lines["paid"] = paid[rows]
    carted = np.flatnonzero(world.chance(style.cart, len(rows)))
    coupon = np.flatnonzero(visits["coupon"] >= 0)
    spent = np.flatnonzero(visits["spent"] > 0)
    earned = np.flatnonzero(world.chance(style.points, len(bought)))
    earned = bought[earned]
    return [
        _part("cart", take(lines, carted), paid[rows][carted] - 60, product=product[carted]),
        _part("purchase", lines, paid[rows], product=product, amount=amount, quantity=quantity,
              order=order[rows], coupon=visits["coupon"][rows]),
        _part("coupon", take(visits, coupon), np.asarray(visits["time"])[coupon] + 20,
              coupon=visits["coupon"][coupon]),
        _part("points", take(visits, earned), paid[earned], order=order[earned],
              points=rng.integers(1, 120, len(earned)).astype(float)),
        _part("points", take(visits, spent), paid[spent], points=-visits["spent"][spent]),
        *_aftermath(world, people, lines, first),
    ]  # fmt: skip


def _aftermath(world: World, people: People, lines: Visits, first: Flags) -> list[pl.DataFrame]:
    """Return refunds, reviews and chargebacks of bought lines."""
    rng, style, count = world.rng, world.style, len(lines["paid"])
    paid = np.asarray(lines["paid"], dtype=np.float64)
    back = np.flatnonzero(rng.random(count) < lines["refund"])
    returned = take(lines, back)
    when = paid[back] + np.floor(DAY * (0.3 + rng.gamma(2, style.refund_days / 2, len(back))))
    praised = np.flatnonzero(rng.random(count) < lines["review"])
    said = take(lines, praised)
    wait = np.floor(DAY * (0.5 + rng.gamma(2, 6, len(praised))) * said["delay"])
    usual = rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], len(praised), p=[0.08, 0.05, 0.1, 0.24, 0.53])
    rating = np.where(np.isnan(said["rating"]), usual, said["rating"])
    charged = np.flatnonzero((rng.random(count) < lines["chargeback"]) & first)
    disputed = take(lines, charged)
    return [
        _part("refund", _again(world, people, returned, when), when, product=returned["product"],
              amount=returned["amount"], quantity=returned["quantity"], order=returned["order"]),
        _part("review", _again(world, people, said, paid[praised] + wait), paid[praised] + wait,
              product=said["product"], rating=rating),
        _part("chargeback", disputed, paid[charged] + np.floor(DAY * rng.uniform(10, 90, len(charged))),
              amount=disputed["amount"], order=disputed["order"]),
    ]  # fmt: skip


def _kept(world: World, view: str) -> pl.Expr:
    """Return the identifier where this shop writes it down, else null."""
    kinds = world.style.recorded[view].kinds
    written = pl.col("kind").is_in(kinds) & pl.col(f"keeps_{view}")
    return pl.when(written).then(pl.col(view)).otherwise(NONE).alias(view)


def record(world: World, people: People, goods: Goods, visits: Visits) -> pl.DataFrame:
    """Return the events of all ``visits``, in time order, in the schema's columns."""
    parts = _browsing(world, people, goods, visits) + _orders(world, people, goods, visits)
    frame = pl.concat(parts, how="diagonal_relaxed")
    frame = frame.filter(pl.col("time") < world.end).sort("time", maintain_order=True)
    frame = frame.with_columns(_kept(world, view) for view in VIEWS)
    codes = {"member": "member_id", "product": "product_id", "order": "order_id"} | {
        view: _COLUMNS.get(view, view) for view in VIEWS
    }
    texts = {
        column: opaque(_codes(frame, name), name, world.seed) for name, column in codes.items()
    }
    texts["coupon_id"] = opaque(_codes(frame, "coupon"), "coupon", world.seed)
    texts["event_id"] = opaque(np.arange(frame.height), "event", world.seed)
    money = np.array(world.style.currency)
    foreign = frame["member"].to_numpy() % 9 == 8
    spent = money[np.where(foreign, len(money) - 1, 0)]
    return frame.select(
        "kind", "amount", "quantity", "rating", "points", moment(world)
    ).with_columns(
        **texts,
        currency=pl.when(pl.col("amount").is_not_null()).then(pl.Series(spent)),
    )


def _codes(frame: pl.DataFrame, name: str) -> Integers:
    return frame[name].fill_null(NONE).cast(pl.Int64).to_numpy()


def moment(world: World, column: str = "time") -> pl.Expr:
    """Return the seconds of ``column`` as a moment in UTC."""
    since = pl.duration(microseconds=(pl.col(column) * 1_000_000).cast(pl.Int64))
    start = pl.lit(world.style.start.replace(tzinfo=None)).cast(pl.Datetime("us"))
    return (start + since).dt.replace_time_zone("UTC").alias(column)
