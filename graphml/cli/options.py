"""Options that several commands share, and what they turn into."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli.allowing import require_known_types
from graphml.config import RingConfig, Settings
from graphml.configfile import load_settings
from graphml.errors import NothingToDoError, UsageError
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.store.base import GraphStore

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="embedded://PATH, bolt://HOST or neo4j+s://HOST; "
        "else GRAPHML_STORE, graphml.toml, embedded://.graphml.",
        show_default=False,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="The last moment known, as 2024-06-02T00:00:00Z; else the last event.",
        show_default=False,
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Random seed.", show_default=False)]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="table | json | jsonl | csv | parquet; else a table on a terminal, JSON Lines in a pipe.",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Write to FILE instead; its ending picks the format, unless --format does.",
        show_default=False,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and stop.")]
_TOLERANCE = timedelta(days=1)
"""As much later than now an event may be, too: clocks differ."""

DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def settings() -> Settings:
    """Return graphml.toml with the environment over it."""
    return load_settings()


def ring_config() -> RingConfig:
    """Return what counts as a ring by graphml.toml.

    Raises:
        ConfigError: It allows a type that ties nobody.
    """
    config = settings().rings
    require_known_types(sorted({kind for kind, _ in config.allow}), "graphml.toml: rings.allow")
    return config


def store_url(option: str | None) -> str:
    """Return the store's URL: flag before environment before file."""
    return option or settings().store


def moment(name: str, text: str | None) -> datetime | None:
    """Return ``text`` as a moment in UTC.

    Raises:
        UsageError: It is no ISO 8601 time, or has no zone.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{name} {text!r} is not a time", hint=f"{name} 2024-06-02T00:00:00Z"
        ) from error
    if time.tzinfo is None:
        raise UsageError(
            f"{name} {text!r} has no time zone",
            hint=f"{name} {time.isoformat()}Z if it is in UTC, or with an offset, as +09:00",
        )
    return time.astimezone(UTC)


def as_of_or_last(store: GraphStore, option: str | None) -> datetime:
    """Return ``--as-of``, else the time of the store's last event.

    Raises:
        NothingToDoError: The store holds no event.
        UsageError: ``--as-of`` is later than tomorrow and the last event: nobody knows that yet.
    """
    given = moment("--as-of", option)
    last = store.summary().last
    if last is None:
        raise NothingToDoError(
            f"no events in {store.url}", hint="graphml load SOURCE, or graphml demo"
        )
    now = datetime.now(UTC)
    if given is not None and given > max(now + _TOLERANCE, last):
        raise UsageError(
            f"--as-of {time_text(given)} has not come yet", hint=f"--as-of {now:%Y-%m-%dT%H:%M:%SZ}"
        )
    return given or last


def refuse_options(given: Mapping[str, object], why: str, *, hint: str) -> None:
    """Refuse options that have no meaning beside the others.

    Args:
        given: By option what was given; ``None`` for what was not.
        why: What is said after the option's name.
        hint: What to do instead.

    Raises:
        UsageError: One is given.
    """
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"{option} {why}", hint=hint)
