"""Products that a member might have bought and did not, none of them from after the moment."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.graph.nodes import time_array
from graphml.graph.trees import SEEDS, Sample
from graphml.schema import EdgeType

Ints = NDArray[np.int64]


class Purchases:
    """What was bought until each moment, to draw products from.

    Args:
        graph: Whose records count.
        about: Type of the edges that are purchases; products are their targets.
    """

    def __init__(self, graph: Graph, about: EdgeType = ("member", "buys", "product")) -> None:
        spec = next(spec for spec in graph.schema.edges if spec.type == about)
        kind = pl.col("kind").is_in(list(spec.kinds or graph.schema.kinds))
        bought = graph.events.filter(kind).select("time", *spec.ends).drop_nulls(spec.ends)
        self._time = time_array(bought["time"])
        self._product = bought[spec.ends[1]].to_numpy().astype(np.int64)
        self._first = graph.nodes[about[2]].first
        self._order = np.argsort(self._first, kind="stable")
        self._sorted = self._first[self._order]

    def there(self, as_of: int) -> Ints:
        """Return the products that exist by then, oldest first."""
        return self._order[: np.searchsorted(self._sorted, as_of, side="right")]

    def uniform(self, as_of: int, count: int, rng: np.random.Generator) -> Ints:
        """Return ``count`` products that exist by then, each as likely; none if there are none."""
        known = self.there(as_of)
        return known[rng.integers(0, len(known), count)] if len(known) else known

    def popular(self, as_of: int, count: int, rng: np.random.Generator) -> Ints:
        """Return the products of ``count`` purchases until then, each purchase as likely."""
        known = int(np.searchsorted(self._time, as_of, side="right"))
        return self._product[rng.integers(0, known, count)] if known else self._product[:0]

    def popularity(self, products: Ints, as_of: int) -> NDArray[np.float64]:
        """Return each product's share of the purchases until then."""
        known = int(np.searchsorted(self._time, as_of, side="right"))
        counts = np.bincount(self._product[:known], minlength=len(self._first))
        return counts[products] / max(known, 1)


def looked_at(sample: Sample, product: str = "product", relation: str = "views") -> Ints:
    """Return products that the sampled members had looked at: hard to tell from what they buy."""
    found = [
        np.asarray(block.neighbor).astype(np.int64)
        for block in sample.blocks
        if block.parent == SEEDS and block.edge_type[1:] == (relation, product)
    ]
    empty: NDArray[Any] = np.empty(0, dtype=np.int64)
    return np.unique(np.concatenate(found)) if found else empty
