"""The rows of one file against their table's contract: the good ones typed, the others told why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from graphml.errors import SourceError, one_line
from graphml.schema import ColumnSpec
from graphml.tables.files import FILE, LINE, SHOWN
from graphml.tables.frames import DTYPES
from graphml.tables.numbers import refusals
from graphml.tables.parse import SKIPPED, parse
from graphml.tables.quarantine import ROWS_SCHEMA
from graphml.tables.rules import ROW, Terms, contract, first_broken

Bad = Literal["number", "time", "hour", "address"]
"""What a cell should have been for a card's formula, format or step, and is not."""
_BAD = "_bad:"
_KINDS: tuple[Bad, ...] = get_args(Bad)
_RULES = {"time": "not a time", "hour": SKIPPED, "address": "not an IP address"}


def bad_name(kind: Bad, column: str) -> str:
    """Return the column that holds the text of the cells of which ``column`` could not be made."""
    return f"{_BAD}{kind}:{column}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Good rows with ``_file`` (index) and ``_line``; the others in the quarantine's shape."""

    good: pl.DataFrame
    rejected: pl.DataFrame


def check(
    raw: pl.DataFrame,
    table: str,
    columns: dict[str, ColumnSpec],
    terms: Terms,
    *,
    files: Sequence[str],
    zone: str | None,
) -> Checked:
    """Return the rows of ``raw`` that keep the contract of ``table``, and the others.

    Args:
        raw: Columns of the table as they were written, ``_file`` (index into ``files``), ``_line``.
        table: Its name.
        columns: Its columns.
        terms: What its contract depends on beside them.
        files: Names of the files.
        zone: Zone of times that name none.
    """
    typed, problems = typed_cells(raw, columns, zone)
    rejected = []
    if problems:
        at = pl.concat(problems).unique(ROW, keep="first", maintain_order=True)
        rejected.append(rejected_rows(raw, at, table, files))
        typed = typed.filter(~pl.col(ROW).is_in(at[ROW].implode()))
    good, failed = contract(table, columns, terms).filter(typed.drop(FILE, LINE))
    if good.height < typed.height:
        at = first_broken(failed.details(), list(columns))
        rejected.append(rejected_rows(raw, at, table, files))
        typed = typed.filter(pl.col(ROW).is_in(good[ROW].implode()))
    return Checked(
        good=typed.drop(ROW),
        rejected=pl.concat(rejected) if rejected else pl.DataFrame(schema=ROWS_SCHEMA),
    )


def require_columns(
    name: str, present: Sequence[str], columns: dict[str, ColumnSpec], optional: Sequence[str]
) -> None:
    """Refuse a file that lacks a required column altogether: no row of it could be kept."""
    for column, spec in columns.items():
        if spec.required and column not in present and column not in optional:
            shown = one_line(", ".join(present), 300)
            raise SourceError(
                f"{name}: no column {column}; its columns: {shown}",
                hint="rename it, or write a card that maps your columns: docs/how-to/bring-your-events.md",
            )


def typed_cells(
    raw: pl.DataFrame, columns: dict[str, ColumnSpec], zone: str | None
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the columns as their types, and (row, column, rule) of cells that do not fit."""
    typed = [pl.int_range(raw.height, dtype=pl.UInt32, eager=True).alias(ROW), raw[FILE], raw[LINE]]
    problems: list[pl.DataFrame] = []
    for name, spec in columns.items():
        if name not in raw.columns:
            typed.append(pl.Series(name, [None], DTYPES[spec.type]).new_from_index(0, raw.height))
            continue
        parsed = parse(raw[name], spec, zone)
        typed.append(parsed.values)
        broken = [*parsed.problems, *_unmade(raw, name)]
        problems += [problem(name, rule, where) for rule, where in broken if where.any()]
    return pl.DataFrame(typed), problems


def _unmade(raw: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.Series]]:
    """Yield (rule, where) of the cells of which a card could not make ``column``."""
    for kind in _KINDS:
        if (name := bad_name(kind, column)) not in raw.columns:
            continue
        text, where = raw[name], raw[name].is_not_null()
        if kind == "number":
            yield from refusals(text, where)
        else:
            yield _RULES[kind], where


def problem(column: str, rule: str, where: pl.Series) -> pl.DataFrame:
    """Return (row, column, rule) of the cells ``where`` a rule is broken."""
    return pl.DataFrame({ROW: where.arg_true()}, schema={ROW: pl.UInt32}).with_columns(
        column=pl.lit(column), rule=pl.lit(rule)
    )


def rejected_rows(
    raw: pl.DataFrame, at: pl.DataFrame, table: str, files: Sequence[str]
) -> pl.DataFrame:
    """Return rows ``at`` (_row, column, rule) of ``raw`` in the quarantine's shape."""
    cells = [name for name in raw.columns if name not in (FILE, LINE) and not name.startswith(_BAD)]
    rows = raw[at[ROW]].with_columns(at["column"].alias("_column"), at["rule"].alias("_rule"))
    shown = {name: _shown(name, raw.schema[name]) for name in cells}
    values = [
        pl.when(pl.col("_column") == name).then(_value(name, shown, raw.columns))
        for name in at["column"].unique().sort()
        if name in shown or _bad_columns(name, raw.columns)
    ]
    names = pl.DataFrame(
        {FILE: range(len(files)), "file": files}, schema_overrides={FILE: pl.UInt32}
    )
    return rows.join(names, on=FILE, how="left", maintain_order="left").select(
        pl.lit(table).alias("table"),
        "file",
        pl.col(LINE).alias("line"),
        pl.col("_rule").alias("rule"),
        pl.col("_column").alias("column"),
        pl.coalesce(*values, pl.lit(None, pl.String)).alias("value"),
        pl.struct(shown.values()).struct.json_encode().alias("row"),
    )


def _value(name: str, shown: dict[str, pl.Expr], present: Sequence[str]) -> pl.Expr:
    return pl.coalesce(*_bad_columns(name, present), shown.get(name, pl.lit(None, pl.String)))


def _bad_columns(name: str, present: Sequence[str]) -> list[str]:
    return [bad for kind in _KINDS if (bad := bad_name(kind, name)) in present]


def _shown(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a cell as text for people, cut where it is long."""
    cell = pl.col(name)
    if dtype.is_nested() or dtype == pl.Binary:
        return pl.when(cell.is_not_null()).then(pl.lit(f"({dtype})")).alias(name)
    return cell.cast(pl.String).str.slice(0, SHOWN).alias(name)
