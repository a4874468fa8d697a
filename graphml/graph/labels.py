"""Labels about members and orders, from the labels table and from chargebacks."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.tables.frames import TIME

LABEL_COLUMNS = ("member", "order_id", "label", "known_at", "fraud_time")

_log = logging.getLogger(__name__)


def stated_labels(labels: pl.DataFrame, members: pl.Series) -> pl.DataFrame:
    """Return the labels table with dense member ids; null where no event names the member."""
    ids = pl.DataFrame({"member_id": members, "member": np.arange(len(members), dtype=np.uint32)})
    stated = labels.join(ids, on="member_id", how="left", maintain_order="left")
    strangers = stated.filter(pl.col("member_id").is_not_null() & pl.col("member").is_null()).height
    if strangers:
        _log.info("%d labels are about members without an event", strangers)
    return stated.select(LABEL_COLUMNS)


def chargeback_labels(events: pl.DataFrame) -> pl.DataFrame:
    """Return the labels that chargebacks make, with the further column ``charged`` (true).

    A chargeback is a label: fraud, known at its own time, about the order it names and the member
    of that order; without an order, about its own member.
    """
    return events.filter(pl.col("kind") == "chargeback").select(
        pl.when(pl.col("order_id").is_null()).then("member").alias("member"),
        "order_id",
        pl.lit(1, pl.Int64).alias("label"),
        pl.col("time").alias("known_at"),
        pl.lit(None, TIME).alias("fraud_time"),
        pl.lit(True).alias("charged"),
    )


def resolve_labels(
    labels: pl.DataFrame, events: pl.DataFrame, present: NDArray[np.bool_]
) -> pl.DataFrame:
    """Return ``labels`` with the members of their orders, sorted by known_at.

    A label about an order is about its member too: of its first purchase in ``events``, else of
    its first event. A chargeback's fraud_time is that purchase's time.

    Args:
        labels: member (dense id), order_id, label, known_at, fraud_time, charged.
        events: What had happened by then.
        present: Members who exist by then, bool [members]; others become null.
    """
    labels = labels.join(_orders(labels, events), on="order_id", how="left", maintain_order="left")
    there = pl.lit(pl.Series(present)).gather(pl.col("member"))
    bought = pl.col("charged") & (pl.col("bought") <= pl.col("known_at"))
    return (
        labels.with_columns(pl.when(there).then("member"))
        .with_columns(
            pl.coalesce("member", "buyer").alias("member"),
            pl.when(bought).then("bought").otherwise("fraud_time").alias("fraud_time"),
        )
        .select(LABEL_COLUMNS)
        .sort("known_at", "member", "order_id", "label", "fraud_time", nulls_last=True)
    )


def _orders(labels: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return order_id, buyer and bought (time of the first purchase, else null)."""
    purchase = pl.col("kind") == "purchase"
    named = labels.select(pl.col("order_id").drop_nulls().unique())
    return (
        events.lazy()
        .join(named.lazy(), on="order_id", how="semi", maintain_order="left")
        .sort(~purchase, maintain_order=True)
        .unique("order_id", keep="first", maintain_order=True)
        .select("order_id", buyer="member", bought=pl.when(purchase).then("time"))
        .collect()
    )
