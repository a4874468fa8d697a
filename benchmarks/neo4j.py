"""Neo4j: graphml's store beside a naive driver loop, same graph, same server, same run.

``python -m benchmarks.neo4j [--json] [--quick] [--write] [--events N]`` starts a server of its own
(heap 1 GB, page cache 512 MB). The naive loop is what a first program would do: UNWIND and MERGE in
batches of 10,000, one session, keys indexed; reading record by record.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from neo4j import Driver, GraphDatabase

from benchmarks.common import Table, arguments, finish, progress
from graphml.config import SimulateConfig
from graphml.results import Scores
from graphml.schema import MARKETPLACE
from graphml.store.archive import Archive
from graphml.store.cypher import statement
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_schema import prepare
from graphml.store.neo4j_ties import TIES
from graphml.tables.frames import Tables, frame_schema
from graphml.tables.synthetic import make_marketplace
from tests.neo4j_server import Machine, Server, empty, serve

_SCORED = datetime(2024, 6, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_BATCH = 10_000
_SEED = 11
_WARM = 4


@contextmanager
def served() -> Iterator[Server]:
    """Start a server, and say in the environment who logs in to it."""
    with serve() as server:
        os.environ["NEO4J_USERNAME"] = server.username
        os.environ["NEO4J_PASSWORD"] = server.password
        yield server


def naive_write(driver: Driver, events: pl.DataFrame) -> None:
    rows = events.with_row_index("sequence", offset=1).cast({"sequence": pl.Int64})
    with driver.session() as session:
        for batch in rows.iter_slices(_BATCH):
            records = batch.to_dicts()
            session.run(
                "UNWIND $rows AS row "
                "MERGE (m:Member {member_id: row.member_id}) "
                "MERGE (e:Event {event_id: row.event_id}) ON CREATE SET e += row "
                "MERGE (m)-[:DID]->(e)",
                rows=records,
            ).consume()
            for edge in TIES:
                _naive_ties(session, edge, records)


def _naive_ties(session: Any, edge: Any, records: list[dict[str, Any]]) -> None:
    node = MARKETPLACE.nodes[edge.type[2]]
    needed = ("member_id", node.key, "time", "sequence")
    made = [
        {name: row[name] for name in needed}
        for row in records
        if row[node.key] is not None and (edge.kinds is None or row["kind"] in edge.kinds)
    ]
    if made:
        session.run(
            "UNWIND $rows AS row "
            "MATCH (m:Member {member_id: row.member_id}) "
            f"MERGE (t:{node.label} {{{node.key}: row.{node.key}}}) "
            f"MERGE (m)-[r:{edge.tie}]->(t) "
            "ON CREATE SET r.first = row.time, r.last = row.time, r.events = 1, "
            "  r.sequence = row.sequence "
            "ON MATCH SET r.first = CASE WHEN row.time < r.first THEN row.time ELSE r.first END, "
            "  r.last = CASE WHEN row.time > r.last THEN row.time ELSE r.last END, "
            "  r.events = r.events + 1, r.sequence = row.sequence",
            rows=made,
        ).consume()


def naive_read(driver: Driver) -> pl.DataFrame:
    schema = {**frame_schema("events"), "sequence": pl.Int64()}
    time_at = list(schema).index("time")
    wanted = ", ".join(f"e.{name} AS {name}" for name in schema)
    rows = []
    with driver.session() as session:
        for record in session.run(f"MATCH (e:Event) RETURN {wanted}"):
            values = record.values()
            values[time_at] = values[time_at].to_native()
            rows.append(values)
    return pl.DataFrame(rows, schema=schema, orient="row")


def shape(driver: Driver) -> dict[str, Any]:
    """Return what the database holds, to see that both wrote the same graph."""
    nodes = driver.execute_query(
        "MATCH (n) WHERE NONE(l IN labels(n) WHERE l STARTS WITH 'Graphml') "
        "RETURN labels(n)[0] AS label, count(n) AS n, sum(size(keys(n))) AS properties ORDER BY label"
    ).records
    ties = driver.execute_query(
        "MATCH ()-[r]->() RETURN type(r) AS type, count(r) AS n, sum(r.events) AS events, "
        "min(r.first) AS first, max(r.last) AS last ORDER BY type"
    ).records
    return {"nodes": [r.values() for r in nodes], "ties": [r.values() for r in ties]}


def _clock(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = work()
    return time.perf_counter() - started, answer


def measure(events: pl.DataFrame, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {}

    def clock(name: str, work: Callable[[], Any]) -> Any:
        taken, answer = _clock(work)
        seconds.setdefault(name, []).append(taken)
        progress(f"{name}: {taken:.2f} s, {events.height / taken:,.0f} events/s")
        return answer

    with served() as server:
        auth = (server.username, server.password)
        with (
            GraphDatabase.driver(server.url, auth=auth, notifications_min_severity="OFF") as driver,
            Neo4jStore(server.url) as store,
        ):
            progress("warming up")
            _warm_up(driver, store, events.head(2 * _BATCH))
            for _ in range(rounds):
                expected = _round(driver, server.url, events, clock)
    best = {name: statistics.median(taken) for name, taken in seconds.items()}
    rates = {f"{name}_events_per_s": round(events.height / s) for name, s in best.items()}
    return {
        "events": events.height,
        "ties": sum(row[1] for row in expected["ties"] if row[0] != "DID"),
        "nodes": sum(row[1] for row in expected["nodes"]),
        "rounds": rounds,
        **rates,
        "write_ratio": round(best["naive_write"] / best["write"], 2),
        "read_ratio": round(best["naive_read"] / best["read"], 2),
        "reload_ratio": round(best["naive_reload"] / best["reload"], 2),
    }


def _round(
    driver: Driver, url: str, events: pl.DataFrame, clock: Callable[..., Any]
) -> dict[str, Any]:
    empty(driver)
    clock("naive_write", lambda: naive_write(driver, events))
    expected = shape(driver)
    naive_rows = clock("naive_read", lambda: naive_read(driver))
    # Its counts of ties go up once more: such a loop is no load that may be repeated.
    clock("naive_reload", lambda: naive_write(driver, events))
    empty(driver)
    with Neo4jStore(url) as store:
        clock("write", lambda: store.write_tables(Tables(events=events)))
        assert shape(driver) == expected, "the two graphs differ"
        rows = clock("read", lambda: store.read_tables(_END)).events
        clock("reload", lambda: store.write_tables(Tables(events=events)))
    columns = list(frame_schema("events"))
    both = [frame.select(columns).sort("event_id") for frame in (rows, naive_rows)]
    assert both[0].equals(both[1]), "the two tables differ"
    return expected


def measure_size(events: pl.DataFrame) -> dict[str, Any]:
    """Return how much disk a fresh database takes for ``events``, and its log of transactions."""
    with tempfile.TemporaryDirectory(prefix="graphml-neo4j-") as folder:
        machine = Machine(Path(folder))
        with Neo4jStore(machine.start().url) as store:
            store.write_tables(Tables(events=events))
        machine.stop()  # tidily: all is in its files then
        size = {
            part: sum(
                file.stat().st_blocks * 512
                for file in (Path(folder) / "neo4j" / "data" / part / "neo4j").rglob("*")
                if file.is_file()
            )
            for part in ("databases", "transactions")
        }
    return {
        "store_bytes_per_event": round(size["databases"] / events.height),
        "log_bytes_per_event": round(size["transactions"] / events.height),
    }


def measure_scores(members: int, rounds: int) -> dict[str, Any]:
    """Return how fast scores are published, beside the bare loop that sets one property.

    Both set it for all members, round by round in turn; ours with ledger, archive and publication.
    """
    ids = [f"m-{n:07}" for n in range(members)]
    rng = np.random.default_rng(_SEED)
    seconds: dict[str, list[float]] = {"bare": [], "publish": []}
    with served() as server, tempfile.TemporaryDirectory() as folder:
        auth = (server.username, server.password)
        with (
            GraphDatabase.driver(server.url, auth=auth, notifications_min_severity="OFF") as driver,
            Neo4jStore(server.url, archive=Archive(Path(folder))) as store,
        ):
            store.publish("fraud", [_scores([], [])], model=None, as_of=_SCORED)  # constraints
            with driver.session() as session:
                for start in range(0, members, _BATCH):
                    some = ids[start : start + _BATCH]
                    session.run("UNWIND $ids AS id CREATE (:Member {member_id: id})", ids=some)
            for number in range(rounds + 1):  # the first warms up, and makes the properties
                scores = _scores(ids, rng.random(members).tolist())
                publish = partial(store.publish, "fraud", [scores], model=None, as_of=_SCORED)
                taken = {
                    "bare": _clock(partial(_bare_scores, driver, scores))[0],
                    "publish": _clock(publish)[0],
                }
                progress(", ".join(f"{k} {v:.1f} s" for k, v in taken.items()))
                for name, value in taken.items() if number else ():
                    seconds[name].append(value)
            seen = driver.execute_query(statement("neo4j/read_scores") + " LIMIT 1").records[0]
            assert seen["score"] == max(scores.values), "what is in view is not what was written"
    best = {name: statistics.median(taken) for name, taken in seconds.items()}
    return {
        "members": members,
        "bare_scores_per_s": round(members / best["bare"]),
        "publish_scores_per_s": round(members / best["publish"]),
        "score_ratio": round(best["bare"] / best["publish"], 3),
    }


def _bare_scores(driver: Driver, scores: Scores) -> None:
    rows = [list(row) for row in zip(scores.ids, scores.values, strict=True)]
    with driver.session() as session:
        for start in range(0, len(rows), _BATCH):
            session.run(
                "UNWIND $rows AS row MATCH (m:Member {member_id: row[0]}) SET m.score = row[1]",
                rows=rows[start : start + _BATCH],
            ).consume()


def _scores(ids: list[str], values: list[float]) -> Scores:
    return Scores(
        unit="member", ids=tuple(ids), values=tuple(values), score_kind="rank", as_of=_SCORED, model=None
    )  # fmt: skip


def _warm_up(driver: Driver, store: Neo4jStore, events: pl.DataFrame) -> None:
    """Let the server compile what both sides ask of it, with the keys' indexes there."""
    prepare(store._connection)
    naive_write(driver, events)
    for _ in range(_WARM):
        naive_read(driver)
    empty(driver)
    store.write_tables(Tables(events=events))
    for _ in range(_WARM):
        store.read_tables(_END)


