"""The folder of an embedded store: whether it is one, how it is made, what may be removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphml.errors import StoreError, UsageError
from graphml.store.decisions import DECISIONS
from graphml.store.files import TEMPORARY, sync_folder
from graphml.store.lock import READERS, WRITER, nobody_reading
from graphml.store.manifest import MANIFEST, SEGMENTS, Generation
from graphml.store.runs import RUNS

CASES = "cases.sqlite"
"""Analysts' cases and the audit: kept beside any kind of store."""
KEYS = "keys.sqlite"
"""Hashes of a service's API keys, likewise."""

_OURS = {WRITER, READERS, SEGMENTS, RUNS, DECISIONS, f"{DECISIONS}-journal", MANIFEST + TEMPORARY}
_GUESTS = {"quarantine", "manifests", "models", CASES, KEYS} | {
    f"{name}-journal" for name in (CASES, KEYS)
}
"""What commands keep beside a store's own, perhaps before its first write."""


def check_folder(folder: Path) -> None:
    """Refuse a path that is no store and cannot become one.

    Raises:
        UsageError: It names nothing.
        StoreError: It is a file, or a folder that holds something else.
    """
    if "\0" in str(folder) or folder == Path():
        raise UsageError("embedded:// names no folder", hint="embedded://PATH, as embedded://data")
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file, not a store", hint="name a folder")
    if (folder / MANIFEST).is_file() or not folder.is_dir():
        return
    foreign = sorted({path.name for path in folder.iterdir()} - _OURS - _GUESTS)
    if foreign:
        raise StoreError(
            f"{folder} is no store: it has no {MANIFEST} and holds {foreign[0]!r}",
            hint="name an empty folder, or one that does not exist yet",
        )


def make_rooms(folder: Path) -> None:
    """Make the folder and what a writer needs in it, where it is not there yet."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # members' own data
        sync_folder(folder.parent)
    for room in (SEGMENTS, RUNS):
        (folder / room).mkdir(exist_ok=True)
    (folder / READERS).touch()


def remove_leftovers(folder: Path, generation: Generation) -> None:
    """Remove files that no manifest names: of interrupted writes, and of former generations.

    The caller holds the write lock. While anybody reads, everything stays for the next time.
    """
    leftovers = list(_leftovers(folder, generation))
    if not leftovers:
        return
    with nobody_reading(folder) as alone:
        for path in leftovers if alone else ():
            path.unlink(missing_ok=True)


def _leftovers(folder: Path, generation: Generation) -> Iterator[Path]:
    files = generation.files
    yield from (path for path in (folder / SEGMENTS).iterdir() if path.name not in files)
    yield from folder.glob(f"*{TEMPORARY}")
