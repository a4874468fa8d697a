"""Candidates, what is told of them and lists are the same whatever comes after, to the microsecond."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RecommendConfig
from graphml.errors import NothingToDoError, UsageError
from graphml.graph.build import Graph, build_graph
from graphml.pipeline.recommending import evaluate_recommender, recommend_stored
from graphml.recommend.fitting import ask, fit_recommender, moments_of
from graphml.recommend.ranker import fit_ranker
from graphml.recommend.recommender import SIMPLE, Recommender, Shelf
from graphml.recommend.rules import Rules
from graphml.store.connect import connect
from graphml.store.moments import visible
from graphml.tables.frames import Tables
from graphml.tabular.flags import fraudulent
from graphml.tabular.trees import TreeConfig
from tests.properties.future import MARKETS, MICROSECOND, cut, future, market, together
from tests.recommend.small import DAYS, Act, acts, day, graph_of, shop

CONFIG = RecommendConfig(horizon_days=14, step_days=14, moments=1, each=20, asked=150)
RULES = Rules(per_seller=5, per_category=4)


def read_out(graph: Graph, found, names, values):
    """Return what is told of each pair of ids, to the last bit."""
    members, products = (graph.nodes[name].keys.to_list() for name in ("member", "product"))
    told = {
        (members[m], products[p]): row.tobytes()
        for m, p, row in zip(found.member, found.product, values, strict=True)
    }
    return names, told


def described(tables: Tables, when, among: set[str] | None = None):
    """Return all candidates of members, of all there by then if nobody is named."""
    graph = build_graph(tables).until(when)
    nodes = graph.nodes["member"]
    who = [
        n for n in np.flatnonzero(nodes.present).tolist() if among is None or nodes.keys[n] in among
    ]
    shelf = Shelf.of(graph, without=fraudulent(graph))
    found, values = shelf.described(np.array(who, np.int64), each=20)
    return read_out(graph, found, shelf.names, values)


@cache
def scene(name: str):
    whole = market(name)
    when = cut(whole, 0.8)
    past = visible(whole, when)
    return past, {"whole": whole, "mixed": together(past, future(whole, when, 7), 9)}, when


@pytest.mark.parametrize("name", MARKETS)
def test_no_candidate_of_a_market_and_nothing_told_of_it_knows_the_future(name: str) -> None:
    past, worlds, when = scene(name)
    few = set(past.events["member_id"].unique().sort().gather_every(7).to_list())
    alone = described(past, when, few)
    assert len(alone[1]) > 1_000
    for world in worlds.values():
        assert described(world, when, few) == alone
    later = described(worlds["mixed"], when + MICROSECOND, few)
    assert later[1].keys() != alone[1].keys() or later != alone
    assert sum(later[1].get(key) != told for key, told in alone[1].items()) > len(alone[1]) / 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A ranker, trained well before the moments that it is asked about, and a simple method."""
    past, _, when = scene("default")
    graph = build_graph(past).until(when)
    train, valid, _ = moments_of(graph, CONFIG)
    fitted = fit_recommender(graph, train, valid, config=CONFIG, digests={})
    folders = {}
    parts = [ask(graph, moment, CONFIG) for moment in train]
    ranker = fit_ranker(parts, fitted.valid, config=TreeConfig(rounds=30))
    for name, trees in (("ranker", ranker), ("bought lately, then popular", None)):
        folders[name] = tmp_path_factory.mktemp("model")
        replace(fitted.recommender, method=name, ranker=trees).save(folders[name])
    return folders


@pytest.mark.parametrize("method", ["ranker", "bought lately, then popular"])
def test_no_list_of_a_store_knows_the_future(model, method, tmp_path) -> None:
    past, worlds, when = scene("default")
    # Some have opted out by then, of which all is known; others do so a microsecond later.
    ids = past.members["member_id"].unique().sort()
    out = pl.DataFrame({"member_id": ids.gather_every(5), "opted_out": True, "valid_from": when})
    late = pl.DataFrame({"member_id": ids.gather_every(5, 1), "opted_out": True})
    late = late.with_columns(valid_from=when + MICROSECOND)
    asked = ids.gather_every(9).to_list()
    lists = {}
    for name, world in {"past": past, **worlds}.items():
        rows = [out] if name == "past" else [out, late]
        members = pl.concat([world.members, *rows], how="diagonal_relaxed")
        with connect(f"embedded://{tmp_path}/{name}") as store:
            store.write_tables(replace(world, members=members))
            lists[name] = recommend_stored(
                store, model[method], asked, as_of=when, rules=RULES, top=15
            )
            if name != "past":
                later = recommend_stored(
                    store, model[method], asked, as_of=when + MICROSECOND, rules=RULES, top=15
                )
                assert later != lists[name]
    assert len(lists["past"]) > 300
    assert lists["whole"] == lists["past"]
    assert lists["mixed"] == lists["past"]


