"""A member's part of the graph has its numbers to the last bit, whatever is taken away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from graphml.config import SimulateConfig
from graphml.explain.local import local
from graphml.explain.worlds import Removal, features_without
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.aggregates import AsOf
from graphml.tabular.flags import known_flags
from tests.graph.marketplace import at
from tests.tabular.shop import EPOCH, dense, graph_of, moments, shops

quick = settings(max_examples=60, deadline=None)


def bits(features):
    return features.values.view(np.uint32).tolist()


def whole(graph, member, moment, flags):
    """Return the aggregates of a member by the whole graph."""
    found = AsOf(graph, flags=flags, threads=1).members(np.array([member]), np.array([moment]))
    return bits(found)[0]


def taken_away(graph, member, removal, ids):
    """Return the whole graph with a removal, by names of events instead of rows."""
    events, links = graph.events, graph.links
    own = pl.col("member") == member
    for tie in removal.ties:
        cut = own & (pl.col(tie.type) == tie.value).fill_null(value=False)
        events = events.with_columns(pl.when(~cut).then(tie.type).alias(tie.type))
    events = events.filter(~pl.col("event_id").is_in(ids))
    if removal.links:
        links = links.filter((pl.col("member") != member) & (pl.col("other") != member))
    return replace(graph, events=events, links=links)


@st.composite
def removals(draw, around):
    return Removal(
        ties=frozenset(draw(st.sets(st.sampled_from([*around.rows])))) if around.rows else frozenset(),
        events=frozenset(draw(st.sets(st.sampled_from(around.own.tolist()), max_size=6))),
        links=draw(st.booleans()),
    )  # fmt: skip


@quick
@given(shop=shops, number=st.integers(0, 4), moment=moments, data=st.data())
def test_all_numbers_are_those_of_the_whole_graph_before_and_after(shop, number, moment, data):
    graph = graph_of(shop)
    member = dense(graph, number)
    if member is None:
        reject()
    flags, now = known_flags(graph), graph.until(at(moment))
    around = local(graph, member, as_of=at(moment), flags=flags)
    if not len(around.own):
        reject()
    some = [Removal(), *(data.draw(removals(around)) for _ in range(3))]
    found = bits(features_without(around, some))
    for removal, numbers in zip(some, found, strict=True):
        ids = [around.graph.events["event_id"][row] for row in removal.events]
        left = taken_away(now, member, removal, ids)
        assert numbers == whole(left, member, EPOCH + moment, flags)


@pytest.fixture(scope="module")
def busy():
    made = make_marketplace(SimulateConfig(members=1_500, events=60_000, seed=4))
    graph = build_graph(made.tables)
    return graph, known_flags(graph), made.truth_rings


def test_in_a_market_with_hubs_it_is_small_and_has_the_same_numbers(busy):
    graph, flags, rings = busy
    as_of = graph.events["time"][int(0.9 * graph.events.height)]
    moment = microseconds(as_of)
    index = AsOf(graph, flags=flags, threads=1)
    ringers = graph.nodes["member"].keys.is_in(rings["member_id"].implode()).arg_true().to_list()
    rng = np.random.default_rng(0)
    asked = [*ringers[:25], *rng.integers(0, 1_500, 25).tolist()]
    told = bits(index.members(np.array(asked), np.full(50, moment)))
    sizes = []
    for member, numbers in zip(asked, told, strict=True):
        around = local(graph, member, as_of=as_of, flags=flags)
        sizes.append(around.graph.events.height)
        assert bits(features_without(around, [Removal()]))[0] == numbers
    assert np.median(sizes) < graph.events.height / 20


def test_many_removals_at_once_are_those_one_by_one(busy):
    graph, flags, _ = busy
    as_of = graph.events["time"][-1]
    member = int(graph.events["member"].value_counts(sort=True)["member"][0])
    around = local(graph, member, as_of=as_of, flags=flags)
    some = [Removal(), *(Removal(ties=frozenset([tie])) for tie in around.rows)]
    some += [Removal(events=frozenset(around.own[n::3].tolist())) for n in range(3)]
    together = bits(features_without(around, some))
    assert together == [bits(features_without(around, [one]))[0] for one in some]
    assert len({tuple(numbers) for numbers in together}) > 3


@quick
@given(shop=shops, late=shops, number=st.integers(0, 4), moment=moments)
def test_nothing_a_microsecond_later_is_in_it(shop, late, number, moment):
    before, after = graph_of(shop), graph_of(shop.plus(late.later(moment)))
    if dense(before, number) is None:
        reject()

    def look(graph):
        flags = known_flags(graph)
        around = local(graph, dense(graph, number), as_of=at(moment), flags=flags)
        names = around.graph.nodes["member"].keys.to_list()
        return (
            around.graph.events["event_id"].to_list(),
            [names[member] for member in around.flags.member],
            around.flags.known_at.tolist(),
            sorted(around.others.values()),
            around.graph.links.height,
        )

    assert look(before) == look(after)


def test_the_moment_needs_a_zone(busy):
    graph, flags, _ = busy
    with pytest.raises(ValueError, match="time zone"):
        local(graph, 0, as_of=graph.events["time"][-1].replace(tzinfo=None), flags=flags)


def test_what_happens_at_the_moment_is_seen_and_a_microsecond_later_not(busy):
    graph, flags, _ = busy
    last = graph.events[-1]
    member, time = last["member"][0], last["time"][0]
    seen = local(graph, member, as_of=time, flags=flags)
    blind = local(graph, member, as_of=time - timedelta(microseconds=1), flags=flags)
    assert len(seen.own) == len(blind.own) + graph.events.filter(member=member, time=time).height
