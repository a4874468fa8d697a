"""audit: verified, listed, and what it says of a file that somebody changed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Command, run_graphml
from tests.cli.test_ends import assert_fails

HEAD = "event_id,time,kind,member_id,device_id\n"
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds three cases: opened and resolved, six entries."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "shop").mkdir()
    lines = [f"e-{n},2024-06-0{n}T09:30:00Z,login,m-{n},d-1\n" for n in range(1, 6)]
    (folder / "shop" / "events.csv").write_text(HEAD + "".join(lines))
    assert run_graphml("load", "shop", "-q", cwd=folder).returncode == 0
    for number, (verdict, reason) in enumerate(
        [("confirm", "told us"), ("dismiss", FORMULA), ("confirm", "\x1b[31mred")], 1
    ):
        done = run_graphml(
            "label", "member", f"m-{number}", verdict, "--by", "ana", "--reason", reason, "-q",
            cwd=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def changed(labelled: Path, tmp_path: Path):
    """Change a copy behind its back; returns its folder."""
    shutil.copytree(labelled / ".graphml", tmp_path / ".graphml")

    def change(*statements: str) -> Path:
        file = tmp_path / ".graphml" / "cases.sqlite"
        with closing(sqlite3.connect(file)) as database, database:
            for trigger in ("audit_in_order", "audit_unchanged", "audit_kept"):
                database.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                database.execute(statement)
        return tmp_path

    return change


def test_a_chain_that_holds_is_said_with_its_head(labelled: Path) -> None:
    done = run_graphml("audit", "verify", cwd=labelled)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["entries"], report["problems"]) == (6, [])
    assert report["first"] < report["last"]
    assert "the chain of 6 entries holds" in done.stderr
    again = run_graphml("audit", "verify", "--head", report["head"].upper(), "-q", cwd=labelled)
    assert (again.returncode, again.stderr) == (0, "")
    table = run_graphml("audit", "verify", "--format", "table", "-q", cwd=labelled).stdout
    assert table.splitlines()[0].split() == ["entries", "first", "last", "head", "problems"]
    assert report["head"] in table


def test_the_list_tells_who_did_what(labelled: Path) -> None:
    entries = [
        json.loads(line) for line in run_graphml("audit", "list", cwd=labelled).stdout.splitlines()
    ]
    assert [(e["seq"], e["actor"], e["action"], e["id"]) for e in entries[:3]] == [
        (1, "ana", "opened", "m-1"),
        (2, "ana", "resolved", "m-1"),
        (3, "ana", "opened", "m-2"),
    ]
    assert entries[1]["detail"]["ruling"]["comment"] == "told us"
    assert [e["prev"] for e in entries[1:]] == [e["hash"] for e in entries[:-1]]
    table = run_graphml("audit", "list", "--format", "table", cwd=labelled).stdout
    assert "\x1b" not in table
    assert "confirm: \\x1b[31mred" in table
    csv = pl.read_csv(run_graphml("audit", "list", "--format", "csv", cwd=labelled).stdout.encode())
    assert csv["entry"].to_list() == [1, 2, 3, 4, 5, 6]
    out = labelled / "audit.parquet"
    assert run_graphml("audit", "list", "--out", out, cwd=labelled).returncode == 0
    assert pl.read_parquet(out)["text"][1] == "confirm: told us"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 3", "entry 3 was changed"),
        ("UPDATE audit SET time = '2020-01-01T00:00:00Z' WHERE seq = 2", "entry 2 was changed"),
        ("DELETE FROM audit WHERE seq = 4", "entry 4 is missing: after 3 comes 5"),
        ("DELETE FROM audit WHERE seq = 1", "entry 1 is missing: after 0 comes 2"),
        ("DELETE FROM audit WHERE seq > 5", "case c-3 is not as its last entry left it"),
        ("UPDATE cases SET assignee = 'eve'", "case c-1 is not as its last entry left it"),
    ],
)
def test_what_was_changed_is_named_and_ends_with_1(changed, statement: str, said: str) -> None:
    folder = changed(statement)
    done = run_graphml("audit", "verify", cwd=folder)
    assert_fails(done, 1, "the audit does not hold", said)
    report = json.loads(done.stdout)
    assert report["problems"][0].startswith(said)
    for other in report["problems"][1:]:
        assert other in done.stderr
    listed = run_graphml("audit", "list", "-q", cwd=folder)
    assert listed.returncode == 0


def test_a_head_noted_earlier_finds_what_was_cut_off(changed, labelled: Path) -> None:
    head = json.loads(run_graphml("audit", "verify", cwd=labelled).stdout)["head"]
    folder = changed(
        "DELETE FROM audit WHERE seq > 4",
        "DELETE FROM cases WHERE number = 3",
        "DELETE FROM decisions WHERE case_id = 'c-3'",
    )
    assert run_graphml("audit", "verify", cwd=folder).returncode == 0
    done = run_graphml("audit", "verify", "--head", head, cwd=folder)
    assert_fails(done, 1, f"no entry has the hash {head}")
    (folder / ".graphml" / "cases.sqlite").unlink()
    assert_fails(run_graphml("audit", "verify", "--head", head, cwd=folder), 1, "no entry has")
    assert_fails(run_graphml("audit", "verify", cwd=folder), 5, "no audit in .graphml yet")


def test_no_audit_yet_is_5_and_makes_no_file(graphml: Command, tmp_path: Path) -> None:
    assert_fails(graphml("audit", "verify"), 5, "no audit")
    assert_fails(graphml("audit", "list"), 5, "no audit")
    assert_fails(graphml("audit", "list", "--store", "bolt://elsewhere"), 5, "bolt://elsewhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["audit", "mend"], "cannot 'mend' an audit"),
        (["audit", "list", "--head", "abc"], "--head is for verify"),
        (["audit", "verify", "--head", "abc"], "--head 'abc' is no hash"),
        (["audit", "verify", "--format", "xml"], "xml"),
        (["audit"], "Missing argument"),
    ],
)
def test_wrong_usage_is_2(graphml: Command, arguments: list[str], word: str) -> None:
    assert_fails(graphml(*arguments), 2, word)


def test_a_file_that_is_no_database_is_1(graphml: Command, tmp_path: Path) -> None:
    (tmp_path / ".graphml").mkdir()
    (tmp_path / ".graphml" / "cases.sqlite").write_bytes(b"no database" * 500)
    assert_fails(graphml("audit", "verify"), 1, "cases.sqlite: file is not a database")


def test_four_eyes_that_is_no_yes_or_no_is_told(graphml: Command, tmp_path: Path) -> None:
    (tmp_path / "graphml.toml").write_text('[cases]\nfour_eyes = "yes"\n')
    done = graphml("label", "member", "m-1", "confirm")
    assert_fails(done, 2, 'cases.four_eyes is "yes"')
    assert "true or false" in done.stderr
