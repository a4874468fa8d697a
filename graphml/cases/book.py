"""All cases of one store: opened, looked up, changed, and what each change leaves in the audit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from graphml.cases import ledger, rows, steps
from graphml.cases.audit import Audit
from graphml.cases.database import reading, writing
from graphml.cases.model import STATES, UNITS, Case, Due, Ruling, Unit
from graphml.cases.rules import require_version
from graphml.cases.steps import Change
from graphml.cases.texts import checked_id, is_clean
from graphml.errors import UsageError, one_line
from graphml.results import Verdict


class CaseBook(Audit):
    """The cases of one store, and its audit.

    Every change is one transaction: it asks for the case's version, changes the case and appends
    to the audit; ``version=None`` takes the case as it is.

    Raises:
        UnknownCaseError: From every call about one case: there is none of that name.
        CaseConflictError: From every change: the case has another version.
        CaseRuleError: From every change: the case's state does not allow it.
        UsageError: A text is too long, blank or no text; there is no such verdict or code.
        StoreLockedError: Another process has been writing for five seconds.
        StorePermissionError: This user may not write there.
    """

    def open_case(
        self, unit: Unit, id_: str, *, by: str, time: datetime, members: Iterable[str] = ()
    ) -> tuple[Case, bool]:
        """Return the unresolved case on a ring, member or order, and whether it is a new one.

        ``members`` are the ring's at that moment, for the audit.
        """
        if unit not in UNITS:
            raise UsageError(f"no unit {unit!r}", hint=", ".join(UNITS))
        checked_id("id", id_)
        checked_id("by", by)
        with writing(self.folder) as database:
            if known := rows.unresolved(database, self.store, unit, id_):
                return known, False
            case_id = rows.add_case(database, self.store, unit, id_)
            case = Case(case_id=case_id, unit=unit, id=id_, opened_by=by, opened=time, updated=time)
            self._keep(
                database,
                Change(action="opened", case=case, detail={"members": list(members)}),
                by,
                time,
            )
            return case, True

    def case(self, case_id: str) -> Case:
        """Return a case."""
        with reading(self.folder) as database:
            return rows.find_case(database, self.store, case_id)

    def cases(
        self,
        state: str | None = None,
        assignee: str | None = None,
        unit: str | None = None,
        id: str | None = None,  # noqa: A002 - as the contract calls it
        limit: int = 100,
        after: str | None = None,
    ) -> list[Case]:
        """Return at most ``limit`` cases with the values given, the last opened first.

        ``after`` names the last case seen: those opened before it follow. However cases change
        meanwhile, none is passed over and none comes twice.

        Raises:
            UsageError: There is no such state, or ``after`` is no case's name.
        """
        if state is not None and state not in STATES:
            raise UsageError(f"no state {one_line(state, 60)!r}", hint=", ".join(STATES))
        before = None if after is None else rows.number_of(after)
        if after is not None and before is None:
            raise UsageError(f"no case {one_line(after, 60)!r}", hint="begin again from the first")
        given = {"state": state, "assignee": assignee, "unit": unit, "id": id}
        asked = {column: value for column, value in given.items() if value is not None}
        with reading(self.folder) as database:
            if database is None or not all(map(is_clean, asked.values())):
                return []
            return rows.list_cases(database, self.store, asked, limit=limit, before=before)

    def by_unit(self, unit: Unit, ids: Iterable[str]) -> dict[str, Case]:
        """Return, of each id that has cases, the unresolved one, else the last."""
        with reading(self.folder) as database:
            if database is None:
                return {}
            return rows.latest_by_id(database, self.store, unit, filter(is_clean, ids))

    def assign(
        self, case_id: str, to: str | None, *, by: str, time: datetime, version: int | None
    ) -> Case:
        """Give an unresolved case to somebody, or to nobody."""
        return self._change(case_id, lambda case: steps.assign(case, to), by, time, version)

    def comment(
        self, case_id: str, text: str, *, by: str, time: datetime, version: int | None = None
    ) -> Case:
        """Say something about a case, resolved or not."""
        return self._change(case_id, lambda case: steps.comment(case, text), by, time, version)

    def wait(
        self, case_id: str, reason: str, *, by: str, time: datetime, version: int | None
    ) -> Case:
        """Let an open case wait for something outside."""
        return self._change(case_id, lambda case: steps.wait(case, reason), by, time, version)

    def resume(self, case_id: str, *, by: str, time: datetime, version: int | None) -> Case:
        """Go on with a waiting case."""
        return self._change(case_id, steps.resume, by, time, version)

    def propose(
        self,
        case_id: str,
        verdict: Verdict,
        code: str | None,
        comment: str | None,
        *,
        by: str,
        time: datetime,
        version: int | None,
        members: Iterable[str] = (),
    ) -> Case:
        """Propose how a case ends: it waits for another person.

        ``members`` are those whom the ring accuses by now: about them somebody approves.
        """
        ruling = _ruling(verdict, code, comment, by, time, members)
        return self._change(case_id, lambda case: steps.propose(case, ruling), by, time, version)

    def approve(self, case_id: str, *, by: str, time: datetime, version: int | None) -> Case:
        """Resolve a case as another person proposed; its decision is kept, to be written.

        Raises:
            OwnProposalError: It is the proposal of the same person.
        """
        return self._change(case_id, lambda case: steps.approve(case, by, time), by, time, version)

    def reject(
        self, case_id: str, comment: str, *, by: str, time: datetime, version: int | None
    ) -> Case:
        """Refuse what is proposed, or take it back: the case is open again."""
        return self._change(case_id, lambda case: steps.reject(case, comment), by, time, version)

    def resolve(
        self,
        case_id: str,
        verdict: Verdict,
        code: str | None,
        comment: str | None,
        *,
        by: str,
        time: datetime,
        version: int | None,
        members: Iterable[str] = (),
    ) -> Case:
        """Resolve a case as one person; its decision is kept, to be written."""
        ruling = _ruling(verdict, code, comment, by, time, members)
        return self._change(case_id, lambda case: steps.resolve(case, ruling), by, time, version)

    def reopen(
        self, case_id: str, comment: str, *, by: str, time: datetime, version: int | None
    ) -> Case:
        """Go on with a resolved case; its decision stands until there is another."""
        return self._change(case_id, lambda case: steps.reopen(case, comment), by, time, version)

    def decisions(self, case_id: str) -> list[Due]:
        """Return the decisions that a case came to, oldest first."""
        with reading(self.folder) as database:
            rows.find_case(database, self.store, case_id)
            assert database is not None  # else there was no case
            return rows.list_decisions(database, self.store, case_id, due=False)

    def due(self) -> list[Due]:
        """Return the decisions that are not in the store yet, oldest first."""
        with reading(self.folder) as database:
            if database is None:
                return []
            return rows.list_decisions(database, self.store, None, due=True)

    def mark_written(self, due: Due) -> None:
        """Note that a decision and its labels are in the store."""
        with writing(self.folder) as database:
            rows.mark_written(database, due.number)

    def _change(
        self,
        case_id: str,
        step: Callable[[Case], Change],
        by: str,
        time: datetime,
        version: int | None,
    ) -> Case:
        checked_id("by", by)
        with writing(self.folder) as database:
            case = rows.find_case(database, self.store, case_id)
            require_version(case, version)
            change = step(case)
            after = replace(change.case, version=case.version + 1, updated=time)
            self._keep(database, replace(change, case=after), by, time)
            if change.decision is not None:
                rows.add_decision(database, self.store, case_id, change.decision)
        return after

    def _keep(self, database: sqlite3.Connection, change: Change, by: str, time: datetime) -> None:
        case = change.case
        left = rows.put_case(database, case)
        ledger.append(
            database,
            self.store,
            actor=by,
            action=change.action,
            time=time,
            detail={"text": change.text, **change.detail, ledger.CASE_DIGEST: left},
            about=(case.unit, case.id, case.case_id),
        )


def _ruling(
    verdict: Verdict,
    code: str | None,
    comment: str | None,
    by: str,
    time: datetime,
    members: Iterable[str],
) -> Ruling:
    return Ruling(
        verdict=verdict,
        code=code or None,
        comment=comment or None,
        by=by,
        time=time,
        members=tuple(members),
    )
