"""Training on graphs that are no marketplace: no time, one node type, masks and pairs as splits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from graphml.config import SampleConfig, TrainConfig
from graphml.errors import UsageError
from graphml.graph.plain import build_plain_graph
from graphml.graph.trees import SEEDS
from graphml.nn.features import fit_features
from graphml.sampling.temporal import order_codes
from graphml.tasks.plain import EPOCH, link_split, node_split
from graphml.training.evaluate import evaluate
from graphml.training.fit import fit
from graphml.training.link import LinkTask
from graphml.training.model import GraphModel
from graphml.training.network import Reader
from tests.tasks.plain_graphs import VISITS, clubs, people

SMALL = TrainConfig(
    epochs=8, channels=16, batch_size=128, candidates=64, device="cpu", learning_rate=0.01,
    sample=SampleConfig(fanout=(8, 4)),
)  # fmt: skip


def cheats(seed: int = 0, size: int = 300):
    """Return people of two ages, of whom those are cheats whose friends are mostly old."""
    rng = np.random.default_rng(seed)
    old = rng.random(size) < 0.5
    knows, friends = [], {n: [] for n in range(size)}
    for one in range(size):
        wanted = rng.random() < 0.4  # cheats know the old
        others = np.flatnonzero(old == wanted)
        for other in rng.choice(others[others != one], 5, replace=False):
            knows.append((f"p-{one}", f"p-{other}", None))
            friends[one].append(bool(old[other]))
    said = [(f"p-{n}", int(np.mean(friends[n]) > 0.5), None) for n in range(size)]
    names = [f"p-{n}" for n in range(size)]
    masks = {"train": names[:150], "valid": names[150:200], "test": names[200:]}
    features = {"key": names, "age": [60.0 if is_old else 20.0 for is_old in old]}
    return people(knows, said, masks=masks, features=features)


@pytest.mark.parametrize("encoder", ["sage", "hgt"])
def test_what_only_the_friends_tell_is_learned_in_a_graph_without_time(encoder):
    source = cheats()
    split = node_split(source, seed=0)
    graph = build_plain_graph(source)
    model = fit(graph, split.train, split.valid, replace(SMALL, encoder=encoder, epochs=15))
    row, degree = evaluate(model, graph, split.test).rows
    assert row["auroc"] > 0.9
    assert degree["method"] == "edges it has"
    assert degree["auroc"] < 0.75


def test_answers_of_the_test_change_no_weight():
    source = cheats()
    turned = pl.when(pl.col("key").is_in(source.masks.test["key"].implode())).then(1 - pl.col("y"))
    rows = source.labels.rows.with_columns(y=turned.otherwise("y").cast(pl.Int8))
    other = replace(
        source,
        labels=replace(source.labels, rows=rows),
        masks=replace(source.masks, test=source.masks.test.with_columns(y=1 - pl.col("y"))),
    )
    weights = []
    for one in (source, other):
        split = node_split(one, seed=0)
        model = fit(build_plain_graph(one), split.train, split.valid, replace(SMALL, epochs=1))
        weights.append(torch.cat([p.flatten() for p in model.network.parameters()]))
    assert torch.equal(*weights)


def test_pairs_of_a_graph_without_time_are_learned_and_the_model_comes_back(tmp_path):
    source = clubs()
    rest, split = link_split(source, batch_size=SMALL.batch_size, seed=0)
    config = replace(SMALL, channels=64, epochs=20, patience=20, learning_rate=0.003)
    model = fit(build_plain_graph(rest), split.train, split.valid, config)
    whole = build_plain_graph(source)
    row, popular = evaluate(model, whole, split.test).rows
    assert popular["method"] == "popular"
    # Six of a club's twelve are known already: the other six in any order would give 0.55.
    assert row["ndcg_at_20"] > 0.45 > 2 * popular["ndcg_at_20"]
    model.save(tmp_path)
    again = GraphModel.load(tmp_path, device="cpu")
    assert again.about == VISITS
    assert evaluate(again, whole, split.test).rows[0] == row
    vectors = again.embed(whole, "item", as_of=EPOCH)
    assert vectors.columns == ["item", "as_of", "vector"]
    with pytest.raises(UsageError, match="scores no nodes"):
        again.score(whole, as_of=EPOCH)


def test_no_tree_of_a_batch_has_an_edge_of_the_batch_and_no_candidate_is_linked_already():
    source = clubs(users=60)
    rest, split = link_split(source, batch_size=40, seed=0)
    graph = build_plain_graph(rest)
    config = replace(SMALL, sample=SampleConfig(fanout=(50, 50)))
    reader = Reader(graph, fit_features(graph), config, tuple(graph.edges), torch.device("cpu"))
    task = LinkTask(reader, split.train, split.valid, config)
    orders, edges = order_codes(graph), graph.edges[VISITS]
    met = hidden = 0
    for part in task.steps(0):
        batch = task._batch(part, 0)
        own = set(task._members.order[part])
        assert len(own) == 1
        for tree in (batch.members, batch.products):
            for block in tree.sample.blocks:
                around = graph.edges[block.edge_type]
                seen = orders[around.event[block.position]]
                met += len(seen)
                assert not own & set(seen.tolist())
                parents = (
                    tree.sample.seeds
                    if block.parent == SEEDS
                    else tree.sample.blocks[block.parent].neighbor
                )
                left = [
                    sum(code not in own for code in orders[around.event[around.of(int(node))]])
                    for node in parents
                ]
                assert block.degree.tolist() == left, "what is hidden is not counted either"
        # All that a user visits is barred, but the pair that is asked about.
        users = task._members.nodes[part]
        candidates = batch.products.sample.seeds
        barred = batch.barred.numpy()
        for row, user in enumerate(users):
            linked = np.isin(candidates, edges.target[edges.of(int(user))])
            linked[batch.bought[row]] = False
            assert (barred[row] == linked).all()
            hidden += linked.sum()
    assert met > 1000
    assert hidden > 100


def test_what_is_linked_already_is_in_no_list():
    source = clubs(users=60)
    rest, split = link_split(source, batch_size=40, seed=0)
    graph = build_plain_graph(rest)
    model = fit(graph, split.train, split.valid, replace(SMALL, epochs=1))
    from graphml.training.ranking import Ranking

    ranking = Ranking.of(model.reader(graph), split.test, 0)
    scores = np.zeros(len(ranking.products))
    owner, place = ranking.known
    assert len(owner) == graph.edges[VISITS].edges
    scores[place] = 1.0  # items somebody knows rank first, for all but those who know them
    ranks = ranking.ranks_by(scores)
    assert ranks.max() < len(ranking.products) - 5
