"""What people did about one store: appended to, read, verified, however many processes do so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from graphml.cases import ledger, rows
from graphml.cases.chain import START, AuditReport, Entry, walk
from graphml.cases.database import reading, writing
from graphml.cases.texts import checked_id
from graphml.errors import NothingToDoError
from graphml.store.connect import state_folder


class Audit:
    """The audit of one store, in ``cases.sqlite``; nothing is open between two calls.

    Args:
        folder: Where the file is, or will be.
        store_url: Whose audit: several databases may share a folder. An embedded store has its
            folder to itself, and may be moved with it.

    Raises:
        StoreLockedError: Another process has been writing for five seconds.
        StorePermissionError: This user may not write there, or not read.
    """

    def __init__(self, folder: Path, *, store_url: str) -> None:
        self.folder = folder
        self.store = "embedded" if store_url.startswith("embedded://") else store_url

    @classmethod
    def beside(cls, url: str) -> Self:
        """Return the one of the store at ``url``."""
        return cls(state_folder(url), store_url=url)

    def history(self, case_id: str) -> list[dict[str, Any]]:
        """Return what was done about a case, oldest first: time, by, action, text."""
        return [entry.history() for entry in self.entries(case_id)]

    def entries(self, case_id: str | None = None) -> list[Entry]:
        """Return the audit's entries, all or those about one case, oldest first."""
        with reading(self.folder) as database:
            if case_id is not None:
                rows.find_case(database, self.store, case_id)
            return [] if database is None else ledger.entries(database, self.store, case_id)

    def head(self) -> str:
        """Return the hash of the last entry; empty before the first."""
        with reading(self.folder) as database:
            return START if database is None else ledger.head(database, self.store)

    def append_audit(
        self,
        actor: str,
        action: str,
        detail: Mapping[str, Any],
        *,
        time: datetime,
        unit: str | None = None,
        id: str | None = None,  # noqa: A002 - as the audit calls it
        case_id: str | None = None,
    ) -> Entry:
        """Note what somebody did that changes no case: an export, a key, a look at a member."""
        checked_id("actor", actor)
        checked_id("action", action)
        for name, value in (("unit", unit), ("id", id), ("case_id", case_id)):
            if value is not None:
                checked_id(name, value)
        if ledger.CASE_DIGEST in detail:
            raise ValueError(f"{ledger.CASE_DIGEST} is for changes of cases")
        with writing(self.folder) as database:
            return ledger.append(
                database,
                self.store,
                actor=actor,
                action=action,
                time=time,
                detail=detail,
                about=(unit, id, case_id),
            )

    def verify(self, head: str | None = None) -> AuditReport:
        """Walk along the audit and say what does not hold.

        Args:
            head: The hash of an entry that must be in it: that of the last one, noted earlier.

        Raises:
            NothingToDoError: There is no audit yet, and no head was noted.
        """
        with reading(self.folder) as database:
            if database is not None:
                report = ledger.verified(database, self.store, head)
                if report.entries or report.problems:
                    return report
        if head is not None:
            return walk(self.store, (), head=head)
        raise NothingToDoError(
            f"no audit in {self.folder} yet", hint="the first case or label begins it"
        )
