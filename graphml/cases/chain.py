"""The audit as a chain: each entry carries the hash of the one before it, so no change goes unseen.

A chain tells that something was changed, removed or put in between. That entries are missing at
its end it tells to whoever noted an earlier head, and where a case has a later state than its
last entry. It does not stop who may write the file from making a whole new chain: note the head
elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

START = ""
"""Stands for the hash before the first entry."""


def canonical(value: Any) -> bytes:
    r"""Return JSON in one spelling: keys sorted, no spaces, nothing but ASCII.

    Raises:
        ValueError: A number in it is not finite.

    >>> canonical({"b": 1, "a": "é"})
    b'{"a":"\\u00e9","b":1}'
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii")


def digest(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hexadecimal.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return sha256(content).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that somebody did.

    Attributes:
        seq: From 1 on, without gaps.
        time: ISO 8601 in UTC, as it is kept.
        unit, id, case_id: What it was about; ``None`` where it was about nothing of the kind.
        detail: JSON, as it is kept.
        prev: Hash of the entry before; ``START`` for the first.
        hash: Of all that stands above and the store's key.
    """

    seq: int
    time: str
    actor: str
    action: str
    unit: str | None
    id: str | None
    case_id: str | None
    detail: str
    prev: str
    hash: str

    @classmethod
    def of(cls, row: Sequence[Any]) -> Entry:
        """Return the entry of a row, values of ``FIELDS``; what should be text is described as one."""
        seq, *rest = row
        texts = (one if one is None or isinstance(one, str) else repr(one) for one in rest)
        return cls(seq=seq, **dict(zip(FIELDS[1:], texts, strict=True)))  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON."""
        return {
            "seq": self.seq,
            "time": self.time,
            "actor": self.actor,
            "action": self.action,
            "unit": self.unit,
            "id": self.id,
            "case_id": self.case_id,
            "detail": _parsed(self.detail),
            "prev": self.prev,
            "hash": self.hash,
        }

    def history(self) -> dict[str, Any]:
        """Return the entry as a line in a case's history."""
        detail = _parsed(self.detail)
        text = detail.get("text", "") if isinstance(detail, dict) else str(detail)
        return {"time": self.time, "by": self.actor, "action": self.action, "text": text}


def _parsed(detail: str) -> Any:
    """Return what is kept as JSON; the text itself where somebody made it none."""
    try:
        return json.loads(detail)
    except ValueError:
        return detail


FIELDS = ("seq", "time", "actor", "action", "unit", "id", "case_id", "detail", "prev", "hash")


def entry_hash(store: str, fields: Mapping[str, Any]) -> str:
    """Return the hash of an entry in the chain of ``store``: of all its fields but ``hash``.

    A value that is no JSON, as bytes in the place of a text, counts as its description.
    """
    hashed = {name: fields[name] for name in FIELDS if name != "hash"}
    text = json.dumps({**hashed, "store": store}, sort_keys=True, default=repr)
    return digest(text.encode("ascii"))


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditReport:
    """What a walk along the chain found.

    Attributes:
        entries: How many.
        first, last: Times of the first and last of them, ``None`` without any.
        head: Hash of the last one; ``START`` without any.
        problems: A line each, those about entries first, in their order; empty where all is well.
    """

    entries: int
    first: str | None
    last: str | None
    head: str
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return {
            "entries": self.entries,
            "first": self.first,
            "last": self.last,
            "head": self.head,
            "problems": list(self.problems),
        }


def walk(store: str, rows: Iterable[tuple[Any, ...]], *, head: str | None = None) -> AuditReport:
    """Return what is wrong with a chain.

    Args:
        store: Whose.
        rows: Values of ``FIELDS``, by ``seq``.
        head: A hash that was once the last one, which must be in the chain.
    """
    links = _Links(store)
    problems: list[str] = []
    known = head is None
    for row in rows:
        fields = dict(zip(FIELDS, row, strict=True))
        problems += links.problems(fields)
        known = known or fields["hash"] == head
    if not known:
        problems.append(
            f"no entry has the hash {head}: entries after it and itself were removed, or all changed"
        )
    return AuditReport(
        entries=links.count,
        first=links.first,
        last=links.last,
        head=links.prev,
        problems=tuple(problems),
    )


class _Links:
    """How far a walk has come."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.count = self.seq = 0
        self.prev = START
        self.first: str | None = None
        self.last: str | None = None

    def problems(self, fields: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with the next entry, and go on to it."""
        seq = fields["seq"]
        if seq != self.seq + 1:
            yield f"entry {self.seq + 1} is missing: after {self.seq} comes {seq!r}"
        elif fields["prev"] != self.prev:
            yield f"entry {seq} does not follow entry {self.seq}: one of them was put there or changed"
        if entry_hash(self.store, fields) != fields["hash"]:
            yield f"entry {seq!r} was changed: its hash is not that of what it says"
        self.count += 1
        self.seq = seq if isinstance(seq, int) else self.seq + 1
        self.prev, self.last = str(fields["hash"]), str(fields["time"])
        self.first = self.first or self.last
