"""Keys of a card, taken from TOML by name and type; what does not fit is refused by name."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from typing import Any

from graphml.errors import CardError, one_line
from graphml.tables.formulas import Formula

HOW = "see docs/how-to/bring-your-events.md"
"""The hint of errors that the language's page answers."""


class Keys:
    """A TOML table whose keys are taken by name and type; unknown ones are refused by name."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise CardError(
                f"{where}: needs keys and values, got {one_line(values, 60)!r}", hint=HOW
            )
        self.values: dict[str, Any] = dict(values)
        self.where = where

    def known(self, *keys: str) -> Keys:
        """Return the table if it has no other key than these."""
        for key in self.values:
            if key not in keys:
                raise CardError(
                    f"{self.where}: unknown key {one_line(key)!r}; known: {', '.join(keys)}",
                    hint=HOW,
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

    def wrong(self, key: str, wanted: str) -> CardError:
        """Return the error for a key whose value does not fit."""
        value = one_line(self.values[key], 60)
        return CardError(f"{self.where}: {key} is {value!r}; it needs {wanted}", hint=HOW)
