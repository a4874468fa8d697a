import warnings

import pytest

from graphml.graph.build import build_graph, to_hetero_data
from tests.graph.marketplace import tables
from tests.graph.test_build import EVENTS


@pytest.fixture(scope="module", autouse=True)
def _torch_geometric():
    with warnings.catch_warnings():  # torch deprecates what torch-geometric calls when imported
        warnings.simplefilter("ignore")
        import torch_geometric.data  # noqa: F401


def test_edges_have_time_and_nodes_have_none():
    graph = build_graph(tables(EVENTS))
    data = to_hetero_data(graph)
    assert set(data.edge_types) == set(graph.edges)
    assert all("time" not in data[name] for name in data.node_types)
    assert data["member"].num_nodes == 4
    uses = data["member", "uses", "device"]
    assert uses.edge_index.tolist() == [[0, 1, 2, 2, 3], [0, 2, 1, 1, 1]]
    assert uses.event.tolist() == [1, 2, 3, 4, 0]
    times = graph.events["time"].to_physical().to_list()
    assert uses.time.tolist() == [times[event] for event in uses.event.tolist()]
    assert data.validate()
