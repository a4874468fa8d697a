"""Neighbours of each node, sorted by time: one edge type as compressed sparse rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numba
import numpy as np
from numpy.typing import NDArray

INT32_LIMIT = 2**31 - 1
_ARRAYS = ("indptr", "target", "time", "event")

Index = NDArray[np.int32] | NDArray[np.int64]


def index_dtype(count: int, *, limit: int = INT32_LIMIT) -> np.dtype[Any]:
    """Return the narrowest of int32 and int64 that holds the places 0 … ``count`` − 1.

    >>> index_dtype(7), index_dtype(8, limit=7)
    (dtype('int32'), dtype('int64'))
    """
    return np.dtype(np.int32 if count <= limit else np.int64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Adjacency:
    """The edges of one type by source; those of a source are sorted by (time, event).

    Attributes:
        indptr: int64 [sources + 1]; edges of source s stand at indptr[s] … indptr[s + 1] − 1.
        target: Dense id of the neighbour, int32 or int64 [edges].
        time: Microseconds since 1970, int64 [edges].
        event: Row in ``graph.events`` (of links: in ``graph.links``), int32 or int64 [edges].
    """

    indptr: NDArray[np.int64]
    target: Index
    time: NDArray[np.int64]
    event: Index

    @property
    def edges(self) -> int:
        """Number of edges."""
        return len(self.target)

    @property
    def sources(self) -> int:
        """Number of sources, with edges or without."""
        return len(self.indptr) - 1

    @property
    def nbytes(self) -> int:
        """Memory of the arrays in bytes."""
        return sum(getattr(self, name).nbytes for name in _ARRAYS)

    def of(self, source: int) -> slice:
        """Return where the edges of ``source`` stand in the arrays."""
        return slice(int(self.indptr[source]), int(self.indptr[source + 1]))

    def save(self, folder: Path) -> None:
        """Write one ``.npy`` file an array into ``folder``, which is made."""
        folder.mkdir(parents=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what ``save`` wrote, mapped into memory and read-only."""
        return cls(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS})


def build_adjacency(
    source: NDArray[Any],
    target: NDArray[Any],
    time: NDArray[np.int64],
    event: NDArray[Any],
    *,
    sources: int,
    targets: int,
    events: int,
    limit: int = INT32_LIMIT,
) -> Adjacency:
    """Return the edges by source, in linear time, keeping their order within a source.

    Args:
        source: Dense ids, one an edge.
        target: Dense ids, one an edge.
        time: Microseconds, ascending.
        event: Row of the record that made the edge, ascending.
        sources: How many sources there are, with edges or without.
        targets: How many targets there are; chooses int32 or int64.
        events: How many records there are; chooses int32 or int64.
        limit: From where on int64 is taken; lower in tests.
    """
    indptr = np.zeros(sources + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=sources), out=indptr[1:])
    adjacency = Adjacency(
        indptr=indptr,
        target=np.empty(len(source), dtype=index_dtype(targets, limit=limit)),
        time=np.empty(len(source), dtype=np.int64),
        event=np.empty(len(source), dtype=index_dtype(events, limit=limit)),
    )
    _place(
        source,
        target,
        time,
        event,
        indptr[:-1].copy(),
        adjacency.target,
        adjacency.time,
        adjacency.event,
    )
    return adjacency


@numba.njit(cache=True, nogil=True)
def _place(
    source: NDArray[Any],
    target: NDArray[Any],
    time: NDArray[np.int64],
    event: NDArray[Any],
    free: NDArray[np.int64],
    to_target: Index,
    to_time: NDArray[np.int64],
    to_event: Index,
) -> None:
    """Put each edge at the next free place of its source; every place is written once."""
    for edge in range(len(source)):
        place = free[source[edge]]
        free[source[edge]] += 1
        to_target[place] = target[edge]
        to_time[place] = time[edge]
        to_event[place] = event[edge]
