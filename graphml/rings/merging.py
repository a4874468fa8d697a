"""Groups from several ways of looking, put together so that a member is in one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from graphml.rings.groups import Group, Groups


def believed_members(found: Groups) -> set[int]:
    """Return the members of the groups that score at least the threshold."""
    return {
        member
        for group in found.groups
        if group.score >= found.threshold
        for member in group.members.tolist()
    }


def merged(found: Groups, new: Sequence[Group]) -> Groups:
    """Return ``found`` with ``new`` groups in it, best first.

    A new group of whom one is in a group believed in already is left out. The others leave weaker
    candidates, which keep the members that are left, if two.
    """
    believed = believed_members(found)
    fresh = [group for group in new if believed.isdisjoint(group.members.tolist())]
    if not fresh:
        return found
    taken = np.concatenate([group.members for group in fresh])
    groups = [*(_without(group, taken) for group in found.groups), *fresh]
    groups = [group for group in groups if len(group.members) > 1]
    groups.sort(key=lambda group: (-group.score, group.members.tolist()))
    return replace(found, groups=tuple(groups))


def confirmed(found: Groups, frauds: Collection[int]) -> Groups:
    """Return ``found`` with groups believed in of whom at least half, and two, are known as fraud.

    Args:
        found: Groups whose scores only rise, to the threshold at least.
        frauds: Members with a fraud label or chargeback.
    """
    last = max((int(group.members.max()) for group in found.groups), default=-1)
    known = np.zeros(last + 1, dtype=np.bool_)
    known[[fraud for fraud in frauds if fraud <= last]] = True
    groups = [_raised(group, known, found.threshold) for group in found.groups]
    groups.sort(key=lambda group: (-group.score, group.members.tolist()))
    return replace(found, groups=tuple(groups))


def _raised(group: Group, known: NDArray[np.bool_], least: float) -> Group:
    frauds = int(known[group.members].sum())
    if group.score >= least or frauds < 2 or 2 * frauds < len(group.members):
        return group
    return replace(group, score=least)


def _without(group: Group, taken: NDArray[np.int64]) -> Group:
    left = group.members[~np.isin(group.members, taken)]
    if len(left) == len(group.members):
        return group
    there = set(left.tolist())
    values = []
    for value in group.values:
        members = tuple(member for member in value.members if member in there)
        if len(members) > 1:
            values.append(replace(value, members=members))
    return replace(group, members=left, values=tuple(values))
