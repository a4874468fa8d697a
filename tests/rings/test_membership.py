"""Which candidate ring each member is in: the best of its groups, and nothing of the future."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from graphml.config import RingConfig, SimulateConfig
from graphml.graph.build import build_graph
from graphml.rings.extract import find_candidates
from graphml.rings.membership import membership
from graphml.tables.synthetic import make_marketplace


def market():
    return make_marketplace(SimulateConfig(members=1_500, seed=6, difficulty="easy"))


def test_each_member_has_the_score_of_its_best_group_and_most_have_none():
    made = market()
    graph = build_graph(made.tables)
    as_of = graph.events["time"][-1]
    found = membership(graph, as_of=as_of)
    groups = find_candidates(graph, None, RingConfig(), as_of=as_of)
    best = {}
    for group in (*groups.others, *groups.believed):
        for member in group.members.tolist():
            best[member] = max(best.get(member, 0.0), group.score)
    expected = np.array([best.get(n, 0.0) for n in range(len(found.score))], dtype=np.float32)
    believed = {m for group in groups.believed for m in group.members.tolist()}
    assert set(np.flatnonzero(found.believed)) == believed
    rest = ~found.believed
    assert np.allclose(found.score[rest], expected[rest])
    assert 0 < (found.group >= 0).sum() == len(best) < len(found.score)
    every = (*found.candidates.believed, *found.candidates.others)
    for member in list(best)[:50]:
        assert member in every[found.group[member]].members
        assert found.size[member] == len(every[found.group[member]].members)
    truth = made.truth_rings.filter(pl.col("role") != "victim")["member_id"].to_list()
    inside = graph.nodes["member"].keys.is_in(truth).to_numpy()
    assert found.score[inside].mean() > 10 * found.score[~inside].mean()


def test_what_comes_later_moves_nobody():
    graph = build_graph(market().tables)
    as_of = graph.events["time"][-1] - timedelta(days=40)
    whole, then = membership(graph, as_of=as_of), membership(graph.until(as_of), as_of=as_of)
    assert np.array_equal(whole.score, then.score)
    assert np.array_equal(whole.believed, then.believed)
    assert (whole.score > 0).any()
