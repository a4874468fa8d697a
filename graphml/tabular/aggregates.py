"""Members and orders at a moment as rows of named numbers, from what was known by then."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.schema import KINDS
from graphml.tabular.flags import Flags, known_flags
from graphml.tabular.index import build_index
from graphml.tabular.linked import LINKED
from graphml.tabular.moments import Rows
from graphml.tabular.neighbours import NEIGHBOURS
from graphml.tabular.orders import ORDERS, OrderRows
from graphml.tabular.own import OWN
from graphml.tabular.products import PRODUCTS
from graphml.tabular.registry import Aggregate, Group, Values
from graphml.tabular.seats import PURCHASE, REVIEW
from graphml.tabular.shared import SHARED
from graphml.tabular.spending import SPENDING
from graphml.tabular.variety import VARIETY

__all__ = ["AGGREGATES", "Aggregate", "AsOf", "Features", "Flags", "aggregates_table"]

Ints = NDArray[np.int64]

_MEMBERS: tuple[Group, ...] = (
    *OWN,
    *SPENDING,
    *VARIETY,
    *SHARED,
    *NEIGHBOURS,
    *PRODUCTS,
    *LINKED,
)
AGGREGATES: dict[str, Aggregate] = {
    aggregate.name: aggregate for group in (*_MEMBERS, *ORDERS) for aggregate in group.aggregates
}
"""Every aggregate by name, in the order of the columns; those of ``orders`` alone come last."""

_PART = 2_048
"""Fewest rows that one thread works on before it takes further ones."""
_LATEST = 1 << 60
"""Microseconds, more than 30,000 years from 1970: windows around it stay within 64 bits."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Features:
    """Rows of named numbers.

    Attributes:
        names: One a column; keys of ``AGGREGATES``.
        values: float32 [rows, names]; NaN where a number is not defined.
    """

    names: tuple[str, ...]
    values: Values

    def __getitem__(self, name: str) -> Values:
        """Return one column, float32 [rows]."""
        column: Values = self.values[:, self.names.index(name)]
        return column


