"""Which records a member's aggregates look at, wherever records are looked up."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.tabular.neighbours import HUB, RECENT
from graphml.tabular.registry import IDENTIFIERS

Ints = NDArray[np.int64]
_Codes = NDArray[np.uint32]

LOOKED_AT = ("purchase", "review")
"""Kinds of records that take a seat at a product."""


class Lookup(Protocol):
    """Where records are looked up by the nodes that they name; chargebacks, no deeds, are in none."""

    def rows(self, name: str, codes: Ints) -> Ints:
        """Return the rows that name any of some nodes, in order of time."""
        ...

    def seats(self, name: str, codes: Ints, *, first: int = 0, last: int = 0) -> Ints:
        """Return each member's first row on each of some values, in order of time.

        Of each value the first or the last so many alone, where these are given; a few more do no
        harm, as a record that nothing looks at changes nothing.
        """
        ...

    def codes(self, name: str, rows: Ints) -> Ints:
        """Return what rows name of a type, below 0 for nothing."""
        ...

    def seated(self, rows: Ints) -> NDArray[np.bool_]:
        """Return which rows take a seat at a product."""
        ...


def chosen_rows(look: Lookup, member: int) -> Ints:
    """Return the rows that a member's aggregates look at, as ``local`` says, ascending."""
    own = look.rows("member", np.array([member]))
    chosen, near = [own], [np.array([member])]
    for name in IDENTIFIERS:
        values = _named(look, name, own)
        chosen.append(look.seats(name, values))
        near.append(look.codes("member", look.seats(name, values, last=RECENT + 1)))
    mates = np.unique(np.concatenate(near))
    theirs = look.rows("member", mates)
    who = look.codes("member", theirs)
    chosen += [theirs[look.seated(theirs)], theirs[np.unique(who, return_index=True)[1]]]
    for name in IDENTIFIERS:
        on = look.codes(name, theirs)
        pair = np.unique(np.where(on < 0, -1, on << 32 | who), return_index=True)
        chosen.append(theirs[pair[1][pair[0] >= 0]])
        chosen.append(look.seats(name, np.unique(on[on >= 0]), first=HUB + 2))
    about = look.rows("product", _named(look, "product", own[look.seated(own)]))
    chosen.append(about[look.seated(about)])
    return np.unique(np.concatenate(chosen))


def _named(look: Lookup, name: str, rows: Ints) -> Ints:
    codes = look.codes(name, rows)
    return np.unique(codes[codes >= 0])


class Scan:
    """A ``Lookup`` that reads all records for each question: nothing is made for it.

    Args:
        now: By the moment that is asked about.
    """

    def __init__(self, now: Graph) -> None:
        self._kind = now.events["kind"]
        deeds = (self._kind != "chargeback").to_numpy()
        self._columns = {name: _column(now, name) for name in (*IDENTIFIERS, "product")}
        everyone = _column(now, "member")
        self._who = everyone._replace(
            codes=np.where(deeds, everyone.codes, np.uint32(everyone.none))
        )

    def rows(self, name: str, codes: Ints) -> Ints:
        """Return the rows that name any of some nodes."""
        column = self._who if name == "member" else self._columns[name]
        deeds = self._who.codes != self._who.none
        return np.flatnonzero(_among(column, codes) & deeds)

    def seats(self, name: str, codes: Ints, *, first: int = 0, last: int = 0) -> Ints:
        """Return each member's first row on each of some values."""
        column = self._columns[name]
        on = self.rows(name, codes)
        pair = column.codes[on].astype(np.int64) << 32 | self._who.codes[on]
        seats = np.sort(on[np.unique(pair, return_index=True)[1]])
        if first or last:
            return at_each(column.codes[seats], seats, first or last, last=bool(last))
        return seats

    def codes(self, name: str, rows: Ints) -> Ints:
        """Return what rows name of a type, −1 for nothing."""
        column = self._who if name == "member" else self._columns[name]
        codes = column.codes[rows].astype(np.int64)
        return np.where(codes == column.none, -1, codes)

    def seated(self, rows: Ints) -> NDArray[np.bool_]:
        """Return which rows take a seat at a product."""
        found: NDArray[np.bool_] = self._kind.gather(rows).is_in(list(LOOKED_AT)).to_numpy()
        return found


class _Column(NamedTuple):
    """Ids of one node type, uint32 [events], and the number that stands for none."""

    codes: _Codes
    none: int


def _column(now: Graph, name: str) -> _Column:
    none = len(now.nodes[name])
    return _Column(now.events[name].fill_null(none).to_numpy(), none)


def _among(column: _Column, some: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which events name one of the ids."""
    table = np.zeros(column.none + 1, dtype=np.bool_)
    table[some] = True
    table[column.none] = False
    found: NDArray[np.bool_] = table[column.codes]
    return found


def at_each(codes: NDArray[np.integer], seats: Ints, most: int, *, last: bool) -> Ints:
    """Return at most so many seats of each value, ``codes``, the last or the first ones."""
    turned, codes = (seats[::-1], codes[::-1]) if last else (seats, codes)
    order = np.argsort(codes, kind="stable")
    begin = np.searchsorted(codes[order], codes[order], side="left")
    return turned[order[np.arange(len(order)) - begin < most]]
