"""Rows of a graph card's blocks: every cell of its type, or one error that names the first that is not.

A graph is read whole or not at all: what is missing from a benchmark changes its figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

import polars as pl

from graphml.errors import CardError, SourceError, one_line
from graphml.schema import ColumnSpec, ColumnType
from graphml.tables.asides import Aside
from graphml.tables.blocks import BlockPart
from graphml.tables.card import Column
from graphml.tables.cardfiles import CardTable
from graphml.tables.check import problem, rejected_rows, typed_cells
from graphml.tables.columns import Making, source_columns
from graphml.tables.files import FILE, LINE
from graphml.tables.graphcard import NodeBlock
from graphml.tables.graphparser import check_feature
from graphml.tables.numbers import number
from graphml.tables.rules import ROW, Terms, checks

_HINT = "mend the file, or leave rows out on purpose with skip: docs/how-to/add-a-graph.md"
_TERMS = Terms(kinds=(), latest=None)


def with_features(node: NodeBlock, tables: dict[str, CardTable]) -> NodeBlock:
    """Return ``node`` with a column for each column of its file that ``features`` names.

    What the block maps already (a key, a label, a mask) is no feature besides.

    Raises:
        CardError: A pattern fits no column, or a name is taken.
    """
    if node.block is None or not node.features:
        return node
    block, table = node.block, tables[node.block.source]
    mapped = {name for column in block.columns for name in source_columns(column)}
    used = mapped | {name.removeprefix(f"{block.source}.") for name in mapped}
    found: dict[str, None] = {}
    for pattern in node.features:
        hits = [c for c in table.columns if c not in used and fnmatchcase(c, pattern)]
        if not hits:
            raise CardError(
                f"{block.label}: features {one_line(pattern)!r} fits no further column",
                hint=f"columns of {block.source}: {one_line(', '.join(table.columns), 300)}",
            )
        found.update(dict.fromkeys(hits))
    for name in found:
        check_feature(f"{block.label} features", name)
    further = tuple(Column(name=name, column=name) for name in found)
    return replace(node, block=replace(block, columns=(*block.columns, *further)))


def rows_of_block(part: BlockPart) -> pl.DataFrame:
    """Return the block's columns as their types, with ``_file`` (index) and ``_line``.

    Raises:
        CardError: A column is of a type that is no feature.
        SourceError: A cell does not fit.
    """
    frame = part.selected()
    making = Making(part.resolve, part.decimal, part.zone, part.key)
    specs: dict[str, ColumnSpec] = {}
    raw = [frame[FILE], frame[LINE]]
    for column in part.block.columns:
        spec = column.spec or ColumnSpec(type=_type_of(part, column, frame))
        specs[column.name] = spec
        made = making.make(column, frame, numeric=spec.type in ("number", "integer"))
        raw += [_plain(made[0], spec), *made[1:]]
    return _checked(pl.DataFrame(raw), specs, part)


def _plain(cells: pl.Series, spec: ColumnSpec) -> pl.Series:
    """Return ``cells`` with null for NaN, as which data frames store what is missing."""
    if cells.dtype == pl.Boolean and spec.type == "integer":
        return cells.cast(pl.Int64)
    return cells.fill_nan(None) if cells.dtype.is_float() else cells


def _type_of(part: BlockPart, column: Column, frame: pl.DataFrame) -> ColumnType:
    """Return the type of a feature that the card does not tell: as its file has it."""
    if column.formula is not None:
        return "number"
    if column.format:
        return "time"
    shaped = column.map or column.normalise or column.pseudonym or column.default is not None
    if column.column is None or shaped:
        return "text"
    name = part.resolve(column.column)
    if name not in frame.columns:  # a key that no line of JSON has
        return "text"
    found = _own_type(frame[name])
    if found is None:
        raise CardError(
            f"{part.name} {column.name}: a column of {frame[name].dtype} is no feature",
            hint="a feature is a number, a text, true or false, or a time: one column for each",
        )
    guess = found == "text" and not part.typed(name)
    return "number" if guess and _are_numbers(frame[name], part.decimal(name)) else found


def _own_type(cells: pl.Series) -> ColumnType | None:
    dtype = cells.dtype
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    if isinstance(dtype, pl.Datetime | pl.Date):
        return "time"
    texts = (pl.String, pl.Categorical, pl.Enum, pl.Null)
    return "text" if isinstance(dtype, texts) else None


def _are_numbers(cells: pl.Series, decimal: str) -> bool:
    """Return whether every cell that is filled holds a number, and some is."""
    filled = cells.drop_nulls()
    filled = filled.filter(filled.str.strip_chars() != "")
    if filled.is_empty():
        return False
    return filled.to_frame().select(number(pl.first(), decimal).is_not_null().all()).item()  # type: ignore[no-any-return]


def _checked(raw: pl.DataFrame, specs: dict[str, ColumnSpec], part: BlockPart) -> pl.DataFrame:
    typed, problems = typed_cells(raw, specs, part.zone)
    for name, spec in specs.items():
        broken = _broken(typed[name], name, spec)
        problems += [problem(name, rule, where) for rule, where in broken if where.any()]
    if problems:
        at = pl.concat(problems).unique(ROW, keep="first", maintain_order=True)
        refuse(rejected_rows(raw, at, "graph", part.names))
    return typed.drop(ROW)


def _broken(cells: pl.Series, name: str, spec: ColumnSpec) -> Iterator[tuple[str, pl.Series]]:
    """Yield (rule, where) of cells that are of their type and yet do not fit."""
    if spec.required:
        yield "missing", cells.is_null()
    if spec.type == "text" and not spec.required:
        return  # a feature may be a whole abstract
    for rule, fits in checks("graph", name, spec, _TERMS).items():
        yield rule, cells.to_frame().select(~fits(pl.first())).to_series().fill_null(value=False)


def refuse_aside(asides: tuple[Aside, ...]) -> None:
    """Refuse a file with malformed lines, or rows that no block takes.

    Raises:
        SourceError: There are any.
    """
    for aside in asides:
        refuse(aside.rows())


def refuse_where(rows: pl.DataFrame, part: BlockPart, where: pl.Expr, rule: pl.Expr) -> None:
    """Refuse ``rows`` (_file, _line) for which ``where`` holds; ``rule`` says why.

    Raises:
        SourceError: There are any.
    """
    names = pl.Series("file", part.names, dtype=pl.String)
    none = pl.lit(None, pl.String)
    told = rows.filter(where)
    refuse(
        told.select(
            names.gather(told[FILE]).alias("file"),
            pl.col(LINE).alias("line"),
            rule.alias("rule"),
            column=none,
            value=none,
        )
    )


def refuse(rows: pl.DataFrame) -> None:
    """Raise an error for the first of ``rows``: file, line, rule, column, value.

    Raises:
        SourceError: There are any.
    """
    if rows.is_empty():
        return
    first = rows.sort("file", "line", maintain_order=True).row(0, named=True)
    column = "" if first["column"] is None else f"{first['column']}: "
    value = "" if first["value"] is None else f", got {one_line(first['value'], 80)!r}"
    more = f" ({rows.height - 1} more rows are refused)" if rows.height > 1 else ""
    rule = one_line(first["rule"], 300)
    raise SourceError(
        f"{first['file']} line {first['line']}: {column}{rule}{value}{more}", hint=_HINT
    )