class AsOf:
    """Indexes of one graph, made once, that tell what members and orders looked like at any moment.

    A row depends on its member and moment alone: not on other rows, on threads, or on anything
    after the moment. A member's own flag and chargebacks show in none of its own numbers. Records,
    labels and links that come later change no number by a single bit.

    Args:
        graph: With members and time.
        flags: Who is known to be fraudulent since when; the graph's labels if omitted.
        threads: At most so many; the machine's cores if omitted.

    Raises:
        UsageError: The graph is no marketplace or has no time, or a flag is about none of its
            members.
    """

    def __init__(
        self, graph: Graph, *, flags: Flags | None = None, threads: int | None = None
    ) -> None:
        _check(graph)
        self.graph = graph
        self._threads = threads or os.cpu_count() or 1
        known = (flags or known_flags(graph)).since(len(graph.nodes["member"]))
        self._index, self._place = build_index(graph, known)

    def members(self, nodes: Ints, as_of: Ints) -> Features:
        """Return what members looked like by their moments, inclusive.

        Args:
            nodes: Dense ids, int64 [rows]; a member may come more than once.
            as_of: Last moment known, microseconds, int64 [rows].

        Raises:
            UsageError: The arrays differ in length, or a member or moment is out of range.
        """
        nodes, as_of = _whole("nodes", nodes), _whole("as_of", as_of)
        if nodes.shape != as_of.shape:
            raise UsageError(
                f"{len(nodes)} nodes but {len(as_of)} moments", hint="one as_of a node"
            )
        _within("member", nodes, 0, len(self.graph.nodes["member"]) - 1)
        _within("as_of", as_of, -_LATEST, _LATEST)
        rows = Rows(member=nodes, as_of=as_of, order=np.full(len(nodes), -1, dtype=np.int64))
        return self._features(_MEMBERS, rows)

    def orders(self, events: Ints) -> Features:
        """Return what orders and reviews looked like when they came in.

        The member's numbers are those of the microsecond before, without any record of the same
        order of the member's; then come the record's own, prefixed ``order_``.

        Args:
            events: Rows of ``graph.events`` that are purchases or reviews, int64 [rows].

        Raises:
            UsageError: A row is out of range, or of another kind.
        """
        events = _whole("events", events)
        _within("event", events, 0, self.graph.events.height - 1)
        place, records = self._place[events], self._index.records
        kind = records.kind[place] if len(place) and len(records.kind) else np.empty(0)
        wrong = (place < 0) | ~np.isin(kind, (PURCHASE, REVIEW)) if len(kind) else place < 0
        if wrong.any():
            event = int(events[np.argmax(wrong)])
            raise UsageError(
                f"event {event} is a {self.graph.events['kind'][event]}",
                hint="rows of purchases and reviews",
            )
        member = np.searchsorted(records.indptr, place, side="right") - 1
        rows = OrderRows(
            member=member.astype(np.int64),
            as_of=records.time[place] - 1,
            order=records.order[place].astype(np.int64),
            place=place,
        )
        return self._features((*_MEMBERS, *ORDERS), rows)

    def _features(self, groups: Sequence[Group], rows: Rows | OrderRows) -> Features:
        names = [aggregate.name for group in groups for aggregate in group.aggregates]
        values = np.empty((len(rows.member), len(names)), dtype=np.float32)
        bounds = [*range(0, len(values), self._part(len(values))), len(values)]
        parts = [slice(*pair) for pair in itertools.pairwise(bounds)]
        plain = Rows(*rows[:3])

        def work(part: slice) -> None:
            column = 0
            for group in groups:
                given = rows if group in ORDERS else plain
                some = type(given)(*(array[part] for array in given))
                group.fill(self._index, some, values[part], column)
                column += len(group.aggregates)

        if self._threads == 1 or len(parts) < 2:
            for part in parts:
                work(part)
        else:
            with ThreadPoolExecutor(self._threads, thread_name_prefix="graphml-as-of") as pool:
                list(pool.map(work, parts))
        return Features(names=tuple(names), values=values)

    def _part(self, rows: int) -> int:
        """Return how many rows a thread takes at once.

        Few enough that all threads have work, and enough that it outweighs what is set up for
        them, which grows with the members.
        """
        part = max(_PART, len(self._index.first) // 16)
        return max(1, min(part, -(-rows // self._threads)))


def _check(graph: Graph) -> None:
    if "member" not in graph.nodes or not set(graph.schema.kinds) <= set(KINDS):
        raise UsageError(
            "aggregates describe members of a marketplace, and the graph is of something else",
            hint=f"it has {', '.join(sorted(graph.nodes))}",
        )
    if graph.timeless:
        raise UsageError(
            "the graph has events without time, so there is no as_of",
            hint="aggregates need the time of every event",
        )


def aggregates_table() -> str:
    """Return all aggregates as a Markdown table: name, group, definition.

    >>> aggregates_table().splitlines()[0]
    '| Aggregate | Group | Definition |'
    """
    lines = ["| Aggregate | Group | Definition |", "|---|---|---|"]
    lines += [f"| `{a.name}` | {a.group} | {a.definition} |" for a in AGGREGATES.values()]
    return "\n".join(lines) + "\n"


def _whole(name: str, array: Ints) -> Ints:
    """Return ``array`` as int64 in one dimension."""
    array = np.asarray(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise UsageError(
            f"{name} is an array of {array.dtype} of {array.ndim} dimensions",
            hint="whole numbers in one dimension",
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def _within(what: str, array: Ints, low: int, high: int) -> None:
    wrong = (array < low) | (array > high)
    if wrong.any():
        raise UsageError(
            f"no {what} {int(array[np.argmax(wrong)])}", hint=f"whole numbers from {low} to {high}"
        )
