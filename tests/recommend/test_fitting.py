"""A recommender finds what was planted, ships nothing worse than what is simple, and keeps."""

import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from graphml.config import RecommendConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.graph.build import build_graph
from graphml.pipeline.recommending import evaluate_recommender, train_recommender
from graphml.recommend.evaluation import compare, ndcg_of
from graphml.recommend.fitting import ask, fit_recommender, moments_of
from graphml.recommend.ranker import fit_ranker
from graphml.recommend.recommender import SIMPLE, Recommender, Shelf, simple_scores
from graphml.store.connect import connect
from graphml.tabular.trees import TreeConfig
from tests.recommend.small import Act, day, numbers, shop

CONFIG = RecommendConfig(horizon_days=7, step_days=7, moments=3, each=20, seed=1)
END = 150.0
DIGESTS = {"settings": "0123456789abcdef", "data": "fedcba9876543210"}


def rhythm(members=90, seed=0):
    """Return purchases of members who each buy six of forty products, each when it runs out."""
    rng = np.random.default_rng(seed)
    made = []
    for member in range(members):
        for product in rng.choice(40, 6, replace=False).tolist():
            period = float(rng.choice([9.0, 17.0, 31.0]))
            when = rng.random() * period
            while when < END:
                made.append(Act(member, product, float(when)))
                when += period + rng.normal() * 0.4
    return made


def fashion(members=90, seed=0):
    """Return purchases of members who all buy the same few products, others every ten days."""
    rng = np.random.default_rng(seed)
    made = []
    for tens in range(int(END / 10)):
        popular = rng.permutation(60)
        for member in range(members):
            for _ in range(3):
                rank = min(int(rng.exponential(5)), 59)
                when = 10 * (tens + rng.random())
                made.append(Act(member, int(popular[rank]), float(when)))
    return made


def fitted_on(made, config=CONFIG, end=END, **others):
    graph = build_graph(shop(made, **others)).until(day(end))
    train, valid, test = moments_of(graph, config)
    return graph, test, fit_recommender(graph, train, valid, config=config, digests=DIGESTS)


@pytest.fixture(scope="module")
def rhythmic():
    return fitted_on(rhythm())


def test_a_rhythm_that_was_planted_is_found_and_beats_all_that_is_simple(rhythmic):
    graph, test, fitted = rhythmic
    model = fitted.recommender
    assert model.method == "ranker"
    asked = ask(graph, test, CONFIG)
    told = {"ranker": model.scores(asked.names, asked.values)}
    told |= {name: simple_scores(asked.names, asked.values, name) for name in SIMPLE}
    rows = {row["method"]: row for row in compare(asked, told)}
    assert rows["ranker"]["ndcg_at_20"] > 0.8
    assert rows["ranker"]["ndcg_at_20"] > rows["popular"]["ndcg_at_20"] + 0.4
    for name in SIMPLE:
        assert rows[name]["above_low"] > 0, name


def test_what_ships_is_what_did_best_on_validation_and_popularity_is_among_it():
    for made in (fashion(), rhythm(30, seed=3)):
        _, _, fitted = fitted_on(made)
        assert set(SIMPLE) <= set(fitted.chosen)
        best = max(fitted.chosen.values())
        assert fitted.chosen[fitted.recommender.method] == best >= fitted.chosen["popular"]
        assert (fitted.recommender.ranker is None) == (fitted.recommender.method != "ranker")
        judged = fitted.valid
        scores = fitted.recommender.scores(judged.names, judged.values)
        assert float(ndcg_of(judged, scores).mean()) == best


def test_a_simple_method_that_ships_scores_as_it_was_judged():
    # Everybody buys what sells: with too few members to learn from, nothing beats counting.
    made = [a for a in fashion(8, seed=5) if a.member < 8]
    _, _, fitted = fitted_on(made, replace(CONFIG, moments=1))
    model = replace(fitted.recommender, method="popular", ranker=None)
    asked = fitted.valid
    np.testing.assert_array_equal(
        model.scores(asked.names, asked.values),
        np.nan_to_num(asked.values[:, asked.names.index("score.popular_30")]),
    )


def test_the_same_seed_gives_the_same_trees_and_scores(rhythmic):
    _, _, one = rhythmic
    _, _, again = fitted_on(list(reversed(rhythm())))  # rows in another order
    assert again.recommender.ranker.digest == one.recommender.ranker.digest
    assert again.chosen == one.chosen
    assert again.recommender.name == one.recommender.name
    assert one.recommender.name.startswith("recommend-")
    _, _, other = fitted_on(rhythm(), replace(CONFIG, seed=2))
    assert other.recommender.ranker is None or (
        other.recommender.ranker.digest != one.recommender.ranker.digest
    )


def test_names_tell_models_of_other_settings_or_data_apart(rhythmic):
    model = rhythmic[2].recommender
    names = {
        replace(model, digests={**DIGESTS, **other}).name
        for other in ({}, {"settings": "f" * 16}, {"data": "0" * 16})
    }
    assert len(names) == 3


