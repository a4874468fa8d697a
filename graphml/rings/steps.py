"""Members of a group who do the same thing: buy one product, review one seller."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graphml.rings.dossier import Dossier, Rows
from graphml.rings.market import CONVINCING, surprise

_MOST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Something that members did alike.

    Attributes:
        kind: ``review`` of a seller, or ``purchase`` of a product.
        id: Key of the seller or product.
        rows: The events, sorted by time.
        others: Members outside the group who did it too.
    """

    kind: Literal["review", "purchase"]
    id: str
    rows: Rows
    others: int


def steps_of(dossier: Dossier) -> list[Step]:
    """Return what convincingly many members did alike, most surprising first, reviews before purchases.

    Expected is that each member does it as often as a member of the market does.
    """
    market = dossier.market
    reviews, purchases = dossier.rows.of("review"), dossier.rows.of("purchase")
    products = dossier.graph.nodes["product"].keys
    return [
        Step(kind="review", id=market.sellers[value], rows=rows, others=others)
        for value, rows, others in _alike(dossier, reviews, reviews.seller, market.reviewers)
    ] + [
        Step(kind="purchase", id=products[value], rows=rows, others=others)
        for value, rows, others in _alike(
            dossier, purchases, purchases.values["product"], market.buyers
        )
    ]


def _alike(
    dossier: Dossier, rows: Rows, values: NDArray[np.int64], usual: NDArray[np.int64]
) -> list[tuple[int, Rows, int]]:
    """Return value, events and number of others for the most surprising values."""
    known = values >= 0
    pairs = np.unique(np.column_stack((values[known], rows.member[known])), axis=0)
    candidates, members = np.unique(pairs[:, 0], return_counts=True)
    found = []
    # As many values are tried as the group touches; the first member to do it chose it.
    tries = math.log(max(len(candidates), 1))
    for value, inside in zip(candidates.tolist(), members.tolist(), strict=True):
        if inside < 2:
            continue
        others = int(usual[value]) - inside
        outside = max(dossier.market.members - len(dossier.members), 1)
        expected = (len(dossier.members) - 1) * (others + 1) / outside
        nats = surprise(inside - 1, expected) - tries
        if nats >= CONVINCING:
            found.append((-nats, value, others))
    return [
        (value, rows.where(values == value), others) for _, value, others in sorted(found)[:_MOST]
    ]
