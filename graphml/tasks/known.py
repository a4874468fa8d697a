"""What was known of members and frauds by a moment: the one door to the tables.

All that makes labels reads its tables through ``known_by``; behind it there is no future.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import polars as pl

from graphml.errors import UsageError
from graphml.store.moments import visible
from graphml.tables.frames import TIME, Tables
from graphml.tasks.labels import MICROSECOND

_log = logging.getLogger(__name__)


def known_by(tables: Tables, until: datetime) -> Tables:
    """Return what of ``tables`` was known by ``until``, inclusive.

    Labels without ``known_at`` are for evaluation alone, so they are not in it. A time later than
    ``until`` within a row is not known either.

    Raises:
        UsageError: The tables have events without time.
    """
    if tables.events["time"].null_count():
        raise UsageError(
            "the tables have events without time, so nothing can be predicted as of a moment",
            hint="load events with their times",
        )
    return visible(tables, until)


def first_seen(past: Tables) -> pl.DataFrame:
    """Return member_id and first, the time of the member's first event or link, one row each."""
    named = [(past.events, "member_id"), (past.links, "member_id"), (past.links, "other_member_id")]
    return (
        pl.concat([frame.select("time", member_id=column) for frame, column in named])
        .group_by("member_id")
        .agg(first=pl.col("time").min())
        .sort("member_id")
    )


def known_frauds(past: Tables, members: pl.DataFrame) -> pl.DataFrame:
    """Return all frauds known: member_id, first, known_at, fraud_time (null: unknown when).

    A label 1 is about its member, or else about the member of its order: who made the order's
    first purchase, else its first event. A chargeback is fraud, known at its own time; it happened
    at the order's first purchase, where that came before.
    """
    stated = past.labels.filter(pl.col("label") == 1).select(
        "member_id", "order_id", "known_at", "fraud_time", charged=False
    )
    charged = past.events.filter(pl.col("kind") == "chargeback").select(
        # An order's chargeback may name somebody else: the order decides.
        pl.when(pl.col("order_id").is_null()).then("member_id").alias("member_id"),
        "order_id",
        known_at="time",
        fraud_time=pl.lit(None, TIME),
        charged=True,
    )
    frauds = pl.concat([stated, charged])
    bought = pl.col("charged") & (pl.col("bought") <= pl.col("known_at"))
    resolved = (
        frauds.join(_orders(past.events, frauds), on="order_id", how="left")
        .join(members, on="member_id", how="left")
        .select(
            pl.when(pl.col("first").is_not_null()).then("member_id").otherwise("buyer"),
            "known_at",
            pl.when(bought).then("bought").otherwise("fraud_time").alias("fraud_time"),
        )
        .join(members, on="member_id", how="inner")
    )
    if strangers := frauds.height - resolved.height:
        _log.info("%d fraud labels are about members without an event", strangers)
    columns = ["member_id", "first", "known_at", "fraud_time"]
    return resolved.select(columns).unique().sort(columns)


def known_clearances(past: Tables, members: pl.DataFrame) -> pl.DataFrame:
    """Return all labels 0 known about members: member_id, first, known_at.

    That one order was legitimate says nothing about its member, so orders clear nobody.
    """
    stated = past.labels.filter((pl.col("label") == 0) & pl.col("order_id").is_null())
    columns = ["member_id", "first", "known_at"]
    return stated.join(members, on="member_id", how="inner").select(columns).unique().sort(columns)


def observed_maturity(frauds: pl.DataFrame) -> timedelta:
    """Return the delay within which 95 of 100 ``frauds`` became known; 0 where none tells.

    The smallest observed delay that at least 95 % do not exceed; a fraud known before it
    happened counts as no delay.
    """
    delays = (
        frauds.drop_nulls("fraud_time")
        .select((pl.col("known_at") - pl.col("fraud_time")).dt.total_microseconds())
        .to_series()
        .clip(lower_bound=0)
        .sort()
    )
    if delays.is_empty():
        return timedelta(0)
    place = -(-95 * len(delays) // 100) - 1
    return int(delays[place]) * MICROSECOND


def _orders(events: pl.DataFrame, frauds: pl.DataFrame) -> pl.DataFrame:
    """Return order_id, buyer and bought (time of the first purchase, else null)."""
    purchase = pl.col("kind") == "purchase"
    named = frauds.select(pl.col("order_id").drop_nulls().unique())
    return (
        events.join(named, on="order_id", how="semi")
        .sort(~purchase, "time", "event_id")
        .unique("order_id", keep="first", maintain_order=True)
        .select("order_id", buyer="member_id", bought=pl.when(purchase).then("time"))
    )
