"""How fast the page is in real Chromium: first ring, panning a large graph, opening a hub, its size.

``python -m benchmarks.explorer [--json] [--quick] [--write]``. Debian's chromium, software WebGL (no
graphics card); the service in a process of its own on the same cores. Main-thread time is what the
browser's trace counts as tasks of the renderer's main thread: what the thread itself worked, and how
long its tasks lasted, which here holds waiting for the thread that draws without a graphics card.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from playwright.sync_api import Page, sync_playwright

from benchmarks.common import ROOT, Table, finish, parser, progress
from graphml.results import Evidence, Ring, RingMember, SharedValue
from graphml.service.page import page_folder
from graphml.store.connect import connect
from graphml.tables.frames import Tables

PORT = 8793
MEMBERS, DEVICES, EDGES, HUB = 1_500, 500, 5_000, 10_000
_LAST = datetime(2024, 6, 1, tzinfo=UTC)
_FLAGS = (
    "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)  # fmt: skip
_CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]


def publish(folder: Path) -> None:
    """Store a ring of 2,000 nodes and 5,000 edges, a small one, and a device of 10,000 members."""
    rng = np.random.default_rng(0)
    pairs = {(n, n % DEVICES) for n in range(MEMBERS)}
    while len(pairs) < EDGES:
        pairs.add((int(rng.integers(MEMBERS)), int(rng.integers(DEVICES))))
    rows = [(f"m-{a:05}", f"d-{b:05}") for a, b in sorted(pairs)]
    rows += [(f"h-{n:05}", "d-hub") for n in range(HUB)]
    rows += [("m-00000", "d-hub"), *((f"s-{n}", "d-small") for n in range(8))]
    events = pl.DataFrame(
        {
            "event_id": [f"e-{n}" for n in range(len(rows))],
            "time": [_LAST - timedelta(minutes=n) for n in range(len(rows))],
            "kind": ["login"] * len(rows),
            "member_id": [a for a, _ in rows],
            "device_id": [b for _, b in rows],
        }
    ).with_columns(pl.col("time").dt.cast_time_unit("us"))
    big = _ring("r-large", [f"m-{n:05}" for n in range(MEMBERS)], [f"d-{n:05}" for n in range(DEVICES)], 0.9)  # fmt: skip
    small = _ring("r-small", [f"s-{n}" for n in range(8)], ["d-small"], 0.99)
    with connect(f"embedded://{folder}") as store:
        store.write_tables(Tables(events=events))
        store.publish("rings", [[small, big]], model=None, as_of=_LAST)


def _ring(ring_id: str, members: list[str], devices: list[str], score: float) -> Ring:
    first = _LAST - timedelta(days=30)
    return Ring(
        ring_id=ring_id, kind="device_farm", status="new", score=score, score_kind="rank",
        members=tuple(RingMember(member_id=m, score=score, role="core") for m in members),
        shared=tuple(
            SharedValue(type="device", id=d, members=3, events=10, first=first, last=_LAST, surprise=9.0)
            for d in devices
        ),
        amount_gross=0.0, amount_net=0.0, currency=None, first=first, last=_LAST, as_of=_LAST,
        model=None, counter_evidence=(),
        evidence=(Evidence(code="SHARED_DEVICE", text=f"{len(members)} members share devices"),),
    )  # fmt: skip


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run the explorer over a store until the block ends."""
    command = [sys.executable, "-m", "graphml", "explore", "--no-browser", "--quiet", "--port", str(PORT), "--store", f"embedded://{folder}"]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder.parent, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    address = f"http://127.0.0.1:{PORT}/"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}ready").close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def bundle() -> tuple[int, int]:
    """Return the bytes of all the page's files, as they are and compressed as they are sent."""
    folder = page_folder()
    assert folder is not None, "make explorer"
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(map(len, files)), sum(len(gzip.compress(one, 9, mtime=0)) for one in files)


def first_ring_ms(browser: Any, address: str, times: int) -> list[float]:
    """Return, for a fresh browser profile each time, ms from opening to the first ring's picture."""
    found = []
    for _ in range(times):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        start = time.perf_counter()
        page.goto(f"{address}?test=1", wait_until="commit")
        page.wait_for_function(
            "() => window.__graphmlTest?.nodePosition('device:d-small')", polling=10
        )
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # fmt: skip
        found.append(1e3 * (time.perf_counter() - start))
        context.close()
    return found


def panned(browser: Any, page: Page, frames: int) -> tuple[Any, Any]:
    """Return the main thread's ms of each frame while the graph is panned: worked, and in all."""
    box = page.get_by_test_id("stage").bounding_box()
    assert box is not None
    x, y = box["x"] + 20, box["y"] + 20  # a corner, where no node is
    page.mouse.move(x, y)
    page.mouse.down()
    browser.start_tracing(page=page, categories=_CATEGORIES)
    for turn in range(frames):
        page.mouse.move(x + 2 * turn % 300, y + turn % 200)
        page.evaluate("() => new Promise(requestAnimationFrame)")
    trace = json.loads(browser.stop_tracing())
    page.mouse.up()
    return _by_frame(trace["traceEvents"])


