"""Keys of a card, taken from TOML by name and type; what does not fit is refused by name."""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphml.errors import CardError, one_line
from graphml.tables.files import unreadable
from graphml.tables.formulas import Formula

HOW = "see docs/how-to/bring-your-events.md"
"""The hint of errors that the language's page answers."""


def read_toml(path: Path, how: str = HOW) -> Keys:
    """Return the top of the card at ``path``.

    Raises:
        CardError: It is no TOML.
        SourceError: It cannot be read.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path.name}: no TOML: {one_line(error)}", hint=how) from error
    except OSError as error:
        raise unreadable(path, error) from error
    return Keys(values, path.name, how)


class Keys:
    """A TOML table whose keys are taken by name and type; unknown ones are refused by name.

    ``how`` is the hint of errors about it: the page that tells the card's language.
    """

    def __init__(self, values: Any, where: str, how: str = HOW) -> None:
        if not isinstance(values, dict):
            raise CardError(
                f"{where}: needs keys and values, got {one_line(values, 60)!r}", hint=how
            )
        self.values: dict[str, Any] = dict(values)
        self.where = where
        self.how = how

    def table(self, key: str, where: str = "") -> Keys:
        """Return the table of that key, empty where it is missing."""
        return Keys(self.values.get(key, {}), where or f"{self.where} {key}", self.how)

    def known(self, *keys: str) -> Keys:
        """Return the table if it has no other key than these."""
        for key in self.values:
            if key not in keys:
                raise CardError(
                    f"{self.where}: unknown key {one_line(key)!r}; known: {', '.join(keys)}",
                    hint=self.how,
                )
        return self

    def text(self, key: str, choices: Iterable[str] = ()) -> str | None:
        """Return a text, or a number as it was written; ``None`` where the key is missing."""
        value = self.values.get(key)
        if value is None:
            return None
        allowed = tuple(choices)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(key, "a text")
        if allowed and value not in allowed:
            raise self.wrong(key, f"one of {', '.join(allowed)}")
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; a single one may stand without brackets."""
        value = self.values.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self.wrong(key, "a text or a list of texts")
        return tuple(items)

    def flag(self, key: str) -> bool:
        """Return true or false; false where the key is missing."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def formula(self, key: str) -> Formula | None:
        """Return the formula of that key."""
        text = self.text(key)
        try:
            return None if text is None else Formula(text)
        except CardError as error:
            raise CardError(f"{self.where}: {key}: {error.message}", hint=error.hint) from error

    def zone(self, key: str) -> str | None:
        """Return the name of a time zone that exists."""
        name = self.text(key)
        try:
            return name if name is None or zoneinfo.ZoneInfo(name) else None
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise CardError(
                f"{self.where}: {key} {one_line(name)!r} is no time zone",
                hint="write it as Europe/London or UTC",
            ) from error

    def moment(self, key: str) -> datetime | None:
        """Return a moment in UTC, written as TOML writes it or as ISO 8601 text."""
        value = self.values.get(key)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            if isinstance(moment, datetime) and moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        if value is not None:
            raise self.wrong(key, "a moment with its zone, as 2024-01-13T09:30:00Z")
        return None

    def wrong(self, key: str, wanted: str) -> CardError:
        """Return the error for a key whose value does not fit."""
        value = one_line(self.values[key], 60)
        return CardError(f"{self.where}: {key} is {value!r}; it needs {wanted}", hint=self.how)
