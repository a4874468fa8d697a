"""A network as a source: it names what its vectors are nearest to, and knows no later day."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from graphml.config import RecommendConfig, TrainConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.graph.build import build_graph
from graphml.pipeline import recommending
from graphml.pipeline.recommending import evaluate_recommender, fit_network, train_recommender
from graphml.recommend.fitting import ask, fit_recommender, moments_of
from graphml.recommend.listing import listed
from graphml.recommend.recommender import SIMPLE, WITH_NETWORK, Recommender, Shelf
from graphml.recommend.rules import Rules
from graphml.recommend.vectors import Vectors
from graphml.store.connect import connect
from tests.recommend.small import Act, day, shop
from tests.recommend.test_fitting import rhythm

CONFIG = RecommendConfig(horizon_days=7, step_days=7, moments=2, each=20, seed=1, network=True)
END = 120.0


def small(seed=0, members=5, products=9, channels=3):
    rng = np.random.default_rng(seed)
    return Vectors(
        members=np.array([1, 3, 4, 8, 9][:members]),
        points=rng.normal(size=(members, channels)).astype(np.float32) * 3,
        products=np.array([0, 2, 3, 5, 7, 8, 11, 12, 15][:products]),
        targets=rng.normal(size=(products, channels)).astype(np.float32),
    )


@pytest.mark.parametrize("each", [1, 3, 9, 40])
def test_the_nearest_are_those_of_the_highest_inner_products(each):
    vectors = small()
    asked = np.array([3, 8, 9])
    likeness = vectors.likeness(asked)
    row, product = vectors.nearest(likeness, each)
    logits = vectors.points[[1, 3, 4]] @ vectors.targets.T
    np.testing.assert_allclose(likeness, np.exp(logits - logits.max(axis=1)[:, None]), rtol=1e-5)
    for place, own in enumerate(logits):
        order = np.argsort(-own, kind="stable")[:each]
        assert product[row == place].tolist() == vectors.products[order].tolist()
    pairs = np.array([0, 2, 2]), np.array([15, 0, 7])
    np.testing.assert_array_equal(vectors.at(likeness, *pairs), likeness[[0, 2, 2], [8, 0, 4]])


def test_far_products_are_named_still_and_nobody_and_nothing_are_allowed():
    vectors = replace(small(), points=small().points * 1e4)
    assert (vectors.likeness(vectors.members) > 0).all()
    assert vectors.likeness(vectors.members).max(axis=1).tolist() == [1.0] * 5
    nobody = vectors.likeness(np.zeros(0, np.int64))
    assert [len(part) for part in vectors.nearest(nobody, 3)] == [0, 0]
    empty = small(products=0)
    likeness = empty.likeness(empty.members)
    assert likeness.shape == (5, 0)
    assert [len(part) for part in empty.nearest(likeness, 3)] == [0, 0]


def test_candidates_hold_what_a_network_names_whatever_the_blocks(monkeypatch):
    from graphml.recommend import candidates as module

    graph = build_graph(shop(rhythm(30))).until(day(END))
    rng = np.random.default_rng(3)
    products = np.flatnonzero(graph.nodes["product"].present)
    members = np.arange(len(graph.nodes["member"]))
    vectors = Vectors(
        members=members,
        points=rng.normal(size=(len(members), 4)).astype(np.float32),
        products=products,
        targets=rng.normal(size=(len(products), 4)).astype(np.float32),
    )
    shelf = Shelf.of(graph, vectors=vectors)
    assert shelf.names[: len(shelf.sources.columns)] == shelf.sources.columns
    found = shelf.sources.candidates(members, each=2)
    column, rank = (shelf.sources.columns.index(f"{kind}.network") for kind in ("score", "rank"))
    for member in members:
        own = found.owner == member
        best = np.argsort(-(vectors.points[member] @ vectors.targets.T))[:2]
        assert set(products[best]) <= set(found.product[own])
        first = found.product[own][np.argsort(found.values[own, rank])][:2]
        assert first.tolist() == products[best].tolist()
        assert (found.values[own, column] > 0).all()
    monkeypatch.setattr(module, "_HELD", 3 * len(products))
    parts = shelf.sources.candidates(members, each=2)
    np.testing.assert_array_equal(parts.product, found.product)
    np.testing.assert_allclose(parts.values, found.values, rtol=1e-5)


# Trained.


@pytest.fixture(scope="module")
def trained():
    """A graph, its moments, and what was fitted with a network as of the first of them."""
    tables = shop(rhythm(60))
    graph = build_graph(tables).until(day(END))
    train, valid, test = moments_of(graph, CONFIG)
    network = fit_network(tables, graph, min(train), CONFIG, TrainConfig(seed=CONFIG.seed))
    fitted = fit_recommender(graph, train, valid, config=CONFIG, digests={}, network=network)
    return tables, graph, (train, valid, test), network, fitted


def test_a_network_is_told_nothing_of_the_moments_that_a_ranker_learns_from(trained):
    tables, graph, (train, valid, _), network, fitted = trained
    assert network.chosen_until <= min(train)
    assert set(fitted.chosen) == {*SIMPLE, WITH_NETWORK}
    with pytest.raises(ValueError, match="knows what came by"):
        ask(graph, min(train) - (valid - min(train)), CONFIG, network=network)
    # What comes later changes no weight.
    later = [Act(n % 60, 39, END - 1 - n / 9) for n in range(99)]
    other = shop([*rhythm(60), *later])
    again = fit_network(
        other, build_graph(other).until(day(END)), min(train), CONFIG, TrainConfig(seed=CONFIG.seed)
    )
    assert again.validation == network.validation
    assert [a["loss"] for a in again.history] == [b["loss"] for b in network.history]
    with pytest.raises((NothingToDoError, UsageError)):
        fit_network(tables, graph, day(3.0), CONFIG, TrainConfig())


def test_no_candidate_and_no_column_knows_what_comes_after_its_moment(trained):
    _, _, (train, *_), network, _ = trained
    moment = min(train)
    when = (moment - day(0.0)).days
    past = [act for act in rhythm(60) if act.day <= when]
    found = []
    for later in ([], [Act(n % 60, n % 40, when + 1 + n / 50) for n in range(300)]):
        then = build_graph(shop([*past, Act(0, 1, END), *later])).until(moment)
        who = np.flatnonzero(then.nodes["member"].present)[::3]
        shelf = Shelf.of(then, vectors=Vectors.of(network, then, who, as_of=moment))
        rows, values = shelf.described(who, each=20)
        names = [then.nodes[kind].keys for kind in ("member", "product")]
        found.append(
            {
                (names[0][int(m)], names[1][int(p)]): row.tobytes()
                for m, p, row in zip(rows.member, rows.product, values, strict=True)
            }
        )
    assert len(found[0]) > 200
    assert found[0] == found[1]


def test_one_with_a_network_is_kept_and_lists_the_same_again(trained, tmp_path):
    _, graph, _, network, fitted = trained
    made = fitted.recommender
    ranker = made.ranker
    assert ranker is not None, fitted.chosen
    assert made.method == WITH_NETWORK
    made.save(tmp_path / "model")
    again = Recommender.load(tmp_path / "model")
    assert again.network is not None
    assert again.network.name == network.name
    nobody = np.zeros(len(graph.nodes["member"]), bool)
    lists = []
    for who in (np.array([3, 5, 20]), np.arange(30)):
        for one in (made, again):
            shelf = one.shelf(graph, who, without=nobody)
            lists.append(listed(shelf, one, who, opted_out=nobody, rules=Rules(), top=5))
    np.testing.assert_array_equal(lists[0].product, lists[1].product)
    np.testing.assert_array_equal(lists[0].score, lists[1].score)
    of = np.isin(lists[2].member, lists[0].member)
    np.testing.assert_array_equal(lists[2].product[of], lists[0].product)

    about = json.loads((tmp_path / "model" / "recommender.json").read_text())
    for name, damage in {
        "none": lambda f: shutil.rmtree(f / "network"),
        "other": lambda f: (f / "recommender.json").write_text(
            json.dumps({**about, "network": "recommend-sage-000"})
        ),
        "unnamed": lambda f: (f / "recommender.json").write_text(
            json.dumps({**about, "network": None})
        ),
    }.items():
        shutil.copytree(tmp_path / "model", tmp_path / name)
        damage(tmp_path / name)
        with pytest.raises(UsageError) as told:
            Recommender.load(tmp_path / name)
        assert "\n" not in told.value.message


@pytest.mark.parametrize("helps", [True, False])
def test_through_a_store_a_network_ships_only_where_validation_is_better(
    helps, trained, tmp_path, monkeypatch
):
    def judged(graph, train, valid, *, config, digests, network=None):
        found = fit_recommender(
            graph, train, valid, config=config, digests=digests, network=network
        )
        better = 1.0 if (network is not None) == helps else 0.5
        return replace(found, chosen={**found.chosen, found.recommender.method: better})

    monkeypatch.setattr(recommending, "fit_recommender", judged)
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(trained[0])
        made = train_recommender(store, CONFIG, as_of=day(END), folder=tmp_path / "model")
        assert (made.model.network is not None) == helps
        assert made.manifest.notes["validation_ndcg_at_20"].keys() >= {WITH_NETWORK}
        report = evaluate_recommender(store, tmp_path / "model", as_of=day(END))
        assert report == made.report
