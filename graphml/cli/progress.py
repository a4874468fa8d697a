"""Messages and progress, on stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Each line with the seconds since the command began."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._began = time.monotonic()

    def format(self, record: logging.LogRecord) -> str:
        return f"[{time.monotonic() - self._began:6.1f} s] {record.getMessage()}"


@contextmanager
def progress(*, quiet: bool) -> Iterator[None]:
    """Show what the library logs while the block runs; warnings even when quiet."""
    logger = logging.getLogger("graphml")
    handler = _Handler()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def count(number: int, noun: str) -> str:
    """Return ``number`` of ``noun``, which takes an s.

    >>> count(1, "row"), count(3743, "row")
    ('1 row', '3743 rows')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def say(message: str, *, quiet: bool = False) -> None:
    """Write one message to stderr."""
    if not quiet:
        sys.stderr.write(message + "\n")
