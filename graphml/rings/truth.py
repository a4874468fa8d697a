"""The truth about rings, for evaluation alone: who was in which, and who shares harmlessly."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from graphml.errors import SourceError, one_line
from graphml.schema import ColumnSpec
from graphml.tables.files import File, FileFormat, format_of
from graphml.tables.parse import parse
from graphml.tables.reading import rows_of

_REQUIRED = ColumnSpec(type="text", required=True)
_TEXT = ColumnSpec(type="text")
RING_COLUMNS = {
    "ring_id": _REQUIRED,
    "member_id": _REQUIRED,
    "kind": _TEXT,
    "role": _TEXT,
    "first_event": ColumnSpec(type="time"),
}
GROUP_COLUMNS = {"group_id": _REQUIRED, "member_id": _REQUIRED, "kind": _REQUIRED}


def read_truth(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the tables ``rings`` and ``groups`` of a truth folder; groups may be absent.

    Columns of rings: ring_id, member_id, and optional kind, role, first_event; of groups:
    group_id, member_id, kind. Any format of the event tables.

    Raises:
        SourceError: No rings table, or a table with a broken row: truth is never read in part.
    """
    rings = _read(folder, "rings", RING_COLUMNS)
    if rings is None:
        raise SourceError(
            f"{folder}: no rings table", hint="ring_id and member_id in rings.csv or rings.parquet"
        )
    groups = _read(folder, "groups", GROUP_COLUMNS)
    if groups is None:
        groups = pl.DataFrame(schema=dict.fromkeys(GROUP_COLUMNS, pl.String))
    return rings, groups


def true_rings(rings: pl.DataFrame, as_of: datetime) -> list[dict[str, datetime | None]]:
    """Return each ring's members with their first events, as they were by ``as_of``.

    A member whose first event lies later is not in it yet; fewer than two are no ring yet. A member
    of two rings counts for the first by ring_id: rings are disjoint.
    """
    by_then = rings.filter(pl.col("first_event").is_null() | (pl.col("first_event") <= as_of))
    once = by_then.sort("ring_id", "member_id").unique(
        "member_id", keep="first", maintain_order=True
    )
    found = once.group_by("ring_id", maintain_order=True)
    members = (dict(zip(ring["member_id"], ring["first_event"], strict=True)) for _, ring in found)
    return [ring for ring in members if len(ring) >= 2]


def _read(folder: Path, name: str, columns: dict[str, ColumnSpec]) -> pl.DataFrame | None:
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder", hint="simulate writes OUT.truth")
    files = [path for path in sorted(folder.glob(f"{name}.*")) if format_of(path)]
    if not files:
        return None
    rows = rows_of(File(files[0], FileFormat()), columns)
    if rows.malformed.height:
        line, rule = rows.malformed.select("line", "rule").row(0)
        raise SourceError(f"{files[0].name} line {line}: {rule}", hint="write it again")
    frame = rows.frame.collect()
    return pl.DataFrame([_column(frame, files[0], at, spec) for at, spec in columns.items()])


def _column(frame: pl.DataFrame, file: Path, name: str, spec: ColumnSpec) -> pl.Series:
    missing = pl.Series(name, [None] * frame.height, dtype=pl.String)
    parsed = parse(frame[name] if name in frame.columns else missing, spec, None)
    for rule, where in parsed.problems:
        if where.any():
            raise SourceError(
                f"{file.name} row {where.arg_true()[0] + 1}: {name} {one_line(rule)}",
                hint="write it again",
            )
    if spec.required and parsed.values.null_count():
        row = parsed.values.is_null().arg_true()[0] + 1
        raise SourceError(f"{file.name} row {row}: no {name}", hint="each row needs one")
    return parsed.values.alias(name)
