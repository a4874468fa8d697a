"""Whatever is done to the audit behind its back is found, and nobody forks it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphml.cases.book import CaseBook
from graphml.cases.chain import FIELDS, canonical, entry_hash
from graphml.errors import NothingToDoError
from tests.cases.desk import HOSTILE, at, book_in, file_of, ids, words

ROOT = Path(__file__).resolve().parents[2]

entries = st.lists(
    st.tuples(ids, ids, st.none() | ids, st.dictionaries(words, st.none() | words | st.integers())),
    min_size=1,
    max_size=8,
)
values = st.one_of(
    st.none(), words, st.integers(-3, 2**40), st.binary(max_size=20), st.floats(-9, 9)
)


def keep(book: CaseBook, drawn: list[tuple[Any, ...]]) -> list[str]:
    return [
        book.append_audit(actor, action, detail, time=at(n), id=id_).hash
        for n, (actor, action, id_, detail) in enumerate(drawn)
    ]


def stored(database: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = database.execute(f"SELECT {', '.join(FIELDS)} FROM audit ORDER BY seq")
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


@settings(deadline=None, max_examples=60)
@given(entries)
def test_an_untouched_chain_holds_and_knows_all_its_heads(drawn):
    with tempfile.TemporaryDirectory() as folder:
        book = book_in(Path(folder))
        heads = keep(book, drawn)
        for head in (None, *heads):
            report = book.verify(head)
            assert (report.problems, report.entries, report.head) == ((), len(drawn), heads[-1])
        assert (report.first, report.last) == (
            "2024-06-02T09:30:00Z", book.entries()[-1].time
        )  # fmt: skip
        assert [(e.actor, e.action, e.id, e.to_json()["detail"]) for e in book.entries()] == drawn


@settings(deadline=None, max_examples=200)
@given(entries, st.data())
def test_any_other_value_in_any_field_of_any_entry_is_found(drawn, data):
    with tempfile.TemporaryDirectory() as folder:
        book = book_in(Path(folder))
        heads = keep(book, drawn)
        seq = data.draw(st.integers(1, len(drawn)))
        field = data.draw(st.sampled_from([*FIELDS, "store"]))
        value = data.draw(values | st.sampled_from(heads))
        try:
            with file_of(book) as database:
                before = stored(database)
                sql = f"UPDATE audit SET {field} = ? WHERE seq = ?"
                database.execute(sql, (value, seq))
                after = stored(database)
        except sqlite3.IntegrityError:  # the table itself refuses it
            assume(False)
        assume(repr(before) != repr(after) or field == "store")
        if field == "store" and value == book.store:
            return
        problems = book.verify(heads[-1]).problems
        assert problems
        assert all("\n" not in problem for problem in problems)
        # Its end apart, a chain tells by itself, and says where.
        if seq < len(drawn) and field not in ("seq", "store", "hash"):
            assert problems[0].startswith(f"entry {seq} ")
            assert book.verify().problems == problems
        book.entries()  # can still be read


@settings(deadline=None, max_examples=60)
@given(entries, st.data())
def test_a_removed_entry_is_found(drawn, data):
    with tempfile.TemporaryDirectory() as folder:
        book = book_in(Path(folder))
        heads = keep(book, drawn)
        seq = data.draw(st.integers(1, len(drawn)))
        with file_of(book) as database:
            database.execute("DELETE FROM audit WHERE seq = ?", (seq,))
        problems = book.verify(heads[-1]).problems
        if seq == len(drawn):
            assert problems == (
                f"no entry has the hash {heads[-1]}: entries after it and itself were removed, or all changed",
            )
        else:
            assert problems[0] == f"entry {seq} is missing: after {seq - 1} comes {seq + 1}"
        # Who goes on with the chain does not mend it.
        book.append_audit("ben", "looked", {}, time=at(99))
        assert book.verify(heads[-1]).problems


@settings(deadline=None, max_examples=60)
@given(entries.filter(lambda drawn: len(drawn) > 1), st.data())
def test_a_swapped_pair_is_found(drawn, data):
    with tempfile.TemporaryDirectory() as folder:
        book = book_in(Path(folder))
        keep(book, drawn)
        pair = st.lists(st.integers(1, len(drawn)), min_size=2, max_size=2, unique=True)
        one, other = data.draw(pair)
        with file_of(book) as database:
            for old, new in ((one, -1), (other, one), (-1, other)):
                database.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))
        assert any(f"entry {min(one, other)} " in told for told in book.verify().problems)


@settings(deadline=None, max_examples=60)
@given(entries, ids, st.data())
def test_a_tail_written_anew_with_right_hashes_is_found_by_an_old_head(drawn, liar, data):
    """Who may write the file can make a chain that holds; the head noted elsewhere tells."""
    with tempfile.TemporaryDirectory() as folder:
        book = book_in(Path(folder))
        heads = keep(book, drawn)
        seq = data.draw(st.integers(1, len(drawn)))
        assume(drawn[seq - 1][0] != liar)
        with file_of(book) as database:
            prev = None
            for row in stored(database)[seq - 1 :]:
                if prev is None:
                    row["actor"] = liar
                else:
                    row["prev"] = prev
                prev = entry_hash(book.store, row)
                database.execute(
                    "UPDATE audit SET actor = ?, prev = ?, hash = ? WHERE seq = ?",
                    (row["actor"], row["prev"], prev, row["seq"]),
                )
        assert book.verify().problems == ()
        for place, head in enumerate(heads, 1):
            assert bool(book.verify(head).problems) == (place >= seq)


def test_the_hash_is_that_of_all_fields_in_one_spelling(tmp_path: Path) -> None:
    book = book_in(tmp_path, "bolt://one")
    first = book.append_audit(
        "ana", "looked", {"é": "😀", "a": 1}, time=at(0), unit="member", id="m"
    )
    second = book.append_audit("ben", "exported", {}, time=at(1), case_id="c-1")
    assert (first.prev, second.prev) == ("", first.hash)
    fields = {name: getattr(second, name) for name in FIELDS if name != "hash"}
    text = json.dumps({**fields, "store": "bolt://one"}, sort_keys=True)
    assert second.hash == sha256(text.encode()).hexdigest()
    assert first.detail == '{"a":1,"\\u00e9":"\\ud83d\\ude00"}'
    assert book.head() == second.hash


def test_the_file_refuses_to_change_what_it_holds(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    book.open_case("ring", "r-1", by="ana", time=at(0))
    for statement in (
        "UPDATE audit SET actor = 'ben'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit",
        "INSERT INTO audit SELECT store, 3, time, actor, action, unit, id, case_id, detail, prev, hash FROM audit",
    ):
        with (
            pytest.raises(sqlite3.IntegrityError, match="audit"),
            file_of(book, guarded=True) as database,
        ):
            database.execute(statement)
    assert book.verify().problems == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE cases SET state = 'resolved' WHERE number = 1", "case c-1 is not as its last"),
        ("UPDATE cases SET id = 'r-9' WHERE number = 1", "case c-1 is not as its last"),
        ("UPDATE cases SET assignee = 'eve' WHERE number = 1", "case c-1 is not as its last"),
        (
            "UPDATE cases SET content = replace(content, 'ana', 'eve') WHERE number = 2",
            "case c-2 is not as its last",
        ),
        ("DELETE FROM cases WHERE number = 2", "case c-2 has entries and is gone"),
        ("DELETE FROM audit WHERE seq = 3", "case c-1 is not as its last entry left it"),
    ],
)
def test_cases_are_held_against_their_last_entry(tmp_path: Path, change: str, said: str) -> None:
    book = book_in(tmp_path)
    for number in (1, 2):
        book.open_case("ring", f"r-{number}", by="ana", time=at(0))
    book.comment("c-1", "so", by="ana", time=at(1))
    head = book.head()
    book.append_audit("ana", "exported", {"format": "html"}, time=at(2), case_id="c-1")
    assert book.verify(head).problems == ()
    with file_of(book) as database:
        database.execute("DELETE FROM audit WHERE seq = 4")
        database.execute(change)
    (problem,) = book.verify().problems
    assert problem.startswith(said)


def test_no_audit_is_nothing_to_do_but_a_noted_head_is_missed(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    with pytest.raises(NothingToDoError, match="no audit in"):
        book.verify()
    assert book.verify("a" * 64).problems[0].startswith("no entry has the hash aaa")
    assert not list(tmp_path.iterdir())


def test_canonical_json_has_one_spelling() -> None:
    one = {"b": [1, 2.5, None, True], "a": {"y": HOSTILE[8], "x": ""}}
    other = json.loads(json.dumps(one, indent=3))
    assert canonical(one) == canonical(dict(reversed(other.items())))
    assert json.loads(canonical(one)) == one
    with pytest.raises(ValueError, match="Out of range"):
        canonical(float("nan"))


APPENDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from graphml.cases.book import CaseBook

book, name = CaseBook(Path(sys.argv[1]), store_url="embedded://x"), sys.argv[2]
sys.stdin.readline()
for number in range(100):
    now = datetime.now(UTC)
    case, _ = book.open_case("member", f"m-{number % 10}", by=name, time=now)
    book.comment(case.case_id, f"{name} {number}", by=name, time=now)
"""


