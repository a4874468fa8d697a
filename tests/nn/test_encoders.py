"""Encoders beside PyG's convolutions on the same edges, and what all encoders must do."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import HGTConv, SAGEConv

from graphml.config import SampleConfig
from graphml.graph.trees import SEEDS
from graphml.nn import ENCODERS
from graphml.nn.hgt import HGT
from graphml.nn.inputs import relation_key
from graphml.nn.sage import HeteroSAGE
from tests.nn.trees import ROWS, TIMES, tree_of
from tests.sampling.oracle import Row

encoders = pytest.mark.parametrize("name", sorted(ENCODERS))


def encoder(name, spec, edge_types, **settings):
    torch.manual_seed(3)
    return ENCODERS[name](spec, edge_types, channels=8, hops=2, **settings).eval()


def lists(tree, child):
    """Return a block as PyG's edge list: ends, then parents."""
    block = tree.blocks[child]
    return torch.stack([torch.arange(block.edges), block.row])


def sage_by_pyg(tree, layer, hidden, inside):
    """Return what one layer of HeteroSAGE gives, by SAGEConv and sums over edge lists."""
    result = {}
    for place, own in hidden.items():
        if tree.depths[place] > inside:
            continue
        total = layer.own[tree.node_type(place)](own)
        for child in tree.children.get(place, ()):
            key = relation_key(tree.edge_type(child))
            conv = SAGEConv((8, 8), 8, root_weight=False, bias=False)
            conv.lin_l.weight = layer.neighbors[key].weight
            edges = lists(tree, child)
            total = total + conv((hidden[child], own), edges, size=(len(hidden[child]), len(own)))
            carried = torch.zeros(len(own), layer.carried[key].in_features)
            carried[:, -1] = torch.log1p(tree.blocks[child].degree.float())
            for row in range(len(own)):
                mine = edges[0][edges[1] == row]
                if len(mine):
                    carried[row, :-1] = tree.edges(child)[mine].mean(dim=0)
            total = total + layer.carried[key](carried)
        result[place] = torch.relu(layer.norm(total))
    return result


def test_sage_is_what_pygs_sageconv_gives_on_the_same_edges():
    tree, spec, edge_types = tree_of()
    model = encoder("sage", spec, edge_types)
    hidden = {place: model.nodes(tree.group(place)) for place in tree.depths}
    for inside, layer in zip((1, 0), model.layers, strict=True):
        hidden = sage_by_pyg(tree, layer, hidden, inside)
    torch.testing.assert_close(model(tree), hidden[SEEDS], atol=1e-5, rtol=1e-5)


def test_hgt_is_what_pygs_hgtconv_gives_on_the_same_edges():
    tree, spec, edge_types = tree_of(edge_attributes=False)
    model = encoder("hgt", spec, edge_types)
    for layer in model.layers:
        for carried in layer.carried.values():
            torch.nn.init.zeros_(carried.weight)  # PyG's has no place for what edges carry
    with torch.no_grad():
        for layer in model.layers:
            for name, skip in layer.skip.items():
                skip.fill_(0.3 if name == "member" else -0.2)
    hidden = {p: torch.relu(model.nodes(tree.group(p))) for p in tree.depths}
    for inside, layer in zip((1, 0), model.layers, strict=True):
        hidden = {
            place: hgt_by_pyg(layer, tree, place, hidden) if tree.children.get(place) else own
            for place, own in hidden.items()
            if tree.depths[place] <= inside
        }
    torch.testing.assert_close(model(tree), hidden[SEEDS], atol=1e-5, rtol=1e-5)
    assert 0 in tree.blocks[0].count, "one parent has no edge"


