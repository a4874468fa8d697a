"""``demo``: from nothing to rings, on a made-up marketplace and on shipped data."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from graphml.cli import options
from graphml.cli.data import DEMO
from graphml.cli.models import models_of
from graphml.cli.output import emit, write_whole
from graphml.cli.progress import progress, say
from graphml.cli.recommend import COLUMNS
from graphml.cli.rings import ring_columns
from graphml.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphml.config import SimulateConfig
    from graphml.results import Ring
    from graphml.store.base import GraphStore

_SHOWN = 8
_LISTED = 5
_SHIPPED = "customer-fraud-demo"
_SHIPPED_AS_OF = datetime(2017, 7, 2, tzinfo=UTC)
_COLUMNS = ("ring", "members", "score", "kind", "shared", "evidence")


def demo(
    store: options.StoreOption = None,
    seed: options.SeedOption = None,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Find rings and recommend products in a made-up marketplace; rings in real-looking tables."""
    from graphml.config import RingConfig
    from graphml.pipeline import detect
    from graphml.store.connect import connect, state_folder

    url = options.store_url(store)
    config = options.settings().simulate
    config = config if seed is None else replace(config, seed=seed)
    with progress(quiet=quiet):
        with connect(url) as target:
            say(
                f"a made-up marketplace of {config.members} members, seed {config.seed}, into {url}",
                quiet=quiet,
            )
            _fill(target, config)
            made_by = json.dumps(asdict(config)).encode()
            write_whole(state_folder(url) / DEMO, made_by)
            last = target.summary().last
            assert last is not None
            made_up = detect(target, RingConfig(), as_of=last, write=True).rings
            lists = _recommended(target, models_of(url, None) / "recommend", last)
        _show(
            made_up,
            quiet=quiet,
            heading=f"{len(made_up)} rings in the made-up marketplace, the first {_SHOWN}:",
        )
        whom = lists[0]["member_id"] if lists else "MEMBER"
        typer.echo(f"what member {whom} may buy next, the first {len(lists)}:")
        columns = {name: COLUMNS[name] for name in ("rank", "product_id", "reasons")}
        emit(lists, columns=columns, format_="table", out=None)
        typer.echo("")
        with tempfile.TemporaryDirectory() as folder:
            shipped = _shipped(Path(folder))
        _show(
            shipped,
            quiet=quiet,
            heading=f"{len(shipped)} rings in {_SHIPPED}, as of {_SHIPPED_AS_OF:%Y-%m-%d}, "
            "in a temporary store that is gone now:",
        )
    _next(made_up, whom, url)


def _fill(target: GraphStore, config: SimulateConfig) -> None:
    from graphml.tables.synthetic import make_marketplace

    market = make_marketplace(config)
    held = target.summary()
    if held.last is not None:
        events = target.read_tables(held.last).events["event_id"]
        strangers = events.len() - events.is_in(market.tables.events["event_id"].implode()).sum()
        if strangers:
            raise StoreError(
                f"{target.url} holds {strangers} events that are not the demo's",
                hint="graphml demo --store embedded://demo-store",
            )
    target.write_tables(market.tables)


def _recommended(store: GraphStore, folder: Path, as_of: datetime) -> list[dict[str, Any]]:
    """Return the list of a member who buys much, by a recommender taught quickly and kept."""
    import polars as pl

    from graphml.config import RecommendConfig
    from graphml.errors import NothingToDoError
    from graphml.pipeline.recommending import recommend_stored, train_recommender
    from graphml.recommend.rules import Rules

    bought = store.read_tables(as_of).events.filter(pl.col("kind") == "purchase")
    counts = bought["member_id"].value_counts().sort("count", "member_id", descending=[True, False])
    try:
        train_recommender(
            store, RecommendConfig(moments=2, asked=1_000), as_of=as_of, folder=folder
        )
    except NothingToDoError:  # a marketplace of a few days
        return []
    members = counts["member_id"].head(1).to_list()
    return recommend_stored(store, folder, members, as_of=as_of, rules=Rules(), top=_LISTED)


def _shipped(folder: Path) -> Sequence[Ring]:
    from graphml.config import RingConfig
    from graphml.pipeline import detect, load_source
    from graphml.store.connect import connect
    from graphml.store.cypher import data_folder

    with connect(f"embedded://{folder}/store") as target:
        load_source(
            data_folder("datasets") / f"{_SHIPPED}.toml",
            target,
            now=datetime.now(UTC),
            quarantine=folder / "quarantine",
        )
        return detect(target, RingConfig(), as_of=_SHIPPED_AS_OF).rings


def _show(rings: Sequence[Ring], *, heading: str, quiet: bool) -> None:
    typer.echo(heading)
    columns = {name: value for name, value in ring_columns().items() if name in _COLUMNS}
    emit([r.to_json() for r in rings[:_SHOWN]], columns=columns, format_="table", out=None)
    typer.echo("")


def _next(rings: Sequence[Ring], member: str, url: str) -> None:
    from graphml.config import DEFAULT_STORE

    store = "" if url == DEFAULT_STORE else f" --store {url}"
    ring = rings[0].ring_id if rings else "RING"
    called = sys.argv[0] if shutil.which("graphml") != sys.argv[0] else "graphml"
    typer.echo("next:")
    typer.echo(f"  {called} explore{store}   # the same in a browser")
    typer.echo(f"  {called} explain ring {ring}{store}")
    typer.echo(f"  {called} detect-rings --top 5 --format json{store}")
    typer.echo(f"  {called} recommend {member} --no-bought{store}")
    typer.echo(
        f"  {called} load YOUR_FOLDER --store embedded://yours   # docs/how-to/bring-your-events.md"
    )
