"""A file's columns and rows, whatever its format.

Columns of CSV and JSON Lines come as text, those of Parquet with their own types; an empty cell
is null. A file of pairs has the columns ``source`` and ``target``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import polars as pl

from graphml.errors import SourceError, one_line
from graphml.tables.delimited import csv_rows, header
from graphml.tables.files import LINE, File, Format, Rows, malformed, unreadable
from graphml.tables.jsonlines import appears, jsonl_rows, keys
from graphml.tables.pairfiles import PAIR_COLUMNS, list_rows, matrix_rows

_log = logging.getLogger(__name__)
_LARGE = 4 << 20
"""Bytes from which a file is worth a line of progress."""


def columns_of(file: File, needed: Iterable[str] = ()) -> list[str]:
    """Return the names of the columns, in order.

    Of JSON Lines the keys of the first lines and, wherever they appear, those that are ``needed``.
    """
    if file.format == "parquet":
        return _parquet(file).collect_schema().names()
    if file.format in PAIR_COLUMNS:
        return [*PAIR_COLUMNS[file.format]]
    head = file.head()
    if file.format == "csv":
        return header(file, head)[0]
    found = keys(head)
    late = [name for name in needed if name not in found]
    data = file.text()[1] if late else None
    return found if data is None else found + [name for name in late if appears(name, data)]


def rows_of(file: File, columns: Iterable[str]) -> Rows:
    """Return the rows with those of ``columns`` that the file has, and their ``_line``."""
    wanted = list(dict.fromkeys(columns))
    if file.path.stat().st_size > _LARGE:
        _log.info("reading %s", file.name)
    readers: dict[Format, Callable[[File, list[str]], Rows]] = {
        "csv": csv_rows,
        "jsonl": jsonl_rows,
        "parquet": _parquet_rows,
        "lists": list_rows,
        "npz": matrix_rows,
    }
    rows = readers[file.format](file, wanted)
    if not file.spec.null:
        return rows
    text = pl.selectors.string()
    known = pl.when(~text.is_in(list(file.spec.null))).then(text).name.keep()
    return Rows(frame=rows.frame.with_columns(known), malformed=rows.malformed)


def _parquet(file: File) -> pl.LazyFrame:
    try:
        frame = pl.scan_parquet(file.path, glob=False)
        frame.collect_schema()
    except OSError as error:
        raise unreadable(file.path, error) from error
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{file.name}: not a whole Parquet file ({one_line(error, 80)})",
            hint="write or copy it again",
        ) from error
    return frame


def _parquet_rows(file: File, wanted: list[str]) -> Rows:
    frame = _parquet(file)
    kept = [name for name in wanted if name in frame.collect_schema().names()]
    lines = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE)
    return Rows(frame=frame.select(lines, *kept), malformed=malformed())
