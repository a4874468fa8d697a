"""Links between cells: members who share one value often share others too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.rings.cells import Cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Pairs of cells of different values with members in common, both ways, by ``left``.

    Attributes:
        left, right: Cells, int64[pairs].
        common: Members in common, int64[pairs].
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    common: NDArray[np.int64]


def find_links(cells: Cells, members: int, *, least: int) -> Links:
    """Return the pairs of cells with at least ``least`` members in common."""
    incidence = cells.incidence(members)
    overlap = (incidence @ incidence.T).tocoo()
    left, right = (axis.astype(np.int64) for axis in overlap.coords)
    kept = (overlap.data >= least) & (cells.value[left] != cells.value[right])
    order = np.lexsort((right[kept], left[kept]))
    return Links(
        left=left[kept][order],
        right=right[kept][order],
        common=overlap.data[kept][order].astype(np.int64),
    )


def linked(
    cells: Cells, links: Links, weight: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how much of each cell is tied again by the others: log1p of the weighted overlaps.

    Args:
        cells: The cells.
        links: Their links with two members or more.
        weight: What a link to each cell is worth, float64[cells].
        chosen: Which links count.
    """
    size = cells.size
    part = (links.common - 1) / (size[links.left] - 1) * weight[links.right]
    total = np.bincount(links.left[chosen], part[chosen], len(cells))
    result: NDArray[np.float64] = np.log1p(total)
    return result


def company(cells: Cells, probability: NDArray[np.float64], *, members: int) -> NDArray[np.float64]:
    """Return how many of each cell's members are in credible cells of other values, in [0, 1].

    A member counts with the highest probability among its cells of any other value.
    """
    member, value = cells.member, cells.value[cells.cell]
    chance = probability[cells.cell]
    order = np.lexsort((value, -chance, member))
    best = np.full(members, -1)
    best[member[order[::-1]]] = order[::-1]
    own = value == value[best[member]]
    rest = np.zeros(members)
    np.maximum.at(rest, member[~own], chance[~own])
    return cells.mean(np.where(own, rest[member], chance[best[member]]))
