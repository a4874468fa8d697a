"""CSV in, rows out: whole records parsed by polars, malformed ones set aside with their line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import polars as pl

from graphml.errors import SourceError, one_line
from graphml.tables.files import LINE, File, Rows, apart, malformed, mark
from graphml.tables.records import gather, survey

_DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}


def header(file: File, head: bytes) -> tuple[list[str], int, int]:
    """Return the names of the columns, the bytes and the lines that the header takes."""
    if not head.strip():
        raise SourceError(f"{file.name}: the file is empty", hint="it needs a header line")
    first = survey(
        np.frombuffer(head, np.uint8),
        0,
        1,
        delimiter="\n",  # never a delimiter: the header's end alone is asked for
        quote=file.spec.quote,
        fields=0,
    )
    end = head.find(b"\n") if first.regular else int(first.ends[0])
    end = len(head) if end < 0 else end
    try:
        text = head[:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file.name} line 1: the header is not UTF-8",
            hint='convert the file, or say encoding = "latin-1" (or another) in a card',
        ) from error
    text = text.rstrip("\r\n")
    if "\r" in text and b"\n" not in head:
        raise SourceError(
            f"{file.name}: lines end in a bare carriage return", hint="end them with a line feed"
        )
    names = _split(text, file.delimiter, file.spec.quote)
    _check_names(file, names, text)
    following = head.find(b"\n", end)
    return names, (len(head) if following < 0 else following + 1), text.count("\n") + 2


def _split(text: str, delimiter: str, quote: str) -> list[str]:
    row = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    return [name.strip() for name in next(row)]


def _check_names(file: File, names: list[str], text: str) -> None:
    shown = _DELIMITERS.get(file.delimiter, repr(file.delimiter))
    if len(names) == 1:
        for other, name in _DELIMITERS.items():
            if other in text:
                raise SourceError(
                    f"{file.name} line 1: the columns seem to be separated by {name}, not {shown}",
                    hint=f'say delimiter = "{other if other != chr(9) else "tab"}" for the file '
                    "in a card, or write it with commas",
                )
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise SourceError(
            f"{file.name} line 1: two columns are named {one_line(repeated)!r}",
            hint="rename one of them",
        )


def csv_rows(file: File, wanted: list[str]) -> Rows:
    """Return those of the columns ``wanted`` that the file has, all as text, and ``_line``."""
    text, data = file.text()
    begin = mark(data)
    names, size, line = header(file, bytes(data[begin : begin + (1 << 18)]))
    start = begin + size
    found = survey(
        data, start, line, delimiter=file.delimiter, quote=file.spec.quote, fields=len(names)
    )
    kept = [name for name in wanted if name in names]
    if found.regular and start < data.size:
        frame = _scan(file, names, text, header=True)
        lines = (pl.int_range(pl.len(), dtype=pl.Int64) + line).alias(LINE)
        return Rows(frame=frame.select(lines, *kept), malformed=malformed())
    good, bad = apart(data, found)
    clean = gather(data, found, good)
    frame = _scan(file, names, clean or b"\n", header=not clean)
    lines = pl.lit(pl.Series(LINE, found.lines[good], dtype=pl.Int64))
    return Rows(frame=frame.select(lines, *kept), malformed=bad)


def _scan(file: File, names: list[str], text: bytes | Path, *, header: bool) -> pl.LazyFrame:
    return pl.scan_csv(
        text,
        has_header=header,
        separator=file.delimiter,
        quote_char=file.spec.quote or None,
        schema=dict.fromkeys(names, pl.String),
        raise_if_empty=False,
        glob=False,
    )
