"""Honest life looks like a shop's: rhythm, heavy tails, tastes."""

import numpy as np
import polars as pl
import pytest

from tests.tables.synthetic.markets import market


@pytest.fixture(scope="module")
def events():
    made = market(4_000)
    return made.tables.events.filter(pl.col("kind") != "signup")


def test_evenings_are_busier_than_nights_and_weekends_than_weekdays(events):
    hours = dict(events.group_by(pl.col("time").dt.hour()).len().iter_rows())
    days = dict(
        events.filter(pl.col("time").dt.ordinal_day() <= 238)
        .group_by(pl.col("time").dt.weekday())
        .len()
        .iter_rows()
    )

    assert min(hours[hour] for hour in (19, 20)) > 8 * max(hours[hour] for hour in (2, 3, 4))
    assert min(days[6], days[7]) > 1.03 * max(days[day] for day in (1, 2, 3, 4, 5))


def test_activity_and_popularity_have_heavy_tails(events):
    counts = np.sort(events.group_by("member_id").len()["len"].to_numpy())[::-1]
    views = events.filter(pl.col("kind") == "view").group_by("product_id").len()["len"]
    views = np.sort(views.to_numpy())[::-1]

    assert counts[: len(counts) // 10].sum() > 0.28 * counts.sum()
    assert counts[0] > 6 * np.median(counts)
    assert views[: len(views) // 10].sum() > 0.3 * views.sum()


def test_there_is_more_looking_than_carting_and_more_carting_than_buying(events):
    kinds = dict(events["kind"].value_counts().iter_rows())

    assert kinds["view"] > 1.5 * kinds["cart"] > 1.5 * kinds["purchase"]
    assert 0.02 < kinds["refund"] / kinds["purchase"] < 0.2
    assert 0.05 < kinds["review"] / kinds["purchase"] < 0.3


def test_members_have_tastes(events):
    products = market(4_000).tables.products
    views = events.filter(pl.col("kind") == "view").join(products, on="product_id")
    own = (
        views.group_by("member_id", "category")
        .len()
        .group_by("member_id")
        .agg((pl.col("len").max() / pl.col("len").sum()).alias("most"), pl.col("len").sum())
        .filter(pl.col("len") >= 10)
    )
    overall = views["category"].value_counts(normalize=True)["proportion"].max()

    assert own["most"].mean() > 3 * overall


def test_carrier_addresses_are_shared_by_many(events):
    users = events.group_by("ip").agg(pl.col("member_id").n_unique())["member_id"]

    assert (users > 100).sum() >= 10


def test_people_come_and_go(events):
    life = events.group_by("member_id").agg(
        pl.col("time").min().alias("first"), pl.col("time").max()
    )
    spans = (life["time"] - life["first"]).dt.total_days()

    assert (spans < 60).mean() > 0.1
    assert (spans > 150).mean() > 0.2
