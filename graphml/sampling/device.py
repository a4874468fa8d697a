"""The same draws with torch, on a graph that lives on a device: one operation for all parents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphml.config import SampleConfig
from graphml.graph.build import Graph
from graphml.graph.trees import SEEDS, Block, Sample
from graphml.sampling.kernels import CHILD, GOLDEN, MIX_1, MIX_2, SCAN, SMALL, TRIES
from graphml.sampling.plan import Step, plan_of
from graphml.sampling.temporal import check_seeds, fanouts, follows_links, gaps_of, order_codes
from graphml.schema import EdgeType

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 1 << 24
"""Edges looked at together when all edges of some parents have to be."""


def _signed(number: np.uint64) -> int:
    return int(np.uint64(number).astype(np.int64))


_GOLDEN, _CHILD, _M1, _M2 = (_signed(c) for c in (GOLDEN, CHILD, MIX_1, MIX_2))


def _shifted(z: Tensor, bits: int) -> Tensor:
    """Return ``z >> bits`` of the unsigned number that ``z`` stands for."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _mix(z: Tensor) -> Tensor:
    z = (z ^ _shifted(z, 30)) * _M1
    z = (z ^ _shifted(z, 27)) * _M2
    return z ^ _shifted(z, 31)


def _draw(state: Tensor, number: Tensor | int) -> Tensor:
    if isinstance(number, int):
        return _mix(state + _wrapped((number + 1) * _GOLDEN))
    return _mix(state + (number + 1) * _GOLDEN)


def _wrapped(number: int) -> int:
    """Return ``number`` modulo 2⁶⁴ as a signed integer."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _below(random: Tensor, limit: Tensor) -> Tensor:
    """Return numbers in [0, limit) from 64 random bits each; 0 where there is none."""
    small = _shifted(_shifted(random, 32) * limit, 32)
    large = _shifted(random, 1) % limit.clamp(min=1)
    return torch.where(limit < SMALL, small, large)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Edges:
    """One adjacency on the device."""

    indptr: Tensor
    target: Tensor
    time: Tensor
    event: Tensor
    gap: Tensor | None
    order: Tensor | None
    rounds: int
    """Halvings that find a place among the edges of any source."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Parents:
    """What is drawn from: one row a parent."""

    low: Tensor
    high: Tensor
    own: Tensor
    state: Tensor

    def where(self, rows: Tensor) -> _Parents:
        return _Parents(
            low=self.low[rows], high=self.high[rows], own=self.own[rows], state=self.state[rows]
        )


