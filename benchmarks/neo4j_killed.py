"""A load of two million relationships that is killed at random, again and again, and goes on.

``python -m benchmarks.neo4j_killed [--json] [--quick] [--write] [--events N] [--kills N]``. A process loads
events into a Neo4j of its own (heap 1 GB, page cache 512 MB) and is killed (SIGKILL) at moments drawn
beforehand; each time the same command is given again. The process notes each transaction with its
rows before it sends it. What it had begun and the database then lacks is the work that the kill
lost. The graph at the end is compared with that of a load that nobody disturbed: all events, all
ties with first, last and number, all timelines, the nodes of each label.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from neo4j import GraphDatabase

from benchmarks.common import ROOT, Table, finish, parser, progress
from benchmarks.neo4j import marketplace_events, served
from graphml.schema import MARKETPLACE
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_pattern import read_pattern
from graphml.store.neo4j_session import Connection, Work
from graphml.store.neo4j_ties import BATCH, TIES
from graphml.tables.frames import Tables
from graphml.tables.graphpattern import parse_pattern
from tests.neo4j_server import empty

_SEED = 11
_MODULE = "benchmarks.neo4j_killed"
_LABELS = ("Event", *(node.label for node in MARKETPLACE.nodes.values()))


def load(url: str, events: Path, log: Path) -> None:
    """Load, noting each transaction before it is sent: kind, place, rows."""
    beside = Connection.write_side_by_side
    with log.open("a", buffering=1) as notes:

        def noted(side: Iterable[Work]) -> Iterator[Work]:
            for text, parameters in side:
                notes.write(_note(parameters) + "\n")
                yield text, parameters

        def write(self: Connection, sides: Iterable[Iterable[Work]]) -> None:
            beside(self, [noted(side) for side in sides])

        Connection.write_side_by_side = write  # type: ignore[method-assign]
        with Neo4jStore(url) as store:
            store.write_tables(Tables(events=pl.read_parquet(events)))


def _note(parameters: Any) -> str:
    if "keys" in parameters:
        return f"nodes\t\t0\t{len(parameters['keys'])}"
    rows = sum(len(own) for _, own in parameters["groups"])
    if "batch" in parameters:
        return f"ties\t{parameters['plan']} {parameters['side']}\t{parameters['batch']}\t{rows}"
    return f"nodes\t\t0\t{rows}"  # a record is a node


@dataclass(frozen=True)
class Note:
    """A transaction that was begun."""

    kind: str
    side: str
    batch: int
    rows: int


def notes_in(log: Path) -> list[Note]:
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    parts = (line.split("\t") for line in lines)
    return [Note(kind, side, int(batch), int(rows)) for kind, side, batch, rows in parts]


def nodes_by_label(store: Neo4jStore) -> dict[str, int]:
    read = store._connection.read
    return {label: read(f"MATCH (n:{label}) RETURN count(n) AS n")[0]["n"] for label in _LABELS}


def present(store: Neo4jStore) -> tuple[int, dict[str, int], int]:
    """Return how many nodes there are, the batches of ties by plan and side, and all relationships."""
    read = store._connection.read
    nodes = sum(nodes_by_label(store).values())
    ledger = read("MATCH (l:GraphmlLedger) RETURN l.plan + ' ' + l.side AS side, l.batches AS n")
    return (
        nodes,
        {row["side"]: row["n"] for row in ledger},
        read("MATCH ()-[r]->() RETURN count(r) AS n")[0]["n"],
    )


def digest(store: Neo4jStore) -> dict[str, int]:
    """Return sums of hashes of all that the database holds, but for load sequences."""
    found = {f"nodes {label}": count for label, count in nodes_by_label(store).items()}
    events = store.stored_rows("events").drop("sequence")
    found["events"] = int(events.hash_rows().sum())
    timeline = parse_pattern("(m:Member)-[:DID]->(e:Event)", "")
    rows = read_pattern(store._connection, timeline, ["m.member_id", "e.event_id"])
    found["timelines"] = int(rows.hash_rows().sum())
    for edge in TIES:
        node = MARKETPLACE.nodes[edge.type[2]]
        pattern = parse_pattern(f"(m:Member)-[r:{edge.tie}]->(n:{node.label})", "")
        columns = ["m.member_id", f"n.{node.key}", "r.first", "r.last", "r.events"]
        rows = read_pattern(store._connection, pattern, columns)
        found[f"{edge.tie} {node.label}"] = int(rows.hash_rows().sum()) + rows.height
    return found


def started(url: str, events: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", _MODULE, "--load", url, str(events), str(log)]
    return subprocess.Popen(command, cwd=ROOT)


def lost(begun: list[Note], before: int, nodes: int, ledger: dict[str, int]) -> int:
    """Return the rows that a process had begun and the database lacks."""
    sent = sum(note.rows for note in begun if note.kind == "nodes")
    ties = (
        note for note in begun if note.kind == "ties" and note.batch >= ledger.get(note.side, 0)
    )
    # A load that ended has no ledger any more; nothing of it is lost.
    return sent - (nodes - before) + (sum(note.rows for note in ties) if ledger else 0)


def measure(wanted: int, kills: int) -> dict[str, Any]:
    events = marketplace_events(wanted)
    rng = np.random.default_rng(_SEED)
    with served() as server, tempfile.TemporaryDirectory() as folder:
        auth = (server.username, server.password)
        file, log = Path(folder) / "events.parquet", Path(folder) / "log"
        events.write_parquet(file)
        start = time.perf_counter()
        if started(server.url, file, log).wait():
            raise RuntimeError("the undisturbed load failed")
        undisturbed_s = time.perf_counter() - start
        total = sum(note.rows for note in notes_in(log))
        with Neo4jStore(server.url, read_only=True) as store:
            expected = digest(store)
            whole = present(store)[2]
        progress(f"undisturbed: {whole:,} relationships, {total:,} rows in {undisturbed_s:.0f} s")
        with GraphDatabase.driver(
            server.url, auth=auth, notifications_min_severity="OFF"
        ) as driver:
            empty(driver)
        rows: list[dict[str, Any]] = []
        start = time.perf_counter()
        with Neo4jStore(server.url, read_only=True) as store:
            # Each share of the work is killed once, somewhere in it.
            targets = np.sort(rng.uniform(0.02, 0.95, kills)) * total
            done, before = 0, 0
            for number, target in enumerate(targets, start=1):
                log.unlink(missing_ok=True)
                began = time.perf_counter()
                process = started(server.url, file, log)
                first = None
                while process.poll() is None:
                    begun = notes_in(log)
                    first = first or (time.perf_counter() - began if begun else None)
                    if begun and done + sum(note.rows for note in begun) >= target:
                        break
                    time.sleep(0.01)
                time.sleep(float(rng.uniform(0, 0.15)))
                process.send_signal(signal.SIGKILL)
                process.wait()
                time.sleep(0.5)  # what was on its way is committed or rolled back
                begun = notes_in(log)
                nodes, ledger, there = present(store)
                gone = lost(begun, before, nodes, ledger)
                sent = sum(note.rows for note in begun)
                done, before = done + sent - gone, nodes
                rows.append(
                    {"kill": number, "relationships": there, "sent": sent, "lost": gone, "first_s": first}
                )  # fmt: skip
                progress(str(rows[-1]))
            if started(server.url, file, log).wait():
                raise RuntimeError("the last load failed")
            seconds = time.perf_counter() - start
            same = digest(store) == expected
            assert same, "the graph is not that of an undisturbed load"
    return {
        "events": events.height, "relationships": whole, "rows": total, "kills": kills, "log": rows,
        "undisturbed_s": round(undisturbed_s), "disturbed_s": round(seconds), "same_graph": same,
        "lost_max": max(row["lost"] for row in rows), "lost_sum": sum(row["lost"] for row in rows),
        "batch": BATCH,
    }  # fmt: skip


def _page(figures: dict[str, Any]) -> Table:
    f = figures
    return Table(
        title="A load that is killed, again and again",
        text=(
            f"{f['events']:,} events of the made-up marketplace (seed {_SEED}), {f['relationships']:,} relationships; Neo4j "
            f"Community 5.26 with 1 GB of heap and 512 MB of page cache. The loading process was killed {f['kills']} times and "
            "begun again each time by the same command. The graph at the end is that of an undisturbed load (all events, "
            f"timelines and ties compared). Two sessions write side by side, {f['batch']:,} rows a transaction: a kill can lose "
            f"what both had on their way, {2 * f['batch']:,} rows, which is one batch of the naive loop in "
            f"[neo4j.md](neo4j.md). Lost: rows sent that the database did not hold afterwards; at most {f['lost_max']:,}, "
            f"{f['lost_sum']:,} in all of {f['rows']:,}. Undisturbed {f['undisturbed_s']} s; with the kills, "
            f"{f['kills'] + 1} starts of the process and the reading of what is known already {f['disturbed_s']} s."
        ),
        columns=("kill", "relationships there", "rows sent since the kill before", "rows lost", "s to the first new transaction"),
        rows=[
            (str(r["kill"]), f"{r['relationships']:,}", f"{r['sent']:,}", f"{r['lost']:,}", f"{r['first_s'] or 0:.1f}")
            for r in f["log"]
        ],
    )  # fmt: skip


def main() -> int:
    side = argparse.ArgumentParser(add_help=False)
    side.add_argument("--load", nargs=3)
    one, _ = side.parse_known_args()
    if one.load:
        load(one.load[0], Path(one.load[1]), Path(one.load[2]))
        return 0
    known = parser("neo4j_killed", __doc__)
    known.add_argument("--events", type=int)
    known.add_argument("--kills", type=int)
    options = known.parse_args()
    events = options.events or (20_000 if options.quick else 1_130_000)
    figures = measure(events, options.kills or (3 if options.quick else 20))
    return finish("neo4j_killed", options, figures, _page(figures), seed=_SEED)


if __name__ == "__main__":
    sys.exit(main())
