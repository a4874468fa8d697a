"""What a member's numbers would be if some of what it did were not there: many answers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.explain.local import Local, Tie
from graphml.graph.build import Graph, Nodes
from graphml.graph.nodes import NEVER
from graphml.tabular.aggregates import AsOf, Features
from graphml.tabular.flags import Flags

Ints = NDArray[np.int64]

_AT_ONCE = 250_000
"""Events of all worlds that stand in memory together."""
_READ = (
    "time", "kind", "order_id", "currency", "coupon_id", "amount", "quantity", "rating", "points",
)  # fmt: skip
"""Columns that aggregates read, beside ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """What is taken away from a member.

    Attributes:
        ties: Identifiers that its records then do not name.
        events: Rows of the local graph's events that are then not there; all are the member's.
        links: Whether its links to others go.
        fields: Columns that the record which is asked about then does not state.
    """

    ties: frozenset[Tie] = frozenset()
    events: frozenset[int] = frozenset()
    links: bool = False
    fields: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.ties or self.events or self.links or self.fields)


def features_without(local: Local, removals: Sequence[Removal]) -> Features:
    """Return the member's aggregates after each removal, or its record's, one row each.

    Args:
        local: The member's part of the graph.
        removals: Each from the whole part; an empty one changes nothing.
    """
    size = max(1, _AT_ONCE // max(1, local.graph.events.height))
    parts = [
        _features(local, removals[at : at + size]) for at in range(0, max(len(removals), 1), size)
    ]
    return replace(parts[0], values=np.concatenate([part.values for part in parts]))


def _features(local: Local, removals: Sequence[Removal]) -> Features:
    count = len(local.graph.nodes["member"])
    first = np.arange(len(removals)) * count
    flags = Flags(
        member=(first[:, None] + local.flags.member).ravel(),
        known_at=np.tile(local.flags.known_at, len(removals)),
    )
    found = AsOf(_side_by_side(local, removals), flags=flags, threads=1)
    if local.record is not None:
        # The last of each copy, so the last of all.
        return found.orders(np.arange(-len(removals), 0) + found.graph.events.height)
    return found.members(first + local.member, np.full(len(removals), local.moment))


def _side_by_side(local: Local, removals: Sequence[Removal]) -> Graph:
    """Return a graph of one copy for each removal; the copies share nothing, and have no names."""
    graph, many = local.graph, len(removals)
    height = graph.events.height
    row = np.tile(np.arange(height), many)
    world = np.repeat(np.arange(many), height)
    kept = np.ones(many * height, dtype=np.bool_)
    for at, removal in enumerate(removals):
        kept[[at * height + event for event in sorted(removal.events)]] = False
    nodes = {name: _copies(part, many) for name, part in graph.nodes.items()}
    columns = {
        name: _ids(graph.events[name], world * len(graph.nodes[name]), row, cut)
        for name, cut in _cuts(local, removals, graph.nodes).items()
    }
    # Orders as numbers: text would be read again for every copy.
    events = graph.events.select(_READ).with_columns(pl.col("order_id").rank("dense"))
    events = _unstated(events.select(pl.all().gather(row)), local, removals)
    events = events.with_columns(**columns).filter(pl.Series(kept))
    return Graph(
        schema=graph.schema,
        nodes=nodes,
        events=events.sort("time", maintain_order=True),
        links=_links(graph, removals),
        stated=graph.stated,
    )


def _cuts(
    local: Local, removals: Sequence[Removal], nodes: Mapping[str, Nodes]
) -> dict[str, list[int]]:
    """Return by node type the places, of all copies, at which records name no node any more."""
    height = local.graph.events.height
    cuts: dict[str, list[int]] = {name: [] for name in nodes}
    for at, removal in enumerate(removals):
        for tie in sorted(removal.ties):
            cuts[tie.type] += (at * height + local.rows[tie]).tolist()
        if local.record is not None:
            for name in sorted(removal.fields & cuts.keys()):
                cuts[name].append(at * height + local.record)
    return cuts


def _unstated(events: pl.DataFrame, local: Local, removals: Sequence[Removal]) -> pl.DataFrame:
    """Return the events of all copies without what their records do not state any more."""
    height = local.graph.events.height
    for name in sorted(frozenset().union(*(removal.fields for removal in removals))):
        if name in events.columns and local.record is not None:
            places = [
                at * height + local.record for at, one in enumerate(removals) if name in one.fields
            ]
            events = events.with_columns(events[name].scatter(places, None))
    return events


def _ids(codes: pl.Series, offset: Ints, row: Ints, cut: Sequence[int]) -> pl.Series:
    """Return the ids of all copies, moved by ``offset``, with null at the places ``cut``."""
    none = codes.is_null().to_numpy()[row]
    none[list(cut)] = True
    moved = (codes.fill_null(0).to_numpy()[row] + offset).astype(np.uint32)
    return pl.Series(codes.name, moved).set(pl.Series(none), None)


def _links(graph: Graph, removals: Sequence[Removal]) -> pl.DataFrame:
    count = len(graph.nodes["member"])
    ends = ("member", "other")
    copies = [
        graph.links.with_columns((pl.col(end) + at * count).cast(pl.UInt32) for end in ends)
        for at, removal in enumerate(removals)
        if not removal.links
    ]
    return pl.concat([graph.links.clear(), *copies]).sort("time", maintain_order=True)


def _copies(nodes: Nodes, many: int) -> Nodes:
    count, height = len(nodes), nodes.attributes.height
    offset = np.repeat(np.arange(many) * count, height)
    rows = nodes.attributes.select(pl.all().gather(np.tile(np.arange(height), many)))
    return Nodes(
        keys=pl.repeat(None, count * many, dtype=pl.String, eager=True),
        first=np.full(count * many, NEVER),
        attributes=rows.with_columns(node=(rows["node"] + pl.Series(offset)).cast(pl.UInt32)),
    )
