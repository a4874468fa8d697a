"""Cells that belong together become groups; giants are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
from graspologic_native import leiden
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from graphml.rings.cells import Cells
from graphml.rings.links import Links

GIANT = 40
"""Members from which a component is looked at for weak seams."""


def merge(
    cells: Cells,
    links: Links,
    worth: NDArray[np.float64],
    joined: NDArray[np.bool_],
    *,
    members: int,
    seed: int,
) -> NDArray[np.int64]:
    """Return the group of each member, −1 for none.

    Cells whose links are ``joined`` become one; a member of several groups goes where its cells
    are worth most; groups of ``GIANT`` members or more are cut by Leiden over shared pairs.

    Args:
        cells: Credible cells.
        links: Links between them.
        worth: Per cell, more than 0.
        joined: Per link, whether it makes the two cells one group.
        members: Number of members of the graph.
        seed: For Leiden.
    """
    if len(cells) == 0:
        return np.full(members, -1)
    ones = np.ones(int(joined.sum()))
    pairs = (links.left[joined], links.right[joined])
    graph = sparse.csr_array((ones, pairs), shape=(len(cells), len(cells)))
    _, component = connected_components(graph, directed=False)
    votes = _best(cells.member, component[cells.cell], worth[cells.cell], members)
    return _cut(cells, votes, worth, seed)


def _best(
    member: NDArray[np.int64], group: NDArray[Any], weight: NDArray[np.float64], members: int
) -> NDArray[np.int64]:
    """Return for each member the group with the largest summed weight, −1 for none."""
    votes = sparse.coo_array((weight, (member, group)), shape=(members, int(group.max()) + 1))
    votes.sum_duplicates()
    rows, columns = votes.coords
    order = np.lexsort((-columns, votes.data, rows))
    result = np.full(members, -1)
    result[rows[order]] = columns[order]
    return result


def _cut(
    cells: Cells, group: NDArray[np.int64], worth: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    sizes = np.bincount(group[group >= 0])
    following = len(sizes)
    for giant in np.flatnonzero(sizes >= GIANT):
        inside = np.flatnonzero(group == giant)
        parts = _leiden(cells, inside, worth, seed)
        group[inside] = np.where(parts == 0, giant, following + parts - 1)
        following += int(parts.max())
    return group


def _leiden(
    cells: Cells, inside: NDArray[np.int64], worth: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    """Return the parts of one group's members, from 0, by modularity over shared pairs."""
    scaled = worth / np.maximum(cells.size - 1, 1)
    weights = sparse.csr_array(
        (scaled[cells.cell].astype(np.float64), cells.member, cells.indptr),
        shape=(len(cells), int(max(cells.member.max(), inside.max())) + 1),
    )[:, inside]
    pairs = sparse.triu(weights.T @ (weights > 0), k=1).tocoo()
    edges = [
        (str(a), str(b), float(w))
        for a, b, w in zip(*pairs.coords, pairs.data, strict=True)
        if w > 0
    ]
    if not edges:
        return np.zeros(len(inside), dtype=np.int64)
    _, parts = leiden(edges, resolution=0.3, use_modularity=True, seed=seed, trials=1)
    result = np.zeros(len(inside), dtype=np.int64)
    for name, part in parts.items():
        result[int(name)] = part
    return result
