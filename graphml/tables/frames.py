"""The shape of validated tables: one polars frame each, with the schema's columns and types."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache

import polars as pl

from graphml.schema import MARKETPLACE, ColumnType, GraphSchema

TIME = pl.Datetime("us", "UTC")

DTYPES: dict[ColumnType, pl.DataType] = {
    "text": pl.String(),
    "time": TIME,
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "boolean": pl.Boolean(),
}
"""The polars type of each column type."""


def frame_schema(table: str, schema: GraphSchema = MARKETPLACE) -> dict[str, pl.DataType]:
    """Return the columns of ``table`` with their polars types, in order.

    >>> list(frame_schema("links"))
    ['member_id', 'other_member_id', 'kind', 'time']
    """
    return {name: DTYPES[column.type] for name, column in schema.tables[table].items()}


@cache
def empty(table: str) -> pl.DataFrame:
    """Return ``table`` without a row."""
    return pl.DataFrame(schema=frame_schema(table))


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return ``frame`` with exactly the schema's columns, cast, in order; missing ones are null.

    For frames that are valid already (made by code, read back from a store); a user's rows go
    through ``validate``. Further columns are kept at the end: they are features.
    """
    known = frame_schema(table)
    # Column by column, not by one select: that would copy what is in several pieces as one.
    columns = [_column(frame, name, dtype) for name, dtype in known.items()]
    return pl.DataFrame([*columns, *(frame[name] for name in frame.columns if name not in known)])


def _column(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Series:
    if name not in frame.columns:
        return pl.repeat(None, frame.height, dtype=dtype, eager=True).alias(name)
    own = frame[name]
    return own if own.dtype == dtype else own.cast(dtype)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """Validated tables of one marketplace.

    Every frame has at least the schema's columns (``frame_schema``); absent tables are empty.
    ``events`` is in no particular order; stores add the column ``sequence`` (Int64, the order of
    loading) to the tables they hand back.
    """

    events: pl.DataFrame
    members: pl.DataFrame = field(default_factory=lambda: empty("members"))
    products: pl.DataFrame = field(default_factory=lambda: empty("products"))
    labels: pl.DataFrame = field(default_factory=lambda: empty("labels"))
    links: pl.DataFrame = field(default_factory=lambda: empty("links"))

    def __post_init__(self) -> None:
        for name in TABLES:
            object.__setattr__(self, name, conform(getattr(self, name), name))


TABLES: tuple[str, ...] = tuple(f.name for f in fields(Tables))


def require_utc(name: str, time: datetime) -> datetime:
    """Return ``time`` in UTC; a naive one is an error that names the argument.

    >>> require_utc("as_of", datetime(2024, 1, 1))
    Traceback (most recent call last):
    ValueError: as_of needs a time zone, got 2024-01-01T00:00:00; add '+00:00'
    """
    if time.tzinfo is None:
        raise ValueError(f"{name} needs a time zone, got {time.isoformat()}; add '+00:00'")
    return time.astimezone(UTC)
