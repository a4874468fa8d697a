"""A card bound to its files: each block becomes rows of a table."""

from __future__ import annotations

import os
from pathlib import Path

from graphml.errors import CardError
from graphml.privacy.pseudonyms import pseudonym_key
from graphml.schema import MARKETPLACE
from graphml.tables.asides import Aside
from graphml.tables.blocks import BlockPart
from graphml.tables.card import Card
from graphml.tables.cardfiles import CardTable, locate

DATA = "GRAPHML_DATA"
"""The environment variable that names the folder of a card's files."""


def bind(card: Card, data: Path | None) -> tuple[tuple[BlockPart, ...], tuple[Aside, ...]]:
    """Return the blocks of ``card`` as parts of a source, and what its files set aside.

    Raises:
        CardError: A block names a column that its files lack, or stores raw what it pseudonymises.
        ConfigError: Columns are pseudonymised and there is no key.
        SourceError: A file is missing or cannot be read.
    """
    return bind_to(card, open_files(card, data))


def open_files(card: Card, data: Path | None) -> dict[str, CardTable]:
    """Return the files that the blocks of ``card`` use, by name, found but not read.

    Raises:
        SourceError: One is missing.
    """
    folder = data or (Path(os.environ[DATA]) if os.environ.get(DATA) else None)
    used = dict.fromkeys(
        name
        for block in card.blocks
        for name in (block.source, *(join.file for join in block.joins))
    )
    return {
        name: CardTable(card.files[name], locate(card, card.files[name], folder)) for name in used
    }


def bind_to(
    card: Card, tables: dict[str, CardTable]
) -> tuple[tuple[BlockPart, ...], tuple[Aside, ...]]:
    """Return what ``bind`` does, over files that are open."""
    private = any(column.pseudonym for block in card.blocks for column in block.columns)
    key = pseudonym_key(_key_file(card)) if private else None
    parts = tuple(
        BlockPart(block, tables, card.time_zone, card.currency, key) for block in card.blocks
    )
    for part in parts:
        _check(part, card)
        part.bind()
    for table in tables.values():
        skip = table.file.skip
        table.use(
            table.column(name) for name in (*table.file.required, *(skip.columns if skip else ()))
        )
    _check_privacy(parts)
    asides = tuple(_aside(name, table, parts, private=private) for name, table in tables.items())
    return parts, asides


def _key_file(card: Card) -> Path | None:
    named = card.pseudonym_key_file
    return None if named is None else card.path.parent / named


def _aside(name: str, table: CardTable, parts: tuple[BlockPart, ...], *, private: bool) -> Aside:
    users = [p for p in parts if name in (p.block.source, *(join.file for join in p.block.joins))]
    keys = dict.fromkeys(j.right for p in parts for j in p.block.joins if j.file == name)
    own = tuple(part for part in parts if part.block.source == name)
    return Aside(users[0].table, table, own, tuple(keys), private)


def _check(part: BlockPart, card: Card) -> None:
    """Refuse a block that joins a file twice, lacks a required column, or has a time without zone."""
    block = part.block
    files = [block.source, *(join.file for join in block.joins)]
    if len(set(files)) < len(files):
        raise CardError(
            f"{block.label}: joins a file twice", hint="name the file twice under [files]"
        )
    optional = ("time",) if card.timeless else ()
    for name, spec in MARKETPLACE.tables.get(block.table, {}).items():
        if spec.required and name not in part.columns() and name not in optional:
            raise CardError(
                f"{block.label}: no column {name}", hint=f"map it under [{block.table}.columns]"
            )
    for column in block.columns:
        bare = any("%z" not in form and not form.startswith("unix") for form in column.format)
        if bare and not (column.time_zone or card.time_zone):
            raise CardError(
                f"{block.label} {column.name}: the format names no time zone",
                hint='say time_zone = "Europe/London" (or another) for the column or the card',
            )


def _check_privacy(parts: tuple[BlockPart, ...]) -> None:
    """Refuse a card that stores a column's raw value beside its pseudonym."""
    secret = {
        origin
        for part in parts
        for column in part.block.columns
        if column.pseudonym
        for origin in part.reads(column)
    }
    for part in parts:
        for column in part.block.columns:
            shown = [] if column.pseudonym else [o for o in part.reads(column) if o in secret]
            if shown:
                raise CardError(
                    f"{part.name} {column.name}: stores {'.'.join(shown[0])} as it is, "
                    "which the card pseudonymises elsewhere",
                    hint="say pseudonym = true here too",
                )
