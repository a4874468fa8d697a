"""Files for ``neo4j-admin database import full``: imported, they are the graph that a load writes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import StoreConflictError, StoreError, StorePermissionError, UsageError
from graphml.schema import MARKETPLACE
from graphml.store import neo4j_offline
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_offline import ARGUMENTS, INDEXES, ImportFiles
from graphml.tables.frames import TABLES, Tables
from tests.contract.rows import HOSTILE, LATER, Row, at, event, random_tables, tables
from tests.neo4j_jars import generation
from tests.neo4j_server import Machine
from tests.store.neo4j_faults import whole_graph

FAR = (datetime(1955, 3, 4, 5, 6, 7, 8, tzinfo=UTC), LATER)
TEXTS = (
    *HOSTILE,
    "",
    "\ufeffmark",
    "\uffff",
    "\x1f",
    'a"',
    '"',
    "\\",
    ",",
    " lead",
    "trail ",
    "\r",
)
BIG = "long, " * 750_000


def hostile(table: str) -> list[Row]:
    """Return a row for each hostile text in all text columns, and one with as little as can be."""
    columns = MARKETPLACE.tables[table]
    values = {"time": FAR[0], "number": 1e-7, "integer": 2**53 + 1, "boolean": False}
    rows = [
        {name: text if c.type == "text" else values[c.type] for name, c in columns.items()}
        for text in TEXTS
    ]
    least = {name: rows[0][name] for name, c in columns.items() if c.required}
    rows.append({**least, **{name: FAR[1] for name in ("time", "valid_from") if name in columns}})
    if table == "events":
        rows = [{**row, "event_id": f"{n}{row['event_id']}"} for n, row in enumerate(rows)]
        rows = [{**row, "kind": kind} for row in rows for kind in MARKETPLACE.kinds]
        rows = [{**row, "event_id": f"{row['kind']} {row['event_id']}"} for row in rows]
    return rows


def everything() -> Tables:
    """Return rows of all tables: random and hostile ones, repeats, contradictions, features."""
    some, odd = random_tables(5), tables(**{table: hostile(table) for table in TABLES})
    again = tables(
        [event("e-1", 99, "m-none"), *some.events.head(3).to_dicts()],
        members=[
            {"member_id": "m-1", "valid_from": at(2), "opted_out": value, "a b": value, **features}
            for value, features in (
                (True, {"`n`": 1.5}),
                (False, {"`n`": 0.1, "é": BIG, "t": at(3)}),
            )
        ],
        products=[{"product_id": "p-1", "price": 0.1, "size": None}],
        labels=[{"order_id": "o-alone", "label": 1}, {"order_id": "o-alone", "label": 1}],
        links=[{"member_id": "m-new", "other_member_id": "m-newer", "kind": "gift", "time": at(1)}],
    )
    return Tables(
        **{
            table: pl.concat(
                [getattr(part, table) for part in (some, odd, again)], how="diagonal_relaxed"
            )
            for table in TABLES
        }
    )


def imported(files: Path, machine: Path, version: str) -> None:
    """Import ``files`` into the data of a server that has not been started yet."""
    chosen = generation(version)
    home = machine / "neo4j"
    (home / "conf").mkdir(parents=True)
    environment = {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    opens = "--add-opens=java.base/java.nio=ALL-UNNAMED"  # as the script neo4j-admin does
    admin = ("-Xmx512m", "-XX:TieredStopAtLevel=1", opens, "-cp", chosen.classpath)
    done = subprocess.run(
        (chosen.find_java(), *chosen.options, *admin, "org.neo4j.cli.AdminTool", *command()),
        cwd=files,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def command() -> list[str]:
    """Return what the user is told to run, without the program."""
    program, *arguments = neo4j_offline.COMMAND.split()
    assert program == "neo4j-admin"
    return arguments


@contextmanager
def opened(folder: Path, files: Path, version: str) -> Iterator[Neo4jStore]:
    """Import into a server of its own, and open that as a store."""
    brief = ("-XX:TieredStopAtLevel=1",)
    machine = Machine(folder, heap="512m", page_cache="64m", options=brief, version=version)
    imported(files, folder, version)
    try:
        with Neo4jStore(machine.start().url) as store:
            yield store
    finally:
        machine.kill()


def ask(store: Neo4jStore, statement: str) -> list[str]:
    return sorted(str(row) for row in store._connection.read(statement))


ZONES = (
    "MATCH (n) UNWIND keys(n) AS k WITH n[k] AS v WHERE v IS :: ZONED DATETIME "
    "RETURN v.timezone AS zone, count(*) AS times "
    "UNION ALL MATCH ()-[r]->() WHERE r.first IS NOT NULL "
    "RETURN r.first.timezone + r.last.timezone AS zone, count(*) AS times"
)
TYPES = "MATCH (n) UNWIND keys(n) AS k RETURN DISTINCT labels(n), k, valueType(n[k]) AS t"


@pytest.mark.neo4j
def test_imported_files_are_the_graph_that_a_load_writes_and_loads_go_on_from_it(
    request: pytest.FixtureRequest, neo4j_url: str, tmp_path: Path
) -> None:
    if "NEO4J_URI" in os.environ:
        pytest.skip("NEO4J_URI names a server whose files are not ours")
    version = request.node.callspec.params["neo4j_server"]
    batch = everything()
    counts = ImportFiles(tmp_path / "out").write_tables(batch)
    (tmp_path / "moved").mkdir()
    files = (tmp_path / "out").rename(tmp_path / "moved" / "to the server")
    (tmp_path / "machine").mkdir()
    with (
        Neo4jStore(neo4j_url) as loaded,
        opened(tmp_path / "machine", files, version) as found,
    ):
        told = loaded.write_tables(batch)
        assert (told.rows, told.repeats) == (counts.rows, counts.repeats)
        assert told.conflicts.equals(counts.conflicts)
        assert told.conflicts["event_id"].to_list() == ["e-1"]
        same = whole_graph(loaded)
        assert len(same) > 500
        assert any(BIG in line for line in same)
        assert whole_graph(found) == same
        for question in (ZONES, TYPES):
            assert ask(found, question) == ask(loaded, question)

        for statement in (files / INDEXES).read_text().splitlines():
            found._connection.run(statement)
        rules = "SHOW INDEXES YIELD labelsOrTypes, properties, type RETURN *"
        assert ask(found, rules) == ask(loaded, rules)

        again = found.write_tables(batch)
        assert (again.rows, again.conflicts.height) == (0, 1)
        assert again.repeats == counts.rows + counts.repeats
        assert whole_graph(found) == same

        more = event("e-more", 7, "m-1", "view", product_id="p-1", device_id="d-new")
        for store in (found, loaded):
            assert store.write_tables(tables([more])).rows == 1
        assert whole_graph(found) == whole_graph(loaded) != same


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


ONE = tables([event("e-1", 0, "m-1", "view", product_id="p-1")])


def test_an_empty_folder_is_taken_and_another_is_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    ImportFiles(out).write_tables(ONE)
    before = content(out)
    assert set(before) == {
        *(ARGUMENTS, INDEXES, "nodes/GraphmlStore.csv", "nodes/GraphmlSequence.csv"),
        *("nodes/Member.csv", "nodes/Product.csv", "nodes/Event.csv"),
        *("relationships/DID_Event.csv", "relationships/VIEWS_Product.csv"),
    }
    for taken in (out, out / ARGUMENTS):
        with pytest.raises(UsageError, match="exists and is not an empty folder"):
            ImportFiles(taken)
    assert content(out) == before


def test_a_link_to_an_empty_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    ImportFiles(tmp_path / "out").write_tables(ONE)
    assert (tmp_path / "disk" / ARGUMENTS).is_file()


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_ends_early_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    def cut(events: pl.DataFrame, edge: Any) -> pl.DataFrame:
        assert not (tmp_path / "out").exists()
        raise end

    monkeypatch.setattr(neo4j_offline, "tie_rows", cut)
    with pytest.raises((KeyboardInterrupt, StoreError)) as told:
        ImportFiles(tmp_path / "out").write_tables(ONE)
    assert told.type is KeyboardInterrupt or "no space left" in str(told.value)
    assert [*tmp_path.iterdir()] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from graphml.store import neo4j_offline
from tests.store.test_neo4j_offline import ONE

neo4j_offline.tie_rows = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
neo4j_offline.ImportFiles(Path(sys.argv[1])).write_tables(ONE)
"""