def test_moments_of_which_nobody_bought_after_teach_nothing_and_stop_nothing():
    quiet = [a for a in rhythm() if not 120.0 < a.day <= 129.0]
    _, _, fitted = fitted_on(quiet, replace(CONFIG, moments=3))
    assert fitted.recommender.method == "ranker"


def test_nobody_buys_after_is_said():
    silent = [a for a in rhythm(20) if a.day <= 130.0] + [Act(0, None, END, "login")]
    with pytest.raises(NothingToDoError) as told:
        fitted_on(silent)
    assert "nobody known by 2024-10-15T00:00:00Z bought a product known by then within 7 days" in (
        told.value.message
    )
    assert "horizon_days" in told.value.hint


def test_of_no_purchase_that_could_be_recommended_no_ranker_is_made_and_a_simple_one_ships():
    # Members buy each product once and then others that nothing names: candidates never hit.
    rng = np.random.default_rng(2)
    made = [Act(m, int(rng.integers(0, 400)), float(d)) for m in range(3) for d in range(0, 150, 2)]
    graph = build_graph(shop(made)).until(day(END))
    _, valid, _ = moments_of(graph, CONFIG)
    try:
        judged = ask(graph, valid, CONFIG)
    except NothingToDoError:
        pytest.fail("the market is made so that somebody buys what is known")
    with pytest.raises(UsageError, match="bought in training"):
        fit_ranker([], judged, config=TreeConfig())
    with pytest.raises(UsageError, match="bought in validation"):
        fit_ranker([_with_hit(judged)], _without(judged), config=TreeConfig())


def _with_hit(asked):
    bought = asked.bought.copy()
    bought[0] = True
    return replace(asked, bought=bought)


def _without(asked):
    return replace(asked, bought=np.zeros_like(asked.bought))


def test_attributes_that_become_known_between_two_moments_stop_no_training():
    late = [
        {"product_id": f"p-{n:02}", "category": f"c-{n % 5}", "valid_from": day(121.0)}
        for n in range(40)
    ]
    graph, test, fitted = fitted_on(rhythm(60), products=late)
    asked = ask(graph, test, CONFIG)
    assert len(fitted.recommender.scores(asked.names, asked.values)) == len(asked.bought)


def test_only_so_many_are_asked_and_they_are_drawn_by_moment_and_seed():
    graph = build_graph(shop(rhythm())).until(day(END))
    config = replace(CONFIG, asked=25)
    drawn = {}
    for when in (100.0, 120.0):
        for seed in (1, 2):
            asked = ask(graph, day(when), replace(config, seed=seed))
            drawn[when, seed] = tuple(np.unique(asked.candidates.member).tolist())
            assert len(asked.wanted) == len(drawn[when, seed]) == 25
    assert len(set(drawn.values())) == 4
    whole = ask(graph, day(100.0), CONFIG)
    some = ask(graph, day(100.0), config)
    place = np.searchsorted(np.unique(whole.candidates.member), drawn[100.0, 1])
    np.testing.assert_array_equal(some.wanted, whole.wanted[place])
    rows = np.isin(whole.candidates.member, drawn[100.0, 1])
    np.testing.assert_array_equal(some.values, whole.values[rows])
    np.testing.assert_array_equal(some.bought, whole.bought[rows])


def test_known_fraudsters_are_not_asked_and_do_not_count():
    made = rhythm(30)
    accused = [
        {"member_id": "m-3", "order_id": None, "label": 1, "known_at": day(100.0)},
        {"member_id": "m-5", "order_id": None, "label": 1, "known_at": day(100.001)},
    ]
    graph = build_graph(shop(made, labels=accused)).until(day(END))
    asked = ask(graph, day(100.0), CONFIG)
    names = numbers(graph.nodes["member"])
    who = {names[int(n)] for n in asked.candidates.member}
    assert 3 not in who
    assert 5 in who
    without = build_graph(shop([a for a in made if a.member != 3])).until(day(100.0))
    assert asked.sold.sum() == pytest.approx(
        Shelf.of(without).sources.popular["popular_30"].sum(), rel=1e-6
    )


# Kept and read again.


def test_what_was_saved_is_what_is_loaded(rhythmic, tmp_path):
    graph, test, fitted = rhythmic
    model = fitted.recommender
    model.save(tmp_path / "new" / "model")
    found = Recommender.load(tmp_path / "new" / "model")
    for name in ("method", "config", "trained_until", "chosen_until", "digests", "name", "horizon"):
        assert getattr(found, name) == getattr(model, name), name
    assert found.horizon == timedelta(days=7)
    assert found.trained_until <= found.chosen_until
    asked = ask(graph, test, CONFIG)
    np.testing.assert_array_equal(
        found.scores(asked.names, asked.values), model.scores(asked.names, asked.values)
    )
    with pytest.raises(UsageError):
        found.scores((*asked.names[:-1], "other"), asked.values)


