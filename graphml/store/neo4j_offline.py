"""The first load of very many events: files for ``neo4j-admin database import full``.

What a load writes into an empty Neo4j is written into a folder instead, as CSV: a file for the
nodes of each label, one for the relationships of each type between two labels, and ``import.args``,
which names them all to the importer, relative to the folder. Imported, they are the graph that the
load would have made, so that the next load goes on from it.

Texts are in quotes and what is absent is an empty field, so that no text can be mistaken for
anything else. The files are not compressed: gzip makes a third of them, and takes twice as long to
write and a quarter longer to import, which then reads each in one thread. Whoever has to send them
may compress each under its own name; the importer sees it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl
import polars.selectors as cs

from graphml.errors import UsageError
from graphml.schema import MARKETPLACE, SCHEMA_VERSION, ColumnType, EdgeSpec, NodeSpec
from graphml.store.base import Counts
from graphml.store.files import clear_errors
from graphml.store.neo4j_rows import fold_features, named_keys, owner_of, record_columns
from graphml.store.neo4j_schema import schema_statements
from graphml.store.neo4j_session import RECORDS, relation_of
from graphml.store.neo4j_ties import TIES, tie_rows
from graphml.store.neo4j_write import batches_of, numbered
from graphml.store.novelty import KEYS, Novelty, counted, new_attributes, new_events, new_rows
from graphml.tables.frames import Tables, empty

logger = logging.getLogger("graphml.store")

ARGUMENTS = "import.args"
"""File of the importer's arguments; its paths are relative to the folder it is in."""
INDEXES = "indexes.cypher"
"""File of the statements that create constraints and indexes, as the first write would."""
COMMAND = f"neo4j-admin database import full neo4j @{ARGUMENTS}"
"""What imports the files, run in their folder."""
PARTIAL = ".partial"
"""Ending of the folder's name until it is whole."""

_OPTIONS = {
    "id-type": "string",
    "input-encoding": "UTF-8",
    "ignore-empty-strings": "false",
    "trim-strings": "false",
    "legacy-style-quoting": "false",
    "bad-tolerance": "0",
}
_TYPES: dict[ColumnType, str] = {
    "text": "string",
    "time": "datetime",
    "number": "double",
    "integer": "long",
    "boolean": "boolean",
}
_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"
_SPACE = "record"
"""Id space of the records: the importer finds them by their load sequence, which is short."""
_BUFFER = 4 * 2**20
"""Bytes that the importer reads at a time by default; a value has to fit in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One file: nodes of a label or relationships of a type, under the importer's headings."""

    option: str
    type: str
    name: str
    rows: pl.DataFrame

    @property
    def path(self) -> str:
        # The importer of Neo4j 2026 wants a folder before the name.
        return f"{self.option}/{self.name}.csv"


class ImportFiles:
    """A folder that takes one load, as files for an empty Neo4j.

    Args:
        folder: Where they go: it is there whole, or not at all.

    Raises:
        UsageError: ``folder`` exists and is not an empty folder, or another command writes it.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} exists and is not an empty folder", hint="another OUT")
        self.folder = folder
        self._whole = folder.resolve()
        self._partial = self._whole.with_name(self._whole.name + PARTIAL)
        if self._partial.exists():
            raise _left_behind(self._partial)

    def write_tables(self, tables: Tables, *, strict: bool = False) -> Counts:
        """Write ``tables`` as an empty store would take them in; what that does is counted alike.

        Raises:
            StoreConflictError: Two events have one event_id, and ``strict`` refuses that.
            StoreError: The disk is full, or the folder may not be written; nothing is left of it.
        """
        news = _news(tables)
        counts = counted(news, strict=strict)
        with self._writing() as folder:
            _write(folder, _with_sequences({table: news[table].new for table in news}))
        return counts

    def preview_tables(self, tables: Tables) -> Counts:
        """Return what ``write_tables`` would do."""
        return counted(_news(tables))

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """Give a folder that takes its name when the block ends well, and goes when it does not."""
        with clear_errors(self.folder, instead="another OUT"):
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._partial.mkdir()
            except FileExistsError as error:
                raise _left_behind(self._partial) from error
            try:
                yield self._partial
                if self._whole.exists():
                    self._whole.rmdir()
                self._partial.rename(self._whole)
            except BaseException:
                shutil.rmtree(self._partial, ignore_errors=True)
                raise


def _left_behind(partial: Path) -> UsageError:
    return UsageError(
        f"{partial} exists: a command that was cut off left it, or one is writing it",
        hint=f"another OUT; or rm -r {partial} if nothing is writing it",
    )


def _news(tables: Tables) -> dict[str, Novelty]:
    return {table: _novelty(table, rows) for table, rows in batches_of(tables).items()}


def _novelty(table: str, rows: pl.DataFrame) -> Novelty:
    """Return what an empty store takes of ``rows``."""
    if table == "events":
        return new_events(rows, [])
    if table in KEYS:
        return new_attributes(rows, empty(table), table)
    return new_rows(rows, empty(table))


def _with_sequences(news: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return each table's new rows with their load sequences, from 1 on, table by table."""
    first, given = 1, {}
    for table, rows in news.items():
        given[table] = numbered(rows, first)
        first += rows.height
    return given


