"""What a case decides reaches the store once, whatever happens; four eyes are two people."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphml.cases.book import CaseBook
from graphml.errors import (
    CaseConflictError,
    CaseRuleError,
    OwnProposalError,
    StoreLockedError,
    UnknownCaseError,
    UsageError,
)
from graphml.pipeline import casework
from graphml.store.embedded import EmbeddedStore
from graphml.store.lock import writing
from tests.cases.desk import at
from tests.cases.shop import ASKED, POINTS, found, store_in

ROOT = Path(__file__).resolve().parents[2]
LATER = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return store_in(tmp_path / "store")


@pytest.fixture
def book(store: EmbeddedStore) -> CaseBook:
    return CaseBook.beside(store.url)


def labels(store: EmbeddedStore) -> list[tuple[object, ...]]:
    rows = store.stored_rows("labels").select("member_id", "order_id", "label", "known_at")
    return sorted(rows.rows(), key=str)


def decided(store: EmbeddedStore) -> list[tuple[object, ...]]:
    return [(d.unit, d.id, d.verdict, d.by, d.reason, d.members) for d in store.decisions(LATER)]


def test_one_person_resolves_where_nobody_asks_for_two(store, book):
    case, _ = book.open_case("ring", "r-1", by="ana", time=at(0))
    done = casework.resolve(
        store, book, case.case_id, "confirm", "fraud_confirmed", None, by="ana", time=at(1),
        version=1, four_eyes=False, found=found(), **ASKED,
    )  # fmt: skip
    assert done.case.state == "resolved"
    assert done.decision == store.decisions(LATER)[0]
    assert decided(store) == [("ring", "r-1", "confirm", "ana", "fraud confirmed", ("m-1", "m-2"))]
    assert labels(store) == [("m-1", None, 1, at(1)), ("m-2", None, 1, at(1))]
    assert book.due() == []
    assert casework.settle(store, book) == 0


def test_with_four_eyes_nothing_counts_before_another_person_approves(store, book):
    case, _ = book.open_case("ring", "r-1", by="ana", time=at(0))
    asked = {"version": 1, "four_eyes": True, "found": found(), **ASKED}
    done = casework.resolve(
        store, book, case.case_id, "confirm", None, "one device", by="ana", time=at(1), **asked
    )
    assert (done.decision, done.case.state) == (None, "waiting")
    assert decided(store) == labels(store) == []
    with pytest.raises(CaseRuleError, match="ana proposed to confirm it"):
        casework.resolve(
            store, book, case.case_id, "confirm", None, "me too", by="ben", time=at(2),
            **{**asked, "version": 2},
        )  # fmt: skip
    with pytest.raises(OwnProposalError):
        casework.approve(store, book, case.case_id, by="Ana", time=at(2), version=2)
    done = casework.approve(store, book, case.case_id, by="ben", time=at(3), version=2)
    assert done.case.decided_by == ("ana", "ben")
    assert decided(store) == [("ring", "r-1", "confirm", "ana, ben", "one device", ("m-1", "m-2"))]
    assert labels(store) == [("m-1", None, 1, at(3)), ("m-2", None, 1, at(3))]


def test_a_dismissal_needs_one_person_and_ends_a_proposal(store, book):
    case, _ = book.open_case("member", "m-1", by="ana", time=at(0))
    asked = {"four_eyes": True, **ASKED}
    casework.resolve(
        store, book, case.case_id, "confirm", None, "x", by="ana", time=at(1), version=1, **asked
    )
    done = casework.resolve(
        store, book, case.case_id, "dismiss", "family", None, by="ben", time=at(2), version=2, **asked
    )  # fmt: skip
    assert (done.case.state, done.case.proposal) == ("resolved", None)
    assert [d[2:4] for d in decided(store)] == [("dismiss", "ben")]
    assert labels(store) == [("m-1", None, 0, at(2))]


def test_a_reopened_case_may_end_otherwise(store, book):
    case, _ = book.open_case("order", "o-3", by="ana", time=at(0))
    asked = {"four_eyes": False, **ASKED}
    name = case.case_id
    casework.resolve(
        store, book, name, "confirm", None, "x", by="ana", time=at(1), version=1, **asked
    )
    book.reopen(name, "the card was hers", by="ben", time=at(2), version=2)
    casework.resolve(
        store, book, name, "dismiss", None, "y", by="ben", time=at(3), version=3, **asked
    )
    assert [d[2] for d in decided(store)] == ["confirm", "dismiss"]
    assert labels(store) == [(None, "o-3", 0, at(3)), (None, "o-3", 1, at(1))]
    assert [due.written for due in book.decisions(name)] == [True, True]


def test_what_is_refused_changes_neither_case_nor_store(store, book):
    case, _ = book.open_case("member", "m-nobody", by="ana", time=at(0))
    asked = {"by": "ana", "time": at(1), "four_eyes": False, **ASKED}
    for error, call in (
        (UsageError, ("m-nobody", "confirm", None, "x", 1)),
        (CaseConflictError, (None, "confirm", None, "x", 7)),
        (UnknownCaseError, ("c-9", "confirm", None, "x", 1)),
        (UsageError, (None, "confirm", "nonsense", "x", 1)),
        (UsageError, (None, "perhaps", None, "x", 1)),
    ):
        name, verdict, code, comment, version = call
        name = name if name and name.startswith("c-") else case.case_id
        with pytest.raises(error):
            casework.resolve(store, book, name, verdict, code, comment, version=version, **asked)
    assert book.case(case.case_id) == case
    assert decided(store) == labels(store) == book.due() == []


def test_a_label_is_a_case_from_first_to_last(store, book):
    done = casework.label(
        store, book, "member", "m-2", "dismiss", reason="a gift", by="ana", time=at(1),
        four_eyes=True, **ASKED,
    )  # fmt: skip
    assert not done.proposed
    assert done.case is not None
    assert [one["action"] for one in book.history(done.case.case_id)] == ["opened", "resolved"]
    again = casework.label(
        store, book, "member", "m-2", "confirm", reason="no gift", by="ben", time=at(2),
        four_eyes=False, **ASKED,
    )  # fmt: skip
    assert again.case.case_id != done.case.case_id
    assert [d[2] for d in decided(store)] == ["dismiss", "confirm"]


def test_a_label_goes_on_with_the_case_that_is_open(store, book):
    case, _ = book.open_case("member", "m-2", by="ben", time=at(0))
    book.assign(case.case_id, "ben", by="ben", time=at(0), version=1)
    done = casework.label(
        store, book, "member", "m-2", "confirm", reason="", code="fraud_confirmed", by="ana",
        time=at(1), four_eyes=False, **ASKED,
    )  # fmt: skip
    assert done.case.case_id == case.case_id
    assert decided(store)[0][4] == "fraud confirmed"


def test_a_second_label_by_another_person_approves_the_first(store, book):
    asked = {"four_eyes": True, **ASKED}
    first = casework.label(
        store, book, "member", "m-2", "confirm", reason="seen", by="ana", time=at(1), **asked
    )
    assert first.proposed
    assert decided(store) == []
    with pytest.raises(OwnProposalError):
        casework.label(
            store, book, "member", "m-2", "confirm", reason="", by="ANA", time=at(2), **asked
        )
    # Also where the command line itself would not ask for a second person.
    with pytest.raises(OwnProposalError):
        casework.label(
            store, book, "member", "m-2", "confirm", reason="", by="ana", time=at(2),
            **{**asked, "four_eyes": False},
        )  # fmt: skip
    dry = casework.label(
        store, book, "member", "m-2", "confirm", reason="", by="ben", time=at(3), dry_run=True, **asked
    )  # fmt: skip
    assert (dry.proposed, dry.decided.decision.by, decided(store)) == (False, "ana, ben", [])
    second = casework.label(
        store, book, "member", "m-2", "confirm", reason="me too", by="ben", time=at(3), **asked
    )
    assert not second.proposed
    assert decided(store) == [("member", "m-2", "confirm", "ana, ben", "seen", ())]
    told = [(h["by"], h["action"], h["text"]) for h in book.history(second.case.case_id)]
    assert told == [
        ("ana", "opened", ""),
        ("ana", "proposed", "confirm: seen"),
        ("ben", "commented", "me too"),
        ("ben", "approved", "confirm: seen"),
    ]


def test_a_dry_run_leaves_nothing(store, book):
    for eyes in (True, False):
        done = casework.label(
            store, book, "member", "m-2", "confirm", reason="", by="ana", time=at(1),
            four_eyes=eyes, dry_run=True, **ASKED,
        )  # fmt: skip
        assert (done.proposed, done.case) == (eyes, None)
    assert decided(store) == book.cases() == []
    assert not (book.folder / "cases.sqlite").exists()


def test_while_the_store_is_written_a_decision_stays_due_and_the_same_call_ends_it(store, book):
    asked = {"reason": "x", "by": "ana", "four_eyes": False, **ASKED}
    with writing(store.folder), pytest.raises(StoreLockedError):
        casework.label(store, book, "member", "m-2", "confirm", time=at(1), **asked)
    (due,) = book.due()
    assert book.case(due.case_id).state == "resolved"
    done = casework.label(store, book, "member", "m-2", "confirm", time=at(2), **asked)
    assert done.decided.decision.time == at(1)
    assert len(decided(store)) == 1
    assert labels(store) == [("m-2", None, 1, at(1))]
    assert len(book.cases()) == 1


def _killed(folder: Path, act: str, point: str) -> None:
    command = [sys.executable, "-m", "tests.cases.shop", str(folder), act, point]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("act", ["resolve", "approve", "label"])
def test_killed_at_any_point_it_loses_nothing_and_doubles_nothing(store, book, act, point):
    if act == "label":
        unit, who, members = ("member", "m-1"), "ben", ()
    else:
        unit, who, members = ("ring", "r-1"), "ben", ("m-1", "m-2")
        book.open_case(*unit, by="ana", time=at(0))
    if act == "approve":
        who = "ana, ben"
        book.propose("c-1", "confirm", None, "so", by="ana", time=at(1), version=1, members=members)
    _killed(book.folder, act, point)
    assert book.verify().problems == ()
    if point == "before":  # as if it had never been asked
        assert casework.settle(store, book) == 0
        assert decided(store) == labels(store) == []
        assert {case.state for case in book.cases()} <= {"open", "waiting"}
        return
    assert book.case("c-1").state == "resolved"
    assert casework.settle(store, book) == (point != "written")
    assert decided(store) == [(*unit, "confirm", who, "so", members)]
    assert labels(store) == [(m, None, 1, at(5)) for m in members or ("m-1",)]
    assert casework.settle(store, book) == 0
    assert book.verify().problems == ()


def test_the_same_label_after_a_kill_ends_it_and_decides_nothing_twice(store, book):
    _killed(book.folder, "label", "decided")
    done = casework.label(
        store, book, "member", "m-1", "confirm", reason="so", by="ben", time=at(9),
        four_eyes=False, **ASKED,
    )  # fmt: skip
    assert done.decided.decision.time == at(5)
    assert len(decided(store)) == len(labels(store)) == len(book.cases()) == 1
