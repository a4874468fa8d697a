"""What was not loaded, and why: no row vanishes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from graphml.errors import StorePermissionError, one_line
from graphml.tables.files import FILE, LINE

ROWS_SCHEMA = {
    "table": pl.String,
    "file": pl.String,
    "line": pl.Int64,
    "rule": pl.String,
    "column": pl.String,
    "value": pl.String,
    "row": pl.String,
}


IN_STORE = "in the store with other content; if the card changed, load into a new --store"
"""The rule of an event that a store holds already, but not as it is now."""


def no_rows() -> pl.DataFrame:
    """Return a quarantine's rows, without a row."""
    return pl.DataFrame(schema=ROWS_SCHEMA)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantine:
    """The rows that broke a rule, and the counts that make the sum come out.

    For each table ``read = loaded + repeats + quarantined``.

    Attributes:
        rows: table, file, line (the header of a CSV file is line 1; of Parquet the row), rule,
            column and value that broke it, row (JSON text; null for a malformed line, whose
            beginning is the value). A row is here once, with the first rule it breaks.
        read: Rows in, per table.
        repeats: Exact repeats that were dropped, per table.
        derived: Rows made from others, beyond those read: sign-ups from members' signup_time.
        notes: One line each about what was left aside on purpose: further columns, files.
        origins: event_id, ``_file`` (index into ``files``) and ``_line`` of each event that went
            on: where one that a store refuses came from.
        files: Names of the files of events.
    """

    rows: pl.DataFrame = field(default_factory=no_rows)
    read: Mapping[str, int] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)
    derived: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origins: pl.DataFrame | None = field(default=None, repr=False)
    files: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Rows quarantined, per table that was read."""
        found = dict(self.rows.group_by("table").len().iter_rows())
        return {table: found.get(table, 0) for table in self.read}

    @property
    def loaded(self) -> dict[str, int]:
        """Rows that went on, per table; derived ones not counted."""
        counts = self.counts
        return {
            table: read - self.repeats.get(table, 0) - counts[table]
            for table, read in self.read.items()
        }

    @property
    def refused_share(self) -> dict[str, float]:
        """Share of the rows in that was quarantined, from 0 to 1, per table that was read."""
        return {
            table: count / self.read[table] if self.read[table] else 0.0
            for table, count in self.counts.items()
        }

    def reasons(self) -> pl.DataFrame:
        """Return table, column, rule, how many rows broke it, and file and line of the first.

        One row for each rule of a column, the most frequent first.
        """
        return (
            self.rows.select("table", "column", "rule", "file", "line")
            .sort("file", "line", nulls_last=True)
            .group_by("table", "column", "rule")
            .agg(pl.len().alias("rows"), pl.col("file", "line").first())
            .sort("rows", "table", "column", "rule", descending=[True, False, False, False])
        )

    def with_conflicts(self, events: pl.DataFrame) -> Quarantine:
        """Return the quarantine with the events that a store refused as well.

        Args:
            events: Their event_id is in the store with other content. Sign-ups that were derived
                stand under the table ``derived``: they were never rows in.
        """
        if events.height == 0:
            return self
        derived = pl.col("event_id").str.starts_with("signup:") & (pl.col("kind") == "signup")
        refused = events.select(
            table=pl.when(derived).then(pl.lit("derived")).otherwise(pl.lit("events")),
            rule=pl.lit(IN_STORE),
            column=pl.lit("event_id"),
            value=pl.col("event_id"),
            row=pl.struct(pl.all()).struct.json_encode(),
        )
        found = refused.join(
            self._places(events["event_id"]),
            left_on="value",
            right_on="event_id",
            how="left",
            maintain_order="left",
        ).with_columns(pl.col("file").fill_null("the store"))
        return replace(self, rows=pl.concat([self.rows, found.select(*ROWS_SCHEMA)]))

    def _places(self, events: pl.Series) -> pl.DataFrame:
        """Return event_id, file and line of those of ``events`` that were rows of a file."""
        if self.origins is None:
            return pl.DataFrame(schema={"event_id": pl.String, "file": pl.String, "line": pl.Int64})
        names = pl.Series("file", self.files, dtype=pl.String)
        found = self.origins.filter(pl.col("event_id").is_in(events.implode()))
        return found.select(
            "event_id", names.gather(found[FILE]).alias("file"), pl.col(LINE).alias("line")
        )

    def write(self, folder: Path) -> Path:
        """Write ``rows.jsonl`` and ``counts.json`` under ``folder``, for its owner alone.

        Raises:
            StorePermissionError: The folder cannot be written.
        """
        counts = {
            "read": dict(self.read),
            "loaded": self.loaded,
            "repeats": dict(self.repeats),
            "quarantined": self.counts,
            "derived": dict(self.derived),
            "notes": list(self.notes),
        }
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            _write_privately(folder / "rows.jsonl", self.rows.write_ndjson())
            _write_privately(folder / "counts.json", json.dumps(counts, indent=2) + "\n")
        except OSError as error:
            raise StorePermissionError(
                f"{folder}: the quarantine cannot be written ({error.strerror or one_line(error)})",
                hint="make the folder writable, or free space on the disk",
            ) from error
        return folder


def _write_privately(path: Path, text: str) -> None:
    """Replace ``path`` whole; at no moment can others read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", errors="backslashreplace"))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
