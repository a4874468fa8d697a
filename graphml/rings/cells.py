"""Candidates: members who share a value, all of them or those of its burst."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from graphml.rings.bursts import Bursts
from graphml.rings.ties import HOUR, SELLER, Ties

SMALL = 25
"""Values of at most so many members are judged whole; larger ones by their burst alone."""

LARGEST = 300
"""A burst of more members than this ties nobody."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Sets of members with the time that ties them.

    Members of cell ``c`` are ``member[indptr[c]:indptr[c + 1]]``, sorted.

    Attributes:
        value: Per cell, the value of ``Ties`` it shares, int64[cells].
        seat: Per place, the seat of ``Ties``, int64[places].
        start, end: Per cell, microseconds, both inclusive, int64[cells].
    """

    indptr: NDArray[np.int64]
    member: NDArray[np.int64]
    value: NDArray[np.int64]
    seat: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def size(self) -> NDArray[np.int64]:
        """Members of each cell."""
        return np.diff(self.indptr)

    @cached_property
    def cell(self) -> NDArray[np.int64]:
        """Cell of each place."""
        return np.repeat(np.arange(len(self)), self.size)

    def mean(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each cell's mean over its members."""
        return np.bincount(self.cell, places, len(self)) / np.maximum(self.size, 1)

    def subset(self, chosen: NDArray[np.int64]) -> Cells:
        """Return the chosen cells, in that order."""
        size = self.size[chosen]
        indptr = np.concatenate([[0], np.cumsum(size)])
        places = np.arange(indptr[-1]) + np.repeat(self.indptr[chosen] - indptr[:-1], size)
        return Cells(
            indptr=indptr,
            member=self.member[places],
            value=self.value[chosen],
            seat=self.seat[places],
            start=self.start[chosen],
            end=self.end[chosen],
        )

    def dealt_anew(self, member: NDArray[np.int64], *, seed: int) -> Cells:
        """Return cells of the same sizes and times with the seats dealt anew by chance.

        Args:
            member: Member of each seat.
            seed: Of the dealing.
        """
        seat = np.random.default_rng(seed).permutation(self.seat)
        return Cells(
            indptr=self.indptr,
            member=member[seat],
            value=self.value,
            seat=seat,
            start=self.start,
            end=self.end,
        )

    def incidence(self, members: int) -> sparse.csr_array:
        """Return cells × members, 1 where a member belongs to a cell."""
        ones = np.ones(len(self.member), dtype=np.float32)
        return sparse.csr_array((ones, self.member, self.indptr), shape=(len(self), members))


def value_cells(ties: Ties, bursts: Bursts) -> Cells:
    """Return the cells of all shared values: whole ones up to ``SMALL``, and their bursts."""
    value, size = ties.value, ties.size
    start, end = bursts.start_hour * HOUR, (bursts.end_hour + 1) * HOUR - 1
    inside = _inside(ties, bursts)
    crowd = np.bincount(value, inside, len(ties.key))
    judged_whole = (size <= SMALL) & ~ties.in_view(SELLER)
    whole = np.flatnonzero(judged_whole)
    part = np.flatnonzero(
        (crowd >= 2) & (crowd < size) & (crowd <= LARGEST) & (bursts.surprise > 0)
    )
    first = np.full(len(size), np.iinfo(np.int64).max)
    last = np.zeros(len(size), dtype=np.int64)
    np.minimum.at(first, value, ties.start)
    np.maximum.at(last, value, ties.end)
    whole_seats = np.flatnonzero(judged_whole[value])
    part_seats = np.flatnonzero(np.isin(value, part) & inside)
    counts = np.concatenate([size[whole], crowd[part].astype(np.int64)])
    seat = np.concatenate([whole_seats, part_seats])
    return Cells(
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        member=ties.member[seat],
        value=np.concatenate([whole, part]),
        seat=seat,
        start=np.concatenate([first[whole], start[part]]),
        end=np.concatenate([last[whole], end[part]]),
    )


def _inside(ties: Ties, bursts: Bursts) -> NDArray[np.bool_]:
    """Return which seats were used within their value's window."""
    value = np.repeat(np.arange(len(ties.key)), np.diff(ties.use_indptr))
    within = (ties.use_hour >= bursts.start_hour[value]) & (ties.use_hour <= bursts.end_hour[value])
    result: NDArray[np.bool_] = np.bincount(ties.use_seat[within], minlength=len(ties.member)) > 0
    return result