def test_two_processes_that_append_at_once_make_one_chain(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPENDER, str(tmp_path / "store")]
    racers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, cwd=ROOT, text=True)
        for name in ("ana", "ben")
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        with racer:
            assert racer.wait(120) == 0
    book = book_in(tmp_path / "store")
    report = book.verify()
    assert (report.problems, report.entries) == ((), 210)
    assert len(book.cases()) == 10
    said = [entry.history()["text"] for entry in book.entries() if entry.action == "commented"]
    for name in ("ana", "ben"):
        assert [text for text in said if text.startswith(name)] == [
            f"{name} {number}" for number in range(100)
        ]
    assert sum(case.version - 1 for case in book.cases()) == 200


def test_of_two_who_change_the_same_version_one_is_told(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from graphml.cases.book import CaseBook\n"
        "from graphml.errors import CaseConflictError\n"
        "book = CaseBook(Path(sys.argv[1]), store_url='embedded://x')\n"
        "won = 0\n"
        "sys.stdin.readline()\n"
        "for version in range(1, 51):\n"
        "    while book.case('c-1').version < version: pass\n"
        "    try:\n"
        "        book.assign('c-1', sys.argv[2], by=sys.argv[2], time=datetime.now(UTC), version=version)\n"
        "        won += 1\n"
        "    except CaseConflictError: pass\n"
        "print(won)\n"
    )
    book = book_in(tmp_path)
    book.open_case("ring", "r-1", by="ana", time=at(0))
    command = [sys.executable, "-c", code, str(tmp_path)]
    racers = [
        subprocess.Popen(
            [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        for name in ("ana", "ben")
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate(timeout=120)[0]) for racer in racers]
    assert sum(won) == 50
    assert book.case("c-1").version == 51
    assert book.verify().problems == ()
