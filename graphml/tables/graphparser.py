"""From a graph card's TOML to a ``GraphCard``: what is unknown or does not fit is refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

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
from graphml.tables.graphcard import (
    EDGE_COLUMNS,
    NODE_COLUMNS,
    PARTS,
    EdgeBlock,
    GraphCard,
    NodeBlock,
)
from graphml.tables.keys import Keys, read_toml

HOW = "see docs/how-to/add-a-graph.md"
"""The hint of errors that the language's page answers."""

_TAKEN = {name for name in MARKETPLACE.tables["events"] if MARKETPLACE.node_of(name) is None}
_LINKS = ("member", "links", "member")
_LONGEST = 60
_SAID = tuple(key for key in FURTHER if key != "type")
"""What may be said of a column whose type is known."""


def read_graph_card(path: Path) -> GraphCard:
    """Return the card at ``path``.

    Raises:
        CardError: It is no TOML, or a key is unknown, missing or does not fit.
        SourceError: It cannot be read.
    """
    top = read_toml(path, HOW)
    top.known(*TOLD, "time", "time_zone", "pseudonym_key_file", "files", "nodes", "edges", "split")
    for told in TOLD:
        top.text(told)
    card = Card(
        path=path,
        files=files_of(top),
        blocks=(),
        time_zone=top.zone("time_zone"),
        timeless=top.text("time", ["none"]) is not None,
        pseudonym_key_file=top.text("pseudonym_key_file"),
    )
    nodes = tuple(_node(block, card) for block in _blocks(top, "nodes"))
    types = [node.type for node in nodes]
    for name in types:
        if types.count(name) > 1:
            raise CardError(f"{top.where}: two [[nodes]] blocks of type {name}", hint=HOW)
    edges = tuple(_edge(block, card, types) for block in _blocks(top, "edges"))
    _check_ends(top.where, nodes, edges, card)
    _check_one(top.where, "label", [n.type for n in nodes if n.block and _has(n.block, "label")])
    _check_one(top.where, "split", [" ".join(edge.type) for edge in edges if edge.part])
    return GraphCard(head=card, nodes=nodes, edges=edges, cuts=_cuts(top, card))


def _blocks(top: Keys, table: str) -> Iterator[Keys]:
    blocks = top.values.get(table, [])
    if not isinstance(blocks, list):
        raise CardError(f"{top.where}: [{table}] needs double brackets: [[{table}]]", hint=HOW)
    for index, values in enumerate(blocks, start=1):
        yield Keys(values, f"{top.where} [[{table}]] {index}", HOW)


def _check_one(where: str, key: str, types: list[str]) -> None:
    if len(set(types)) > 1:
        raise CardError(f"{where}: {key} stands at {' and '.join(dict.fromkeys(types))}", hint=HOW)


def _check_ends(
    where: str, nodes: tuple[NodeBlock, ...], edges: tuple[EdgeBlock, ...], card: Card
) -> None:
    """Refuse nodes that edges cannot name, and a card of neither edges nor a table of nodes.

    Raises:
        CardError: There are any; it is such a card.
    """
    ends = {end for edge in edges for end in (edge.type[0], edge.type[2])}
    for node in nodes:
        if node.block is not None and node.type in ends and not _has(node.block, "key"):
            raise CardError(
                f"{node.block.label}: no column key", hint="map it under [nodes.columns]"
            )
    if edges:
        return
    tables = [node.block for node in nodes if node.block is not None]
    if not tables:
        raise CardError(
            f"{where}: no [[edges]] block, and no table of nodes",
            hint=f"edges, or from under [[nodes]]; {HOW}",
        )
    for block in tables:
        if _has(block, "label") and not card.timeless and not _has(block, "time"):
            raise CardError(
                f"{block.label}: no column time, and no edges that have one",
                hint='map time, or say time = "none" for the card',
            )


def _cuts(top: Keys, card: Card) -> tuple[datetime, datetime] | None:
    split = top.table("split", f"{top.where} [split]").known("valid_from", "test_from")
    if not split.values:
        return None
    _check_timed(split, "[split]", card)
    valid_from, test_from = split.moment("valid_from"), split.moment("test_from")
    if valid_from is None or test_from is None or valid_from >= test_from:
        raise CardError(f"{split.where}: needs valid_from and, later, test_from", hint=HOW)
    return valid_from, test_from


def _check_timed(keys: Keys, told: str, card: Card) -> None:
    if card.timeless:
        raise CardError(
            f'{keys.where}: {told} speaks of time, but the card says time = "none"', hint=HOW
        )


def _node(keys: Keys, card: Card) -> NodeBlock:
    keys.known("type", "from", "join", "where", "features", "positive", "static", "columns")
    name = _name(keys, keys.text("type"))
    if name in _TAKEN:
        raise CardError(
            f"{keys.where}: type {name} is the name of a record's column", hint="name it otherwise"
        )
    keys.where = f"{keys.where} ({name})"
    if "from" not in keys.values:
        further = next((key for key in keys.values if key != "type"), None)
        if further is not None:
            raise CardError(f"{keys.where}: {further} without from", hint=HOW)
        return NodeBlock(type=name)
    columns = tuple(_node_column(keys, column) for column in keys.table("columns").values)
    block = _block(keys, "nodes", columns, card.files)
    _check_node(keys, block, card)
    return NodeBlock(
        type=name, block=block, features=keys.texts("features"), positive=keys.texts("positive")
    )


