"""No single column and no pattern of an identifier gives a ring away."""

import polars as pl
import pytest

from graphml.schema import KINDS
from tests.tables.synthetic.markets import VIEWS, auc, market, uses

SEEDS = (7, 8)
BOUND = 0.80
"""No column may rank ring members above others better than this (area under the ROC curve)."""
SHARED_BOUND = 0.86
"""Nor how many members share a member's values, which rings exist to do."""
IDS = (
    "event_id", "member_id", "product_id", "device_id", "address_id", "ip", "card", "order_id",
    "coupon_id",
)  # fmt: skip


def described(made):
    """One row per member: every simple thing that a column can say."""
    events = made.tables.events
    own = events.filter(pl.col("kind") != "signup")
    numbers = ("amount", "quantity", "rating", "points")
    identifiers = ("device_id", "address_id", "ip", "card", "product_id", "coupon_id", "order_id")
    features = own.group_by("member_id").agg(
        pl.len().alias("events"),
        *[(pl.col("kind") == kind).sum().alias(f"number of {kind}") for kind in KINDS],
        *[(pl.col("kind") == kind).mean().alias(f"share of {kind}") for kind in KINDS],
        *[pl.col(name).n_unique().alias(f"different {name}") for name in identifiers],
        *[pl.col(name).is_null().mean().alias(f"share without {name}") for name in identifiers],
        *[pl.col(name).mean().alias(f"mean {name}") for name in numbers],
        *[pl.col(name).max().alias(f"largest {name}") for name in numbers],
        *[pl.col(name).cast(pl.Float64).sum().alias(f"sum of {name}") for name in numbers],
        pl.col("time").dt.hour().mean().alias("hour"),
        (pl.col("time").dt.hour() < 6).mean().alias("nights"),
        pl.col("time").dt.weekday().mean().alias("weekday"),
        (pl.col("time").dt.microsecond() // 1_000 % 10).mean().alias("last digit of time"),
        pl.col("time").min().cast(pl.Int64).alias("first"),
        pl.col("time").max().cast(pl.Int64).alias("last"),
        pl.col("time").dt.date().n_unique().alias("days"),
        pl.col("time").dt.date().mode().len().alias("equal days"),
    )
    signup = events.filter(pl.col("kind") == "signup").select(
        "member_id",
        pl.col("device_id").is_null().alias("signup without device"),
        pl.col("time").dt.hour().alias("hour of signup"),
    )
    members = made.tables.members.select(
        "member_id", pl.col("signup_time").cast(pl.Int64), "opted_out"
    )
    return (
        members.join(features, on="member_id", how="left")
        .join(signup, on="member_id", how="left")
        .with_columns(
            pl.col("member_id").str.slice(0, 2).str.to_integer(base=16).alias("first of id"),
            pl.col("member_id").str.slice(-2).str.to_integer(base=16).alias("last of id"),
            pl.col("member_id").str.count_matches("[a-f]").alias("letters of id"),
            pl.int_range(pl.len()).alias("row in members"),
        )
    )


def areas(frames, made_by):
    rows = pl.concat(frames)
    ring = pl.concat(
        made.tables.members.select(
            pl.col("member_id").is_in(made.truth_rings["member_id"].implode())
        ).to_series()
        for made in made_by
    )
    return {name: auc(rows[name], ring) for name in rows.columns if name != "member_id"}


def test_no_column_gives_ring_members_away():
    made_by = [market(20_000, seed) for seed in SEEDS]

    found = areas([described(made) for made in made_by], made_by)

    assert len(found) > 60
    assert {name: round(area, 3) for name, area in found.items() if area >= BOUND} == {}


def test_no_count_of_others_on_a_value_gives_ring_members_away():
    made_by = [market(20_000, seed) for seed in SEEDS]
    frames = []
    for made in made_by:
        used = uses(made.tables.events).with_columns(pl.len().over("view", "value").alias("users"))
        frame = made.tables.members.select("member_id")
        for view in VIEWS:
            by_member = (
                used.filter(pl.col("view") == view)
                .group_by("member_id")
                .agg(
                    pl.col("users").max().alias(f"most on a {view}"),
                    (pl.col("users") > 1).sum().alias(f"shared {view}"),
                )
            )
            frame = frame.join(by_member, on="member_id", how="left", maintain_order="left")
        frames.append(frame)

    found = areas(frames, made_by)

    assert {name: round(area, 3) for name, area in found.items() if area >= SHARED_BOUND} == {}


@pytest.mark.parametrize("name", IDS)
def test_ids_are_sixteen_hex_digits_whoever_has_them(name):
    made = market(4_000)
    events = made.tables.events.filter(pl.col(name).is_not_null())
    in_ring = pl.col("member_id").is_in(made.truth_rings["member_id"].implode())

    for part in (events.filter(in_ring), events.filter(~in_ring)):
        assert part[name].str.contains("^[0-9a-f]{16}$").all()
    ids = events[name].unique()
    expected = len(ids) / 16
    for place in range(16 if expected > 50 else 0):
        counts = ids.str.slice(place, 1).value_counts()["count"].cast(pl.Float64)
        assert counts.len() == 16
        assert (counts - expected).abs().max() < 5 * expected**0.5


def test_no_id_names_two_kinds_of_thing():
    events = market(4_000).tables.events
    ids = pl.concat(events.select(pl.col(name).drop_nulls().unique().alias("id")) for name in IDS)

    assert ids["id"].n_unique() == ids.height


def test_the_order_of_ids_says_nothing():
    made = market(4_000)
    first = made.tables.events.group_by("device_id").agg(pl.col("time").min()).drop_nulls()
    ranks = first.select(pl.corr(pl.col("device_id").rank(), pl.col("time").rank()))

    assert abs(ranks.item()) < 0.05
    tables = made.tables
    assert tables.members["member_id"].is_sorted()
    assert tables.products["product_id"].is_sorted()
