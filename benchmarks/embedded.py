"""The embedded store: writing, writing again, reading, a neighbourhood, at three sizes."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl

from benchmarks.common import Table, arguments, finish, progress
from graphml.store.embedded import EmbeddedStore
from graphml.tables.frames import TIME, Tables

SEED = 1
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def made_up(events: int) -> Tables:
    """Return events with every identifier, thirty a member, ids drawn evenly."""
    draw = np.random.default_rng(SEED)

    def keys(prefix: str, different: int) -> pl.Expr:
        return pl.lit(prefix) + pl.Series(draw.integers(0, different, events)).cast(pl.String)

    times = np.sort(draw.integers(1_700_000_000_000_000, 1_720_000_000_000_000, events))
    frame = pl.select(
        event_id=pl.lit("e-") + pl.int_range(events).cast(pl.String),
        time=pl.Series(times).cast(TIME),
        kind=pl.Series(draw.choice(["view", "cart", "purchase"], events)),
        member_id=keys("m-", events // 30 + 1),
        product_id=keys("p-", 20_000),
        device_id=keys("d-", events // 20 + 1),
        address_id=keys("a-", events // 20 + 1),
        ip=keys("i-", events // 20 + 1),
        amount=pl.Series(draw.random(events)),
        currency=pl.lit("EUR"),
        order_id=keys("o-", events),
    )
    return Tables(events=frame)


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure(events: int) -> dict[str, float]:
    """Return the figures of one size."""
    tables = made_up(events)
    later = tables.events.head(1_000).with_columns(event_id=pl.lit("later-") + pl.col("event_id"))
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(f"{folder}/store")
        figures = {
            "write_s": seconds(lambda: store.write_tables(tables)),
            "write_again_s": seconds(lambda: store.write_tables(tables)),
            "write_1000_more_s": seconds(lambda: store.write_tables(Tables(events=later))),
            "read_s": seconds(lambda: store.read_tables(LATER)),
            "neighborhood_s": seconds(lambda: store.neighborhood("member", "m-5", as_of=LATER)),
        }
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def main() -> int:
    options = arguments("embedded", __doc__, events=10_000_000, quick_events=1_000_000)
    found = {}
    for size in (options.events // 100, options.events // 10, options.events):
        progress(f"{size:,} events")
        found[size] = measure(size)
    table = Table(
        title="The embedded store",
        text=(
            "Made-up events with eleven columns, thirty a member. Memory is the process's peak so far, "
            "with the events to write in it; neighbourhood: two hops from one member."
        ),
        columns=("events", *next(iter(found.values()))),
        rows=[
            (
                f"{size:,}",
                *(f"{v:,.0f}" if name.endswith("mb") else f"{v:.2f}" for name, v in f.items()),
            )
            for size, f in found.items()
        ],
    )
    largest = found[options.events]
    figures = {
        "events": options.events,
        "events_per_s": options.events / largest["write_s"],
        **largest,
        "sizes": found,
    }
    return finish("embedded", options, figures, table, seed=SEED)


if __name__ == "__main__":
    sys.exit(main())
