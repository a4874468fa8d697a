"""Members and products as a network's vectors: what it names, exactly, in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graphml.recommend.spectral import best

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.training.model import GraphModel

Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Vectors:
    """Points of one space at one moment; a member's logit of a product is their inner product.

    There is no approximate index: at 200,000 products all of them take a member milliseconds,
    an index minutes to make (docs/decisions/0008-recommender.md).

    Attributes:
        members: Dense ids of those who have a vector, sorted, int64 [members].
        points: Theirs, float32 [members, channels].
        products: Dense ids of those there by the moment, sorted, int64 [products].
        targets: Theirs, float32 [products, channels].
    """

    members: Ints
    points: Matrix
    products: Ints
    targets: Matrix

    @classmethod
    def of(cls, model: GraphModel, graph: Graph, members: Ints, *, as_of: datetime) -> Vectors:
        """Return the vectors of some members, and of all products there by a moment.

        Args:
            model: Trained on purchases.
            graph: Of which the model sees nothing after ``as_of``.
            members: Dense ids, sorted; there by then.
            as_of: With a time zone.
        """
        products = np.flatnonzero(graph.nodes["product"].present).astype(np.int64)
        return cls(
            members=members,
            points=model.vectors(graph, "member", members, as_of=as_of),
            products=products,
            targets=model.vectors(graph, "product", products, as_of=as_of),
        )

    def likeness(self, members: Ints) -> Matrix:
        """Return how near products are, against each member's nearest: float32 [members, products].

        In (0, 1], by the place in ``products``: the ratio of their softmax probabilities.

        Args:
            members: Dense ids of some of ``members``.
        """
        logits = self.points[np.searchsorted(self.members, members)] @ self.targets.T
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        # A source that names a product says more than nothing: float32 ends at exp(-87).
        found: Matrix = np.exp(np.maximum(logits, np.float32(-80)))
        return found

    def nearest(self, likeness: Matrix, each: int) -> tuple[Ints, Ints]:
        """Return the row and the product, dense, of the ``each`` nearest of each row.

        By row, the nearest first; of equal ones the lower product.
        """
        shape = len(likeness), min(each, likeness.shape[1])
        places, values = np.full(shape, -1), np.full(shape, -np.inf, np.float32)
        best(likeness, places, values)
        return np.repeat(np.arange(shape[0]), shape[1]), self.products[places.ravel()]

    def at(self, likeness: Matrix, row: Ints, product: Ints) -> Matrix:
        """Return the likeness of rows and dense products that are there, float32 [pairs]."""
        result: Matrix = likeness[row, np.searchsorted(self.products, product)]
        return result
