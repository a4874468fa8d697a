"""A card: how a user's own tables become the contract's, as values; nothing is read here.

The language is told in docs/how-to/bring-your-events.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graphml.schema import ColumnSpec
from graphml.tables.files import FileFormat
from graphml.tables.formulas import Formula
from graphml.tables.graphpattern import GraphPattern


@dataclass(frozen=True, kw_only=True, slots=True)
class CardFile:
    """``[files.NAME]``: where a table lies and how it is written.

    Attributes:
        paths: Relative to the card (or to ``--data``); ``*`` stands for any part of a name.
        required: Columns without which a row is set aside, whatever it is used for.
        skip: Rows that are left out on purpose, and counted.
        checksum: ``sha256:…`` of the one file.
        pattern: Of a graph, whose matches are the rows; its file is written when they are fetched.
    """

    name: str
    paths: tuple[str, ...]
    spec: FileFormat
    required: tuple[str, ...] = ()
    skip: Formula | None = None
    checksum: str | None = None
    pattern: GraphPattern | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """A row of another file beside each row; ``left`` and ``right`` name the equal columns."""

    file: str
    left: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a block: where its value comes from (one of five), and what is done to it.

    Attributes:
        column: A source column as it is.
        text: A template, as ``"{street}, {city}"``.
        formula: Arithmetic over source columns.
        value: The same for every row.
        number: Columns of the block; the id is made from them and the number of the occurrence.
        spec: Type of a column that the schema does not name: a feature.
    """

    name: str
    column: str | None = None
    text: str | None = None
    formula: Formula | None = None
    value: str | None = None
    number: tuple[str, ...] = ()
    map: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    format: tuple[str, ...] = ()
    time_zone: str | None = None
    normalise: tuple[str, ...] = ()
    pseudonym: bool = False
    spec: ColumnSpec | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """``[[TABLE]]``: rows of one table from the rows of one file."""

    table: str
    label: str
    source: str
    columns: tuple[Column, ...]
    joins: tuple[Join, ...] = ()
    where: Formula | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A card as it was written; nothing is known yet of the files it names.

    Attributes:
        store: URL of the Neo4j graph that it maps; ``None`` for a card of files.
    """

    path: Path
    files: Mapping[str, CardFile]
    blocks: tuple[Block, ...]
    time_zone: str | None = None
    currency: str | None = None
    products: bool = True
    timeless: bool = False
    pseudonym_key_file: str | None = None
    store: str | None = None

    @property
    def features(self) -> dict[str, dict[str, ColumnSpec]]:
        """Columns per table that the card adds to the schema's."""
        found: dict[str, dict[str, ColumnSpec]] = {}
        for block in self.blocks:
            named = {c.name: c.spec for c in block.columns if c.spec is not None}
            found.setdefault(block.table, {}).update(named)
        return found
