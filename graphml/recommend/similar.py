"""Products that the same members buy: an item-item filter kept as short lists of neighbours."""

from __future__ import annotations

from typing import Any

from scipy import sparse

from graphml.recommend import spectral
from graphml.recommend.history import History
from graphml.recommend.spectral import power, scaled

NEIGHBOURS = 200
"""Of a product, at most."""


def similar(history: History, *, neighbours: int = NEIGHBOURS) -> Any:
    """Return each product's nearest others: by the cosine of who bought both.

    Members count less the more they bought (Deshpande, Karypis 2004): CSR float32
    [products, products], at most ``neighbours`` a row, without the product itself.

    Args:
        history: By one moment.
        neighbours: At least 1.
    """
    bought = history.matrix()
    bought.data[:] = 1
    members, products = (power(bought.sum(axis=axis), -0.5) for axis in (1, 0))
    even = scaled((sparse.diags_array(members) @ bought).tocsr(), products)
    return spectral.neighbours(even, even, neighbours)
