"""From a card's TOML to a ``Card``: unknown keys, columns, files and steps are refused by name."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphml.errors import CardError, one_line
from graphml.schema import MARKETPLACE, ColumnSpec
from graphml.tables.card import Block, Card, CardFile, Column, Join
from graphml.tables.currencies import CURRENCIES
from graphml.tables.files import FileFormat, unreadable
from graphml.tables.frames import TABLES
from graphml.tables.keys import HOW, Keys
from graphml.tables.normalise import STEPS, step_named

_SOURCES = ("column", "text", "formula", "value", "number")
_TYPES = ("text", "time", "number", "integer", "boolean")


def read_card(path: Path) -> Card:
    """Return the card at ``path``.

    Raises:
        CardError: It is no TOML, or a key is unknown, missing or does not fit.
        SourceError: It cannot be read.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path.name}: no TOML: {one_line(error)}", hint=HOW) from error
    except OSError as error:
        raise unreadable(path, error) from error
    top = Keys(values, path.name).known(
        "name", "source", "licence", "description", "products", "time", "time_zone", "currency",
        "pseudonym_key_file", "files", *TABLES,
    )  # fmt: skip
    for told in ("name", "source", "licence", "description"):
        top.text(told)
    currency = top.text("currency")
    if currency is not None and currency not in CURRENCIES:
        raise top.wrong("currency", "an ISO 4217 code, as EUR")
    files = _files(path, top)
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
        products=values.get("products") != "none",
        timeless=top.text("time", ["none"]) is not None,
        pseudonym_key_file=top.text("pseudonym_key_file"),
    )


def _blocks(top: Keys, table: str) -> list[Any]:
    blocks = top.values.get(table, [])
    if (table, blocks) == ("products", "none"):
        return []
    if not isinstance(blocks, list):
        raise CardError(f"{top.where}: [{table}] needs double brackets: [[{table}]]", hint=HOW)
    return blocks


def _files(path: Path, top: Keys) -> dict[str, CardFile]:
    files = Keys(top.values.get("files", {}), f"{path.name} [files]")
    return {
        name: _file(f"{path.name} [files.{name}]", name, files.values[name])
        for name in files.values
    }


def _file(where: str, name: str, values: Any) -> CardFile:
    table = Keys({"path": values} if isinstance(values, str) else values, where).known(
        "path", "format", "delimiter", "quote", "encoding", "null", "decimal", "required", "skip",
        "checksum",
    )  # fmt: skip
    paths = table.texts("path")
    if not paths:
        raise CardError(f"{where}: no path", hint=HOW)
    checksum = table.text("checksum")
    if checksum is not None and not checksum.startswith("sha256:"):
        raise table.wrong("checksum", "sha256: and 64 hexadecimal digits")
    kind = table.text("format", ["csv", "jsonl", "parquet"])
    return CardFile(
        name=name,
        paths=paths,
        spec=FileFormat(
            format=kind,  # type: ignore[arg-type]  # one of the three, just checked
            delimiter=_sign(table, "delimiter"),
            quote='"' if "quote" not in table.values else _sign(table, "quote"),
            encoding=_encoding(table),
            null=table.texts("null"),
            decimal=table.text("decimal", [",", "."]) or "",
        ),
        required=table.texts("required"),
        skip=table.formula("skip"),
        checksum=checksum,
    )


def _sign(table: Keys, key: str) -> str:
    sign = {"tab": "\t", "none": ""}.get(str(table.text(key)), table.text(key) or "")
    if len(sign) > 1 or not sign.isascii() or sign in ("\n", "\r"):
        raise table.wrong(key, "one ASCII character, tab or none")
    return sign


def _encoding(table: Keys) -> str:
    name = table.text("encoding") or "utf-8"
    try:
        return name if codecs.lookup(name).name != "utf-8-sig" else "utf-8"
    except LookupError as error:
        raise table.wrong("encoding", "a name such as latin-1 or cp1252") from error


def _block(where: str, table: str, values: Any, files: Mapping[str, CardFile]) -> Block:
    block = Keys(values, where).known("from", "join", "where", "kind", "columns")
    source = _known_file(block.where, block.text("from"), files)
    columns = [
        _column(f"{where} {name}", table, name, value)
        for name, value in Keys(block.values.get("columns", {}), f"{where} columns").values.items()
    ]
    kind = block.text("kind")
    if kind is not None:
        columns.append(Column(name="kind", value=kind))
    _check_columns(where, table, columns)
    joins = block.values.get("join", [])
    joined = tuple(
        _join(where, join, files) for join in (joins if isinstance(joins, list) else [joins])
    )
    return Block(
        table=table,
        label=where,
        source=source,
        columns=tuple(columns),
        joins=joined,
        where=block.formula("where"),
    )


def _known_file(where: str, name: str | None, files: Mapping[str, CardFile]) -> str:
    if name is None or name not in files:
        told = "names no file" if name is None else f"names the file {one_line(name)!r}"
        raise CardError(f"{where}: {told}; known: {', '.join(files) or 'none'}", hint=HOW)
    return name


def _join(where: str, values: Any, files: Mapping[str, CardFile]) -> Join:
    table = Keys(values, f"{where} join").known("file", "on")
    on = table.values.get("on")
    if isinstance(on, dict) and on and all(isinstance(right, str) for right in on.values()):
        left, right = tuple(on), tuple(on.values())
    else:
        left = right = table.texts("on")
    if not left:
        raise CardError(f"{table.where}: no on: the columns that are equal", hint=HOW)
    return Join(file=_known_file(table.where, table.text("file"), files), left=left, right=right)


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


def _column(where: str, table: str, name: str, values: Any) -> Column:
    given = Keys({"column": values} if isinstance(values, str) else values, where).known(
        *_SOURCES,
        "map",
        "default",
        "format",
        "time_zone",
        "normalise",
        "pseudonym",
        "type",
        "static",
    )
    if len([key for key in _SOURCES if key in given.values]) != 1:
        raise CardError(f"{where}: needs exactly one of {', '.join(_SOURCES)}", hint=HOW)
    for step in given.texts("normalise"):
        if step_named(step) is None:
            raise CardError(
                f"{where}: unknown step {one_line(step)!r}; known: {', '.join(STEPS)}, network/BITS",
                hint=HOW,
            )
    pairs = Keys(given.values.get("map", {}), f"{where} map")
    return Column(
        name=name,
        column=given.text("column"),
        text=given.text("text"),
        formula=given.formula("formula"),
        value=given.text("value"),
        number=given.texts("number"),
        map={key: pairs.text(key) or "" for key in pairs.values},
        default=given.text("default"),
        format=given.texts("format"),
        time_zone=given.zone("time_zone"),
        normalise=given.texts("normalise"),
        pseudonym=given.flag("pseudonym"),
        spec=_feature(given, table, name),
    )


def _feature(given: Keys, table: str, name: str) -> ColumnSpec | None:
    """Return the type of a column that the schema lacks, ``None`` for those it names."""
    kind = given.text("type", _TYPES)
    static = given.flag("static")
    if name in MARKETPLACE.tables[table]:
        return None
    if kind is None or name.startswith("_") or not name.isidentifier():
        raise CardError(
            f"{given.where}: {table} has no such column; known: {', '.join(MARKETPLACE.tables[table])}",
            hint="a feature of your own is a word, and needs type = (and static = true if it never changes)",
        )
    return ColumnSpec(type=kind, doc="static" if static else "")  # type: ignore[arg-type]  # checked
