"""What a fraud of a member may take: what it bought of late."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.tables.frames import TIME

Floats = NDArray[np.float64]

REACH = timedelta(days=90)


def exposures(events: pl.DataFrame, asked: pl.DataFrame) -> Floats:
    """Return what each member bought in the 90 days up to its moment, float64 [rows].

    In the currency that the member used most in that time; 0 where it bought nothing.

    Args:
        events: With member_id, event_id, time, kind, amount and currency, in any order; what comes
            after a row's moment is not looked at.
        asked: With member_id and as_of, one row each; the fewer different moments, the faster.
    """
    columns = ("member_id", "event_id", "time", "amount", "currency")
    bought = events.filter(pl.col("kind") == "purchase").select(columns)
    moments: list[datetime] = asked["as_of"].unique().sort().to_list()
    spent = [_spent(bought, moment) for moment in moments]
    if not spent:
        return np.zeros(0)
    found = asked.select("member_id", "as_of").join(
        pl.concat(spent), on=["member_id", "as_of"], how="left", maintain_order="left"
    )
    return found["exposure"].fill_null(0.0).to_numpy().astype(np.float64)


def _spent(bought: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    time = pl.col("time")
    # Sums of the same amounts in another order differ in the last digit; a lazy frame would drop
    # the order, since no sum seems to need it.
    rows = bought.filter(time > moment - REACH, time <= moment).sort("time", "event_id")
    return (
        rows.group_by("member_id", "currency", maintain_order=True)
        .agg(exposure=pl.col("amount").sum(), bought=pl.len())
        .sort("bought", "currency", descending=True, nulls_last=True)
        .unique("member_id", keep="first", maintain_order=True)
        .select("member_id", pl.lit(moment, TIME).alias("as_of"), "exposure")
    )