def test_what_a_killed_command_left_is_named(tmp_path: Path) -> None:
    files = ImportFiles(tmp_path / "out")
    root = Path(__file__).parents[2]
    command = (sys.executable, "-c", KILLED, str(tmp_path / "out"))
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]
    assert not (tmp_path / "out.partial" / ARGUMENTS).exists()
    for attempt in (lambda: ImportFiles(tmp_path / "out"), lambda: files.write_tables(ONE)):
        with pytest.raises(UsageError, match=r"out.partial exists: a command that was cut off"):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorePermissionError, match="closed/out") as told:
        ImportFiles(tmp_path / "closed" / "out").write_tables(ONE)
    assert "another OUT" in told.value.hint


def test_strict_refuses_a_contradiction_and_a_preview_only_counts(tmp_path: Path) -> None:
    batch = Tables(events=pl.concat([ONE.events, ONE.events.with_columns(kind=pl.lit("cart"))]))
    files = ImportFiles(tmp_path / "out")
    with pytest.raises(StoreConflictError):
        files.write_tables(batch, strict=True)
    seen = files.preview_tables(batch)
    assert (seen.events, seen.repeats, seen.conflicts["kind"].to_list()) == (1, 0, ["cart"])
    assert [*tmp_path.iterdir()] == []


def test_a_key_too_long_for_an_index_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="a device_id has 8001 bytes"):
        ImportFiles(tmp_path / "out").write_tables(
            tables([event("e-1", 0, "m-1", device_id="x" * 8001)])
        )
    assert [*tmp_path.iterdir()] == []


