"""Reading very many events and ties out of Neo4j: blocks beside a loop over records.

``python -m benchmarks.neo4j_read [--json] [--quick] [--write] [--events N]`` starts a server of its own
(heap 1 GB, page cache 512 MB), loads the events once, and reads them in processes of their own, so that
each has its own peak memory; naive and ours in turn. Both tables of events are compared by a digest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl
from neo4j import Driver, GraphDatabase

from benchmarks.common import Table, arguments, finish, progress
from benchmarks.neo4j import marketplace_events, naive_read, served
from benchmarks.processes import measured, peak_rss_mb
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_pattern import match_ids
from graphml.store.neo4j_ties import TIES
from graphml.tables.frames import Tables, frame_schema
from graphml.tables.graphpattern import parse_pattern

_END = datetime(9999, 1, 1, tzinfo=UTC)
_SEED = 11
_MODULE = "benchmarks.neo4j_read"
_WAYS = ("naive", "graphml", "naive_ties", "graphml_ties", "increment")
_NEWS = 0.01


def _types() -> list[tuple[str, str]]:
    """Return type and target's label of each kind of tie."""
    from graphml.schema import MARKETPLACE

    return [(edge.tie, MARKETPLACE.nodes[edge.type[2]].label) for edge in TIES]


def naive_ties(driver: Driver) -> int:
    count = 0
    with driver.session() as session:
        for tie, label in _types():
            rows = [
                record.values()
                for record in session.run(
                    f"MATCH (m:Member)-[:{tie}]->(t:{label}) RETURN id(m) AS m, id(t) AS t"
                )
            ]
            count += pl.DataFrame(rows, schema=["m", "t"], orient="row").height
    return count


def block_ties(store: Neo4jStore) -> int:
    patterns = [parse_pattern(f"(m:Member)-[:{tie}]->(t:{label})", "") for tie, label in _types()]
    with store._connection.holding_ids():
        return sum(match_ids(store._connection, pattern).height for pattern in patterns)


def digest(events: pl.DataFrame) -> int:
    columns = list(frame_schema("events"))
    return int(events.select(columns).hash_rows().sum())


def one_way(way: str, url: str, since: int) -> dict[str, Any]:
    """Read once in this process; return seconds, rows, what was read, and peak memory."""
    auth = (os.environ["NEO4J_USERNAME"], os.environ["NEO4J_PASSWORD"])
    with (
        GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF") as driver,
        Neo4jStore(url, read_only=True) as store,
    ):
        before = peak_rss_mb()
        start = time.perf_counter()
        if way.endswith("ties"):
            rows = naive_ties(driver) if way == "naive_ties" else block_ties(store)
            seconds, content = time.perf_counter() - start, rows
        else:
            events = {
                "naive": lambda: naive_read(driver),
                "graphml": lambda: store.read_tables(_END).events,
                "increment": lambda: store.rows_since(since).events,
            }[way]()
            seconds, rows, content = time.perf_counter() - start, events.height, 0
        peak = peak_rss_mb()
        if not way.endswith("ties"):
            content = digest(events)
    return {
        "seconds": seconds, "rows": rows, "content": content, "peak_rss_mb": peak, "before_mb": before
    }  # fmt: skip


def measure(wanted: int, rounds: int) -> dict[str, Any]:
    events = marketplace_events(wanted)
    with served() as server:
        first = round(events.height * (1 - _NEWS))
        start = time.perf_counter()
        with Neo4jStore(server.url) as store:
            store.write_tables(Tables(events=events.head(first)))
            since = store.summary().sequence
            store.write_tables(Tables(events=events.tail(events.height - first)))
        progress(f"loaded {events.height:,} events in {time.perf_counter() - start:.0f} s")
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in _WAYS}
        for number in range(rounds + 1):
            for way in _WAYS:
                # The first round lets the server compile; the long loop of its own needs no such.
                if number or way != "naive":
                    arguments = ["--way", way, "--url", server.url, "--since", str(since)]
                    done = measured(_MODULE, arguments).result
                    progress(f"{way}: {done}")
                    if number:
                        found[way].append(done)
    return _figures(events.height, found)


