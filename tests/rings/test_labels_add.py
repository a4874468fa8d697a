"""Confirming a ring never takes another ring away: labels only add."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RingConfig
from graphml.graph.build import build_graph
from graphml.results import Ring
from graphml.rings.extract import Extraction, extract
from graphml.tables.frames import Tables
from tests.rings.shop import shop
from tests.rings.small import at, random_tables, rows

END = datetime(2024, 8, 20, tzinfo=UTC)


@cache
def market(seed: int) -> Tables:
    return shop(seed)


def find(tables: Tables, labelled: Iterable[str] = (), as_of: datetime = END) -> Extraction:
    labels = pl.DataFrame(
        {"member_id": sorted(labelled)}, schema={"member_id": pl.String}
    ).with_columns(label=pl.lit(1, pl.Int64), known_at=pl.lit(as_of))
    graph = build_graph(replace(tables, labels=labels))
    return extract(graph, None, RingConfig(), as_of=as_of)


def assert_kept(before: Ring, after: Extraction) -> None:
    """Every member is still in a ring that is believed in, with no lower score, and all in one."""
    homes = [r for r in after.rings if set(before.member_ids) <= set(r.member_ids)]
    assert len(homes) == 1, f"{before.member_ids} among {[r.member_ids for r in after.rings]}"
    assert homes[0].score >= min(before.score, after.threshold)
    assert homes[0].score >= before.score


@pytest.mark.parametrize("seed", range(6))
def test_confirming_a_ring_keeps_the_others(seed):
    tables = market(seed)
    before = find(tables).rings
    for confirmed in before:
        after = find(tables, confirmed.flagged_ids)
        for ring in before:
            assert_kept(ring, after)


def test_a_label_brings_the_ring_around_it():
    tables = market(0)
    couple = ["home-7-0", "home-7-1"]
    assert not any(set(couple) & set(ring.member_ids) for ring in find(tables).rings)
    rings = find(tables, couple).rings
    assert any(set(couple) <= set(ring.member_ids) for ring in rings)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(rows, min_size=6, max_size=40),
    st.sets(st.sampled_from([f"m-{n}" for n in range(7)])),
    st.sets(st.sampled_from([f"m-{n}" for n in range(7)])),
)
def test_no_label_takes_a_ring_away(drawn, some, more):
    tables = random_tables(drawn)
    before = find(tables, some, as_of=at(72))
    after = find(tables, some | more, as_of=at(72))
    for ring in before.rings:
        assert_kept(ring, after)
