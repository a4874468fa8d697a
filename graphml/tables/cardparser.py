"""From a card's TOML to a ``Card``: unknown keys, columns, files and steps are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphml.errors import CardError, one_line
from graphml.schema import MARKETPLACE, ColumnSpec
from graphml.tables.card import Block, Card, CardFile, Column
from graphml.tables.cardparts import (
    FURTHER,
    MADE,
    TOLD,
    TYPES,
    column_keys,
    column_of,
    files_of,
    joins_of,
    known_file,
)
from graphml.tables.currencies import CURRENCIES
from graphml.tables.frames import TABLES
from graphml.tables.keys import HOW, Keys, read_toml


def read_card(path: Path) -> Card:
    """Return the card at ``path``.

    Raises:
        CardError: It is no TOML, or a key is unknown, missing or does not fit.
        SourceError: It cannot be read.
    """
    top = read_toml(path)
    if "edges" in top.values and "events" not in top.values:
        raise CardError(
            f"{path.name}: a card of a graph, not of events",
            hint="read it with read_graph: docs/how-to/add-a-graph.md",
        )
    top.known(
        *TOLD, "products", "time", "time_zone", "currency", "pseudonym_key_file", "store", "files",
        *TABLES,
    )  # fmt: skip
    for told in TOLD:
        top.text(told)
    currency = top.text("currency")
    if currency is not None and currency not in CURRENCIES:
        raise top.wrong("currency", "an ISO 4217 code, as EUR")
    files = files_of(top)
    _check_store(top, files)
    blocks = tuple(
        _block(f"{path.name} [[{table}]] {index}", table, block, files)
        for table in TABLES
        for index, block in enumerate(_blocks(top, table), start=1)
    )
    if not any(block.table == "events" for block in blocks):
        raise CardError(f"{path.name}: no [[events]] block", hint=HOW)
    return Card(
        path=path,
        files=files,
        blocks=blocks,
        time_zone=top.zone("time_zone"),
        currency=currency,
        products=top.values.get("products") != "none",
        timeless=top.text("time", ["none"]) is not None,
        pseudonym_key_file=top.text("pseudonym_key_file"),
        store=top.text("store"),
    )


def _check_store(top: Keys, files: Mapping[str, CardFile]) -> None:
    """Refuse a card that is half of files and half of a graph."""
    matched = [name for name, file in files.items() if file.pattern is not None]
    if matched and "store" not in top.values:
        raise CardError(
            f"{top.where} [files.{matched[0]}]: match speaks of a graph, and the card names none",
            hint='store = "neo4j+s://graph.example.com"',
        )
    other = next((name for name in files if name not in matched), None)
    if "store" in top.values and other is not None:
        raise CardError(
            f"{top.where} [files.{other}]: a card of a graph has no files",
            hint='match = "(c:Customer)-[r:BOUGHT]->(i:Item)"',
        )


def _blocks(top: Keys, table: str) -> list[Any]:
    blocks = top.values.get(table, [])
    if (table, blocks) == ("products", "none"):
        return []
    if not isinstance(blocks, list):
        raise CardError(f"{top.where}: [{table}] needs double brackets: [[{table}]]", hint=HOW)
    return blocks


def _block(where: str, table: str, values: Any, files: Mapping[str, CardFile]) -> Block:
    block = Keys(values, where).known("from", "join", "where", "kind", "columns")
    source = known_file(block, "from", files)
    columns = [_column(block, table, name) for name in block.table("columns").values]
    kind = block.text("kind")
    if kind is not None:
        columns.append(Column(name="kind", value=kind))
    _check_columns(where, table, columns)
    return Block(
        table=table,
        label=where,
        source=source,
        columns=tuple(columns),
        joins=joins_of(block, files),
        where=block.formula("where"),
    )


def _column(block: Keys, table: str, name: str) -> Column:
    given = column_keys(block, name, (*MADE, "number"), (*FURTHER, "static"))
    return column_of(given, name, _feature(given, table, name))


def _check_columns(where: str, table: str, columns: list[Column]) -> None:
    names = [column.name for column in columns]
    for column in columns:
        unknown = next((name for name in column.number if name not in names), None)
        if unknown is not None or column.name in column.number:
            raise CardError(
                f"{where} {column.name}: number speaks of {one_line(unknown or column.name)!r}; "
                f"known: {', '.join(name for name in names if name != column.name)}",
                hint="number takes columns of the same block",
            )
        if names.count(column.name) > 1:
            raise CardError(f"{where}: {column.name} is given twice", hint="say kind once")
        changing = table not in ("members", "products") or "valid_from" in names
        if column.spec is not None and not column.spec.doc and not changing:
            raise CardError(
                f"{where} {column.name}: may a {table[:-1]}'s {column.name} change?",
                hint="say static = true if it never does, or map valid_from",
            )


def _feature(given: Keys, table: str, name: str) -> ColumnSpec | None:
    """Return the type of a column that the schema lacks, ``None`` for those it names."""
    kind = given.text("type", TYPES)
    static = given.flag("static")
    if name in MARKETPLACE.tables[table]:
        return None
    if kind is None or name.startswith("_") or not name.isidentifier():
        raise CardError(
            f"{given.where}: {table} has no such column; known: {', '.join(MARKETPLACE.tables[table])}",
            hint="a feature of your own is a word, and needs type = (and static = true if it never changes)",
        )
    return ColumnSpec(type=kind, doc="static" if static else "")  # type: ignore[arg-type]  # checked