def _node_column(keys: Keys, name: str) -> Column:
    if name in NODE_COLUMNS:
        spec = NODE_COLUMNS[name]
        if name == "label" and keys.texts("positive"):
            spec = replace(spec, type="text")
        return column_of(column_keys(keys, name, MADE, _SAID), name, spec)
    given = column_keys(keys, name, MADE, FURTHER)
    check_feature(given.where, name)
    kind = given.text("type", TYPES)
    return column_of(given, name, None if kind is None else ColumnSpec(type=kind))  # type: ignore[arg-type]  # checked


def check_feature(where: str, name: str) -> None:
    """Refuse a feature whose name means something else.

    Raises:
        CardError: It begins with an underscore, or is one of graphml's own.
    """
    if name.startswith("_") or name in ("node", "valid_from", "opted_out", *NODE_COLUMNS):
        raise CardError(
            f"{where}: no feature can be named {one_line(name)!r}",
            hint="map it under another name: [nodes.columns]",
        )


def _check_node(keys: Keys, block: Block, card: Card) -> None:
    names = [column.name for column in block.columns]
    static, features = keys.flag("static"), [*keys.texts("features")]
    features += [name for name in names if name not in NODE_COLUMNS]
    for name in ("known_at", "time"):
        if name in names:
            _check_timed(keys, name, card)
    for name in ("known_at", *PARTS):
        if name in names and "label" not in names:
            raise CardError(f"{keys.where}: {name} without label", hint=HOW)
    if keys.texts("positive") and "label" not in names:
        raise CardError(f"{keys.where}: positive without label", hint=HOW)
    if features and not static and not card.timeless:
        raise CardError(
            f"{keys.where}: may {one_line(features[0])} change?",
            hint="say static = true if no feature of the table ever does, else leave them out",
        )


def _edge(keys: Keys, card: Card, nodes: list[str]) -> EdgeBlock:
    keys.known("type", "from", "join", "where", "static", "split", "columns")
    words = (keys.text("type") or "").split()
    if len(words) != 3:
        raise CardError(f'{keys.where}: type needs three words, as "user visits item"', hint=HOW)
    source, relation, target = words
    for name in (source, target):
        if name not in nodes:
            raise CardError(
                f"{keys.where}: no node type {one_line(name)!r}; known: {', '.join(nodes)}",
                hint=f'declare it: [[nodes]] type = "{one_line(name)}"',
            )
    edge_type = (source, _name(keys, relation), target)
    if edge_type == _LINKS:
        raise CardError(
            f"{keys.where}: {' '.join(_LINKS)} is graphml's own", hint="name the relation otherwise"
        )
    keys.where = f"{keys.where} ({' '.join(edge_type)})"
    static, part = keys.flag("static"), keys.text("split", PARTS)
    columns = tuple(_edge_columns(keys, card, static=static))
    return EdgeBlock(
        type=edge_type,
        block=_block(keys, "edges", columns, card.files),
        static=static,
        part=part,  # type: ignore[arg-type]  # one of PARTS, just checked
    )


def _edge_columns(keys: Keys, card: Card, *, static: bool) -> Iterator[Column]:
    """Yield the mapped columns; a source and a target that are not come from columns so named."""
    names = keys.table("columns").known(*EDGE_COLUMNS).values
    for name in ("source", "target"):
        if name not in names:
            yield Column(name=name, column=name, spec=EDGE_COLUMNS[name])
    for name in names:
        yield column_of(column_keys(keys, name, MADE, _SAID), name, EDGE_COLUMNS[name])
    if card.timeless:
        for told, is_there in (("time", "time" in names), ("static", static)):
            if is_there:
                _check_timed(keys, told, card)
    elif ("time" in names) == static:
        told = "both time and static" if static else "no column time"
        raise CardError(
            f"{keys.where}: {told}",
            hint='map time, or say static = true for edges that were there always, or time = "none" for the card',
        )


def _block(
    keys: Keys, table: str, columns: tuple[Column, ...], files: Mapping[str, CardFile]
) -> Block:
    return Block(
        table=table,
        label=keys.where,
        source=known_file(keys, "from", files),
        columns=columns,
        joins=joins_of(keys, files),
        where=keys.formula("where"),
    )


def _name(keys: Keys, name: str | None) -> str:
    """Return the name of a node type or relation: a column, a folder and a word of messages."""
    if name is None:
        raise CardError(f"{keys.where}: no type", hint=HOW)
    own = name.startswith(("_", "rev_", "other_"))
    if own or not name.isidentifier() or len(name) > _LONGEST:
        raise CardError(
            f"{keys.where}: {one_line(name, 80)!r} is no name for a type",
            hint=f"a word of at most {_LONGEST} letters, digits and _; rev_ and other_ are taken",
        )
    return name


def _has(block: Block, name: str) -> bool:
    return any(column.name == name for column in block.columns)