def _by_frame(events: list[dict[str, Any]]) -> tuple[Any, Any]:
    """Return, between each two animation frames, how long the renderer's main thread worked.

    By the thread's own clock, and by the wall's.
    """
    mains = {
        (e["pid"], e["tid"]) for e in events
        if e.get("name") == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }  # fmt: skip
    frames: dict[tuple[int, int], list[float]] = {}
    for event in events:
        if event.get("name") == "FireAnimationFrame":
            frames.setdefault((event["pid"], event["tid"]), []).append(event["ts"])
    main = max((one for one in frames if one in mains), key=lambda one: len(frames[one]))
    ticks = np.array(sorted(frames[main]))
    tasks = [
        e for e in events
        if e.get("name") == "RunTask" and e.get("ph") == "X" and (e["pid"], e["tid"]) == main
    ]  # fmt: skip
    frame = np.searchsorted(ticks, [e["ts"] for e in tasks])
    worked, lasted = (
        np.bincount(frame, [e[clock] / 1e3 for e in tasks], minlength=len(ticks) + 1)[1:-1]
        for clock in ("tdur", "dur")
    )
    return worked, lasted


def measure(address: str, *, times: int, frames: int) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=[*_FLAGS],
        )
        progress("the first ring")
        opened = first_ring_ms(browser, address, times)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        progress("a ring of 2,000 nodes and 5,000 edges")
        start = time.perf_counter()
        page.goto(f"{address}?test=1&ring=r-large", wait_until="commit")
        page.wait_for_function("() => window.__graphmlTest?.nodePosition('member:m-00000')")
        large_ms = 1e3 * (time.perf_counter() - start)
        counts = page.get_by_test_id("counts").inner_text()
        page.wait_for_timeout(2_000)
        worked, lasted = panned(browser, page, frames)
        progress("a hub of 10,000 neighbours")
        expanded = []
        for _ in range(times):
            page.goto(f"{address}?test=1&ring=r-small")
            page.wait_for_function("() => window.__graphmlTest?.nodePosition('device:d-small')")
            page.goto(f"{address}?test=1&ring=r-large&node=member:m-00000&panel=selected")
            page.get_by_test_id("expand").wait_for()
            page.get_by_test_id("expand").click()
            hub = page.get_by_test_id("node-panel").get_by_role("button", name="d-hub")
            hub.first.click()
            page.get_by_test_id("node-id").get_by_text("d-hub").wait_for()
            before = page.get_by_test_id("counts").inner_text()
            start = time.perf_counter()
            page.get_by_test_id("expand").click()
            page.wait_for_function(
                "(was) => document.querySelector('[data-testid=counts]').innerText !== was",
                arg=before, polling=10,
            )  # fmt: skip
            page.evaluate("() => new Promise(requestAnimationFrame)")
            expanded.append(1e3 * (time.perf_counter() - start))
        browser.close()
    return {
        "first_ring_ms": opened, "large_ms": large_ms, "counts": counts,
        "frames": len(worked), "worked_ms": _spread(worked), "lasted_ms": _spread(lasted),
        "expand_ms": expanded,
    }  # fmt: skip


def _told(found: dict[str, float]) -> str:
    return ", ".join(f"{ms:.1f}" for ms in found.values()) + " ms"


def _spread(values: Any) -> dict[str, float]:
    return {f"p{share}": float(np.percentile(values, share)) for share in (50, 95, 99)}


def main() -> int:
    options = parser("explorer", __doc__).parse_args()
    times, frames = (3, 60) if options.quick else (10, 300)
    whole, packed = bundle()
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder) / "store")
        with served(Path(folder) / "store") as address:
            found = measure(address, times=times, frames=frames)
    found |= {"bundle_bytes": whole, "bundle_gzip_bytes": packed}
    table = Table(
        title="How fast the page is",
        text=(
            f"Real Chromium with software WebGL, two cores for the browser, its rendering and the "
            f"service. Panning: {found['counts']}, {found['frames']} frames, main-thread time a frame "
            f"from the browser's trace: what the thread worked by its own clock, and how long its tasks "
            f"lasted, with waiting for a core and for the thread that draws in place of a graphics card. "
            f"Opening: a new profile each of {times} times, until the first ring's nodes are drawn: "
            f"{', '.join(f'{ms:,.0f}' for ms in found['first_ring_ms'])} ms."
        ),
        columns=("what", "measured", "goal"),
        rows=[
            ["main thread's work a frame while panning, median, p95, p99", _told(found["worked_ms"]), "8 ms"],
            ["the same with waiting", _told(found["lasted_ms"]), ""],
            ["first ring on screen, median", f"{np.median(found['first_ring_ms']):,.0f} ms", "1,500 ms"],
            ["the same, longest", f"{max(found['first_ring_ms']):,.0f} ms", ""],
            ["fifty neighbours of a node of degree 10,000, median", f"{np.median(found['expand_ms']):,.0f} ms", "1,000 ms"],
            ["the large ring on screen", f"{found['large_ms']:,.0f} ms", ""],
            ["all of the page, compressed", f"{packed / 1e3:,.0f} kB", "250 kB"],
        ],
    )  # fmt: skip
    return finish("explorer", options, found, table, seed=0)


if __name__ == "__main__":
    raise SystemExit(main())
