"""What is planted: rings of every kind, harmless groups in larger numbers, labels late and few."""

from datetime import timedelta
from pathlib import Path

import networkx as nx
import polars as pl
import pytest

from graphml.results import RING_KINDS
from tests.tables.synthetic.markets import BENIGN, market, uses

MEMBERS = 20_000


@pytest.fixture(scope="module")
def made():
    return market(MEMBERS)


def test_the_docs_name_every_kind():
    page = Path(__file__).parents[3] / "docs" / "explanation" / "made-up-marketplace.md"
    text = page.read_text(encoding="utf-8")

    assert {kind for kind in {*RING_KINDS, *BENIGN} if kind not in text} == set()


@pytest.mark.parametrize("difficulty", ["easy", "default", "hard"])
def test_a_marketplace_of_2000_members_has_every_kind_of_ring_and_of_sharing(difficulty):
    small = market(2_000, 7, difficulty)

    assert set(small.truth_rings["kind"]) == set(RING_KINDS)
    assert set(small.truth_groups["kind"]) == BENIGN


def test_there_are_three_rings_per_thousand_members_mostly_small(made):
    rings = made.truth_rings.group_by("ring_id").agg(
        pl.len().alias("size"), pl.col("kind").unique()
    )

    assert rings.height == 3 * MEMBERS // 1_000
    assert rings["kind"].list.len().max() == 1
    assert rings["size"].min() >= 3
    assert rings["size"].max() <= 30
    assert 5 <= rings["size"].median() <= 9
    assert made.truth_rings["member_id"].n_unique() == made.truth_rings.height


def test_members_of_rings_and_groups_exist(made):
    known = made.tables.members["member_id"].implode()

    assert made.truth_rings["member_id"].is_in(known).all()
    assert made.truth_groups["member_id"].is_in(known).all()
    assert made.truth_groups.is_duplicated().sum() == 0
    sizes = made.truth_groups.group_by("group_id").len()
    assert sizes["len"].min() >= 2


def test_roles_fit_the_kind(made):
    roles = made.truth_rings.group_by("kind").agg(pl.col("role").unique())
    found = {kind: set(names) for kind, names in roles.iter_rows()}

    assert found.pop("takeover") == {"victim", "mule"}
    assert "mule" in found.pop("reshipping")
    for kind, names in found.items():
        assert "core" in names, kind
        assert "victim" not in names, kind


def test_victims_have_a_long_life_before(made):
    victims = made.truth_rings.filter(pl.col("role") == "victim").join(
        made.tables.members, on="member_id"
    )

    assert (victims["first_event"] - victims["signup_time"]).min() > timedelta(days=60)


def test_harmless_sharing_outnumbers_the_rings(made):
    in_rings = made.truth_rings.height
    groups = made.truth_groups.group_by("kind").agg(
        pl.col("member_id").n_unique().alias("members"),
        pl.col("group_id").n_unique().alias("groups"),
    )

    assert made.truth_groups["member_id"].n_unique() > 15 * in_rings
    larger = groups.filter(pl.col("members") > in_rings)
    assert larger.height >= 10
    assert groups["members"].min() > in_rings / 3


def test_members_of_a_group_share_what_their_kind_says(made):
    views = {
        "cafe": "ip", "event_wifi": "ip", "office": "ip", "kiosk": "device_id",
        "second_hand_device": "device_id", "borrowed_phone": "device_id", "trip": "card",
        "parcel_locker": "address_id",
    }  # fmt: skip
    used = uses(made.tables.events)
    for kind, view in views.items():
        group = made.truth_groups.filter(pl.col("kind") == kind)
        shared = (
            group.join(used.filter(pl.col("view") == view), on="member_id")
            .group_by("group_id", "value")
            .len()
            .group_by("group_id")
            .agg(pl.col("len").max())
            .join(group.group_by("group_id").len("size"), on="group_id")
        )
        assert (shared["len"] / shared["size"]).mean() > 0.8, kind