class DeviceSampler:
    """Draws what ``TemporalSampler`` draws, bit for bit, with the graph in a device's memory.

    Args:
        graph: What is sampled; its adjacency is copied to the device edge type by edge type.
        seed_type: Node type of the seeds.
        config: Fanouts and strategy.
        device: As torch names it: ``cuda``, ``cuda:1``, ``cpu``.
        edge_types: Only these are followed; all if omitted.
    """

    def __init__(
        self,
        graph: Graph,
        seed_type: str,
        config: SampleConfig,
        *,
        device: str | torch.device,
        edge_types: Collection[EdgeType] | None = None,
    ) -> None:
        self.graph = graph
        self.seed_type = seed_type
        self.config = config
        self.device = torch.device(device)
        self.plan = plan_of(seed_type, fanouts(graph, seed_type, config, edge_types))
        self._edges: dict[EdgeType, _Edges] = {}
        self._orders: Tensor | None = None

    def sample(
        self,
        seeds: NDArray[Any],
        as_of: NDArray[np.int64],
        *,
        key: NDArray[np.uint64],
        order: NDArray[np.int64] | None = None,
    ) -> Sample:
        """Return the trees around ``seeds`` as tensors on the device.

        The arguments are those of ``TemporalSampler.sample``.

        Raises:
            UsageError: A seed is not in the graph.
        """
        seeds = np.ascontiguousarray(seeds, dtype=np.int64)
        check_seeds(seeds, len(self.graph.nodes[self.seed_type]), self.seed_type)
        own = np.full(len(seeds), -1, dtype=np.int64) if order is None else order
        choosing = self.config.distinct or order is not None
        moment, keys = self._here(as_of), self._here(key.view(np.int64))
        hidden = self._here(own.astype(np.int64))
        roots = self._here(seeds)
        ends = {SEEDS: (roots, torch.arange(len(roots), device=self.device), keys)}
        blocks: list[Block] = []
        for step in self.plan:
            ids, seed, chance = ends[step.parent]
            block = self._block(step, ids, moment[seed], chance, hidden[seed], choosing=choosing)
            if not step.ends:
                keys = self._keys(step, block, chance)
                ends[len(blocks)] = (block.neighbor, seed[block.row], keys)
            blocks.append(block)
        return Sample(seed_type=self.seed_type, seeds=roots, as_of=moment, blocks=tuple(blocks))

    def _keys(self, step: Step, block: Block, key: Tensor) -> Tensor:
        """Return the keys of the nodes at a block's ends."""
        slot = torch.arange(block.edges, device=self.device)
        slot = slot - (block.count.cumsum(0) - block.count)[block.row]
        return _draw(_mix(key ^ step.salt ^ _CHILD)[block.row], slot)

    def _here(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self.device)

    def _adjacency(self, edge_type: EdgeType) -> _Edges:
        if edge_type not in self._edges:
            edges = self.graph.edges[edge_type]
            gap = None
            if self.config.distinct:
                gap = self._here(gaps_of(edges, len(self.graph.nodes[edge_type[2]])))
            if self._orders is None:
                self._orders = self._here(order_codes(self.graph))
            self._edges[edge_type] = _Edges(
                indptr=self._here(edges.indptr),
                target=self._here(edges.target),
                time=self._here(edges.time),
                event=self._here(edges.event),
                gap=gap,
                order=None if follows_links(edge_type) else self._orders,
                rounds=int(np.diff(edges.indptr).max(initial=0)).bit_length(),
            )
        return self._edges[edge_type]

    def _block(
        self,
        step: Step,
        parents: Tensor,
        as_of: Tensor,
        key: Tensor,
        own: Tensor,
        *,
        choosing: bool,
    ) -> Block:
        edges = self._adjacency(step.edge_type)
        low, high = _known(edges, parents.long(), as_of)
        drawing = _Parents(low=low, high=high, own=own, state=_mix(key ^ step.salt))
        recent = self.config.strategy == "recent"
        if choosing:
            places = _choose(edges, drawing, step.fanout, recent=recent)
        else:
            places = _latest(drawing, step.fanout) if recent else _floyd(drawing, step.fanout)
        there = places >= 0
        position = places[there]
        return Block(
            edge_type=step.edge_type,
            parent=step.parent,
            position=position,
            neighbor=edges.target[position],
            time=edges.time[position],
            count=there.sum(dim=1),
            degree=high - low,
        )


