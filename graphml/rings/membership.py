"""How suspicious the company is that each member keeps: the best group it is in, without any label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graphml.config import RingConfig
from graphml.graph.build import Graph
from graphml.rings.extract import Candidates, find_candidates


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Membership:
    """The candidate ring of each member as of a moment; a member in several is in the best of them.

    Attributes:
        score: Of the group, in [0, 1]; 0 for a member in none; float32 [members].
        size: Its members; 0 for none; int32 [members].
        believed: Whether it is a ring that ``detect-rings`` returns; bool [members].
        group: Its place among ``believed`` and then ``others`` of ``candidates``; −1 for none;
            int32 [members].
        candidates: All groups.
    """

    score: NDArray[np.float32]
    size: NDArray[np.int32]
    believed: NDArray[np.bool_]
    group: NDArray[np.int32]
    candidates: Candidates


def membership(graph: Graph, *, as_of: datetime, config: RingConfig | None = None) -> Membership:
    """Return which candidate ring each member is in as of a moment; labels name no group here.

    Chargebacks known by then are looked at, as ``detect-rings`` does.

    Args:
        graph: Events of which those up to ``as_of``, inclusive, are looked at.
        as_of: The last moment known, with a time zone.
        config: ``allow`` and ``seed`` matter.

    Raises:
        ValueError: ``as_of`` is naive.
    """
    found = find_candidates(graph, None, config or RingConfig(), as_of=as_of)
    count = len(graph.nodes["member"])
    score, size = np.zeros(count, np.float32), np.zeros(count, np.int32)
    believed, place = np.zeros(count, np.bool_), np.full(count, -1, np.int32)
    # The best last, so that it is what stays; what is believed in outweighs all others.
    groups = [*enumerate((*found.believed, *found.others))]
    first = len(found.believed)
    for number, group in sorted(groups, key=lambda g: (g[0] < first, g[1].score, -g[0])):
        members = np.asarray(group.members)
        score[members], size[members] = group.score, len(members)
        believed[members], place[members] = number < first, number
    return Membership(score=score, size=size, believed=believed, group=place, candidates=found)
