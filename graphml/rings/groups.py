"""What detection finds and evidence describes: groups of members, before they are rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedEvidence:
    """A value that members of a group share.

    Attributes:
        type: Identifier type, as ``device``; ``seller`` or ``product`` for behaviour in step.
        value: Dense id of the value in ``graph.nodes[type]``; for ``seller`` the place in the
            sorted unique sellers of the products.
        members: Dense ids of the group's members who used it in the window, sorted.
        start, end: The window in microseconds since 1970, both inclusive.
        surprise: −ln p of so many members sharing it, 0 or more.
    """

    type: str
    value: int
    members: tuple[int, ...]
    start: int
    end: int
    surprise: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Members who may act together.

    Attributes:
        members: Dense member ids, sorted, at least two.
        score: In [0, 1], higher is more suspicious.
        values: What they share, most surprising first.
        signals: What was measured about the group: name → contribution to the score in nats.
    """

    members: NDArray[np.int64]
    score: float
    values: tuple[SharedEvidence, ...]
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """All candidate groups, best first, and the score from which they are believed in."""

    groups: tuple[Group, ...]
    threshold: float
