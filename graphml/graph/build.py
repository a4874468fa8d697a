"""The graph of training and of rings: dense ids and time-sorted edges, made from records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

import polars as pl

from graphml.errors import UsageError
from graphml.graph.adjacency import Adjacency, build_adjacency
from graphml.graph.hetero import to_hetero_data
from graphml.graph.ids import dense_ids
from graphml.graph.labels import chargeback_labels, resolve_labels, stated_labels
from graphml.graph.nodes import (
    NEVER,
    Nodes,
    attribute_rows,
    first_seen,
    microseconds,
    time_array,
)
from graphml.schema import MARKETPLACE, EdgeSpec, EdgeType, GraphSchema
from graphml.tables.frames import Tables, require_utc

__all__ = ["LINKS", "NEVER", "Edges", "Graph", "Nodes", "build_graph", "to_hetero_data"]

LINKS: EdgeType = ("member", "links", "member")
_log = logging.getLogger(__name__)


class Edges(Mapping[EdgeType, Adjacency]):
    """Adjacency by edge type, each made when it is first asked for.

    Holds every edge type of the schema, links between members where it has them, and the reverse
    of each, whose relation is prefixed with ``rev_``.
    """

    def __init__(self, makers: Mapping[EdgeType, Callable[[], Adjacency]]) -> None:
        self._makers = dict(makers)
        self._made: dict[EdgeType, Adjacency] = {}

    def __getitem__(self, edge_type: EdgeType) -> Adjacency:
        if edge_type not in self._made:
            self._made[edge_type] = self._makers[edge_type]()
        return self._made[edge_type]

    def __iter__(self) -> Iterator[EdgeType]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """One temporal graph: records in order of time, and the edges they make.

    Attributes:
        nodes: By node type of the schema.
        events: Sorted by (time, event_id); the row number is the event's index. The schema's
            columns, with each key column replaced by the dense ids (UInt32, null where absent) of
            its node type, under the type's name: ``member``, ``product``, ``device`` …; edges
            between nodes of one type have further columns (``EdgeSpec.columns``).
        links: member, other (dense member ids), kind, time; sorted by time.
        stated: Labels as the tables had them; ``labels`` is what may be used.
        as_of: The last moment known, of a graph that ``until`` made.
    """

    schema: GraphSchema
    nodes: Mapping[str, Nodes]
    events: pl.DataFrame
    links: pl.DataFrame
    stated: pl.DataFrame
    as_of: datetime | None = None
    stored: Path | None = None
    """Folder of ``Graph.load``, whose edges are mapped into memory instead of made."""

    @cached_property
    def edges(self) -> Edges:
        """Adjacency by edge type, made or mapped when first asked for."""
        from graphml.graph.folder import edge_folder

        makers: dict[EdgeType, Callable[[], Adjacency]] = {}
        for edge_type, maker in self._edge_makers():
            if self.stored is not None:
                maker = partial(Adjacency.load, edge_folder(self.stored, edge_type))
            makers[edge_type] = maker
        return Edges(makers)

    @cached_property
    def labels(self) -> pl.DataFrame:
        """Labels with the moment they became known, in that order; chargebacks are labels too.

        Columns: member (dense id, null if the member or the order's member is not there),
        order_id, label (1 fraud, 0 legitimate), known_at, fraud_time. Empty where the schema has
        no table of labels.
        """
        if "labels" not in self.schema.tables:
            return self.stated
        known = self.stated.drop_nulls("known_at")
        stated = pl.concat(
            [known.with_columns(charged=pl.lit(False)), chargeback_labels(self.events)]
        )
        return resolve_labels(stated, self.events, self.nodes["member"].present)

    @cached_property
    def evaluation_labels(self) -> pl.DataFrame:
        """Labels nobody knows the moment of, with the columns of ``labels``: evaluation alone.

        They are there for every ``as_of``, so they must not reach a feature or a score.
        """
        if "labels" not in self.schema.tables:
            return self.stated
        unknown = self.stated.filter(pl.col("known_at").is_null()).with_columns(
            charged=pl.lit(False)
        )
        return resolve_labels(unknown, self.events, self.nodes["member"].present)

    @cached_property
    def timeless(self) -> bool:
        """Whether there are events without time: then all is there always."""
        return self.events["time"].null_count() > 0

    def until(self, as_of: datetime) -> Graph:
        """Return what was there by ``as_of``, inclusive, to the microsecond.

        Events are shared, not copied; ids stay as they are (see ``Nodes``).

        Raises:
            ValueError: ``as_of`` is naive.
            UsageError: The graph has events without time.
        """
        as_of = require_utc("as_of", as_of)
        if self.as_of is not None:
            as_of = min(as_of, self.as_of)
        if self.timeless:
            raise UsageError("the graph has events without time, so there is no as_of")
        moment = microseconds(as_of)
        known_at, fraud_time = pl.col("known_at"), pl.col("fraud_time")
        return replace(
            self,
            nodes={name: nodes.until(as_of, moment) for name, nodes in self.nodes.items()},
            events=self.events.head(self.events["time"].search_sorted(as_of, side="right")),
            links=self.links.head(self.links["time"].search_sorted(as_of, side="right")),
            stated=self.stated.filter(known_at.is_null() | (known_at <= as_of)).with_columns(
                pl.when(fraud_time <= as_of).then(fraud_time)
            ),
            as_of=as_of,
            stored=None,
        )

    def save(self, folder: Path) -> None:
        """Write the graph into ``folder`` whole or not at all, replacing a graph there.

        Raises:
            UsageError: ``folder`` holds something else.
        """
        from graphml.graph.folder import save_graph

        save_graph(self, folder)

    @classmethod
    def load(cls, folder: Path, schema: GraphSchema = MARKETPLACE) -> Graph:
        """Return what ``save`` wrote, mapped into memory.

        Raises:
            UsageError: ``folder`` holds no graph, or one of another schema.
        """
        from graphml.graph.folder import load_graph

        return load_graph(folder, schema)

    def _edge_makers(self) -> Iterator[tuple[EdgeType, Callable[[], Adjacency]]]:
        for spec in self.schema.edges:
            yield spec.type, partial(self._event_edges, spec, reverse=False)
            yield reverse(spec.type), partial(self._event_edges, spec, reverse=True)
        if "links" not in self.schema.tables:
            return
        yield LINKS, partial(self._link_edges, "member", "other")
        yield reverse(LINKS), partial(self._link_edges, "other", "member")

    def _event_edges(self, spec: EdgeSpec, *, reverse: bool) -> Adjacency:
        source, target = spec.ends
        types = spec.type[0], spec.type[2]
        rows = self.events.lazy().with_row_index("_event")
        if spec.kinds is not None:
            rows = rows.filter(pl.col("kind").is_in(list(spec.kinds)))
        rows = rows.drop_nulls([source, target]).select(source, target, "time", "_event")
        if reverse:
            source, target, types = target, source, types[::-1]
        return self._adjacency(rows.collect(), (source, target), types)

    def _link_edges(self, source: str, target: str) -> Adjacency:
        rows = self.links.with_row_index("_event")
        return self._adjacency(rows, (source, target), ("member", "member"))

    def _adjacency(
        self, rows: pl.DataFrame, columns: tuple[str, str], types: tuple[str, str]
    ) -> Adjacency:
        source, target = columns
        return build_adjacency(
            rows[source].to_numpy(),
            rows[target].to_numpy(),
            time_array(rows["time"]),
            rows["_event"].to_numpy(),
            sources=len(self.nodes[types[0]]),
            targets=len(self.nodes[types[1]]),
            events=self.events.height,
        )


def build_graph(tables: Tables, schema: GraphSchema = MARKETPLACE) -> Graph:
    """Return the graph of validated ``tables``; nothing about it depends on the order of rows.

    A node is there if an event or a link names it: attributes and labels alone make none.
    """
    ids: dict[str, pl.Series] = {}
    keys: dict[str, pl.Series] = {}
    for name, spec in schema.nodes.items():
        columns = [tables.events[spec.key]]
        if name == "member":
            columns += [tables.links["member_id"], tables.links["other_member_id"]]
        keys[name], encoded = dense_ids(columns)
        ids[name] = encoded[0]
        if name == "member":
            links = _links(tables.links, encoded[1], encoded[2])
    events = _events(tables.events, ids, schema)
    _log.info("%d events of %d members in order of time", events.height, len(keys["member"]))
    named = {name: [(events, name)] for name in schema.nodes}
    named["member"] += [(links, "member"), (links, "other")]
    nodes = {
        name: Nodes(
            keys=keys[name],
            first=first_seen(len(keys[name]), named[name]),
            attributes=attribute_rows(name, keys[name], tables, schema),
        )
        for name in schema.nodes
    }
    stated = stated_labels(tables.labels, keys["member"])
    return Graph(schema=schema, nodes=nodes, events=events, links=links, stated=stated)


def reverse(edge_type: EdgeType) -> EdgeType:
    """Return the edge type that runs the other way.

    >>> reverse(("member", "uses", "device"))
    ('device', 'rev_uses', 'member')
    """
    source, relation, target = edge_type
    return target, f"rev_{relation}", source


def _events(
    events: pl.DataFrame, ids: Mapping[str, pl.Series], schema: GraphSchema
) -> pl.DataFrame:
    name_of = {spec.key: name for name, spec in schema.nodes.items()}
    columns = [
        ids[name_of[column]].alias(name_of[column]) if column in name_of else events[column]
        for column in events.columns
        if column != "sequence"
    ]
    return coded(pl.DataFrame(columns), schema).sort("time", "event_id").rechunk()


def coded(events: pl.DataFrame, schema: GraphSchema) -> pl.DataFrame:
    """Return ``events`` with kinds and currencies as codes."""
    return events.with_columns(
        pl.col("kind").cast(pl.Enum(schema.kinds)), pl.col("currency").cast(pl.Categorical)
    )


def _links(links: pl.DataFrame, member: pl.Series, other: pl.Series) -> pl.DataFrame:
    frame = links.select("kind", "time").with_columns(member=member, other=other)
    return frame.select("member", "other", "kind", "time").sort("time", "member", "other", "kind")
