"""What may become of a case: each rule takes a case and returns the one after it.

::

    open ──wait──► waiting ──resume──► open
      │ └──propose──► waiting with a proposal ──reject──► open
      │                   └──approve (another person)──► resolved
      └──resolve──► resolved ──reopen──► open

A case is resolved from ``waiting`` too. A proposal to confirm is approved or rejected, and never
passed over by confirming; dismissing needs one person and ends a proposal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from graphml.cases.model import FITTING, Case, Ruling
from graphml.cases.texts import same_person
from graphml.errors import (
    CaseConflictError,
    CaseRuleError,
    OwnProposalError,
    UsageError,
    one_line,
)
from graphml.results import Decision, time_text


def require_fitting(ruling: Ruling) -> None:
    """Refuse a code that is no reason for the verdict.

    Raises:
        UsageError: As fraud confirmed for dismissing.
    """
    codes = FITTING[ruling.verdict]
    if ruling.code is not None and ruling.code not in codes:
        raise UsageError(f"{ruling.code} is no reason to {ruling.verdict}", hint=" or ".join(codes))


def require_version(case: Case, version: int | None) -> None:
    """Refuse to change a case that is not any more as it was seen; ``None`` for however it is.

    Raises:
        CaseConflictError: It has another version.
    """
    if version is not None and version != case.version:
        raise CaseConflictError(
            f"case {case.case_id} has version {case.version}, not {version}: somebody changed it",
            hint="look at it again, then decide",
        )


def assigned(case: Case, to: str | None) -> Case:
    """Return the case as ``to``'s; nobody's for ``None``."""
    _require_unresolved(case)
    return replace(case, assignee=to)


def waiting(case: Case) -> Case:
    """Return the case as one that waits for something outside."""
    if case.state != "open":
        raise _refused(case, "only an open case can wait", _NEXT[case.state])
    return replace(case, state="waiting")


def resumed(case: Case) -> Case:
    """Return a waiting case as open again."""
    _require_no_proposal(case)
    if case.state != "waiting":
        raise _refused(case, "only a waiting case can be resumed", _NEXT[case.state])
    return replace(case, state="open")


def proposed(case: Case, ruling: Ruling) -> Case:
    """Return the case as one that waits for a second person."""
    _require_unresolved(case)
    _require_no_proposal(case)
    return replace(case, state="waiting", proposal=ruling)


def approved(case: Case, by: str) -> Case:
    """Return the case as resolved by who proposed and who approves.

    Raises:
        OwnProposalError: They are one person.
        CaseRuleError: Nothing is proposed.
    """
    ruling = open_proposal(case)
    if same_person(ruling.by, by):
        raise OwnProposalError(
            f"case {case.case_id} was proposed by {one_line(ruling.by, 60)}, who cannot approve it",
            hint="another person approves or rejects it",
        )
    return _ended(case, ruling, (ruling.by, by))


def rejected(case: Case) -> Case:
    """Return the case as open again, without the proposal."""
    open_proposal(case)
    return replace(case, state="open", proposal=None)


def resolved(case: Case, ruling: Ruling) -> Case:
    """Return the case as resolved by one person."""
    _require_unresolved(case)
    if ruling.verdict == "confirm":
        _require_no_proposal(case)
    return _ended(case, ruling, (ruling.by,))


def reopened(case: Case) -> Case:
    """Return a resolved case as open; what was decided stays decided until it is decided anew."""
    if case.state != "resolved":
        raise _refused(case, "only a resolved case can be reopened", _NEXT[case.state])
    return replace(case, state="open", verdict=None, code=None, comment=None, decided_by=None)


def open_proposal(case: Case) -> Ruling:
    """Return what is proposed.

    Raises:
        CaseRuleError: Nothing is.
    """
    if case.proposal is None:
        raise _refused(case, "nobody has proposed anything", _NEXT[case.state])
    return case.proposal


def decision_on(case: Case, ruling: Ruling, *, time: datetime) -> Decision:
    """Return the decision that a resolved case came to, taken at ``time``."""
    return Decision(
        unit=case.unit,
        id=case.id,
        verdict=ruling.verdict,
        reason=ruling.words,
        by=", ".join(case.decided_by or ()),
        time=time,
        members=ruling.members,
    )


_NEXT = {
    "open": "assign, comment, wait or resolve",
    "waiting": "resume or resolve it",
    "resolved": "reopen it first",
}


def _ended(case: Case, ruling: Ruling, by: tuple[str, ...]) -> Case:
    return replace(
        case,
        state="resolved",
        verdict=ruling.verdict,
        code=ruling.code,
        comment=ruling.comment,
        proposal=None,
        decided_by=by,
    )


def _require_unresolved(case: Case) -> None:
    if case.state == "resolved":
        raise _refused(case, "it is resolved", _NEXT["resolved"])


def _require_no_proposal(case: Case) -> None:
    if case.proposal is not None:
        who, when = one_line(case.proposal.by, 60), time_text(case.proposal.time)
        raise _refused(
            case,
            f"{who} proposed to {case.proposal.verdict} it at {when}",
            "another person approves or rejects that first",
        )


def _refused(case: Case, why: str, hint: str) -> CaseRuleError:
    return CaseRuleError(f"case {case.case_id} is {case.state}: {why}", hint=hint)
