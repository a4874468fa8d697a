"""``label``: an analyst's decision, kept and used."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli import options
from graphml.cli.explain import stored_notes
from graphml.cli.progress import count, progress, say
from graphml.cli.ringmodel import ModelOption, ring_model
from graphml.errors import UsageError, one_line

if TYPE_CHECKING:
    from graphml.pipeline.casework import Labelled

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
    code: Annotated[
        str | None,
        typer.Option(
            "--code",
            metavar="CODE",
            help="Why, in one word, as fraud_confirmed or family.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    store: options.StoreOption = None,
    as_of: options.AsOfOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Confirm or dismiss a member, an order or a ring: its case ends with that.

    With four_eyes under [cases] in graphml.toml, confirming is a proposal, and another person's
    confirming approves it.
    """
    from graphml.cases.book import CaseBook
    from graphml.pipeline import casework
    from graphml.store.connect import connect

    if unit not in _UNITS:
        raise UsageError(f"no unit {unit!r}", hint="member, order or ring")
    if verdict not in _VERDICTS:
        raise UsageError(f"no verdict {verdict!r}", hint="confirm or dismiss")
    url = options.store_url(store)
    with progress(quiet=quiet), connect(url, read_only=dry_run) as target:
        moment = options.as_of_or_last(target, as_of)
        detector = ring_model(url, model, moment, quiet=quiet) if unit == "ring" else None
        labelled = casework.label(
            target,
            CaseBook.beside(url),
            unit,  # type: ignore[arg-type]
            id_,
            verdict,  # type: ignore[arg-type]
            config=options.ring_config(),
            reason=reason,
            code=code,
            by=by or getpass.getuser(),
            time=datetime.now(UTC),
            four_eyes=bool(options.settings().cases.four_eyes),
            as_of=moment,
            detector=detector,
            dry_run=dry_run,
        )
        last = target.summary().last
    for line in _told(labelled, dry_run=dry_run):
        say(line, quiet=quiet)
    decided = labelled.decided
    if last is not None and last < decided.decision.time and not labelled.proposed:
        say(
            f"its labels count from {decided.decision.time:%Y-%m-%dT%H:%M:%SZ}; "
            f"a detection as of the last event ({last:%Y-%m-%d}) does not see them yet",
            quiet=quiet or not decided.labels.labels.height,
        )


def _told(labelled: Labelled, *, dry_run: bool) -> Iterator[str]:
    decided = labelled.decided
    if decided.found:
        yield from stored_notes(decided.found)
    decision, labels = decided.decision, decided.labels.labels.height
    done, would = ("proposed", "propose") if labelled.proposed else ("kept", "keep")
    text = (
        f"{f'would {would}' if dry_run else done}: {decision.unit} {one_line(decision.id, 60)} "
        f"{decision.verdict}ed by {one_line(decision.by, 60)}, as {count(labels, 'label')}"
    )
    if decided.found:
        members = len(decided.found.ring.members)
        text += f" for {labels} of its {count(members, 'member')}"
        if members > labels:
            text += f"; victims, {members - labels} of them, are not accused and get none"
    yield text
    if labelled.proposed:
        yield "it counts once another person approves: the same command with another --by"
