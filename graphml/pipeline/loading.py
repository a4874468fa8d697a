"""A source into a store: read, validated, written; what was refused is kept aside."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from graphml.errors import SourceError, StoreConflictError
from graphml.pipeline.labelnotes import label_notes

if TYPE_CHECKING:
    from graphml.store.base import Counts
    from graphml.tables.frames import Tables
    from graphml.tables.quarantine import Quarantine
    from graphml.tables.source import Source

logger = logging.getLogger("graphml.pipeline")


class Target(Protocol):
    """What takes a source's tables: a store, or a folder of files for one."""

    def write_tables(self, tables: Tables, *, strict: bool = False) -> Counts:
        """Add what is new in ``tables``, as ``GraphStore.write_tables`` does."""
        ...

    def preview_tables(self, tables: Tables) -> Counts:
        """Return what ``write_tables`` would do, writing nothing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What became of a source's rows: ``read`` = ``loaded`` + ``repeats`` + ``quarantined``.

    Attributes:
        derived: Events made from sign-up times, beyond the rows read.
        new: What the target did not hold before; the rest of ``loaded`` it knew already.
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
    target: Target,
    *,
    now: datetime,
    data: Path | None = None,
    strict: bool = False,
    allow_future: bool = False,
    dry_run: bool = False,
    quarantine: Path | None,
) -> LoadReport:
    """Read, validate and store a source, or write it into the files of an offline load.

    Args:
        path: A folder of tables, a card, or a card that maps a graph in Neo4j.
        target: Where its rows go.
        now: The moment of loading.
        data: The folder of a card's files, if not beside it.
        strict: Refuse the whole source over one row that breaks a rule or contradicts the target.
        allow_future: Believe times beyond tomorrow.
        dry_run: Write nothing into the target, and say what it would take.
        quarantine: A folder for refused rows; ``None`` keeps none.

    Raises:
        SourceError: The source cannot be read, no row is left, or ``strict`` and one is refused.
    """
    from graphml.tables.validate import validate

    logger.info("reading %s", path)
    with _opened(path, data) as source:
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
    counts = _stored(tables, target, strict=strict, dry_run=dry_run)
    refused = refused.with_conflicts(counts.conflicts)
    if strict and counts.conflicts.height:
        raise _refusal(path, refused, room, strict=strict)
    return _report(refused, counts, room, label_notes(tables.labels))


@contextmanager
def _opened(path: Path, data: Path | None) -> Iterator[Source]:
    """Open a source: files, or the matches of a card that maps a graph."""
    from graphml.tables.cardparser import read_card
    from graphml.tables.source import read_source

    if path.suffix.lower() == ".toml" and path.is_file() and read_card(path).store is not None:
        from graphml.store.neo4j_mapped import matched_source

        with matched_source(path) as source:
            yield source
    else:
        yield read_source(path, data=data)


def _stored(tables: Tables, target: Target, *, strict: bool, dry_run: bool) -> Counts:
    """Return what was written, or would be; with ``strict`` nothing is where there are conflicts."""
    if dry_run:
        return target.preview_tables(tables)
    try:
        return target.write_tables(tables, strict=strict)
    except StoreConflictError:
        return target.preview_tables(tables)


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
