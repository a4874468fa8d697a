"""Rings on the IP file of ecommerce-fraud; its class is read by these tests alone."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from graphml.config import RingConfig
from graphml.graph.build import Graph
from graphml.results import Ring
from graphml.rings.extract import extract_rings
from tests.rings.cards import ECOMMERCE, card_graph

pytestmark = pytest.mark.skipif(
    not ECOMMERCE.is_dir(), reason="shared/data/ecommerce-fraud does not ship and is not here"
)
JANUARY = datetime(2015, 1, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return card_graph("ecommerce-fraud", ECOMMERCE)


@pytest.fixture(scope="module")
def truth(graph: Graph) -> dict[str, int]:
    labels = graph.evaluation_labels
    keys = graph.nodes["member"].keys.gather(labels["member"])
    return dict(zip(keys.to_list(), labels["label"].to_list(), strict=True))


@pytest.fixture(scope="module")
def at_the_end(graph: Graph) -> list[Ring]:
    return extract_rings(graph, None, RingConfig(), as_of=graph.events["time"].max())


def buyers(graph: Graph, as_of: datetime) -> set[str]:
    bought = graph.events.filter(pl.col("time") <= as_of, pl.col("kind") == "purchase")
    return set(graph.nodes["member"].keys.gather(bought["member"]))


def test_the_one_legitimate_user_of_a_shared_device_is_named_a_victim(graph, truth, at_the_end):
    keys = graph.nodes["member"].keys
    users = graph.events.drop_nulls("device").group_by("device").agg(pl.col("member").unique())
    alone = []
    for members in users.filter(pl.col("member").list.len() > 2)["member"]:
        honest = [key for key in keys.gather(members) if truth[key] == 0]
        alone += honest if len(honest) == 1 else []
    assert len(alone) == 98
    victims = {m.member_id for ring in at_the_end for m in ring.members if m.role == "victim"}
    assert len(victims & set(alone)) >= 90
    accused = {member for ring in at_the_end for member in ring.flagged_ids}
    assert not accused & set(alone)


def test_whom_rings_accuse_at_the_end_is_fraud(graph, truth, at_the_end):
    flagged = [member for ring in at_the_end for member in ring.flagged_ids]
    found = sum(truth[member] for member in flagged)
    assert found / len(flagged) >= 0.95
    assert found / sum(truth.values()) >= 0.36


def test_whom_rings_accuse_in_january_is_fraud(graph, truth):
    members = buyers(graph, JANUARY)
    assert len(members) == 1_970
    rings = extract_rings(graph, None, RingConfig(), as_of=JANUARY)
    flagged = [m for ring in rings for m in ring.flagged_ids if m in members]
    found = sum(truth[member] for member in flagged)
    assert found / len(flagged) >= 0.98
    assert found / sum(truth[member] for member in members) >= 0.87


def test_the_evidence_tells_the_victim_apart(at_the_end):
    ring = next(r for r in at_the_end if any(m.role == "victim" for m in r.members))
    victim = next(m.member_id for m in ring.members if m.role == "victim")
    doubt = next(d for d in ring.counter_evidence if d.code == "LEGITIMATE_USER")
    assert doubt.text.startswith(f"{victim} may be the legitimate user of ")
    assert doubt.event_ids == (f"purchase:{victim}",)
