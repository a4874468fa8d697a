"""Which records name a node: rows by node in order of time, and what came since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.graph.nodes import time_array

Ints = NDArray[np.int64]

NONE = -1
"""The code of a record that names no node of a type."""
_ROOM = 256
"""Pieces of late records after which they are laid side by side again."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows by code: those of code c are ``row[start[c] : start[c + 1]]``, ascending."""

    start: Ints
    row: NDArray[np.integer]

    def of(self, codes: Ints, *, most: int | None = None) -> Ints:
        """Return the rows of all ``codes``, code by code, of each the first ``most``, int64."""
        known = codes[codes < len(self.start) - 1]
        begin, counts = self.start[known], self.start[known + 1] - self.start[known]
        if most is not None:
            counts = np.minimum(counts, most)
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        found: Ints = self.row[np.repeat(begin, counts) + within].astype(np.int64)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """Records that came after the graph was built; they are numbered on from its events.

    Attributes:
        codes: By node type, ``NONE`` where a record names none; int64 [records].
        time: Microseconds, int64 [records].
        kind: Places in the schema's kinds, int64 [records].
        frames: The records, with the columns of ``Graph.events``, in pieces.
        by: By node type and code the rows that name it.
        new: By node type the code of each key that the graph has not.
    """

    codes: Mapping[str, Ints]
    time: Ints
    kind: Ints
    frames: tuple[pl.DataFrame, ...] = ()
    by: Mapping[str, Mapping[int, tuple[int, ...]]] = field(default_factory=dict)
    new: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Postings:
    """The records of a graph by the nodes that they name, made once, and further ones beside them.

    A value: ``plus`` returns another one that shares all but the new records, so that who reads is
    never disturbed. A row below ``events`` is one of ``graph.events``; later records follow.

    Args:
        graph: With time.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.events = graph.events.height
        self._time = time_array(graph.events["time"])
        self._kind = graph.events["kind"].to_physical().cast(pl.Int8).to_numpy()
        self._codes = {name: _coded(graph, name) for name in graph.nodes}
        self._rows = {
            name: _by_code(self._codes[name], len(graph.nodes[name])) for name in graph.nodes
        }
        none = np.empty(0, dtype=np.int64)
        self._late = Late(codes=dict.fromkeys(graph.nodes, none), time=none, kind=none)
        self._seats: dict[str, Rows] = {}

    def plus(self, events: pl.DataFrame) -> Postings:
        """Return these postings with further records.

        Args:
            events: As the tables have them, with the columns of the schema; of any time.
        """
        if events.is_empty():
            return self
        late, first = self._late, self.height
        new = {name: dict(late.new.get(name, {})) for name in self.graph.nodes}
        codes = {name: self._encode(name, events, new[name]) for name in self.graph.nodes}
        by = {
            name: _joined(late.by.get(name, {}), codes[name].tolist(), first)
            for name in self.graph.nodes
        }
        piece = self._piece(events, codes)
        frames = (*late.frames, piece)
        if len(frames) > _ROOM:
            frames = (pl.concat(frames),)
        following = Postings.__new__(Postings)
        following.__dict__.update(self.__dict__)
        following._late = Late(
            codes={name: np.concatenate([late.codes[name], codes[name]]) for name in codes},
            time=np.concatenate([late.time, time_array(piece["time"])]),
            kind=np.concatenate([late.kind, piece["kind"].to_physical().cast(pl.Int64).to_numpy()]),
            frames=frames,
            by=by,
            new=new,
        )
        return following

    @property
    def height(self) -> int:
        """How many records there are."""
        return self.events + len(self._late.time)

    @property
    def late(self) -> int:
        """How many of them came after the graph was built."""
        return len(self._late.time)

    def code(self, name: str, key: str) -> int | None:
        """Return the code of a node, ``None`` where no record names it."""
        place = self.graph.nodes[name].keys.search_sorted(key)
        keys = self.graph.nodes[name].keys
        if place < len(keys) and keys[int(place)] == key:
            return int(place)
        return self._late.new.get(name, {}).get(key)

    def keys(self, name: str, codes: Ints) -> list[str]:
        """Return the keys of some nodes."""
        known = len(self.graph.nodes[name])
        if not self.late or not (codes >= known).any():
            return self.graph.nodes[name].keys.gather(codes).to_list()
        names = {code: key for key, code in self._late.new[name].items()}
        old = self.graph.nodes[name].keys
        return [old[code] if code < known else names[code] for code in codes.tolist()]

    def size(self, name: str) -> int:
        """Return how many nodes of a type any record names."""
        return len(self.graph.nodes[name]) + len(self._late.new.get(name, {}))

    def codes(self, name: str, rows: Ints) -> Ints:
        """Return what rows name of a type, ``NONE`` for nothing, int64 [rows]."""
        return self._taken(self._codes[name], self._late.codes[name], rows)

    def time(self, rows: Ints) -> Ints:
        """Return the rows' times in microseconds, int64 [rows]."""
        return self._taken(self._time, self._late.time, rows)

    def kinds(self, rows: Ints) -> Ints:
        """Return the rows' places in the schema's kinds, int64 [rows]."""
        return self._taken(self._kind, self._late.kind, rows)

    def rows(self, name: str, codes: Sequence[int] | Ints, *, until: int | None = None) -> Ints:
        """Return the rows that name any of some nodes, in order of time, each once per node.

        Args:
            name: A node type.
            codes: Of its nodes.
            until: The last moment known, microseconds, inclusive; all if omitted.
        """
        asked = np.asarray(codes, dtype=np.int64)
        found = self._rows[name].of(asked)
        by = self._late.by.get(name)
        if by:
            further = [row for code in asked.tolist() for row in by.get(code, ())]
            if further:
                found = np.concatenate([found, np.array(further, dtype=np.int64)])
        if until is not None:
            found = found[self.time(found) <= until]
        if len(asked) == 1 and not by:
            return found
        return found[np.lexsort((found, self.time(found)))]

    def seats(self, name: str, codes: Ints, *, first: int | None = None) -> Ints:
        """Return each member's first row on each of some values, and all that came later on them.

        Chargebacks are no deeds and take none.

        Args:
            name: A type of identifiers.
            codes: Of its values.
            first: Of each value so many of the graph's alone, the earliest.

        Returns:
            Rows in no order, int64.
        """
        if name not in self._seats:
            self._seats[name] = self._first_seats(name)
        found = self._seats[name].of(codes, most=first)
        by = self._late.by.get(name)
        further = [row for code in codes.tolist() for row in by.get(code, ())] if by else []
        return np.concatenate([found, np.array(further, dtype=np.int64)]) if further else found

    def _first_seats(self, name: str) -> Rows:
        charged = self.graph.schema.kinds.index("chargeback")
        codes, who = self._codes[name], self._codes["member"]
        on = np.flatnonzero((codes >= 0) & (self._kind != charged))
        pair = codes[on].astype(np.int64) << 32 | who[on]
        seats = np.sort(on[np.unique(pair, return_index=True)[1]])
        count = len(self.graph.nodes[name])
        found = _by_code(codes[seats], count)
        return Rows(start=found.start, row=seats[found.row].astype(found.row.dtype))

    def records(self, rows: Ints) -> pl.DataFrame:
        """Return records with dense ids, as ``Graph.events`` has them, in the order of ``rows``.

        Codes of nodes that the graph has not follow on from its own.
        """
        if not self.late:
            return self.graph.events[rows]
        old = rows < self.events
        parts = [self.graph.events[rows[old]]]
        if not old.all():
            late = pl.concat(self._late.frames, rechunk=False)
            parts.append(late[rows[~old] - self.events])
        place = np.empty(len(rows), dtype=np.int64)
        place[np.concatenate([np.flatnonzero(old), np.flatnonzero(~old)])] = np.arange(len(rows))
        return pl.concat(parts)[place]

    def of_orders(self, ids: Sequence[str]) -> pl.DataFrame:
        """Return the records of some orders, with dense ids; the one search through all of them."""
        asked = pl.col("order_id").is_in(list(ids))
        return pl.concat(
            [part.filter(asked) for part in (self.graph.events, *self._late.frames)]
        ).sort("time", "event_id")

    def last_late(self, name: str, codes: Ints) -> int:
        """Return the last record that came later and names one of some nodes, −1 for none."""
        by = self._late.by.get(name)
        return (
            max((by[code][-1] for code in codes.tolist() if code in by), default=-1) if by else -1
        )

    def _taken(self, base: NDArray[Any], late: Ints, rows: Ints) -> Ints:
        if not len(late):
            return base[rows].astype(np.int64)
        found = np.empty(len(rows), dtype=np.int64)
        old = rows < self.events
        found[old] = base[rows[old]]
        found[~old] = late[rows[~old] - self.events]
        return found

    def _encode(self, name: str, events: pl.DataFrame, new: dict[str, int]) -> Ints:
        """Return the codes of what events name; ``new`` takes keys that nothing named before."""
        column = events[self.graph.schema.nodes[name].key].to_list()
        asked = [key for key in dict.fromkeys(column) if key is not None]
        known = self.graph.nodes[name].keys
        codes: dict[str | None, int] = {None: NONE}
        if asked and len(known):
            places = known.search_sorted(pl.Series(asked, dtype=pl.String)).to_numpy()
            there = known.gather(np.minimum(places, len(known) - 1)).to_list()
            found = zip(asked, places.tolist(), there, strict=True)
            codes |= {key: place for key, place, held in found if held == key}
        for key in asked:
            if key not in codes:
                codes[key] = new.setdefault(key, len(known) + len(new))
        return np.array([codes[key] for key in column], dtype=np.int64)

    def _piece(self, events: pl.DataFrame, codes: Mapping[str, Ints]) -> pl.DataFrame:
        """Return records with the columns and types of the graph's events."""
        schema = self.graph.events.schema
        columns = []
        for name, dtype in schema.items():
            if name in codes:
                coded = pl.Series(name, codes[name])
                columns.append(coded.set(coded == NONE, None).cast(dtype))
            elif name in events.columns:
                columns.append(events[name].cast(dtype))
            else:
                columns.append(pl.repeat(None, events.height, dtype=dtype, eager=True).alias(name))
        return pl.DataFrame(columns)


