"""PyG's loaders get the sampler's trees: the same edges, the right way round, nothing from later."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_geometric.utils import trim_to_layer

from graphml.config import SampleConfig, SimulateConfig
from graphml.errors import UsageError
from graphml.graph.build import build_graph, to_hetero_data
from graphml.graph.nodes import microseconds as in_microseconds
from graphml.graph.trees import SEEDS
from graphml.sampling.pyg import TemporalNodeSampler
from graphml.sampling.temporal import TemporalSampler, keys_of
from graphml.tables.synthetic import make_marketplace
from tests.graph.marketplace import at
from tests.sampling import oracle
from tests.sampling.oracle import Row, microseconds

SOLD = ("product", "rev_buys", "member")

quick = settings(max_examples=50, deadline=None)
times, few = st.integers(0, 3), st.integers(0, 2)
rows = st.lists(
    st.builds(
        Row,
        member=few,
        time=times,
        kind=st.sampled_from(["purchase", "view"]),
        product=st.none() | few,
        device=st.none() | few,
    ),
    min_size=1,
    max_size=24,
)
links = st.lists(st.tuples(few, few, times), max_size=6)
configs = st.builds(
    SampleConfig,
    fanout=st.sampled_from([(2, 1), (3, 2), (1, 4)]),
    strategy=st.sampled_from(["uniform", "recent"]),
    distinct=st.booleans(),
    seed=st.integers(0, 3),
)


def market(rows, links=()):
    """Return the market of rows with links (member, other, time) between members that rows name."""
    graph = oracle.market(rows)
    place = {key: number for number, key in enumerate(graph.nodes["member"].keys)}
    made = [
        (place[f"m-{member}"], place[f"m-{other}"], f"l-{number}", at(time))
        for number, (member, other, time) in enumerate(links)
        if {f"m-{member}", f"m-{other}"} <= place.keys()
    ]
    frame = pl.DataFrame(made, schema=graph.links.schema, orient="row")
    return replace(graph, links=frame.sort("time", "member", "other", "kind"))


def loader_of(graph, config, seeds, *, seed_type="member", batch_size=2):
    """Return a loader over (key, moment) pairs in that order."""
    keys = graph.nodes[seed_type].keys.to_list()
    return NodeLoader(
        to_hetero_data(graph),
        TemporalNodeSampler(graph, seed_type, config),
        input_nodes=(seed_type, torch.tensor([keys.index(key) for key, _ in seeds])),
        input_time=torch.tensor([microseconds(moment) for _, moment in seeds]),
        batch_size=batch_size,
    )


def record(graph, edge_type, row):
    """Return what an edge's record says: its name and time, the keys of the edge's ends."""
    source, relation, target = edge_type
    linked = relation.endswith("links")
    made = (graph.links if linked else graph.events).row(row, named=True)
    columns = source, target
    if linked:
        columns = ("member", "other") if relation == "links" else ("other", "member")
    name = made["kind" if linked else "event_id"]
    ends = (
        graph.nodes[end].keys[made[column]]
        for end, column in zip((source, target), columns, strict=True)
    )
    return name, in_microseconds(made["time"]), *ends


def edges_of(graph, batch, seed_type="member"):
    """Return each seed's edges in a batch: a multiset of (type, record, time, child, parent)."""
    found = [Counter() for _ in range(batch[seed_type].batch_size)]
    for edge_type in batch.edge_types:
        child, _, parent = edge_type
        store = batch[edge_type]
        row, col = store.edge_index
        trees = batch[parent].batch[col]
        assert torch.equal(batch[child].batch[row], trees), "no edge joins two trees"
        ends = batch[child].n_id[row].tolist(), batch[parent].n_id[col].tolist()
        for source, target, tree, time, event in zip(
            *ends, trees.tolist(), store.time.tolist(), store.event.tolist(), strict=True
        ):
            said = record(graph, edge_type, event)
            keys = graph.nodes[child].keys[source], graph.nodes[parent].keys[target]
            assert said[1:] == (time, *keys)
            found[tree][edge_type, *said] += 1
    return found


