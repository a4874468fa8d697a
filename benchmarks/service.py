"""How fast ``graphml serve`` scores and takes events in, and whether its memory stays flat.

``python -m benchmarks.service [--json] [--quick] [--write]``. A made-up marketplace of 20,000 members
with published rings and a trained fraud detector (candidate rings, trees on aggregates, a network
where it helps); the service in a process of its own, asked with an API key, from another process on
the same two cores. Latency counts from when a request was due.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.common import ROOT, Table, finish, parser, progress

PORT = 8791
RATE = 200
_CONNECTIONS = 16
_IDENTIFIERS = ("device_id", "address_id", "ip", "card")


@dataclass(frozen=True)
class Service:
    """A service that runs."""

    process: subprocess.Popen[bytes]
    key: str

    def memory_mb(self) -> float:
        """Return its resident memory in MB (10⁶ bytes)."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{PORT}{path}", headers={"Authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)


def graphml(*arguments: object, cwd: Path) -> str:
    command = [sys.executable, "-m", "graphml", *map(str, arguments), "--quiet"]
    done = subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, env=_environment())
    return done.stdout.decode().strip()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """Serve the store in ``folder`` until the block ends; it begins when scores are worked out."""
    key = graphml("keys", "add", "benchmark", "--role", "admin", cwd=folder)
    (folder / "graphml.toml").write_text(
        "[service]\nrate_per_s = 100000.0\nburst = 100000\nrefresh_s = 100000.0\n"
    )
    command = [sys.executable, "-m", "graphml", "serve", "--port", str(PORT), "--quiet"]
    process = subprocess.Popen(command, cwd=folder, env=_environment())
    service = Service(process, key)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                service.get("/ready")
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield service
    finally:
        process.terminate()
        process.wait(timeout=30)


