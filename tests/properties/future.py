"""Markets, and a future that is as loud as can be, for tests that nothing of it shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import polars as pl

from benchmarks.other_market.market import make_other_market
from graphml.config import RingConfig, SimulateConfig
from graphml.results import Ring
from graphml.tables.frames import TABLES, Tables
from graphml.tables.synthetic import make_marketplace

MICROSECOND = timedelta(microseconds=1)
EVERYTHING = RingConfig(min_score=0, min_members=2)
MOMENTS = {"events": "time", "links": "time", "labels": "known_at"}
IDS = (
    "member_id",
    "other_member_id",
    "product_id",
    "device_id",
    "address_id",
    "ip",
    "card",
    "phone",
    "email",
    "seller_id",
)
MARKETS = {
    "default": lambda: make_marketplace(SimulateConfig(members=2_000, seed=2)),
    "hard": lambda: make_marketplace(SimulateConfig(members=2_000, seed=3, difficulty="hard")),
    "grocery": lambda: make_other_market(members=2_500, seed=1, style="grocery"),
    "electronics": lambda: make_other_market(members=2_500, seed=3, style="electronics"),
}


@cache
def market(name: str) -> Tables:
    made = MARKETS[name]()
    return made[0] if isinstance(made, tuple) else made.tables


def cut(tables: Tables, share: float) -> datetime:
    """Return the time of the purchase that ``share`` of all purchases do not follow."""
    times = tables.events.filter(kind="purchase")["time"].sort()
    return times[int(share * (len(times) - 1))]


def future(tables: Tables, as_of: datetime, seed: int) -> Tables:
    """Return a second life of the market that begins a microsecond after ``as_of``.

    Half of all keys stay, the others sort before and after all that were there, so that dense ids
    move. Everything is dearer, better rated and in another currency; all orders are charged back,
    all members are named fraudulent, products change sellers.
    """
    start = as_of + MICROSECOND
    frames = {}
    for table in TABLES:
        frame = getattr(tables, table)
        frame = frame.with_columns(_renamed(name, seed) for name in IDS if name in frame.columns)
        if moment := MOMENTS.get(table):
            frame = frame.drop_nulls(moment)
            frame = frame.with_columns(pl.col(moment) - pl.col(moment).min() + start)
        else:
            frame = frame.with_columns(valid_from=start)
        frames[table] = frame
    events, bought = frames["events"], tables.events.filter(kind="purchase")
    frames["events"] = pl.concat(
        [
            events.with_columns(
                event_id="!late " + pl.col("event_id"),
                amount=pl.col("amount") * 100,
                rating=pl.col("rating") + 3,
                currency=pl.lit("AAA"),
            ),
            bought.with_columns(
                event_id="~back " + pl.col("event_id"), kind=pl.lit("chargeback"), time=start
            ),
        ],
        how="vertical_relaxed",
    )
    frauds = tables.events.select(pl.col("member_id").unique(maintain_order=True), label=1)
    frames["labels"] = pl.concat(
        # Labels that nobody knows the moment of are for evaluation; they may decide nothing.
        [frames["labels"], *(frauds.with_columns(known_at=time) for time in (start, None))],
        how="diagonal_relaxed",
    )
    return Tables(**frames)


def _renamed(name: str, seed: int) -> pl.Expr:
    turn = pl.col(name).hash(seed) % 4
    before, after = pl.lit("!") + pl.col(name), pl.lit("~") + pl.col(name)
    return pl.when(turn == 0).then(before).when(turn == 1).then(after).otherwise(name).alias(name)


def together(one: Tables, other: Tables, seed: int) -> Tables:
    """Return all rows of both, in an order of chance."""
    return Tables(
        **{
            table: pl.concat(
                [getattr(one, table), getattr(other, table)], how="diagonal_relaxed"
            ).sample(fraction=1.0, shuffle=True, seed=seed)
            for table in TABLES
        }
    )


def read_out(rings: list[Ring]) -> list[str]:
    return [repr(ring) for ring in rings]  # floats to the last digit
