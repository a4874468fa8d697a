"""A member's part of a graph to which records are still added, from what names its nodes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from graphml.explain.chosen import LOOKED_AT, at_each, chosen_rows
from graphml.explain.local import renumbered
from graphml.graph.build import Graph, Nodes
from graphml.graph.nodes import NEVER
from graphml.graph.postings import Postings
from graphml.tabular.aggregates import AsOf, Features
from graphml.tabular.flags import Flags

Ints = NDArray[np.int64]


class Live:
    """A ``Lookup`` in postings, by a moment.

    Args:
        postings: Of a marketplace with time.
        until: The last moment known, microseconds, inclusive.
    """

    def __init__(self, postings: Postings, until: int) -> None:
        self._postings = postings
        self._until = until
        kinds = postings.graph.schema.kinds
        self._charged = kinds.index("chargeback")
        self._seated = [kinds.index(kind) for kind in LOOKED_AT]

    def rows(self, name: str, codes: Ints) -> Ints:
        """Return the rows that name any of some nodes, in order of time."""
        found = self._postings.rows(name, codes, until=self._until)
        deeds: Ints = found[self._postings.kinds(found) != self._charged]
        return deeds

    def seats(self, name: str, codes: Ints, *, first: int = 0, last: int = 0) -> Ints:
        """Return each member's first row on each of some values, in order of time."""
        seats = self._postings.seats(name, codes, first=first or None)
        time = self._postings.time(seats)
        deeds = (time <= self._until) & (self._postings.kinds(seats) != self._charged)
        seats, time = seats[deeds], time[deeds]
        found: Ints = seats[np.lexsort((seats, time))]
        if not last:
            return found
        # A member may have taken its seat before and come again: then there are more rows.
        most = last + int((found >= self._postings.events).sum())
        return at_each(self.codes(name, found), found, most, last=True)

    def codes(self, name: str, rows: Ints) -> Ints:
        """Return what rows name of a type, ``NONE`` for nothing."""
        return self._postings.codes(name, rows)

    def seated(self, rows: Ints) -> NDArray[np.bool_]:
        """Return which rows take a seat at a product."""
        return np.isin(self._postings.kinds(rows), self._seated)


def live_graph(postings: Postings, member: int, *, until: int) -> tuple[Graph, Ints, int]:
    """Return what a member's aggregates look at, as ``local`` says, as a graph of its own.

    Args:
        postings: Of a marketplace with time.
        member: Its code there.
        until: The last moment known, microseconds, inclusive.

    Returns:
        The graph; the codes of its members, ascending; the member's place among them.
    """
    rows = chosen_rows(Live(postings, until), member)
    whole = postings.graph
    records = postings.records(rows)
    order = records.select(pl.arg_sort_by("time", "event_id")).to_series().to_numpy()
    rows, records = rows[order], records[order]
    codes = {name: postings.codes(name, rows) for name in whole.nodes}
    links = whole.links.filter(
        ((pl.col("member") == member) | (pl.col("other") == member))
        & (pl.col("time").to_physical() <= until)
    )
    ends = [links[name].cast(pl.Int64).to_numpy() for name in ("member", "other")]
    origin = {name: np.unique(some[some >= 0]) for name, some in codes.items()}
    origin["member"] = np.unique(np.concatenate([origin["member"], *ends, [member]]))
    products = codes["product"][codes["member"] == member]
    graph = Graph(
        schema=whole.schema,
        nodes={name: _part(whole.nodes[name], name, ids, products) for name, ids in origin.items()},
        events=pl.DataFrame(
            [
                _placed(name, codes[name], origin[name]) if name in codes else records[name]
                for name in records.columns
            ]
        ),
        links=links
        if links.is_empty()
        else links.with_columns(
            renumbered(links[name], origin["member"]) for name in ("member", "other")
        ),
        stated=whole.stated.clear(),
    )
    place = int(np.searchsorted(origin["member"], member))
    return graph, origin["member"], place


def live_features(
    postings: Postings, member: int, *, until: int, known: Ints
) -> tuple[Features, Graph, int]:
    """Return a member's aggregates as of a moment, the same to the last bit as in the whole graph.

    Args:
        postings: Of a marketplace with time.
        member: Its code there.
        until: The last moment known, microseconds, inclusive.
        known: Since when members are known to be fraudulent, by code, microseconds; ``NEVER`` for
            the others; int64, of codes beyond it nothing is known.

    Returns:
        Features of one row, the graph they are of, the member's dense id there.
    """
    graph, codes, place = live_graph(postings, member, until=until)
    since = np.full(len(codes), NEVER, dtype=np.int64)
    told = codes < len(known)
    since[told] = known[codes[told]]
    flagged = np.flatnonzero(since <= until)
    flags = Flags(member=flagged, known_at=since[flagged])
    found = AsOf(graph, flags=flags, threads=1).members(np.array([place]), np.array([until]))
    return found, graph, place


def _placed(name: str, codes: Ints, ids: Ints) -> pl.Series:
    """Return codes as places among ``ids``, null where there is none."""
    places = np.searchsorted(ids, codes).astype(np.uint32)
    made: pl.Series = pl.from_arrow(pa.array(places, mask=codes < 0))  # type: ignore[assignment]
    return made.alias(name)


def _part(nodes: Nodes, name: str, ids: Ints, bought: Ints) -> Nodes:
    """Return some of the nodes; of attributes those of the member's products are all that enters."""
    rows = nodes.attributes.clear()
    if name == "product" and nodes.attributes.height:
        known = bought[(bought >= 0) & (bought < len(nodes))]
        rows = nodes.attributes.filter(
            pl.Series(np.isin(nodes.attributes["node"].to_numpy(), known))
        )
        rows = rows.with_columns(renumbered(rows["node"], ids))
    return Nodes(
        keys=pl.from_arrow(pa.nulls(len(ids), pa.string())),  # type: ignore[arg-type]
        first=np.zeros(len(ids), dtype=np.int64),
        attributes=rows,
    )