def all_edges(graph, config, seeds):
    return [tree for batch in loader_of(graph, config, seeds) for tree in edges_of(graph, batch)]


def edges_drawn(graph, config, seeds):
    """Return what ``all_edges`` should, from the blocks of ``TemporalSampler``."""
    keys = {name: nodes.keys for name, nodes in graph.nodes.items()}
    moments = np.array([microseconds(moment) for _, moment in seeds])
    names = pl.Series([key for key, _ in seeds])
    ids = keys["member"].search_sorted(names).to_numpy()
    sample = TemporalSampler(graph, "member", config).sample(
        ids, moments, key=keys_of(names, moments, seed=config.seed)
    )
    found = [Counter() for _ in seeds]
    ends = {SEEDS: (range(len(seeds)), names)}
    for place, block in enumerate(sample.blocks):
        source, relation, target = block.edge_type
        back = relation.startswith("rev_")
        message = (target, relation[4:] if back else f"rev_{relation}", source)
        trees, above = ends[block.parent]
        below = [keys[target][int(node)] for node in block.neighbor]
        ends[place] = [trees[row] for row in block.row], below
        events = graph.edges[block.edge_type].event[block.position]
        for number, tree in enumerate(ends[place][0]):
            said = record(graph, message, int(events[number]))
            parent = above[int(block.row[number])]
            assert said[1:] == (int(block.time[number]), below[number], parent)
            found[tree][message, *said] += 1
    return found


@quick
@given(rows, links, configs, st.lists(times, min_size=1, max_size=5))
def test_batches_hold_the_edges_that_the_sampler_draws(rows, links, config, moments):
    graph = market(rows, links)
    seeds = [(f"m-{row.member}", moment) for row, moment in zip(rows, moments, strict=False)]
    assert all_edges(graph, config, seeds) == edges_drawn(graph, config, seeds)


@quick
@given(rows, rows, links, links, configs, times)
def test_the_future_changes_nothing(rows, late, links, links_late, config, as_of):
    seeds = [(f"m-{rows[0].member}", as_of), (f"m-{rows[-1].member}", as_of)]
    future = [replace(row, member=rows[0].member, time=as_of + 1 + row.time) for row in late]
    # Members and products that come later move the dense ids, and so the places of edges.
    future += [replace(row, member=-1 - row.member, time=as_of + 1) for row in late]
    ahead = [(rows[0].member, other, as_of + 1 + time) for _, other, time in links_late]
    drawn = all_edges(market(rows + future, links + ahead), config, seeds)
    assert drawn == all_edges(market(rows, links), config, seeds)
    assert all(time <= microseconds(as_of) for tree in drawn for _, _, time, _, _ in tree)


def test_the_property_sees_a_microsecond_too_many():
    graph = market([Row(member=1, time=0, product=0), Row(member=1, time=1, product=1)])
    trees = all_edges(graph, SampleConfig(fanout=(3,)), [("m-1", 0), ("m-1", 1)])
    assert [tree.total() for tree in trees] == [1, 2]


@pytest.fixture(scope="module")
def small():
    """Purchases and a view of two members; a third has a log-in and a link."""
    rows = [
        Row(member=4, time=5, product=7, device=1),
        Row(member=4, time=3, product=2),
        Row(member=3, time=4, product=7),
        Row(member=4, time=1, product=7),
        Row(member=3, time=2, product=2),
        Row(member=3, time=6, kind="view", product=2),
        Row(member=2, time=0, kind="login"),
    ]
    return market(rows, [(2, 3, 7), (3, 4, 0)])


def test_messages_go_from_what_was_drawn_to_whoever_drew_it(small):
    config = SampleConfig(fanout=(2,), strategy="recent")
    (batch,) = loader_of(small, config, [("m-4", 4)])
    sold, keys = batch[SOLD], small.nodes["product"].keys
    products = batch["product"].n_id[sold.edge_index[0]]
    assert [keys[product] for product in products.tolist()] == ["p-2", "p-7"]
    assert sold.edge_index[1].tolist() == [0, 0]
    assert sold.time.tolist() == [microseconds(3), microseconds(1)]
    assert [small.events["event_id"][row] for row in sold.event.tolist()] == ["e-001", "e-003"]
    assert torch.equal(to_hetero_data(small)[SOLD].time[sold.e_id], sold.time)
    assert batch["member", "buys", "product"].edge_index.shape == (2, 0)


