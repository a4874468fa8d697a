"""A tiny marketplace with known answers: seven members, eleven products, no symmetry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from graphml.graph.build import Graph
from graphml.tables.frames import Tables, empty

START = datetime(2024, 6, 1, tzinfo=UTC)
HOSTILE = "O'Brien `\"{}\n\\ \x00é" + "x" * 10_000


def at(moment: int) -> datetime:
    """Return ``moment`` microseconds after the start."""
    return START + timedelta(microseconds=moment)


def event(event_id, moment, member, kind="login", **columns):
    return {"event_id": event_id, "time": at(moment), "kind": kind, "member_id": member, **columns}


def tables(events, **others):
    frames = {
        name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in others.items() if rows
    }
    made = pl.DataFrame(events, infer_schema_length=None) if events else empty("events")
    return Tables(events=made, **frames)


def described(graph: Graph):
    """Return all that ``graph`` shows, with keys in place of ids."""
    keys = {name: nodes.keys.to_list() for name, nodes in graph.nodes.items()}

    def named(rows, **types):
        return [
            {c: keys[types[c]][v] if c in types and v is not None else v for c, v in row.items()}
            for row in rows.to_dicts()
        ]

    def features(nodes, node):
        row = nodes.features.row(node, named=True)
        return {column: value for column, value in row.items() if value is not None}

    types = {column: name for name in keys for column in graph.schema.ends_of(name)}
    edges = {}
    for edge_type, adjacency in graph.edges.items():
        source, _, target = edge_type
        for node in range(adjacency.sources):
            at = adjacency.of(node)
            if at.start < at.stop:
                edges[edge_type, keys[source][node]] = [
                    (keys[target][t], int(time), int(e))
                    for t, time, e in zip(
                        adjacency.target[at], adjacency.time[at], adjacency.event[at], strict=True
                    )
                ]
    return {
        "nodes": {
            (name, nodes.keys[int(node)]): (int(nodes.first[node]), features(nodes, int(node)))
            for name, nodes in graph.nodes.items()
            for node in nodes.present.nonzero()[0]
        },
        "events": named(graph.events, **types),
        "links": named(graph.links, member="member", other="member"),
        "labels": named(graph.labels, member="member"),
        "evaluation": named(graph.evaluation_labels, member="member"),
        "edges": edges,
    }
