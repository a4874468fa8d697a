"""Find what a source holds: a folder of tables, or a card that maps a user's own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from graphml.errors import SourceError
from graphml.schema import MARKETPLACE, ColumnSpec
from graphml.tables.asides import Aside
from graphml.tables.cardparser import read_card
from graphml.tables.files import FILE, File, FileFormat, Rows, format_of, unreadable
from graphml.tables.frames import TABLES
from graphml.tables.mapping import bind
from graphml.tables.reading import columns_of, rows_of

_NAME = re.compile(rf"({'|'.join(TABLES)})([-._].*)?\.[a-z]+(\.gz)?", re.IGNORECASE)


class Part(Protocol):
    """Rows for one table: a file of a folder, or a block of a card."""

    @property
    def table(self) -> str:
        """The table it gives rows to."""

    @property
    def name(self) -> str:
        """The name under which messages speak of it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The files its rows come from."""

    def columns(self) -> list[str]:
        """Return the columns that it has."""

    def rows(self, columns: Iterable[str]) -> Rows:
        """Return its rows with those of ``columns`` it has, ``_file`` (index) and ``_line``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What there is to load; nothing but names and headers has been read yet.

    Attributes:
        name: The folder or card.
        parts: Rows for the tables, in a fixed order.
        asides: What of a card's files becomes no row of any table.
        time_zone: Zone of times that name none; ``None`` makes them a broken rule.
        products: False when the card says ``products = "none"``: no event needs one.
        timeless: True when the card says ``time = "none"``: events may lack a time.
        features: Further columns per table, which the card names.
        notes: One line each about files that are left aside.
    """

    name: str
    parts: tuple[Part, ...]
    asides: tuple[Aside, ...] = ()
    time_zone: str | None = None
    products: bool = True
    timeless: bool = False
    features: Mapping[str, Mapping[str, ColumnSpec]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are present."""
        present = {part.table for part in self.parts}
        return tuple(table for table in TABLES if table in present)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a folder, whose columns have the contract's names already."""

    table: str
    file: File

    @property
    def name(self) -> str:
        """The file's name; with its folder's for one of many parts."""
        path = self.file.path
        return f"{path.parent.name}/{path.name}" if path.parent.name == self.table else path.name

    @property
    def names(self) -> tuple[str, ...]:
        """The one file."""
        return (self.name,)

    def columns(self) -> list[str]:
        """Return the file's columns."""
        columns = MARKETPLACE.tables[self.table].items()
        return columns_of(self.file, [name for name, spec in columns if spec.required])

    def rows(self, columns: Iterable[str]) -> Rows:
        """Return the file's rows."""
        rows = rows_of(self.file, columns)
        frame = rows.frame.with_columns(pl.lit(0, pl.UInt32).alias(FILE))
        return Rows(frame=frame, malformed=rows.malformed)


def read_source(path: Path | str, data: Path | str | None = None) -> Source:
    """Return the tables that a folder or card names, without reading their rows.

    Args:
        path: A folder with ``events`` and, where there are, ``members``, ``products``, ``labels``
            and ``links`` as .parquet, .csv, .csv.gz, .jsonl or .jsonl.gz; several files of a table
            (``events-2024-01.csv``) or a folder of parts (``events/``); or a TOML card.
        data: Folder of the files that a card names; the card's own when omitted.

    Raises:
        SourceError: Nothing is there, no events among it, or a file cannot be read.
        CardError: The card is malformed or does not fit its files.
    """
    path = Path(path)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise unreadable(path, error) from error
    if is_folder:
        return _folder(path)
    if not exists:
        raise SourceError(f"{path}: no such folder or card", hint="check the path")
    if path.suffix.lower() == ".toml":
        card = read_card(path)
        parts, asides = bind(card, Path(data) if data is not None else None)
        return Source(
            name=str(path),
            parts=parts,
            asides=asides,
            time_zone=card.time_zone,
            products=card.products,
            timeless=card.timeless,
            features=card.features,
        )
    raise SourceError(
        f"{path}: neither a folder of tables nor a .toml card",
        hint="give the folder that holds the file, or a card",
    )


def _folder(folder: Path) -> Source:
    parts: list[FilePart] = []
    others: list[str] = []
    for entry in sorted(_entries(folder)):
        found = _parts(entry)
        parts += found
        if not found and not entry.name.startswith((".", "_")):
            others.append(entry.name)
    if not any(part.table == "events" for part in parts):
        seen = (
            f"found: {', '.join([part.name for part in parts] + others)}"
            if parts or others
            else "it is empty"
        )
        raise SourceError(
            f"{folder}: no events table ({seen})",
            hint="name it events.parquet, events.csv or events.jsonl, or write a card: "
            "docs/how-to/bring-your-events.md",
        )
    notes = (f"{folder.name}: left aside {', '.join(others)}: no table's name",) if others else ()
    return Source(name=str(folder), parts=tuple(parts), notes=notes)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files of tables in ``folder`` and its folders; one that is closed is an error."""

    def refuse(error: OSError) -> None:
        raise unreadable(Path(error.filename or folder), error) from error

    for place, _, names in os.walk(folder, onerror=refuse):
        files = (Path(place, name) for name in names)
        yield from (file for file in files if file.is_file() and format_of(file))


def _parts(entry: Path) -> list[FilePart]:
    if entry.is_dir():
        if entry.name not in TABLES:
            return []
        return [FilePart(entry.name, File(file, FileFormat())) for file in sorted(_below(entry))]
    match = _NAME.fullmatch(entry.name)
    if match is None or format_of(entry) is None:
        return []
    return [FilePart(match[1].lower(), File(entry, FileFormat()))]