def arguments(folder: Path) -> dict[str, str]:
    pairs = (line[2:].split("=", 1) for line in (folder / ARGUMENTS).read_text().splitlines())
    return {name: value for name, value in pairs if name not in ("nodes", "relationships")}


@pytest.mark.parametrize(
    ("currency", "lines", "buffer"),
    [
        (None, "false", 4 * 2**20),
        ("\u2028 \x85 \x0b", "false", 4 * 2**20),
        ("a\nb", "true", 4 * 2**20),
        ("a\rb", "true", 4 * 2**20),
        ("é" * 3_000_000, "false", 12_000_000),
    ],
)
def test_the_importer_is_told_of_lines_and_long_texts(
    tmp_path: Path, currency: str | None, lines: str, buffer: int
) -> None:
    files = ImportFiles(tmp_path / "out")
    files.write_tables(tables([event("e-1", 0, "m-1", currency=currency)]))
    told = arguments(tmp_path / "out")
    assert (told["multiline-fields"], int(told["read-buffer-size"])) == (lines, buffer)


names = st.sampled_from(["a", "b", "", "a,b", '"', "\n", None])
acts = st.lists(
    st.tuples(st.sampled_from(MARKETPLACE.kinds), st.sampled_from("uvw"), names, names, st.integers(0, 3)),
    min_size=1,
    max_size=12,
)  # fmt: skip


@given(acts=acts)
@settings(deadline=None, max_examples=30)
def test_ties_and_nodes_are_those_of_a_loop_over_rows(
    tmp_path_factory: pytest.TempPathFactory,
    acts: list[tuple[str, str, str | None, str | None, int]],
) -> None:
    out = tmp_path_factory.mktemp("oracle") / "out"
    rows = [
        event(f"e-{n}", moment, member, kind, product_id=product, device_id=device)
        for n, (kind, member, product, device, moment) in enumerate(acts)
    ]
    ImportFiles(out).write_tables(tables(rows))
    uses: dict[tuple[str, str], list[int]] = {}
    for _, member, _, device, moment in acts:
        if device is not None:
            uses.setdefault((member, device), []).append(moment)
    stamp = "%Y-%m-%dT%H:%M:%S.%fZ"
    expected = {
        (*pair, f"{at(min(t)):{stamp}}", f"{at(max(t)):{stamp}}", str(len(t)), str(len(rows)))
        for pair, t in uses.items()
    }
    assert read(out / "relationships" / "USES_Device.csv") == expected
    assert read(out / "nodes" / "Device.csv") == {(device,) for _, device in uses}
    assert read(out / "nodes" / "Member.csv") == {(member,) for _, member, *_ in acts}


def read(file: Path) -> set[tuple[str, ...]]:
    """Return the rows under the heading of a file; an absent file has none."""
    if not file.exists():
        return set()
    with file.open(encoding="utf-8", newline="") as lines:
        _, *rows = csv.reader(lines)
    assert len(rows) == len({*map(tuple, rows)})
    return {tuple(row) for row in rows}
