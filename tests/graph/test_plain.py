"""Graphs of any node and edge types: a tiny library, with time and without, by hand."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import SampleConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph, reverse, to_hetero_data
from graphml.graph.nodes import NEVER
from graphml.graph.plain import build_plain_graph
from graphml.nn.features import encode, fit_features
from graphml.sampling.temporal import TemporalSampler, keys_of
from graphml.schema import MARKETPLACE, plain_schema
from graphml.tables.frames import frame_schema
from graphml.tables.graphsource import EDGES, GraphSource, read_graph
from tests.graph.marketplace import HOSTILE, at, described
from tests.tables.papers import CARD, CITES, TIMED, WRITE, library

GOWALLA = Path(__file__).resolve().parents[3] / "shared" / "data" / "gowalla"
DATASETS = Path(__file__).resolve().parents[2] / "datasets"


def day(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def neighbours(graph: Graph, edge_type, key: str) -> list[str]:
    adjacency = graph.edges[edge_type]
    source, _, target = edge_type
    place = adjacency.of(graph.nodes[source].keys.to_list().index(key))
    return [graph.nodes[target].keys[int(node)] for node in adjacency.target[place]]


def test_edges_between_nodes_of_one_type_run_from_citing_to_cited(tmp_path):
    graph = build_plain_graph(library(tmp_path))
    assert set(graph.edges) == {CITES, reverse(CITES), WRITE, reverse(WRITE)}
    assert neighbours(graph, CITES, "p-3") == ["p-1", "p-2", "p-9"]
    assert neighbours(graph, CITES, "p-1") == ["p-1"]
    assert neighbours(graph, CITES, "p-9") == []
    assert neighbours(graph, reverse(CITES), "p-1") == ["p-1", "p-2", "p-3"]
    assert neighbours(graph, WRITE, "ann") == ["p-1", "p-3"]
    assert neighbours(graph, reverse(WRITE), "p-3") == ["ann"]
    assert graph.nodes["paper"].keys.to_list() == ["p-1", "p-2", "p-3", "p-4", "p-9"]
    adjacency = graph.edges[WRITE]
    assert graph.events[adjacency.event.tolist()]["amount"].to_list() == [0.5, None]


def test_records_have_the_columns_of_the_marketplaces(tmp_path):
    events = build_plain_graph(library(tmp_path)).events
    keys = {spec.key for spec in MARKETPLACE.nodes.values()}
    common = {n: t for n, t in frame_schema("events").items() if n not in keys}
    assert set(common) <= set(events.columns)
    assert events["event_id"].is_unique().all()
    assert events["event_id"].is_sorted()
    assert events["order_id"].null_count() == events.height
    assert events.schema["kind"] == pl.Enum(["paper cites paper", "author writes paper"])
    assert events["kind"].to_list() == ["paper cites paper"] * 5 + ["author writes paper"] * 2
    assert events.select("paper", "other_paper", "author").rows()[-1] == (2, None, 0)


def test_without_time_everything_is_there_always(tmp_path):
    graph = build_plain_graph(library(tmp_path))
    assert all(nodes.present.all() and not nodes.first.any() for nodes in graph.nodes.values())
    assert not graph.edges[CITES].time.any()
    with pytest.raises(UsageError, match="events without time"):
        graph.until(day(2020, 1, 1))
    assert graph.nodes["paper"].features["year"].to_list() == [1999.0, 2004.5, None, 2011.0, None]
    assert graph.labels.is_empty()
    assert graph.evaluation_labels.is_empty()


def test_with_time_a_node_is_there_from_its_first_edge_on(tmp_path):
    graph = build_plain_graph(library(tmp_path, TIMED, writes=""))
    papers = graph.nodes["paper"]
    assert papers.first[papers.keys.to_list().index("p-4")] == NEVER
    past = graph.until(day(2010, 3, 1) - timedelta(microseconds=1))
    assert past.nodes["paper"].present.tolist() == [True, True, False, False, False]
    assert neighbours(past, CITES, "p-2") == ["p-1"]
    assert neighbours(past, CITES, "p-3") == []
    assert neighbours(graph.until(day(2010, 3, 1)), CITES, "p-3") == ["p-1", "p-2"]
    assert past.nodes["paper"].features["venue"].to_list() == ["KDD", None, None, None, None]
    assert graph.until(day(1999, 1, 1)).edges[CITES].edges == 0


def test_what_is_static_was_there_always_and_so_were_its_ends(tmp_path):
    past = build_plain_graph(library(tmp_path, TIMED)).until(day(1990, 1, 1))
    assert neighbours(past, WRITE, "ann") == ["p-1", "p-3"]
    assert past.nodes["paper"].present.tolist() == [True, False, True, False, False]
    assert past.nodes["author"].present.tolist() == [True]


def test_a_row_may_say_since_when_its_node_is_there(tmp_path):
    text = TIMED.replace('key = "id"', 'key = "id"\ntime = { column = "since" }')
    papers = "id,since,year,venue,abstract,open,class,learn,check,ask\n" + "".join(
        f"p-{n},{since},1,,,,ml,1,,\n"
        for n, since in ((2, "2000-01-01"), (4, "2001-01-01"), (1, "2030-01-01"))
    )
    graph = build_plain_graph(library(tmp_path, text, papers=papers, writes=""))
    assert graph.until(day(2000, 6, 1)).nodes["paper"].present.tolist() == [
        False,
        True,
        *[False] * 3,
    ]
    assert graph.until(day(2001, 1, 1)).nodes["paper"].present.tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert "time" not in graph.nodes["paper"].features.columns


@pytest.mark.parametrize("text", [CARD, TIMED])
def test_saved_and_loaded_it_shows_the_same(tmp_path, text):
    source = library(tmp_path, text)
    graph = build_plain_graph(source)
    graph.save(tmp_path / "graph")
    loaded = Graph.load(tmp_path / "graph", source.schema)
    assert described(loaded) == described(graph)
    assert isinstance(loaded.edges[CITES].time, np.memmap)
    with pytest.raises(UsageError, match="another schema"):
        Graph.load(tmp_path / "graph")


def test_pytorch_geometric_sees_the_same_edges(tmp_path):
    graph = build_plain_graph(library(tmp_path))
    data = to_hetero_data(graph)
    assert data["paper"].num_nodes == 5
    assert data[CITES].edge_index.tolist() == [[0, 1, 2, 2, 2], [0, 0, 0, 1, 4]]
    assert data[reverse(CITES)].edge_index.tolist() == [[0, 0, 0, 1, 4], [0, 1, 2, 2, 2]]
    assert data.validate()


def test_features_of_every_sort_become_numbers(tmp_path):
    graph = build_plain_graph(library(tmp_path))
    spec = fit_features(graph)
    assert [number.name for number in spec.nodes["paper"].numbers] == ["year", "open"]
    assert spec.nodes["paper"].categories["venue"] == ("KDD", "WWW")
    assert spec.nodes["author"].width == 0
    assert spec.kinds == ("paper cites paper", "author writes paper")
    features = encode(graph, spec)
    assert features.nodes["paper"].dense.shape == (5, 4)
    assert features.nodes["author"].dense.shape == (1, 0)
    assert features.kinds.tolist() == [1] * 5 + [2] * 2


def drawn(graph: Graph, seed_type: str, key: str, as_of: int, fanout=(9, 9)):
    """Return the neighbours of one seed, by hop and relation."""
    keys = {name: nodes.keys.to_list() for name, nodes in graph.nodes.items()}
    sampler = TemporalSampler(graph, seed_type, SampleConfig(fanout=fanout), threads=1)
    moments = np.array([as_of])
    seeds = np.array([keys[seed_type].index(key)])
    sample = sampler.sample(seeds, moments, key=keys_of(pl.Series([key]), moments, seed=0))
    found: dict[tuple[int, str], list[str]] = {}
    for block in sample.blocks:
        hop = 1 if block.parent < 0 else 2
        there = np.asarray(block.neighbor)[np.asarray(block.position) >= 0]
        names = [keys[block.edge_type[2]][int(node)] for node in there.reshape(-1)]
        if names:
            found.setdefault((hop, block.edge_type[1]), []).extend(sorted(names))
    return found


@pytest.mark.parametrize("as_of", [0, 1, 2**62])
def test_the_sampler_sees_all_of_a_graph_without_time(tmp_path, as_of):
    graph = build_plain_graph(library(tmp_path))
    assert drawn(graph, "paper", "p-2", as_of) == {
        (1, "cites"): ["p-1"],
        (1, "rev_cites"): ["p-3"],
        (2, "cites"): ["p-1", "p-1", "p-2", "p-9"],
        (2, "rev_cites"): ["p-1", "p-2", "p-3"],
        (2, "rev_writes"): ["ann", "ann"],
    }
    assert drawn(graph, "paper", "p-4", as_of) == {}


def test_the_sampler_sees_what_a_seeds_moment_knew(tmp_path):
    graph = build_plain_graph(library(tmp_path, TIMED))
    moment = int(day(2005, 1, 1).timestamp() * 1e6)
    assert drawn(graph, "paper", "p-1", moment, fanout=(9,)) == {
        (1, "cites"): ["p-1"],
        (1, "rev_cites"): ["p-1", "p-2"],
        (1, "rev_writes"): ["ann"],
    }
    assert (1, "cites") not in drawn(graph, "paper", "p-2", moment - 1)


A, B, C = ("a", "to", "a"), ("a", "to", "b"), ("b", "back", "a")
SCHEMA = plain_schema(("a", "b"), (A, B, C))
names = st.sampled_from(["x", "X", "é", HOSTILE, "10", "9"])
edges = st.lists(st.tuples(st.sampled_from([A, B, C]), names, names, st.integers(0, 2)), max_size=9)


def source_of(rows, *, timeless=False) -> GraphSource:
    frames = {}
    for edge_type in (A, B, C):
        made = [row[1:] for row in rows if row[0] == edge_type]
        frames[edge_type] = pl.DataFrame(
            {
                "source": [row[0] for row in made],
                "target": [row[1] for row in made],
                "time": [None if timeless else at(row[2]) for row in made],
            },
            schema={name: EDGES[name] for name in ("source", "target", "time")},
        ).with_columns(pl.lit(None, dtype).alias(n) for n, dtype in [*EDGES.items()][3:])
    none = pl.DataFrame(schema={"key": pl.String})
    return GraphSource(
        name="made", schema=SCHEMA, nodes={"a": none, "b": none}, edges=frames, timeless=timeless
    )


def shown(graph: Graph):
    """Return every edge by keys, sorted, each type and its reverse."""
    found = {}
    for edge_type, adjacency in graph.edges.items():
        of, to = (graph.nodes[name].keys.to_list() for name in edge_type[::2])
        found[edge_type] = sorted(
            (of[node], to[int(adjacency.target[place])], int(adjacency.time[place]))
            for node in range(adjacency.sources)
            for place in range(adjacency.of(node).start, adjacency.of(node).stop)
        )
    return found


quick = settings(max_examples=60, deadline=None)


@quick
@given(rows=edges, timeless=st.booleans())
def test_edges_are_those_that_were_given(rows, timeless):
    start = 0 if timeless else int(at(0).timestamp() * 1e6)
    found = shown(build_plain_graph(source_of(rows, timeless=timeless)))
    for edge_type in (A, B, C):
        given_ = [(s, t, start + (0 if timeless else m)) for e, s, t, m in rows if e == edge_type]
        assert found[edge_type] == sorted(given_)
        assert found[reverse(edge_type)] == sorted((t, s, m) for s, t, m in given_)


@quick
@given(rows=edges, order=st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_of_rows(rows, order):
    graph = build_plain_graph(source_of(rows))
    mixed = [*rows]
    order.shuffle(mixed)
    assert described(build_plain_graph(source_of(mixed))) == described(graph)


@quick
@given(rows=edges, late=edges, as_of=st.integers(0, 2))
def test_the_future_changes_nothing(rows, late, as_of):
    future = [(edge_type, s, t, as_of + 1 + moment) for edge_type, s, t, moment in late]
    known = build_plain_graph(source_of(rows)).until(at(as_of))
    later = build_plain_graph(source_of(rows + future)).until(at(as_of))
    assert described(later) == described(known)


def test_node_types_may_be_called_as_the_code_calls_its_things(tmp_path):
    text = CARD.replace("author", "event").replace('type = "paper"', 'type = "member"')
    text = text.replace("paper cites paper", "member cites member").replace(
        "writes paper", "writes member"
    )
    graph = build_plain_graph(library(tmp_path, text))
    assert neighbours(graph, ("event", "writes", "member"), "ann") == ["p-1", "p-3"]
    assert neighbours(graph, ("member", "cites", "member"), "p-3") == ["p-1", "p-2", "p-9"]
    assert graph.labels.is_empty()


def test_pairs_to_predict_are_nodes_and_never_edges(tmp_path):
    (tmp_path / "known.txt").write_text("u-1 i-1\n")
    (tmp_path / "asked.txt").write_text("u-1 i-2\nu-3 i-1\n")
    (tmp_path / "card.toml").write_text(
        'time = "none"\n[files]\nk = { path = "known.txt", format = "lists" }\n'
        'a = { path = "asked.txt", format = "lists" }\n[[nodes]]\ntype = "u"\n[[nodes]]\ntype = "i"\n'
        '[[edges]]\ntype = "u buys i"\nfrom = "k"\nsplit = "train"\n'
        '[[edges]]\ntype = "u buys i"\nfrom = "a"\nsplit = "valid"\n'
    )
    graph = build_plain_graph(read_graph(tmp_path / "card.toml"))
    assert graph.nodes["u"].keys.to_list() == ["u-1", "u-3"]
    assert graph.nodes["i"].keys.to_list() == ["i-1", "i-2"]
    assert graph.edges["u", "buys", "i"].edges == 1
    assert neighbours(graph, ("u", "buys", "i"), "u-1") == ["i-1"]


@pytest.mark.skipif(not (GOWALLA / "train.npz").exists(), reason="the data of gowalla may not ship")
def test_gowalla_is_a_graph_of_its_training_pairs():
    began = time.monotonic()
    graph = build_plain_graph(read_graph(DATASETS / "gowalla.toml", data=GOWALLA))
    assert {name: len(nodes) for name, nodes in graph.nodes.items()} == {
        "user": 29_858,
        "item": 40_981,
    }
    assert graph.edges["user", "visits", "item"].edges == 810_128
    assert time.monotonic() - began < 10
