"""A case as a file that stands alone: JSON for machines, HTML for people to read, print and keep.

Both come from the same values, and the same values give the same bytes. The HTML names the digest
of the JSON, and both hold the audit's entries about the case with the head of the chain, so a
reader can ask ``graphml audit verify --head`` whether the store still says the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphml.cases.chain import Entry, canonical, digest
from graphml.cases.model import Case, decision_json
from graphml.cases.page import page
from graphml.results import Decision, Ring, time_text

__all__ = ["CaseFile", "digest", "export_html", "export_json"]

_FORMAT = "graphml-case-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFile:
    """What goes into the file of a case.

    Attributes:
        entries: Of the audit, about the case, oldest first: its history.
        head: Hash of the audit's last entry, about whatever.
        events: Records as the service shows them, in their order; keys are column names.
        ring: That the case is about, or ``None``.
        member: An explanation as plain JSON, where the case is about a member or order.
        decisions: What the case decided, oldest first.
        store: The store's URL.
        by, time: Who exports, and when.
    """

    case: Case
    entries: Sequence[Entry]
    head: str
    events: Sequence[Mapping[str, Any]] = ()
    ring: Ring | None = None
    member: Mapping[str, Any] | None = None
    decisions: Sequence[Decision] = ()
    store: str
    by: str
    time: datetime

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON; a number that is not finite is null."""
        found = {
            "format": _FORMAT,
            "exported": {"by": self.by, "time": time_text(self.time), "store": self.store},
            "case": self.case.to_json([entry.history() for entry in self.entries]),
            "ring": self.ring and self.ring.to_json(),
            "member": self.member,
            "events": list(self.events),
            "decisions": [decision_json(one) for one in self.decisions],
            "audit": {"entries": [entry.to_json() for entry in self.entries], "head": self.head},
        }
        return {name: _plain(value) for name, value in found.items()}


def export_json(file: CaseFile) -> bytes:
    """Return the case as JSON in its canonical spelling; ``digest`` of it is what the HTML names."""
    return canonical(file.to_json()) + b"\n"


def export_html(file: CaseFile) -> bytes:
    """Return the case as one HTML page without script or anything to fetch."""
    return page(file.to_json(), sha256=digest(export_json(file))).encode("utf-8")


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: times as text, sequences as lists."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)
