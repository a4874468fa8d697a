"""Trees of edges around seeds: what samplers make and networks read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphml.schema import EdgeType

SEEDS = -1
"""``Block.parent`` of the blocks that begin at the seeds."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Block:
    """Edges drawn along one edge type from the nodes at the ends of one other block, or from the seeds.

    Edges stand by parent: those of parent ``p`` are the next ``count[p]`` after those of the
    parents before. Parents are the edges of the block before, each by its neighbour, so that edge
    ``e`` here is parent ``e`` of the blocks that begin here. Arrays are numpy's on the CPU, torch's on
    a device.

    Attributes:
        edge_type: (source, relation, target); parents are of type source, neighbours of target.
        parent: Place of the parents' block in ``Sample.blocks``; ``SEEDS`` for the seeds.
        position: Place of each edge in the adjacency, int64 [edges].
        neighbor: Dense id of its target, [edges].
        time: Microseconds since 1970, int64 [edges].
        count: Edges drawn from each parent, int64 [parents].
        degree: Edges there were to draw from, by then, int64 [parents]; repeats count.
    """

    edge_type: EdgeType
    parent: int
    position: Any
    neighbor: Any
    time: Any
    count: Any
    degree: Any

    @property
    def edges(self) -> int:
        """Edges drawn."""
        return len(self.position)

    @property
    def row(self) -> Any:
        """Parent of each edge, int64 [edges]."""
        if isinstance(self.count, np.ndarray):
            return np.repeat(np.arange(len(self.count)), self.count)
        import torch

        return torch.repeat_interleave(self.count, output_size=self.edges)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sample:
    """One tree a seed: seeds share nothing, each sees the graph as of its own moment.

    Attributes:
        seed_type: Node type of the seeds.
        seeds: Dense ids, int64 [seeds].
        as_of: Last moment known, microseconds, int64 [seeds].
        blocks: Parents before children.
    """

    seed_type: str
    seeds: Any
    as_of: Any
    blocks: tuple[Block, ...]

    @property
    def edges(self) -> int:
        """Edges drawn, over all seeds."""
        return sum(block.edges for block in self.blocks)


def without_hidden(sample: Sample, hidden: Mapping[EdgeType, np.ndarray[Any, Any]]) -> Sample:
    """Return ``sample`` with degrees that do not count edges that its seeds must not see.

    Args:
        sample: Drawn without those edges.
        hidden: By edge type how many of them each source has, int64 [sources].
    """
    blocks = []
    for block in sample.blocks:
        count = hidden.get(block.edge_type)
        if count is not None:
            inner = block.parent != SEEDS
            parents = sample.blocks[block.parent].neighbor if inner else sample.seeds
            block = replace(block, degree=block.degree - _gathered(count, parents))
        blocks.append(block)
    return replace(sample, blocks=tuple(blocks))


def _gathered(count: np.ndarray[Any, Any], nodes: Any) -> Any:
    if isinstance(nodes, np.ndarray):
        return count[nodes.astype(np.int64)]
    import torch

    return torch.from_numpy(count).to(nodes.device)[nodes.long()]
