"""``load`` beside what the store holds: strict, dry, again."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_ends import assert_fails

HEAD = "event_id,time,kind,member_id,product_id,amount,currency\n"
FIRST = HEAD + "".join(
    f"e-{i},2024-06-0{i}T09:30:00Z,view,m-{i},p-{i},{i},EUR\n" for i in range(1, 6)
)
LATER = FIRST.replace(",p-2,2,", ",p-2,20,") + "e-6,2024-06-06T09:30:00Z,view,m-6,p-6,6,EUR\n"
BROKEN = FIRST + "e-7,2024-06-06T09:30:00Z,nonsense,m-6,p-6,6,EUR\n"


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    for name, text in (("first", FIRST), ("later", LATER), ("broken", BROKEN)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.csv").write_text(text)
    return tmp_path


def report(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def test_the_second_load_says_what_was_known(graphml: Command, shops: Path) -> None:
    assert "5 new, 0 already known" in graphml("load", "first").stderr
    again = graphml("load", "first")
    assert (
        "5 rows in = 5 loaded + 0 repeats + 0 quarantined; 0 new, 5 already known" in again.stderr
    )
    assert report(again)["known"] == 5


def test_one_repeat_is_one(graphml: Command, shops: Path) -> None:
    row = FIRST.splitlines()[1]
    (shops / "first" / "events.csv").write_text(f"{HEAD}{row}\n{row}\n")
    assert "2 rows in = 1 loaded + 1 repeat + 0 quarantined" in graphml("load", "first").stderr


def test_strict_refuses_what_contradicts_the_store_whole(graphml: Command, shops: Path) -> None:
    graphml("load", "first")
    held = files(shops / ".graphml" / "segments")
    refused = graphml("load", "later", "--strict")
    assert_fails(refused, 1, "1 row breaks a rule", "--strict", "events.csv line 3")
    assert files(shops / ".graphml" / "segments") == held
    lenient = report(graphml("load", "later"))
    assert (lenient["new_events"], lenient["conflicts"], lenient["quarantined"]) == (1, 1, 1)


def test_a_dry_run_compares_with_the_store_and_writes_nothing(
    graphml: Command, shops: Path
) -> None:
    fresh = report(graphml("load", "first", "--dry-run"))
    assert (fresh["new_events"], fresh["known"]) == (5, 0)
    assert not (shops / ".graphml").exists()
    graphml("load", "first")
    before = files(shops / ".graphml")
    done = graphml("load", "later", "--dry-run")
    dry = report(done)
    assert (dry["new_events"], dry["known"], dry["conflicts"], dry["quarantined"]) == (1, 4, 1, 1)
    assert "1 new, 4 already known, 1 in the store with other content" in done.stderr
    assert files(shops / ".graphml") == before
    assert_fails(graphml("load", "later", "--dry-run", "--strict"), 1, "--strict refuses it")
    assert files(shops / ".graphml") == before


def test_a_dry_run_keeps_refused_rows_only_where_it_is_told_to(
    graphml: Command, shops: Path
) -> None:
    graphml("load", "broken", "--dry-run")
    assert not (shops / ".graphml").exists()
    done = graphml("load", "broken", "--dry-run", "--quarantine", "aside")
    (rows,) = (shops / "aside").glob("*/rows.jsonl")
    assert json.loads(rows.read_text())["rule"] == "unknown kind"
    assert str(rows.parent.relative_to(shops)) in done.stderr
    assert_fails(graphml("load", "broken", "--dry-run", "--strict"), 1, "unknown kind")
    assert not (shops / ".graphml").exists()