def test_a_simple_one_saved_over_a_ranker_is_the_simple_one(rhythmic, tmp_path):
    model = rhythmic[2].recommender
    model.save(tmp_path)
    replace(model, method="popular", ranker=None).save(tmp_path)
    assert Recommender.load(tmp_path).ranker is None
    model.save(tmp_path)
    assert Recommender.load(tmp_path).ranker.digest == model.ranker.digest


def test_an_absent_damaged_or_half_written_one_is_refused_in_one_line(rhythmic, tmp_path):
    model = rhythmic[2].recommender
    with pytest.raises(UsageError, match="no recommender in") as told:
        Recommender.load(tmp_path)
    assert "train recommend" in told.value.hint
    whole = tmp_path / "whole"
    model.save(whole)
    about = json.loads((whole / "recommender.json").read_text())
    (trees,) = (whole / "ranker").glob("*.txt")

    def card(folder, **changes):
        (folder / "recommender.json").write_text(json.dumps({**about, **changes}))

    damages = {
        "cut": lambda f: (f / "recommender.json").write_text(json.dumps(about)[:-40]),
        "bytes": lambda f: (f / "recommender.json").write_bytes(b"\xff\xfe{"),
        "empty": lambda f: (f / "recommender.json").write_text(""),
        "list": lambda f: (f / "recommender.json").write_text("[1]"),
        "null": lambda f: (f / "recommender.json").write_text("null"),
        "bare": lambda f: (f / "recommender.json").write_text('{"format": 1}'),
        "format": lambda f: card(f, format=99),
        "setting": lambda f: card(f, config={**about["config"], "new": 1}),
        "range": lambda f: card(f, config={**about["config"], "asked": 0}),
        "kind": lambda f: card(f, config={**about["config"], "horizon_days": "x"}),
        "no settings": lambda f: card(f, config=None),
        "time": lambda f: card(f, trained_until="soon"),
        "no time": lambda f: card(f, chosen_until=None),
        "number for time": lambda f: card(f, chosen_until=5),
        "digests": lambda f: card(f, digests=[1, 2]),
        "digest": lambda f: card(f, digests={"settings": 5, "data": None}),
        "method": lambda f: card(f, method="magic", ranker=None),
        "method of no kind": lambda f: card(f, method=["popular"], ranker=None),
        "method of the ranker": lambda f: card(f, method="popular"),
        "ranker of a simple method": lambda f: card(f, ranker=None),
        "other ranker": lambda f: card(f, ranker="0" * 64),
        "cut trees": lambda f: (f / "ranker" / trees.name).write_bytes(trees.read_bytes()[:-99]),
        "no trees": lambda f: (f / "ranker" / trees.name).unlink(),
        "no ranker": lambda f: shutil.rmtree(f / "ranker"),
        "ranker's card": lambda f: (f / "ranker" / "trees.json").write_text("{"),
    }
    for name, damage in damages.items():
        folder = tmp_path / name
        shutil.copytree(whole, folder)
        damage(folder)
        with pytest.raises(UsageError) as told:
            Recommender.load(folder)
        assert "\n" not in told.value.message, name
        assert str(folder) in told.value.message, name
        assert told.value.hint, name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(rhythmic, tmp_path):
    from graphml.errors import StorePermissionError

    tmp_path.chmod(0o500)
    with pytest.raises(StorePermissionError):
        rhythmic[2].recommender.save(tmp_path / "model")


# Through a store.


def test_training_keeps_a_report_that_evaluating_gives_again(tmp_path):
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(shop(rhythm(60)))
        folder = tmp_path / "model"
        trained = train_recommender(store, CONFIG, as_of=day(END), folder=folder)
        report = evaluate_recommender(store, folder, as_of=day(END))
        assert report == trained.report
        assert json.loads((folder / "report.json").read_text()) == json.loads(
            json.dumps(report.to_json())
        )
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["model"] == trained.model.name
        assert manifest["counts"]["test"] == report.labels
        assert manifest["counts"]["train"] > 0
        moments = manifest["notes"]["moments"]
        assert moments == sorted(moments[:-2], reverse=True) + moments[-2:]
        assert report.rows[0]["method"] == trained.model.method
        assert {row["method"] for row in report.rows[1:]} <= set(SIMPLE)
        assert report.first == day(END - 7)
        assert report.last == day(END)
        # One horizon before, validation would have been seen already.
        with pytest.raises(UsageError, match="one horizon before"):
            evaluate_recommender(store, folder, as_of=day(END - 0.001))
        with pytest.raises(NothingToDoError, match="too short"):
            train_recommender(store, CONFIG, as_of=day(27.0), folder=tmp_path / "none")
        assert not (tmp_path / "none").exists()
        again = train_recommender(store, CONFIG, as_of=day(END), folder=tmp_path / "again")
        assert again.model.name == trained.model.name
        assert again.report == trained.report
        earlier = train_recommender(store, CONFIG, as_of=day(END - 7), folder=tmp_path / "early")
        assert earlier.model.name != trained.model.name
