"""``simulate`` and ``load``: events in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import count, progress, say
from graphml.errors import UsageError

if TYPE_CHECKING:
    from graphml.pipeline import LoadReport

_REASONS = 5
_MANY = 0.2
DEMO = "manifests/demo.json"
"""Beside a store that holds the demo's marketplace."""


def simulate(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the tables; truth goes to OUT.truth.")
    ],
    members: Annotated[int | None, typer.Option("--members", help="How many members.")] = None,
    events: Annotated[int | None, typer.Option("--events", help="About how many events.")] = None,
    difficulty: Annotated[
        str | None,
        typer.Option("--difficulty", help="easy | default | hard: the rings' camouflage."),
    ] = None,
    seed: options.SeedOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Make up a marketplace with planted rings, households and tastes."""
    from dataclasses import asdict

    from graphml.config import SimulateConfig
    from graphml.configfile import section

    given = {"members": members, "events": events, "difficulty": difficulty, "seed": seed}
    chosen = {key: value for key, value in given.items() if value is not None}
    config: SimulateConfig = section(
        SimulateConfig, {**asdict(options.settings().simulate), **chosen}, "simulate"
    )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not an empty folder", hint="another OUT")
    if dry_run:
        say(f"would write {config.members} members ({config.difficulty}) to {out}")
        return
    with progress(quiet=quiet):
        from graphml.tables.synthetic import make_marketplace

        market = make_marketplace(config)
        market.write(out)
    say(
        f"{market.tables.events.height} events of {config.members} members in {out}, "
        f"the truth about {count(market.truth_rings['ring_id'].n_unique(), 'ring')} in {out}.truth",
        quiet=quiet,
    )


def load(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A folder of tables, or a card (TOML).")
    ],
    store: options.StoreOption = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the card's files, if not beside it.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse the whole source over one bad row.")
    ] = False,
    allow_future: Annotated[
        bool, typer.Option("--allow-future", help="Take events beyond tomorrow.")
    ] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            "--quarantine",
            help="Folder for refused rows; else quarantine/ in the store, and none in a dry run.",
        ),
    ] = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Load event tables into the store; a second load of the same changes nothing."""
    from graphml.pipeline import load_source
    from graphml.store.connect import connect, state_folder

    url = options.store_url(store)
    chosen = chosen_format(format_, out)
    folder = quarantine or (None if dry_run else state_folder(url) / "quarantine")
    with progress(quiet=quiet), connect(url, read_only=dry_run) as target:
        report = load_source(
            source,
            target,
            now=datetime.now(UTC),
            data=data,
            strict=strict,
            allow_future=allow_future,
            dry_run=dry_run,
            quarantine=folder,
        )
    for line in (*report.notes, *report.reasons[:_REASONS]):
        say(line, quiet=quiet)
    if len(report.reasons) > _REASONS:
        say(f"and {count(len(report.reasons) - _REASONS, 'reason')} more", quiet=quiet)
    say(_sum(report, dry_run=dry_run), quiet=quiet)
    for line in _warnings(report, url):
        say(f"warning: {line}")
    record = {
        "store": url, "read": report.read, "loaded": report.loaded, "repeats": report.repeats,
        "quarantined": report.quarantined, "derived": report.derived,
        "new_events": report.new.events, "known": report.new.repeats,
        "conflicts": report.new.conflicts.height, "dry_run": dry_run,
    }  # fmt: skip
    emit([record], columns={k: lambda r, k=k: r[k] for k in record}, format_=chosen, out=out)


def _warnings(report: LoadReport, url: str) -> Iterator[str]:
    from graphml.store.connect import state_folder

    if report.quarantined > _MANY * report.read:
        yield (
            f"{report.quarantined / report.read:.0%} of the rows were refused; if the card is wrong, "
            "mend it and load into a new --store"
        )
    if (state_folder(url) / DEMO).is_file():
        yield f"{url} holds the demo's made-up members too; --store embedded://mine keeps yours apart"


def _sum(report: LoadReport, *, dry_run: bool) -> str:
    text = (
        f"{count(report.read, 'row')} in = {report.loaded} loaded + {count(report.repeats, 'repeat')} "
        f"+ {report.quarantined} quarantined"
    )
    if report.derived:
        text += f"; {count(report.derived, 'sign-up')} made from members' signup_time"
    text += f"; {report.new.rows} new, {report.new.repeats} already known"
    if conflicts := report.new.conflicts.height:
        text += f", {conflicts} in the store with other content"
    if report.quarantine:
        text += f"; refused rows and why: {report.quarantine}"
    return f"{text} (dry run, nothing written)" if dry_run else text
