"""A case as a value: what it is about, how far it is, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from graphml.cases.texts import checked_id, checked_text
from graphml.errors import UsageError
from graphml.results import Decision, Verdict, parse_time, time_text

Unit = Literal["ring", "member", "order"]
CaseState = Literal["open", "waiting", "resolved"]
UNITS: tuple[Unit, ...] = get_args(Unit)
STATES: tuple[CaseState, ...] = get_args(CaseState)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

CODES = {
    "fraud_confirmed": "fraud confirmed",
    "family": "a family or household",
    "corporate_network": "a company's network",
    "public_place": "a public place",
    "test_account": "a test account",
    "not_enough": "not enough evidence",
    "other": "another reason",
}
"""Why a case ended as it did: code and words."""
FITTING: dict[Verdict, tuple[str, ...]] = {
    "confirm": ("fraud_confirmed", "other"),
    "dismiss": tuple(code for code in CODES if code != "fraud_confirmed"),
}
"""Which codes are a reason for which verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """What somebody says that a case comes to.

    Attributes:
        code: One of ``CODES``, or ``None``.
        comment: In the analyst's own words, or ``None``.
        members: Whom the ring accused when this was said; empty for members and orders.

    Raises:
        UsageError: There is no such verdict or code, or a text does not fit.
    """

    verdict: Verdict
    code: str | None
    comment: str | None
    by: str
    time: datetime
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise UsageError(f"no verdict {self.verdict!r}", hint=" or ".join(VERDICTS))
        if self.code is not None and self.code not in CODES:
            raise UsageError(f"no code {self.code!r}", hint=", ".join(CODES))
        checked_id("by", self.by)
        if self.comment is not None:
            checked_text("comment", self.comment)

    @property
    def words(self) -> str:
        """The comment if there is one, else what the code means; may be empty."""
        return self.comment or (CODES[self.code] if self.code else "")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "verdict": self.verdict,
            "code": self.code,
            "comment": self.comment,
            "by": self.by,
            "time": time_text(self.time),
            "members": list(self.members),
        }

    @classmethod
    def from_json(cls, ruling: Mapping[str, Any]) -> Ruling:
        """Return what ``to_json`` wrote."""
        time, members = parse_time(ruling["time"]), tuple(ruling["members"])
        return cls(**{**ruling, "time": time, "members": members})


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What analysts do about one ring, member or order.

    Attributes:
        state: ``waiting`` also while a second person has to approve ``proposal``.
        version: Goes up with every change.
        verdict, code, comment, decided_by: How it was resolved; ``None`` before.
        proposal: What somebody proposed and nobody has approved or rejected yet.
    """

    case_id: str
    unit: Unit
    id: str
    state: CaseState = "open"
    assignee: str | None = None
    opened_by: str
    opened: datetime
    updated: datetime
    version: int = 1
    verdict: Verdict | None = None
    code: str | None = None
    comment: str | None = None
    proposal: Ruling | None = None
    decided_by: tuple[str, ...] | None = None

    def to_json(self, history: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """Return the case as the contract's JSON object; with its history where that is given."""
        found: dict[str, Any] = {
            "case_id": self.case_id,
            "unit": self.unit,
            "id": self.id,
            "state": self.state,
            "assignee": self.assignee,
            "opened_by": self.opened_by,
            "opened": time_text(self.opened),
            "updated": time_text(self.updated),
            "version": self.version,
            "verdict": self.verdict,
            "code": self.code,
            "comment": self.comment,
            "proposal": self.proposal and self.proposal.to_json(),
            "decided_by": None if self.decided_by is None else list(self.decided_by),
        }
        return found if history is None else {**found, "history": history}

    @classmethod
    def from_json(cls, case: Mapping[str, Any]) -> Case:
        """Return the case that ``to_json`` wrote, without history."""
        proposal, deciders = case["proposal"], case["decided_by"]
        changed = {
            "opened": parse_time(case["opened"]),
            "updated": parse_time(case["updated"]),
            "proposal": None if proposal is None else Ruling.from_json(proposal),
            "decided_by": None if deciders is None else tuple(deciders),
        }
        return cls(**{**case, **changed})


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A decision that a case came to.

    Attributes:
        written: Whether it is in the store, with its labels.
    """

    number: int
    case_id: str
    decision: Decision
    written: bool = False


def decision_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as plain JSON."""
    return {
        "unit": decision.unit,
        "id": decision.id,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "by": decision.by,
        "time": time_text(decision.time),
        "members": list(decision.members),
    }


def decision_from(found: Mapping[str, Any]) -> Decision:
    """Return the decision that ``decision_json`` wrote."""
    time, members = parse_time(found["time"]), tuple(found["members"])
    return Decision(**{**found, "time": time, "members": members})
