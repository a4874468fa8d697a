"""The matches of a pattern in a user's graph, read in blocks: ids as integers, each text once.

A match travels as the internal ids of its nodes, integers that cost the driver a tenth of a text;
the properties of nodes come once a node and are joined to them here. Blocks are ranges of the
first node's id, so that neither side holds more than some of them. Internal ids may be given to
other nodes once theirs are gone, but not while a transaction is open that saw them: one is held
open from before the first block until after the last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from graphml.schema import ColumnSpec
from graphml.store.neo4j_owners import quoted
from graphml.store.neo4j_rows import Columns, absent_character, unpack
from graphml.store.neo4j_session import Connection, fill
from graphml.tables.graphpattern import GraphPattern

BLOCK = 25_000
"""Matches, or nodes, that are asked for in one go."""
_SESSIONS = 2


def read_pattern(
    connection: Connection, pattern: GraphPattern, properties: Sequence[str]
) -> pl.DataFrame:
    """Return a row for each match, ordered by the first node's id.

    Args:
        connection: To the graph.
        pattern: What is matched.
        properties: ``alias.property`` each, of the pattern's aliases.

    Returns:
        A column of text for each of ``properties``: as Neo4j spells it, moments in UTC; null where
        it is absent, or neither text, number, boolean nor temporal.
    """
    of = {alias: [p for p in properties if p.startswith(f"{alias}.")] for alias in pattern.aliases}
    with connection.holding_ids():
        nodes = {
            node.alias: _nodes(connection, node.label, of[node.alias])
            for node in pattern.nodes
            if of[node.alias]
        }
        steps = {f"r{i}": of.get(step.alias or "", []) for i, step in enumerate(pattern.steps)}
        frame = match_ids(connection, pattern, steps)
    for position, node in enumerate(pattern.nodes):
        if node.alias in nodes:
            # A node that came after the nodes were read is left out, with its matches.
            frame = frame.join(
                nodes[node.alias], left_on=f"n{position}", right_on="id", maintain_order="left"
            )
    return frame.select(properties)


def match_ids(
    connection: Connection, pattern: GraphPattern, steps: dict[str, list[str]] | None = None
) -> pl.DataFrame:
    """Return a row for each match: ``n0``, ``n1``, …, its nodes' internal ids, and steps' properties.

    Args:
        connection: To the graph; ids stay those of their nodes while ``Connection.holding_ids``.
        pattern: What is matched.
        steps: By ``r0``, ``r1``, … the ``alias.property`` to read of that step.
    """
    names = {p: (step, p.partition(".")[2]) for step, own in (steps or {}).items() for p in own}
    parts = {
        "LABEL": quoted(pattern.nodes[0].label),
        "CHAIN": _chain(pattern),
        "IDS": ", ".join(f"collect(id(n{i}))" for i in range(len(pattern.nodes))),
        "TEXT": _text(names),
    }
    rows = max(
        connection.read(fill("count_steps", TYPE=quoted(step.type)))[0]["steps"]
        for step in pattern.steps
    ) if pattern.steps else 0  # fmt: skip
    read = _Read(connection, fill("read_match_block", **parts), [*names])
    frames = [
        pl.DataFrame({f"n{i}": pl.Series(own, dtype=pl.Int64) for i, own in enumerate(ids)}).hstack(
            texts
        )
        for ids, texts in read.blocks(_ranges(connection, pattern.nodes[0].label, rows))
    ]
    empty = {f"n{i}": pl.Int64() for i in range(len(pattern.nodes))} | dict.fromkeys(
        names, pl.String()
    )
    return pl.concat([pl.DataFrame(schema=empty), *frames])


def _nodes(connection: Connection, label: str, properties: Sequence[str]) -> pl.DataFrame:
    """Return id and properties of each node of a label."""
    names = {p: ("n0", p.partition(".")[2]) for p in properties}
    text = fill("read_node_block", LABEL=quoted(label), TEXT=_text(names))
    frames = [
        texts.insert_column(0, pl.Series("id", ids, dtype=pl.Int64))
        for ids, texts in _Read(connection, text, [*names]).blocks(_ranges(connection, label, 0))
    ]
    return pl.concat(
        [pl.DataFrame(schema={"id": pl.Int64(), **dict.fromkeys(names, pl.String())}), *frames]
    )


def _ranges(connection: Connection, label: str, rows: int) -> list[tuple[int, int]]:
    """Return ranges of ids, both ends included, each with about ``BLOCK`` nodes or matches."""
    lie = connection.read(fill("range_of_nodes", LABEL=quoted(label)))[0]
    if not lie["nodes"]:
        return []
    span = lie["last"] - lie["first"] + 1
    width = max(1, math.floor(span * BLOCK / max(rows, lie["nodes"])))
    return [
        (at, min(at + width - 1, lie["last"])) for at in range(lie["first"], lie["last"] + 1, width)
    ]


def _chain(pattern: GraphPattern) -> str:
    """Return what follows the first node; names are quoted, and nothing else comes from the card."""
    pieces = []
    for i, (step, node) in enumerate(zip(pattern.steps, pattern.nodes[1:], strict=True)):
        left, right = ("", ">") if step.forward else ("<", "")
        pieces.append(f"{left}-[r{i}:{quoted(step.type)}]-{right}(n{i + 1}:{quoted(node.label)})")
    return "".join(pieces)


def _text(names: dict[str, tuple[str, str]]) -> str:
    """Return the expression that spells properties as one text, parted by $separator."""
    return (
        " + $separator + ".join(_spelled(f"{of}.{quoted(name)}") for of, name in names.values())
        or "''"
    )


def _spelled(value: str) -> str:
    moment = f"toString(datetime({{datetime: {value}, timezone: 'Z'}}))"
    spelled = f"CASE WHEN {value} IS :: ZONED DATETIME NOT NULL THEN {moment} ELSE toStringOrNull({value}) END"
    return f"coalesce('=' + {spelled}, '')"


@dataclass(frozen=True, slots=True)
class _Read:
    """One statement over many ranges."""

    connection: Connection
    text: str
    names: list[str]

    def blocks(self, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[Any, pl.DataFrame]]:
        """Yield what it returns for each of ``ranges``, in their order: ids, and texts by name."""
        with ThreadPoolExecutor(_SESSIONS) as pool:
            yield from pool.map(self._block, ranges)

    def _block(self, ends: tuple[int, int]) -> tuple[Any, pl.DataFrame]:
        columns: Columns = {name: ColumnSpec(type="text") for name in self.names}
        separator = "\x1f"
        while True:
            answer = self.connection.read(
                self.text, first=ends[0], last=ends[1], separator=separator
            )[0]
            if not columns:
                return answer["ids"], pl.DataFrame()
            rows = pl.Series(answer["rows"], dtype=pl.String)
            frame = unpack(rows, columns, separator)
            if frame is not None:
                return answer["ids"], frame
            separator = absent_character([rows])
