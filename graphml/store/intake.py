"""What a write adds to an embedded store: new rows, their sequence, the next generation."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from graphml.store.base import Counts
from graphml.store.manifest import Generation
from graphml.store.novelty import (
    KEYS,
    Novelty,
    counted,
    new_attributes,
    new_events,
    new_rows,
    storable,
)
from graphml.store.segments import merged, read, write_segments
from graphml.tables.frames import TABLES, Tables

logger = logging.getLogger("graphml.store")


def look_at(folder: Path, generation: Generation, tables: Tables) -> dict[str, Novelty]:
    """Return what is new in ``tables``, by table; those without a row are left out."""
    batches = {table: storable(getattr(tables, table), table) for table in TABLES}
    return {
        table: _novelty(folder, generation, table, rows)
        for table, rows in batches.items()
        if rows.height
    }


def take_in(
    folder: Path, generation: Generation, tables: Tables, *, strict: bool
) -> tuple[Counts, Generation]:
    """Write what is new in ``tables`` as segments, and return the generation that has them.

    Nobody sees the segments before that generation is written as the manifest. Where nothing is
    new it is ``generation`` itself.

    Raises:
        StoreConflictError: An event contradicts the store, and ``strict`` refuses that.
    """
    news = look_at(folder, generation, tables)
    counts = counted(news, strict=strict)
    following = generation
    for table, novelty in news.items():
        if novelty.new.height:
            following = _append(folder, generation, following, table, novelty.new)
    return counts, following


def _novelty(folder: Path, generation: Generation, table: str, rows: pl.DataFrame) -> Novelty:
    segments = generation.tables[table]
    if table == "events":
        return new_events(rows, [partial(read, folder, table, [s]) for s in segments])
    stored = read(folder, table, segments)
    if table in KEYS:
        return new_attributes(rows, stored, table)
    return new_rows(rows, stored)


def _append(
    folder: Path, present: Generation, following: Generation, table: str, new: pl.DataFrame
) -> Generation:
    """Write ``new`` with the next sequences, together with small segments before it."""
    start = following.sequence + 1
    sequence = pl.int_range(start, start + new.height, dtype=pl.Int64, eager=True)
    rows = new.with_columns(sequence=sequence)
    segments = present.tables[table]
    count = merged(segments, rows.height)
    kept, small = segments[: len(segments) - count], segments[len(segments) - count :]
    if small:
        rows = pl.concat([read(folder, table, small), rows], how="diagonal_relaxed")
    written = write_segments(folder, table, rows, generation=present.number + 1)
    logger.info("wrote %d new rows of %s", new.height, table)
    return replace(
        following,
        number=present.number + 1,
        sequence=start + new.height - 1,
        tables={**following.tables, table: (*kept, *written)},
    )
