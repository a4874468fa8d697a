"""Results on stdout or into a file: table, JSON, JSON Lines, CSV or Parquet."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphml.errors import GraphmlError, OutputPermissionError, UsageError, one_line

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "json", "jsonl", "csv", "parquet")
_MARGIN = 2


def chosen_format(option: str | None, out: Path | None) -> str:
    """Return the format: as asked, by the file's ending, else by where stdout goes.

    Raises:
        UsageError: An unknown format, Parquet to a terminal, or a file that cannot be one.
        OutputPermissionError: This user may not write the file.
    """
    require_writable(out)
    ending = out.suffix.lstrip(".") if out else ""
    if option is None and ending in FORMATS:
        return ending
    if option is None and ending:
        raise UsageError(
            f"no format is known by the ending .{ending}",
            hint=f"--format {'|'.join(FORMATS)}, or such an ending",
        )
    if option is None:
        return "table" if out is None and sys.stdout.isatty() else "jsonl"
    if option not in FORMATS:
        raise UsageError(f"no format {option!r}", hint=f"--format {'|'.join(FORMATS)}")
    if option == "parquet" and out is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="--out FILE.parquet")
    return option


def emit(
    records: Sequence[Mapping[str, Any]],
    *,
    columns: Mapping[str, Any],
    format_: str,
    out: Path | None,
) -> None:
    """Write ``records``, one JSON object each.

    Args:
        records: What JSON and JSON Lines show whole.
        columns: For tables, CSV and Parquet: heading → function of a record.
        format_: One of ``FORMATS``.
        out: A file, replaced whole or not at all; ``None`` for stdout.
    """
    content = _render(records, columns, format_)
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    else:
        write_whole(out, content)


def _render(
    records: Sequence[Mapping[str, Any]], columns: Mapping[str, Any], format_: str
) -> bytes:
    if format_ == "json":
        return (json.dumps(list(records), ensure_ascii=False, indent=1) + "\n").encode()
    if format_ == "jsonl":
        return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()
    if not columns and format_ != "parquet":
        return b""
    cells = [[value(record) for value in columns.values()] for record in records]
    if format_ == "table":
        return _fitted(text_table(list(columns), cells)).encode()
    return _frame_bytes(list(columns), cells, format_)


def _fitted(table: str) -> str:
    """Cut lines that would wrap on the terminal; in a pipe they stay whole."""
    from rich.cells import set_cell_size

    if not sys.stdout.isatty():
        return table
    width = shutil.get_terminal_size().columns
    return "".join(set_cell_size(line, width).rstrip() + "\n" for line in table.splitlines())


def _frame_bytes(headings: list[str], cells: list[list[Any]], format_: str) -> bytes:
    import polars as pl

    frame = pl.DataFrame(cells, schema=headings, orient="row", infer_schema_length=None)
    buffer = io.BytesIO()
    if format_ == "csv":
        frame.with_columns(map(_harmless, frame.iter_columns())).write_csv(buffer)
    else:
        frame.write_parquet(buffer)
    return buffer.getvalue()


def _harmless(column: pl.Series) -> pl.Series:
    """Return a column of which a spreadsheet runs no text as a formula: a quote stands before it.

    An id is anybody's to choose, and ``=cmd|'/C calc'!A0`` runs a program where one opens the file
    (OWASP, CSV injection). Numbers stay as they are.
    """
    import polars as pl

    if column.dtype != pl.String:
        return column
    runs = column.str.contains(r"^[=+\-@\t\r]").fill_null(value=False)
    return ("'" + column).zip_with(runs, column).alias(column.name)


def text_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows under headings, numbers to the right; hostile characters are shown escaped.

    >>> print(text_table(["ring", "members"], [["r-1", 12]]), end="")
    ring  members
    r-1        12
    """
    from rich.cells import cell_len

    texts = [[one_line("" if c is None else c, 120) for c in row] for row in rows]
    table = [list(headings), *texts]
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(headings))]
    right = [
        bool(rows) and all(isinstance(r[i], int | float) or r[i] is None for r in rows)
        for i in range(len(headings))
    ]
    lines = []
    for row in table:
        cells = []
        for text, width, flush in zip(row, widths, right, strict=True):
            pad = " " * (width - cell_len(text))
            cells.append(pad + text if flush else text + pad)
        lines.append((" " * _MARGIN).join(cells).rstrip())
    return "\n".join(lines) + "\n"


def require_writable(out: Path | None) -> None:
    """Refuse a file that could not be written, before anything is computed or published.

    Raises:
        UsageError: It is a folder, or lies below a file.
        OutputPermissionError: This user may not write there.
    """
    if out is None:
        return
    if out.is_dir():
        raise UsageError(f"cannot write {out}: it is a folder", hint="--out FILE")
    if _is_elsewhere(out):
        return
    folder = next(folder for folder in out.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise UsageError(f"cannot write {out}: {folder} is a file", hint="--out elsewhere")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(out, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a reader sees the old file or the new one.

    Raises:
        OutputPermissionError: This user may not write there.
        GraphmlError: The disk is full, or another error of the system.
    """
    try:
        if _is_elsewhere(path):
            path.write_bytes(content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _is_elsewhere(path: Path) -> bool:
    """Return whether it is a device, a pipe or a link, which is written into and never replaced."""
    return path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir())


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> GraphmlError:
    kind = OutputPermissionError if isinstance(error, PermissionError) else GraphmlError
    return kind(f"cannot write {path}: {error.strerror}", hint="--out elsewhere")


def print_rows(rows: Sequence[Mapping[str, Any]], format_: str, out: Path | None) -> None:
    """Emit rows whose columns are what any of them has; numbers on a terminal with four digits."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    emit(
        rows,
        columns={name: (lambda row, name=name: _shown(row.get(name), format_)) for name in names},
        format_=format_,
        out=out,
    )


def print_scores(rows: pl.DataFrame, *, top: int | None, format_: str, out: Path | None) -> None:
    """Emit scored rows, the first ``top`` of them or all."""
    shown = rows.head(top) if top else rows
    found = [{**row, "as_of": row["as_of"].isoformat()} for row in shown.iter_rows(named=True)]
    print_rows(found, format_, out)


def _shown(value: Any, format_: str) -> Any:
    return f"{value:.4f}" if isinstance(value, float) and format_ == "table" else value
