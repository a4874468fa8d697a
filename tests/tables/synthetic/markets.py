"""Marketplaces made once for all tests, and what the tests ask of them."""

from functools import cache

import numpy as np
import polars as pl
from scipy.stats import rankdata

from graphml.config import Difficulty, SimulateConfig
from graphml.tables.synthetic import Marketplace, make_marketplace

VIEWS = ("device_id", "address_id", "ip", "card")
BENIGN = {
    "household", "dormitory", "office", "cafe", "parcel_locker", "kiosk", "second_hand_device",
    "flash_sale", "event_wifi", "holiday_home", "borrowed_phone", "demo_device", "trip", "friends",
    "gift",
}  # fmt: skip


@cache
def market(members: int, seed: int = 7, difficulty: Difficulty = "default") -> Marketplace:
    return make_marketplace(SimulateConfig(members=members, seed=seed, difficulty=difficulty))


def uses(events: pl.DataFrame) -> pl.DataFrame:
    """Who used which value: view, value, member_id, events, first, last."""
    return pl.concat(
        events.filter(pl.col(view).is_not_null())
        .group_by(pl.lit(view).alias("view"), pl.col(view).alias("value"), "member_id")
        .agg(
            pl.len().alias("events"),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
        )
        for view in VIEWS
    ).sort("view", "value", "member_id")


def auc(values: pl.Series, positive: pl.Series) -> float:
    """Area under the ROC curve of one feature, in whichever direction is better; null is lowest."""
    ranks = rankdata(values.cast(pl.Float64).fill_nan(None).fill_null(-1e300).to_numpy())
    hit = positive.to_numpy()
    ones, zeros = int(hit.sum()), int((~hit).sum())
    area = (ranks[hit].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    return float(np.maximum(area, 1 - area))
