"""``audit``: who did what with cases and decisions, and whether anybody changed that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import say
from graphml.errors import CaseError, NothingToDoError, UsageError

if TYPE_CHECKING:
    from graphml.cases.chain import AuditReport

_ACTIONS = ("verify", "list")


def audit(
    action: Annotated[
        str,
        typer.Argument(
            metavar="verify|list",
            help="Walk along the chain and say what does not hold, or print the entries.",
        ),
    ],
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="HASH",
            help="verify: a head noted earlier, which must still be in the chain.",
            show_default=False,
        ),
    ] = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Verify or list the audit: each entry holds the hash of the one before, so no change goes unseen."""
    from graphml.cases.book import CaseBook

    if action not in _ACTIONS:
        raise UsageError(f"cannot {action!r} an audit", hint=" or ".join(_ACTIONS))
    if head is not None and action != "verify":
        raise UsageError("--head is for verify", hint="graphml audit verify --head HASH")
    url, chosen = options.store_url(store), chosen_format(format_, out)
    book = CaseBook.beside(url)
    if action == "list":
        entries = [entry.to_json() for entry in book.entries()]
        if not entries:
            raise NothingToDoError(
                f"no audit of {url} yet", hint="the first case or label begins it"
            )
        emit(entries, columns=_ENTRY, format_=chosen, out=out)
        return
    report = book.verify(None if head is None else _whole(head))
    emit([report.to_json()], columns=_REPORT, format_=chosen, out=out)
    _judge(report, quiet=quiet)


def _whole(head: str) -> str:
    """Return a head as hashes are kept.

    Raises:
        UsageError: It is no whole hash, which would be missed in every chain.
    """
    found = head.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", found):
        raise UsageError(f"--head {head!r} is no hash", hint="all 64 digits, as verify prints them")
    return found


def _judge(report: AuditReport, *, quiet: bool) -> None:
    """End well, or with what does not hold.

    Raises:
        CaseError: Something does not.
    """
    if not report.problems:
        say(f"the chain of {report.entries} entries holds; note its head", quiet=quiet)
        return
    for problem in report.problems[1:_SHOWN]:
        say(problem, quiet=quiet)
    first, more = report.problems[0], len(report.problems) - 1
    raise CaseError(
        f"the audit does not hold: {first}{f'; and {more} more' if more else ''}",
        hint="compare cases.sqlite with a copy of it; --format json lists all that is wrong",
    )


_SHOWN = 20
"""Problems told at most, one line each."""


def _about(row: dict[str, Any]) -> str:
    return " ".join(str(row[name]) for name in ("unit", "id") if row[name] is not None)


def _said(row: dict[str, Any]) -> str:
    detail = row["detail"]
    return str(detail.get("text", "")) if isinstance(detail, dict) else str(detail)


_ENTRY = {
    "entry": lambda row: row["seq"],
    "time": lambda row: row["time"],
    "actor": lambda row: row["actor"],
    "action": lambda row: row["action"],
    "about": _about,
    "case": lambda row: row["case_id"],
    "text": _said,
    "hash": lambda row: row["hash"],
}
_REPORT = {
    "entries": lambda row: row["entries"],
    "first": lambda row: row["first"],
    "last": lambda row: row["last"],
    "head": lambda row: row["head"],
    "problems": lambda row: len(row["problems"]),
}
