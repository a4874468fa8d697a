"""Files of pairs as recommenders pass them on: adjacency lists as text, sparse matrices of scipy."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np
import polars as pl

from graphml.errors import SourceError
from graphml.tables.files import LINE, File, Format, Rows, apart, malformed, mark, unreadable
from graphml.tables.records import gather, survey

PAIR_COLUMNS: dict[Format, tuple[str, ...]] = {
    "lists": ("source", "target"),
    "npz": ("source", "target", "value"),
}
"""The columns of each format of pairs."""

_DAMAGED = (
    OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, EOFError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What numpy and scipy raise at a file that they did not write, or that was cut."""


def list_rows(file: File, wanted: list[str]) -> Rows:
    """Return a row for each target of lines ``source target target …``, all as text, and ``_line``.

    Ids are separated by the file's delimiter, else by white space. A line of a source alone holds
    no pair.
    """
    _, data = file.text()
    data = data[mark(data) :]
    found = survey(data, 0, 1, delimiter="", quote="", fields=0)
    if found.regular:
        text, lines, bad = bytes(data), None, malformed()
    else:
        good, bad = apart(data, found)
        text, lines = gather(data, found, good), found.lines[good]
    split = text.decode("utf-8").split("\n")
    rows = pl.Series("ids", split if lines is None else split[: len(lines)], dtype=pl.String)
    numbers = np.arange(1, len(rows) + 1) if lines is None else lines
    delimiter = file.spec.delimiter
    ids = rows.str.strip_chars()
    if not delimiter:
        ids = ids.str.replace_all(r"\s+", " ")
    pairs = (
        pl.DataFrame({LINE: numbers.astype(np.int64), "ids": ids})
        .lazy()
        .filter(pl.col("ids") != "")
        .with_columns(pl.col("ids").str.split(delimiter or " "))
        .select(
            LINE,
            source=pl.col("ids").list.first().str.strip_chars(),
            target=pl.col("ids").list.slice(1),
        )
        .filter(pl.col("target").list.len() > 0)
        .explode("target")
        .with_columns(pl.col("target").str.strip_chars())
    )
    return Rows(frame=pairs.select(LINE, *_kept(file, wanted)), malformed=bad)


def matrix_rows(file: File, wanted: list[str]) -> Rows:
    """Return a row for each cell that is not 0: ``source`` is its row's number, ``target`` its column's.

    Numbers begin at 0 and come as text, ``value`` as a number; ``_line`` counts the cells from 1.
    """
    matrix = _matrix(file)
    there = matrix.data != 0
    cells = pl.DataFrame(
        {
            "source": matrix.row[there].astype(np.int64),
            "target": matrix.col[there].astype(np.int64),
            "value": matrix.data[there].astype(np.float64),
        }
    ).lazy()
    text = pl.col("source", "target").cast(pl.String)
    lines = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE)
    return Rows(
        frame=cells.with_columns(text, lines).select(LINE, *_kept(file, wanted)),
        malformed=malformed(),
    )


def _matrix(file: File) -> Any:
    """Return the file's matrix by coordinates, row by row."""
    from scipy import sparse

    try:
        with file.path.open("rb") as stream:
            matrix = sparse.load_npz(stream)
        if matrix.ndim != 2:
            raise ValueError("a matrix has rows and columns")
        if matrix.format in ("csr", "csc", "bsr"):
            matrix.check_format()  # an index out of range would lead outside the arrays
        return matrix.tocsr().tocoo()
    except (FileNotFoundError, PermissionError) as error:
        raise unreadable(file.path, error) from error
    except _DAMAGED as error:
        raise SourceError(
            f"{file.name}: no whole sparse matrix of scipy",
            hint="write it with scipy.sparse.save_npz, or copy it again",
        ) from error


def _kept(file: File, wanted: list[str]) -> list[str]:
    return [name for name in wanted if name in PAIR_COLUMNS[file.format]]
