"""Which blocks a sampler draws: edge types hop by hop, parents before children."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from graphml.graph.trees import SEEDS
from graphml.schema import EdgeType


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One block that will be drawn.

    Attributes:
        edge_type, parent: As in ``Block``.
        path: Relations from the seeds on; with a parent's slot it names the parent whatever other
            edge types are followed.
        fanout: Slots a parent has.
        slots: Parents a seed has.
    """

    edge_type: EdgeType
    parent: int
    path: tuple[EdgeType, ...]
    fanout: int
    slots: int

    @property
    def salt(self) -> int:
        """A number of 63 bits that chance along this path depends on."""
        digest = hashlib.blake2b(repr(self.path).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1


def plan_of(seed_type: str, fanouts: Sequence[dict[EdgeType, int]]) -> tuple[Step, ...]:
    """Return the blocks to draw, hop by hop, parents before children.

    Args:
        seed_type: Node type of the seeds.
        fanouts: Per hop, how many edges of each type a node may have; types that are absent or 0
            are not followed.

    >>> buys, sold = ("member", "buys", "product"), ("product", "rev_buys", "member")
    >>> [(s.edge_type[1], s.parent, s.slots) for s in plan_of("member", [{buys: 3}, {sold: 2}])]
    [('buys', -1, 1), ('rev_buys', 0, 3)]
    """
    steps: list[Step] = []
    ends: list[tuple[int, str, int, tuple[EdgeType, ...]]] = [(SEEDS, seed_type, 1, ())]
    for fanout in fanouts:
        following = []
        for parent, node_type, slots, path in ends:
            for edge_type in sorted(fanout):
                if edge_type[0] != node_type or fanout[edge_type] < 1:
                    continue
                width, way = fanout[edge_type], (*path, edge_type)
                following.append((len(steps), edge_type[2], slots * width, way))
                step = Step(edge_type=edge_type, parent=parent, path=way, fanout=width, slots=slots)
                steps.append(step)
        ends = following
    return tuple(steps)
