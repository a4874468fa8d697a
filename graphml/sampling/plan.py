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
        edge_type: That is followed.
        parent: As in ``Block``.
        fanout: Most edges a parent has.
        ends: Whether no further block begins here.
    """

    edge_type: EdgeType
    parent: int
    fanout: int
    ends: bool

    @property
    def salt(self) -> int:
        """A number of 63 bits that chance along this edge type depends on."""
        digest = hashlib.blake2b(repr(self.edge_type).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1


def plan_of(seed_type: str, fanouts: Sequence[dict[EdgeType, int]]) -> tuple[Step, ...]:
    """Return the blocks to draw, hop by hop, parents before children.

    Args:
        seed_type: Node type of the seeds.
        fanouts: Per hop, how many edges of each type a node may have; types that are absent or 0
            are not followed.

    >>> buys, sold = ("member", "buys", "product"), ("product", "rev_buys", "member")
    >>> [(s.edge_type[1], s.parent, s.ends) for s in plan_of("member", [{buys: 3}, {sold: 2}])]
    [('buys', -1, False), ('rev_buys', 0, True)]
    """
    steps: list[Step] = []
    ends = [(SEEDS, seed_type)]
    for hop, fanout in enumerate(fanouts):
        following = []
        for parent, node_type in ends:
            for edge_type in sorted(fanout):
                if edge_type[0] != node_type or fanout[edge_type] < 1:
                    continue
                following.append((len(steps), edge_type[2]))
                last = hop + 1 == len(fanouts)
                steps.append(
                    Step(edge_type=edge_type, parent=parent, fanout=fanout[edge_type], ends=last)
                )
        ends = following
    return tuple(steps)
