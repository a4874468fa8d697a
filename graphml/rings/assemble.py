"""From judged cells to scored groups: who belongs together, and what speaks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from graphml.rings.bursts import Bursts
from graphml.rings.cells import Cells
from graphml.rings.classes import Verdict
from graphml.rings.communities import merge
from graphml.rings.groups import Group, Groups, SharedEvidence
from graphml.rings.links import find_links
from graphml.rings.ties import Ties

BELIEVED = float(np.log(19))
"""Nats from which a group is believed in: by its own account at most one in twenty is false."""


def to_score(nats: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return nats as a rank in [0, 1], flat enough that the best do not all read 1."""
    result: NDArray[np.float64] = expit(np.asarray(nats) / 4)
    return result


def assign(
    cells: Cells, nats: NDArray[np.float64], *, members: int, seed: int
) -> NDArray[np.int64]:
    """Return the group of each member, −1 for none.

    Credible cells are merged where they share a third of the smaller, a single member only if
    both are believed in; members of none go to the best of their other cells with whoever else
    of it is left.
    """
    chosen = np.flatnonzero(nats >= 0)
    credible = cells.subset(chosen)
    links = find_links(credible, members, least=1)
    smaller = np.minimum(credible.size[links.left], credible.size[links.right])
    worth = np.maximum(nats[chosen], 0.1)
    sure = np.minimum(worth[links.left], worth[links.right]) >= BELIEVED
    joined = (links.common * 3 >= smaller) & ((links.common > 1) | sure)
    group = merge(credible, links, worth, joined, members=members, seed=seed)
    order = np.argsort(-nats, kind="stable")
    result: NDArray[np.int64] = _leftovers(cells.indptr, cells.member, order, group)
    return result


@numba.njit(cache=True)
def _leftovers(indptr, member, order, group):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Give members without a group, cell by cell in ``order``, groups of two or more."""
    following = group.max() + 1
    for cell in order:
        inside = member[indptr[cell] : indptr[cell + 1]]
        free = inside[group[inside] < 0]
        if len(free) > 1:
            group[free] = following
            following += 1
    return group


@dataclass(frozen=True, kw_only=True, slots=True)
class _Support:
    """Which cell speaks for which group, the best of each value, and how much of it."""

    group: NDArray[np.int64]
    cell: NDArray[np.int64]
    weight: NDArray[np.float64]


def _support(cells: Cells, group: NDArray[np.int64], nats: NDArray[np.float64]) -> _Support:
    """Return the cells of which two members and half lie in one group.

    Their weight is the part of the group that they tie, (members inside − 1) / (members − 1).
    """
    place_group = group[cells.member]
    known = place_group >= 0
    count = sparse.coo_array(
        (np.ones(int(known.sum())), (cells.cell[known], place_group[known])),
        shape=(len(cells), int(group.max(initial=0)) + 1),
    ).tocsr()
    inside = count.tocoo()
    cell, owner = (axis.astype(np.int64) for axis in inside.coords)
    kept = (inside.data >= 2) & (inside.data * 2 >= cells.size[cell])
    cell, owner, common = cell[kept], owner[kept], inside.data[kept]
    order = np.lexsort((-nats[cell], cells.value[cell], owner))
    value = cells.value[cell[order]]
    first = (np.diff(owner[order], prepend=-1) != 0) | (np.diff(value, prepend=-1) != 0)
    cell, owner, common = cell[order][first], owner[order][first], common[order][first]
    size = np.bincount(group[group >= 0])
    return _Support(group=owner, cell=cell, weight=(common - 1) / np.maximum(size[owner] - 1, 1))


def assemble(
    ties: Ties,
    bursts: Bursts,
    cells: Cells,
    verdict: Verdict,
    names: Sequence[str],
    group: NDArray[np.int64],
) -> Groups:
    """Return the groups with scores, signals and shared values, best first.

    A group is worth what its credible values are, each for the part of the group that it ties;
    without one, what its best value is.
    """
    nats = verdict.nats
    support = _support(cells, group, nats)
    count = int(group.max(initial=-1)) + 1
    gain = np.where(nats[support.cell] > 0, support.weight, 0.0)
    best = _best(support, nats, count)
    lonely = np.bincount(support.group, gain, count) == 0
    gain[best[lonely & (best >= 0)]] = 1
    parts = np.column_stack([verdict.parts, verdict.prior])[support.cell] * gain[:, None]
    total = np.zeros((count, parts.shape[1]))
    np.add.at(total, support.group, parts)
    shared = shared_values(ties, bursts, group)
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(count + 1))
    signals = [*names, "prior"]
    found = [
        Group(
            members=order[bounds[one] : bounds[one + 1]],
            score=float(to_score(total[one].sum())),
            values=tuple(shared.get(one, ())),
            signals=dict(zip(signals, total[one].tolist(), strict=True)),
        )
        for one in range(count)
        if bounds[one + 1] - bounds[one] > 1
    ]
    found.sort(key=lambda one: (-one.score, one.members.tolist()))
    return Groups(groups=tuple(found), threshold=float(to_score(BELIEVED)))


def _best(support: _Support, nats: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return each group's row of ``support`` with the most nats, −1 for none."""
    order = np.lexsort((nats[support.cell], support.group))
    best = np.full(count, -1)
    best[support.group[order]] = order
    return best


def shared_values(
    ties: Ties, bursts: Bursts, group: NDArray[np.int64]
) -> dict[int, list[SharedEvidence]]:
    """Return for each group the values that two of its members or more share."""
    value = ties.value
    owner = group[ties.member]
    order = np.lexsort((ties.member, value, owner))
    order = order[owner[order] >= 0]
    key = owner[order] * (len(ties.key) + 1) + value[order]
    begin = np.flatnonzero(np.diff(key, prepend=-1) != 0)
    end = np.append(begin[1:], len(key))
    result: dict[int, list[SharedEvidence]] = {}
    for low, high in zip(begin[end - begin > 1], end[end - begin > 1], strict=True):
        seats = order[low:high]
        one = int(value[seats[0]])
        result.setdefault(int(owner[seats[0]]), []).append(
            SharedEvidence(
                type=ties.views[ties.view[one]],
                value=int(ties.key[one]),
                members=tuple(ties.member[seats].tolist()),
                start=int(ties.start[seats].min()),
                end=int(ties.end[seats].max()),
                surprise=float(bursts.surprise[one]),
            )
        )
    for values in result.values():
        values.sort(key=lambda v: (-v.surprise, v.type, v.value))
    return result
