"""One marketplace of ``benchmarks.fraud``: made in one process, learned from and scored in another.

``python -m benchmarks.fraud_market FOLDER [--labels N] [--no-network]``; prints JSON. FOLDER is what
``benchmarks.market make`` wrote.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.market import read_market
from benchmarks.processes import peak_rss_mb
from graphml.config import FraudConfig, TrainConfig
from graphml.fraud.fitting import Fitted, fit_detector
from graphml.graph.build import build_graph
from graphml.pipeline.fraud import detector_labels
from graphml.rings.evaluate import read_truth
from graphml.tables.frames import TABLES, TIME, Tables
from graphml.tabular.reliability import expected_calibration_error
from graphml.tasks.known import first_seen, known_by, known_frauds
from graphml.tasks.labels import ROWS, Labels
from graphml.training.bootstrap import interval, paired_interval
from graphml.training.metrics import average_precision, recall_at_share

LATER = timedelta(days=28)
"""What comes after the moment of the test: nobody who is asked knows it."""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--labels", type=int)
    options.add_argument("--no-network", action="store_true")
    given = options.parse_args()
    tables = read_market(given.folder)
    truth, _ = read_truth(given.folder.with_name(f"{given.folder.name}.truth"))
    as_of: datetime = tables.events["time"].max() - LATER  # type: ignore[operator, assignment]
    if given.labels is not None:
        tables = thinned(tables, given.labels, as_of)
    config = FraudConfig(network=not given.no_network)
    start = time.perf_counter()
    graph = build_graph(tables)
    parts, when = detector_labels(tables, config, as_of=as_of)
    test, owners = asked_of_truth(tables, truth, as_of, when.step)
    fitted = fit_detector(
        graph, parts["train"], parts["valid"], test, config,
        TrainConfig() if config.network else None, complete=False, digests={},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    accused = pl.concat([parts["train"].rows, parts["valid"].rows]).filter(y=1)
    print(
        json.dumps(
            {
                "events": graph.events.height,
                "members": len(test),
                "fraudulent": int(test.rows["y"].sum()),
                "accused": accused["member_id"].n_unique(),
                "chosen": fitted.chosen,
                "methods": measured_methods(fitted, owners, config),
                "ece": calibration(fitted),
                "seconds": seconds,
                "peak_rss_mb": peak_rss_mb(),
            }
        )
    )


def asked_of_truth(
    tables: Tables, truth: pl.DataFrame, as_of: datetime, step: timedelta
) -> tuple[Labels, np.ndarray]:
    """Return every member of whom nothing is known by ``as_of``, with the truth, and whose ring it is."""
    past = known_by(tables, as_of)
    members = first_seen(past)
    caught = known_frauds(past, members)["member_id"].unique()
    acting = truth.filter(
        (pl.col("role") != "victim") & (pl.col("first_event") <= as_of + step)
    ).select("member_id", "ring_id")
    rows = (
        members.filter(~pl.col("member_id").is_in(caught.implode()))
        .join(acting.unique("member_id"), on="member_id", how="left")
        .with_columns(
            y=pl.col("ring_id").is_not_null().cast(pl.Int8),
            as_of=pl.lit(as_of, TIME),
            known_at=pl.lit(as_of + step, TIME),
            owner=pl.coalesce("ring_id", "member_id"),
        )
        .sort("as_of", "member_id")
    )
    labels = Labels(task="fraud", horizon=step, rows=rows.select(*ROWS["fraud"]))
    return labels, rows["owner"].to_numpy()


def thinned(tables: Tables, count: int, as_of: datetime) -> Tables:
    """Return the tables with what is known of ``count`` of the accused alone, drawn by chance."""
    past = known_by(tables, as_of)
    accused = known_frauds(past, first_seen(past))["member_id"].unique().sort()
    kept = accused.sample(min(count, len(accused)), seed=1).implode()
    orders = tables.events.filter(pl.col("member_id").is_in(kept))["order_id"].drop_nulls()
    fraud = pl.col("label") == 1
    spoken_of = pl.col("member_id").is_in(kept) | pl.col("order_id").is_in(orders.implode())
    charged = pl.col("kind") == "chargeback"
    given = {name: getattr(tables, name) for name in TABLES}
    return Tables(
        **given
        | {
            "events": tables.events.filter(~charged | spoken_of),
            "labels": tables.labels.filter(~fraud | spoken_of),
        }
    )


def measured_methods(
    fitted: Fitted, owners: np.ndarray, config: FraudConfig
) -> list[dict[str, Any]]:
    """Return a row a method; intervals of 200 samples of rings, and of members in none."""
    assert fitted.test is not None
    y = fitted.test.y
    _, owner = np.unique(owners, return_inverse=True)
    chosen = fitted.scores[fitted.chosen]

    def precision(rows: np.ndarray, scores: np.ndarray) -> float:
        return average_precision(y[rows], scores)

    result = []
    for name, scores in fitted.scores.items():
        low, high = interval(lambda rows, _, s=scores: precision(rows, s[rows]), owner, seed=0)
        gain = paired_interval(precision, chosen, scores, owner, seed=0)
        result.append(
            {
                "method": name,
                "average_precision": average_precision(y, scores),
                "low": low,
                "high": high,
                "recall": recall_at_share(y, scores, share=config.capacity),
                "gain": average_precision(y, chosen) - average_precision(y, scores),
                "gain_low": gain[0],
                "gain_high": gain[1],
            }
        )
    return result


def calibration(fitted: Fitted) -> float:
    """Return the expected calibration error of the detector's probabilities of fraud, 15 equal masses."""
    assert fitted.test is not None
    risk = fitted.scores[fitted.chosen]
    return expected_calibration_error(fitted.detector.probability(risk), fitted.test.y)


if __name__ == "__main__":
    main()
