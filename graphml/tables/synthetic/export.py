"""Numbers turned into the frames that a shop would export, and into the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.schema import KINDS
from graphml.tables.frames import TIME
from graphml.tables.synthetic.catalogue import CATEGORIES
from graphml.tables.synthetic.events import CODE
from graphml.tables.synthetic.ids import Ids, pick
from graphml.tables.synthetic.labels import Verdicts
from graphml.tables.synthetic.links import Links
from graphml.tables.synthetic.people import World
from graphml.tables.synthetic.rings import PlantedRing
from graphml.tables.synthetic.visits import SEASONS

Ints = NDArray[np.int64]

CURRENCY = "EUR"


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of everything, by type."""

    member: pl.Series
    product: pl.Series
    device: pl.Series
    address: pl.Series
    ip: pl.Series
    card: pl.Series
    order: pl.Series
    coupon: pl.Series
    seller: pl.Series
    brand: pl.Series
    event: pl.Series
    ring: pl.Series
    group: pl.Series


def name_all(
    world: World,
    rng: np.random.Generator,
    events: int,
    rings: list[PlantedRing],
    orders: Ints,
) -> Names:
    """Return opaque names for everything there is, orders and coupons too."""
    ids = Ids(rng)
    return Names(
        member=ids.names(world.members),
        product=ids.names(len(world.catalogue)),
        device=ids.names(world.counts["device"]),
        address=ids.names(world.counts["address"]),
        ip=ids.names(world.counts["ip"]),
        card=ids.names(world.counts["card"]),
        order=ids.names(len(orders)),
        coupon=ids.names(SEASONS + 2),
        seller=ids.names(world.catalogue.sellers),
        brand=ids.names(int(world.catalogue.brand.max()) + 1),
        event=ids.names(events),
        ring=ids.names(len(rings)),
        group=ids.names(len(world.benign)),
    )


def _times(times: Ints) -> pl.Series:
    """Return times in UTC; a negative one is null."""
    numbers = pl.Series(times, dtype=pl.Int64)
    return numbers.set(numbers < 0, None).cast(TIME)


def _present(numbers: np.ndarray) -> pl.Series:
    """Return numbers of which 0 is null."""
    series = pl.Series(numbers)
    return series.set(series == 0, None)


def events_frame(events: np.ndarray, names: Names) -> pl.DataFrame:
    """Return the events table, in the order of time."""
    kinds = pl.Series(KINDS)
    amount = pl.Series(events["amount"]).fill_nan(None)
    return pl.DataFrame(
        {
            "event_id": names.event,
            "time": _times(events["time"]),
            "kind": kinds.gather(pl.Series(events["kind"])),
            "member_id": pick(names.member, events["member"]),
            "product_id": pick(names.product, events["product"]),
            "device_id": pick(names.device, events["device"]),
            "address_id": pick(names.address, events["address"]),
            "ip": pick(names.ip, events["ip"]),
            "card": pick(names.card, events["card"]),
            "amount": amount,
            "currency": pl.select(pl.when(amount.is_not_null()).then(pl.lit(CURRENCY))).to_series(),
            "quantity": _present(events["quantity"]),
            "rating": _present(events["rating"]),
            "order_id": pick(names.order, events["order"]),
            "coupon_id": pick(names.coupon, events["coupon"]),
            "points": pl.Series(events["points"]).fill_nan(None),
        }
    )


def members_frame(world: World, rng: np.random.Generator, names: Names) -> pl.DataFrame:
    """Return the members table, in the order of names."""
    frame = pl.DataFrame(
        {
            "member_id": names.member,
            "signup_time": _times(world.signup),
            "opted_out": rng.random(world.members) < 0.06,
        }
    )
    return frame.sort("member_id")


def products_frame(world: World, names: Names) -> pl.DataFrame:
    """Return the products table, in the order of names."""
    goods = world.catalogue
    frame = pl.DataFrame(
        {
            "product_id": names.product,
            "category": pl.Series(CATEGORIES).gather(pl.Series(goods.category)),
            "brand": pick(names.brand, goods.brand),
            "seller_id": pick(names.seller, goods.seller),
            "price": goods.price,
        }
    )
    return frame.sort("product_id")


def rings_frame(
    world: World, rings: list[PlantedRing], visits: np.ndarray, names: Names
) -> pl.DataFrame:
    """Return who is in which ring, as what, and the member's first act or made-up signup."""
    first = np.full(world.members, world.clock.end)
    acts = visits[visits["ring"] >= 0]
    np.minimum.at(first, acts["member"], acts["time"])
    members = np.concatenate([ring.members for ring in rings])
    made = members[np.concatenate([ring.fresh for ring in rings])]
    first[made] = np.minimum(first[made], world.signup[made])
    number = np.repeat(np.arange(len(rings)), [len(ring.members) for ring in rings])
    frame = pl.DataFrame(
        {
            "ring_id": pick(names.ring, number),
            "member_id": pick(names.member, members),
            "kind": [ring.kind for ring in rings for _ in ring.members],
            "role": [role for ring in rings for role in ring.roles],
            "first_event": _times(first[members]),
        }
    )
    return frame.sort("ring_id", "member_id")


def groups_frame(world: World, names: Names) -> pl.DataFrame:
    """Return who shares harmlessly with whom."""
    number = np.repeat(np.arange(len(world.benign)), [len(group.members) for group in world.benign])
    frame = pl.DataFrame(
        {
            "group_id": pick(names.group, number),
            "member_id": pick(
                names.member, np.concatenate([group.members for group in world.benign])
            ),
            "kind": pl.Series([group.kind for group in world.benign]).gather(pl.Series(number)),
        }
    )
    return frame.sort("group_id", "member_id")


def fraud_frame(events: np.ndarray, ring_of_order: Ints, names: Names) -> pl.DataFrame:
    """Return every order a ring placed, with the member whose account it went through."""
    bought = events[events["kind"] == CODE["purchase"]]
    bought = bought[ring_of_order[bought["order"]] >= 0]
    frame = pl.DataFrame(
        {
            "order_id": pick(names.order, bought["order"]),
            "member_id": pick(names.member, bought["member"]),
            "ring_id": pick(names.ring, ring_of_order[bought["order"]]),
        }
    )
    return frame.unique().sort("order_id")


def labels_frame(found: Verdicts, names: Names) -> pl.DataFrame:
    """Return the labels table; only fraud has a time it happened."""
    frame = pl.DataFrame(
        {
            "member_id": pick(names.member, found.member),
            "label": found.label,
            "known_at": _times(found.known_at),
            "fraud_time": _times(np.where(found.label == 1, found.fraud_time, -1)),
        }
    )
    return frame.sort("known_at", "member_id")


def links_frame(links: tuple[Links, ...], names: Names) -> pl.DataFrame:
    """Return the links table, in the order of time."""
    frames = [
        pl.DataFrame(
            {
                "member_id": pick(names.member, each.source),
                "other_member_id": pick(names.member, each.target),
                "kind": pl.Series([each.kind] * len(each.source), dtype=pl.String),
                "time": _times(each.time),
            }
        )
        for each in links
    ]
    return pl.concat(frames).sort("time", "member_id", "other_member_id")
