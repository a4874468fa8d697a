"""What a fraud model is told of members at their moments: aggregates, and the company they keep."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.graph.nodes import moment_of
from graphml.rings.membership import Membership, membership
from graphml.tabular.aggregates import AGGREGATES, AsOf, Features

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OWN = ("own", "spending", "variety")
"""Groups of aggregates that look at a member alone: the columns of a flat table."""

_EDGE = 1e-3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Described:
    """Members at their moments.

    Attributes:
        features: Aggregates, one row each.
        structure: Score of the member's candidate ring, in [0, 1], 0 for none; float64 [rows].
    """

    features: Features
    structure: Floats

    @property
    def suspicion(self) -> Floats:
        """The structure's log-odds, float64 [rows]."""
        p = np.clip(self.structure, _EDGE, 1 - _EDGE)
        result: Floats = np.log(p / (1 - p))
        return result


class Describer:
    """Describes the members of one graph at any moment; candidate rings are found once a moment.

    Args:
        graph: All that is known; each row sees what was there by its moment.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.as_of = AsOf(graph)
        self._found: dict[int, Membership] = {}

    def company(self, moment: int) -> Membership:
        """Return who was in which candidate ring by ``moment``, in microseconds."""
        if moment not in self._found:
            time = moment_of(moment)
            _log.info("candidate rings as of %s", time.isoformat())
            with _hushed("graphml.rings"):
                self._found[moment] = membership(self.graph, as_of=time)
        return self._found[moment]

    def members(self, nodes: Ints, as_of: Ints) -> Described:
        """Return what members looked like by their moments.

        Args:
            nodes: Dense ids, int64 [rows].
            as_of: Microseconds, int64 [rows]; the fewer different ones, the faster.
        """
        structure = np.zeros(len(nodes))
        for moment in np.unique(as_of).tolist():
            asked = as_of == moment
            structure[asked] = self.company(moment).score[nodes[asked]]
        return Described(features=self.as_of.members(nodes, as_of), structure=structure)


@contextmanager
def _hushed(name: str) -> Iterator[None]:
    """Keep a package's progress quiet: a dozen moments would say the same each time."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def flat_columns(features: Features) -> NDArray[np.bool_]:
    """Return which columns look at a member alone, bool [names]."""
    return np.array([AGGREGATES[name].group in OWN for name in features.names])
