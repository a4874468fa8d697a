"""A source's rows against the contracts: what keeps them goes on, the rest is told why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from graphml.schema import MARKETPLACE, ColumnSpec, GraphSchema
from graphml.tables.check import check, rejected_rows, require_columns
from graphml.tables.files import FILE, LINE, Rows
from graphml.tables.frames import TABLES, Tables, empty, require_utc
from graphml.tables.quarantine import ROWS_SCHEMA, Quarantine, no_rows
from graphml.tables.rules import ROW, Terms, terms_of
from graphml.tables.source import Part, Source

_KEYS: dict[str, tuple[str, ...]] = {
    "events": ("event_id",),
    "members": ("member_id", "valid_from"),
    "products": ("product_id", "valid_from"),
}
"""What names a row; tables without a key have exact repeats alone."""

SIGNUP = "signup:"
"""Before a member's id: the event_id of a sign-up that comes from the members' table."""


def validate(
    source: Source,
    schema: GraphSchema = MARKETPLACE,
    *,
    now: datetime,
    allow_future: bool = False,
) -> tuple[Tables, Quarantine]:
    """Return the rows of ``source`` that keep the contracts, and the others with the rule.

    An exact repeat is dropped and counted. Of rows with one event_id and different content the
    first in time is kept (then the first by its columns' values), whatever the order of the rows.

    Args:
        source: What ``read_source`` found.
        schema: Tables with their columns, and the known kinds.
        now: The moment of loading; times more than a day beyond it are refused.
        allow_future: Believe them.

    Raises:
        SourceError: A file is cut, damaged, or lacks a required column altogether.
        ValueError: ``now`` is naive.
    """
    terms = terms_of(
        schema.kinds,
        require_utc("now", now),
        allow_future=allow_future,
        products=source.products,
        timeless=source.timeless,
    )
    found = {
        table: _table(
            source, table, {**schema.tables[table], **source.features.get(table, {})}, terms
        )
        for table in TABLES
        if any(part.table == table for part in source.parts)
    }
    frames = {table: result.frame for table, result in found.items()}
    events = frames.get("events", empty("events"))
    signups = _signups(events, frames.get("members", empty("members")))
    frames["events"] = pl.concat([events, signups]) if signups.height else events
    quarantine = Quarantine(
        rows=pl.concat([no_rows(), *(result.rejected for result in found.values())]),
        read={table: result.read for table, result in found.items()},
        repeats={table: result.repeats for table, result in found.items()},
        derived={"events": signups.height},
        notes=(*source.notes, *(note for result in found.values() for note in result.notes)),
        origins=found["events"].origins if "events" in found else None,
        files=found["events"].files if "events" in found else (),
    )
    return Tables(**frames), quarantine


@dataclass(frozen=True, kw_only=True, slots=True)
class _Result:
    frame: pl.DataFrame
    rejected: pl.DataFrame
    read: int
    repeats: int
    notes: tuple[str, ...]
    origins: pl.DataFrame | None
    files: tuple[str, ...]


def _table(source: Source, table: str, columns: dict[str, ColumnSpec], terms: Terms) -> _Result:
    parts = [part for part in source.parts if part.table == table]
    files = [name for part in parts for name in part.names]
    checked, notes = [], list[str]()
    rejected, read, first = [no_rows()], 0, 0
    for part in parts:
        rows, ignored = _raw(part, columns, first, terms)
        raw = rows.frame.collect()
        result = check(raw, table, columns, terms, files=files, zone=source.time_zone)
        checked.append(result.good)
        malformed = rows.malformed.with_columns(
            pl.lit(part.name).alias("file"), pl.lit(None, pl.String).alias("column")
        )
        lost = _lost(table, malformed)
        rejected += [lost, result.rejected]
        read += raw.height + lost.height
        first += len(part.names)
        notes += [
            f"{part.name}: ignored {', '.join(ignored)}: the schema names no such column"
        ] * bool(ignored)
    for aside in source.asides:
        if aside.table == table:
            lost = _lost(table, aside.rows())
            rejected.append(lost)
            read += lost.height
            notes += aside.notes()
    frame, repeats, conflicts = _without_repeats(pl.concat(checked), table, list(columns), files)
    return _Result(
        frame=frame.drop(FILE, LINE),
        rejected=pl.concat([*rejected, conflicts]),
        read=read,
        repeats=repeats,
        notes=tuple(notes),
        # The ids are the frame's own, so this costs twelve bytes an event.
        origins=frame.select("event_id", FILE, LINE) if table == "events" else None,
        files=tuple(files),
    )


def _raw(
    part: Part, columns: dict[str, ColumnSpec], first: int, terms: Terms
) -> tuple[Rows, list[str]]:
    """Return the rows of one part as they were written, and its further columns."""
    present = part.columns()
    require_columns(part.name, present, columns, ("time",) if terms.timeless else ())
    rows = part.rows(columns)
    frame = rows.frame.with_columns((pl.col(FILE) + first).cast(pl.UInt32))
    ignored = [name for name in present if name not in columns]
    return Rows(frame=frame, malformed=rows.malformed), ignored


def _lost(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return what is no row of a table (file, line, rule, column, value) as the quarantine has it."""
    return rows.select(
        pl.lit(table).alias("table"),
        "file",
        "line",
        "rule",
        "column",
        "value",
        pl.lit(None, pl.String).alias("row"),
    )


def _without_repeats(
    frame: pl.DataFrame, table: str, columns: list[str], files: Sequence[str]
) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Return ``frame`` with each key once, how many exact repeats fell out, and what clashed."""
    key = [name for name in _KEYS.get(table, columns) if name in columns]
    again = frame[key[0]].is_duplicated() if len(key) == 1 else frame.select(key).is_duplicated()
    if not again.any():
        return frame, 0, pl.DataFrame(schema=ROWS_SCHEMA)
    doubtful = frame.filter(again)
    distinct = doubtful.unique(columns, keep="first", maintain_order=True)
    # The earliest wins, and the whole content breaks ties: the order of rows decides nothing.
    order = [*(name for name in ("time", "valid_from") if name in columns), *columns]
    clashing = distinct.select(key).is_duplicated()
    kept = pl.concat(
        [
            distinct.filter(~clashing),
            distinct.filter(clashing)
            .sort(order, nulls_last=True)
            .unique(key, keep="first", maintain_order=True),
        ]
    )
    clash = distinct.join(
        kept.select(FILE, LINE), on=[FILE, LINE], how="anti", maintain_order="left"
    )
    at = pl.DataFrame({ROW: range(clash.height)}, schema={ROW: pl.UInt32}).with_columns(
        column=pl.lit(key[0]), rule=pl.lit("names another row too")
    )
    conflicts = rejected_rows(clash, at, table, files)
    return pl.concat([frame.filter(~again), kept]), doubtful.height - distinct.height, conflicts


def _signups(events: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Return a sign-up for each member who has a signup_time and no such event."""
    if members.is_empty():
        return events.clear()
    known = events.lazy().filter(pl.col("kind") == "signup").select("member_id").unique()
    return (
        members.lazy()
        .filter(pl.col("signup_time").is_not_null())
        .group_by("member_id")
        .agg(pl.col("signup_time").min().alias("time"))
        .join(known, on="member_id", how="anti")
        .sort("member_id")
        .select(
            (pl.lit(SIGNUP) + pl.col("member_id")).alias("event_id"),
            "time",
            pl.lit("signup").alias("kind"),
            "member_id",
            *(
                pl.lit(None, dtype).alias(name)
                for name, dtype in events.schema.items()
                if name not in ("event_id", "time", "kind", "member_id")
            ),
        )
        .select(events.columns)
        .collect()
    )
