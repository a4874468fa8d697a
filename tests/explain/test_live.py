"""A score asked for alone sees what the whole graph shows, new records too, and nothing later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from graphml.explain.live import live_features
from graphml.graph.build import build_graph
from graphml.graph.nodes import NEVER
from graphml.graph.postings import Postings
from graphml.tabular.aggregates import AsOf
from graphml.tabular.flags import known_flags
from tests.tabular.shop import EPOCH, MOMENTS, dense, graph_of, moments, shops, tables_of

quick = settings(max_examples=60, deadline=None)


def bits(features):
    return features.values.view(np.uint32)[0].tolist()


def split(shop, late):
    """Return the tables of a shop without some acts, and those acts' events in two pieces."""
    acts = [act for n, act in enumerate(shop.acts) if n not in late]
    if not acts:
        reject()
    whole = tables_of(shop)
    # A product that no record names yet has no attributes until the next snapshot.
    named = {act.product for act in acts}
    if any(shop.acts[n].product not in {None, *named} for n in late):
        reject()
    ids = [shop.acts[n].name for n in sorted(late)]
    there = pl.col("event_id").is_in(ids)
    left, right = whole.events.filter(~there), whole.events.filter(there)
    half = right.height // 2
    return replace(whole, events=left), (right[:half], right[half:])


def flags_by_code(graph, postings):
    """Return since when members are flagged, by their codes in postings."""
    since = known_flags(graph).since(len(graph.nodes["member"]))
    keys = graph.nodes["member"].keys.to_list()
    found = np.full(postings.size("member"), NEVER, dtype=np.int64)
    for key, moment in zip(keys, since.tolist(), strict=True):
        code = postings.code("member", key)
        if code is not None:
            found[code] = moment
    return found


@quick
@given(shop=shops, number=st.integers(0, 4), moment=moments, data=st.data())
def test_numbers_are_those_of_the_whole_graph_with_all_records(shop, number, moment, data):
    late = data.draw(st.sets(st.integers(0, max(len(shop.acts) - 1, 0)), max_size=6))
    base, pieces = split(shop, late)
    graph = graph_of(shop)
    member = dense(graph, number)
    postings = Postings(build_graph(base))
    for piece in pieces:
        postings = postings.plus(piece)
    code = postings.code("member", f"m-{number}")
    if member is None or code is None:
        reject()
    until = EPOCH + moment
    wanted = AsOf(graph, threads=1).members(np.array([member]), np.array([until]))
    known = flags_by_code(graph, postings)
    found, _, _ = live_features(postings, code, until=until, known=known)
    assert bits(found) == bits(wanted)


@quick
@given(shop=shops, later=shops, number=st.integers(0, 4), moment=st.sampled_from(MOMENTS))
def test_records_of_later_moments_change_nothing(shop, later, number, moment):
    postings = Postings(graph_of(shop))
    code = postings.code("member", f"m-{number}")
    if code is None:
        reject()
    known = flags_by_code(postings.graph, postings)
    until = EPOCH + moment
    before, _, _ = live_features(postings, code, until=until, known=known)
    further = postings.plus(tables_of(later.later(moment)).events)
    after, _, _ = live_features(further, code, until=until, known=known)
    assert bits(after) == bits(before)
