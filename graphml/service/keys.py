"""API keys in SQLite: only their hashes; whose they are, what they may do, until when."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from graphml.errors import StoreError, UsageError, one_line
from graphml.results import parse_time, time_text
from graphml.store.rooms import KEYS

Role = Literal["viewer", "analyst", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

_PREFIX = "gml"
_TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL,
    created TEXT NOT NULL, expires TEXT, revoked TEXT
)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """What is kept of an API key.

    Attributes:
        id: Its public part, eight characters.
        name: Of who acts with it; decisions carry it.
        role: What it may do.
        hash: SHA-256 of the whole key. A key has 256 random bits, so that nothing slower is needed.
        expires, revoked: From when on it opens nothing.
    """

    id: str
    name: str
    role: Role
    hash: str
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def opens(self, token: str, now: datetime) -> bool:
        """Return whether ``token`` is this key and still opens something."""
        same = hmac.compare_digest(self.hash, _hash(token))
        return same and self.revoked is None and (self.expires is None or now < self.expires)


class KeyRing:
    """The keys of a service, in ``keys.sqlite`` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEYS
        self._read: tuple[tuple[int, int], dict[str, Key]] | None = None

    def make(
        self, name: str, role: str, *, now: datetime, expires: datetime | None = None
    ) -> tuple[Key, str]:
        """Make a key and return it with its text, which is shown this once and kept nowhere.

        Raises:
            UsageError: There is no such role, the name is empty or another person's live key has it.
        """
        if role not in ROLES:
            raise UsageError(f"no role {role!r}", hint=f"--role {'|'.join(ROLES)}")
        if not name.strip() or len(name) > 200 or not name.isprintable():
            raise UsageError(f"no name {one_line(name, 60)!r}", hint="a name that people know")
        if any(key.name == name and key.revoked is None for key in self.all()):
            raise UsageError(
                f"{one_line(name, 60)} has a key",
                hint=f"graphml keys revoke {one_line(name, 60)} first",
            )
        id_ = secrets.token_hex(4)
        token = f"{_PREFIX}_{id_}_{secrets.token_urlsafe(32)}"
        key = Key(id=id_, name=name, role=role, hash=_hash(token), created=now, expires=expires)
        row = (id_, name, role, key.hash, time_text(now), expires and time_text(expires), None)
        with self._opened() as database, database:
            database.execute(_TABLE)
            database.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        self._path.chmod(0o600)
        return key, token

    def revoke(self, name: str, *, now: datetime) -> int:
        """Revoke every key of a name, and return how many there were."""
        if not self._path.is_file():
            return 0
        with self._opened() as database, database:
            return database.execute(
                "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL",
                (time_text(now), name),
            ).rowcount

    def all(self) -> list[Key]:
        """Return all keys, the oldest first."""
        return list(self._held().values())

    def who(self, token: str, *, now: datetime) -> Key | None:
        """Return the key that a text is, ``None`` where it opens nothing."""
        parts = token.split("_", 2)
        key = self._held().get(parts[1]) if len(parts) == 3 else None
        return key if key is not None and key.opens(token, now) else None

    def _held(self) -> dict[str, Key]:
        """Return the keys by id; the file is read again when it has changed."""
        try:
            state = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            if self._read is not None and self._read[1]:
                raise StoreError(
                    f"{self._path} is gone", hint="mount its disk, or restore the file"
                ) from None
            return {}
        mark = (state.st_mtime_ns, state.st_size)
        if self._read is None or self._read[0] != mark:
            with self._opened() as database:
                rows = database.execute("SELECT * FROM keys ORDER BY created, id").fetchall()
            self._read = (mark, {row[0]: _key(row) for row in rows})
        return self._read[1]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self._path, timeout=5)) as database:
                database.execute("PRAGMA synchronous = FULL")
                yield database
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}", hint="restore it, or remove it") from error


def _key(row: tuple[str, ...]) -> Key:
    id_, name, role, hash_, created, expires, revoked = row
    return Key(
        id=id_, name=name, role=role, hash=hash_, created=parse_time(created),  # type: ignore[arg-type]
        expires=parse_time(expires) if expires else None,
        revoked=parse_time(revoked) if revoked else None,
    )  # fmt: skip


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def this_minute() -> datetime:
    """Return the full minute in UTC: the contract of events is made once in each."""
    return now().replace(second=0, microsecond=0)
