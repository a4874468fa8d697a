"""One marketplace of ``benchmarks.orders``: made in one process, learned from and scored in another.

``python -m benchmarks.orders_market FOLDER [--seed N]``; prints JSON. FOLDER is what
``benchmarks.market make`` wrote; the seed is that of the bootstrap.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.market import read_market
from benchmarks.processes import peak_rss_mb
from graphml.fraud.order_columns import Floats, Ints, OrderColumns
from graphml.fraud.order_evaluation import REVIEWED, evaluate_orders
from graphml.fraud.orders import Bar, fit_orders
from graphml.graph.build import build_graph
from graphml.pipeline.orders import RECENT, order_parts
from graphml.tables.frames import Tables
from graphml.tabular.trees import TreeConfig
from graphml.tasks.known import known_by
from graphml.tasks.order_labels import ORDER_ROWS, OrderLabels, order_labels
from graphml.training.bootstrap import resampled
from graphml.training.metrics import average_precision, value_weighted_recall

LATER = timedelta(days=28)
"""What comes after the moment of the test: nobody who is asked knows it."""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    tables = read_market(given.folder)
    folder = given.folder.with_name(f"{given.folder.name}.truth")
    truth = {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("rings", "fraud")}
    as_of: datetime = tables.events["time"].max() - LATER  # type: ignore[operator, assignment]
    past = known_by(tables, as_of)
    start = time.perf_counter()
    graph = build_graph(past)
    parts, _ = order_parts(past, as_of=as_of)
    columns = OrderColumns(graph)
    model = fit_orders(graph, parts["train"], parts["valid"], config=TreeConfig(), columns=columns)
    asked, owners = asked_of_truth(past, truth, columns, as_of)
    said = model.log_odds(columns.of(columns.rows_of(asked.rows["event_id"])))
    seconds = time.perf_counter() - start
    fraud = asked.rows["y"].to_numpy() == 1
    print(
        json.dumps(
            {
                "events": graph.events.height,
                "orders": len(asked),
                "fraudulent": int(fraud.sum()),
                "rings": len(set(owners[fraud])),
                "accused": {name: int(parts[name].rows["y"].sum()) for name in ("train", "valid")},
                "methods": evaluate_orders(model, columns, asked, seed=given.seed, owners=owners),
                "drawn": drawn_gains(asked, said, owners, given.seed),
                "seconds": seconds,
                "peak_rss_mb": peak_rss_mb(),
            }
        )
    )


def asked_of_truth(
    past: Tables, truth: dict[str, pl.DataFrame], columns: OrderColumns, as_of: datetime
) -> tuple[OrderLabels, np.ndarray[Any, Any]]:
    """Return the orders and reviews of the weeks to ``as_of`` not accused by then, with the truth.

    And whose each is: a ring's, where a ring placed it or its member is in one, else its member's.
    Fraud is what a ring placed, and reviews of it.
    """
    known = order_labels(past, until=as_of, maturity=timedelta(0)).rows.filter(y=1)["event_id"]
    of_member = truth["rings"].select("member_id", "ring_id").unique("member_id", keep="first")
    of_order = truth["fraud"].select("order_id", placed_by="ring_id").unique("order_id")
    keys = columns.graph.nodes["member"].keys
    rows = (
        columns.units.with_columns(member_id=keys.gather(columns.units["member"]))
        .filter((pl.col("time") > as_of - RECENT) & ~pl.col("event_id").is_in(known.implode()))
        .join(of_order, on="order_id", how="left")
        .join(of_member, on="member_id", how="left")
        .with_columns(
            y=pl.col("placed_by").is_not_null(),
            known_at=pl.lit(as_of),
            owner=pl.coalesce("placed_by", "ring_id", "member_id"),
        )
        .sort("time", "event_id")
    )
    named = [pl.col(name).cast(dtype) for name, dtype in ORDER_ROWS.items()]
    return OrderLabels(rows=rows.select(named)), rows["owner"].to_numpy()


def drawn_gains(
    asked: OrderLabels, said: Mapping[Bar, Floats], owners: np.ndarray[Any, Any], seed: int
) -> list[tuple[float, float]]:
    """Return what the blend has above the aggregates in each of the samples of ``evaluate_orders``.

    Average precision and value-weighted recall: their means over several marketplaces have an
    interval of their own.
    """
    y, amount = asked.rows["y"].to_numpy().astype(np.int64), asked.rows["amount"].to_numpy()

    def both(bar: Bar, rows: Ints) -> np.ndarray[Any, Any]:
        score = said[bar][rows]
        recall = value_weighted_recall(y[rows], score, amount[rows], share=REVIEWED)
        return np.array([average_precision(y[rows], score), recall])

    return [
        (both("blend", rows) - both("aggregates", rows)).tolist()
        for rows, _ in resampled(owners, seed=seed)
    ]


if __name__ == "__main__":
    main()