def main() -> int:
    options = arguments("neo4j", __doc__, events=200_000, quick_events=20_000)
    events = marketplace_events(options.events)
    figures = measure(events, rounds=1 if options.quick else 3)
    table = Table(
        title="Neo4j beside a naive driver loop",
        text=(
            f"{figures['events']:,} events of the made-up marketplace (seed {_SEED}), "
            f"{figures['nodes']:,} nodes and {figures['ties']:,} ties, Neo4j Community 5.26 with 1 GB of "
            f"heap and client on one machine, median of {figures['rounds']} rounds. Both write the "
            "same nodes, records, timelines and ties (compared after each round), and read the same "
            "table. Naive: UNWIND and MERGE in batches of 10,000, one session, indexed keys; reading "
            "record by record. Both warmed up before. Written again, the naive loop counts each tie once more; ours "
            "changes nothing."
        ),
        columns=("", "naive loop", "graphml", "ratio"),
        rows=[
            _row("write, events/s", figures, "write"),
            _row("read into tables, events/s", figures, "read"),
            _row("write what is known already, events/s", figures, "reload"),
        ],
    )
    sized = measure_size(events)
    size = Table(
        title="Disk",
        text=(
            f"A fresh database after one load of these events, stopped tidily: {figures['nodes']:,} nodes, "
            f"{figures['ties'] + figures['events']:,} relationships, all properties and indexes."
        ),
        columns=("", "bytes an event"),
        rows=[
            ("database", f"{sized['store_bytes_per_event']:,}"),
            ("log of transactions, until it is pruned", f"{sized['log_bytes_per_event']:,}"),
        ],
    )
    scored = measure_scores(20_000 if options.quick else 1_000_000, 1 if options.quick else 3)
    scores = Table(
        title="Scores written back",
        text=(
            f"{scored['members']:,} members, median of 3 rounds in turn. Bare: UNWIND and SET of one property in batches of "
            "10,000. Ours sets one property a member too, counts each batch in its transaction, keeps what was scored as "
            "Parquet and puts the run in view."
        ),
        columns=("", "bare loop", "graphml", "ratio"),
        rows=[
            ("scores/s", f"{scored['bare_scores_per_s']:,}", f"{scored['publish_scores_per_s']:,}", f"{scored['score_ratio']:.2f}"),
        ],
    )  # fmt: skip
    return finish(
        "neo4j", options, figures | sized | scored, table, seed=_SEED, further=[size, scores]
    )


def _row(name: str, figures: dict[str, Any], what: str) -> tuple[str, str, str, str]:
    naive, ours = figures[f"naive_{what}_events_per_s"], figures[f"{what}_events_per_s"]
    return name, f"{naive:,}", f"{ours:,}", f"{figures[f'{what}_ratio']:.2f}"


def marketplace_events(wanted: int) -> pl.DataFrame:
    config = SimulateConfig(members=max(wanted // 30, 200), events=wanted, seed=_SEED)
    return make_marketplace(config).tables.events.head(wanted)


if __name__ == "__main__":
    sys.exit(main())
