"""GraphSAGE over trees of many edge types: means over runs of edges, then matrix products."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphml.graph.trees import SEEDS
from graphml.nn.inputs import NodeInput, relation_key
from graphml.nn.spec import FeatureSpec
from graphml.nn.tree import AGE_WIDTH, Tree
from graphml.schema import EdgeType


class HeteroSAGE(nn.Module):
    """Mean over each edge type's neighbours, one matrix a type, summed (Hamilton et al. 2017).

    The sum over edge types is that of relational graphs (Schlichtkrull et al. 2018). Beside the
    neighbours, the mean of what edges carry and the log of how many edges there were enter.

    Args:
        spec: Of the inputs.
        edge_types: That the sampler follows.
        channels: Width of every layer.
        hops: Layers, as many as the sampler has hops.
        dropout: Of each layer's output, in training.
        carried: Whether what edges carry, and how many there are, enters.
    """

    reference = "Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, 2017"

    def __init__(
        self,
        spec: FeatureSpec,
        edge_types: tuple[EdgeType, ...],
        *,
        channels: int,
        hops: int,
        dropout: float = 0.0,
        carried: bool = True,
    ) -> None:
        super().__init__()
        self.nodes = NodeInput(spec, channels)
        width = AGE_WIDTH + spec.event_width + 1 if carried else 0
        self.layers = nn.ModuleList(
            _Layer(width, spec, edge_types, channels=channels, dropout=dropout) for _ in range(hops)
        )

    def forward(self, tree: Tree) -> Tensor:
        """Return the seeds' vectors, float32 [seeds, channels]."""
        last, depth = len(self.layers), tree.depths
        hidden: dict[int, Tensor] = {
            place: self.nodes(tree.group(place)) for place in depth if depth[place] < last
        }
        for number, layer in enumerate(self.layers, 1):
            places = [place for place in hidden if depth[place] <= last - number]
            # The outermost nodes are only ever part of a mean, and their vectors are never made.
            below = {
                child: (
                    tree.mean(child, hidden[child])
                    if child in hidden
                    else self.nodes.mean(tree.group(child), tree, child)
                )
                for place in places
                for child in tree.children.get(place, ())
            }
            hidden = {place: layer(tree, place, hidden[place], below) for place in places}
        return hidden[SEEDS]


class _Layer(nn.Module):
    def __init__(
        self,
        carried: int,
        spec: FeatureSpec,
        edge_types: tuple[EdgeType, ...],
        *,
        channels: int,
        dropout: float,
    ) -> None:
        super().__init__()
        ends = sorted(spec.nodes)
        self.own = nn.ModuleDict({end: nn.Linear(channels, channels) for end in ends})
        self.neighbors = nn.ModuleDict()
        self.carried = nn.ModuleDict()
        for edge_type in edge_types:
            key = relation_key(edge_type)
            self.neighbors[key] = nn.Linear(channels, channels, bias=False)
            if carried:
                self.carried[key] = linear = nn.Linear(carried, channels, bias=False)
                nn.init.zeros_(linear.weight)  # as in NodeInput: what all edges share comes later
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tree: Tree, place: int, vectors: Tensor, below: dict[int, Tensor]) -> Tensor:
        """Return the vectors of one group after this layer, float32 [nodes, channels].

        Args:
            tree: The batch.
            place: Of the group.
            vectors: Of the group before, float32 [nodes, channels].
            below: Means of the branches that begin at it.
        """
        total = self.own[tree.node_type(place)](vectors)
        for child in tree.children.get(place, ()):
            key = relation_key(tree.edge_type(child))
            total = total + self.neighbors[key](below[child])
            if key in self.carried:
                carried = torch.cat([tree.mean_edges(child), tree.degree(child)], dim=-1)
                total = total + self.carried[key](carried)
        result: Tensor = self.dropout(torch.relu(self.norm(total)))
        return result