def _write(folder: Path, news: dict[str, pl.DataFrame]) -> None:
    arguments, lines, longest = [], False, 0
    for part in _parts(news):
        (folder / part.option).mkdir(exist_ok=True)
        part.rows.lazy().sink_csv(
            folder / part.path, quote_style="non_numeric", datetime_format=_TIME
        )
        texts = part.rows.select(cs.string())
        lines = lines or _holds_lines(texts)
        longest = max(longest, _longest(texts))
        arguments.append(f"--{part.option}={part.type}={part.path}")
        logger.info("wrote %d %s to %s", part.rows.height, part.option, part.path)
    options = {
        **_OPTIONS,
        # The importer is slower where a field may go over lines.
        "multiline-fields": "true" if lines else "false",
        "read-buffer-size": str(max(_BUFFER, 2 * longest)),
    }
    arguments = [*(f"--{name}={value}" for name, value in options.items()), *arguments]
    (folder / ARGUMENTS).write_text("".join(f"{line}\n" for line in arguments), encoding="ascii")
    (folder / INDEXES).write_text(
        "".join(f"{_bare(text)};\n" for text in schema_statements().values()), encoding="ascii"
    )


def _bare(statement: str) -> str:
    return " ".join(line for line in statement.splitlines() if not line.startswith("//"))


def _holds_lines(texts: pl.DataFrame) -> bool:
    ends = [pl.all().str.contains(end, literal=True).any() for end in "\n\r"]
    return any(value for end in ends for value in texts.select(end).row(0))


def _longest(texts: pl.DataFrame) -> int:
    """Return the bytes of the longest text, 0 where there is none."""
    sizes = texts.select(pl.all().str.len_bytes().max()).row(0)
    return max((size for size in sizes if size is not None), default=0)


def _parts(news: dict[str, pl.DataFrame]) -> Iterator[_Part]:
    """Yield what an empty store would hold of ``news``, one file at a time; none is empty."""
    last = sum(rows.height for rows in news.values())
    yield from _counters(last)
    held = {table: rows for table, rows in news.items() if rows.height}
    for part in chain(
        (_nodes(node, held) for node in MARKETPLACE.nodes.values()),
        (_records(table, rows) for table, rows in held.items()),
        (_owned(table, rows) for table, rows in held.items()),
        (_tied(edge, news["events"], last) for edge in TIES),
    ):
        if part.rows.height:
            yield part


def _counters(last: int) -> Iterator[_Part]:
    """Yield the two nodes that say how far the store is loaded, as ``create_store`` makes them."""
    for label, content in (
        (
            "GraphmlStore",
            {"name:string": "store", "version:long": SCHEMA_VERSION, "sequence:long": last},
        ),
        ("GraphmlSequence", {"name:string": "sequence", "reserved:long": last}),
    ):
        yield _Part(option="nodes", type=label, name=label, rows=pl.DataFrame([content]))


def _nodes(node: NodeSpec, news: dict[str, pl.DataFrame]) -> _Part:
    keys = [key.rename(node.key) for rows in news.values() for key in named_keys(rows, node)]
    named = pl.concat([pl.Series(node.key, [], pl.String), *keys]).drop_nulls().unique()
    rows = named.to_frame(_heading(node.key, f"ID({node.label})"))
    return _Part(option="nodes", type=node.label, name=node.label, rows=rows)


def _records(table: str, rows: pl.DataFrame) -> _Part:
    headings = {name: _heading(name, _TYPES[c.type]) for name, c in record_columns(table).items()}
    headings["sequence"] = _heading("sequence", f"ID({_SPACE}){{id-type:long}}")
    folded = fold_features(rows, table).select(
        pl.col(name).alias(heading) for name, heading in headings.items()
    )
    return _Part(option="nodes", type=RECORDS[table], name=RECORDS[table], rows=folded)


def _owned(table: str, rows: pl.DataFrame) -> _Part:
    """Return the relationships from members or products to their records; some labels have none."""
    owner, relation = owner_of(table), relation_of(table)
    ends = rows.select(
        pl.col(owner.key).alias(f":START_ID({owner.label})"),
        pl.col("sequence").alias(f":END_ID({_SPACE})"),
    ).drop_nulls()
    name = f"{relation}_{RECORDS[table]}"
    return _Part(option="relationships", type=relation, name=name, rows=ends)


def _tied(edge: EdgeSpec, events: pl.DataFrame, last: int) -> _Part:
    source, target = (MARKETPLACE.nodes[name] for name in edge.type[::2])
    # Of the columns that make it alone: to filter wide rows would copy them.
    pairs = tie_rows(events.select("kind", "time", source.key, target.key), edge)
    rows = pairs.select(
        pl.col(source.key).alias(f":START_ID({source.label})"),
        pl.col("target").alias(f":END_ID({target.label})"),
        *(pl.col(name).alias(_heading(name, _TYPES["time"])) for name in ("first", "last")),
        pl.col("events").alias(_heading("events", _TYPES["integer"])),
        pl.lit(last, pl.Int64).alias(_heading("sequence", _TYPES["integer"])),
    )
    name = f"{edge.tie}_{target.label}"
    return _Part(option="relationships", type=edge.tie, name=name, rows=rows)


def _heading(name: str, type_: str) -> str:
    return f"{name}:{type_}"
