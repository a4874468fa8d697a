"""The graph of a plain source: any node and edge types, with time or without."""

from __future__ import annotations

import numpy as np
import polars as pl

from graphml.graph.build import Graph, coded
from graphml.graph.ids import dense_ids
from graphml.graph.labels import LABEL_COLUMNS
from graphml.graph.nodes import Nodes, first_seen
from graphml.schema import GraphSchema
from graphml.tables.frames import TIME, frame_schema
from graphml.tables.graphsource import GraphSource

_PLACES = 12
"""Digits of an edge's event_id."""


def build_plain_graph(source: GraphSource) -> Graph:
    """Return the graph of ``source``; nothing about it depends on the order of rows.

    A node is there if a row of its table, an edge or a pair to predict names it. In a graph with
    time it exists from its first edge on, or from the time of its row where that is earlier; in
    one without, always: every edge has time 0, and any ``as_of`` from 1970 on sees all.

    Each edge is a record of ``Graph.events``: its kind is the type of the edge (``"paper cites
    paper"``), its ``event_id`` its place among all edges by (time, kind, ends, attributes). There
    are no links and no ``Graph.labels``: those of ``source`` say by key what to predict.
    """
    places: dict[str, pl.DataFrame] = {}
    for name, table in source.nodes.items():
        keys, _ = dense_ids([table["key"], *source.named(name)])
        places[name] = pl.DataFrame(
            {"key": keys, "node": np.arange(len(keys), dtype=np.uint32)},
            schema={"key": pl.String, "node": pl.UInt32},
        )
    events = _events(source, places)
    nodes = {name: _nodes(source, name, place, events) for name, place in places.items()}
    return Graph(
        schema=source.schema,
        nodes=nodes,
        events=events,
        links=pl.DataFrame(
            schema={"member": pl.UInt32, "other": pl.UInt32, "kind": pl.String, "time": TIME}
        ),
        stated=pl.DataFrame(
            schema=dict(
                zip(LABEL_COLUMNS, (pl.UInt32, pl.String, pl.Int64, TIME, TIME), strict=True)
            )
        ),
    )


def _nodes(source: GraphSource, name: str, place: pl.DataFrame, events: pl.DataFrame) -> Nodes:
    rows = source.nodes[name].join(place, on="key", how="left", maintain_order="left").drop("key")
    if source.timeless:
        first = np.zeros(place.height, dtype=np.int64)
    else:
        named = [(events, column) for column in source.schema.ends_of(name)]
        if "time" in rows.columns:
            named.append((rows.drop_nulls("time"), "node"))
        first = first_seen(place.height, named)
    features = rows.drop("time", strict=False).with_columns(valid_from=pl.lit(None, TIME))
    return Nodes(
        keys=place["key"],
        first=first,
        attributes=features.select("node", "valid_from", pl.exclude("node", "valid_from")).sort(
            "node"
        ),
    )


def _events(source: GraphSource, places: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the edges as records, in order, with the columns of the schema."""
    schema = source.schema
    frames = [_no_events(schema)]
    for spec in schema.edges:
        rows = source.edges[spec.type]
        for end, column, name in zip(
            ("source", "target"), spec.ends, (spec.type[0], spec.type[2]), strict=True
        ):
            there = places[name].rename({"key": end, "node": column})
            rows = rows.join(there, on=end, how="left", maintain_order="left").drop(end)
        frames.append(rows.with_columns(kind=pl.lit(" ".join(spec.type))))
    events = coded(pl.concat(frames, how="diagonal"), schema)
    ends = dict.fromkeys(column for name in schema.nodes for column in schema.ends_of(name))
    order = ["time", "kind", *ends, "amount", "quantity", "rating"]
    place = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(_PLACES)
    return events.sort(order).with_columns(event_id=place).rechunk()


def _no_events(schema: GraphSchema) -> pl.DataFrame:
    """Return records without a row: dense ids under the columns of the ends, nulls for the rest."""
    columns = {
        name: dtype
        for name, dtype in frame_schema("events", schema).items()
        if schema.node_of(name) is None
    }
    ends = (column for name in schema.nodes for column in schema.ends_of(name))
    return pl.DataFrame(schema={**columns, **dict.fromkeys(ends, pl.UInt32())})
