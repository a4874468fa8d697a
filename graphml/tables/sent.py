"""Events that somebody sends, one object each: a source without a file."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from graphml.errors import one_line
from graphml.tables.files import FILE, LINE, MALFORMED_SCHEMA, SHOWN, Rows
from graphml.tables.source import Source

NAME = "sent"
"""What the quarantine calls them; the line is the place among them, from 1 on."""


@dataclass(frozen=True, slots=True)
class SentPart:
    """Rows of events, each an object as JSON has it."""

    sent: Sequence[Any]
    table: str = "events"

    @property
    def name(self) -> str:
        """What messages call it."""
        return NAME

    @property
    def names(self) -> tuple[str, ...]:
        """The one file that it stands for."""
        return (NAME,)

    def columns(self) -> list[str]:
        """Return all keys, and those that every event needs."""
        keys = dict.fromkeys(("event_id", "time", "kind", "member_id"))
        for row in self.sent:
            if isinstance(row, Mapping):
                keys.update(dict.fromkeys(row))
        return list(keys)

    def rows(self, columns: Iterable[str]) -> Rows:
        """Return the rows as text.

        A key that no column has is refused, unlike a file's further column: who misspells a device
        would hear that the event is harmless.
        """
        known = set(columns)
        wanted = [name for name in self.columns() if name in known]
        good, bad = list[tuple[int, Mapping[str, Any]]](), list[tuple[int, str, str]]()
        for line, row in enumerate(self.sent, start=1):
            broken = _broken(row, known)
            if broken is None:
                good.append((line, row))
            else:
                bad.append((line, broken, _shown(row)))
        cells = {name: [_cell(row.get(name)) for _, row in good] for name in wanted}
        frame = pl.DataFrame(
            {LINE: [line for line, _ in good], **cells},
            schema={LINE: pl.Int64, **dict.fromkeys(wanted, pl.String)},
        ).with_columns(pl.lit(0, pl.UInt32).alias(FILE))
        malformed = pl.DataFrame(bad, schema=MALFORMED_SCHEMA, orient="row")
        return Rows(frame=frame.lazy(), malformed=malformed)


def sent_events(rows: Sequence[Any]) -> Source:
    """Return events that were sent as a source; ``validate`` says which of them keep the contract."""
    return Source(name=NAME, parts=(SentPart(rows),))


def _broken(row: Any, known: Container[str]) -> str | None:
    """Return the rule that a row as a whole breaks, ``None`` for none."""
    if not isinstance(row, Mapping):
        return "not a JSON object"
    if not _is_text(row):
        return "not UTF-8"
    for name, value in row.items():
        if name not in known:
            return f"no column {one_line(name, 60)!r}"
        if isinstance(value, Mapping | list):
            return f"{name} is neither text nor a number"
    return None


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False)


def _is_text(row: Mapping[str, Any]) -> bool:
    """Return whether a row's texts can be written: half a surrogate pair is JSON, and no text."""
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except (UnicodeError, ValueError):
        return False
    return True


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:SHOWN]