def _coded(graph: Graph, name: str) -> NDArray[Any]:
    """Return what each event names of a type, ``NONE`` for nothing."""
    narrow = np.int32 if len(graph.nodes[name]) < 1 << 31 else np.int64
    codes = graph.events[name].cast(pl.Int64).fill_null(NONE).to_numpy()
    return codes.astype(narrow)


def _by_code(codes: NDArray[Any], count: int) -> Rows:
    """Return the rows of each code; those of ``NONE`` are left out."""
    named = np.flatnonzero(codes >= 0)
    order = named[np.argsort(codes[named], kind="stable")]
    start = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes[named], minlength=count), out=start[1:])
    narrow = np.int32 if len(codes) < 1 << 31 else np.int64
    return Rows(start=start, row=order.astype(narrow))


def _joined(
    held: Mapping[int, tuple[int, ...]], codes: Sequence[int], first: int
) -> dict[int, tuple[int, ...]]:
    """Return rows by code with further ones, numbered from ``first`` on."""
    result, new = dict(held), dict[int, list[int]]()
    for row, code in enumerate(codes, start=first):
        if code != NONE:
            new.setdefault(code, []).append(row)
    # Once a code: what thousands share would be copied for each of them.
    for code, rows in new.items():
        result[code] = (*result.get(code, ()), *rows)
    return result
