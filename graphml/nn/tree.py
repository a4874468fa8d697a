"""A sample as networks read it: tensors of fixed width, taken from tables when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphml.graph.build import LINKS, Graph, reverse
from graphml.graph.trees import SEEDS, Block, Sample
from graphml.nn.features import Features, NodeTable
from graphml.schema import EdgeType

DAY = 86_400_000_000.0
"""Microseconds a day."""
_AGES = (1.0, 7.0, 30.0, 180.0)
AGE_WIDTH = 1 + len(_AGES)
"""Numbers that a span of time becomes."""


def age_features(span: Tensor) -> Tensor:
    """Return spans of time as numbers that tell minutes from months, float32 [..., AGE_WIDTH].

    The logarithm, and exponential decays over a day, a week, a month and half a year.

    Args:
        span: Microseconds, 0 or more, int64 [...].
    """
    days = span.clamp(min=0).to(torch.float32) / DAY
    decays = torch.exp(-days.unsqueeze(-1) / days.new_tensor(_AGES))
    return torch.cat([torch.log1p(days * 24).unsqueeze(-1) / 8, decays], dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Rows:
    """A ``NodeTable`` on the device."""

    indptr: Tensor
    valid_from: Tensor
    dense: Tensor
    codes: Tensor
    first: Tensor
    known: Tensor
    most: int
    """Rows of any one node, at most."""

    def row_of(self, nodes: Tensor, as_of: Tensor) -> Tensor:
        """Return the latest row of each node that holds by then, 0 for none."""
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
    """A graph's features and what leads from edges to records, on one device.

    Args:
        graph: That is sampled.
        features: Of the same graph.
        device: Where networks run.
    """

    def __init__(self, graph: Graph, features: Features, device: torch.device) -> None:
        self._graph = graph
        self._features = features
        self._device = device
        self._nodes: dict[str, _Rows] = {}
        self._records: dict[EdgeType, Tensor] = {}
        self._events: tuple[Tensor, Tensor] | None = None
        none = torch.zeros(1, features.kind_count, device=device)
        self.shown_kinds = torch.cat([none, torch.eye(features.kind_count, device=device)])
        """Row k is 1 at the place of kind k; row 0 is of other kinds."""

    def nodes(self, node_type: str) -> _Rows:
        """Return the rows of one node type."""
        if node_type not in self._nodes:
            self._nodes[node_type] = self._rows(self._features.nodes[node_type])
        return self._nodes[node_type]

    def _rows(self, table: NodeTable) -> _Rows:
        return _Rows(
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

    def _here(self, array: NDArray[Any]) -> Tensor:
        if not array.flags.writeable:  # mapped from a file; nothing here writes
            array = np.array(array) if array.nbytes < 1 << 20 else _unguarded(array)
        return torch.from_numpy(array).to(self._device)


def _unguarded(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that torch takes without a copy; a write to it would end the process."""
    return np.lib.stride_tricks.as_strided(array, writeable=False)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Group:
    """Nodes at one place of the trees: the seeds, or all slots of one block.

    Attributes:
        node_type: Of all of them.
        rows: Their attribute rows, int64 [nodes].
        known: Place among the nodes with a vector of their own, 0 for others, int64 [nodes].
        age: log1p of the days since each is there, float32 [nodes, 1].
        dense: Numbers that ``rows`` lead to, float32 [all rows, width].
        codes: Categories that ``rows`` lead to, int64 [all rows, categories].
    """

    node_type: str
    rows: Tensor
    known: Tensor
    age: Tensor
    dense: Tensor
    codes: Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Branch:
    """The edges of one block.

    Attributes:
        edge_type: As in the sample.
        parent: Place of the parents' branch; ``SEEDS`` for the seeds.
        fanout: Slots a parent has.
        mask: 1 where an edge is, float32 [parents, fanout].
        share: 1 / edges of the parent, 0 without any, float32 [parents, 1].
        degree: log1p of the edges by then, drawn or not, float32 [parents, 1].
    """

    edge_type: EdgeType
    parent: int
    fanout: int
    mask: Tensor
    share: Tensor
    degree: Tensor


