"""The graph as PyTorch Geometric's ``HeteroData``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from graphml.graph.build import Graph


def to_hetero_data(graph: Graph) -> Any:
    """Return ``graph`` as a ``torch_geometric.data.HeteroData``.

    Node types have ``num_nodes`` and no time (PyG refuses times on nodes and edges together);
    each edge type of ``graph.edges``, reverse ones too, has ``edge_index`` (int64 [2, edges], by
    source, then time), ``time`` (int64 [edges], microseconds since 1970) and ``event`` (int64
    [edges], the row in ``graph.events``). Features stay raw in ``graph.nodes``: encoders are
    fitted on the training period.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for name, nodes in graph.nodes.items():
        data[name].num_nodes = len(nodes)
    for edge_type, adjacency in graph.edges.items():
        source = np.repeat(np.arange(adjacency.sources), np.diff(adjacency.indptr))
        target = adjacency.target.astype(np.int64)
        store = data[edge_type]
        store.edge_index = torch.from_numpy(np.stack([source, target]))
        store.time = torch.from_numpy(np.array(adjacency.time))
        store.event = torch.from_numpy(adjacency.event.astype(np.int64))
    return data