def late(rows: list[Act], when: float) -> Tables:
    """Return the same acts put off until after a moment, with all else that can become known."""
    made = shop(
        rows,
        labels=[
            {"member_id": f"m-{a.member}", "order_id": None, "label": 1, "known_at": day(0)}
            for a in rows
        ],
        products=[
            {"product_id": f"p-{a.product:02}", "category": "late", "seller_id": f"s-{a.member}"}
            for a in rows
            if a.product is not None
        ],
    )
    start = day(when) + MICROSECOND
    moved = made.events.with_columns(
        pl.col("time") - pl.lit(day(0)) + start, event_id="!late " + pl.col("event_id"),
        product_id=pl.when(pl.col("quantity") == 5).then(pl.lit("!new")).otherwise("product_id"),
        member_id=pl.when(pl.col("quantity") == 2).then(pl.lit("!new")).otherwise("member_id"),
        currency=pl.lit("AAA"),
    )  # fmt: skip
    return replace(
        made,
        events=moved,
        labels=made.labels.with_columns(known_at=start),
        products=made.products.with_columns(valid_from=start),
    )


@settings(max_examples=120, deadline=None)
@given(acts(), acts(12), st.sampled_from(DAYS[2:]), st.integers(0, 9))
def test_the_future_changes_nothing(made, coming, when, seed) -> None:
    alone = described(visible(shop(made), day(when)), day(when))
    assert described(together(shop(made), late(coming, when), seed), day(when)) == alone


def known(asked, graph):
    return read_out(graph, asked.candidates, asked.names, asked.values)


def answered(asked, graph):
    keys = graph.nodes["member"].keys
    found = asked.candidates
    product = graph.nodes["product"].keys
    return {
        (keys[int(m)], product[int(p)])
        for m, p in zip(found.member[asked.bought], found.product[asked.bought], strict=True)
    }


DAY = timedelta(days=1)
EDGES = (-8 * DAY, -7 * DAY, 0 * DAY, MICROSECOND, 3 * DAY, 7 * DAY, 7 * DAY + MICROSECOND, 9 * DAY)
"""From a moment; the horizon is seven days."""


@settings(max_examples=120, deadline=None)
@given(acts(), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 10), st.sampled_from(EDGES))))
def test_only_purchases_within_the_horizon_are_labels(made, bought) -> None:
    config = RecommendConfig(horizon_days=7, each=20)
    past = [act for act in made if act.day <= 60.0]
    events = shop([*past, *(Act(m, p, 0.0) for m, p, _ in bought)]).events
    times = [*(day(act.day) for act in past), *(day(60.0) + ahead for _, _, ahead in bought)]
    events = events.with_columns(time=pl.Series(times, dtype=events["time"].dtype))
    graph = build_graph(Tables(events=events))
    then = events.filter(pl.col("time") <= day(60.0))
    members, products = set(then["member_id"]), set(then["product_id"].drop_nulls())
    wanted = {
        (f"m-{m}", f"p-{p:02}")
        for m, p, ahead in bought
        if 0 * DAY < ahead <= 7 * DAY and f"m-{m}" in members and f"p-{p:02}" in products
    }
    if not wanted:
        with pytest.raises(NothingToDoError, match="nobody known by"):
            ask(graph, day(60.0), config)
        return
    asked = ask(graph, day(60.0), config)
    names = graph.nodes["member"].keys
    who = sorted({member for member, _ in wanted})
    assert sorted({names[int(m)] for m in asked.candidates.member}) in (who, _named(asked, who))
    assert asked.wanted.tolist() == [sum(m == name for m, _ in wanted) for name in who]
    candidates = {
        (names[int(m)], graph.nodes["product"].keys[int(p)])
        for m, p in zip(asked.candidates.member, asked.candidates.product, strict=True)
    }
    assert answered(asked, graph) == wanted & candidates
    # Candidates and their columns are those of a graph that ends at the moment.
    whole = described(visible(Tables(events=events), day(60.0)), day(60.0), set(who))
    assert known(asked, graph) == whole


