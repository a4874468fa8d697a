"""Cases through any series of actions, beside a plain model; what is refused changes nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.cases.book import CaseBook
from graphml.cases.model import CODES, Case
from graphml.errors import (
    CaseConflictError,
    CaseRuleError,
    OwnProposalError,
    StoreLockedError,
    StoreVersionError,
    UnknownCaseError,
    UsageError,
)
from tests.cases.desk import HOSTILE, at, book_in, file_of, words

PEOPLE = ("ana", "ben", "Cem")
UNITS = [("ring", "r-1"), ("ring", "r-2"), ("member", "r-1")]

people = st.sampled_from(PEOPLE)
verdicts = st.sampled_from(["confirm", "dismiss"])
actions = st.one_of(
    st.tuples(st.just("open_case"), people, st.sampled_from(UNITS)),
    st.tuples(st.just("assign"), people, st.none() | people),
    st.tuples(st.just("comment"), people, words),
    st.tuples(st.just("wait"), people, words),
    st.tuples(st.just("resume"), people, st.none()),
    st.tuples(st.just("propose"), people, verdicts),
    st.tuples(st.just("approve"), people, st.none()),
    st.tuples(st.just("approve"), people, st.none()),
    st.tuples(st.just("reject"), people, words),
    st.tuples(st.just("resolve"), people, verdicts),
    st.tuples(st.just("reopen"), people, words),
)
series = st.lists(
    st.tuples(actions, st.integers(1, 4), st.sampled_from([0, 0, 0, 0, None, -1])), max_size=25
)


class Model:
    """Cases as dictionaries: what a case book must do, said again in a few lines."""

    def __init__(self) -> None:
        self.cases: list[dict[str, Any]] = []
        self.log: list[tuple[str, str, str]] = []
        self.decisions: list[tuple[str, str, str, str]] = []

    def open_case(self, by: str, unit: tuple[str, str]) -> bool:
        if any(c["unit"] == unit and c["state"] != "resolved" for c in self.cases):
            return False
        number = len(self.cases) + 1
        self.cases.append(
            {"name": f"c-{number}", "unit": unit, "state": "open", "assignee": None, "version": 1}
            | {"proposal": None, "verdict": None, "decided_by": None}
        )
        self.log.append((f"c-{number}", by, "opened"))
        return True

    def act(self, action: str, by: str, case: dict[str, Any], value: Any) -> bool:
        """Do it, or say that it cannot be done."""
        after = self._after(action, by, case, value)
        if after is None:
            return False
        case |= after | {"version": case["version"] + 1}
        past = {
            "assign": "assigned",
            "comment": "commented",
            "wait": "waited",
            "reopen": "reopened",
        }
        past |= {"resume": "resumed", "propose": "proposed", "approve": "approved"}
        past |= {"reject": "rejected", "resolve": "resolved"}
        self.log.append((case["name"], by, past[action]))
        if action in ("approve", "resolve"):
            who = ", ".join(case["decided_by"])
            self.decisions.append((case["name"], *case["unit"], f"{case['verdict']} {who}"))
        return True

    def _after(self, action: str, by: str, case: dict[str, Any], value: Any) -> Any:
        """Return what changes, ``None`` for what must be refused."""
        state, proposal = case["state"], case["proposal"]
        unresolved, others = state != "resolved", self._others(case)
        ended = {"state": "resolved", "proposal": None}
        allowed, after = {
            "assign": (unresolved, {"assignee": value}),
            "comment": (bool((value or "").strip()), {}),
            "wait": (state == "open", {"state": "waiting"}),
            "resume": (state == "waiting" and not proposal, {"state": "open"}),
            "propose": (
                unresolved and not proposal,
                {"state": "waiting", "proposal": (value, by)},
            ),
            "approve": (
                bool(proposal) and proposal[1] != by,
                ended
                | {"verdict": (proposal or " ")[0], "decided_by": [(proposal or "  ")[1], by]},
            ),
            "reject": (bool(proposal), {"state": "open", "proposal": None}),
            "resolve": (
                unresolved and not (proposal and value == "confirm"),
                ended | {"verdict": value, "decided_by": [by]},
            ),
            "reopen": (
                not unresolved and not others,
                {"state": "open", "verdict": None, "decided_by": None},
            ),
        }[action]
        return after if allowed else None

    def _others(self, case: dict[str, Any]) -> list[dict[str, Any]]:
        """Return unresolved cases on the same."""
        alike = (c for c in self.cases if c["unit"] == case["unit"] and c is not case)
        return [c for c in alike if c["state"] != "resolved"]


def do(book: CaseBook, action: str, case_id: str, by: str, value: Any, *, minute: int, version: Any) -> Case:  # fmt: skip
    arguments = {
        "resume": (),
        "approve": (),
        "propose": (value, "family", "so"),
        "resolve": (value, None, ""),
    }.get(action, (value,))
    return getattr(book, action)(case_id, *arguments, by=by, time=at(minute), version=version)


def plain(case: Case) -> dict[str, Any]:
    found = case.to_json()
    proposal = found["proposal"]
    return {
        "name": found["case_id"],
        "unit": (found["unit"], found["id"]),
        **{key: found[key] for key in ("state", "assignee", "version", "verdict", "decided_by")},
        "proposal": proposal and (proposal["verdict"], proposal["by"]),
    }


@settings(deadline=None, max_examples=60)
@given(series)
def test_any_series_of_actions_is_what_the_model_says(drawn) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        book = book_in(Path(folder))
        for minute, ((action, by, value), number, off) in enumerate(drawn):
            if action == "open_case":
                case, created = book.open_case(*value, by=by, time=at(minute))
                assert created == model.open_case(by, value)
                assert (case.unit, case.id) == value
                continue
            if number > len(model.cases):
                with pytest.raises(UnknownCaseError):
                    do(book, action, f"c-{number}", by, value, minute=minute, version=None)
                continue
            case_ = model.cases[number - 1]
            version = None if off is None else case_["version"] + off
            if off == -1:
                with pytest.raises(CaseConflictError):
                    do(book, action, case_["name"], by, value, minute=minute, version=version)
            elif model.act(action, by, case_, value):
                done = do(book, action, case_["name"], by, value, minute=minute, version=version)
                assert done == book.case(case_["name"])
                assert done.updated == at(minute)
            else:
                with pytest.raises((CaseRuleError, UsageError)):
                    do(book, action, case_["name"], by, value, minute=minute, version=version)
        check(book, model)


def check(book: CaseBook, model: Model) -> None:
    assert [plain(case) for case in book.cases()] == model.cases[::-1]
    assert [(e.case_id, e.actor, e.action) for e in book.entries()] == model.log
    for case in model.cases:
        of_it = [(by, action) for name, by, action in model.log if name == case["name"]]
        assert [(h["by"], h["action"]) for h in book.history(case["name"])] == of_it
        assert len(of_it) == case["version"]
    due = [(d.case_id, d.decision) for d in book.due()]
    assert [(name, d.unit, d.id, f"{d.verdict} {d.by}") for name, d in due] == model.decisions
    for unit in ("ring", "member"):
        best: dict[str, str] = {}
        for case in sorted(model.cases, key=lambda c: c["state"] != "resolved"):
            if case["unit"][0] == unit:
                best[case["unit"][1]] = case["name"]
        assert {k: c.case_id for k, c in book.by_unit(unit, ["r-1", "r-2", "r-3"]).items()} == best
    if model.log:
        assert book.verify().problems == ()


def test_four_eyes_are_two_people_however_they_write_their_names(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    case, _ = book.open_case("ring", "r-1", by="ana", time=at(0))
    book.propose(
        case.case_id, "confirm", "fraud_confirmed", "one device", by="Ana", time=at(1), version=1,
        members=["m-1", "m-2"],
    )  # fmt: skip
    for name in ("Ana", "ana", " ANA  ", "Ａna"):
        with pytest.raises(OwnProposalError, match="proposed by Ana"):
            book.approve(case.case_id, by=name, time=at(2), version=2)
    done = book.approve(case.case_id, by="ben", time=at(3), version=2)
    assert done.to_json()["decided_by"] == ["Ana", "ben"]
    assert (done.code, done.comment, done.proposal) == ("fraud_confirmed", "one device", None)
    (due,) = book.due()
    assert (due.decision.by, due.decision.time) == ("Ana, ben", at(3))
    assert (due.decision.reason, due.decision.members) == ("one device", ("m-1", "m-2"))
    book.mark_written(due)
    assert book.due() == []
    assert [one.written for one in book.decisions(case.case_id)] == [True]


def test_a_case_without_comment_has_the_words_of_its_code_for_a_reason(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    for number, (code, comment) in enumerate([(None, ""), ("family", None), ("family", "twins")]):
        case, _ = book.open_case("member", f"m-{number}", by="ana", time=at(0))
        book.resolve(case.case_id, "dismiss", code, comment, by="ana", time=at(1), version=1)
    reasons = [due.decision.reason for due in book.due()]
    assert reasons == ["", CODES["family"], "twins"]


def test_pages_pass_nothing_over_and_repeat_nothing_while_cases_change(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    names = [book.open_case("member", f"m-{n}", by="ana", time=at(n))[0].case_id for n in range(23)]
    seen, after = [], None
    while page := book.cases(limit=5, after=after):
        seen += [case.case_id for case in page]
        after = seen[-1]
        book.comment(names[3], "still there", by="ben", time=at(99))
        book.open_case("member", f"new-{len(seen)}", by="ben", time=at(99))
    assert seen == names[::-1]
    assert [case.case_id for case in book.cases(unit="member", id="m-7")] == [names[7]]
    book.assign(names[4], "ben", by="ana", time=at(100), version=1)
    assert [case.case_id for case in book.cases(assignee="ben", state="open")] == [names[4]]
    assert book.cases(assignee="a\ud800") == book.cases(state="resolved") == []
    for wrong in ("x", "c-0", "c-٣", "c-" + "9" * 30):
        with pytest.raises(UsageError):
            book.cases(after=wrong)
        with pytest.raises(UnknownCaseError):
            book.case(wrong)
    with pytest.raises(UsageError, match="no state 'closed'"):
        book.cases(state="closed")


def test_two_databases_in_one_folder_do_not_mix(tmp_path: Path) -> None:
    one, other = book_in(tmp_path, "bolt://one"), book_in(tmp_path, "bolt://other")
    case, _ = one.open_case("ring", "r-1", by="ana", time=at(0))
    second, created = other.open_case("ring", "r-1", by="ben", time=at(1))
    assert created
    assert case.case_id != second.case_id
    assert [c.case_id for c in one.cases()] == [case.case_id]
    assert list(other.by_unit("ring", ["r-1"]).values()) == [second]
    with pytest.raises(UnknownCaseError):
        other.case(case.case_id)
    assert [entry.seq for entry in (*one.entries(), *other.entries())] == [1, 1]
    assert one.verify().entries == other.verify().entries == 1
    with pytest.raises(UnknownCaseError):
        other.history(case.case_id)


def test_an_embedded_store_may_be_moved_with_its_cases(tmp_path: Path) -> None:
    case, _ = book_in(tmp_path, "embedded://here").open_case("ring", "r", by="a", time=at(0))
    assert book_in(tmp_path, "embedded:///else/where").case(case.case_id) == case


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    book = book_in(tmp_path)
    case, _ = book.open_case("ring", text, by=text, time=at(0), members=[text])
    name = case.case_id
    book.assign(name, text, by=text, time=at(1), version=1)
    book.comment(name, text, by=text, time=at(2))
    book.wait(name, text, by=text, time=at(3), version=3)
    book.propose(name, "confirm", None, text, by=text, time=at(4), version=4, members=[text])
    book.reject(name, text, by=text, time=at(5), version=5)
    done = book.resolve(name, "confirm", None, text, by=text, time=at(6), version=6, members=[text])
    assert (done.id, done.assignee, done.comment, done.decided_by) == (text, text, text, (text,))
    assert book.case(name) == done == Case.from_json(done.to_json())
    assert book.by_unit("ring", [text, "other"]) == {text: done}
    assert book.cases(id=text) == [done]
    assert {one["by"] for one in book.history(name)} == {text}
    (due,) = book.due()
    assert (due.decision.reason, due.decision.members) == (text, (text,))
    assert book.verify().problems == ()


@pytest.mark.parametrize("bad", ["nul\0", "half \ud800", "x" * 10_001])
def test_what_no_file_can_hold_is_refused_in_one_line_and_leaves_nothing(
    tmp_path: Path, bad: str
) -> None:
    book = book_in(tmp_path)
    case, _ = book.open_case("ring", "r-1", by="ana", time=at(0))
    name, who = case.case_id, {"by": "ana", "time": at(1), "version": None}
    for attempt in (
        lambda: book.open_case("ring", bad, by="ana", time=at(1)),
        lambda: book.open_case("ring", "r-2", by=bad, time=at(1)),
        lambda: book.assign(name, bad, **who),
        lambda: book.comment(name, bad, **who),
        lambda: book.wait(name, bad, **who),
        lambda: book.propose(name, "confirm", None, bad, **who),
        lambda: book.resolve(name, "confirm", None, bad, **who),
        lambda: book.resolve(name, "confirm", bad, None, **who),
        lambda: book.comment(name, "x", by=bad, time=at(1)),
        lambda: book.append_audit(bad, "looked", {}, time=at(1)),
        lambda: book.append_audit("ana", "looked", {}, time=at(1), id=bad),
    ):
        with pytest.raises(UsageError) as told:
            attempt()
        assert "\n" not in told.value.message
        assert len(told.value.message) < 200 or bad.startswith("x")
    assert book.case(name) == case
    assert len(book.entries()) == 1
    assert book.by_unit("ring", [bad]) == {}


def test_blank_names_and_unknown_words_are_refused(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    case, _ = book.open_case("ring", "r-1", by="ana", time=at(0))
    who = {"by": "ana", "time": at(1), "version": 1}
    for attempt, word in (
        (lambda: book.open_case("basket", "b", by="ana", time=at(0)), "no unit 'basket'"),
        (lambda: book.open_case("ring", " ", by="ana", time=at(0)), "id is blank"),
        (lambda: book.open_case("ring", "r", by="\n", time=at(0)), "by is blank"),
        (lambda: book.comment(case.case_id, " \n", **who), "comment is empty"),
        (lambda: book.resolve(case.case_id, "maybe", None, None, **who), "no verdict 'maybe'"),
        (lambda: book.resolve(case.case_id, "dismiss", "x", None, **who), "no code 'x'"),
        (lambda: book.append_audit("ana", "", {}, time=at(0)), "action is blank"),
    ):
        with pytest.raises(UsageError, match=word):
            attempt()
    with pytest.raises(ValueError, match="time zone"):
        book.open_case("ring", "r-9", by="ana", time=at(0).replace(tzinfo=None))
    assert len(book.entries()) == 1


def test_reading_makes_no_file_and_a_strange_one_is_told(tmp_path: Path) -> None:
    book = book_in(tmp_path / "none")
    assert book.cases() == book.entries() == book.due() == []
    assert book.by_unit("ring", ["r"]) == {}
    assert book.head() == ""
    assert not (tmp_path / "none").exists()
    book.open_case("ring", "r-1", by="ana", time=at(0))
    assert (tmp_path / "none").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["cases.sqlite"]
    with file_of(book) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreVersionError, match="format 9"):
        book.cases()
    (tmp_path / "cases.sqlite").write_text("no database at all, but a text" * 100)
    with pytest.raises(Exception, match="not a database"):
        book_in(tmp_path).cases()


def test_a_writer_that_does_not_end_is_told_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphml.cases.database._PATIENCE", 0.1)
    book = book_in(tmp_path)
    case, _ = book.open_case("ring", "r-1", by="ana", time=at(0))
    with file_of(book, guarded=True) as database:
        database.execute("BEGIN IMMEDIATE")
        assert book.case(case.case_id) == case
        with pytest.raises(StoreLockedError, match="is being written"):
            book.comment(case.case_id, "x", by="ana", time=at(1))
