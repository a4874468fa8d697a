"""``simulate`` and ``load``: events in."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
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
    from graphml.pipeline.loading import Target

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
    offline: Annotated[
        Path | None,
        typer.Option(
            "--offline",
            metavar="OUT",
            help="Write files for neo4j-admin's import into an empty Neo4j instead.",
            show_default=False,
        ),
    ] = None,
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
            help="Folder for refused rows; else quarantine/ in the store, OUT.quarantine beside OUT, "
            "and none in a dry run.",
        ),
    ] = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Load event tables into the store; a second load of the same changes nothing.

    The first load of very many events into Neo4j goes faster through files: --offline.
    """
    from graphml.pipeline import load_source

    url = _url(store, offline)
    chosen = chosen_format(format_, out)
    folder = quarantine or (None if dry_run else _quarantine(url, offline))
    with progress(quiet=quiet), _target(url, offline, read_only=dry_run) as target:
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
    if offline is not None and not dry_run:
        for line in _next_steps(offline):
            say(line, quiet=quiet)
    record = {
        **({"store": url} if offline is None else {"offline": str(offline)}), "read": report.read, "loaded": report.loaded, "repeats": report.repeats,
        "quarantined": report.quarantined, "derived": report.derived,
        "new_events": report.new.events, "known": report.new.repeats,
        "conflicts": report.new.conflicts.height, "dry_run": dry_run,
    }  # fmt: skip
    emit([record], columns={k: lambda r, k=k: r[k] for k in record}, format_=chosen, out=out)


def _url(store: str | None, offline: Path | None) -> str | None:
    """Return the store's URL; ``None`` where no store is loaded."""
    if offline is None:
        return options.store_url(store)
    options.refuse_options(
        {"--store": store},
        "means nothing with --offline, which opens no store",
        hint="leave one of them out",
    )
    return None


def _quarantine(url: str | None, offline: Path | None) -> Path:
    from graphml.store.connect import state_folder

    if offline is not None:  # beside it: refused rows do not travel to the server
        return offline.with_name(f"{offline.name}.quarantine")
    assert url is not None
    return state_folder(url) / "quarantine"


@contextmanager
def _target(url: str | None, offline: Path | None, *, read_only: bool) -> Iterator[Target]:
    """Open what the rows go into."""
    if offline is not None:
        from graphml.store.neo4j_offline import ImportFiles

        yield ImportFiles(offline)
        return
    from graphml.store.connect import connect

    assert url is not None
    with connect(url, read_only=read_only) as store:
        yield store


def _next_steps(folder: Path) -> Iterator[str]:
    from graphml.store.neo4j_offline import COMMAND, INDEXES

    yield f"{folder} is whole. Next, on the server, with an empty database neo4j that is stopped:"
    yield f"  cd {shlex.quote(folder.name)} && {COMMAND}"
    yield f"then start it, cypher-shell --file {INDEXES}, and: graphml doctor --store neo4j+s://HOST"


def _warnings(report: LoadReport, url: str | None) -> Iterator[str]:
    from graphml.store.connect import state_folder

    into = "a new --store" if url else "another OUT"
    if report.quarantined > _MANY * report.read:
        yield (
            f"{report.quarantined / report.read:.0%} of the rows were refused; if the card is wrong, "
            f"mend it and load into {into}"
        )
    if url and (state_folder(url) / DEMO).is_file():
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
