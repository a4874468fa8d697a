"""Chances of members and products: the answers, what they know, whether they are right, and keeping."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.graph.build import build_graph
from graphml.pipeline.propensity import (
    PAIRS,
    evaluate_propensity,
    moments_of,
    score_propensity_pairs,
    train_propensity,
)
from graphml.recommend import chances_asked, chances_fitting
from graphml.recommend.chances import BAR, METHODS, PairModel
from graphml.recommend.chances_asked import EACH, KINDS, ask
from graphml.recommend.chances_fitting import calibrator_of, fit_pairs, report_rows
from graphml.recommend.recommender import Shelf
from graphml.store.connect import connect
from graphml.tabular.calibration import fit_calibrator
from tests.recommend.small import DAYS, TALE, Act, acts, day, number, shop

CONFIG = PropensityConfig(horizon_days=7, step_days=7, moments=3, sequence=False, seed=1)
DIGESTS = {"settings": "0123456789abcdef", "data": "fedcba9876543210"}
END, BUYERS, LURKERS = 150.0, 90, 60


def planted(seed: int = 0) -> list[Act]:
    """Return purchases of members who each buy six of forty products in a rhythm; others only look in.

    A tenth of what is bought comes back the day after.
    """
    rng = np.random.default_rng(seed)
    made = []
    for member in range(BUYERS):
        for product in rng.choice(40, 6, replace=False).tolist():
            period = float(rng.choice([9.0, 17.0, 31.0]))
            when = rng.random() * period
            while when < END:
                made.append(Act(member, product, float(when)))
                if product < 4 and when + 1 < END:
                    made.append(Act(member, product, float(when) + 1, "refund"))
                when += period + rng.normal() * 0.4
    for member in range(BUYERS, BUYERS + LURKERS):
        made += [Act(member, None, float(when), "login") for when in rng.uniform(0, END, 5)]
    return made


@pytest.fixture(scope="module")
def graph():
    return build_graph(shop(planted())).until(day(END))


@pytest.fixture(scope="module")
def moments(graph):
    return moments_of(graph, CONFIG, as_of=day(END))


@pytest.fixture(scope="module")
def fitted(graph, moments):
    train, valid, _ = moments
    return fit_pairs(graph, train, valid, config=CONFIG, digests=DIGESTS)


@pytest.fixture(scope="module")
def asked(graph, moments):
    return ask(graph, moments[2], CONFIG)


# Rows and answers.


def rows_of(graph, found) -> dict:
    """Return what is told of each pair of ids, to the last bit, and what became of it."""
    members, products = (graph.nodes[name].keys.to_list() for name in ("member", "product"))
    return {
        (members[m], products[p]): (row.tobytes(), draw, tuple(did.tolist()))
        for m, p, row, draw, did in zip(
            found.member, found.product, found.values, found.draw, found.did, strict=True
        )
    }


def answers(made, moment: float, days: float) -> dict[str, set[tuple[int, int]]]:
    """Return who did what with which product in (moment, moment + days], by brute force."""
    return {
        kind: {
            (act.member, act.product)
            for act in made
            if act.kind == kind and act.product is not None and moment < act.day <= moment + days
        }
        for kind in KINDS
    }


@settings(max_examples=60, deadline=None)
@given(made=acts(), moment=st.sampled_from(DAYS), days=st.sampled_from([1, 7, 28]))
def test_answers_are_those_of_brute_force(made, moment, days):
    made = [*made, *TALE]
    whole = build_graph(shop(made))
    found = ask(whole, day(moment), replace(CONFIG, horizon_days=days)) if moment >= 2 else None
    if found is None:
        return
    truth = answers(made, moment, days)
    keys = [whole.nodes[name].keys for name in ("member", "product")]
    pairs = [
        (number(keys[0], m), number(keys[1], p))
        for m, p in zip(found.member, found.product, strict=True)
    ]
    there = {act.member for act in made if act.day <= moment}
    assert {member for member, _ in pairs} <= there
    assert found.members == len(there)
    assert len(set(pairs)) == len(pairs)
    for place, kind in enumerate(KINDS):
        assert [pair in truth[kind] for pair in pairs] == found.did[:, place].tolist()
        assert found.done[place] == sum(member in there for member, _ in truth[kind])


late = st.lists(
    st.builds(
        Act, member=st.integers(0, 9), product=st.integers(0, 14), day=st.sampled_from([0.0, 0.5, 8.0, 30.0]),
        kind=st.sampled_from(["purchase", "view", "cart", "refund"]), amount=st.sampled_from([None, 5.0]),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(made=acts(), after=late, moment=st.sampled_from([7.0, 35.25, 89.5]))
def test_what_comes_after_changes_no_row_and_what_comes_after_the_horizon_no_answer(
    made, after, moment
):
    made = [act for act in [*TALE, *made] if act.day <= moment]
    microsecond = 1 / 86_400_000_000
    future = [replace(act, day=moment + microsecond + act.day) for act in after]
    alone, beside = (build_graph(shop(one)) for one in (made, made + future))
    config = replace(CONFIG, horizon_days=9)
    one, two = (rows_of(g, ask(g, day(moment), config)) for g in (alone, beside))
    assert two.keys() == one.keys()
    assert {key: row[:2] for key, row in two.items()} == {key: row[:2] for key, row in one.items()}
    near = build_graph(shop(made + [act for act in future if act.day <= moment + 9]))
    assert rows_of(near, ask(near, day(moment), config)) == two


def test_rows_are_of_all_members_there_those_who_buy_nothing_too(graph, asked):
    names = [number(graph.nodes["member"].keys, m) for m in np.unique(asked.member)]
    assert len(names) == BUYERS + LURKERS
    assert set(names) == set(range(BUYERS + LURKERS))
    lurker = np.array([number(graph.nodes["member"].keys, m) >= BUYERS for m in asked.member])
    assert not asked.did[lurker].any()
    assert asked.did[~lurker].any()
    counts = np.bincount(asked.member)
    assert counts.max() <= EACH * (len(Shelf.of(graph).sources.columns) // 2)


def test_of_more_members_than_may_be_asked_some_are_drawn_by_seed_and_moment(graph, asked):
    config = replace(CONFIG, asked=25)
    drawn = {}
    for when in (100.0, 120.0):
        for seed in (1, 2):
            some = ask(graph, day(when), replace(config, seed=seed))
            drawn[when, seed] = tuple(np.unique(some.member).tolist())
            assert some.members == len(drawn[when, seed]) == 25
    assert len(set(drawn.values())) == 4
    whole, some = ask(graph, day(100.0), CONFIG), ask(graph, day(100.0), config)
    rows = np.isin(whole.member, drawn[100.0, 1])
    np.testing.assert_array_equal(some.values, whole.values[rows])
    np.testing.assert_array_equal(some.did, whole.did[rows])


def test_thinning_keeps_all_that_came_true_and_a_smaller_share_is_part_of_a_greater(graph, moments):
    whole = ask(graph, moments[1], CONFIG)
    half, few = (ask(graph, moments[1], CONFIG, share=share) for share in (0.5, 0.125))
    assert len(few) < len(half) < len(whole)
    for part in (half, few):
        assert part.did.sum() == whole.did.sum()
        assert (part.done == whole.done).all()
        assert part.members == whole.members
    nothing = int((~whole.did.any(axis=1)).sum())
    assert (~half.did.any(axis=1)).sum() == pytest.approx(nothing / 2, rel=0.1)
    assert rows_of(graph, half.thinned(0.125)) == rows_of(graph, few)
    assert rows_of(graph, whole.thinned(0.125)) == rows_of(graph, few)


def test_who_opted_out_and_who_is_known_to_be_fraudulent_is_neither_asked_about_nor_scored(fitted):
    made = planted()
    members = [
        {"member_id": f"m-{n}", "opted_out": out, "valid_from": when}
        for n, out, when in ((3, True, day(100.0)), (4, True, day(100.01)), (6, False, day(90.0)))
    ]
    accused = [
        {"member_id": "m-7", "order_id": None, "label": 1, "known_at": day(100.0)},
        {"member_id": "m-8", "order_id": None, "label": 1, "known_at": day(100.01)},
    ]
    whole = build_graph(shop(made, members=members, labels=accused))
    found = ask(whole, day(100.0), CONFIG)
    there = {number(whole.nodes["member"].keys, m) for m in np.unique(found.member)}
    assert not there & {3, 7}
    assert there >= {4, 6, 8}
    # What a fraudster did does not count for others either: as if it had never been.
    without = build_graph(
        shop([a for a in made if a.member != 7], members=members, labels=accused[1:])
    )
    assert rows_without_draw(ask(without, day(100.0), CONFIG), without) == rows_without_draw(
        found, whole
    )
    for when, silent in ((100.0, {"m-3", "m-7"}), (100.02, {"m-3", "m-4", "m-7", "m-8"})):
        scored = set(fitted.model.score(whole, as_of=day(when))["member_id"])
        assert not scored & silent
        assert len(scored) == BUYERS + LURKERS - len(silent)


def rows_without_draw(found, graph):
    return {key: row[0] for key, row in rows_of(graph, found).items()}


# What is learned.


def test_a_planted_rhythm_is_found_and_probabilities_are_as_high_as_what_comes(fitted, asked):
    assert list(fitted.model.targets) == ["purchase", "refund"]
    assert fitted.left_out == ("view", "cart")
    assert fitted.share == 1
    rows = {(row["target"], row["method"]): row for row in report_rows(fitted.model, asked)}
    bought = rows["purchase of a product", "trees"]
    assert bought["ships"]
    assert bought["auroc"] > 0.95
    for target in ("purchase", "refund"):
        did = asked.of(target)
        p = fitted.model.targets[target].probability(asked.names, asked.values)
        assert p.mean() == pytest.approx(did.mean(), rel=0.25)
        assert rows[f"{target} of a product", "trees"]["calibration_error"] < 0.01
    lurker = np.array(
        [m not in np.unique(asked.member[asked.did.any(axis=1)]) for m in asked.member]
    )
    p = fitted.model.targets["purchase"].probability(asked.names, asked.values)
    assert p[lurker].mean() < 0.3 * asked.of("purchase").mean()
    bar = rows["purchase of a product", BAR]
    assert bar["above"] == pytest.approx(bought["auroc"] - bar["auroc"])
    assert bar["above_low"] > 0
    assert bar["average_precision_above_low"] > 0


def test_a_report_has_both_methods_the_one_that_ships_first(fitted, asked):
    rows = report_rows(fitted.model, asked)
    assert [row["target"] for row in rows] == [
        f"{kind} of a product" for kind in fitted.model.targets for _ in METHODS
    ]
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        kind = first["target"].split()[0]
        assert first["ships"]
        assert not second["ships"]
        assert first["above"] == first["above_low"] == first["above_high"] == 0
        assert {first["method"], second["method"]} == set(METHODS)
        assert fitted.model.targets[kind].method == first["method"]
        found = fitted.validation[kind]
        assert found[first["method"]] == max(found.values())
        for row in (first, second):
            assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]
            assert row["average_precision_low"] <= row["average_precision"]
            assert row["base_rate"] == asked.of(kind).mean()
            assert row["members"] == BUYERS + LURKERS
            assert row["pairs"] == len(asked)
            assert 0.5 < row["named"] <= 1
            assert row["log_loss"] > 0


def test_what_is_thinned_in_training_is_put_back(graph, moments, fitted, asked, monkeypatch):
    monkeypatch.setattr(chances_fitting, "_LEARNED", 6_000)
    train, valid, _ = moments
    thin = fit_pairs(graph, train, valid, config=CONFIG, digests=DIGESTS)
    assert thin.share < 0.5
    assert thin.train < fitted.train / 2
    assert thin.valid == fitted.valid
    did = asked.of("purchase")
    for method in METHODS:
        odds = thin.model.targets["purchase"].log_odds(asked.names, asked.values, method)
        # Before calibration already.
        assert (1 / (1 + np.exp(-odds))).mean() == pytest.approx(did.mean(), rel=0.4)


def test_a_step_that_few_members_stand_on_promises_no_certainty():
    rng = np.random.default_rng(6)
    scores, owners = rng.normal(size=4_000), rng.integers(0, 200, 4_000)
    y = (rng.random(4_000) < 0.5 / (1 + np.exp(-3 * scores))).astype(np.int64)
    scores[:40], owners[:40], y[:40] = 9 + rng.random(40), 3, 1  # one member, who does it all
    plain, found = fit_calibrator(scores, y, method="isotonic"), calibrator_of(scores, y, owners)
    assert found.method == "isotonic"
    assert plain.apply([9.5])[0] > 0.99
    order = np.argsort(-scores)
    twenty = next(n for n in range(40, 200) if len(set(owners[order[: n + 1]])) > 20)
    assert found.apply([9.5])[0] == pytest.approx(y[order[:twenty]].mean(), abs=1e-5)
    below = scores[order[300:]]
    np.testing.assert_allclose(found.apply(below), plain.apply(below))
    assert (np.diff(found.apply(np.sort(scores))) >= 0).all()


def test_the_same_seed_gives_the_same_model_whatever_the_order_of_events(fitted):
    again = build_graph(shop(list(reversed(planted())))).until(day(END))
    train, valid, _ = moments_of(again, CONFIG, as_of=day(END))
    other = fit_pairs(again, train, valid, config=CONFIG, digests=DIGESTS)
    for name, target in fitted.model.targets.items():
        assert other.model.targets[name].trees.digest == target.trees.digest
    assert other.validation == fitted.validation


def test_a_target_that_too_few_members_reached_is_left_out_and_without_any_it_is_said(moments):
    train, valid, _ = moments
    few = [a for a in planted() if a.kind != "refund"]
    few += [Act(m, 1, d + 0.5, "refund") for m in range(19) for d in range(10, 149, 3)]
    few += [Act(m, 1, d, "cart") for m in range(19, 60) for d in range(10, 149, 3)]
    found = fit_pairs(build_graph(shop(few)), train, valid, config=CONFIG, digests={})
    assert set(found.left_out) >= {"view", "refund"}
    assert "purchase" in found.model.targets
    nobody = [a for a in planted() if a.member < 15 or a.member >= BUYERS]
    with pytest.raises(NothingToDoError, match="fewer than 20 members") as told:
        fit_pairs(build_graph(shop(nobody)), train, valid, config=CONFIG, digests={})
    assert "[propensity]" in told.value.hint
    lookers = [Act(m, 1, float(d), "view") for m in range(30) for d in range(0, 149, 5)]
    with pytest.raises(NothingToDoError, match="no source names a product"):
        fit_pairs(build_graph(shop(lookers)), train, valid, config=CONFIG, digests={})


# What is said of pairs.


def test_scores_say_of_what_pair_and_the_likeliest_are_first(graph, fitted):
    scores = fitted.model.score(graph, as_of=day(END))
    assert scores.columns == [
        "member_id", "product_id", "target", "score", "score_kind", "horizon_days", "as_of", "model",
    ]  # fmt: skip
    assert scores["target"].unique(maintain_order=True).to_list() == ["purchase", "refund"]
    for target in ("purchase", "refund"):
        part = scores.filter(target=target)
        assert part.select("member_id", "product_id").is_unique().all()
        assert part["member_id"].n_unique() == BUYERS + LURKERS
        order = ["score", "member_id", "product_id"]
        assert part.sort(order, descending=[True, False, False]).equals(part)
        assert part["score"].is_between(0, 1, closed="none").all()
        best = fitted.model.score(graph, as_of=day(END), target=target, top=9)
        assert best.equals(part.head(9))
    assert fitted.model.score(graph, as_of=day(END), top=9).height == 18
    assert set(scores["horizon_days"]) == {7}
    assert set(scores["score_kind"]) == {"probability"}
    assert set(scores["model"]) == {"propensity-01234567fedcba98"} == {fitted.model.name}
    with pytest.raises(UsageError, match="the model predicts no 'view' of a product") as told:
        fitted.model.score(graph, as_of=day(END), target="view")
    assert told.value.hint == "purchase, refund"


def test_blocks_of_members_change_no_score_and_nothing_later_is_looked_at(
    graph, fitted, monkeypatch
):
    moment = day(END - 20)
    scores = fitted.model.score(graph, as_of=moment)
    past = build_graph(shop([a for a in planted() if day(a.day) <= moment]))
    assert fitted.model.score(past, as_of=moment).equals(scores)
    monkeypatch.setattr(chances_asked, "_BLOCK", 7)
    assert fitted.model.score(graph, as_of=moment).equals(scores)
    assert fitted.model.score(graph, as_of=moment, top=11).equals(
        pl.concat([scores.filter(target=name).head(11) for name in fitted.model.targets])
    )


# Kept and read again.


def test_a_kept_model_says_the_same(graph, fitted, tmp_path):
    fitted.model.save(tmp_path / "new" / "m")
    again = PairModel.load(tmp_path / "new" / "m")
    assert again.score(graph, as_of=day(END)).equals(fitted.model.score(graph, as_of=day(END)))
    for name in ("name", "config", "trained_until", "chosen_until", "digests", "horizon"):
        assert getattr(again, name) == getattr(fitted.model, name), name


def test_an_absent_damaged_or_half_written_model_is_refused_in_one_line(fitted, tmp_path):
    with pytest.raises(UsageError, match="no chances of products in") as told:
        PairModel.load(tmp_path)
    assert "pairs = true" in told.value.hint
    whole = tmp_path / "whole"
    fitted.model.save(whole)
    card = json.loads((whole / "chances.json").read_text())
    bought = card["targets"]["purchase"]

    def changed(**others):
        return lambda f: (f / "chances.json").write_text(json.dumps({**card, **others}))

    def target(**others):
        return changed(targets={**card["targets"], "purchase": {**bought, **others}})

    damages = {
        "cut": lambda f: (f / "chances.json").write_text(json.dumps(card)[:-30]),
        "format": changed(format=2),
        "kind": changed(targets={**card["targets"], "marry": bought}),
        "nothing": changed(targets={}),
        "method": target(method="guess"),
        "bar": target(bar=[1.0, 2.0]),
        "text": target(bar=["a", "b", "c", "d"]),
        "calibrators": target(calibrators={"trees": bought["calibrators"]["trees"]}),
        "calibrator": target(calibrators={**bought["calibrators"], BAR: {"format": 1}}),
        "trees": target(trees="0" * 64),
        "no trees": lambda f: shutil.rmtree(f / "trees-purchase"),
        "others": lambda f: shutil.copytree(
            f / "trees-refund", f / "trees-purchase", dirs_exist_ok=True
        ),
        "config": changed(config={**card["config"], "horizon_days": 0}),
        "time": changed(trained_until=3),
        "digests": changed(digests=[1, 2]),
    }
    for name, damage in damages.items():
        folder = tmp_path / name
        shutil.copytree(whole, folder)
        damage(folder)
        with pytest.raises(UsageError) as told:
            PairModel.load(folder)
        assert "\n" not in told.value.message, name
        assert told.value.hint, name


# Through a store.


def test_training_keeps_pairs_beside_members_and_reports_both(tmp_path):
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(shop(planted()))
        folder = tmp_path / "model"
        trained = train_propensity(store, CONFIG, as_of=day(END), folder=folder)
        assert {row["target"] for row in trained.report.rows} >= {
            "purchase", "refund", "purchase of a product", "refund of a product",
        }  # fmt: skip
        assert (
            len({tuple(sorted(row)) for row in pl.DataFrame(trained.report.rows).to_dicts()}) == 1
        )
        assert evaluate_propensity(store, folder, as_of=day(END)) == trained.report
        notes = json.loads((folder / "manifest.json").read_text())["notes"]
        assert notes["pairs"]["left_out"] == ["view", "cart"]
        scores = score_propensity_pairs(store, folder, as_of=day(END), target="purchase", top=5)
        assert scores.height == 5
        assert set(scores["model"]) == {trained.model.name}
        with pytest.raises(UsageError, match="was trained on data up to"):
            score_propensity_pairs(store, folder, as_of=day(END) - timedelta(days=8))

        # A folder in which a training did not end, and one of a training without pairs.
        card = json.loads((folder / PAIRS / "chances.json").read_text())
        card["digests"]["data"] = "0" * 16
        (folder / PAIRS / "chances.json").write_text(json.dumps(card))
        for asked in (score_propensity_pairs, evaluate_propensity):
            with pytest.raises(UsageError, match="another training, which did not end"):
                asked(store, folder, as_of=day(END))
        alone = train_propensity(store, replace(CONFIG, pairs=False), as_of=day(END), folder=folder)
        assert not any("product" in row["target"] for row in alone.report.rows)
        assert evaluate_propensity(store, folder, as_of=day(END)) == alone.report
        with pytest.raises(UsageError, match="no chances of products in"):
            score_propensity_pairs(store, folder, as_of=day(END))


def test_a_shop_that_cannot_teach_pairs_still_has_a_model_of_members(tmp_path, caplog):
    rng = np.random.default_rng(4)
    lookers = [
        Act(m, 1, float(d), "view") for m in range(90) for d in rng.uniform(0, END, 4 + m // 9)
    ]
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(shop(lookers))
        trained = train_propensity(store, CONFIG, as_of=day(END - 1), folder=tmp_path / "model")
    assert {row["target"] for row in trained.report.rows} == {"view"}
    assert "no chances of products: no source names a product" in caplog.text
    assert not (tmp_path / "model" / PAIRS).exists()
