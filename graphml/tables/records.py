"""Where the records of a text file begin and end, and which of them are malformed.

A parser that meets one bad line refuses the file or guesses; here every record is looked at first,
so that the parser sees whole ones alone and each bad one keeps its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

VERDICTS = (
    "",
    "too few fields",
    "too many fields",
    "not UTF-8",
    "stray quote",
    "a NUL byte",
)
"""What is wrong with a record, by its code; 0 is a good one."""
_FEW, _MANY, _UTF8, _QUOTE, _NUL = 1, 2, 3, 4, 5
_NEWLINE, _RETURN = 10, 13


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """The records of a file, in order.

    Attributes:
        regular: Every record is good and is one line, and no line is blank.
        starts: First byte of each record, int64[records]; empty when regular.
        ends: One past its last byte, the line end left out.
        lines: The line it begins on, the file's first being 1.
        verdicts: Index into ``VERDICTS``.
    """

    regular: bool
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]
    verdicts: npt.NDArray[np.uint8]


@numba.njit(cache=True, nogil=True)
def _sequence(data: Bytes, at: int, stop: int) -> int:
    """Return the length of the UTF-8 sequence that begins at ``at``, 0 for none."""
    lead = data[at]
    if lead < 0xC2 or lead > 0xF4:
        return 0
    size = 2 if lead < 0xE0 else (3 if lead < 0xF0 else 4)
    if at + size > stop:
        return 0
    for k in range(1, size):
        if data[at + k] & 0xC0 != 0x80:
            return 0
    second = data[at + 1]
    # No overlong forms, no surrogates, nothing beyond U+10FFFF.
    bad = (
        (lead == 0xE0 and second < 0xA0)
        or (lead == 0xED and second > 0x9F)
        or (lead == 0xF0 and second < 0x90)
        or (lead == 0xF4 and second > 0x8F)
    )
    return 0 if bad else size


@numba.njit(cache=True, nogil=True)
def _line_end(data: Bytes, at: int) -> int:
    while at < data.size and data[at] != _NEWLINE:
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _text_verdict(data: Bytes, start: int, end: int) -> int:
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            if byte == 0:
                return _NUL
            at += 1
            continue
        size = _sequence(data, at, end)
        if size == 0:
            return _UTF8
        at += size
    return 0


@numba.njit(cache=True, nogil=True)
def _ends(data: Bytes, at: int, delimiter: int) -> bool:
    """Return whether a field may end at ``at``."""
    if at >= data.size or data[at] == delimiter or data[at] == _NEWLINE:
        return True
    return data[at] == _RETURN and (at + 1 == data.size or data[at + 1] == _NEWLINE)


@numba.njit(cache=True, nogil=True)
def _quoted(data: Bytes, at: int, quote: int) -> tuple[int, int]:
    """Return (first byte behind the closing quote or -1, line ends within) from behind the opening one."""
    lines = 0
    while at < data.size:
        if data[at] == quote:
            if at + 1 == data.size or data[at + 1] != quote:
                return at + 1, lines
            at += 1
        elif data[at] == _NEWLINE:
            lines += 1
        at += 1
    return -1, lines


@numba.njit(cache=True, nogil=True)
def _plain(data: Bytes, at: int, delimiter: int, quote: int) -> int:
    """Return the end of a field without quotes that begins at ``at``, or -1 if a quote is in it."""
    while at < data.size and data[at] != delimiter and data[at] != _NEWLINE:
        if data[at] == quote:
            return -1
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _record(
    data: Bytes, start: int, delimiter: int, quote: int, fields: int
) -> tuple[int, int, int]:
    """Return (end, further lines, verdict) of the record that begins at ``start``.

    A quoted field may hold line ends. A quote that opens or closes where none may gives the
    record up at the end of its first line, so that one stray quote costs one line, not the file.
    """
    at, lines, seen = start, 0, 0
    while True:
        seen += 1
        if at < data.size and data[at] == quote:
            at, further = _quoted(data, at + 1, quote)
            lines += further
            if at >= 0 and not _ends(data, at, delimiter):
                at = -1
            elif at >= 0 and at < data.size and data[at] == _RETURN:
                at += 1
        else:
            at = _plain(data, at, delimiter, quote)
        if at < 0:
            return _line_end(data, start), 0, _QUOTE
        if at == data.size or data[at] == _NEWLINE:
            break
        at += 1
    verdict = _text_verdict(data, start, at)
    if verdict == 0 and fields > 0 and seen != fields:
        verdict = _FEW if seen < fields else _MANY
    return at, lines, verdict


@numba.njit(cache=True, nogil=True)
def _walk(
    data: Bytes, start: int, line: int, marks: tuple[int, int, int], out: Any, verdicts: Bytes
) -> tuple[int, int]:
    """Fill ``out`` (starts, ends, lines) as far as it goes; return (records, irregularities)."""
    delimiter, quote, fields = marks
    count, irregular, at = 0, 0, start
    while at < data.size:
        end, further, verdict = _record(data, at, delimiter, quote, fields)
        stop = end
        if stop > at and data[stop - 1] == _RETURN:
            stop -= 1
        if stop == at:
            irregular += 1
        else:
            if verdict != 0 or further > 0:
                irregular += 1
            if count < verdicts.size:
                out[0, count], out[1, count], out[2, count] = at, stop, line
                verdicts[count] = verdict
            count += 1
        line += further + 1
        at = end + 1
    return count, irregular


def survey(
    data: Bytes, start: int, line: int, *, delimiter: str, quote: str, fields: int
) -> Survey:
    """Return the records of ``data`` from byte ``start``, which is on line ``line``.

    Args:
        data: The whole file, uint8.
        start: First byte to look at: behind the header.
        line: The line of that byte.
        delimiter: One ASCII character; empty for lines that are not split.
        quote: One ASCII character, or empty when nothing is quoted.
        fields: How many each record needs; 0 for any number.
    """
    marks = (
        ord(delimiter) if delimiter else 256,
        ord(quote) if quote else 256,
        fields,
    )
    none = np.empty((3, 0), np.int64)
    count, irregular = _walk(data, start, line, marks, none, np.empty(0, np.uint8))
    if not irregular:
        return Survey(
            regular=True,
            starts=none[0],
            ends=none[1],
            lines=none[2],
            verdicts=np.empty(0, np.uint8),
        )
    out, verdicts = np.empty((3, count), np.int64), np.empty(count, np.uint8)
    _walk(data, start, line, marks, out, verdicts)
    return Survey(regular=False, starts=out[0], ends=out[1], lines=out[2], verdicts=verdicts)


@numba.njit(cache=True, nogil=True)
def _gather(
    data: Bytes, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], out: Bytes
) -> None:
    at = 0
    for record in range(starts.size):
        size = ends[record] - starts[record]
        out[at : at + size] = data[starts[record] : ends[record]]
        out[at + size] = _NEWLINE
        at += size + 1


def gather(data: Bytes, found: Survey, kept: npt.NDArray[np.bool_]) -> bytes:
    """Return the records of ``kept``, one after the other, each with a line end."""
    starts, ends = found.starts[kept], found.ends[kept]
    out = np.empty(int((ends - starts).sum()) + starts.size, np.uint8)
    _gather(data, starts, ends, out)
    return out.tobytes()
