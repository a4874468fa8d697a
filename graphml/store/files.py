"""Files that are there whole or not at all, and what the system says when they cannot be."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from graphml.errors import ConfigError, StoreError, StorePermissionError, UsageError, one_line

TEMPORARY = ".tmp"
Saved = TypeVar("Saved")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_ELSEWHERE = "name another folder with --store"


@contextmanager
def clear_errors(folder: Path, *, instead: str = _ELSEWHERE) -> Iterator[None]:
    """Turn the system's errors about files into one line about the store in ``folder``.

    Where it may not be written, ``instead`` says what else the user can do.

    Raises:
        StorePermissionError: Files may not be written or read there.
        StoreError: The disk is full, or another error of the system.
    """
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        raise _clear(folder, error, instead) from error


def _clear(folder: Path, error: Exception, instead: str = _ELSEWHERE) -> StoreError:
    code = error.errno if isinstance(error, OSError) and error.errno else _code_in(str(error))
    if code in _REFUSED:
        return StorePermissionError(
            f"store {folder}: {os.strerror(code)}",
            hint=f"give this user the right to write there, or {instead}",
        )
    if code in _FULL:
        return StoreError(
            f"store {folder}: no space left; nothing of this call was kept",
            hint="free some space and run the same command again",
        )
    if isinstance(error, OSError):
        return StoreError(f"store {folder}: {one_line(error)}")
    return StoreError(
        f"store {folder}: a segment is damaged: {one_line(error)}",
        hint="restore the folder from a copy, or load the source into a new one",
    )


def _code_in(text: str) -> int:
    # polars tells the system's errors in words that end with "(os error 28)".
    found = re.search(r"\(os error (\d+)\)", text)
    return int(found[1]) if found else 0


def read_saved(
    file: Path, read: Callable[[dict[str, Any]], Saved], *, format_: int, absent: UsageError
) -> Saved:
    """Return what ``read`` makes of the JSON that the ``save`` of a model wrote.

    Args:
        file: What ``save`` wrote last.
        read: Makes the model; ValueError and its like say that the content is damaged.
        format_: What the file should say under ``format``.
        absent: Raised where there is no such file.

    Raises:
        UsageError: There is none, or it is damaged, or of another format.
    """
    if not file.is_file():
        raise absent
    try:
        about = json.loads(file.read_bytes())
        if about["format"] != format_:
            raise UsageError(
                f"{file} is of another format", hint="train again with this version of graphml"
            )
        return read(about)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise UsageError(
            f"{file} is damaged: {one_line(error)}", hint="train again into another folder"
        ) from error


def write_saved(file: Path, about: Mapping[str, Any]) -> None:
    """Write the JSON that ``read_saved`` reads, in place of one there; its folder is made if needed.

    Raises:
        StoreError: The disk is full; what was there before stays.
        StorePermissionError: The folder may not be written.
    """
    with clear_errors(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, json.dumps(about, indent=1).encode("ascii"))


def sync_file(path: Path) -> None:
    """Return once the content of ``path`` is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Return once the names in folder ``path`` are on disk."""
    sync_file(path)


def replace_file(path: Path, content: bytes) -> None:
    """Make ``content`` the content of ``path``: at any moment it is the old or the new one whole.

    Raises:
        OSError: It could not be written; ``path`` is unchanged.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
