"""What an order or review shows when it comes in: its aggregates, and the company of its member."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import ConfigError, UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import moment_of
from graphml.rings.membership import Membership, membership
from graphml.tabular.aggregates import AGGREGATES, AsOf, Features
from graphml.tabular.registry import RELATION
from graphml.tasks.labels import MICROSECOND
from graphml.tasks.order_labels import order_units

EVERY = timedelta(days=7)
"""From one look at the rings to the next."""
STRUCTURE = ("structure_score", "structure_size", "structure_believed", "structure_other")
"""The member's candidate ring: its score, members, and whether it is believed in; and the best
score of another member who had used the order's device, address or card strictly before it."""
COLUMNS: tuple[str, ...] = (*AGGREGATES, *STRUCTURE)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Moments = TypeVar("Moments", int, Ints)

_IDENTIFIERS = ("device", "address", "card")


class OrderColumns:
    """Indexes of one graph, made once, that tell what orders and reviews looked like as they came.

    A row depends on what is strictly before its record, and on the record's own fields and
    identifiers. Rings are looked for at the moments of a grid that starts at 1970 and does not
    move with the data; a row is told by the last of them before it, so what came since then shows
    in the aggregates alone. Each moment is looked at once.

    Args:
        graph: Of a marketplace, with time.
        every: From one moment of the grid to the next.
        keep: Keep all that is known of the rings of each look, for explanations, not scores alone.

    Raises:
        UsageError: The graph is no marketplace or has no time.
        ConfigError: ``every`` is not positive.
    """

    def __init__(self, graph: Graph, *, every: timedelta = EVERY, keep: bool = False) -> None:
        if every < MICROSECOND:
            raise ConfigError(f"orders.every is {every}", hint="a duration above 0")
        self.graph = graph
        self.every = every
        self._aggregates = AsOf(graph)
        self._rings: dict[int, NDArray[np.float32]] = {}
        self._kept: dict[int, Membership] | None = {} if keep else None
        self._used: dict[str, tuple[Ints, Ints, Ints]] = {}
        units = order_units(graph.events, member="member")
        row = pl.DataFrame({"event_id": graph.events["event_id"]}).with_row_index("row")
        self.units = units.join(row, on="event_id", how="left", maintain_order="left")
        """All orders and reviews as in ``order_units``, and ``row``, their place in the events."""

    def rows_of(self, event_ids: pl.Series) -> Ints:
        """Return the places in the events of orders and reviews by their event_id, int64 [rows].

        Raises:
            UsageError: One is neither an order's first purchase nor a review in the graph.
        """
        asked = pl.DataFrame({"event_id": event_ids})
        found = asked.join(self.units, on="event_id", how="left", maintain_order="left")
        if strangers := found["row"].null_count():
            raise UsageError(
                f"{strangers} of {len(found)} events are no order's first purchase and no review",
                hint="labels and graph from the same tables",
            )
        rows: Ints = found["row"].cast(pl.Int64).to_numpy()
        return rows

    def of(self, rows: Ints) -> Features:
        """Return the columns of ``COLUMNS`` for orders and reviews.

        Args:
            rows: Places in ``graph.events`` of purchases or reviews, int64 [rows].

        Raises:
            UsageError: A row is out of range, or of another kind.
        """
        aggregates = self._aggregates.orders(rows)
        events = self.graph.events[rows]
        member = events["member"].cast(pl.Int64).to_numpy()
        as_of = events["time"].to_physical().to_numpy() - 1
        moment = self.look(as_of)
        structure = np.zeros((len(rows), len(STRUCTURE)), dtype=np.float32)
        for then in np.unique(moment):
            here = np.flatnonzero(moment == then)
            rings = self._rings_at(int(then))
            structure[here, :3] = rings[member[here]]
            structure[here, 3] = self._company(
                events[here], member[here], as_of[here], rings[:, 0].copy()
            )
        values = np.concatenate([aggregates.values, structure], axis=1)
        return Features(names=(*aggregates.names, *STRUCTURE), values=values)

    def look(self, as_of: Moments) -> Moments:
        """Return the last look at the rings by moments, in microseconds."""
        step = self.every // MICROSECOND
        return as_of // step * step

    def company(self, look: int) -> Membership | None:
        """Return the candidate rings by a moment, in microseconds; ``None`` before all events."""
        if self.graph.events["time"].to_physical()[0] > look:
            return None
        if self._kept is not None and look in self._kept:
            return self._kept[look]
        found = membership(self.graph, as_of=moment_of(look))
        if self._kept is not None:
            self._kept[look] = found
        return found

    def _rings_at(self, look: int) -> NDArray[np.float32]:
        """Return score, size and belief of each member's candidate ring, float32 [members, 3]."""
        if look not in self._rings:
            found = np.zeros((len(self.graph.nodes["member"]), 3), dtype=np.float32)
            if then := self.company(look):
                found[:, 0], found[:, 1], found[:, 2] = then.score, then.size, then.believed
            self._rings[look] = found
        return self._rings[look]

    def _company(
        self, events: pl.DataFrame, member: Ints, as_of: Ints, score: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the best score of others on each record's identifiers by its moment [rows]."""
        best = np.zeros(len(events), dtype=np.float32)
        for name in _IDENTIFIERS:
            value = events[name].cast(pl.Int64).fill_null(-1).to_numpy()
            on = np.flatnonzero(value >= 0)
            on = on[np.lexsort((as_of[on], value[on]))]
            asked = (np.ascontiguousarray(array[on]) for array in (value, member, as_of))
            best[on] = np.maximum(best[on], _best_other(*self._users(name), score, *asked))
        return best

    def _users(self, name: str) -> tuple[Ints, Ints, Ints]:
        """Return who had each value of an identifier since when: indptr, member and time."""
        if name not in self._used:
            edges = self.graph.edges[name, f"rev_{RELATION[name]}", "member"]
            # Copies where arrays are mapped: for read-only ones the loop would be compiled again.
            indptr, target, time = (
                np.require(array, np.int64, ["C", "W"])
                for array in (edges.indptr, edges.target, edges.time)
            )
            self._used[name] = indptr, target, time
        return self._used[name]


@numba.njit(cache=True, nogil=True)
def _best_other(
    indptr: Any, target: Any, time: Any, score: Any, value: Any, member: Any, as_of: Any
) -> Any:
    """Return the best score among a value's other members up to each row's moment [rows].

    Rows come by value and moment, so each edge is passed once; of the best two members, the other
    one is left to the best itself.
    """
    result = np.zeros(len(value), dtype=np.float32)
    at, leader, first, second = np.int64(0), np.int64(-1), np.float32(0), np.float32(0)
    for row in range(len(value)):
        if row == 0 or value[row] != value[row - 1]:
            at, leader = indptr[value[row]], np.int64(-1)
            first, second = np.float32(0), np.float32(0)
        while at < indptr[value[row] + 1] and time[at] <= as_of[row]:
            one, its = target[at], score[target[at]]
            if its > first:
                second, first, leader = first, its, one
            elif one != leader and its > second:
                second = its
            at += 1
        result[row] = second if leader == member[row] else first
    return result
