"""What every model is to the rest of the engine: something that scores a graph as of a moment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.results import Scores


@runtime_checkable
class Model(Protocol):
    """A fraud, propensity or ring model; trees, networks and blends alike."""

    def score(self, graph: Graph, *, as_of: datetime) -> Scores:
        """Return one score per unit from what was known by ``as_of``, inclusive.

        Raises:
            ValueError: ``as_of`` is naive.
        """
        ...
