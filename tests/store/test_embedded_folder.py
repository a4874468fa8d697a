"""Folders that are no store, or cannot be written: one clear line each."""

from __future__ import annotations

import json
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from graphml.errors import (
    GraphmlError,
    StoreError,
    StorePermissionError,
    StoreVersionError,
    UsageError,
)
from graphml.results import Decision
from graphml.store.connect import connect
from graphml.store.embedded import EmbeddedStore
from tests.contract.rows import LATER, START, at, event, random_tables, same, tables
from tests.contract.test_results import ring

DECISION = Decision(unit="ring", id="r-1", verdict="confirm", reason="seen", by="ana", time=START)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def one_line(error: GraphmlError) -> str:
    assert "\n" not in error.message
    return error.message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with some rows, a run and a decision."""
    folder = tmp_path / "store"
    store = EmbeddedStore(folder)
    store.write_tables(random_tables(1))
    store.write_decision(DECISION)
    with store.run("rings", model=None, as_of=at(5)) as run:
        run.write([ring("r-1", 0.5)])
    return folder


def test_all_that_follows_the_scheme_is_a_path(tmp_path: Path) -> None:
    name = "a b?mode=ro#%41 é"
    with connect(f"embedded://{tmp_path}/{name}") as store:
        store.write_tables(random_tables(1))
        store.write_decision(DECISION)
        assert store.decisions(LATER) == [DECISION]
    assert (tmp_path / name / "manifest.json").is_file()
    assert (tmp_path / name / "decisions.sqlite").is_file()


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="names no folder"):
        EmbeddedStore(path)


def test_a_file_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("event_id\n")
    with pytest.raises(StoreError, match="is a file, not a store") as told:
        EmbeddedStore(path)
    assert told.value.hint
    with pytest.raises(StoreError):
        EmbeddedStore(path / "below").write_tables(random_tables(1))


def test_a_lost_manifest_is_damage_and_not_an_empty_store(folder: Path) -> None:
    store = EmbeddedStore(folder)
    (folder / "manifest.json").unlink()
    before = files(folder)
    for ask in (
        lambda: EmbeddedStore(folder),
        store.summary,
        lambda: store.read_tables(LATER),
        lambda: store.write_tables(random_tables(2)),
    ):
        with pytest.raises(StoreError, match=r"damaged: manifest\.json is missing"):
            ask()
    assert files(folder) == before


def test_a_folder_made_for_a_store_is_fresh_until_its_first_write(tmp_path: Path) -> None:
    for room in ("segments", "runs", "quarantine"):
        (tmp_path / "store" / room).mkdir(parents=True)
    store = EmbeddedStore(tmp_path / "store")
    assert store.summary().events == 0
    assert store.write_tables(random_tables(1)).events > 0


def test_a_preview_makes_no_folder(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", read_only=True)
    assert store.preview_tables(random_tables(1)).events == 40
    assert not (tmp_path / "store").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("")
    with pytest.raises(StoreError, match=r"is no store.*holiday"):
        EmbeddedStore(tmp_path)
    assert files(tmp_path) == {"holiday.jpg"}


def test_an_empty_folder_becomes_a_store_with_the_first_write(tmp_path: Path) -> None:
    (tmp_path / "quarantine").mkdir()
    store = EmbeddedStore(tmp_path)
    assert files(tmp_path) == {"quarantine"}
    store.write_tables(random_tables(1))
    assert (tmp_path / "manifest.json").is_file()


@pytest.mark.parametrize("change", [{"format": 99}, {"schema_version": 99}])
def test_another_version_is_named_with_what_to_do(folder: Path, change: dict[str, int]) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StoreVersionError, match="version") as told:
        EmbeddedStore(folder)
    assert "99" in one_line(told.value)
    assert told.value.hint


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1, "schema_version": 1}', "\xff"]
)
def test_a_damaged_manifest_is_said_to_be_one(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"manifest\.json is damaged") as told:
        EmbeddedStore(folder)
    one_line(told.value)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = b"\x55" * (len(content) // 2 - 4)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [_cut, _turn, Path.unlink])
def test_a_damaged_segment_is_named(folder: Path, harm: Callable[[Path], None]) -> None:
    (segment,) = (folder / "segments").glob("events-*")
    harm(segment)
    with pytest.raises(StoreError) as told:
        EmbeddedStore(folder).read_tables(LATER)
    assert str(folder) in one_line(told.value)
    assert told.value.hint


def test_read_only_creates_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    nowhere = EmbeddedStore(tmp_path / "nowhere", read_only=True)
    assert nowhere.summary().events == 0
    assert nowhere.decisions(LATER) == []
    assert not (tmp_path / "nowhere").exists()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    store = EmbeddedStore(folder, read_only=True)
    assert store.read_tables(LATER).events.height == 40
    assert store.decisions(LATER) == [DECISION]
    for act in _acts(store):
        with pytest.raises(StorePermissionError, match="read only"):
            act()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def _acts(store: EmbeddedStore) -> list[Callable[[], object]]:
    def run() -> None:
        with store.run("rings", model=None, as_of=START) as run:
            run.write([ring("r-2", 0.5)])

    return [
        lambda: store.write_tables(tables([event("e-new", 0, "m-1")])),
        lambda: store.write_decision(Decision(**{**_fields(DECISION), "id": "r-2"})),
        run,
    ]


def _fields(decision: Decision) -> dict[str, object]:
    return {name: getattr(decision, name) for name in Decision.__slots__}


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be a user whom permissions bind: root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_without_permission_is_read_but_not_written() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        parent = Path(temporary)
        folder = parent / "store"
        EmbeddedStore(folder).write_tables(random_tables(1))
        EmbeddedStore(folder).write_decision(DECISION)
        paths = [parent, folder, *folder.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with somebody_else():
            store = EmbeddedStore(folder)
            same(store.read_tables(LATER), EmbeddedStore(folder).read_tables(LATER))
            assert store.decisions(LATER) == [DECISION]
            for act in _acts(store):
                with pytest.raises(StorePermissionError) as told:
                    act()
                assert str(folder) in one_line(told.value)
            with pytest.raises(StorePermissionError):
                EmbeddedStore(parent / "other").write_tables(random_tables(1))
        for path in paths:
            path.chmod(0o700)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Refuse files above ``size`` bytes: what a full disk does, for those that run as anybody."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_the_store_as_it_was(folder: Path) -> None:
    store = EmbeddedStore(folder)
    before, names = store.read_tables(LATER), files(folder)
    many = tables([event(f"e-{i}-{i * i}", i, f"m-{i}") for i in range(20_000)])
    with small_files(20_000), pytest.raises(StoreError, match="no space left") as told:
        store.write_tables(many)
    assert told.value.hint
    one_line(told.value)
    assert files(folder) == names
    same(store.read_tables(LATER), before)
    assert store.write_tables(many).events == 20_000


@pytest.mark.parametrize("act", range(3), ids=["tables", "decision", "run"])
def test_a_disk_full_to_the_last_byte(folder: Path, act: int) -> None:
    store = EmbeddedStore(folder)
    before, names = store.read_tables(LATER), files(folder / "segments")
    with small_files(0), pytest.raises(StoreError) as told:
        _acts(store)[act]()
    one_line(told.value)
    assert files(folder / "segments") == names
    same(store.read_tables(LATER), before)
    assert store.read_rings() == [ring("r-1", 0.5)]
    _acts(store)[act]()


def test_a_store_that_was_copied_is_one(folder: Path) -> None:
    for name in ("lock", "readers"):
        (folder / name).unlink()
    store = EmbeddedStore(folder, read_only=True)
    assert store.read_tables(LATER).events.height == 40
    assert not (folder / "readers").exists()
    assert EmbeddedStore(folder).write_tables(tables([event("e-new", 0, "m-1")])).events == 1


def test_many_small_writes_make_few_segments(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    for number in range(40):
        store.write_tables(tables([event(f"e-{number}", number, "m-1")]))
    assert len(list((tmp_path / "segments").iterdir())) <= 7
    events = store.read_tables(LATER).events
    assert events["event_id"].to_list() == [f"e-{number}" for number in range(40)]
    assert events["sequence"].to_list() == list(range(1, 41))
    assert isinstance(events, pl.DataFrame)
