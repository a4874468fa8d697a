"""The manifest of an embedded store: what a generation consists of, replaced atomically."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from graphml.errors import StoreError, StoreVersionError
from graphml.schema import SCHEMA_VERSION
from graphml.store.files import replace_file
from graphml.tables.frames import TABLES

MANIFEST = "manifest.json"
SEGMENTS = "segments"
"""The folder of the tables' files."""
FORMAT = 1
"""Version of the folder's layout; ``SCHEMA_VERSION`` is that of the tables in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One immutable Parquet file of a table.

    Attributes:
        file: Its name in ``segments/``.
        rows, bytes: Its size.
        first, last: Lowest and highest event time in microseconds; ``None`` for other tables.
        sequence: Lowest load sequence in it.
    """

    file: str
    rows: int
    bytes: int
    first: int | None
    last: int | None
    sequence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """One generation: its segments by table, in load order, and the runs published so far.

    Attributes:
        number: Grows by one with each change.
        sequence: Highest load sequence; it names the state of the tables.
        tables: Segments by table.
        runs: Published runs as JSON objects, oldest first; the last of a kind is in view.
    """

    number: int = 0
    sequence: int = 0
    tables: dict[str, tuple[Segment, ...]] = field(
        default_factory=lambda: dict.fromkeys(TABLES, ())
    )
    runs: tuple[dict[str, Any], ...] = ()

    @property
    def files(self) -> frozenset[str]:
        """Names of all segment files of this generation."""
        return frozenset(s.file for segments in self.tables.values() for s in segments)


def read_manifest(folder: Path) -> Generation | None:
    """Return the manifest of the store in ``folder``; ``None`` where none was written yet.

    Raises:
        StoreVersionError: Another version of graphml wrote it.
        StoreError: It is damaged, or missing beside segments.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        versions = (content["format"], content["schema_version"])
    except FileNotFoundError:
        _require_fresh(folder)
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if versions != (FORMAT, SCHEMA_VERSION):
        raise StoreVersionError(
            f"store {folder} has format {versions[0]} and schema version {versions[1]};"
            f" this graphml reads {FORMAT} and {SCHEMA_VERSION}",
            hint="load the source into a new folder, or use the graphml that wrote this one",
        )
    try:
        return _from_json(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error


def write_manifest(folder: Path, generation: Generation) -> None:
    """Make ``generation`` the one that readers see."""
    content = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **asdict(generation)}
    replace_file(folder / MANIFEST, json.dumps(content, indent=1).encode())


def _from_json(content: dict[str, Any]) -> Generation:
    return Generation(
        number=int(content["number"]),
        sequence=int(content["sequence"]),
        tables={
            table: tuple(Segment(**s) for s in content["tables"].get(table, ())) for table in TABLES
        },
        runs=tuple(content["runs"]),
    )


def _require_fresh(folder: Path) -> None:
    """Refuse a folder that lost its manifest: the first writer makes it before any segment."""
    segments = next((folder / SEGMENTS).glob("*"), None)
    if segments is not None and not (folder / MANIFEST).is_file():  # not made this very moment
        raise StoreError(
            f"store {folder}: damaged: {MANIFEST} is missing",
            hint="restore the folder from a copy, or load the source into a new one",
        )


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"{path} is damaged",
        hint="restore the folder from a copy, or load the source into a new one",
    )
