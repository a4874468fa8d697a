"""What runs scored, kept as Parquet beside a store that holds the scores of two runs alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from graphml.results import Scores
from graphml.store.files import clear_errors, replace_file


class Archive:
    """Scores of runs in a folder, a file a run; readable by its owner alone.

    Args:
        folder: Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, run_id: str, scores: Sequence[Scores]) -> None:
        """Keep what a run scored, whole or not at all.

        Raises:
            StoreError: The disk is full.
            StorePermissionError: The folder may not be written.
        """
        columns = {
            "id": [name for part in scores for name in part.ids],
            "score": [value for part in scores for value in part.values],
        }
        frame = pl.DataFrame(columns, schema={"id": pl.String, "score": pl.Float64})
        file = io.BytesIO()
        frame.write_parquet(file, compression="zstd")
        with clear_errors(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path(run_id), file.getvalue())

    def read(self, run_id: str) -> pl.DataFrame | None:
        """Return id and score of what a run scored; ``None`` where it is not kept here."""
        path = self._path(run_id)
        return pl.read_parquet(path) if path.is_file() else None

    def remove(self, gone: Sequence[str]) -> None:
        """Remove what runs scored, where it is kept."""
        for run_id in gone:
            self._path(run_id).unlink(missing_ok=True)

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.parquet"
