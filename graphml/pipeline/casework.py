"""Cases that end: what a case decides goes into the store, as a decision and as labels.

The case is changed first, and the same transaction keeps the decision that it came to, whole: its
time, members, reason and authors. Then it is written into the store, which twice is the same as
once, and noted as written. Whoever is cut off in between loses nothing: ``settle`` writes what is
due, here at the start of every call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from graphml.cases import steps
from graphml.cases.model import Case, Due, Ruling, Unit
from graphml.cases.rules import require_fitting, require_version
from graphml.cases.texts import checked_id
from graphml.config import RingConfig
from graphml.pipeline.deciding import Decided, decide, labels_of, write_decided
from graphml.results import Decision, Verdict

if TYPE_CHECKING:
    from graphml.cases.book import CaseBook
    from graphml.fraud.detector import FraudDetector
    from graphml.pipeline.detection import FoundRing
    from graphml.store.base import GraphStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """What a resolution came to.

    Attributes:
        decision: That is in the store now; ``None`` where another person has to approve first.
    """

    case: Case
    decision: Decision | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """What a label came to.

    Attributes:
        decided: The decision with its labels, proposed, kept, or what would be.
        case: That it ended or waits in; ``None`` where nothing was changed.
        proposed: Whether another person has to approve first.
    """

    decided: Decided
    case: Case | None
    proposed: bool


def settle(store: GraphStore, book: CaseBook) -> int:
    """Write the decisions of cases that are not in the store yet; return how many there were.

    Raises:
        StoreError: The store cannot be written now; they stay due.
    """
    return len(_settled(store, book))


def _settled(store: GraphStore, book: CaseBook) -> list[Due]:
    written = []
    for due in book.due():
        write_decided(store, due.decision)
        book.mark_written(due)
        written.append(due)
    return written


def resolve(
    store: GraphStore,
    book: CaseBook,
    case_id: str,
    verdict: Verdict,
    code: str | None,
    comment: str | None,
    *,
    by: str,
    time: datetime,
    version: int | None,
    four_eyes: bool,
    config: RingConfig,
    as_of: datetime,
    detector: FraudDetector | None = None,
    found: FoundRing | None = None,
) -> Resolved:
    """Resolve a case: as a proposal where ``four_eyes`` asks for a second person to confirm.

    A ring is decided on as ``found``, else as it is at ``as_of``, as ``decide`` does.

    Raises:
        UsageError: There is no such member, order or ring by ``as_of``; or a text does not fit.
        UnknownCaseError: There is no such case.
        CaseConflictError: The case has another version than ``version``.
        CaseRuleError: It is resolved already, or a proposal waits.
        StoreError: The store cannot be written: if the case is resolved, its decision stays due.
    """
    _settled(store, book)
    case = book.case(case_id)
    require_version(case, version)
    ruling = Ruling(verdict=verdict, code=code or None, comment=comment or None, by=by, time=time)
    require_fitting(ruling)
    decided = decide(
        store,
        case.unit,
        case.id,
        verdict,
        config=config,
        reason=ruling.words,
        by=by,
        time=time,
        as_of=as_of,
        detector=detector,
        found=found,
        dry_run=True,
    )
    return _end(store, book, case, ruling, decided, version=version, four_eyes=four_eyes)


def _end(
    store: GraphStore,
    book: CaseBook,
    case: Case,
    ruling: Ruling,
    decided: Decided,
    *,
    version: int | None,
    four_eyes: bool,
) -> Resolved:
    proposes = four_eyes and ruling.verdict == "confirm"
    after = (book.propose if proposes else book.resolve)(
        case.case_id,
        ruling.verdict,
        ruling.code,
        ruling.comment,
        by=ruling.by,
        time=ruling.time,
        version=version,
        members=decided.decision.members,
    )
    return Resolved(case=after, decision=None if proposes else _written(store, book, after))


def approve(
    store: GraphStore,
    book: CaseBook,
    case_id: str,
    *,
    by: str,
    time: datetime,
    version: int | None,
) -> Resolved:
    """Resolve a case as another person proposed, about the members that were proposed.

    No ring is found anew: who approves, approves what the other one saw. The decision's time is
    that of the approval.

    Raises:
        OwnProposalError: It is the proposal of the same person.
        CaseRuleError: Nothing is proposed.
        UnknownCaseError, CaseConflictError, StoreError: As in ``resolve``.
    """
    _settled(store, book)
    case = book.approve(case_id, by=by, time=time, version=version)
    return Resolved(case=case, decision=_written(store, book, case))


def _written(store: GraphStore, book: CaseBook, case: Case) -> Decision:
    """Write what is due, and return the last decision of a case."""
    _settled(store, book)
    return book.decisions(case.case_id)[-1].decision


def label(
    store: GraphStore,
    book: CaseBook,
    unit: Unit,
    id_: str,
    verdict: Verdict,
    *,
    reason: str,
    code: str | None = None,
    by: str,
    time: datetime,
    four_eyes: bool,
    config: RingConfig,
    as_of: datetime,
    detector: FraudDetector | None = None,
    found: FoundRing | None = None,
    dry_run: bool = False,
) -> Labelled:
    """Decide on a ring, member or order in one call: in its case, which is opened if need be.

    A ring is decided on as ``found``, else as it is at ``as_of``.

    Where somebody else proposed to confirm it, confirming approves that, whatever ``four_eyes``
    says. The same call again after one that was cut off ends that one, and decides nothing twice.

    Raises:
        UsageError: There is no such member, order or ring by ``as_of``; or a text does not fit.
        OwnProposalError: The same person proposed it: another one has to approve.
        CaseConflictError: Somebody changed the case meanwhile.
        StoreError: The store cannot be written; what was decided stays due.
    """
    ruling = Ruling(verdict=verdict, code=code or None, comment=reason or None, by=by, time=time)
    require_fitting(ruling)
    checked_id("id", id_)
    late = [] if dry_run else _settled(store, book)
    for due in late:
        if _is_same(due.decision, unit, id_, ruling):
            return Labelled(
                decided=_as_decided(due.decision), case=book.case(due.case_id), proposed=False
            )
    known = book.by_unit(unit, [id_]).get(id_)
    if known is not None and known.proposal is not None and verdict == known.proposal.verdict:
        return _approved(store, book, known, ruling, dry_run=dry_run)
    decided = decide(
        store,
        unit,
        id_,
        verdict,
        config=config,
        reason=ruling.words,
        by=by,
        time=time,
        as_of=as_of,
        detector=detector,
        found=found,
        dry_run=True,
    )
    if dry_run:
        proposed = four_eyes and verdict == "confirm"
        return Labelled(decided=decided, case=None, proposed=proposed)
    case, _ = book.open_case(unit, id_, by=by, time=time, members=decided.decision.members)
    end = _end(store, book, case, ruling, decided, version=case.version, four_eyes=four_eyes)
    return Labelled(decided=decided, case=end.case, proposed=end.decision is None)


def _is_same(decision: Decision, unit: Unit, id_: str, ruling: Ruling) -> bool:
    """Return whether a decision is what somebody asks for again, however its members changed."""
    asked, known = (unit, id_, ruling.verdict), (decision.unit, decision.id, decision.verdict)
    alone = (decision.by, decision.reason) == (ruling.by, ruling.words)
    return asked == known and (alone or decision.by.endswith(f", {ruling.by}"))


def _approved(
    store: GraphStore, book: CaseBook, case: Case, ruling: Ruling, *, dry_run: bool
) -> Labelled:
    """End a case as somebody else proposed; what the second one says is a comment."""
    change = steps.approve(case, ruling.by, ruling.time)  # refused before anything is said
    if dry_run:
        assert change.decision is not None
        return Labelled(decided=_as_decided(change.decision), case=None, proposed=False)
    by, time = ruling.by, ruling.time
    if ruling.words:
        case = book.comment(case.case_id, ruling.words, by=by, time=time, version=case.version)
    end = approve(store, book, case.case_id, by=by, time=time, version=case.version)
    assert end.decision is not None
    return Labelled(decided=_as_decided(end.decision), case=end.case, proposed=False)


def _as_decided(decision: Decision) -> Decided:
    return Decided(decision=decision, labels=labels_of(decision))