def test_seeds_come_first_and_one_that_comes_twice_has_two_trees(small):
    seeds = [("m-4", 9), ("m-3", 9), ("m-4", 9), ("m-4", 2)]
    (batch,) = loader_of(small, SampleConfig(fanout=(3, 2)), seeds, batch_size=4)
    member, keys = batch["member"], small.nodes["member"].keys
    first = member.n_id[: member.batch_size].tolist()
    assert [keys[node] for node in first] == ["m-4", "m-3", "m-4", "m-4"]
    assert member.batch[:4].tolist() == member.input_id.tolist() == [0, 1, 2, 3]
    assert member.seed_time.tolist() == [microseconds(moment) for _, moment in seeds]
    one, _, again, early = edges_of(small, batch)
    assert one == again
    assert 0 < early.total() < one.total()


@pytest.mark.parametrize("seeds", [[("m-2", 6)], [("m-2", 0), ("m-4", -1)]])
def test_seeds_without_edges_are_there_alone(small, seeds):
    (batch,) = loader_of(small, SampleConfig(), seeds)
    assert batch["member"].num_nodes == batch["member"].batch_size == len(seeds)
    assert sum(batch[edge_type].num_edges for edge_type in batch.edge_types) == 0
    assert batch["product"].n_id.tolist() == batch["product"].batch.tolist() == []


def test_other_node_types_are_seeds_too(small):
    (batch,) = loader_of(small, SampleConfig(fanout=(9,)), [("p-7", 4)], seed_type="product")
    buys = "member", "buys", "product"
    assert set(edges_of(small, batch, "product")[0]) == {
        (buys, "e-003", microseconds(1), "m-4", "p-7"),
        (buys, "e-002", microseconds(4), "m-3", "p-7"),
    }


def test_another_seed_draws_otherwise_and_the_first_one_again():
    graph = market([Row(member=4, time=number, product=number) for number in range(90)])
    loader = loader_of(graph, SampleConfig(fanout=(5,), seed=1), [("m-4", 80)])
    drawn = []
    for seed in (1, 2, 1):
        loader.node_sampler.seed = seed
        drawn += edges_of(graph, *loader)
    assert drawn[0] == drawn[2] != drawn[1]


def test_nodes_and_edges_are_sorted_by_hop(small):
    (batch,) = loader_of(small, SampleConfig(fanout=(3, 2)), [("m-4", 9), ("m-3", 9)])
    x, counts = batch.n_id_dict, batch.num_sampled_edges_dict
    inner, edges, _ = trim_to_layer(
        1, batch.num_sampled_nodes_dict, counts, x, batch.edge_index_dict
    )
    assert len(inner["member"]) < len(x["member"])
    assert {edge_type: len(ends[0]) for edge_type, ends in edges.items()} == {
        edge_type: first for edge_type, (first, _) in counts.items()
    }
    for (child, _, parent), (row, col) in edges.items():
        assert (col < (2 if parent == "member" else 0)).all(), "the first hop ends at the seeds"
        assert (row < len(inner[child])).all()


@functools.cache
def market_of_300():
    made = make_marketplace(SimulateConfig(members=300, seed=5))
    graph = build_graph(made.tables)
    return graph, to_hetero_data(graph), made.truth_rings


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_draw_the_same(context):
    graph, data, _ = market_of_300()
    sampler = TemporalNodeSampler(graph, "member", SampleConfig(fanout=(5, 3), distinct=True))
    moments = torch.from_numpy(graph.events["time"].to_physical().to_numpy()[-300:].copy())
    inputs = {"input_nodes": "member", "input_time": moments, "batch_size": 100}
    here = list(NodeLoader(data, sampler, **inputs))
    there = list(
        NodeLoader(data, sampler, **inputs, num_workers=2, multiprocessing_context=context)
    )
    for one, other in zip(here, there, strict=True):
        for edge_type in one.edge_types:
            for name in ("edge_index", "time", "event", "e_id"):
                assert torch.equal(one[edge_type][name], other[edge_type][name])


