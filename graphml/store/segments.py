"""Tables as immutable Parquet segments: written once, read by many, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from graphml.errors import StoreError
from graphml.store.files import clear_errors, sync_file, sync_folder
from graphml.store.manifest import SEGMENTS, Segment
from graphml.store.moments import by
from graphml.tables.frames import empty

ROWS = 1 << 20
"""Rows of a full segment; smaller ones are merged as they come."""

MOMENTS = {"events": "time", "labels": "known_at", "links": "time"}
"""The column that says from when a row of the table may be seen."""


def write_segments(
    folder: Path, table: str, rows: pl.DataFrame, *, generation: int
) -> tuple[Segment, ...]:
    """Write ``rows`` (with their ``sequence``) as segments of at most ``ROWS`` rows, to the disk.

    Nobody sees them before a manifest names them.
    """
    written = []
    for part, chunk in enumerate(rows.iter_slices(ROWS)):
        name = f"{table}-{generation:08d}-{part:04d}.parquet"
        path = folder / SEGMENTS / name
        chunk.write_parquet(path, compression="zstd", compression_level=1, statistics=True)
        sync_file(path)
        written.append(_segment(path, table, chunk))
    if written:
        sync_folder(folder / SEGMENTS)
    return tuple(written)


def _segment(path: Path, table: str, rows: pl.DataFrame) -> Segment:
    first, last = None, None
    if table == "events":
        times = rows["time"].cast(pl.Int64)
        first, last = times.min(), times.max()
    lowest = rows["sequence"].min()
    assert isinstance(lowest, int)
    return Segment(
        file=path.name,
        rows=rows.height,
        bytes=path.stat().st_size,
        first=first if isinstance(first, int) else None,
        last=last if isinstance(last, int) else None,
        sequence=lowest,
    )


def scan(folder: Path, segments: Sequence[Segment]) -> list[pl.LazyFrame]:
    """Return one lazy frame a segment.

    Raises:
        StoreError: A segment is missing or has another size than when it was written.
    """
    frames = []
    for segment in segments:
        path = folder / SEGMENTS / segment.file
        size = path.stat().st_size if path.is_file() else -1
        if size != segment.bytes:
            what = "is missing" if size < 0 else f"has {size} bytes in place of {segment.bytes}"
            raise StoreError(
                f"{path} {what}", hint="restore the folder from a copy, or load the source anew"
            )
        frames.append(pl.scan_parquet(path))
    return frames


def read(
    folder: Path,
    table: str,
    segments: Sequence[Segment],
    columns: Sequence[str] | None = None,
    *,
    as_of: datetime | None = None,
    loaded_until: int | None = None,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Return the rows of ``table`` seen at ``as_of`` and loaded by ``loaded_until``, in load order.

    Args:
        folder: The store's folder.
        table: Name of the table.
        segments: Its segments.
        columns: Only these columns; ``None`` for all.
        as_of: Only rows whose moment (``MOMENTS``) is at or before it; ``None`` for all.
        loaded_until: Only rows up to this load sequence; ``None`` for all.
        where: A further condition.
    """
    conditions = [] if where is None else [where]
    if as_of is not None and table in MOMENTS:
        conditions.append(by(MOMENTS[table], as_of))
    if loaded_until is not None:
        segments = [s for s in segments if s.sequence <= loaded_until]
        conditions.append(pl.col("sequence") <= loaded_until)
    with clear_errors(folder):
        nothing = empty(table).lazy().with_columns(sequence=pl.lit(None, pl.Int64))
        frames = [nothing, *(frame.filter(*conditions) for frame in scan(folder, segments))]
        if columns is not None:
            frames = [frame.select(columns) for frame in frames]
        return pl.concat(frames, how="diagonal_relaxed", rechunk=False).collect()


def since(segments: Sequence[Segment], sequence: int) -> list[Segment]:
    """Return the segments that may hold rows with a load sequence above ``sequence``.

    >>> parts = [Segment(file="", rows=2, bytes=0, first=0, last=0, sequence=n) for n in (1, 3, 7)]
    >>> [part.sequence for part in since(parts, 4)], len(since(parts, 6)), len(since(parts, 2))
    ([3, 7], 1, 2)
    """
    following = [part.sequence for part in segments[1:]]
    return [
        part
        for place, part in enumerate(segments)
        if place == len(following) or following[place] > sequence + 1
    ]


def merged(segments: Sequence[Segment], rows: int) -> int:
    """Return how many of the last ``segments`` to write anew together with ``rows`` new rows.

    A neighbour joins while it is no larger than what is gathered and the whole fits one segment:
    a row is written anew at most once for each doubling, and a table has few small segments.

    >>> sizes = [Segment(file="", rows=n, bytes=0, first=0, last=0, sequence=1) for n in (8, 2, 1)]
    >>> merged(sizes, 1), merged(sizes, 9), merged(sizes, 2 * ROWS)
    (2, 3, 0)
    """
    count = 0
    for segment in reversed(segments):
        if segment.rows > rows or segment.rows + rows > ROWS:
            break
        rows += segment.rows
        count += 1
    return count