def test_nearly_every_ring_leaves_traces_in_two_views(made):
    used = (
        uses(made.tables.events)
        .join(made.truth_rings.select("member_id", "ring_id"), on="member_id")
        .filter(pl.len().over("view", "value", "ring_id") >= 2)
    )
    views = used.group_by("ring_id", "member_id").agg(pl.col("view").n_unique())
    seen = views.group_by("ring_id").agg((pl.col("view") >= 2).sum().alias("two"))
    sizes = made.truth_rings.group_by("ring_id").len("size").join(seen, on="ring_id", how="left")

    assert (sizes["two"].fill_null(0) / sizes["size"] >= 0.5).mean() > 0.9


def test_the_pairs_of_a_ring_hang_together_by_what_it_shares(made):
    """A detector that knew which values to trust could find most pairs: the rings are no noise."""
    used = uses(made.tables.events).with_columns(pl.len().over("view", "value").alias("users"))
    own = (
        used.join(made.truth_rings.select("member_id", "ring_id"), on="member_id")
        .with_columns(pl.len().over("view", "value", "ring_id").alias("inside"))
        .filter((pl.col("inside") >= 2) & (pl.col("inside") * 2 >= pl.col("users")))
    )
    graph = nx.Graph()
    graph.add_edges_from(
        (member, (ring, view, value))
        for member, ring, view, value in own.select(
            "member_id", "ring_id", "view", "value"
        ).iter_rows()
    )
    parts = (sum(isinstance(node, str) for node in part) for part in nx.connected_components(graph))
    linked = sum(size * (size - 1) // 2 for size in parts)
    sizes = made.truth_rings.group_by("ring_id").len()["len"].cast(pl.Int64)
    assert linked / (sizes * (sizes - 1) // 2).sum() > 0.9


def test_ring_members_also_live(made):
    events = made.tables.events.join(made.truth_rings, on="member_id", how="inner")
    before = events.filter(pl.col("time") < pl.col("first_event"))

    assert before["member_id"].n_unique() > 0.3 * made.truth_rings.height
    fraud = made.truth_fraud["order_id"].implode()
    honest = events.filter((pl.col("kind") == "purchase") & ~pl.col("order_id").is_in(fraud))
    assert honest["member_id"].n_unique() > 0.4 * made.truth_rings.height


def test_fraud_names_orders_of_ring_members(made):
    orders = made.tables.events.filter(pl.col("kind") == "purchase").select("order_id", "member_id")

    assert made.truth_fraud.join(orders, on=["order_id", "member_id"], how="anti").height == 0
    assert (
        made.truth_fraud.join(made.truth_rings, on=["ring_id", "member_id"], how="anti").height == 0
    )


def test_chargebacks_miss_most_fraud_and_whole_rings_and_hit_some_honest_orders(made):
    back = made.tables.events.filter(pl.col("kind") == "chargeback")
    fraud = made.truth_fraud.with_columns(
        pl.col("order_id").is_in(back["order_id"].implode()).alias("told")
    )

    assert 0.03 < fraud["told"].mean() < 0.3
    assert (~fraud.group_by("ring_id").agg(pl.col("told").any())["told"]).mean() > 0.4
    honest = ~back["order_id"].is_in(fraud["order_id"].implode())
    assert 0.1 < honest.mean() < 0.6
    silent = made.truth_rings.filter(pl.col("kind").is_in(["brushing", "coupon_farming"]))
    of_silent = fraud.filter(pl.col("ring_id").is_in(silent["ring_id"].unique().implode()))
    assert of_silent["told"].mean() < 0.02


def test_labels_are_late_few_and_now_and_then_wrong(made):
    labels = made.tables.labels.join(made.truth_rings, on="member_id", how="left")
    guilty = pl.col("ring_id").is_not_null()

    assert labels["member_id"].n_unique() == labels.height
    assert labels["known_at"].max() < made.tables.events["time"].max() + timedelta(days=1)
    late = labels.filter(pl.col("fraud_time").is_not_null())
    assert (late["known_at"] - late["fraud_time"]).min() >= timedelta(days=3)
    told = labels.filter(guilty)
    assert told.height < 0.2 * made.truth_rings.height
    assert told["ring_id"].n_unique() < 0.5 * made.truth_rings["ring_id"].n_unique()
    assert told.filter(pl.col("role") == "victim").height == 0
    assert 0.7 < told["label"].mean() < 1
    assert 0 < labels.filter(~guilty)["label"].mean() < 0.15