def _figures(events: int, found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    seconds = {
        way: statistics.median(one["seconds"] for one in all_) for way, all_ in found.items()
    }
    peak = {way: max(one["peak_rss_mb"] for one in all_) for way, all_ in found.items()}
    assert len({one["content"] for way in ("naive", "graphml") for one in found[way]}) == 1
    ties = {one["rows"] for way in ("naive_ties", "graphml_ties") for one in found[way]}
    assert len(ties) == 1, ties
    (tie_count,) = ties
    news = found["increment"][0]["rows"]
    return {
        "events": events,
        "ties": tie_count,
        "news": news,
        "rounds": len(found["naive"]),
        "naive_read_events_per_s": round(events / seconds["naive"]),
        "read_events_per_s": round(events / seconds["graphml"]),
        "read_ratio": round(seconds["naive"] / seconds["graphml"], 2),
        "naive_peak_rss_mb": peak["naive"],
        "peak_rss_mb": peak["graphml"],
        "naive_ties_per_s": round(tie_count / seconds["naive_ties"]),
        "ties_per_s": round(tie_count / seconds["graphml_ties"]),
        "tie_ratio": round(seconds["naive_ties"] / seconds["graphml_ties"], 2),
        "increment_s": round(seconds["increment"], 2),
        "whole_s": round(seconds["graphml"], 1),
        "neo4j_driver": version("neo4j"),
        "neo4j_rust_ext": _rust(),
    }


def _rust() -> str:
    try:
        return version("neo4j-rust-ext")
    except PackageNotFoundError:
        return "absent"


def _page(figures: dict[str, Any]) -> Table:
    f = figures
    return Table(
        title="Reading from Neo4j",
        text=(
            f"{f['events']:,} events of the made-up marketplace (seed {_SEED}), {f['ties']:,} ties; Neo4j Community 5.26 with "
            f"1 GB of heap and 512 MB of page cache, client on the same machine, each reading in a process of its own, median "
            f"of {f['rounds']} rounds in turn, memory the highest of them. Naive: a loop over records, into the same table. "
            "Bare ties are pairs of internal ids. Events are read whole, all their columns. The increment is the last "
            f"{f['news']:,} events by load sequence. Driver {f['neo4j_driver']}, neo4j-rust-ext {f['neo4j_rust_ext']}."
        ),
        columns=("", "naive loop", "graphml", "ratio"),
        rows=[
            ("events into a table, events/s", f"{f['naive_read_events_per_s']:,}", f"{f['read_events_per_s']:,}", f"{f['read_ratio']:.1f}"),
            ("peak memory of the client, MB", f"{f['naive_peak_rss_mb']:,}", f"{f['peak_rss_mb']:,}", f"{f['naive_peak_rss_mb'] / f['peak_rss_mb']:.1f}"),
            ("bare ties, ties/s", f"{f['naive_ties_per_s']:,}", f"{f['ties_per_s']:,}", f"{f['tie_ratio']:.1f}"),
            ("what came since, s (the whole: " + f"{f['whole_s']} s)", "", f"{f['increment_s']}", ""),
        ],
    )  # fmt: skip


def main() -> int:
    side = argparse.ArgumentParser(add_help=False)
    side.add_argument("--way", choices=_WAYS)
    side.add_argument("--url")
    side.add_argument("--since", type=int, default=0)
    one, _ = side.parse_known_args()
    if one.way:
        print(json.dumps(one_way(one.way, one.url, one.since)))
        return 0
    options = arguments("neo4j_read", __doc__, events=2_000_000, quick_events=20_000)
    figures = measure(options.events, rounds=1 if options.quick or options.events > 500_000 else 3)
    return finish("neo4j_read", options, figures, _page(figures), seed=_SEED)


if __name__ == "__main__":
    sys.exit(main())
