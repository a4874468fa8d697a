"""Trees of edges around seeds, in arrays of fixed width: what samplers make and networks read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphml.schema import EdgeType

SEEDS = -1
"""``Block.parent`` of the blocks that begin at the seeds."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Block:
    """Edges drawn along one edge type from the nodes of one other block, or from the seeds.

    The parents of a block are all slots of the block before it, empty ones too, so that seed ``i``
    owns the rows ``[i * slots, (i + 1) * slots)`` of every array. Arrays are numpy's on the CPU,
    torch's on a device.

    Attributes:
        edge_type: (source, relation, target); parents are of type source, neighbours of target.
        parent: Place of the parents' block in ``Sample.blocks``; ``SEEDS`` for the seeds.
        position: Place of each edge in the adjacency, int64 [parents, fanout]; −1 where empty.
        neighbor: Dense id of its target, [parents, fanout]; 0 where empty.
        time: Microseconds since 1970, int64 [parents, fanout]; 0 where empty.
        count: Edges drawn, int64 [parents]; they fill the first slots.
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
    def fanout(self) -> int:
        """Slots a parent has."""
        return int(self.position.shape[1])


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
        return sum(int(block.count.sum()) for block in self.blocks)
