"""The part of a graph that one member's numbers depend on: small, and with the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.explain.chosen import Scan, chosen_rows
from graphml.graph.build import Graph, Nodes
from graphml.graph.nodes import microseconds
from graphml.tables.frames import require_utc
from graphml.tabular.flags import Flags
from graphml.tabular.registry import IDENTIFIERS

Ints = NDArray[np.int64]
_Codes = NDArray[np.uint32]


class Tie(NamedTuple):
    """A member's use of an identifier.

    Attributes:
        type: Of the identifier, as ``device``.
        value: Its dense id in the whole graph.
    """

    type: str
    value: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Local:
    """One member and all records that its aggregates look at, by a moment.

    Attributes:
        graph: Of these records, with dense ids of its own; chargebacks, which are no deeds and
            enter by the flags alone, are left out.
        member: The member's id in ``graph``.
        moment: The last moment known, microseconds.
        flags: By the moment, with the ids of ``graph``.
        own: Rows of ``graph.events`` that are the member's, in order of time, int64.
        rows: Those of them on each identifier, ``record`` among them.
        others: How many other members are on it.
        record: The row of ``graph.events`` that is asked about, an order's or a review's: the last,
            and none of ``own``; ``None`` where the member is.
    """

    graph: Graph
    member: int
    moment: int
    flags: Flags
    own: Ints
    rows: Mapping[Tie, Ints]
    others: Mapping[Tie, int]
    record: int | None = None


def local(graph: Graph, member: int, *, as_of: datetime, flags: Flags) -> Local:
    """Return what the member's aggregates look at; they are the same to the last bit there.

    The whole life of the member. Of its neighbours (the 64 members who came last to each of its
    identifiers) the first record, purchases, reviews, and the first use of each identifier. Of all
    others what seats them on an identifier of the member, on one of a neighbour (the first 18,
    beyond which it is a hub), or at a product of the member. So the numbers stay the same, too, when
    records or ties of the member are taken away.

    Args:
        graph: A marketplace with time.
        member: Dense id.
        as_of: The last moment known, inclusive, with a time zone.
        flags: Who is known to be fraudulent since when, as the aggregates were given.

    Raises:
        ValueError: ``as_of`` is naive.
        UsageError: The graph has events without time, or flags do not fit it.
    """
    moment = microseconds(require_utc("as_of", as_of))
    now = graph.until(as_of)
    events = now.events[chosen_rows(Scan(now), member)]
    links = now.links.filter((pl.col("member") == member) | (pl.col("other") == member))
    origin = {name: _ids(events, name) for name in now.nodes}
    ends = [links[name].cast(pl.Int64).to_numpy() for name in ("member", "other")]
    origin["member"] = np.unique(np.concatenate([origin["member"], *ends, [member]]))
    place = int(np.searchsorted(origin["member"], member))
    # Of attributes those of the member's products are all that enters its aggregates.
    told = {"product": _ids(events.filter(pl.col("member") == member), "product")}
    small = Graph(
        schema=now.schema,
        nodes={name: _part(now.nodes[name], ids, told.get(name)) for name, ids in origin.items()},
        events=events.with_columns(renumbered(events[name], ids) for name, ids in origin.items()),
        links=links.with_columns(
            renumbered(links[name], origin["member"]) for name in ("member", "other")
        ),
        stated=now.stated.clear(),
        as_of=now.as_of,
    )
    since = flags.since(len(now.nodes["member"]))[origin["member"]]
    known = np.flatnonzero(since <= moment)
    own = np.flatnonzero(small.events["member"].to_numpy() == place)
    rows = _ties(events, own)
    return Local(
        graph=small,
        member=place,
        moment=moment,
        flags=Flags(member=known, known_at=since[known]),
        own=own,
        rows=rows,
        others={tie: _others(events, tie, member) for tie in rows},
    )


def with_record(graph: Graph, row: int) -> Graph:
    """Return what was there strictly before a record, and the record: the last of the events."""
    events = graph.events
    first = int(events["time"].search_sorted(events["time"][row], side="left"))
    return replace(
        graph.until(events["time"][row]),
        events=pl.concat([events[:first], events[row : row + 1]]),
    )


def local_record(now: Graph, *, flags: Flags) -> Local:
    """Return what the aggregates of the last record look at, a purchase or a review.

    Args:
        now: As ``with_record`` makes it.
        flags: As ``local`` takes them.
    """
    last = now.events.height - 1
    around = local(now, now.events["member"][last], as_of=now.events["time"][last], flags=flags)
    record = around.graph.events.height - 1
    own = around.own[around.own != record]
    return replace(around, moment=around.moment - 1, own=own, record=record)


def _ids(frame: pl.DataFrame, name: str) -> Ints:
    return np.unique(frame[name].drop_nulls().to_numpy()).astype(np.int64)


def _part(nodes: Nodes, ids: Ints, told: Ints | None) -> Nodes:
    """Return some of the nodes, with the attributes of those in ``told``."""
    rows = nodes.attributes.clear()
    if told is not None:
        rows = nodes.attributes.filter(
            pl.Series(np.isin(nodes.attributes["node"].to_numpy(), told))
        )
        rows = rows.with_columns(renumbered(rows["node"], ids))
    return Nodes(
        keys=nodes.keys.gather(ids), first=nodes.first[ids], attributes=rows, as_of=nodes.as_of
    )


def renumbered(codes: pl.Series, ids: Ints) -> pl.Series:
    """Return codes as places among ``ids``, null where they were null."""
    places = np.searchsorted(ids, codes.fill_null(0).to_numpy()).astype(np.uint32)
    return pl.Series(codes.name, places).set(codes.is_null(), None)


def _ties(events: pl.DataFrame, own: Ints) -> dict[Tie, Ints]:
    """Return the member's rows on each of its identifiers, by type and value."""
    found = {}
    for name in IDENTIFIERS:
        codes = events[name].cast(pl.Int64).fill_null(-1).to_numpy()[own]
        for value in np.unique(codes[codes >= 0]).tolist():
            found[Tie(name, value)] = own[codes == value]
    return found


def _others(events: pl.DataFrame, tie: Tie, member: int) -> int:
    there = (events[tie.type] == tie.value).fill_null(value=False)
    return int((events["member"].filter(there).unique() != member).sum())
