"""Values replaced by keyed hashes before anything is stored: the same value, the same pseudonym.

HMAC-SHA256 (RFC 2104, FIPS 180-4). Without the key nobody can try values against a pseudonym; who
holds it can, so the key is kept apart from the data.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from graphml.errors import ConfigError

KEY = "GRAPHML_PSEUDONYM_KEY"
"""The environment variable that holds the key itself."""
KEY_FILE = "GRAPHML_PSEUDONYM_KEY_FILE"
"""The environment variable that names a file with the key."""
SHORTEST = 16
"""Fewest bytes of a key: a shorter one could be found by trying."""

_MAKE = 'make one with: python -c "import secrets; print(secrets.token_hex(32))"'


def pseudonym_key(file: Path | None = None, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the key: from the environment, from the file it names, else from ``file``.

    White space around a file's key is not part of it.

    Raises:
        ConfigError: No key is there, it is empty or too short, or its file cannot be read.
    """
    if environment.get(KEY):
        where, key = KEY, environment[KEY].encode("utf-8")
    elif named := environment.get(KEY_FILE) or file:
        where, key = str(named), _from_file(Path(named))
    else:
        raise ConfigError(
            "the card pseudonymises columns, and there is no key",
            hint=f"set {KEY}, or {KEY_FILE} to a file that holds it; {_MAKE}",
        )
    if len(key) < SHORTEST:
        told = f"has {len(key)} bytes, fewer than {SHORTEST}: it could be guessed"
        raise ConfigError(f"{where}: the pseudonym key {told if key else 'is empty'}", hint=_MAKE)
    return key


def _from_file(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"{file}: the pseudonym key cannot be read ({error.strerror})",
            hint=f"set {KEY}, or {KEY_FILE} to a file that holds it",
        ) from error


def pseudonym(value: str, key: bytes) -> str:
    """Return HMAC-SHA256 of ``value`` in UTF-8, as 64 hexadecimal digits.

    >>> pseudonym("m-17", b"a key of the owner alone")[:16]
    '73b9fced85bcc7f5'
    """
    return hmac.digest(key, value.encode("utf-8"), "sha256").hex()


def pseudonymise(values: pl.Series, key: bytes) -> pl.Series:
    """Return ``values`` (text) with each replaced by its pseudonym; null stays null."""
    known = values.drop_nulls().unique()
    names = [pseudonym(value, key) for value in known]
    replaced = values.replace_strict(known, pl.Series(names, dtype=pl.String), default=None)
    return replaced.cast(pl.String).alias(values.name)
