"""A source into a store: read, validated, written; what was refused is kept aside."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.errors import SourceError, StoreConflictError
from graphml.pipeline.labelnotes import label_notes

if TYPE_CHECKING:
    from graphml.store.base import Counts, GraphStore
    from graphml.tables.frames import Tables
    from graphml.tables.quarantine import Quarantine

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What became of a source's rows: ``read`` = ``loaded`` + ``repeats`` + ``quarantined``.

    Attributes:
        derived: Events made from sign-up times, beyond the rows read.
        new: What the store did not hold before; the rest of ``loaded`` it knew already.
        quarantine: Where the refused rows lie; ``None`` when there are none, or none were kept.
    """

    read: int
    loaded: int
    repeats: int
    quarantined: int
    derived: int
    new: Counts
    notes: Sequence[str]
    reasons: Sequence[str]
    quarantine: Path | None


def load_source(
    path: Path,
    store: GraphStore,
    *,
    now: datetime,
    data: Path | None = None,
    strict: bool = False,
    allow_future: bool = False,
    dry_run: bool = False,
    quarantine: Path | None,
) -> LoadReport:
    """Read, validate and store a source.

    Args:
        path: A folder of tables, or a card.
        store: Where its rows go.
        now: The moment of loading.
        data: The folder of a card's files, if not beside it.
        strict: Refuse the whole source over one row that breaks a rule or contradicts the store.
        allow_future: Believe times beyond tomorrow.
        dry_run: Write nothing into the store, and say what it would take.
        quarantine: A folder for refused rows; ``None`` keeps none.

    Raises:
        SourceError: The source cannot be read, no row is left, or ``strict`` and one is refused.
    """
    from graphml.tables.source import read_source
    from graphml.tables.validate import validate

    logger.info("reading %s", path)
    source = read_source(path, data=data)
    if source.timeless:
        raise SourceError(
            f'{path} says time = "none", and a store keeps events by their time',
            hint="name the column that holds the time",
        )
    tables, refused = validate(source, now=now, allow_future=allow_future)
    room = quarantine / now.strftime("%Y%m%dT%H%M%S.%fZ") if quarantine else None
    if refused.rows.height and (strict or tables.events.height == 0):
        raise _refusal(path, refused, room, strict=strict)
    if tables.events.height == 0:
        raise SourceError(f"{path} has no event", hint="is it the right folder?")
    logger.info("%d events are valid", tables.events.height)
    counts = _stored(tables, store, strict=strict, dry_run=dry_run)
    refused = refused.with_conflicts(counts.conflicts)
    if strict and counts.conflicts.height:
        raise _refusal(path, refused, room, strict=strict)
    return _report(refused, counts, room, label_notes(tables.labels))


def _stored(tables: Tables, store: GraphStore, *, strict: bool, dry_run: bool) -> Counts:
    """Return what was written, or would be; with ``strict`` nothing is where there are conflicts."""
    if dry_run:
        return store.preview_tables(tables)
    try:
        return store.write_tables(tables, strict=strict)
    except StoreConflictError:
        return store.preview_tables(tables)


def _refusal(path: Path, refused: Quarantine, room: Path | None, *, strict: bool) -> SourceError:
    one = refused.rows.height == 1
    told = f"{refused.rows.height} {'row breaks' if one else 'rows break'} a rule"
    if strict:
        told += f" and --strict refuses {'it' if one else 'them'}"
    return SourceError(
        f"nothing of {path} was loaded: {told}; {'; '.join(_reasons(refused)[:2])}",
        hint=f"look at {refused.write(room)}" if room else "--quarantine DIR keeps them to look at",
    )


def _reasons(refused: Quarantine) -> list[str]:
    """Return a line for each rule that rows broke, the most frequent first."""
    return [
        f"{row['rows']} × {row['column'] or row['table']}: {row['rule']}"
        f" (first in {row['file']}" + (f" line {row['line']})" if row["line"] else ")")
        for row in refused.reasons().iter_rows(named=True)
    ]


def _report(
    refused: Quarantine, counts: Counts, room: Path | None, notes: Sequence[str]
) -> LoadReport:
    return LoadReport(
        read=sum(refused.read.values()),
        loaded=sum(refused.loaded.values()),
        repeats=sum(refused.repeats.values()),
        quarantined=sum(refused.counts.values()),
        derived=sum(refused.derived.values()),
        new=counts,
        notes=(*refused.notes, *notes),
        reasons=_reasons(refused),
        quarantine=refused.write(room) if refused.rows.height and room else None,
    )
