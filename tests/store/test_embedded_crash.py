"""Cut off at any moment, the store opens with all that was acknowledged, and a rerun ends alike."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from graphml.store.embedded import EmbeddedStore
from graphml.store.manifest import read_manifest
from graphml.tables.frames import TABLES, Tables
from tests.contract.rows import LATER, at, content, random_tables
from tests.contract.test_results import ring


def _batch(seed: int) -> Tables:
    """Return a batch whose members and products are its own: no batch takes back another's."""
    rows = random_tables(seed, prefix=f"{seed}-")
    own = [(pl.lit(f"{seed}-") + pl.col(name)).alias(name) for name in ("member_id", "product_id")]
    return Tables(
        **{
            table: (frame := getattr(rows, table)).with_columns(
                column for column in own if column.meta.output_name() in frame.columns
            )
            for table in TABLES
        }
    )


BATCHES = [_batch(seed) for seed in range(2)]


class PowerCut(BaseException):
    """What a test raises in place of a power cut: no handler for errors sees it."""


class Machine:
    """Lets a number of steps that change the disk happen, then none any more.

    The step that is cut off does not happen, but a table's file is there in part.
    """

    def __init__(self, steps: int) -> None:
        self.left = steps

    def wrap(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left >= 0:
                return step(*args, **options)
            if self.left == -1 and step.__name__ == "write_parquet":
                step(*args, **options)
                os.truncate(args[1], Path(args[1]).stat().st_size // 2)
            raise PowerCut

        return run


@contextmanager
def power(machine: Machine) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (os, "fsync"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (Path, "touch"),
            (pl.DataFrame, "write_parquet"),
        ):
            patch.setattr(owner, name, machine.wrap(getattr(owner, name)))
        yield


def work(folder: Path, done: list[str]) -> None:
    """Write two batches and a run; ``done`` names what was acknowledged."""
    store = EmbeddedStore(folder)
    for number, batch in enumerate(BATCHES):
        store.write_tables(batch)
        done.append(f"batch {number}")
    with store.run("rings", model=None, as_of=at(5)) as run:
        run.write([ring("r-1", 0.5)])
    done.append("run")


def state(folder: Path) -> list[Any]:
    store = EmbeddedStore(folder, read_only=True)
    tables = store.read_tables(LATER)
    return [
        *(content(getattr(tables, table)) for table in TABLES),
        sorted(tables.events["sequence"]),
        store.summary(),
        store.read_rings(),
    ]


@pytest.fixture(scope="module")
def states() -> list[Any]:
    """What the store says after each step of undisturbed work."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "store"
        found = [state(folder)]
        store = EmbeddedStore(folder)
        for batch in BATCHES:
            store.write_tables(batch)
            found.append(state(folder))
        with store.run("rings", model=None, as_of=at(5)) as run:
            run.write([ring("r-1", 0.5)])
        found.append(state(folder))
    return found


def test_a_power_cut_at_any_step(states: list[Any], tmp_path: Path) -> None:
    for steps in itertools.count():
        folder = tmp_path / "store"
        done: list[str] = []
        try:
            with power(Machine(steps)):
                work(folder, done)
            break
        except PowerCut:
            pass
        assert state(folder) in states[len(done) : len(done) + 2], (steps, done)
        work(folder, [])
        assert state(folder) == states[-1], (steps, done)
        _check_tidy(folder)
        shutil.rmtree(folder)
    assert steps > 40  # else the cuts were not where files are written


def _check_tidy(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    assert {path.name for path in (folder / "segments").iterdir()} == manifest.files
    assert not list(folder.glob("*.tmp"))
    statuses = [run.status for run in EmbeddedStore(folder).runs()]
    assert statuses[0] == "published"
    assert set(statuses[1:]) <= {"failed", "superseded"}
