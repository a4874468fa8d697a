"""What a card of a graph asks for: the properties it reads, and whose nodes its ids are."""

from __future__ import annotations

from dataclasses import dataclass

from graphml.errors import CardError
from graphml.tables.card import Block, Card, Column
from graphml.tables.columns import source_columns


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedKey:
    """The label and property of the user's nodes that an id is taken from, as it is."""

    label: str
    key: str


def properties_read(card: Card) -> dict[str, tuple[str, ...]]:
    """Return by file the ``alias.property`` that the card reads of its matches."""
    read: dict[str, list[str]] = {name: [*file.required] for name, file in card.files.items()}
    for name, file in card.files.items():
        read[name] += file.skip.columns if file.skip else ()
    for block in card.blocks:
        for used in (block.source, *(join.file for join in block.joins)):
            # A file may be called as an alias is: the name as it stands comes first.
            for name in _named(block):
                read[used] += [name, name.removeprefix(f"{used}.")]
    return {
        name: file.pattern.properties(read[name])
        for name, file in card.files.items()
        if file.pattern is not None
    }


def _named(block: Block) -> list[str]:
    """Return the names of source columns that a block speaks of, as the card writes them."""
    return [
        *(block.where.columns if block.where else ()),
        *(name for join in block.joins for name in (*join.left, *join.right)),
        *(name for column in block.columns for name in source_columns(column)),
    ]


def key_of(card: Card, column: str) -> MatchedKey | None:
    """Return whose property every ``column`` of the events is; ``None`` where no event has one.

    Raises:
        CardError: Blocks take it from different nodes, or not as it is: results could not be
            written back beside them.
    """
    found = {
        _key(card, block, own)
        for block in card.blocks
        if block.table == "events"
        for own in block.columns
        if own.name == column
    }
    if len(found) > 1:
        raise CardError(
            f"{card.path.name}: {column} comes from several labels or properties",
            hint="results are written beside one label and key alone",
        )
    return next(iter(found), None)


def _key(card: Card, block: Block, column: Column) -> MatchedKey:
    changed = column.normalise or column.map or column.pseudonym or column.default is not None
    for file in (block.source, *(join.file for join in block.joins)):
        pattern = card.files[file].pattern
        alias, _, name = (column.column or "").removeprefix(f"{file}.").partition(".")
        label = pattern.label_of(alias) if pattern is not None else None
        if label is not None and name and not changed:
            return MatchedKey(label=label, key=name)
    raise CardError(
        f"{block.label} {column.name}: not the property of a node as it is",
        hint=f'{column.name} = "c.number" with a node (c:Customer) in the match: results are written beside it',
    )