def start_load(
    service: Service, bodies: Sequence[tuple[str, Any]], *, rate: float, seconds: float
) -> subprocess.Popen[bytes]:
    plan = {
        "host": "127.0.0.1", "port": PORT, "key": service.key, "rate": rate, "seconds": seconds,
        "connections": _CONNECTIONS, "bodies": bodies,
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.load_generator"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan).encode())
    process.stdin.close()
    process.stdin = None
    return process


def end_load(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = process.communicate()
    found = json.loads(out)
    statuses = found["statuses"]
    p50, p99 = np.percentile(found["latencies"], [50, 99])
    return {
        "requests": len(found["latencies"]),
        "requests_per_s": len(found["latencies"]) / found["wall_s"],
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "max_ms": max(found["latencies"]),
        "errors": sum(count for status, count in statuses.items() if status != "200"),
        "statuses": statuses,
    }


def load(
    service: Service, bodies: Sequence[tuple[str, Any]], *, rate: float, seconds: float
) -> dict[str, Any]:
    return end_load(start_load(service, bodies, rate=rate, seconds=seconds))


def prepare(folder: Path, members: int) -> Any:
    """Make the marketplace with rings and a detector, and return its events."""
    from graphml.config import SimulateConfig
    from graphml.store.connect import connect
    from graphml.tables.synthetic import make_marketplace

    progress(f"a marketplace of {members:,} members")
    market = make_marketplace(SimulateConfig(members=members, seed=21))
    with connect(f"embedded://{folder}/.graphml") as store:
        store.write_tables(market.tables)
    graphml("detect-rings", "--write", "--format", "json", cwd=folder)
    progress("its fraud detector")
    graphml("train", "fraud", cwd=folder)
    return market.tables.events


def asked_of(events: Any, *, seed: int) -> tuple[list[Any], list[Any]]:
    """Return bodies of known members, and of events of unseen members with known identifiers."""
    draw = random.Random(seed)
    members = events["member_id"].unique().sort().to_list()
    known = [
        ("/score", {"member_id": one}) for one in draw.sample(members, min(5_000, len(members)))
    ]
    rows = events.sample(2_000, seed=seed).select("time", *_IDENTIFIERS).to_dicts()
    last = events["time"].max().isoformat()
    unseen = []
    for number, row in enumerate(rows):
        given = {name: row[name] for name in _IDENTIFIERS if row[name] is not None}
        event = {"kind": "login", "member_id": f"unseen-{number}", "time": last, **given}
        unseen.append(("/score", {"event": event}))
    return known, unseen


def fresh(events: Any, batch: int, count: int, *, seed: int) -> list[Any]:
    """Return bodies of new events of known members, ``batch`` in each."""
    rows = events.sample(batch * count, seed=seed, with_replacement=True).to_dicts()
    last = events["time"].max()
    bodies = []
    for turn in range(count):
        some = []
        for number, row in enumerate(rows[turn * batch : (turn + 1) * batch]):
            kept = {name: value for name, value in row.items() if value is not None and name != "sequence"}  # fmt: skip
            some.append(
                {**kept, "event_id": f"new-{seed}-{turn}-{number}", "time": last.isoformat()}
            )
        bodies.append(("/events", {"events": some}))
    return bodies


def measure(folder: Path, *, members: int, seconds: float, many: int) -> dict[str, Any]:
    events = prepare(folder, members)
    known, unseen = asked_of(events, seed=1)
    with running(folder) as service:
        models = service.get("/session")["models"]
        load(service, known, rate=50, seconds=3)
        progress(f"{RATE} known members a second for {seconds:.0f} s")
        of_known = load(service, known, rate=RATE, seconds=seconds)
        progress("unseen members, 10 a second")
        load(service, unseen[:20], rate=5, seconds=3)
        of_unseen = load(service, unseen, rate=10, seconds=seconds / 2)
        progress("both together")
        mixed = [*known[:95], *unseen[:5]] * 20
        random.Random(2).shuffle(mixed)
        of_both = load(service, mixed, rate=RATE, seconds=seconds / 2)
        progress(f"{many:,} requests as fast as they go")
        before = service.memory_mb()
        memory = [before]
        fast = []
        for _ in range(4):
            fast.append(load(service, known, rate=many / 4 / 1e-3, seconds=1e-3))
            memory.append(service.memory_mb())
        progress("events, 100 a request, while members are scored")
        scoring = start_load(service, known, rate=50, seconds=seconds / 2)
        bodies = fresh(events, 100, int(12 * seconds / 2), seed=3)
        taken = load(service, bodies, rate=12, seconds=seconds / 2)
        scored = end_load(scoring)
        accepted = int(
            sum(
                float(line.split()[1])
                for line in _metrics(service).splitlines()
                if line.startswith('graphml_events_total{became="accepted"}')
            )
        )
        after = load(service, known, rate=50, seconds=seconds / 4)
    return {
        "members": members, "events": events.height, "model": models["fraud"],
        **{name: of_known[name] for name in ("requests_per_s", "p50_ms", "p99_ms", "max_ms", "errors")},
        "unseen": of_unseen, "mixed": of_both,
        "events_per_s": taken["requests_per_s"] * 100, "events_accepted": accepted, "taking": taken,
        "scoring_meanwhile": scored, "scoring_after": after,
        "fastest_per_s": sum(one["requests"] for one in fast) / sum(one["requests"] / one["requests_per_s"] for one in fast),
        "fast_errors": sum(one["errors"] for one in fast), "memory_mb": [round(mb) for mb in memory],
    }  # fmt: skip


def _metrics(service: Service) -> str:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/metrics", headers={"Authorization": f"Bearer {service.key}"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return str(answer.read().decode())


def main() -> int:
    options = parser("service", __doc__).parse_args()
    size = (
        {"members": 1_500, "seconds": 6, "many": 4_000}
        if options.quick
        else {"members": 20_000, "seconds": 60, "many": 100_000}
    )
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), **size)  # type: ignore[arg-type]
    rows = [
        _row(f"`POST /score`, known members, {RATE}/s", found, "p50 ≤ 5, p99 ≤ 20"),
        _row("`POST /score`, an event of an unseen member, 10/s", found["unseen"], "p99 ≤ 50"),
        _row(f"both, 95 to 5, {RATE}/s", found["mixed"], ""),
        _row("`POST /events`, 100 in each, 12/s", found["taking"], "1,000 events/s"),
        _row("`POST /score`, known, 50/s meanwhile", found["scoring_meanwhile"], ""),
        _row("`POST /score`, known, 50/s, after these events", found["scoring_after"], ""),
    ]
    table = Table(
        title="How fast the service answers",
        text=(
            f"{found['members']:,} members, {found['events']:,} events, fraud detector "
            f"`{found['model']}`; embedded store; service and load on the same two cores, with an API "
            f"key. Latency from when a request was due, over {_CONNECTIONS} connections. "
            f"{found['events_per_s']:,.0f} events/s were taken in, each on the disk and known to every "
            f"score when its answer went out ({found['events_accepted']:,} in all). As fast as it goes, "
            f"one process answers {found['fastest_per_s']:,.0f} requests/s; over {size['many']:,} of them "
            f"its memory went from {found['memory_mb'][0]:,} to {found['memory_mb'][-1]:,} MB "
            f"({', '.join(f'{mb:,}' for mb in found['memory_mb'])} after each quarter)."
        ),
        columns=("requests", "answered/s", "p50, ms", "p99, ms", "longest, ms", "errors", "goal"),
        rows=rows,
    )
    return finish("service", options, found, table, seed=21)


def _row(name: str, found: dict[str, Any], goal: str) -> list[str]:
    return [
        name, f"{found['requests_per_s']:,.0f}", f"{found['p50_ms']:.1f}", f"{found['p99_ms']:.1f}",
        f"{found['max_ms']:.0f}", str(found["errors"]), goal,
    ]  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