class Model(torch.nn.Module):
    """Two layers of sums over every edge type, from nodes that know nothing but their type."""

    def __init__(self, data, width=16):
        super().__init__()
        self.start = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.ones(width)) for name in data.node_types}
        )
        self.layers = torch.nn.ModuleList(
            HeteroConv(
                {
                    edge_type: SAGEConv((width, width), width, aggr="sum")
                    for edge_type in data.edge_types
                    if data[edge_type].num_edges
                }
            )
            for _ in range(2)
        )
        self.head = torch.nn.Linear(width, 1)

    def forward(self, batch):
        x = {name: self.start[name].expand(batch[name].num_nodes, -1) for name in batch.node_types}
        for layer in self.layers:
            x = {name: v.relu() / 4 for name, v in layer(x, batch.edge_index_dict).items()}
        return self.head(x["member"][: batch["member"].batch_size]).squeeze(-1)


@pytest.fixture
def _one_thread():
    before = torch.get_num_threads()  # torch's threads slow each other down beside other tests
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
def test_a_model_of_pyg_s_own_layers_learns_from_the_batches():
    torch.manual_seed(1)
    graph, data, rings = market_of_300()
    members = graph.nodes["member"].keys
    y = torch.from_numpy(members.is_in(rings["member_id"].implode()).to_numpy()).float()
    relations = dict.fromkeys(("views", "carts", "refunds", "reviews"), (0, 0))
    loader = NodeLoader(
        data,
        TemporalNodeSampler(graph, "member", SampleConfig(fanout=(5, 3), relations=relations)),
        input_nodes="member",
        input_time=torch.full((len(y),), in_microseconds(graph.events["time"][-1])),
        batch_size=100,
        shuffle=True,
    )
    model = Model(data)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for epoch in range(14):
        loader.node_sampler.seed = epoch
        for batch in loader:
            loss = binary_cross_entropy_with_logits(model(batch), y[batch["member"].input_id])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    share = y.mean()
    unknowing = -(share * share.log() + (1 - share) * (1 - share).log())
    assert np.mean(losses[-3:]) < 0.85 * unknowing < np.mean(losses[:3])


MOMENT = torch.tensor([microseconds(9)])


@pytest.mark.parametrize(
    ("seed_type", "node", "time", "said"),
    [
        ("member", 0, None, "seeds without a moment"),
        ("member", 0, MOMENT.double(), "input_time is torch.float64"),
        ("member", 0, MOMENT[None], r"shape \(1, 1\) for 1 seeds"),
        ("product", 0, MOMENT, "type 'product' for a sampler of 'member'"),
        ("member", 3, MOMENT, "no member 3 in the graph"),
        ("member", -1, MOMENT, "no member -1 in the graph"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(small, seed_type, node, time, said):
    sampler = TemporalNodeSampler(small, "member", SampleConfig())
    loader = NodeLoader(
        to_hetero_data(small), sampler, input_nodes=(seed_type, [node]), input_time=time
    )
    with pytest.raises(UsageError, match=said):
        list(loader)


def test_edges_are_no_seeds(small):
    sampler = TemporalNodeSampler(small, "member", SampleConfig())
    with pytest.raises(UsageError, match="nodes as seeds, not edges"):
        list(LinkLoader(to_hetero_data(small), sampler, edge_label_index=SOLD))


def test_unknown_names_are_refused(small):
    with pytest.raises(UsageError, match="no node type 'shop'"):
        TemporalNodeSampler(small, "shop", SampleConfig())
    with pytest.raises(UsageError, match="no relation 'bys'"):
        TemporalNodeSampler(small, "member", SampleConfig(relations={"bys": (1, 1)}))
