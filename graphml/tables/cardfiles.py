"""The files that a card names: found, read once, and parted into rows to use and rows set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import polars as pl

from graphml.errors import CardError, SourceError, one_line
from graphml.tables.card import Card, CardFile
from graphml.tables.files import FILE, LINE, MALFORMED_SCHEMA, SHOWN, File, unreadable
from graphml.tables.reading import columns_of, rows_of

ASIDE_SCHEMA = {"file": pl.String, **MALFORMED_SCHEMA}
"""Shape of what is set aside before it is a row of a table."""
WITHHELD = "(withheld: the card pseudonymises columns)"


def locate(card: Card, file: CardFile, data: Path | None) -> tuple[Path, ...]:
    """Return the paths of ``file``: in ``data`` where that is given, else beside the card.

    Raises:
        SourceError: None is there, or their folder cannot be read.
    """
    base = data or card.path.parent
    found: list[Path] = []
    for path in file.paths:
        tried = [base / path, base / Path(path).name]
        hits = next((hits for place in tried if (hits := _matches(place))), [])
        if not hits:
            raise SourceError(
                f"{card.path.name}: the file {one_line(path)} is not there (looked in {base})",
                hint="put it beside the card, or name its folder in GRAPHML_DATA, or with --data where a command takes it",
            )
        found += hits
    return tuple(dict.fromkeys(found))


def _matches(path: Path) -> list[Path]:
    try:
        if "*" not in path.name:
            return [path] if path.is_file() else []
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError as error:
        raise unreadable(path.parent, error) from error
    return sorted(path.parent / name for name in names if fnmatchcase(name, path.name))


class CardTable:
    """One ``[files.NAME]`` on disk; each of its properties is worked out once."""

    def __init__(self, file: CardFile, paths: tuple[Path, ...]) -> None:
        self.file = file
        self.paths = paths
        self.names = tuple(path.name for path in paths)
        self.used: dict[str, None] = dict.fromkeys(file.required)
        """Columns that anything in the card reads; filled while the card is bound."""
        self._has: dict[str, bool] = {}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns, in order."""
        found: dict[str, None] = {}
        for path in self.paths:
            found.update(dict.fromkeys(columns_of(File(path, self.file.spec))))
        return tuple(found)

    @property
    def open_ended(self) -> bool:
        """Whether rows may have columns that its beginning does not show."""
        return any(File(path, self.file.spec).format == "jsonl" for path in self.paths)

    @property
    def typed(self) -> bool:
        """Whether the files themselves say of what type their columns are."""
        formats = {File(path, self.file.spec).format for path in self.paths}
        return formats <= {"parquet", "npz"}

    def has(self, column: str) -> bool:
        """Return whether any row has ``column``, also where the beginning does not show it."""
        if column not in self._has:
            files = [File(path, self.file.spec) for path in self.paths]
            self._has[column] = any(column in columns_of(file, [column]) for file in files)
        return self._has[column]

    def decimal(self, column: str) -> str:
        """Return the decimal sign of ``column``'s text; what is a number already needs none."""
        sign = self.file.spec.decimal
        return sign if sign and self._schema.get(column) == pl.String else ""

    @cached_property
    def _schema(self) -> pl.Schema:
        return self._read[0].collect_schema()

    def use(self, columns: Iterable[str]) -> None:
        """Note that ``columns`` are read.

        Raises:
            CardError: A name is one that polars takes for a pattern.
        """
        names = dict.fromkeys(columns)
        pattern = next((n for n in names if n == "*" or (n[:1], n[-1:]) == ("^", "$")), None)
        if pattern is not None:
            raise CardError(
                f"[files.{self.file.name}]: a column named {one_line(pattern)!r} cannot be read",
                hint="rename it in the file",
            )
        self.used.update(names)

    @cached_property
    def _read(self) -> tuple[pl.LazyFrame, pl.DataFrame]:
        """Return all whole rows with ``_file`` and ``_line``, and the malformed ones."""
        self._verify()
        frames, malformed = [], []
        for index, path in enumerate(self.paths):
            rows = rows_of(File(path, self.file.spec), self.used)
            frames.append(rows.frame.with_columns(pl.lit(index, pl.UInt32).alias(FILE)))
            malformed.append(rows.malformed.select(pl.lit(path.name).alias("file"), pl.all()))
        frame = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
        return frame, pl.concat(malformed)

    def _verify(self) -> None:
        if self.file.checksum is None:
            return
        digest = hashlib.sha256()
        for path in self.paths:
            try:
                with path.open("rb") as stream:
                    while chunk := stream.read(1 << 20):
                        digest.update(chunk)
            except OSError as error:
                raise unreadable(path, error) from error
        if self.file.checksum != f"sha256:{digest.hexdigest()}":
            raise SourceError(
                f"{', '.join(self.names)}: not the file the card was written for: its SHA-256 differs",
                hint="get the file the card names, or take checksum out of the card",
            )

    @property
    def _lacking(self) -> pl.Expr:
        """The first required column that a row lacks."""
        cells = [
            pl.when(pl.col(name).cast(pl.String).fill_null("").str.strip_chars() == "").then(
                pl.lit(name)
            )
            for name in self.file.required
        ]
        return pl.coalesce(*cells, pl.lit(None, pl.String))

    @property
    def _skipped(self) -> pl.Expr:
        skip = self.file.skip
        return pl.lit(value=False) if skip is None else skip.holds(self.column, self.decimal)

    def column(self, name: str) -> str:
        """Return ``name`` if it is one of the columns.

        Raises:
            CardError: It is none.
        """
        if name in self.columns or self.open_ended:
            return name
        raise CardError(
            f"[files.{self.file.name}]: {self.names[0]} has no column {one_line(name)!r}",
            hint=f"its columns: {one_line(', '.join(self.columns), 300)}",
        )

    @property
    def frame(self) -> pl.LazyFrame:
        """Rows to use: whole, not skipped, with all that is required."""
        frame = self._read[0]
        if self.file.skip is not None:
            frame = frame.filter(~self._skipped)
        return frame.filter(self._lacking.is_null()) if self.file.required else frame

    def set_aside(self) -> pl.DataFrame:
        """Return what is no row to use: malformed lines, and rows that lack what is required."""
        frame, malformed = self._read
        if not self.file.required:
            return malformed
        lacking = (
            frame.filter(~self._skipped)
            .with_columns(self._lacking.alias("_lacks"))
            .filter(pl.col("_lacks").is_not_null())
            .collect()
        )
        rule = pl.lit("lacks ") + pl.col("_lacks")
        return pl.concat([malformed, self.rows_aside(lacking, rule)])

    def rows_aside(
        self, frame: pl.DataFrame, rule: pl.Expr, value: pl.Expr | None = None
    ) -> pl.DataFrame:
        """Return rows of ``frame`` (_file, _line) in the shape of what is set aside."""
        names = pl.Series("file", self.names, dtype=pl.String)
        return frame.select(
            names.gather(frame[FILE]).alias("file"),
            pl.col(LINE).alias("line"),
            rule.alias("rule"),
            (pl.lit(None, pl.String) if value is None else value).alias("value"),
        )

    def notes(self) -> tuple[str, ...]:
        """Return one line about the rows that the card skips."""
        if self.file.skip is None:
            return ()
        count = self._read[0].select(self._skipped.sum()).collect().item()
        return (
            (f"{', '.join(self.names)}: {count} rows skipped, as the card says",) if count else ()
        )

    def lookup(self, keys: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return one row for each value of ``keys``, and the rows that no join can use.

        The first row of a key is joined. What becomes of the others as rows of a table, where the
        card makes some of this file, is not decided here.
        """
        present = pl.all_horizontal(pl.col(key).is_not_null() for key in keys)
        frame = self.frame.filter(present).collect()
        distinct = frame.unique([*self.used], keep="first", maintain_order=True)
        first = distinct.unique(list(keys), keep="first", maintain_order=True)
        clash = distinct.join(first.select(FILE, LINE), on=[FILE, LINE], how="anti")
        rule = pl.lit(f"not joined: {', '.join(keys)} names another row of {self.file.name} too")
        value = pl.concat_str([pl.col(key).cast(pl.String) for key in keys], separator=", ")
        return first, self.rows_aside(clash, rule, value.str.slice(0, SHOWN))
