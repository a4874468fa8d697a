"""Harmless sharing, in larger numbers than the rings: what a ring must be told apart from.

Groups are recorded as ``Sharing`` with those members alone who really did share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphml.config import Difficulty
from graphml.tables.synthetic.people import Sharing, World

Ints = NDArray[np.int64]

HARMLESS: dict[Difficulty, float] = {"easy": 0.5, "default": 1.0, "hard": 1.2}
"""How much harmless sharing there is, beside the default."""


class Company:
    """Puts members together: random groups that share a place or an occasion."""

    def __init__(self, world: World, rng: np.random.Generator, difficulty: Difficulty) -> None:
        self.world = world
        self.rng = rng
        self._amount = HARMLESS[difficulty]

    def groups(self, share: float, middle: float, low: int, high: int) -> list[Ints]:
        """Return disjoint random groups that hold about ``share`` of the members.

        Sizes are log-normal around ``middle``, from ``low`` to ``high``; there is one group at
        least, and the first member of a group comes first for no reason.
        """
        order = self.rng.permutation(self.world.members)
        room = max(low, int(self.world.members * share * self._amount))
        found: list[Ints] = []
        used = 0
        while used + low <= room:
            size = round(self.rng.lognormal(np.log(middle), 0.5))
            size = min(max(size, low), high, room - used)
            found.append(order[used : used + size])
            used += size
        return found

    def record(self, kind: str, members: Ints) -> None:
        """Keep that ``members`` shared something, if they are two or more."""
        who = np.unique(members)
        if len(who) >= 2:
            self.world.benign.append(Sharing(kind=kind, members=who))

    def record_by(self, kind: str, group: Ints, members: Ints) -> None:
        """Keep for each group number which of the parallel ``members`` shared something."""
        order = np.argsort(group, kind="stable")
        cuts = np.flatnonzero(np.diff(group[order])) + 1
        for who in np.split(members[order], cuts):
            self.record(kind, who)
