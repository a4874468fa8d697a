"""A market whose fraud can be learned, small enough to train on in a second."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from graphml.config import SampleConfig, SimulateConfig, TrainConfig
from graphml.graph.build import Graph, build_graph
from graphml.tables.frames import Tables
from graphml.tables.synthetic import make_marketplace
from graphml.tasks.fraud import fraud_labels
from graphml.tasks.labels import Labels
from graphml.tasks.recommend import purchase_links
from graphml.tasks.split import Split, cut_times, split_by_time

SMALL = TrainConfig(
    epochs=2, channels=8, batch_size=256, checkpoint_every=2, device="cpu",
    sample=SampleConfig(fanout=(4, 3), distinct=True),
)  # fmt: skip


@cache
def tables() -> Tables:
    return make_marketplace(SimulateConfig(members=400, seed=4, difficulty="easy")).tables


@cache
def graph() -> Graph:
    return build_graph(tables())


def labels(task: str) -> Labels:
    until = graph().events["time"][-1]
    if task == "purchase":
        return purchase_links(tables(), until=until)
    every = timedelta(days=14)
    return fraud_labels(
        tables(), horizon=every, every=every, until=until,
        negatives="matured", maturity=timedelta(days=14),
    )  # fmt: skip


@cache
def split(task: str) -> Split:
    asked = labels(task)
    valid_from, test_from = cut_times(asked)
    return split_by_time(asked, valid_from=valid_from, test_from=test_from)
