"""Raw cells to the schema's types, column by column, with what is wrong where it does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from graphml.schema import ColumnSpec
from graphml.tables.frames import DTYPES, TIME
from graphml.tables.numbers import refusals

_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
# Beyond this a float no longer tells neighbouring integers apart.
_EXACT = 2.0**53
SKIPPED = "a time that the zone skips"
"""The rule of a local time in the hour that clocks leave out in spring."""
_WITH_ZONE = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:.*(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A column of its type, null where one of ``problems`` (rule, where) holds."""

    values: pl.Series
    problems: tuple[tuple[str, pl.Series], ...] = ()


def parse(raw: pl.Series, spec: ColumnSpec, zone: str | None) -> Parsed:
    """Return column ``raw`` as the type that ``spec`` asks for.

    Args:
        raw: Text, or a Parquet file's own type.
        spec: What it shall hold.
        zone: Zone of times that name none; ``None`` makes them a problem.
    """
    if raw.null_count() == len(raw):
        return Parsed(raw.cast(pl.Null).cast(DTYPES[spec.type]))
    if raw.dtype == pl.String:
        raw = without_blanks(raw)
    if spec.type == "text":
        return _text(raw)
    if spec.type == "time":
        return _time(raw, zone)
    if spec.type == "boolean":
        return _boolean(raw)
    return _number(raw, whole=spec.type == "integer")


def without_blanks(raw: pl.Series) -> pl.Series:
    """Return ``raw`` with null for cells of spaces alone: as an identifier they would tie everybody."""
    blank = raw.str.strip_chars() == ""
    return raw.set(blank, None) if blank.any() else raw


def _nothing(raw: pl.Series, dtype: pl.DataType, rule: str) -> Parsed:
    """Return a column none of whose cells fits."""
    values = pl.Series(raw.name, [None], dtype=dtype).new_from_index(0, len(raw))
    return Parsed(values, ((rule, raw.is_not_null()),))


def _text(raw: pl.Series) -> Parsed:
    if raw.dtype.is_nested() or raw.dtype == pl.Binary:
        return _nothing(raw, pl.String(), "not text")
    return Parsed(raw.cast(pl.String))


def _number(raw: pl.Series, *, whole: bool) -> Parsed:
    dtype = pl.Int64() if whole else pl.Float64()
    if not (raw.dtype == pl.String or raw.dtype.is_numeric()):
        return _nothing(raw, dtype, "not a number")
    text = raw.str.strip_chars() if raw.dtype == pl.String else raw
    values = text.cast(pl.Float64, strict=False)
    unread = refusals(raw, raw.is_not_null() & values.is_null())
    odd = ~values.is_finite().fill_null(value=True)
    if not whole:
        return Parsed(values.set(odd, None), (*unread, ("not finite", odd)))
    odd |= ((values.floor() != values) | (values.abs() > _EXACT)).fill_null(value=False)
    return Parsed(values.set(odd, None).cast(pl.Int64), (*unread, ("not a whole number", odd)))


def _boolean(raw: pl.Series) -> Parsed:
    if raw.dtype == pl.Boolean:
        return Parsed(raw)
    if raw.dtype.is_nested() or raw.dtype == pl.Binary:
        return _nothing(raw, pl.Boolean(), "not true or false")
    text = raw.cast(pl.String).str.strip_chars().str.to_lowercase()
    names = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    values = text.replace_strict(names, default=None, return_dtype=pl.Boolean)
    return Parsed(values, (("not true or false", raw.is_not_null() & values.is_null()),))


def _time(raw: pl.Series, zone: str | None) -> Parsed:
    if isinstance(raw.dtype, pl.Datetime):
        if raw.dtype.time_zone:
            return Parsed(raw.dt.convert_time_zone("UTC").cast(TIME))
        return _both(raw.cast(pl.Datetime("us")), raw, None, zone)
    if raw.dtype == pl.Date:
        return _both(raw.cast(pl.Datetime("us")), raw, None, zone)
    if raw.dtype != pl.String:
        return _nothing(raw, TIME, "not an ISO 8601 time")
    aware = raw.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    rest = (raw.is_not_null() & aware.is_null()).arg_true()
    if rest.is_empty():
        return Parsed(aware)
    # The ways to leave out parts are many and slow, so only what the full form did not fit is tried.
    odd = raw.gather(rest).str.strip_chars().str.replace(r"[t ]", "T")
    with_zone = odd.str.contains(_WITH_ZONE)
    aware = aware.scatter(rest, _short(odd.set(~with_zone, None)))
    if with_zone.all():
        return Parsed(aware, (("not an ISO 8601 time", raw.is_not_null() & aware.is_null()),))
    naive = aware.clear(len(raw)).cast(pl.Datetime("us"))
    naive = naive.scatter(rest, _plain(odd.set(with_zone, None)))
    return _both(naive, raw, aware, zone)


def _short(text: pl.Series) -> pl.Series:
    """Return times that name a zone and leave out seconds, colons or the zone's minutes."""
    full = (
        text.str.replace(r"[zZ]$", "+00:00")
        .str.replace(r"([+-]\d\d)(\d\d)?$", "$1:$2")
        .str.replace(r":$", ":00")
        .str.replace(r"(T\d\d:\d\d)([+-])", "$1:00$2")
    )
    return full.str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False
    )


def _plain(text: pl.Series) -> pl.Series:
    """Return times that name no zone, also without seconds and dates alone."""
    full = text.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00").str.replace(
        r"(T\d\d:\d\d)$", "$1:00"
    )
    return full.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)


def _both(naive: pl.Series, raw: pl.Series, aware: pl.Series | None, zone: str | None) -> Parsed:
    """Return times of both sorts in UTC; those without a zone only where one is named."""
    known = aware if aware is not None else naive.clear(len(raw)).cast(TIME)
    missing = raw.is_not_null() & known.is_null()
    unread = ("not an ISO 8601 time", missing & naive.is_null())
    if zone is None:
        return Parsed(known, (unread, ("a time without a zone", missing & naive.is_not_null())))
    values = known.fill_null(localised(naive, zone))
    return Parsed(values, (unread, (SKIPPED, missing & values.is_null())))


def localised(naive: pl.Series, zone: str) -> pl.Series:
    """Return times of ``zone`` in UTC: the earlier of two, null for one that the zone skips."""
    local = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").cast(TIME)