def _known(edges: _Edges, parents: Tensor, as_of: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the edges of each parent by then begin and end, by halving."""
    low = edges.indptr[parents]
    start, end = low, edges.indptr[parents + 1]
    for _ in range(edges.rounds):
        middle = (low + end) >> 1
        open_ = low < end
        past = open_ & (edges.time[middle.clamp(max=edges.time.numel() - 1)] <= as_of)
        low = torch.where(past, middle + 1, low)
        end = torch.where(open_ & ~past, middle, end)
    return start, low


def _latest(parents: _Parents, fanout: int) -> Tensor:
    slot = torch.arange(fanout, device=parents.low.device)
    place = parents.high[:, None] - 1 - slot
    return torch.where(place >= parents.low[:, None], place, -1)


def _floyd(parents: _Parents, fanout: int) -> Tensor:
    known = parents.high - parents.low
    drawn = known.clamp(max=fanout)
    position = torch.full((len(known), fanout), -1, dtype=torch.int64, device=known.device)
    for slot in range(fanout):
        last = known - drawn + slot
        place = _below(_draw(parents.state, slot), last + 1)
        taken = (position[:, :slot] == (parents.low + place)[:, None]).any(dim=1)
        place = torch.where(taken | (known == drawn), last, place)
        position[:, slot] = torch.where(slot < drawn, parents.low + place, -1)
    return position


def _allowed(edges: _Edges, place: Tensor, high: Tensor, own: Tensor) -> Tensor:
    """Return whether each edge may be drawn: the last to its target, of no order of the seed's."""
    may = torch.ones_like(place, dtype=torch.bool)
    if edges.gap is not None:
        gap = edges.gap[place]
        may = (gap == 0) | (place + gap >= high)
    if edges.order is not None:
        may &= (own < 0) | (edges.order[edges.event[place].long()] != own)
    return may


def _choose(edges: _Edges, parents: _Parents, fanout: int, *, recent: bool) -> Tensor:
    position = torch.full(
        (len(parents.low), fanout), -1, dtype=torch.int64, device=parents.low.device
    )
    known = parents.high - parents.low
    rest = torch.nonzero(known > 0).squeeze(1)
    if not recent:
        many = torch.nonzero(known > SCAN).squeeze(1)
        found = _try(edges, parents.where(many), fanout)
        done = (found >= 0).all(dim=1)
        position[many[done]] = found[done]
        open_ = torch.ones_like(known, dtype=torch.bool)
        open_[many[done]] = False
        rest = torch.nonzero(open_ & (known > 0)).squeeze(1)
    ends = known[rest].cumsum(0)
    begin = 0
    while begin < len(rest):
        before = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(torch.searchsorted(ends, before + _CHUNK, right=True)))
        part = rest[begin:end]
        position[part] = _look(edges, parents.where(part), fanout, recent=recent)
        begin = end
    return position


def _try(edges: _Edges, parents: _Parents, fanout: int) -> Tensor:
    """Draw again whatever is not allowed or drawn already, a few times; rows not full are not done."""
    known = parents.high - parents.low
    position = torch.full((len(known), fanout), -1, dtype=torch.int64, device=known.device)
    drawn = torch.zeros_like(known)
    row = torch.arange(len(known), device=known.device)
    for number in range(TRIES * fanout if len(known) else 0):
        place = parents.low + _below(_draw(parents.state, number), known)
        good = _allowed(edges, place, parents.high, parents.own) & (drawn < fanout)
        good &= (position != place[:, None]).all(dim=1)
        slot = drawn.clamp(max=fanout - 1)
        position[row, slot] = torch.where(good, place, position[row, slot])
        drawn += good
    return position


def _look(edges: _Edges, parents: _Parents, fanout: int, *, recent: bool) -> Tensor:
    """Look at every edge of the parents: keep the latest that may be drawn, or the least by rank."""
    known = parents.high - parents.low
    row = torch.arange(len(known), device=known.device).repeat_interleave(known)
    offset = torch.arange(len(row), device=known.device) - (known.cumsum(0) - known)[row]
    place = parents.low[row] + offset
    may = _allowed(edges, place, parents.high[row], parents.own[row])
    row, offset, place = row[may], offset[may], place[may]
    rank = -offset if recent else _shifted(_draw(_mix(parents.state)[row], offset), 1)
    order = torch.argsort(rank, stable=True)
    order = order[torch.argsort(row[order], stable=True)]
    row, place = row[order], place[order]
    first = torch.searchsorted(row, row)  # where each parent's edges begin
    slot = torch.arange(len(row), device=row.device) - first
    position = torch.full((len(known), fanout), -1, dtype=torch.int64, device=known.device)
    kept = slot < fanout
    position[row[kept], slot[kept]] = place[kept]
    return position
