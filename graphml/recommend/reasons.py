"""Why a product stands on a member's list: what the member, or those like it, really did."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphml.errors import one_line
from graphml.recommend.recommender import Shelf
from graphml.results import Reason

Ints = NDArray[np.int64]

_MOST = 2
_TODAY = 0.5
"""Days."""
_LINKED = (
    ("similar", "BECAUSE_BOUGHT", "members who bought {} bought this"),
    ("together", "OFTEN_TOGETHER", "often in one basket with {}"),
    ("next", "OFTEN_NEXT", "often in the basket after {}"),
    ("later", "OFTEN_LATER", "often some baskets after {}"),
)


def reasons(
    shelf: Shelf, member: int, products: Ints, *, personal: bool = True
) -> list[list[Reason]]:
    """Return at most two reasons for each product, the strongest first.

    Args:
        shelf: By the moment of the list.
        member: Dense id.
        products: Dense ids, int64 [products].
        personal: Whether what the member did may be spoken of.
    """
    found: list[list[Reason]] = [[] for _ in products]
    if personal:
        for place, reason in enumerate(_returning(shelf, member, products)):
            found[place] += reason
        for source, code, text in _LINKED:
            _linked(shelf, member, products, found, (source, code, text))
    sold = shelf.sources.popular["popular_30"][products]
    rank = (shelf.sources.popular["popular_30"][None, :] > sold[:, None]).sum(axis=1) + 1
    for place, own in enumerate(found):
        if not own:
            text = (
                f"number {rank[place]} in sales of the last weeks"
                if sold[place] > 0
                else "new here"
            )
            own.append(Reason(code="POPULAR" if sold[place] > 0 else "NEW", text=text, because=()))
    return [own[:_MOST] for own in found]


def _returning(shelf: Shelf, member: int, products: Ints) -> list[list[Reason]]:
    pairs, keys = shelf.known.pairs, shelf.history.graph.nodes["product"].keys
    rows = pairs.at(member * shelf.history.shape[1] + products)
    result: list[list[Reason]] = []
    for product, row in zip(products, rows, strict=True):
        told = dict(zip(pairs.names, row.tolist(), strict=True))
        if not told["baskets"] > 0:
            result.append([])
            continue
        times = "once" if told["baskets"] == 1 else f"{told['baskets']:.0f} times"
        lately = told["since_bought"] < _TODAY
        text = f"bought {times}, last {'today' if lately else _days(told['since_bought']) + ' ago'}"
        if told["baskets"] > 1 and told["gap"] >= _TODAY:
            text += f", every {_days(told['gap'])} or so"
        result.append([Reason(code="RETURNING", text=text, because=(keys[int(product)],))])
    return result


def _linked(
    shelf: Shelf, member: int, products: Ints, found: list[list[Reason]], kind: tuple[str, str, str]
) -> None:
    source, code, text = kind
    own = shelf.sources.rows[source][[member]]
    if not own.nnz:
        return
    shares = shelf.sources.links[source][own.indices][:, products].multiply(own.data[:, None])
    keys = shelf.history.graph.nodes["product"].keys
    shares = shares.tocsc()
    for place in range(len(products)):
        begin, end = shares.indptr[place], shares.indptr[place + 1]
        share, row = shares.data[begin:end], shares.indices[begin:end]
        first = np.lexsort((row, -share))[:2].tolist()
        # The second only where it says about as much as the first.
        best = [n for n in first if share[n] > 0.5 * share[first[0]] > 0]
        if not best:
            continue
        names = tuple(str(keys[int(own.indices[row[n]])]) for n in best)
        told = " and ".join(one_line(name, 40) for name in names)
        found[place].append(Reason(code=code, text=text.format(told), because=names))


def _days(days: float) -> str:
    return "1 day" if round(days) == 1 else f"{days:.0f} days"
