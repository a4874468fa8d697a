"""``label``: an analyst's decision, kept and used."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli import options
from graphml.cli.progress import progress, say
from graphml.errors import UsageError

if TYPE_CHECKING:
    from graphml.results import Decision
    from graphml.tables.frames import Tables

_VERDICTS = ("confirm", "dismiss")
_UNITS = ("member", "order", "ring")


def label(
    unit: Annotated[str, typer.Argument(metavar="member|order|ring", help="What it is about.")],
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
    verdict: Annotated[str, typer.Argument(metavar="confirm|dismiss", help="Fraud, or not.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    by: Annotated[
        str | None, typer.Option("--by", help="Who; else the user's name.", show_default=False)
    ] = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Confirm or dismiss a member, an order or a ring."""
    from graphml.pipeline import decide
    from graphml.store.connect import connect

    if unit not in _UNITS:
        raise UsageError(f"no unit {unit!r}", hint="member, order or ring")
    if verdict not in _VERDICTS:
        raise UsageError(f"no verdict {verdict!r}", hint="confirm or dismiss")
    with progress(quiet=quiet), connect(options.store_url(store), read_only=dry_run) as target:
        moment = options.as_of_or_last(target, as_of)
        decision, labels = decide(
            target,
            unit,  # type: ignore[arg-type]
            id_,
            verdict,  # type: ignore[arg-type]
            reason=reason,
            by=by or getpass.getuser(),
            time=datetime.now(UTC),
            as_of=moment,
            dry_run=dry_run,
        )
    say(_told(decision, labels, dry_run=dry_run), quiet=quiet)


def _told(decision: Decision, labels: Tables, *, dry_run: bool) -> str:
    verb = "would keep" if dry_run else "kept"
    count = labels.labels.height
    return (
        f"{verb}: {decision.unit} {decision.id} {decision.verdict}ed by {decision.by}, "
        f"as {count} label{'s' if count != 1 else ''}"
    )
