"""The sampler beside an oracle that knows no arrays; nothing after a seed's moment is drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from graphml.config import SampleConfig
from graphml.errors import ConfigError, UsageError
from graphml.graph.trees import SEEDS
from graphml.sampling.device import DeviceSampler
from graphml.sampling.temporal import TemporalSampler, fanouts, keys_of, order_codes
from tests.sampling.oracle import Row, allowed, market, microseconds

BUYS, SOLD = ("member", "buys", "product"), ("product", "rev_buys", "member")
USES = ("member", "uses", "device")

quick = settings(max_examples=60, deadline=None)
maybe = st.none() | st.integers(0, 2)
rows = st.lists(
    st.builds(
        Row,
        member=st.integers(0, 2),
        time=st.integers(0, 3),
        kind=st.sampled_from(["purchase", "view"]),
        product=maybe,
        device=maybe,
        order=maybe,
    ),
    min_size=1,
    max_size=24,
)
samplers = st.sampled_from(["loops", "tensors"])
configs = st.builds(
    SampleConfig,
    fanout=st.sampled_from([(2, 1), (3, 2), (1, 4)]),
    strategy=st.sampled_from(["uniform", "recent"]),
    distinct=st.booleans(),
    seed=st.integers(0, 3),
)


def sampler_of(kind, graph, config):
    if kind == "loops":
        return TemporalSampler(graph, "member", config, threads=2)
    return DeviceSampler(graph, "member", config, device="cpu")


def drawn(graph, config, members, as_of, *, own=None, kind="loops", names=None):
    """Return the sample of members at moments, the draws of both samplers in numpy."""
    sampler = sampler_of(kind, graph, config)
    keys = graph.nodes["member"].keys
    place = {key: number for number, key in enumerate(keys)}
    moments = np.array([microseconds(moment) for moment in as_of])
    seeds = np.array([place[f"m-{member}"] for member in members])
    order = None
    if own is not None:
        codes = dict(zip(graph.events["order_id"], order_codes(graph).tolist(), strict=True))
        order = np.array([codes.get(None if o is None else f"o-{o}", -1) for o in own])
    named = pl.Series(names or [f"m-{member}" for member in members])
    key = keys_of(named, moments, seed=config.seed)
    return sampler.sample(seeds, moments, key=key, order=order)


def trees(graph, sample):
    """Return each seed's edges in order: (path, source, target, time, event)."""
    keys = {name: nodes.keys.to_list() for name, nodes in graph.nodes.items()}
    result = [[] for _ in sample.seeds]
    for block, owners, sources in parents(graph, sample):
        path = [block.edge_type]
        above = block
        while above.parent != SEEDS:
            above = sample.blocks[above.parent]
            path.append(above.edge_type)
        edges = graph.edges[block.edge_type]
        for place, row in zip(np.asarray(block.position), np.asarray(block.row), strict=True):
            result[owners[row]].append(
                (
                    path[::-1],
                    sources[row],
                    keys[block.edge_type[2]][int(edges.target[place])],
                    int(edges.time[place]),
                    graph.events["event_id"][int(edges.event[place])],
                )
            )
    return result


def parents(graph, sample):
    """Return for each block the seed and the key of each parent."""
    keys = {name: nodes.keys.to_list() for name, nodes in graph.nodes.items()}
    owners = {SEEDS: list(range(len(sample.seeds)))}
    for number, block in enumerate(sample.blocks):
        row = np.asarray(block.row)
        owners[number] = [owners[block.parent][r] for r in row]
        ids = sample.seeds if block.parent == SEEDS else sample.blocks[block.parent].neighbor
        yield block, owners[block.parent], [keys[block.edge_type[0]][int(i)] for i in ids]


