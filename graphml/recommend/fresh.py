"""For those without a past: new products by their kind, new members by their segment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from graphml.errors import UsageError, one_line
from graphml.recommend.highest import highest
from graphml.recommend.history import DAY, History
from graphml.recommend.spectral import power, scaled

Ints = NDArray[np.int64]

ATTRIBUTES = ("category", "brand", "seller_id")
"""Of products, where a schema has them."""
_NO_SEGMENTS = ("signup_time", "valid_from", "opted_out")
NEW = 28
"""Days for which a product is new, from its first event on."""


def codes_of(history: History) -> dict[str, Ints]:
    """Return each product's code of each attribute as known by the moment, int64 [products].

    −1 where it has none; only attributes that the schema has.
    """
    features = history.graph.nodes["product"].features
    return {name: _codes(features[name]) for name in ATTRIBUTES if name in features.columns}


def _codes(column: pl.Series) -> Ints:
    """Return the place of each value among those that occur, −1 for none, int64 [rows]."""
    return column.cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.int64) - 1


def _one_hot(code: Ints) -> Any:
    """Return 1 where a row has a code, CSR float32 [rows, codes]."""
    known = np.flatnonzero(code >= 0)
    shape = (len(code), int(code.max(initial=-1)) + 1)
    ones = np.ones(len(known), np.float32)
    return sparse.csr_matrix((ones, (known, code[known])), shape=shape)


def fresh(history: History) -> tuple[Any, Any]:
    """Return what members are known to like, and which new products are of that kind.

    A member likes a code by its share of the member's purchases of 90 days or so, and the more so
    the rarer the code is among all purchases (inverse document frequency, Spärck Jones 1972). A
    product is new for ``NEW`` days; of one kind those that sell come first.

    Args:
        history: By one moment.

    Returns:
        CSR float32 [members, codes of all attributes] and [codes of all attributes, products].
    """
    own = history.matrix(timedelta(days=90))
    own = (sparse.diags_array(power(own.sum(axis=1), -1)) @ own).tocsr()
    sold = np.asarray(history.matrix(timedelta(days=30)).sum(axis=0)).ravel()
    first = history.graph.nodes["product"].first
    new = first > history.moment - NEW * DAY
    new &= history.graph.nodes["product"].present
    sells = np.where(new, 1 + np.log1p(sold), 0).astype(np.float32)
    liked = [sparse.csr_matrix((history.shape[0], 0), dtype=np.float32)]
    of_kind = [sparse.csr_matrix((0, history.shape[1]), dtype=np.float32)]
    for code in codes_of(history).values():
        belongs = _one_hot(code)
        shares = (own @ belongs).tocsr()
        total = np.asarray(shares.sum(axis=0)).ravel()
        rare = -np.log(np.maximum(total, 1e-9) / max(total.sum(), 1e-9))
        liked.append(scaled(shares, np.maximum(rare, 0).astype(np.float32)))
        listed = scaled(belongs.T.tocsr(), sells)
        listed.eliminate_zeros()
        of_kind.append(listed)
    return sparse.hstack(liked, "csr"), sparse.vstack(of_kind, "csr")


def by_segment(history: History, column: str, *, each: int) -> tuple[Any, Any]:
    """Return each member's segment, and what sells best in it: for who has bought nothing yet.

    Sales of 30 days ago count half. A member whose segment is not known by the moment has none.

    Args:
        history: By one moment.
        column: Of the members table, as known by then.
        each: Products of a segment.

    Returns:
        CSR float32 [members, segments] and [segments, products].

    Raises:
        UsageError: The members table has no such column.
    """
    features = history.graph.nodes["member"].features
    told = [name for name in features.columns if name not in _NO_SEGMENTS]
    if column not in told:
        known = ", ".join(one_line(name, 40) for name in told)
        raise UsageError(
            f"recommend.segment: the members table has no column {one_line(column, 60)!r}",
            hint=f"it has {known}" if known else "a card's features are such columns",
        )
    of = _one_hot(_codes(features[column]))
    sales = (of.T.tocsr() @ history.matrix(timedelta(days=30))).tocsr()
    row, product, sold = highest(sales, each)
    return of, sparse.csr_matrix((sold, (row, product)), shape=sales.shape)
