"""The heterogeneous graph transformer over trees: attention over each node's edges."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch_geometric.utils import softmax

from graphml.graph.trees import SEEDS
from graphml.nn.inputs import NodeInput, relation_key
from graphml.nn.spec import FeatureSpec
from graphml.nn.tree import AGE_WIDTH, Tree
from graphml.schema import EdgeType


class HGT(nn.Module):
    """Attention over all neighbours, with matrices by node type and by relation (Hu et al. 2020).

    What edges carry, their age above all, is added to the neighbour's vector, where the paper adds
    its relative time encoding.

    Args:
        spec: Of the inputs.
        edge_types: That the sampler follows.
        channels: Width of every layer, a multiple of ``heads``.
        hops: Layers, as many as the sampler has hops.
        dropout: Of what each layer adds, in training.
        heads: Attention heads.
    """

    reference = "Hu, Dong, Wang, Sun: Heterogeneous Graph Transformer, 2020"

    def __init__(
        self,
        spec: FeatureSpec,
        edge_types: tuple[EdgeType, ...],
        *,
        channels: int,
        hops: int,
        dropout: float = 0.0,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.nodes = NodeInput(spec, channels)
        self.layers = nn.ModuleList(
            _Layer(spec, edge_types, channels=channels, dropout=dropout, heads=heads)
            for _ in range(hops)
        )

    def forward(self, tree: Tree) -> Tensor:
        """Return the seeds' vectors, float32 [seeds, channels]."""
        last = len(self.layers)
        depth = tree.depths
        hidden: dict[int, Tensor] = {
            place: torch.relu(self.nodes(tree.group(place)))
            for place in depth
            if depth[place] <= last
        }
        for number, layer in enumerate(self.layers, 1):
            inner = [place for place in hidden if depth[place] <= last - number]
            hidden = {place: layer(tree, place, hidden) for place in inner}
        return hidden[SEEDS]


class _Layer(nn.Module):
    def __init__(
        self,
        spec: FeatureSpec,
        edge_types: tuple[EdgeType, ...],
        *,
        channels: int,
        dropout: float,
        heads: int,
    ) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"channels is {channels}, no multiple of {heads} heads")
        self.heads = heads
        width = channels // heads
        ends = sorted(spec.nodes)
        self.query, self.key, self.value, self.out = (
            nn.ModuleDict({end: nn.Linear(channels, channels) for end in ends}) for _ in range(4)
        )
        self.skip = nn.ParameterDict({end: nn.Parameter(torch.zeros(1)) for end in ends})
        keys = [relation_key(edge_type) for edge_type in edge_types]
        matrices = {key: nn.Parameter(_matrices(heads, width)) for key in keys}
        self.attend = nn.ParameterDict(matrices)
        self.tell = nn.ParameterDict({k: nn.Parameter(_matrices(heads, width)) for k in keys})
        self.prior = nn.ParameterDict({key: nn.Parameter(torch.ones(heads)) for key in keys})
        self.carried = nn.ModuleDict(
            {key: nn.Linear(AGE_WIDTH + spec.event_width, channels, bias=False) for key in keys}
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tree: Tree, place: int, hidden: dict[int, Tensor]) -> Tensor:
        """Return the vectors of one group after this layer, float32 [nodes, channels]."""
        own, end = hidden[place], tree.node_type(place)
        children = tree.children.get(place, ())
        if not children:
            return own
        query = self._split(self.query[end](own))
        scores, values = zip(
            *(self._branch(tree, child, query, hidden[child]) for child in children), strict=True
        )
        row = torch.cat([tree.row(child) for child in children])
        attention = softmax(torch.cat(scores), row, num_nodes=len(own))
        weighed = (attention[..., None] * torch.cat(values)).flatten(1)
        told = own.new_zeros((len(own), weighed.shape[1])).index_add(0, row, weighed)
        new = self.dropout(self.out[end](nn.functional.gelu(told)))
        gate = torch.sigmoid(self.skip[end])
        result: Tensor = gate * new + (1 - gate) * own
        return result

    def _branch(
        self, tree: Tree, child: int, query: Tensor, below: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return scores [edges, heads] and values [edges, heads, width] of one block."""
        key, end = relation_key(tree.edge_type(child)), tree.node_type(child)
        vectors = below + self.carried[key](tree.edges(child))
        keys = torch.einsum("ehi,hij->ehj", self._split(self.key[end](vectors)), self.attend[key])
        values = torch.einsum("ehi,hij->ehj", self._split(self.value[end](vectors)), self.tell[key])
        asked = query[tree.row(child)]
        score = (asked * keys).sum(dim=-1) * self.prior[key] / math.sqrt(keys.shape[-1])
        return score, values

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.view(*vectors.shape[:-1], self.heads, vectors.shape[-1] // self.heads)


def _matrices(heads: int, width: int) -> Tensor:
    return nn.init.xavier_uniform_(torch.empty(heads, width, width))