def hgt_by_pyg(layer, tree, place, hidden):
    """Return one group's new vectors by HGTConv, every branch a node and edge type of its own."""
    children = tree.children[place]
    end = tree.node_type(place)
    types = ["own", *(f"b{child}" for child in children)]
    relations = [(f"b{child}", "to", "own") for child in children]
    conv = HGTConv(8, 8, (types, relations), heads=4)
    ends = {"own": end} | {f"b{child}": tree.node_type(child) for child in children}
    with torch.no_grad():
        for name, node_type in ends.items():
            parts = [layer.key[node_type], layer.query[node_type], layer.value[node_type]]
            conv.kqv_lin.lins[name].weight.copy_(torch.cat([p.weight for p in parts]))
            conv.kqv_lin.lins[name].bias.copy_(torch.cat([p.bias for p in parts]))
            conv.out_lin.lins[name].weight.copy_(layer.out[node_type].weight)
            conv.out_lin.lins[name].bias.copy_(layer.out[node_type].bias)
            conv.skip[name].copy_(layer.skip[node_type])
        for head in range(4):
            for number, child in enumerate(children):
                key = relation_key(tree.edge_type(child))
                row = head * len(children) + number
                conv.k_rel.weight[row].copy_(layer.attend[key][head])
                conv.v_rel.weight[row].copy_(layer.tell[key][head])
        for child in children:
            key = relation_key(tree.edge_type(child))
            conv.p_rel[f"b{child}__to__own"].copy_(layer.prior[key][None])
    x = {"own": hidden[place]} | {f"b{child}": hidden[child] for child in children}
    index = {(f"b{child}", "to", "own"): lists(tree, child) for child in children}
    return conv(x, index)["own"]


@encoders
def test_a_seed_is_encoded_alike_alone_and_among_others(name):
    tree, spec, edge_types = tree_of()
    model = encoder(name, spec, edge_types)
    together = model(tree)
    # The key of a seed is its place here, so the first one draws the same.
    alone, _, _ = tree_of(members=(0,), times=TIMES[:1])
    torch.testing.assert_close(model(alone)[0], together[0], atol=1e-5, rtol=1e-5)


@encoders
def test_featureless_types_and_seeds_without_a_past_have_vectors(name):
    tree, spec, edge_types = tree_of(times=[-5] * 5)
    vectors = encoder(name, spec, edge_types)(tree)
    assert vectors.shape == (5, 8)
    assert torch.isfinite(vectors).all()


@encoders
def test_every_weight_learns(name):
    tree, spec, edge_types = tree_of()
    model = encoder(name, spec, edge_types).train()
    model(tree).square().sum().backward()
    still = {n for n, p in model.named_parameters() if p.grad is None}
    used = {relation_key(block.edge_type) for block in tree.blocks}
    # Relations out of leaves are followed by no layer; the last layer updates the seeds alone.
    assert not [n for n in still if "layers.0" in n and any(key in n for key in used)]
    assert any(float(p.grad.abs().sum()) > 0 for p in model.parameters() if p.grad is not None)


@encoders
def test_a_graph_without_edges_still_encodes_its_seeds(name):
    tree, spec, edge_types = tree_of(
        rows=[Row(member=m, time=0, kind="login") for m in range(7)], times=[3] * 5
    )
    assert edge_types == ()
    assert encoder(name, spec, edge_types)(tree).shape == (5, 8)


@encoders
def test_encoders_name_their_source_and_take_what_sampling_gives(name):
    assert len(ENCODERS[name].reference) > 20
    for config in (SampleConfig(fanout=(2,)), SampleConfig(fanout=(2, 2, 1), distinct=True)):
        tree, spec, edge_types = tree_of(config, rows=ROWS)
        model = ENCODERS[name](spec, edge_types, channels=8, hops=len(config.fanout))
        assert model(tree).shape == (5, 8)


def test_the_names_are_classes():
    assert {"sage": HeteroSAGE, "hgt": HGT} == ENCODERS
    _, spec, edge_types = tree_of()
    with pytest.raises(ValueError, match="no multiple of 4 heads"):
        HGT(spec, edge_types, channels=10, hops=2)
