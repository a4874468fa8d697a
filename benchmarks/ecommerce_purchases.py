"""Purchases of ecommerce-fraud as labels and columns: what ``benchmarks.ecommerce_orders`` looks at.

Nobody knows when a class became known, so each is taken to be known the moment of its purchase,
which is sooner than in any shop: for splits alone, no column sees a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.cards import tables_of
from graphml.fraud.order_columns import OrderColumns
from graphml.graph.build import Graph, build_graph
from graphml.tasks.order_labels import ORDER_ROWS, OrderLabels

FLAT, COUNTS = "boosting, flat columns", "boosting, device counts"
_WORDS = ("source", "browser", "sex")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shop:
    """Purchases by time: labels, what boosting sees of them, and whose they are."""

    graph: Graph
    labels: OrderLabels
    columns: OrderColumns
    seen: Mapping[str, tuple[tuple[str, ...], np.ndarray[Any, Any]]]
    owners: np.ndarray[Any, Any]


def read_shop(folder: Path) -> Shop:
    graph = build_graph(tables_of("ecommerce-fraud", folder))
    columns = OrderColumns(graph)
    keys = graph.nodes["member"].keys
    answer = graph.evaluation_labels.select("member", y="label")
    rows = (
        columns.units.with_columns(member_id=keys.gather(columns.units["member"]), known_at="time")
        .join(answer, on="member", how="inner")
        .sort("time", "event_id")
    )
    labels = OrderLabels(
        rows=rows.select(pl.col(name).cast(dtype) for name, dtype in ORDER_ROWS.items())
    )
    flat = flat_columns(folder, labels)
    bought = graph.events[rows["row"].cast(pl.Int64).to_numpy()]
    counts = bought.select(users_before("device"), users_before("ip"))
    both = pl.concat([flat, counts], how="horizontal")
    return Shop(
        graph=graph,
        labels=labels,
        columns=columns,
        seen={FLAT: matrix(flat), COUNTS: matrix(both)},
        owners=bought["device"].to_numpy(),
    )


def flat_columns(folder: Path, labels: OrderLabels) -> pl.DataFrame:
    """Return what the file says of each purchase itself, and how long after sign-up it was."""
    told = pl.read_csv(folder / "fraud_data_ip_30190.csv.gz", infer_schema=False)
    moment = [
        pl.col(name).str.to_datetime("%m/%d/%Y %H:%M").alias(name)
        for name in ("signup_time", "purchase_time")
    ]
    told = told.with_columns(*moment, member_id="user_id")
    told = labels.rows.select("member_id").join(
        told, on="member_id", how="left", maintain_order="left"
    )
    time = pl.col("purchase_time")
    return told.select(
        pl.col("purchase_value", "age").cast(pl.Float32),
        *(pl.col(name).rank("dense").alias(name) for name in _WORDS),
        wait=(time - pl.col("signup_time")).dt.total_seconds(),
        hour=time.dt.hour(),
        weekday=time.dt.weekday(),
        signup_hour=pl.col("signup_time").dt.hour(),
        signup_weekday=pl.col("signup_time").dt.weekday(),
    )


def users_before(name: str) -> pl.Expr:
    """Return how many purchases came from the same identifier strictly before each, sorted by time.

    A member buys once: they are as many members.
    """
    return (pl.col("time").rank("min").over(name) - 1).alias(f"{name}_before")


def matrix(frame: pl.DataFrame) -> tuple[tuple[str, ...], np.ndarray[Any, Any]]:
    return tuple(frame.columns), frame.cast(pl.Float32).to_numpy()
