"""Nodes as vectors: the first layer of every encoder."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from graphml.nn.spec import FeatureSpec
from graphml.nn.tree import Group, Tree
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
            self.linear[name] = linear = nn.Linear(width, channels)
            nn.init.zeros_(
                linear.bias
            )  # else what all share drowns what each is, and nothing is learned
            self.categories[name] = nn.ModuleList(nn.Embedding(n, _EMBEDDED) for n in sizes)
            if columns.known:
                self.known[name] = _small(nn.Embedding(len(columns.known) + 1, channels))

    def forward(self, group: Group) -> Tensor:
        """Return the vectors of all nodes, float32 [nodes, channels]."""
        result: Tensor = self.linear[group.node_type](self._together(group))
        own = self._own(group)
        return result if own is None else result + own

    def mean(self, group: Group, tree: Tree, place: int) -> Tensor:
        """Return the mean of the vectors by parent, 0 without any, float32 [parents, channels].

        The same as ``forward`` and then the mean; but what is linear may be averaged first, while
        it is narrow.
        """
        linear = cast(nn.Linear, self.linear[group.node_type])
        there = (tree.blocks[place].count > 0).to(linear.weight.dtype)[:, None]
        narrow = tree.mean(place, self._together(group))
        result: Tensor = narrow @ linear.weight.t() + there * linear.bias
        own = self._own(group)
        return result if own is None else result + tree.mean(place, own)

    def _together(self, group: Group) -> Tensor:
        tables = cast(nn.ModuleList, self.categories[group.node_type])
        embedded = [table(group.codes[:, place]) for place, table in enumerate(tables)]
        return torch.cat([group.numbers, *embedded], dim=-1) if embedded else group.numbers

    def _own(self, group: Group) -> Tensor | None:
        """Return the nodes' own vectors; in training a tenth are taken for strangers.

        So the strangers' vector comes to mean something.
        """
        if group.node_type not in self.known:
            return None
        known = group.known
        if self.training:
            chance = torch.rand(known.shape, device=known.device)
            known = torch.where(chance < _STRANGERS, 0, known)
        result: Tensor = self.known[group.node_type](known)
        return result


def _small(table: nn.Embedding) -> nn.Embedding:
    nn.init.normal_(table.weight, std=0.1)
    return table
