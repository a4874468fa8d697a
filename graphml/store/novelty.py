"""Which rows of a batch a store does not hold yet: vectorised, exact, one segment at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from graphml.errors import StoreConflictError, StoreError, one_line
from graphml.store.base import Counts
from graphml.tables.frames import TIME, conform, empty, frame_schema

KEYS = {"members": "member_id", "products": "product_id"}
"""Tables whose rows are kept by key and ``valid_from``, with the key's column."""

Readers = Iterable[Callable[[Sequence[str] | None], pl.DataFrame]]
"""One for each segment of a table: it reads the columns asked for, or all with ``None``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Novelty:
    """What of a batch is ``new``, in its order, how many rows are repeats, which contradict."""

    new: pl.DataFrame
    repeats: int = 0
    conflicts: pl.DataFrame = field(default_factory=lambda: empty("events"))


def counted(news: Mapping[str, Novelty], *, strict: bool = False) -> Counts:
    """Return what writing ``news``, by table, comes to.

    Raises:
        StoreConflictError: An event contradicts the store, and ``strict`` refuses that.
    """
    conflicts = news["events"].conflicts if "events" in news else empty("events")
    if strict and conflicts.height:
        first = one_line(conflicts["event_id"][0], 60)
        raise StoreConflictError(
            f"{conflicts.height} events are in the store with other content, as {first!r}",
            hint="leave them out, or load into a new --store",
        )
    return Counts(
        **{table: novelty.new.height for table, novelty in news.items()},
        repeats=sum(novelty.repeats for novelty in news.values()),
        conflicts=conflicts,
    )


def storable(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return ``frame`` in the types that stores keep; further columns are features.

    Raises:
        StoreError: A further column is neither text, number, boolean nor time.
    """
    known = frame_schema(table)
    rows = conform(frame, table).drop("sequence", strict=False)
    casts = {name: _kept(rows.schema[name], name) for name in rows.columns if name not in known}
    return rows.cast(casts) if casts else rows  # type: ignore[arg-type]


def _kept(dtype: pl.DataType, name: str) -> pl.DataType:
    if dtype == pl.Boolean:
        return pl.Boolean()
    if dtype.is_integer():
        return pl.Int64()
    if dtype.is_float() or dtype.is_decimal():
        return pl.Float64()
    if dtype in (pl.Date, pl.Datetime):
        return TIME
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return pl.String()
    raise StoreError(
        f"column {name!r} has type {dtype}, which a store does not keep",
        hint="turn it into text, a number, a boolean or a time",
    )


def new_events(batch: pl.DataFrame, segments: Readers) -> Novelty:
    """Return the events whose event_id is in no segment; the first of a batch's equal ids counts.

    Ids are compared by 64-bit hash, then by themselves; equal ones by all their columns. One
    segment is in memory at a time.
    """
    position = pl.int_range(batch.height, dtype=pl.UInt32, eager=True)
    hashes = batch["event_id"].hash()
    found, same = [_NOWHERE], [_NOWHERE]
    for read in segments:
        maybe = hashes.is_in(read(["event_id"])["event_id"].hash().implode())
        if maybe.any():
            there, equal = _compare(batch.filter(maybe), read(None), ["event_id"])
            found.append(position.filter(maybe).filter(there))
            same.append(position.filter(maybe).filter(there & equal))
    fresh = batch["event_id"].is_first_distinct() & ~position.is_in(pl.concat(found).implode())
    if fresh.all():
        return Novelty(new=batch)
    new = batch.filter(fresh)
    repeated = ~fresh & position.is_in(pl.concat(same).implode())
    within = batch.filter(~fresh)
    there, equal = _compare(within, new, ["event_id"])
    again = repeated.filter(~fresh) | (there & equal)
    return Novelty(new=new, repeats=int(again.sum()), conflicts=within.filter(~again))


_NOWHERE = pl.Series([], dtype=pl.UInt32)


def latest(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return the last of the rows with the same key and ``valid_from``."""
    return rows.unique([KEYS[table], "valid_from"], keep="last", maintain_order=True)


def new_attributes(batch: pl.DataFrame, stored: pl.DataFrame, table: str) -> Novelty:
    """Return the attribute rows that are new or changed; the last of equal keys counts."""
    last = latest(batch, table)
    there, equal = _compare(last, latest(stored, table), [KEYS[table], "valid_from"])
    new = last.filter(~(there & equal))
    return Novelty(new=new, repeats=batch.height - new.height)


def new_rows(batch: pl.DataFrame, stored: pl.DataFrame) -> Novelty:
    """Return the rows that are not stored with the same content already."""
    once = batch.unique(keep="first", maintain_order=True)
    there, _ = _compare(once, stored, once.columns)
    new = once.filter(~there)
    return Novelty(new=new, repeats=batch.height - new.height)


def _compare(
    rows: pl.DataFrame, held: pl.DataFrame, keys: list[str]
) -> tuple[pl.Series, pl.Series]:
    """Return for each of ``rows`` whether ``held`` has its keys, and whether with equal content.

    ``held`` has each combination of keys once. A column that one side lacks is null there.
    """
    names = [*keys, *(n for n in _names(rows, held) if n not in keys)]
    # Numbered names: a feature column may be called anything.
    left = rows.select(_column(rows, held, n).alias(f"{i}") for i, n in enumerate(names))
    right = held.select(
        *(_column(held, rows, n).alias(_held(i, keys)) for i, n in enumerate(names)), here=True
    )
    joined = left.join(
        right,
        on=[f"{i}" for i in range(len(keys))],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    there = pl.col("here").is_not_null()
    equal = [pl.col(f"{i}").eq_missing(pl.col(f"{i}h")) for i in range(len(keys), len(names))]
    answer = joined.select(there=there, equal=pl.all_horizontal(there, *equal))
    return answer["there"], answer["equal"]


def _names(rows: pl.DataFrame, held: pl.DataFrame) -> list[str]:
    return [n for n in dict.fromkeys([*rows.columns, *held.columns]) if n != "sequence"]


def _held(position: int, keys: list[str]) -> str:
    return f"{position}" if position < len(keys) else f"{position}h"


def _column(frame: pl.DataFrame, other: pl.DataFrame, name: str) -> pl.Expr:
    if name not in frame.columns:
        return pl.lit(None, dtype=other.schema[name])
    if name in other.columns and other.schema[name] != frame.schema[name]:
        return pl.col(name).cast(pl.String)  # a feature that changed its type is compared as text
    return pl.col(name)
