"""What analysts said, as ``explain`` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graphml.errors import one_line

if TYPE_CHECKING:
    from graphml.results import Decision
    from graphml.store.base import GraphStore


def decisions_on(store: GraphStore, unit: str, id_: str | None) -> list[Decision]:
    """Return the decisions on a member, an order or a ring, oldest first; on nothing none.

    All that were taken up to now count: what an analyst said is shown, whatever moment is looked
    at, and enters no score.
    """
    now = datetime.now(UTC)
    return [one for one in store.decisions(now) if (one.unit, one.id) == (unit, id_)]


def with_verdict(record: dict[str, Any], decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return a record with the further key ``decision``: the last verdict, or null."""
    return {**record, "decision": decisions[-1].verdict if decisions else None}


def verdict_line(decision: Decision) -> str:
    """Return who decided what, when and why, on one line."""
    said = f": {one_line(decision.reason, 300)}" if decision.reason else ""
    return f"{decision.verdict}ed by {one_line(decision.by, 60)} on {decision.time:%Y-%m-%d %H:%M} UTC{said}"
