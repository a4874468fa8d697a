"""An exported case: the same values give the same bytes, and no text in it does anything."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.cases.export import CaseFile, digest, export_html, export_json
from graphml.cases.timeline import timeline
from graphml.errors import one_line
from graphml.results import Evidence, RingMember, SharedValue, time_text
from tests.cases.desk import HOSTILE, at, book_in, words
from tests.cases.shop import ring

TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody",
    "tr", "th", "td", "bdi", "span", "figure", "figcaption", "svg", "text", "line", "circle",
}  # fmt: skip


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements, their attributes, the text it shows."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def case_file(folder: Path, text: str = "m-1") -> CaseFile:
    """A case with ``text`` wherever there can be one."""
    book = book_in(folder)
    case, _ = book.open_case("ring", text, by=text, time=at(0), members=[text])
    name = case.case_id
    book.assign(name, text, by=text, time=at(1), version=1)
    book.comment(name, text, by=text, time=at(2))
    book.resolve(name, "confirm", "other", text, by=text, time=at(3), version=3, members=[text])
    about = replace(
        ring(text, (text, "m-2", "m-3")),
        members=(RingMember(member_id=text, score=0.5, role="core"),),
        shared=(
            SharedValue(type="device", id=text, members=2, events=3, first=at(0), last=at(1), surprise=2.5),
        ),
        evidence=(Evidence(code="SHARED", text=text, event_ids=(text, "e-2")),),
        counter_evidence=(Evidence(code="HOUSEHOLD", text=text),),
        model=text,
    )  # fmt: skip
    events: list[dict[str, Any]] = [
        {"event_id": text, "time": at(n), "kind": text if n else "purchase", "member_id": text,
         "device_id": text, "amount": 12.5 if n else float("nan"), "order_id": None}
        for n in range(3)
    ]  # fmt: skip
    member = {
        "member_id": text, "score": 0.93, "model": text,
        "reasons": [{"code": "X", "text": text, "event_ids": [text]}],
        "against": [{"code": "Y", "text": text, "lowers": 0.1}],
    }  # fmt: skip
    return CaseFile(
        case=book.case(name), entries=book.entries(name), head=book.head(), events=events,
        ring=about, member=member, decisions=[due.decision for due in book.decisions(name)],
        store=text, by=text, time=at(9),
    )  # fmt: skip


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    file = case_file(tmp_path)
    assert export_json(file) == export_json(replace(file, events=list(file.events)))
    assert export_html(file) == export_html(replace(file))
    other = replace(file, by="ben")
    assert digest(export_json(other)) != digest(export_json(file))
    assert export_html(other) != export_html(file)


def test_the_json_holds_all_and_the_page_names_its_digest(tmp_path: Path) -> None:
    file = case_file(tmp_path)
    content = export_json(file)
    found = json.loads(content)
    assert found["case"]["case_id"] == "c-1"
    actions = [one["action"] for one in found["case"]["history"]]
    assert actions == ["opened", "assigned", "commented", "resolved"]
    assert found["ring"]["reasons"][0]["event_ids"] == ["m-1", "e-2"]
    assert found["ring"]["counter_evidence"][0]["code"] == "HOUSEHOLD"
    assert found["events"][0]["amount"] is None
    assert found["events"][1]["time"] == time_text(at(1))
    assert found["decisions"][0]["members"] == ["m-1"]
    assert found["audit"]["head"] == found["audit"]["entries"][-1]["hash"] == file.head
    assert digest(content) == sha256(content).hexdigest()
    shown = "".join(Reader(export_html(file)).texts)
    for text in (digest(content), file.head, "SHARED", "HOUSEHOLD", "e-2", "12.5"):
        assert text in shown
    for entry in file.entries:
        assert entry.hash in shown
        assert entry.action in shown


def test_a_case_with_nothing_found_is_a_page_too(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    case, _ = book.open_case("member", "m-1", by="ana", time=at(0))
    file = CaseFile(
        case=case, entries=book.entries(case.case_id), head=book.head(), store="embedded://x",
        by="ana", time=at(1),
    )  # fmt: skip
    assert json.loads(export_json(file))["ring"] is None
    assert not Reader(export_html(file)).open


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(tmp_path: Path, text: str) -> None:
    file = case_file(tmp_path, text)
    assert json.loads(export_json(file))["case"]["comment"] == text
    check_page(export_html(file))
    shown = "".join(Reader(export_html(file)).texts)
    assert all(one_line(line) in shown for line in text.split("\n"))


@settings(deadline=None, max_examples=60)
@given(st.lists(words | st.sampled_from(HOSTILE), min_size=1, max_size=4).map("".join))
def test_no_text_gets_out_of_its_place(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("case")
    check_page(export_html(case_file(folder, text if text.strip() else "m-1")))


def check_page(page: bytes) -> None:
    read = Reader(page)
    assert not read.open
    assert read.tags <= TAGS
    assert not {name for name in read.attributes if name.startswith(("on", "href", "src", "xlink"))}
    assert b"<script" not in page
    assert not re.search(rb"https?://", page)
    assert b"default-src 'none'" in page
    text = page.decode()
    # Nothing that hides, or turns the direction of writing.
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)


def test_the_timeline_has_a_line_a_member_and_a_point_an_event() -> None:
    events = [
        {"time": time_text(at(n)), "member_id": f"m-{n % 3}", "kind": "purchase"} for n in range(9)
    ]
    drawn = timeline(events)
    assert drawn.count("<circle") == 9
    assert len(set(re.findall(r'cy="([0-9.]+)"', drawn))) == 3
    across = [float(x) for x in re.findall(r'cx="([0-9.]+)"', drawn)]
    assert across == sorted(across)
    assert across[0] == 190
    assert timeline(events) == drawn
    assert timeline([]) == timeline([{"time": None, "member_id": "m"}]) == ""
    assert timeline([{"time": "no time", "member_id": "m"}]) == ""
    assert 'cx="5' in timeline(events[:1])  # one moment stands in the middle


def test_what_is_too_much_to_draw_is_said() -> None:
    many = [
        {"time": time_text(at(n)), "member_id": f"m-{n % 60}", "kind": "login"} for n in range(3000)
    ]
    drawn = timeline(many)
    assert drawn.count("<circle") == 2000
    assert "1000 more are in the table alone" in drawn
