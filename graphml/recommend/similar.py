"""Products that the same members buy: an item-item filter kept as short lists of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from graphml.recommend.highest import highest
from graphml.recommend.history import History

NEIGHBOURS = 200
"""Of a product, at most."""
_BLOCK = 2_048
"""Products at once."""


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
    members = np.maximum(np.diff(bought.indptr), 1)
    products = np.maximum(np.bincount(bought.indices, minlength=bought.shape[1]), 1)
    even = sparse.diags_array((1 / np.sqrt(members)).astype(np.float32)) @ bought
    even = (even @ sparse.diags_array((1 / np.sqrt(products)).astype(np.float32))).tocsr()
    by_product = even.T.tocsr()
    parts = [
        highest(by_product[start : start + _BLOCK] @ even, neighbours, own=start)
        for start in range(0, max(bought.shape[1], 1), _BLOCK)
    ]
    row = np.concatenate([part[0] + n * _BLOCK for n, part in enumerate(parts)])
    column, value = (np.concatenate([part[n] for part in parts]) for n in (1, 2))
    shape = (bought.shape[1], bought.shape[1])
    return sparse.csr_matrix((value, (row, column)), shape=shape)
