"""One column of a card's block: from source columns to a value, step by step."""

from __future__ import annotations

import string
from dataclasses import dataclass

import polars as pl

from graphml.errors import CardError, one_line
from graphml.privacy.pseudonyms import pseudonymise
from graphml.schema import ColumnSpec
from graphml.tables.card import Column
from graphml.tables.cardfiles import WITHHELD
from graphml.tables.check import Bad, bad_name
from graphml.tables.formulas import Decimal, Resolve
from graphml.tables.frames import TIME
from graphml.tables.normalise import step_named
from graphml.tables.numbers import number
from graphml.tables.parse import localised, parse, without_blanks

_UNIX = {"unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
_CLOCK = ("%H", "%I", "%M", "%S", "%T", "%R", "%r", "%X", "%c", "%s", "%+")


def source_columns(column: Column) -> list[str]:
    """Return the source columns that ``column`` reads."""
    if column.column is not None:
        return [column.column]
    if column.text is not None:
        return [name for _, name in _template(column) if name is not None]
    return [] if column.formula is None else column.formula.columns


def _template(column: Column) -> list[tuple[str, str | None]]:
    """Return the template's pieces: literal text, and the column that follows it."""
    try:
        pieces = list(string.Formatter().parse(column.text or ""))
    except ValueError as error:
        raise CardError(
            f"{column.name}: {one_line(column.text)!r} is no template ({error})",
            hint='write columns in braces, as "{street}, {city}", and a brace as {{',
        ) from error
    return [(literal, name) for literal, name, _, _ in pieces]


@dataclass(frozen=True, slots=True)
class Making:
    """What values are made with: columns' names and decimal signs, a zone of times, a key of pseudonyms."""

    resolve: Resolve
    decimal: Decimal
    zone: str | None
    key: bytes | None

    def make(self, column: Column, frame: pl.DataFrame, *, numeric: bool) -> list[pl.Series]:
        """Return the values of ``column`` and, where cells did not fit, their text (``bad_name``).

        Args:
            column: What the card says of it.
            frame: Rows of the source.
            numeric: Whether it shall hold numbers.
        """
        bad: dict[Bad, pl.Series] = {}
        values = self._start(column, frame, bad)
        if column.map:
            values = values.cast(pl.String).replace(dict(column.map))
        if column.format or column.time_zone:
            values = self._timed(column, values, bad)
        if column.normalise:
            values, bad["address"] = _normalised(values.cast(pl.String), column.normalise)
        if values.dtype == pl.String:
            values = without_blanks(values)
        if numeric and values.dtype == pl.String and (sign := self._sign(column)):
            values, bad["number"] = _numbers(values, sign)
        if column.default is not None:
            values = _filled(values, column.default)
        if column.pseudonym:
            values = pseudonymise(values.cast(pl.String), self.key or b"")
            bad = {kind: text.set(text.is_not_null(), WITHHELD) for kind, text in bad.items()}
        told = [
            text.alias(bad_name(kind, column.name))
            for kind, text in bad.items()
            if text.null_count() < len(text)
        ]
        return [values.alias(column.name), *told]

    def _start(self, column: Column, frame: pl.DataFrame, bad: dict[Bad, pl.Series]) -> pl.Series:
        if column.column is not None:
            return frame[self.resolve(column.column)]
        if column.formula is not None:
            both = frame.select(
                column.formula.value(self.resolve, self.decimal).alias("value"),
                column.formula.unread(self.resolve, self.decimal).alias("bad"),
            )
            bad["number"] = _as_long(both["bad"], frame)
            return _as_long(both["value"], frame)
        if column.text is not None:
            return _as_long(frame.select(self._text(column).alias("text"))["text"], frame)
        return _as_long(pl.Series("value", [column.value], pl.String), frame)

    def _timed(self, column: Column, raw: pl.Series, bad: dict[Bad, pl.Series]) -> pl.Series:
        """Return times in UTC; ``bad`` gets the text of those that do not fit or that never were."""
        zone = column.time_zone or self.zone
        text, values = _times(raw, column.format, zone)
        bad["time"] = text.set(values.is_not_null(), None)
        if zone and bad["time"].null_count() < len(text):
            read = bad["time"].is_not_null() & _times(raw, column.format, "UTC")[1].is_not_null()
            bad["time"], bad["hour"] = bad["time"].set(read, None), text.set(~read, None)
        return values

    def _sign(self, column: Column) -> str:
        """Return the decimal sign of the cells that ``column`` is made from."""
        signs = (self.decimal(self.resolve(name)) for name in source_columns(column))
        return next((sign for sign in signs if sign), "")

    def _text(self, column: Column) -> pl.Expr:
        pieces: list[pl.Expr] = []
        cells: list[pl.Expr] = []
        for literal, name in _template(column):
            pieces.append(pl.lit(literal))
            if name is not None:
                cells.append(pl.col(self.resolve(name)).cast(pl.String))
                pieces.append(cells[-1].fill_null(""))
        whole = pl.concat_str(pieces) if pieces else pl.lit("")
        # A template of nothing but empty cells is an empty cell, not its commas.
        return (
            pl.when(pl.any_horizontal(c.is_not_null() for c in cells)).then(whole)
            if cells
            else whole
        )


def _as_long(values: pl.Series, frame: pl.DataFrame) -> pl.Series:
    """Return ``values`` with a value for each row of ``frame``; a constant is repeated."""
    if len(values) == frame.height:
        return values
    return values.new_from_index(0, frame.height) if frame.height else values.clear()


def _filled(values: pl.Series, default: str) -> pl.Series:
    """Return ``values`` with ``default`` in the empty cells; numbers become text again for it."""
    text = values.cast(pl.String) if values.dtype.is_numeric() else values
    return text.fill_null(default)


def _numbers(text: pl.Series, decimal: str) -> tuple[pl.Series, pl.Series]:
    """Return the numbers, and the text of the cells that are none."""
    values = text.to_frame().select(number(pl.first(), decimal)).to_series()
    return values, text.set(values.is_not_null(), None)


def _normalised(raw: pl.Series, steps: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
    """Return ``raw`` after ``steps``, and the text of the cells that a step found to be no address."""
    values = raw = without_blanks(raw)
    for name in steps:
        step = step_named(name)
        values = values if step is None else step(values)
    return values, raw.set(values.is_not_null(), None)


def _times(
    raw: pl.Series, formats: tuple[str, ...], zone: str | None
) -> tuple[pl.Series, pl.Series]:
    """Return the cells' text, and their times in UTC, null where none of ``formats`` fits."""
    if formats and not raw.dtype.is_temporal():
        text = without_blanks(raw.cast(pl.String))
        values = pl.select(pl.coalesce(_time(text, form, zone) for form in formats)).to_series()
    else:
        text = raw.cast(pl.String)
        values = parse(raw, ColumnSpec(type="time"), zone).values
    return text, values


def _time(text: pl.Series, form: str, zone: str | None) -> pl.Series:
    if form in _UNIX:
        number = text.str.strip_chars().cast(pl.Float64, strict=False)
        micro = (number * _UNIX[form]).round().cast(pl.Int64, strict=False)
        return micro.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if "%z" in form or "%:z" in form or "%#z" in form or form == "%+":
        return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    if any(part in form for part in _CLOCK):
        naive = text.str.to_datetime(form, time_unit="us", strict=False)
    else:
        naive = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return localised(naive, zone) if zone else text.clear(len(text)).cast(TIME)


def numbered(frame: pl.DataFrame, column: Column, prefix: str) -> pl.Series:
    """Return ids made of the named columns and the number of the occurrence, in file order."""
    cells = [pl.col(name).cast(pl.String).fill_null("") for name in column.number]
    stem = frame.select(pl.concat_str(pl.lit(prefix), *cells, separator=":").alias("stem"))
    occurrence = pl.int_range(1, pl.len() + 1).over("stem").cast(pl.String)
    return stem.select(
        pl.concat_str("stem", occurrence, separator=":").alias(column.name)
    ).to_series()
