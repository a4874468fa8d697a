"""Ties: one relationship per pair and kind, with first, last and number of events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import polars as pl

from graphml import __version__
from graphml.schema import MARKETPLACE, ColumnSpec, EdgeSpec
from graphml.store.neo4j_rows import grouped, pack
from graphml.store.neo4j_session import OTHER_TIE, Work, fill

BATCH = 5_000
"""Pairs in one transaction."""
_SIDES = 2


def _ties() -> tuple[EdgeSpec, ...]:
    """Return the schema's edges, and one more for each node type that they leave some kinds out of.

    So that whoever an event names is tied to its member, and the events around a node are found.
    """
    edges = list(MARKETPLACE.edges)
    for node in MARKETPLACE.nodes.values():
        made = [edge.kinds for edge in MARKETPLACE.edges if edge.type[2] == node.name]
        tied = {kind for kinds in made for kind in kinds or MARKETPLACE.kinds}
        rest = tuple(kind for kind in MARKETPLACE.kinds if kind not in tied)
        if rest and node.name != "member":
            edges.append(EdgeSpec(type=("member", "names", node.name), tie=OTHER_TIE, kinds=rest))
    return tuple(edges)


TIES = _ties()
"""Every tie that this store keeps."""


def tie_plan(events: pl.DataFrame, sequence: int) -> str:
    """Return what the batches of ``tie_works`` are cut from, and how; equal ones are cut alike."""
    # What parts the pairs may change with graphml, with polars and with the machine.
    cut = (__version__, TIES, _SIDES, BATCH, pl.__version__, pl.Series(["m-1"]).hash()[0])
    digest = hashlib.blake2b(repr(cut).encode(), digest_size=8).hexdigest()
    return f"{sequence} {events.height} {digest}"


def tie_works(
    events: pl.DataFrame, sequence: int, *, plan: str, written: Mapping[str, int]
) -> Iterator[list[Iterator[Work]]]:
    """Yield what brings the ties of ``events`` up to date, in steps of works side by side.

    Within a step each side has its own members and its own targets, so that no two sides touch
    one node: members 0 with targets 0 beside members 1 with targets 1, then the other way round.

    Args:
        events: New events, with member and identifiers.
        sequence: The load sequence up to which the ties then count; one that has it stays.
        plan: What ``tie_plan`` says of them.
        written: By side how many batches of this plan are there already; they are left out.
    """
    pairs = [(edge, tie_rows(events, edge)) for edge in TIES]
    for step in range(_SIDES):
        yield [
            _counted(
                _works(
                    [(edge, _part(rows, side, (side + step) % _SIDES)) for edge, rows in pairs],
                    sequence,
                ),
                f"{step} {side}",
                plan,
                written,
            )
            for side in range(_SIDES)
        ]


def _counted(
    works: Iterator[Work], side: str, plan: str, written: Mapping[str, int]
) -> Iterator[Work]:
    for batch, (text, parameters) in enumerate(works):
        if batch >= written.get(side, 0):
            yield text, {**parameters, "side": side, "plan": plan, "batch": batch}


def tie_rows(events: pl.DataFrame, edge: EdgeSpec) -> pl.DataFrame:
    """Return the pairs that ``events`` tie: member_id, target, first, last, events."""
    target = MARKETPLACE.nodes[edge.type[2]].key
    made = events if edge.kinds is None else events.filter(pl.col("kind").is_in(edge.kinds))
    return (
        made.filter(pl.col(target).is_not_null())
        .group_by("member_id", pl.col(target).alias("target"))
        .agg(
            first=pl.col("time").min(),
            last=pl.col("time").max(),
            events=pl.len().cast(pl.Int64),
        )
    )


def _part(rows: pl.DataFrame, member_side: int, target_side: int) -> pl.DataFrame:
    return rows.filter(
        (pl.col("member_id").hash() % _SIDES == member_side)
        & (pl.col("target").hash() % _SIDES == target_side)
    ).sort("member_id", "target")


def _works(parts: list[tuple[EdgeSpec, pl.DataFrame]], sequence: int) -> Iterator[Work]:
    columns = {
        "target": ColumnSpec(type="text", required=True),
        "first": ColumnSpec(type="time", required=True),
        "last": ColumnSpec(type="time", required=True),
        "events": ColumnSpec(type="integer", required=True),
    }
    for edge, rows in parts:
        node = MARKETPLACE.nodes[edge.type[2]]
        text = fill("write_ties", TIE=edge.tie, LABEL=node.label, KEY=node.key)
        for batch in rows.iter_slices(BATCH):
            packed, separator = pack(batch, columns)
            yield (
                text,
                {
                    "groups": grouped(batch["member_id"], packed),
                    "separator": separator,
                    "sequence": sequence,
                },
            )
