"""A graph's features on one device, and what leads from nodes and edges to them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphml.graph.build import LINKS, Graph, reverse
from graphml.nn.features import Features, NodeTable
from graphml.schema import EdgeType


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """A ``NodeTable`` on the device; ``most`` is how many rows any one node has at most."""

    indptr: Tensor
    valid_from: Tensor
    dense: Tensor
    codes: Tensor
    first: Tensor
    known: Tensor
    most: int

    def row_of(self, nodes: Tensor, as_of: Tensor) -> Tensor:
        """Return the latest row of each node that holds by then, 0 for none, int64 [nodes]."""
        begin, end = self.indptr[nodes], self.indptr[nodes + 1]
        row = torch.zeros_like(begin)
        last = self.valid_from.numel() - 1
        for place in range(self.most):
            candidate = begin + place
            holds = candidate < end
            holds &= self.valid_from[candidate.clamp(max=last)] <= as_of
            row = torch.where(holds, candidate, row)
        return row


class Tables:
    """A graph's features and the records of its edges, moved to a device when first needed.

    Args:
        graph: That is sampled.
        features: Of the same graph.
        device: Where networks run.
    """

    def __init__(self, graph: Graph, features: Features, device: torch.device) -> None:
        self._graph = graph
        self._features = features
        self._device = device
        self._nodes: dict[str, Rows] = {}
        self._records: dict[EdgeType, Tensor] = {}
        self._events: tuple[Tensor, Tensor] | None = None
        kinds = features.kind_count
        self.shown_kinds = torch.cat([torch.zeros(1, kinds), torch.eye(kinds)]).to(device)
        """Row k is 1 at the place of kind k; row 0 is of other kinds."""

    def nodes(self, node_type: str) -> Rows:
        """Return the rows of one node type."""
        if node_type not in self._nodes:
            self._nodes[node_type] = self._rows(self._features.nodes[node_type])
        return self._nodes[node_type]

    def _rows(self, table: NodeTable) -> Rows:
        return Rows(
            indptr=self._here(table.indptr),
            valid_from=self._here(table.valid_from),
            dense=self._here(table.dense),
            codes=self._here(table.codes),
            first=self._here(table.first),
            known=self._here(table.known),
            most=int(np.diff(table.indptr).max(initial=0)),
        )

    def records(self, edge_type: EdgeType) -> Tensor | None:
        """Return the record of each edge; ``None`` where edges have none (links)."""
        if edge_type in (LINKS, reverse(LINKS)):
            return None
        if edge_type not in self._records:
            self._records[edge_type] = self._here(self._graph.edges[edge_type].event)
        return self._records[edge_type]

    @property
    def events(self) -> tuple[Tensor, Tensor]:
        """Numbers and kinds of the records."""
        if self._events is None:
            self._events = self._here(self._features.events), self._here(self._features.kinds)
        return self._events

    @property
    def event_width(self) -> int:
        """Numbers an edge carries from its record."""
        return int(self.events[0].shape[1] + self.shown_kinds.shape[1])

    def _here(self, array: NDArray[Any]) -> Tensor:
        return to_tensor(array, self._device)


def to_tensor(array: Any, device: torch.device) -> Tensor:
    """Return ``array`` on the device; on the CPU its memory is shared, mapped files too."""
    tensor: Tensor = array if isinstance(array, Tensor) else _shared(array)
    return tensor.to(device, non_blocking=True)


def _shared(array: NDArray[Any]) -> Tensor:
    with warnings.catch_warnings():
        # torch warns of arrays that must not be written, as mapped files; nothing here writes.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)
