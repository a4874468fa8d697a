"""Rings as of a moment are the same, to the last letter, whatever comes after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RingConfig
from graphml.errors import UsageError
from graphml.graph.build import build_graph
from graphml.pipeline import detect
from graphml.results import Scores
from graphml.rings.baselines import BASELINES
from graphml.rings.extract import describe, extract, extract_rings
from graphml.rings.subgraph import evidence_graph
from graphml.store.embedded import EmbeddedStore
from graphml.store.moments import visible
from graphml.tables.frames import Tables
from tests.properties.future import (
    EVERYTHING,
    MARKETS,
    MICROSECOND,
    cut,
    future,
    market,
    read_out,
    together,
)
from tests.rings.small import Market, at, group, rows


@pytest.mark.parametrize(("name", "share"), [*((name, 0.8) for name in MARKETS), ("default", 0.97)])
def test_no_ring_of_a_market_knows_the_future(name: str, share: float) -> None:
    whole = market(name)
    as_of = cut(whole, share)
    past = visible(whole, as_of)
    alone = extract(build_graph(past), None, EVERYTHING, as_of=as_of)
    assert len(alone.rings) > 100
    assert sum(ring.score >= alone.threshold for ring in alone.rings) > 1
    for tables in (whole, together(past, future(whole, as_of, 7), 9)):
        known = extract(build_graph(tables), None, EVERYTHING, as_of=as_of)
        assert known.threshold == alone.threshold
        assert read_out(known.rings) == read_out(alone.rings)


def test_what_follows_would_change_the_rings_were_it_known() -> None:
    whole = market("default")
    as_of = cut(whole, 0.8)
    tables = together(visible(whole, as_of), future(whole, as_of, 7), 9)
    rings = [
        extract_rings(build_graph(t), None, EVERYTHING, as_of=as_of + MICROSECOND)
        for t in (tables, visible(whole, as_of))
    ]
    assert len({tuple(sorted(ring.member_ids for ring in found)) for found in rings}) == 2


def test_scores_weigh_the_same_whatever_follows() -> None:
    whole = market("default")
    as_of = cut(whole, 0.8)
    past = visible(whole, as_of)
    ids = tuple(past.events["member_id"].unique().sort())
    scores = Scores(
        unit="member",
        ids=ids,
        values=tuple(n % 997 / 997 for n in range(len(ids))),
        score_kind="rank",
        as_of=as_of,
        model="any",
    )
    one, other = (
        read_out(extract_rings(build_graph(t), scores, EVERYTHING, as_of=as_of))
        for t in (past, together(past, future(whole, as_of, 3), 4))
    )
    assert one == other


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_knows_the_future(name: str) -> None:
    whole = market("hard")
    as_of = cut(whole, 0.8)
    past = visible(whole, as_of)
    found = []
    for tables in (past, together(past, future(whole, as_of, 5), 6)):
        graph = build_graph(tables)
        keys = graph.nodes["member"].keys
        found.append([keys.gather(g).to_list() for g in BASELINES[name](graph, as_of=as_of)])
    assert found[0] == found[1]


def test_a_store_tells_the_same_whatever_it_holds_of_the_future(tmp_path) -> None:
    whole = market("electronics")
    as_of = cut(whole, 0.9)
    past = visible(whole, as_of)
    late = future(whole, as_of, 11)
    known_late = past.events["event_id"].hash(1) % 3 == 0
    early = replace(past, events=past.events.filter(~known_late), labels=past.labels.clear())
    found = []
    with EmbeddedStore(tmp_path / "past") as store:
        store.write_tables(past)
        found.append(store.read_tables(as_of))
    with EmbeddedStore(tmp_path / "future first") as store:
        for tables in (late, early, past):
            store.write_tables(tables)
        found.append(store.read_tables(as_of))
    with EmbeddedStore(tmp_path / "all at once") as store:
        store.write_tables(together(past, late, 2))
        found.append(store.read_tables(as_of))
    with EmbeddedStore(tmp_path / "on the day") as store:
        store.write_tables(past)
        sequence = store.summary().sequence
        rows = past.events.with_columns(event_id="later " + pl.col("event_id"))
        store.write_tables(Tables(events=rows))
        found.append(store.read_tables(as_of, loaded_until=sequence))
    rings = [read_out(extract_rings(build_graph(t), None, EVERYTHING, as_of=as_of)) for t in found]
    assert len(rings[0]) > 100
    assert [one == rings[0] for one in rings] == [True] * len(rings)


# Small markets: orders are named like dense ids, and much happens at the same moment.
small = st.lists(
    rows.map(lambda row: row | {"hours": row["hours"] // 24 * 24}), min_size=4, max_size=25
)
orders = st.none() | st.sampled_from(["0", "1", "2", "3"])


@settings(deadline=None, max_examples=40)
@given(small, small, st.lists(orders, min_size=50, max_size=50), st.randoms())
def test_no_ring_of_a_few_rows_knows_the_future(now, later, named, random) -> None:
    as_of = at(72)
    past = _told(now, named[:25], "e-")
    late = _told(later, named[25:], "!late-", after=as_of - at(0) + MICROSECOND)
    # New keys sort first, so that all dense ids move.
    late = late.with_columns(
        (pl.lit("" if random.random() < 0.3 else "!") + pl.col(name)).alias(name)
        for name in ("member_id", "product_id", "device_id", "card")
    )
    products = [
        {"product_id": f"p-{n}", "seller_id": f"s-{n % 2}", "valid_from": time}
        for n, time in enumerate([None, at(24), as_of, as_of + MICROSECOND])
    ]
    sold = pl.DataFrame(products, infer_schema_length=None)
    moved = sold.with_columns(seller_id=pl.lit("!s"), valid_from=as_of + MICROSECOND)
    found = [
        read_out(extract_rings(build_graph(tables), None, EVERYTHING, as_of=as_of))
        for tables in (
            Tables(events=past, products=sold),
            Tables(
                events=pl.concat([late, past]),
                products=pl.concat([sold, moved]).unique(
                    ["product_id", "valid_from"], keep="first", maintain_order=True
                ),
            ),
        )
    ]
    assert found[0] == found[1]


def _told(drawn, named, prefix, after=timedelta(0)) -> pl.DataFrame:
    told = Market()
    for number, (row, order) in enumerate(zip(drawn, named, strict=False)):
        columns = {k: v for k, v in row.items() if k not in ("hours", "member_id", "kind")}
        told.tell(row["member_id"], row["hours"], row["kind"], **columns | {"order_id": order})
        told.rows[-1]["event_id"] = f"{prefix}{number}"
    return told.tables.events.with_columns(pl.col("time") + after)


def test_a_chargeback_without_order_is_not_one_of_the_order_named_like_its_member() -> None:
    told = Market()
    for number, member in enumerate("abc"):
        told.tell(member, number, "purchase", device_id="d-1", order_id=str(number), amount=5.0)
    told.tell("b", 30, "chargeback", order_id="0")  # an order of a, whose dense id is 0
    told.tell("a", 30, "chargeback")
    for newcomer in ("z", "!"):  # sorts last, and first
        told.tell(newcomer, 40)
        ring = told.ring(["a", "b", "c"], at(30))
        assert [e.event_ids for e in ring.evidence if e.code == "CHARGEBACK"] == [("e-3", "e-4")]


def test_scores_and_rings_of_later_moments_are_refused() -> None:
    told = Market()
    for hours, member in enumerate("abc"):
        told.tell(member, hours, device_id="d-1")
    graph, as_of = told.graph, at(5)
    later = told.ring("abc", as_of + MICROSECOND)
    scores = Scores(
        unit="member", ids=(), values=(), score_kind="rank", as_of=later.as_of, model="m"
    )
    with pytest.raises(UsageError, match="scores are as of"):
        extract_rings(graph, scores, EVERYTHING, as_of=as_of)
    with pytest.raises(UsageError, match="previous rings are as of"):
        extract_rings(graph, None, EVERYTHING, as_of=as_of, previous=[later])
    with pytest.raises(UsageError, match="previous rings are as of"):
        describe(graph, [group(graph, "abc", as_of)], as_of=as_of, previous=[later])


def test_a_run_about_a_later_moment_takes_no_ring_its_past(tmp_path) -> None:
    whole = market("default")
    early, now, late = (cut(whole, share) for share in (0.9, 0.95, 1))
    with EmbeddedStore(tmp_path / "store") as store:
        store.write_tables(whole)
        detect(store, RingConfig(), as_of=early, write=True)
        before = detect(store, RingConfig(), as_of=now).rings
        detect(store, RingConfig(), as_of=late, write=True)
        assert read_out(detect(store, RingConfig(), as_of=now).rings) == read_out(before)
    assert "unchanged" in {ring.status for ring in before}


def test_a_product_is_its_seller_s_by_the_ring_s_moment() -> None:
    told = Market()
    told.sellers["p-1"] = "s-1"
    for hours, member in enumerate("abc"):
        told.tell(member, hours, "review", product_id="p-1", rating=5.0, device_id="d-1")
    ring = told.ring("abc", at(5))
    seller = replace(ring.shared[0], type="seller", id="s-1")
    ring = replace(ring, shared=(seller,))
    sold = told.tables.products
    moved = sold.with_columns(seller_id=pl.lit("s-2"), valid_from=at(5) + MICROSECOND)
    later = replace(told.tables, products=pl.concat([moved, sold], how="diagonal_relaxed"))
    now = evidence_graph(ring, told.tables)
    assert now.number_of_edges() == 3
    assert dict(evidence_graph(ring, later).edges) == dict(now.edges)


def test_no_later_time_of_a_member_or_label_is_shown(tmp_path) -> None:
    told = Market()
    told.tell("a", 0)
    members = pl.DataFrame(
        {"member_id": ["a"], "signup_time": at(9), "closed": at(6), "valid_from": at(0)}
    )
    labels = pl.DataFrame({"member_id": ["a"], "label": 1, "known_at": at(1), "fraud_time": at(7)})
    tables = replace(told.tables, members=members, labels=labels)
    with EmbeddedStore(tmp_path) as store:
        store.write_tables(tables)
        seen = [store.read_tables(at(hours)) for hours in (5, 9)]
    assert seen[0].members.row(0, named=True).items() >= {
        "signup_time": None, "closed": None, "valid_from": at(0)
    }.items()  # fmt: skip
    assert seen[1].members["closed"].to_list() == [at(6)]
    times = [build_graph(tables).until(at(h)).labels["fraud_time"].to_list() for h in (5, 9)]
    assert times == [t.labels["fraud_time"].to_list() for t in seen] == [[None], [at(7)]]


def test_a_chain_of_accounts_in_turn_stays_whatever_its_members_do_later() -> None:
    told = Market()
    kept = [("phone", "f-1"), ("card", "c-1"), ("device_id", "d-1")]
    for number, member in enumerate("abcd"):
        for name, value in kept[max(number - 1, 0) : number + 1]:
            told.tell(member, 10 * number, "login", **{name: value})
    alone = extract_rings(told.graph, None, RingConfig(), as_of=at(50))
    assert [sorted(ring.member_ids) for ring in alone] == [list("abcd")]
    for name, value in kept:
        told.tell("a", 51, "login", **{name: value})
        told.tell("!", 51, "login", **{name: value})
    assert read_out(extract_rings(told.graph, None, RingConfig(), as_of=at(50))) == read_out(alone)
