"""``load --offline``: files for neo4j-admin instead of a store; what they hold, tests/store says."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_ends import assert_fails
from tests.cli.test_loading import BROKEN, FIRST, HEAD, report

NOWHERE = {"GRAPHML_STORE": "bolt://127.0.0.1:1"}


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    for name, text in (("first", FIRST), ("broken", BROKEN), ("bare", HEAD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.csv").write_text(text)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_are_written_where_no_store_answers_and_the_next_steps_are_said(
    graphml: Command, shops: Path
) -> None:
    done = graphml("load", "first", "--offline", "made/for neo4j", env=NOWHERE)
    told = report(done)
    assert (told["offline"], told["new_events"], told["known"]) == ("made/for neo4j", 5, 0)
    assert "store" not in told
    assert "5 rows in = 5 loaded + 0 repeats + 0 quarantined; 5 new, 0 already known" in done.stderr
    assert "5 nodes to nodes/Event.csv" in done.stderr
    *_, importing, then = done.stderr.splitlines()
    assert (
        importing.strip() == "cd 'for neo4j' && neo4j-admin database import full neo4j @import.args"
    )
    assert "cypher-shell --file indexes.cypher" in then
    assert "graphml doctor --store" in then
    out = shops / "made" / "for neo4j"
    assert names(out) == {"import.args", "indexes.cypher", "nodes", "relationships"}
    named = [
        line.rpartition("=")[2]
        for line in (out / "import.args").read_text().splitlines()
        if line.startswith(("--nodes=", "--relationships="))
    ]
    assert {*named} == {str(p.relative_to(out)) for p in out.rglob("*.csv")}
    assert names(shops) == {"first", "broken", "bare", "made"}


def test_it_is_quiet_when_asked_to_be(graphml: Command, shops: Path) -> None:
    assert graphml("load", "first", "--offline", "out", "-q").stderr == ""


def test_a_store_beside_it_and_a_folder_that_is_taken_are_refused(
    graphml: Command, shops: Path
) -> None:
    both = graphml("load", "first", "--offline", "out", "--store", "embedded://mine")
    assert_fails(both, 2, "--store means nothing with --offline")
    taken = graphml("load", "missing", "--offline", "first")
    assert_fails(taken, 2, "first exists and is not an empty folder")
    assert names(shops) == {"first", "broken", "bare"}
    assert names(shops / "first") == {"events.csv"}


def test_a_dry_run_and_a_refused_source_write_nothing(graphml: Command, shops: Path) -> None:
    dry = graphml("load", "first", "--offline", "out", "--dry-run")
    assert report(dry)["new_events"] == 5
    assert "(dry run, nothing written)" in dry.stderr
    assert "neo4j-admin" not in dry.stderr
    assert_fails(graphml("load", "bare", "--offline", "out"), 1, "bare")
    assert names(shops) == {"first", "broken", "bare"}


def test_refused_rows_lie_beside_the_files_and_strict_refuses_them_all(
    graphml: Command, shops: Path
) -> None:
    assert_fails(graphml("load", "broken", "--offline", "all", "--strict"), 1, "unknown kind")
    assert not (shops / "all").exists()
    assert len([*shops.glob("all.quarantine/*/rows.jsonl")]) == 1
    done = graphml("load", "broken", "--offline", "out")
    assert (report(done)["new_events"], report(done)["quarantined"]) == (5, 1)
    assert len([*shops.glob("out.quarantine/*/rows.jsonl")]) == 1
    graphml("load", "broken", "--offline", "other", "--quarantine", "aside")
    assert len([*shops.glob("aside/*/rows.jsonl")]) == 1
    assert not (shops / "other.quarantine").exists()