@quick
@given(rows, configs, st.integers(0, 3), st.integers(0, 3), maybe, samplers)
def test_what_is_drawn_is_what_may_be_drawn(rows, config, first, second, own, kind):
    graph = market(rows)
    members, moments = [rows[0].member, rows[-1].member], [first, second]
    sample = drawn(graph, config, members, moments, own=[own, None], kind=kind)
    hidden = [None if own is None else f"o-{own}", None]
    hops = fanouts(graph, "member", config)
    for block, owners, sources in parents(graph, sample):
        edges = graph.edges[block.edge_type]
        position, neighbor, time, row = (
            np.asarray(getattr(block, name)) for name in ("position", "neighbor", "time", "row")
        )
        assert row.tolist() == np.repeat(np.arange(len(sources)), np.asarray(block.count)).tolist()
        assert neighbor.tolist() == edges.target[position].tolist()
        assert time.tolist() == edges.time[position].tolist()
        most = hops[0 if block.parent == SEEDS else 1][block.edge_type]
        for parent, (seed, source) in enumerate(zip(owners, sources, strict=True)):
            known = allowed(rows, block.edge_type, source, as_of=moments[seed])
            may = allowed(
                rows, block.edge_type, source,
                as_of=moments[seed], own=hidden[seed], distinct=config.distinct,
            )  # fmt: skip
            assert int(block.degree[parent]) == len(known)
            events = [
                graph.events["event_id"][int(edges.event[p])] for p in position[row == parent]
            ]
            assert len(events) == int(block.count[parent]) == min(most, len(may))
            assert len(set(events)) == len(events)
            assert set(events) <= {edge.event for edge in may}
            if config.strategy == "recent":
                assert events == [edge.event for edge in may[::-1][: len(events)]]


@quick
@given(rows, rows, configs, st.integers(0, 3), maybe, samplers)
def test_the_future_changes_nothing(rows, late, config, as_of, own, kind):
    members = [rows[0].member, rows[-1].member]
    future = [replace(row, member=members[0], time=as_of + 1 + row.time) for row in late]
    # Members and products that come later move the dense ids of those that were there.
    future += [replace(row, member=-1 - row.member, time=as_of + 1) for row in late]
    now, then = market(rows), market(rows + future)
    moments, hidden = [as_of, as_of], [own, None]
    assert trees(now, drawn(now, config, members, moments, own=hidden, kind=kind)) == trees(
        then, drawn(then, config, members, moments, own=hidden, kind=kind)
    )


def test_the_property_sees_a_microsecond_too_many():
    rows = [Row(member=1, time=0, product=0), Row(member=1, time=1, product=1)]
    config = SampleConfig(fanout=(3,))
    assert len(trees(market(rows), drawn(market(rows), config, [1], [0]))[0]) == 1
    assert len(trees(market(rows), drawn(market(rows), config, [1], [1]))[0]) == 2


@quick
@given(rows, configs, st.integers(0, 3), maybe)
def test_loops_and_tensors_draw_the_same(rows, config, as_of, own):
    graph = market(rows)
    members = [row.member for row in rows]
    moments, hidden = [as_of] * len(rows), [own] * len(rows)
    loops = drawn(graph, config, members, moments, own=hidden)
    tensors = drawn(graph, config, members, moments, own=hidden, kind="tensors")
    for one, other in zip(loops.blocks, tensors.blocks, strict=True):
        for name in ("row", "position", "neighbor", "time", "count", "degree"):
            assert np.array_equal(getattr(one, name), np.asarray(getattr(other, name))), name


@pytest.fixture(scope="module")
def busy():
    """One member with 90 purchases of 30 products, three each, and a shy one."""
    rows = [Row(member=4, time=number, product=number % 30, order=number) for number in range(90)]
    return [*rows, Row(member=2, time=5, product=3, order=999)]


@pytest.mark.parametrize("kind", ["loops", "tensors"])
@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize("own", [None, 80])
@pytest.mark.parametrize("as_of", [19, 88])  # few enough to scan, and too many
def test_every_edge_that_may_be_drawn_is_drawn_as_often(busy, kind, distinct, own, as_of):
    config = SampleConfig(fanout=(5,), distinct=distinct)
    seeds = 6_000
    sample = drawn(
        market(busy), config, [4] * seeds, [as_of] * seeds,
        own=[own] * seeds, kind=kind, names=[f"n-{number}" for number in range(seeds)],
    )  # fmt: skip
    may = allowed(
        busy, BUYS, "m-4", as_of=as_of,
        own=None if own is None else f"o-{own}", distinct=distinct,
    )  # fmt: skip
    edges = market(busy).edges[BUYS]
    events = Counter(int(edges.event[p]) for p in np.asarray(sample.blocks[0].position).ravel())
    assert len(events) == len(may)
    # Without replacement the counts vary less than a multinomial's: too even is fine, uneven is not.
    assert chisquare(list(events.values())).pvalue > 1e-4
    first = np.asarray(sample.blocks[0].position).reshape(seeds, -1)[:, :2]
    pairs = Counter(tuple(sorted(row)) for row in first.tolist())
    assert max(pairs.values()) < 4 * seeds / len(pairs) + 30, "no two edges cling together"


