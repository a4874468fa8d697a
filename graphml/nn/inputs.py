"""Nodes as vectors: the first layer of every encoder."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from graphml.nn.features import FeatureSpec
from graphml.nn.tree import Group
from graphml.schema import EdgeType

_EMBEDDED = 8
"""Numbers that a category becomes."""
_STRANGERS = 0.1


def relation_key(edge_type: EdgeType) -> str:
    """Return an edge type as a module's name.

    >>> relation_key(("member", "buys", "product"))
    'member__buys__product'
    """
    return "__".join(edge_type)


class NodeInput(nn.Module):
    """Attributes, categories and age of nodes of any type, linear, to ``channels`` numbers.

    A type without attributes has a vector of its own and its age.
    """

    def __init__(self, spec: FeatureSpec, channels: int) -> None:
        super().__init__()
        self.linear = nn.ModuleDict()
        self.categories = nn.ModuleDict()
        self.known = nn.ModuleDict()
        for name, columns in spec.nodes.items():
            sizes = [len(values) + 1 for values in columns.categories.values()]
            width = columns.width + 1 + _EMBEDDED * len(sizes)
            self.linear[name] = nn.Linear(width, channels)
            self.categories[name] = nn.ModuleList(nn.Embedding(n, _EMBEDDED) for n in sizes)
            if columns.known:
                self.known[name] = _small(nn.Embedding(len(columns.known) + 1, channels))

    def forward(self, group: Group) -> Tensor:
        """Return the vectors of all nodes, float32 [nodes, channels]."""
        parts = [group.age, group.dense[group.rows]]
        for place, table in enumerate(self._tables(group)):
            parts.append(table(group.codes[group.rows, place]))
        result: Tensor = self.linear[group.node_type](torch.cat(parts, dim=-1))
        if group.node_type in self.known:
            result = result + self.known[group.node_type](self._shown(group.known))
        return result

    def mean(self, group: Group, weight: Tensor) -> Tensor:
        """Return the weighted sums of vectors, float32 [parents, channels].

        The same as ``forward`` and then summed; but what is linear may be summed first, so that no
        vector of a slot is ever made.

        Args:
            group: The slots of some parents.
            weight: Of each slot, 0 or summing up to 1, float32 [parents, fanout].
        """
        parents, fanout = weight.shape
        rows = group.rows.view(parents, fanout)
        parts = [torch.bmm(weight.unsqueeze(1), group.age.view(parents, fanout, 1)).squeeze(1)]
        if group.dense.shape[1]:
            parts.append(_bag(rows, group.dense, weight))
        for place, table in enumerate(self._tables(group)):
            parts.append(_bag(group.codes[:, place][rows], table.weight, weight))
        linear = cast(nn.Linear, self.linear[group.node_type])
        total = torch.cat(parts, dim=-1) @ linear.weight.t()
        total = total + weight.sum(dim=1, keepdim=True) * linear.bias
        if group.node_type in self.known:
            own = cast(nn.Embedding, self.known[group.node_type])
            shown = self._shown(group.known).view(parents, fanout)
            total = total + _bag(shown, own.weight, weight)
        return total

    def _shown(self, known: Tensor) -> Tensor:
        """Return ``known``, in training with a tenth taken for strangers: they must mean something."""
        if not self.training:
            return known
        return torch.where(torch.rand(known.shape, device=known.device) < _STRANGERS, 0, known)

    def _tables(self, group: Group) -> list[nn.Embedding]:
        tables = cast(nn.ModuleList, self.categories[group.node_type])
        return [cast(nn.Embedding, table) for table in tables]


def _small(table: nn.Embedding) -> nn.Embedding:
    nn.init.normal_(table.weight, std=0.1)
    return table


def _bag(rows: Tensor, table: Tensor, weight: Tensor) -> Tensor:
    return nn.functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weight)
