"""JSON Lines in, rows out: each line an object; what is none is set aside with its line."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import polars as pl

from graphml.tables.files import LINE, SHOWN, File, Rows, malformed, mark
from graphml.tables.records import Bytes, survey

_NEWLINE = 10
_STEP = 1 << 16
_CHUNK = 1 << 24
# Read by 16 MB, so that a bad line slows only its own chunk.


def jsonl_rows(file: File, wanted: list[str]) -> Rows:
    """Return the keys ``wanted``, all as text, and ``_line``."""
    _, data = file.text()
    data = data[mark(data) :]
    frames, bad, at, line = [_frame([], {name: [] for name in wanted})], [malformed()], 0, 1
    while at < data.size:
        end = _line_end(data, at + _CHUNK)
        rows = _chunk(data[at:end], line, wanted)
        frames.append(rows[0])
        bad.append(rows[1])
        line += int(np.count_nonzero(data[at:end] == _NEWLINE))
        at = end
    return Rows(frame=pl.concat(frames).lazy(), malformed=pl.concat(bad))


def _line_end(data: Bytes, at: int) -> int:
    """Return the first byte behind the line that ``at`` is in."""
    while at < data.size:
        found = np.flatnonzero(data[at : at + _STEP] == _NEWLINE)
        if found.size:
            return at + int(found[0]) + 1
        at += _STEP
    return int(data.size)


def _chunk(data: Bytes, line: int, wanted: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows and the malformed lines of whole lines, the first of which is ``line``."""
    if survey(data, 0, 1, delimiter="", quote="", fields=0).regular:
        try:
            frame = pl.read_ndjson(data.tobytes(), schema=dict.fromkeys(wanted, pl.String))
        except pl.exceptions.PolarsError:
            return _one_by_one(data, line, wanted)
        lines = pl.int_range(line, line + frame.height, dtype=pl.Int64, eager=True)
        return frame.select(lines.alias(LINE), *wanted), malformed()
    return _one_by_one(data, line, wanted)


def _one_by_one(data: Bytes, first: int, wanted: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read lines one of which is bad: slower, and each by itself."""
    cells: dict[str, list[str | None]] = {name: [] for name in wanted}
    lines: list[int] = []
    bad: list[tuple[int, str, str]] = []
    for line, raw in enumerate(data.tobytes().split(b"\n"), start=first):
        if not raw.strip():
            continue
        row, rule = _object(raw)
        if row is None:
            bad.append(
                (line, rule, raw[:SHOWN].decode("utf-8", errors="backslashreplace").rstrip("\r"))
            )
            continue
        lines.append(line)
        for name, column in cells.items():
            column.append(_cell(row.get(name)))
    at, rules, values = ([*column] for column in zip(*bad, strict=True)) if bad else ([], [], [])
    return _frame(lines, cells), malformed(at, rules, values)


def _frame(lines: list[int], cells: dict[str, list[str | None]]) -> pl.DataFrame:
    schema = {LINE: pl.Int64, **dict.fromkeys(cells, pl.String)}
    return pl.DataFrame({LINE: lines, **cells}, schema=schema)


def _object(raw: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the object that a line holds, or what is wrong with the line."""
    try:
        row = json.loads(raw.decode("utf-8"), parse_float=str, parse_constant=_refuse)
        if b"\\u" in raw:  # half a surrogate pair is JSON, and no text
            json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        return None, "not UTF-8"
    except (ValueError, RecursionError):
        return None, "not JSON"
    return (row, "") if isinstance(row, dict) else (None, "not a JSON object")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False)


def keys(head: bytes) -> list[str]:
    """Return the keys of the first lines' objects, in the order of their appearance."""
    keys: dict[str, None] = {}
    for line in head.split(b"\n")[:200]:
        row, _ = _object(line)
        keys.update(dict.fromkeys(row or ()))
    return list(keys)


def appears(key: str, data: Bytes) -> bool:
    """Return whether any line of ``data`` has ``key``, in whatever depth; far cheaper than parsing."""
    name = re.escape(json.dumps(key, ensure_ascii=False).encode("utf-8"))
    return re.search(rb"(?<!\\)" + name + rb"\s*:", data.data) is not None