def test_seeds_share_nothing_and_their_order_is_nothing_to_them(busy):
    graph = market(busy)
    config = SampleConfig(fanout=(4, 3), seed=7)
    members, moments = [4, 2, 4, 2] * 40, [60, 60, 7, 3] * 40
    together = trees(graph, drawn(graph, config, members, moments))
    for place in (0, 1, 2, 3, 157):
        alone = drawn(graph, config, [members[place]], [moments[place]])
        assert trees(graph, alone)[0] == together[place]


def test_threads_change_nothing(busy):
    graph = market(busy)
    seeds = np.zeros(1_000, dtype=np.int64)
    as_of = np.full(1_000, microseconds(50))
    key = np.arange(1_000, dtype=np.uint64)
    one, many = (
        TemporalSampler(graph, "member", SampleConfig(), threads=threads).sample(
            seeds, as_of, key=key
        )
        for threads in (1, 7)
    )
    for a, b in zip(one.blocks, many.blocks, strict=True):
        assert np.array_equal(a.position, b.position)


def test_another_seed_draws_otherwise(busy):
    graph = market(busy)
    one, other = (
        trees(graph, drawn(graph, SampleConfig(fanout=(5,), seed=seed), [4], [80]))
        for seed in (1, 2)
    )
    assert one != other


@pytest.mark.parametrize("kind", ["loops", "tensors"])
def test_a_seed_before_its_first_event_has_an_empty_tree(busy, kind):
    sample = drawn(market(busy), SampleConfig(), [4, 2], [-1, -5], kind=kind)
    assert sample.blocks
    assert [block.edges for block in sample.blocks] == [0] * len(sample.blocks)


@pytest.mark.parametrize("kind", ["loops", "tensors"])
def test_no_seed_is_no_error(busy, kind):
    sample = drawn(market(busy), SampleConfig(), [], [], kind=kind)
    assert sample.edges == 0


def test_relations_have_fanouts_of_their_own_and_absent_ones_are_not_followed(busy):
    graph = market([*busy, Row(member=2, time=6, kind="view", product=1, device=1)])
    config = SampleConfig(fanout=(4, 3), relations={"views": (2, 0), "rev_uses": (9, 0)})
    plan = {(step.edge_type[1], step.parent): step.fanout for step in
            TemporalSampler(graph, "member", config).plan}  # fmt: skip
    assert plan[("buys", SEEDS)] == 4
    assert plan[("views", SEEDS)] == 2
    assert not [relation for relation, parent in plan if parent != SEEDS and "uses" in relation]
    assert not [relation for relation, _ in plan if "ships_to" in relation or "links" in relation]


@pytest.mark.parametrize("seed", [-1, 2])
@pytest.mark.parametrize("kind", ["loops", "tensors"])
def test_ids_that_are_not_in_the_graph_are_refused(busy, seed, kind):
    sampler = sampler_of(kind, market(busy), SampleConfig())
    with pytest.raises(UsageError, match=f"no member {seed} in the graph"):
        sampler.sample(np.array([0, seed]), np.array([0, 0]), key=np.zeros(2, np.uint64))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fanout": ()}, "sample.fanout"),
        ({"fanout": (3, 0)}, "sample.fanout"),
        ({"relations": {"buys": (3,)}}, "sample.relations.buys"),
        ({"strategy": "best"}, "sample.strategy"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, said):
    with pytest.raises(ConfigError, match=said):
        SampleConfig(**settings)


def test_unknown_names_are_refused_with_the_known_ones(busy):
    with pytest.raises(UsageError, match="no relation 'bys'"):
        TemporalSampler(market(busy), "member", SampleConfig(relations={"bys": (1, 1)}))
    with pytest.raises(UsageError, match="no node type 'shop'"):
        TemporalSampler(market(busy), "shop", SampleConfig())
