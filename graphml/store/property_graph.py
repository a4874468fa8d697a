"""The embedded store as a property graph: built from one generation, for Cypher, and thrown away.

It holds what the Neo4j store holds, under the same labels: a node per key, a record per row with
a relationship from its node, a tie per pair. ladybug keeps it in a temporary folder; nothing that
matters is there alone.
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import ladybug
import polars as pl

from graphml.errors import StoreError, UsageError, one_line
from graphml.schema import MARKETPLACE, ColumnType, EdgeSpec
from graphml.store.cypher import statement
from graphml.store.neo4j_session import EVENT_RELATION, RECORD_RELATION, RECORDS
from graphml.store.neo4j_ties import TIES, tie_rows

logger = logging.getLogger("graphml.store")

_TYPES: dict[ColumnType, str] = {
    "text": "STRING",
    "time": "TIMESTAMP",
    "number": "DOUBLE",
    "integer": "INT64",
    "boolean": "BOOL",
}
_MEMORY = 2 << 30
_LITERALS = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*` | //[^\n]* | /\*.*?\*/""",
    re.VERBOSE | re.DOTALL,
)
_FIRST = {"MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN"}
_REFUSED = {"LOAD", "CALL"}

Read = Callable[[str], pl.DataFrame]
"""Returns all rows of a table, with their sequence."""


class PropertyGraph:
    """A ladybug database in a temporary folder, opened to be read only."""

    def __init__(self, read: Read) -> None:
        folder = Path(tempfile.mkdtemp(prefix="graphml-cypher-"))
        # Also when nobody closes it, and when building fails.
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        _build(folder / "graph.lbug", read)
        self._database = _open(folder / "graph.lbug", read_only=True)

    def query(self, text: str, parameters: dict[str, object]) -> pl.DataFrame:
        """Return the rows of one statement that passed ``require_reading``; times are UTC.

        Raises:
            UsageError: The statement is none.
        """
        with ladybug.Connection(self._database) as connection:
            try:
                result = connection.execute(text, parameters)
                assert isinstance(result, ladybug.QueryResult)  # a list for several statements
                rows = result.get_as_pl()
            except RuntimeError as error:
                raise UsageError(
                    f"Cypher: {one_line(error)}", hint="see docs/explanation/stores.md for labels"
                ) from error
        times = [name for name, dtype in rows.schema.items() if dtype == pl.Datetime]
        return rows.with_columns(pl.col(times).dt.replace_time_zone("UTC"))

    def close(self) -> None:
        """Throw the database away."""
        self._database.close()
        self._remove()


def require_reading(text: str) -> None:
    """Refuse all but one statement that reads the graph.

    The engine refuses writes to a database opened to be read; files, settings and extensions are
    within its reach all the same.

    Raises:
        UsageError: The statement is another one.
    """
    bare = _LITERALS.sub(" ", text).strip().rstrip(";").upper()
    words = re.findall(r"\w+", bare)
    if not words or words[0] not in _FIRST or ";" in bare or _REFUSED & set(words):
        raise UsageError(
            "Cypher: only one statement that reads the graph is answered",
            hint="begin with MATCH, and leave out LOAD and CALL",
        )


def _open(path: Path, *, read_only: bool) -> ladybug.Database:
    try:
        return ladybug.Database(str(path), buffer_pool_size=_MEMORY, read_only=read_only)
    except RuntimeError as error:
        raise StoreError(
            f"the Cypher engine cannot open {path}: {one_line(error)}",
            hint="free some space or memory; the store itself is whole",
        ) from error


def _build(path: Path, read: Read) -> None:
    database = _open(path, read_only=False)
    try:
        with ladybug.Connection(database) as connection:
            builder = _Builder(connection)
            _fill(builder, {table: read(table) for table in RECORDS})
    except RuntimeError as error:
        raise StoreError(
            f"the Cypher engine could not be built: {one_line(error)}",
            hint="free some space or memory; the store itself is whole",
        ) from error
    finally:
        database.close()


class _Builder:
    """Runs the statements of ``cypher/embedded`` on a new database."""

    def __init__(self, connection: ladybug.Connection) -> None:
        self._connection = connection

    def create(self, name: str, **parts: str) -> None:
        self._connection.execute(_filled(name, parts))

    def copy(self, name: str, rows: pl.DataFrame, **parts: str) -> None:
        if rows.is_empty():
            return
        naive = rows.with_columns(
            pl.col(column).dt.replace_time_zone(None)
            for column, dtype in rows.schema.items()
            if dtype == pl.Datetime
        )
        self._connection.execute(_filled(name, parts), {"rows": naive.to_arrow()})
        logger.info("Cypher engine: %d rows of %s", rows.height, ", ".join(parts.values()))


def _filled(name: str, parts: dict[str, str]) -> str:
    # Parts are labels and columns of the schema, never data.
    text = statement(f"embedded/{name}")
    for part, value in parts.items():
        text = text.replace(f"__{part}__", value)
    return text


def _fill(builder: _Builder, rows: dict[str, pl.DataFrame]) -> None:
    for node in MARKETPLACE.nodes.values():
        keys = [frame[node.key] for frame in rows.values() if node.key in frame.columns]
        builder.create("create_nodes", LABEL=node.label, KEY=node.key)
        named = pl.concat(keys).drop_nulls().unique(maintain_order=True)
        builder.copy("copy_nodes", named.to_frame(), LABEL=node.label)
    for table, label in RECORDS.items():
        columns = MARKETPLACE.tables[table]
        typed = ", ".join(f"`{name}` {_TYPES[column.type]}" for name, column in columns.items())
        builder.create("create_records", RECORD=label, COLUMNS=typed)
        builder.copy("copy_nodes", rows[table].select(*columns, "sequence"), LABEL=label)
    _relate(builder, rows)
    _tie(builder, rows["events"])


def _relate(builder: _Builder, rows: dict[str, pl.DataFrame]) -> None:
    """Lead from each node to its records: the timeline of events, and what else is known."""
    owners = dict.fromkeys(RECORDS, MARKETPLACE.nodes["member"])
    owners["products"] = MARKETPLACE.nodes["product"]
    relations = dict.fromkeys(RECORDS, RECORD_RELATION) | {"events": EVENT_RELATION}
    for relation in dict.fromkeys(relations.values()):
        tables = [table for table in RECORDS if relations[table] == relation]
        pairs = [(owners[table].label, RECORDS[table]) for table in tables]
        builder.create("create_relation", RELATION=relation, PAIRS=_pairs(pairs))
        for table, (source, target) in zip(tables, pairs, strict=True):
            keys = rows[table].select(owners[table].key, "sequence").drop_nulls()
            builder.copy("copy_relations", keys, RELATION=relation, SOURCE=source, TARGET=target)


def _tie(builder: _Builder, events: pl.DataFrame) -> None:
    """Tie each pair of a member and what its events name, with first, last and their number."""
    by_name: dict[str, list[EdgeSpec]] = {}
    for edge in TIES:
        by_name.setdefault(edge.tie, []).append(edge)
    for name, edges in by_name.items():
        builder.create("create_ties", TIE=name, PAIRS=_pairs(map(_labels, edges)))
        for edge in edges:
            source, target = _labels(edge)
            rows = tie_rows(events, edge)
            builder.copy("copy_relations", rows, RELATION=name, SOURCE=source, TARGET=target)


def _labels(edge: EdgeSpec) -> tuple[str, str]:
    source, _, target = edge.type
    return MARKETPLACE.nodes[source].label, MARKETPLACE.nodes[target].label


def _pairs(labels: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"FROM {source} TO {target}" for source, target in labels)
