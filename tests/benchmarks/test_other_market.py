from __future__ import annotations

from datetime import UTC

import polars as pl
import pytest

from benchmarks.other_market import STYLES, make_other_market
from graphml.results import RING_KINDS
from graphml.schema import KINDS, MARKETPLACE
from graphml.tables.frames import TIME, Tables, frame_schema

Market = tuple[Tables, pl.DataFrame, pl.DataFrame]
VIEWS = ("device_id", "address_id", "ip", "card", "phone")


@pytest.fixture(scope="module", params=list(STYLES))
def style(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def market(style: str) -> Market:
    return make_other_market(members=2_000, seed=5, style=style)


def _uses(events: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        events.select("member_id", "time", value=pl.lit(f"{view} ") + pl.col(view)).drop_nulls()
        for view in VIEWS
    )


def test_same_seed_same_market(style: str, market: Market) -> None:
    tables, rings, groups = make_other_market(members=2_000, seed=5, style=style)
    for name in ("events", "members", "products", "labels"):
        assert getattr(tables, name).equals(getattr(market[0], name)), name
    assert rings.equals(market[1])
    assert groups.equals(market[2])


def test_another_seed_is_another_market(style: str, market: Market) -> None:
    tables, _, _ = make_other_market(members=2_000, seed=6, style=style)
    assert not set(tables.members["member_id"]) & set(market[0].members["member_id"])


def test_events_keep_the_contract(style: str, market: Market) -> None:
    events = market[0].events
    schema = frame_schema("events")
    assert {name: events.schema[name] for name in schema} == schema
    assert set(events["kind"]) <= set(KINDS)
    start = STYLES[style].start
    assert events["time"].dtype == TIME
    assert start.tzinfo is UTC
    assert events["time"].min() >= start
    for name, column in MARKETPLACE.tables["events"].items():
        needed = pl.col("kind").is_in(column.required_for) | pl.lit(column.required)
        assert events.filter(needed & pl.col(name).is_null()).is_empty(), name
        if column.minimum is not None:
            assert events.filter(pl.col(name) < column.minimum).is_empty(), name
    assert events.filter(pl.col("amount").is_not_null() & pl.col("currency").is_null()).is_empty()


def test_ids_are_unique_and_known(market: Market) -> None:
    tables = market[0]
    assert tables.events["event_id"].is_unique().all()
    assert tables.members["member_id"].is_unique().all()
    assert tables.products["product_id"].is_unique().all()
    assert set(tables.events["member_id"]) <= set(tables.members["member_id"])
    assert set(tables.events["product_id"].drop_nulls()) <= set(tables.products["product_id"])
    assert set(tables.labels["member_id"]) <= set(tables.members["member_id"])


def test_nobody_acts_before_signing_up(market: Market) -> None:
    events = market[0].events
    joined = (
        events.filter(pl.col("kind") == "signup").group_by("member_id").agg(pl.col("time").min())
    )
    early = events.join(joined.rename({"time": "joined"}), on="member_id").filter(
        pl.col("time") < pl.col("joined")
    )
    assert early.is_empty()


def test_truth_names_rings_of_members_with_events(market: Market) -> None:
    tables, rings, _ = market
    assert rings["member_id"].is_unique().all()
    assert set(rings["member_id"]) <= set(tables.events["member_id"])
    assert set(rings["kind"]) <= set(RING_KINDS)
    assert set(rings["role"]) <= {"core", "mule", "periphery", "victim"}
    assert rings["first_event"].dtype == TIME
    sizes = rings.group_by("ring_id").agg(pl.len(), pl.col("kind").n_unique())
    assert sizes["len"].is_between(3, 25).all()
    assert sizes["kind"].max() == 1
    last = tables.events.group_by("member_id").agg(pl.col("time").max())
    late = rings.join(last, on="member_id").filter(pl.col("first_event") > pl.col("time"))
    assert late.is_empty()


def test_benign_groups_outnumber_rings(market: Market) -> None:
    tables, rings, groups = market
    assert set(groups["member_id"]) <= set(tables.members["member_id"])
    assert not groups.select("group_id", "member_id").is_duplicated().any()
    assert groups.group_by("group_id").len()["len"].min() >= 2
    assert groups["group_id"].n_unique() > 5 * rings["ring_id"].n_unique()


def test_rings_leave_traces(market: Market) -> None:
    tables, rings, _ = market
    uses = _uses(tables.events).join(rings, on="member_id").select("ring_id", "member_id", "value")
    shared = uses.unique().filter(pl.len().over("ring_id", "value") > 1)
    assert shared["member_id"].n_unique() >= 0.9 * rings.height


@pytest.mark.parametrize("view", VIEWS)
def test_a_shared_value_alone_gives_no_ring_away(style: str, view: str, market: Market) -> None:
    if style == "electronics" and view == "card":
        pytest.skip("cards are rarely written down there")
    tables, rings, _ = market
    shared = (
        tables.events.select("member_id", view)
        .drop_nulls()
        .unique()
        .join(rings.select("member_id", "ring_id"), on="member_id", how="left")
        .group_by(view)
        .agg(n=pl.len(), together=pl.col("ring_id").drop_nulls().unique_counts().max())
        .filter(pl.col("n") > 1)
    )
    planted = shared.filter(pl.col("together") > 1).height
    assert planted < 0.5 * shared.height


def test_each_shop_records_differently() -> None:
    rates = {}
    for name in STYLES:
        events = make_other_market(members=600, seed=2, style=name)[0].events
        rates[name] = {c: 1 - events[c].null_count() / events.height for c in ("ip", "device_id")}
        rates[name]["reviews"] = float((events["kind"] == "review").sum())
    assert rates["grocery"]["ip"] < 0.1
    assert rates["grocery"]["reviews"] == 0
    assert rates["fashion"]["ip"] > 0.99
    assert rates["fashion"]["device_id"] > 0.99
    assert 0.1 < rates["electronics"]["ip"] < 0.9


def test_unknown_style_and_too_few_members_are_refused() -> None:
    with pytest.raises(ValueError, match="grocery, fashion, electronics"):
        make_other_market(members=500, seed=0, style="bazaar")
    with pytest.raises(ValueError, match="at least 200"):
        make_other_market(members=100, seed=0, style="fashion")
