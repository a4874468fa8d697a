"""A file of a source: its format, and its bytes as UTF-8 wherever they come from."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from graphml.errors import SourceError, SourcePermissionError, one_line
from graphml.tables.records import VERDICTS, Bytes, Survey

Format = Literal["csv", "jsonl", "parquet", "lists", "npz"]
"""The last two hold pairs (see ``pairfiles``); no suffix tells them, a card must say so."""
LINE = "_line"
"""The column that holds a row's line in its file; the first line is 1, for Parquet the first row."""
FILE = "_file"
"""The column that holds which of several files a row comes from."""
SHOWN = 1_000
"""Characters of a cell or malformed line that the quarantine keeps."""
MALFORMED_SCHEMA = {"line": pl.Int64, "rule": pl.String, "value": pl.String}
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_HEAD = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """How a file is written; the defaults are those of a folder without a card."""

    format: Format | None = None
    """``None``: by the file's suffix."""
    delimiter: str = ""
    """Empty: a comma, or a tab for ``.tsv``."""
    quote: str = '"'
    encoding: str = "utf-8"
    null: tuple[str, ...] = ()
    decimal: str = ""
    """The decimal sign, and leave to part thousands; empty: a point, and nothing between them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """The rows of a file and what could not be read as one.

    Attributes:
        frame: The columns asked for and ``_line``.
        malformed: line, rule and value (the line's beginning) of each malformed record.
    """

    frame: pl.LazyFrame
    malformed: pl.DataFrame


def format_of(path: Path) -> Format | None:
    """Return the format that the suffix of ``path`` names, looking through ``.gz``."""
    name = path.name.lower().removesuffix(".gz")
    found = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    return None if found == "parquet" and path.name.lower().endswith(".gz") else found


@dataclass(frozen=True, slots=True)
class File:
    """A file on disk and how it is written."""

    path: Path
    spec: FileFormat

    @property
    def name(self) -> str:
        """The name under which messages speak of it."""
        return self.path.name

    @property
    def format(self) -> Format:
        """The format, as the card or the suffix says."""
        found = self.spec.format or format_of(self.path)
        if found is None:
            raise SourceError(
                f"{self.name}: cannot tell the format from its name",
                hint="end the name with .parquet, .csv or .jsonl (the last two also with .gz), "
                "or say format = in a card",
            )
        return found

    @property
    def delimiter(self) -> str:
        """What separates the fields of a CSV line."""
        tab = self.path.name.lower().removesuffix(".gz").endswith(".tsv")
        return self.spec.delimiter or ("\t" if tab else ",")

    @property
    def gzipped(self) -> bool:
        """Whether the name says that the file is compressed."""
        return self.path.name.lower().endswith(".gz")

    @property
    def utf8(self) -> bool:
        """Whether its text needs no decoding."""
        return codecs.lookup(self.spec.encoding).name == "utf-8"

    def head(self) -> bytes:
        """Return the beginning of its text in UTF-8, at most 256 kB of the file."""
        with _open(self) as stream:
            return _decoded(self, _whole(self, lambda: stream.read(_HEAD)), final=False)

    def text(self) -> tuple[bytes | Path, Bytes]:
        """Return its text in UTF-8: for polars to scan, and as bytes to look at.

        A plain file stays on disk: its path, and its bytes mapped from there.
        """
        with _open(self) as stream:
            if self.utf8 and not self.gzipped and self.path.stat().st_size:
                _decoded(self, _whole(self, lambda: stream.read(4)), final=False)
                return self.path, np.memmap(self.path, np.uint8, mode="r")
            text = _decoded(self, _whole(self, stream.read), final=True)
        return text, np.frombuffer(text, np.uint8)


def _open(file: File) -> io.BufferedIOBase:
    try:
        if file.path.name.lower().endswith(".gz"):
            return gzip.open(file.path)
        return file.path.open("rb")
    except OSError as error:
        raise unreadable(file.path, error) from error


def unreadable(path: Path, error: OSError) -> SourceError:
    """Return the error for a file or folder that the system refuses to read."""
    reason = error.strerror or one_line(error)
    if isinstance(error, PermissionError):
        return SourcePermissionError(
            f"{path}: cannot be read ({reason})", hint="make it readable for yourself: chmod u+rX"
        )
    return SourceError(f"{path}: cannot be read ({reason})", hint="check the path")


def _whole(file: File, read: Callable[[], bytes]) -> bytes:
    """Return ``read()``; a gzip file that is cut or damaged is one clear error."""
    try:
        return read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{file.name}: the gzip file is cut or damaged ({one_line(error)}); nothing was loaded",
            hint="write or copy it again",
        ) from error
    except OSError as error:
        raise unreadable(file.path, error) from error


def _decoded(file: File, data: bytes, *, final: bool) -> bytes:
    """Return ``data`` as UTF-8 without a mark; bytes the encoding lacks stay bad on purpose."""
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if utf16 and not file.spec.encoding.lower().startswith("utf-16"):
        raise SourceError(
            f"{file.name}: the file is UTF-16, not UTF-8",
            hint='convert it, or say encoding = "utf-16" for the file in a card',
        )
    if file.utf8:
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        decoder = codecs.getincrementaldecoder(file.spec.encoding)(errors="surrogateescape")
        # Half a character stays in the text as bytes that are no UTF-8, so its line is set aside.
        return decoder.decode(data, final).encode("utf-8", errors="surrogatepass")
    except UnicodeError as error:
        raise SourceError(
            f"{file.name}: the text is not {file.spec.encoding} ({one_line(error, 80)})",
            hint="name the encoding it was written in",
        ) from error


def mark(data: Bytes) -> int:
    """Return the size of the byte order mark that ``data`` begins with."""
    return 3 if bytes(data[:3]) == codecs.BOM_UTF8 else 0


def malformed(
    lines: Any = (), rules: list[str] | None = None, values: list[str] | None = None
) -> pl.DataFrame:
    """Return what could not be read as a row; nothing of it when called without lines."""
    return pl.DataFrame(
        {"line": lines, "rule": rules or [], "value": values or []}, schema=MALFORMED_SCHEMA
    )


def apart(data: Bytes, found: Survey) -> tuple[npt.NDArray[np.bool_], pl.DataFrame]:
    """Return which records are good, and the others as a frame."""
    good = found.verdicts == 0
    bad = np.flatnonzero(~good)
    values = [beginning(data, found, int(k)) for k in bad]
    rules = [VERDICTS[found.verdicts[k]] for k in bad]
    return good, malformed(found.lines[bad], rules, values)


def beginning(data: Bytes, found: Survey, record: int) -> str:
    """Return the beginning of a record, whatever its bytes."""
    start, end = int(found.starts[record]), int(found.ends[record])
    shown = bytes(data[start : min(end, start + SHOWN)])
    return shown.decode("utf-8", errors="backslashreplace")
