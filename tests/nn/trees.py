"""Trees of a little market for the networks' tests."""

from __future__ import annotations

import numpy as np
import torch

from graphml.config import SampleConfig
from graphml.nn.features import encode, fit_features
from graphml.nn.tables import Tables
from graphml.nn.tree import Tree
from graphml.sampling.temporal import TemporalSampler
from tests.sampling.oracle import Row, market, microseconds

CPU = torch.device("cpu")
ROWS = [
    Row(member=m % 7, time=t, product=(m * m + t) % 11, device=m % 3, order=t)
    for t, m in enumerate([0, 1, 2, 3, 4, 5, 6, 0, 2, 4, 6, 1, 0, 3, 5, 2, 0])
]
TIMES = [9, 16, 3, 16, 0]
"""Moments of five seeds: the last one knows almost nothing."""


def tree_of(config=None, rows=ROWS, members=(0, 2, 1, 6, 3), times=TIMES, **features):
    graph = market(rows)
    sampler = TemporalSampler(graph, "member", config or SampleConfig(fanout=(3, 2)))
    as_of = np.array([microseconds(time) for time in times])
    seeds = np.array([graph.nodes["member"].keys.index_of(f"m-{m}") for m in members])
    sample = sampler.sample(seeds, as_of, key=np.arange(len(seeds), dtype=np.uint64))
    spec = fit_features(graph, **features)
    tables = Tables(graph, encode(graph, spec), CPU)
    edge_types = tuple(sorted({step.edge_type for step in sampler.plan}))
    return Tree(sample, tables, CPU), spec, edge_types