class Tree:
    """One batch of trees: branches, and on demand the nodes at their ends and what edges carry.

    Args:
        sample: Of numpy arrays or of tensors.
        tables: Of the graph that was sampled.
        device: Where everything is moved.
    """

    def __init__(self, sample: Sample, tables: Tables, device: torch.device) -> None:
        self._blocks = tuple(_on(block, device) for block in sample.blocks)
        self._tables = tables
        self.seed_type = sample.seed_type
        self.seeds = _tensor(sample.seeds, device)
        self.as_of = _tensor(sample.as_of, device)
        self._mean_edges: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.seeds)

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """All blocks, parents before children."""
        return tuple(_branch(block) for block in self._blocks)

    @cached_property
    def children(self) -> Mapping[int, tuple[int, ...]]:
        """Branches that begin at the seeds (``SEEDS``) and at each branch's slots."""
        found: dict[int, list[int]] = {}
        for place, block in enumerate(self._blocks):
            found.setdefault(block.parent, []).append(place)
        return {parent: tuple(places) for parent, places in found.items()}

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Hops from the seeds to each branch's slots, from 1 on."""
        depths: list[int] = []
        for block in self._blocks:
            depths.append(1 if block.parent == SEEDS else depths[block.parent] + 1)
        return tuple(depths)

    def node_type(self, place: int) -> str:
        """Return the type of the nodes in a branch's slots, or of the seeds."""
        return self.seed_type if place == SEEDS else self._blocks[place].edge_type[2]

    def group(self, place: int) -> Group:
        """Return the nodes in a branch's slots, or the seeds; what is in empty slots is arbitrary."""
        if place == SEEDS:
            nodes, as_of = self.seeds, self.as_of
        else:
            nodes = self._blocks[place].neighbor.reshape(-1).long()
            as_of = self._moments(place)
        rows = self._tables.nodes(self.node_type(place))
        days = (as_of - rows.first[nodes]).clamp(min=0).to(torch.float32) / DAY
        return Group(
            node_type=self.node_type(place),
            rows=rows.row_of(nodes, as_of),
            known=rows.known[nodes],
            age=torch.log1p(days).unsqueeze(-1) / 8,
            dense=rows.dense,
            codes=rows.codes,
        )

    def edges(self, place: int) -> Tensor:
        """Return what edges carry: age, the record's numbers, its kind; arbitrary in empty slots.

        Returns:
            float32 [parents, fanout, AGE_WIDTH + ``FeatureSpec.event_width``].
        """
        age, event = self._edge_ages(place), self._events(place)
        numbers, kinds = self._tables.events
        if event is None:
            return torch.cat([age, age.new_zeros((*age.shape[:2], self._width))], dim=-1)
        return torch.cat([age, numbers[event], self._tables.shown_kinds[kinds[event].long()]], -1)

    def mean_edges(self, place: int) -> Tensor:
        """Return the mean of ``edges`` over each parent's slots, 0 without any; kept for all layers."""
        if place not in self._mean_edges:
            weight = self.weight(place)
            parts = [torch.bmm(weight.unsqueeze(1), self._edge_ages(place)).squeeze(1)]
            event = self._events(place)
            numbers, kinds = self._tables.events
            if event is None:
                parts.append(weight.new_zeros((len(weight), self._width)))
            else:
                parts.append(_bag(event, numbers, weight))
                parts.append(_bag(kinds[event].long(), self._tables.shown_kinds, weight))
            self._mean_edges[place] = torch.cat(parts, dim=-1)
        return self._mean_edges[place]

    def weight(self, place: int) -> Tensor:
        """Return each slot's part in a mean, 0 where empty, float32 [parents, fanout]."""
        branch = self.branches[place]
        return branch.mask * branch.share

    @property
    def _width(self) -> int:
        return int(self._tables.events[0].shape[1] + self._tables.shown_kinds.shape[1])

    def _edge_ages(self, place: int) -> Tensor:
        time = self._blocks[place].time
        return age_features(self._moments(place).view_as(time) - time)

    def _events(self, place: int) -> Tensor | None:
        block = self._blocks[place]
        records = self._tables.records(block.edge_type)
        if records is None or self._width == 0:
            return None
        return records[block.position.clamp(min=0)].long()

    def _moments(self, place: int) -> Tensor:
        return self.as_of.repeat_interleave(self._blocks[place].time.numel() // max(len(self), 1))


def _bag(rows: Tensor, table: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sums of table rows, float32 [parents, width]."""
    if table.shape[1] == 0:
        return table.new_zeros((len(rows), 0))
    return torch.nn.functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weight)


def _on(block: Block, device: torch.device) -> Block:
    return Block(
        edge_type=block.edge_type,
        parent=block.parent,
        **{
            name: _tensor(getattr(block, name), device)
            for name in ("position", "neighbor", "time", "count", "degree")
        },
    )


def _tensor(array: Any, device: torch.device) -> Tensor:
    tensor = array if isinstance(array, Tensor) else torch.from_numpy(array)
    return tensor.to(device, non_blocking=True)


def _branch(block: Block) -> Branch:
    slots = torch.arange(block.fanout, device=block.count.device)
    mask = (slots < block.count[:, None]).to(torch.float32)
    count = block.count.to(torch.float32)[:, None]
    return Branch(
        edge_type=block.edge_type,
        parent=block.parent,
        fanout=block.fanout,
        mask=mask,
        share=torch.where(count > 0, 1 / count.clamp(min=1), torch.zeros_like(count)),
        degree=torch.log1p(block.degree.to(torch.float32))[:, None],
    )
