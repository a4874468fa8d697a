"""What the cards of events and of graphs are made of: files, joins, columns."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from typing import get_args

from graphml.errors import CardError, one_line
from graphml.schema import ColumnSpec, ColumnType
from graphml.tables.card import CardFile, Column, Join
from graphml.tables.files import FileFormat, Format
from graphml.tables.graphpattern import parse_pattern
from graphml.tables.keys import Keys
from graphml.tables.normalise import STEPS, step_named

MADE = ("column", "text", "formula", "value")
"""Where a value may come from: exactly one of these."""
FURTHER = ("map", "default", "format", "time_zone", "normalise", "pseudonym", "type")
"""What may be said of a value beside where it comes from."""
TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
TOLD = ("name", "source", "licence", "description")
"""What a card tells people."""


def files_of(top: Keys) -> dict[str, CardFile]:
    """Return what ``[files]`` names."""
    files = top.table("files", f"{top.where} [files]")
    return {name: _file(f"{top.where} [files.{name}]", name, files) for name in files.values}


def _file(where: str, name: str, files: Keys) -> CardFile:
    values = files.values[name]
    if isinstance(values, dict) and "match" in values:
        return _matched(Keys(values, where, files.how), name)
    table = Keys({"path": values} if isinstance(values, str) else values, where, files.how).known(
        "path", "format", "delimiter", "quote", "encoding", "null", "decimal", "required", "skip",
        "checksum",
    )  # fmt: skip
    paths = table.texts("path")
    if not paths:
        raise CardError(f"{where}: no path", hint=files.how)
    checksum = table.text("checksum")
    if checksum is not None and not checksum.startswith("sha256:"):
        raise table.wrong("checksum", "sha256: and 64 hexadecimal digits")
    kind = table.text("format", get_args(Format))
    return CardFile(
        name=name,
        paths=paths,
        spec=FileFormat(
            format=kind,  # type: ignore[arg-type]  # one of them, just checked
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


def _matched(table: Keys, name: str) -> CardFile:
    """Return a file whose rows are the matches of a pattern; it is called as it is in the card."""
    table.known("match", "required", "skip")
    if not name.isidentifier():
        raise CardError(f"{table.where}: what is matched is named by a word", hint=table.how)
    return CardFile(
        name=name,
        paths=(name,),
        spec=FileFormat(format="parquet"),
        required=table.texts("required"),
        skip=table.formula("skip"),
        pattern=parse_pattern(table.text("match") or "", table.where),
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


def known_file(keys: Keys, key: str, files: Mapping[str, CardFile]) -> str:
    """Return the name under ``key``, if it is that of a file of the card."""
    name = keys.text(key)
    if name is None or name not in files:
        told = "names no file" if name is None else f"names the file {one_line(name)!r}"
        raise CardError(f"{keys.where}: {told}; known: {', '.join(files) or 'none'}", hint=keys.how)
    return name


def joins_of(block: Keys, files: Mapping[str, CardFile]) -> tuple[Join, ...]:
    """Return the joins of a block."""
    joins = block.values.get("join", [])
    return tuple(
        _join(Keys(join, f"{block.where} join", block.how), files)
        for join in (joins if isinstance(joins, list) else [joins])
    )


def _join(table: Keys, files: Mapping[str, CardFile]) -> Join:
    on = table.known("file", "on").values.get("on")
    if isinstance(on, dict) and on and all(isinstance(right, str) for right in on.values()):
        left, right = tuple(on), tuple(on.values())
    else:
        left = right = table.texts("on")
    if not left:
        raise CardError(f"{table.where}: no on: the columns that are equal", hint=table.how)
    return Join(file=known_file(table, "file", files), left=left, right=right)


def column_keys(block: Keys, name: str, made: Iterable[str], further: Iterable[str]) -> Keys:
    """Return what ``[TABLE.columns]`` says of column ``name``; a text is the column's name.

    Raises:
        CardError: It says something beside ``made`` and ``further``, or not one of ``made``.
    """
    values, where = block.table("columns").values[name], f"{block.where} {name}"
    given = Keys({"column": values} if isinstance(values, str) else values, where, block.how)
    made = tuple(made)
    given.known(*made, *further)
    if len([key for key in made if key in given.values]) != 1:
        raise CardError(f"{where}: needs exactly one of {', '.join(made)}", hint=block.how)
    return given


def column_of(given: Keys, name: str, spec: ColumnSpec | None) -> Column:
    """Return column ``name`` as ``column_keys`` found it described."""
    for step in given.texts("normalise"):
        if step_named(step) is None:
            raise CardError(
                f"{given.where}: unknown step {one_line(step)!r}; "
                f"known: {', '.join(STEPS)}, network/BITS",
                hint=given.how,
            )
    pairs = given.table("map")
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
        spec=spec,
    )
