"""Several processes over one folder: killed writers, undisturbed readers, a second writer."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graphml.errors import StoreLockedError
from graphml.store.embedded import EmbeddedStore
from graphml.store.lock import writing
from graphml.store.manifest import read_manifest
from tests.contract.rows import LATER, event, tables

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def writer(folder: Path, start: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.writer", str(folder), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def test_killed_again_and_again_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    draw = random.Random(7)
    start = 0
    for _ in range(5):
        with writer(folder, start) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            seen = _read_until(folder, time.monotonic() + 0.1 + 0.5 * draw.random())
            process.kill()
            acknowledged = [int(line) for line in (first, *process.stdout) if line.endswith("\n")]
        batches = _batches(folder)
        assert batches[: acknowledged[-1] + 1] == list(range(acknowledged[-1] + 1))
        assert len(batches) - len(acknowledged) - start in (0, 1)
        assert seen <= len(batches)
        start = acknowledged[-1]  # the last one again: nothing happens
    store = EmbeddedStore(folder)
    store.write_tables(tables([event("last", 0, "m-1")]))
    manifest = read_manifest(folder)
    assert manifest is not None
    assert {path.name for path in (folder / "segments").iterdir()} == manifest.files
    assert len(manifest.files) < 12  # small segments were merged on the way


def _read_until(folder: Path, end: float) -> int:
    """Read while another process writes and merges; return the batches seen last."""
    seen = 0
    while time.monotonic() < end:
        batches = _batches(folder)
        assert len(batches) >= seen
        seen = len(batches)
    return seen


def _batches(folder: Path) -> list[int]:
    """Return the numbers of the batches that the store holds, each of them whole."""
    events = EmbeddedStore(folder, read_only=True).read_tables(LATER).events
    members = events.group_by("member_id").len()
    assert set(members["len"]) <= {10}
    return sorted(int(member[2:]) for member in members["member_id"])


def test_a_second_writer_is_told_who_holds_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = EmbeddedStore(folder)
    store.write_tables(tables([event("e-1", 0, "m-1")]))
    holder = (
        "import sys; from pathlib import Path; from graphml.store.lock import writing\n"
        "with writing(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StoreLockedError) as told:
            store.write_tables(tables([event("e-2", 0, "m-1")]))
        assert f"process {process.pid} on " in told.value.message
        assert "\n" not in told.value.message
        assert store.read_tables(LATER).events.height == 1
        process.kill()
    assert store.write_tables(tables([event("e-2", 0, "m-1")])).events == 1


def test_a_writer_waits_for_one_that_is_about_to_finish(tmp_path: Path) -> None:
    with writing(tmp_path), pytest.raises(StoreLockedError), writing(tmp_path, patience=0.05):
        pass
    with writing(tmp_path, patience=0):
        pass


def test_former_files_stay_while_somebody_reads(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = EmbeddedStore(folder)
    store.write_tables(tables([event("e-1", 0, "m-1")]))
    with store._reading() as pinned:
        store.write_tables(tables([event("e-2", 0, "m-1")]))
        assert pinned.files <= {path.name for path in (folder / "segments").iterdir()}
    store.write_tables(tables([event("e-3", 0, "m-1")]))
    assert not pinned.files & {path.name for path in (folder / "segments").iterdir()}
    assert store.read_tables(LATER).events.height == 3
