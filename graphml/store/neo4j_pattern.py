"""The matches of a pattern in a user's graph, read in blocks: ids many in a text, each property once.

The driver spends about the same on every value, whatever it holds. So the internal ids of matches
come many in one text, and the properties of nodes once a node, to be joined to them here. A block is
what begins at some of the first label's nodes, so that neither side holds more than a few of them,
and no index is needed. Internal ids may be given to other nodes once theirs are gone, but not while
a transaction is open that saw them: one is held open from before the first block until the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl

from graphml.schema import ColumnSpec
from graphml.store.neo4j_owners import quoted
from graphml.store.neo4j_read import read_rows
from graphml.store.neo4j_rows import Columns
from graphml.store.neo4j_session import Connection, fill
from graphml.tables.graphpattern import GraphPattern

BLOCK = 50_000
"""Matches, or nodes, that are asked for in one go."""
_IDS = 500_000
"""Nodes whose ids are asked for in one go."""
_SESSIONS = 2
_FOLD = 64
"""Matches whose ids come in one text: longer ones are put together too slowly at the server."""

Ids = np.ndarray[Any, np.dtype[np.int64]]
Names = Mapping[str, tuple[str, str]]
"""By ``alias.property``: the variable in the statement, and the property."""


def read_pattern(
    connection: Connection, pattern: GraphPattern, properties: Sequence[str]
) -> pl.DataFrame:
    """Return a row for each match, sorted by ``properties``.

    Args:
        connection: To the graph.
        pattern: What is matched.
        properties: ``alias.property`` each, of the pattern's aliases.

    Returns:
        A column of text for each of ``properties``: as Neo4j spells it, moments in UTC; null where
        it is absent, or neither text, number, boolean nor temporal.
    """
    pattern, most = _from_the_lighter_end(connection, pattern)
    of = {alias: [p for p in properties if p.startswith(f"{alias}.")] for alias in pattern.aliases}
    steps = {
        p: f"r{i}" for i, step in enumerate(pattern.steps) for p in of.get(step.alias or "", [])
    }
    with connection.holding_ids():
        read = [node for node in pattern.nodes if of[node.alias]]
        labels = {pattern.nodes[0].label, *(node.label for node in read)}
        ids = {label: node_ids(connection, label) for label in labels}
        nodes = {node.alias: _nodes(connection, ids[node.label], of[node.alias]) for node in read}
        frame = _matches(connection, pattern, ids[pattern.nodes[0].label], most, steps)
    for position, node in enumerate(pattern.nodes):
        if node.alias in nodes:
            # A node that came after the nodes were read is left out, with its matches.
            frame = frame.join(
                nodes[node.alias], left_on=f"n{position}", right_on="id", maintain_order="left"
            )
    # The server's order is no order: what is numbered by its place must have the same one again.
    return frame.select(properties).sort(properties) if properties else frame.select()


def match_ids(connection: Connection, pattern: GraphPattern) -> pl.DataFrame:
    """Return a row for each match: under each node's alias its internal id (Int64).

    They are the nodes' within ``holding_ids`` of the connection.
    """
    pattern, most = _from_the_lighter_end(connection, pattern)
    first = node_ids(connection, pattern.nodes[0].label)
    found = _matches(connection, pattern, first, most, {})
    return found.rename({f"n{i}": node.alias for i, node in enumerate(pattern.nodes)})


def _from_the_lighter_end(
    connection: Connection, pattern: GraphPattern
) -> tuple[GraphPattern, int]:
    """Return the pattern so that it begins where fewer relationships are to be looked through.

    Beside it how many relationships there are of the most frequent type of its steps.

    At a node without very many of them Neo4j goes through all, whatever their type. Where one node
    of an end has a block of matches and more on average, the other end it is.
    """
    counts = (
        connection.read(fill("count_steps", TYPE=quoted(step.type)))[0]["steps"]
        for step in pattern.steps
    )
    most = max(counts, default=0)

    def weight(label: str) -> tuple[bool, int]:
        nodes = connection.read(fill("count_nodes", LABEL=quoted(label)))[0]["nodes"]
        ends = connection.read(fill("count_degrees", LABEL=quoted(label)))[0]["ends"]
        return most > BLOCK * nodes, ends

    first, last = weight(pattern.nodes[0].label), weight(pattern.nodes[-1].label)
    return (pattern.flipped if last < first else pattern), most


def node_ids(connection: Connection, label: str) -> Ids:
    """Return the internal ids of a label's nodes; they are theirs within ``holding_ids``."""
    lie = connection.read(fill("range_of_nodes", LABEL=quoted(label)))[0]
    if not lie["nodes"]:
        return np.empty(0, np.int64)
    width = -(-(lie["last"] - lie["first"] + 1) // -(-lie["nodes"] // _IDS))
    text = fill("read_node_ids", LABEL=quoted(label))
    parts = [
        connection.read(text, first=at, last=at + width - 1, fold=_FOLD)[0]["rows"]
        for at in range(lie["first"], lie["last"] + 1, width)
    ]
    return np.concatenate([_unfolded(rows) for rows in parts])


def _matches(
    connection: Connection, pattern: GraphPattern, first: Ids, most: int, steps: Mapping[str, str]
) -> pl.DataFrame:
    """Return n0, n1, …, the ids of each match's nodes, and properties of its steps as text.

    ``first`` holds the ids of the first label's nodes, ``most`` says about how many matches there
    are, ``steps`` names by ``alias.property`` the step, r0, r1, …, that it is read of.
    """
    nodes = [f"n{i}" for i in range(len(pattern.nodes))]
    size = max(1, BLOCK * len(first) // max(len(first), most, 1))
    if not steps:
        ids = " + ".join(f"toString(id({node})) + ' '" for node in nodes)
        text = fill("read_tie_block", CHAIN=_chain(pattern), IDS=ids)

        def block(some: str) -> pl.DataFrame:
            rows = connection.read(text, nodes=some, fold=_FOLD)[0]["rows"]
            return pl.DataFrame(_unfolded(rows).reshape(-1, len(nodes)), schema=nodes)

        frames = _side_by_side(block, first, size)
        return pl.concat([_empty(nodes, ()), *frames], rechunk=False)
    names = {p: (step, p.partition(".")[2]) for p, step in steps.items()}
    text = fill("read_match_block", CHAIN=_chain(pattern), TEXT=_text(nodes, names))
    return _unpacked(connection, text, first, size, nodes, names)


def _nodes(connection: Connection, ids: Ids, properties: Sequence[str]) -> pl.DataFrame:
    """Return id and properties of nodes."""
    names = {p: ("n0", p.partition(".")[2]) for p in properties}
    text = fill("read_node_block", TEXT=_text(["n0"], names))
    return _unpacked(connection, text, ids, BLOCK, ["n0"], names).rename({"n0": "id"})


def _empty(nodes: Sequence[str], names: Iterable[str]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(nodes, pl.Int64()) | dict.fromkeys(names, pl.String()))


def _unfolded(rows: list[str]) -> Ids:
    """Return integers that came many in a text: the driver takes each text for one value."""
    texts = pl.Series(rows, dtype=pl.String)
    flat = texts.filter(texts != "").str.strip_chars_end(" ").str.split(" ").explode()
    return flat.cast(pl.Int64).to_numpy()


def _unpacked(
    connection: Connection,
    text: str,
    ids: Ids,
    size: int,
    nodes: Sequence[str],
    names: Names,
) -> pl.DataFrame:
    """Return what a statement spells as one text a row: ids of ``nodes``, and texts by name."""
    columns: Columns = {node: ColumnSpec(type="integer", required=True) for node in nodes}
    columns |= {name: ColumnSpec(type="text") for name in names}

    frames = _side_by_side(lambda some: read_rows(connection, text, columns, nodes=some), ids, size)
    return pl.concat([_empty(nodes, names), *frames], rechunk=False)


def _side_by_side(
    block: Callable[[str], pl.DataFrame], ids: Ids, size: int
) -> Iterator[pl.DataFrame]:
    """Yield what ``block`` makes of each ``size`` of ``ids``, spelled as one text."""
    texts = pl.Series(ids).cast(pl.String)
    parts = (" ".join(texts[at : at + size]) for at in range(0, len(ids), size))
    with ThreadPoolExecutor(_SESSIONS) as pool:
        yield from pool.map(block, parts)


def _chain(pattern: GraphPattern) -> str:
    """Return what follows the first node; names are quoted, and nothing else comes from the card."""
    pieces = []
    for i, (step, node) in enumerate(zip(pattern.steps, pattern.nodes[1:], strict=True)):
        left, right = ("", ">") if step.forward else ("<", "")
        pieces.append(f"{left}-[r{i}:{quoted(step.type)}]-{right}(n{i + 1}:{quoted(node.label)})")
    return "".join(pieces)


def _text(nodes: Sequence[str], names: Names) -> str:
    """Return the expression that spells ids and properties as one text, parted by $separator."""
    ids = [f"toString(id({node}))" for node in nodes]
    return " + $separator + ".join(
        [*ids, *(_spelled(f"{of}.{quoted(name)}") for of, name in names.values())]
    )


def _spelled(value: str) -> str:
    moment = f"toString(datetime({{datetime: {value}, timezone: 'Z'}}))"
    spelled = (
        f"CASE WHEN {value} IS :: ZONED DATETIME NOT NULL THEN {moment} "
        f"ELSE toStringOrNull({value}) END"
    )
    return f"coalesce('=' + {spelled}, '')"
