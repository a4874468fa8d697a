"""``uninstall``: every trace of graphml out of a database."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import progress, say
from graphml.errors import UsageError


def uninstall(
    store: options.StoreOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it: what was loaded and decided there is gone.")
    ] = False,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    dry_run: options.DryRunOption = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Remove every trace of graphml from a Neo4j database; what is not graphml's stays as it is.

    Members, products and what they share go where they hold their key alone and nothing ties them.
    """
    from graphml.store.connect import connect

    url, chosen = options.store_url(store), chosen_format(format_, out)
    if url.startswith("embedded://"):
        raise UsageError(
            f"{url} is graphml's own folder, with nothing else in it",
            hint="remove the folder; uninstall is for Neo4j",
        )
    if not yes and not dry_run:
        raise UsageError(
            f"this removes all that graphml has in {url}, decisions of analysts too",
            hint="--dry-run tells what, --yes does it",
        )
    from graphml.store.neo4j import Neo4jStore

    with progress(quiet=quiet), connect(url, read_only=dry_run) as target:
        assert isinstance(target, Neo4jStore)  # of the two kinds the other one
        found = asdict(target.traces())
        if not dry_run:
            target.uninstall()
    told = ", ".join(f"{number} {name}" for name, number in found.items() if number)
    say(f"{'would remove' if dry_run else 'removed'} {told or 'nothing'} from {url}", quiet=quiet)
    emit([found], columns={name: lambda r, n=name: r[n] for name in found}, format_=chosen, out=out)
