"""Who came to which identifier or product, and when: each (member, value) once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.adjacency import Index as Places
from graphml.graph.adjacency import build_adjacency, index_dtype
from graphml.graph.build import Graph
from graphml.graph.nodes import NEVER
from graphml.schema import KINDS
from graphml.tabular.registry import IDENTIFIERS

Ints = NDArray[np.int64]

BUYS, REVIEWS = len(IDENTIFIERS), len(IDENTIFIERS) + 1
RELATIONS = len(IDENTIFIERS) + 2
"""Identifiers first, then products bought and products reviewed."""
PURCHASE, REFUND, REVIEW = (KINDS.index(kind) for kind in ("purchase", "refund", "review"))


class Seats(NamedTuple):
    """Distinct (member, value) pairs of every relation; a value is an identifier or a product.

    Attributes:
        start: Seats of member m in relation r begin at start[m * RELATIONS + r], int64.
        value: Per seat; values of all relations are numbered through.
        join: Per seat, the member's first record on the value, microseconds; ascending within
            member and relation.
        indptr: Per value, where its members begin in what follows, int64 [values + 1].
        member: Members of each value in the order they joined.
        joined: When they did, microseconds.
        flag_start: Per value, where its flags begin, int64 [values + 1].
        flagged: When each flagged member of the value was both there and known, ascending.
    """

    start: Ints
    value: Places
    join: Ints
    indptr: Ints
    member: Places
    joined: Ints
    flag_start: Ints
    flagged: Ints


def starts(owner: NDArray[Any], owners: int) -> Ints:
    """Return where each owner's rows begin when rows are by owner, int64 [owners + 1]."""
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=owners))]).astype(np.int64)


def value_offsets(graph: Graph) -> Ints:
    """Return the number of each relation's first value, and how many there are in all."""
    sizes = [len(graph.nodes.get(name, ())) for name in (*IDENTIFIERS, "product", "product")]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def build_seats(
    graph: Graph,
    rows: Ints,
    indptr: Ints,
    columns: dict[str, NDArray[Any]],
    known: Ints,
    offsets: Ints,
) -> tuple[Seats, Places]:
    """Return all seats, and the seat of each record in each relation."""
    limit = max(int(offsets[-1]), len(rows) * RELATIONS)
    seat = np.full((len(rows), RELATIONS), -1, dtype=index_dtype(limit))
    named = [name for name in IDENTIFIERS if name in graph.events.columns]
    at = pl.lit(pl.Series(rows))
    ids = graph.events.select(pl.col(named).gather(at).cast(pl.Int64).fill_null(-1))
    for name in named:
        relation, own = IDENTIFIERS.index(name), ids[name].to_numpy()
        seat[:, relation] = np.where(own >= 0, own + offsets[relation], -1)
    for relation, kind in ((BUYS, PURCHASE), (REVIEWS, REVIEW)):
        product = columns["product"].astype(np.int64)
        there = (columns["kind"] == kind) & (product >= 0)
        seat[:, relation] = np.where(there, product + offsets[relation], -1)
    start = np.empty((len(indptr) - 1) * RELATIONS + 1, dtype=np.int64)
    values = int(offsets[-1])
    seats = _count_seats(indptr, seat, np.full(values, -1, dtype=np.int64), start)
    value: Places = np.empty_like(seat, shape=seats)
    taker = np.empty(seats, dtype=np.int64)
    _take_seats(indptr, start, seat, np.full(values, -1, dtype=np.int64), value, taker)
    join = columns["time"][taker]
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(start[::RELATIONS]))
    order = np.argsort(rows[taker])  # rows of events are in order of time
    by_value = build_adjacency(
        value[order], owner[order], join[order], taker[order],
        sources=values, targets=len(known), events=len(rows),
    )  # fmt: skip
    flag_start, flagged = _flags(value, join, known[owner], values)
    return Seats(
        start=start,
        value=value,
        join=join,
        indptr=by_value.indptr,
        member=by_value.target,
        joined=by_value.time,
        flag_start=flag_start,
        flagged=flagged,
    ), seat


def _flags(value: Places, join: Ints, known: Ints, values: int) -> tuple[Ints, Ints]:
    """Return when each value's flagged members were both there and known, by value and time."""
    of = known < NEVER
    value, visible = value[of], np.maximum(join, known)[of]
    order = np.lexsort((visible, value))
    return starts(value, values), visible[order]


@numba.njit(cache=True, nogil=True)
def _count_seats(indptr: Ints, seat: Any, owner: Ints, start: Ints) -> Any:
    """Write where the seats of each member and relation begin; return how many there are."""
    total = np.int64(0)
    for member in range(len(indptr) - 1):
        for relation in range(RELATIONS):
            start[member * RELATIONS + relation] = total
            for place in range(indptr[member], indptr[member + 1]):
                value = seat[place, relation]
                if value >= 0 and owner[value] != member:
                    owner[value] = member
                    total += 1
    start[len(start) - 1] = total
    return total


@numba.njit(cache=True, nogil=True)
def _take_seats(indptr: Ints, start: Ints, seat: Any, held: Ints, value: Any, taker: Ints) -> None:
    """Put the seat in place of the value in ``seat``; write each seat's value and first record."""
    for member in range(len(indptr) - 1):
        for relation in range(RELATIONS):
            begin = following = start[member * RELATIONS + relation]
            for place in range(indptr[member], indptr[member + 1]):
                wanted = seat[place, relation]
                if wanted < 0:
                    continue
                if held[wanted] < begin:  # seats of earlier members have lower numbers
                    held[wanted] = following
                    value[following] = wanted
                    taker[following] = place
                    following += 1
                seat[place, relation] = held[wanted]
