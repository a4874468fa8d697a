"""One writer at a time, and readers whose files stay.

Both locks belong to an open file: the system frees them when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from graphml.errors import StoreLockedError, one_line
from graphml.results import time_text

WRITER = "lock"
READERS = "readers"


@contextmanager
def writing(folder: Path, *, patience: float = 2.0) -> Iterator[None]:
    """Hold the write lock of the store in ``folder``, and say in it who holds it.

    Args:
        folder: The store's folder; it exists.
        patience: Seconds to wait for a writer that is about to finish.

    Raises:
        StoreLockedError: Another writer holds it, and is named.
    """
    with (folder / WRITER).open("a+", encoding="utf-8") as file:
        _take(file, folder, time.monotonic() + patience)
        _sign(file)
        yield


def _take(file: IO[str], folder: Path, until: float) -> None:
    while not _locked(file, fcntl.LOCK_EX):
        if time.monotonic() >= until:
            raise StoreLockedError(
                f"store {folder} is being written by {_holder(file)}",
                hint="wait until it is done; a lock is freed when its process ends",
            )
        time.sleep(0.02)


def _locked(file: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(file: IO[str]) -> None:
    holder = {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": " ".join(sys.argv),
        "started": time_text(datetime.now(UTC)),
    }
    try:
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
    except OSError:
        pass  # the name is a courtesy: on a full disk the lock holds without it


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return one_line(
            f"process {holder['pid']} on {holder['host']} since {holder['started']}"
            f" ({holder['command']})"
        )
    except (ValueError, KeyError, TypeError):
        return "another process"


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keep every file of the store in ``folder`` in place until the block ends.

    A store copied without the file that readers lock has no writer who would remove any.
    """
    try:
        file = (folder / READERS).open("rb")
    except FileNotFoundError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def nobody_reading(folder: Path) -> Iterator[bool]:
    """Tell whether nobody reads, and keep readers out until the block ends if so."""
    with (folder / READERS).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
