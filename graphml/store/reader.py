"""Reads the tables of one generation of an embedded store, as they were known by a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from graphml.store.manifest import Generation
from graphml.store.novelty import KEYS, latest
from graphml.store.segments import read


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what one generation holds by a moment; of replaced attribute rows the last alone."""

    folder: Path
    generation: Generation
    as_of: datetime
    loaded_until: int | None

    def __call__(self, table: str, where: pl.Expr | None = None) -> pl.DataFrame:
        """Return the rows of a table that fit a condition, in load order."""
        rows = read(
            self.folder,
            table,
            self.generation.tables[table],
            as_of=self.as_of,
            loaded_until=self.loaded_until,
            where=where,
        )
        return rows if table not in KEYS else latest(rows, table)
