"""What people do to a case: each step takes the case and returns what changes, and what is noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphml.cases import rules
from graphml.cases.model import Case, Ruling
from graphml.cases.texts import checked_id, checked_text
from graphml.errors import UsageError
from graphml.results import Decision


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What a step comes to.

    Attributes:
        action: What it is called in the audit.
        case: As it is afterwards.
        text: What somebody said, for the case's history.
        detail: What else the audit keeps.
        decision: That is taken with it.
    """

    action: str
    case: Case
    text: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    decision: Decision | None = None


def assign(case: Case, to: str | None) -> Change:
    """Give the case to somebody, or to nobody."""
    if to is not None:
        checked_id("assignee", to)
    text = "to nobody" if to is None else f"to {to}"
    return Change(action="assigned", case=rules.assigned(case, to), text=text, detail={"to": to})


def comment(case: Case, text: str) -> Change:
    """Say something; also of a resolved case."""
    if not text.strip():
        raise UsageError("the comment is empty", hint="a text")
    return Change(action="commented", case=case, text=checked_text("comment", text))


def wait(case: Case, reason: str) -> Change:
    """Let the case wait for something outside."""
    text = checked_text("reason", reason)
    return Change(action="waited", case=rules.waiting(case), text=text)


def resume(case: Case) -> Change:
    """Go on with a waiting case."""
    return Change(action="resumed", case=rules.resumed(case))


def propose(case: Case, ruling: Ruling) -> Change:
    """Propose how the case ends."""
    after = rules.proposed(case, ruling)
    return Change(action="proposed", case=after, text=_told(ruling), detail=_kept(ruling))


def approve(case: Case, by: str, time: datetime) -> Change:
    """End the case as another person proposed; the members are those that were proposed."""
    ruling = rules.open_proposal(case)
    after = rules.approved(case, by)
    return Change(
        action="approved",
        case=after,
        text=_told(ruling),
        detail=_kept(ruling),
        decision=rules.decision_on(after, ruling, time=time),
    )


def reject(case: Case, text: str) -> Change:
    """Refuse what is proposed, or take it back."""
    checked_text("comment", text)
    return Change(action="rejected", case=rules.rejected(case), text=text)


def resolve(case: Case, ruling: Ruling) -> Change:
    """End the case as one person."""
    after = rules.resolved(case, ruling)
    return Change(
        action="resolved",
        case=after,
        text=_told(ruling),
        detail=_kept(ruling),
        decision=rules.decision_on(after, ruling, time=ruling.time),
    )


def reopen(case: Case, text: str) -> Change:
    """Go on with a resolved case."""
    checked_text("comment", text)
    return Change(action="reopened", case=rules.reopened(case), text=text)


def _told(ruling: Ruling) -> str:
    """Return verdict, code and comment on one line.

    ``confirm, fraud_confirmed: one device in six hands``
    """
    code = f", {ruling.code}" if ruling.code else ""
    return f"{ruling.verdict}{code}" + (f": {ruling.comment}" if ruling.comment else "")


def _kept(ruling: Ruling) -> dict[str, Any]:
    return {"ruling": ruling.to_json()}