def _named(asked, who):
    """Return those of ``who`` for whom anything is a candidate."""
    return [name for n, name in enumerate(who) if n in set(asked.candidates.owner.tolist())]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.floats(0, 400, allow_nan=False)
)
def test_each_horizon_ends_by_the_moment_of_the_next_part(horizon, step, moments, length) -> None:
    config = RecommendConfig(horizon_days=horizon, step_days=step, moments=moments)
    graph = graph_of([Act(0, 1, 0.0), Act(0, 1, length / 2)], until=length)
    ahead = timedelta(days=horizon)
    if graph.as_of - 4 * ahead < day(0):
        with pytest.raises(NothingToDoError, match=f"take {4 * horizon} days"):
            moments_of(graph, config)
        return
    train, valid, test = moments_of(graph, config)
    assert test + ahead == graph.as_of
    assert valid + ahead <= test
    assert max(train) + ahead <= valid
    assert 1 <= len(train) == len(set(train)) <= moments
    assert train == sorted(train, reverse=True)
    assert all(a - b == timedelta(days=step) for a, b in pairwise(train))
    # Each has a horizon of past; one more would have none, or is not asked for.
    assert min(train) - ahead >= day(0)
    one_more = min(train) - timedelta(days=step)
    assert len(train) == moments or one_more - ahead < day(0)


def test_moments_are_of_a_graph_of_a_moment() -> None:
    with pytest.raises(ValueError, match="until"):
        moments_of(build_graph(shop([Act(0, 1, 0.0)])), CONFIG)


@pytest.mark.parametrize("later", ["trained_until", "chosen_until"])
def test_a_model_that_knows_what_came_after_is_refused_to_the_microsecond(later, tmp_path) -> None:
    when = day(30.0)
    rows = [Act(0, 1, 1.0), Act(1, 1, 2.0), Act(1, 1, 29.0), Act(0, 1, 30.0)]
    made = Recommender(
        method="popular", ranker=None, config=RecommendConfig(horizon_days=2),
        trained_until=day(9.0), chosen_until=day(9.0),
    )  # fmt: skip
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(shop(rows))
        for until, fine in ((when, True), (when + MICROSECOND, False)):
            replace(made, **{later: until}).save(tmp_path / "model")
            ask_for = {"as_of": when, "rules": Rules(), "top": 3}
            if fine:
                assert recommend_stored(store, tmp_path / "model", [], **ask_for)
                continue
            with pytest.raises(UsageError, match="was trained on data up to"):
                recommend_stored(store, tmp_path / "model", [], **ask_for)
        # A report needs a horizon that neither training nor choice has seen.
        for until, fine in ((day(28.0), True), (day(28.0) + MICROSECOND, False)):
            replace(made, **{later: until}).save(tmp_path / "model")
            if fine:
                assert evaluate_recommender(store, tmp_path / "model", as_of=when).labels == 2
                continue
            with pytest.raises(UsageError, match="one horizon before"):
                evaluate_recommender(store, tmp_path / "model", as_of=when)


def test_training_knows_its_own_end_and_nothing_after_it() -> None:
    past, worlds, when = scene("default")
    found = []
    for world in (past, worlds["whole"], worlds["mixed"]):
        graph = build_graph(world).until(when)
        train, valid, test = moments_of(graph, CONFIG)
        fitted = fit_recommender(graph, train, valid, config=CONFIG, digests={})
        recommender = fitted.recommender
        assert recommender.trained_until <= valid
        assert recommender.chosen_until <= test
        trees = recommender.ranker.digest if recommender.ranker else None
        found.append((recommender.method, trees, dict(fitted.chosen), train, valid, test))
    assert found[0] == found[1] == found[2]
    assert set(found[0][2]) == {*SIMPLE, "ranker"}
