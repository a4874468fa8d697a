"""Rings, members, neighbours and lists as the command line has them, page by page."""

from __future__ import annotations

import pytest

from graphml.config import RingConfig
from graphml.pipeline.detection import detect
from graphml.recommend.rules import Rules
from graphml.store.connect import connect
from tests.service.conftest import LAST, SETTINGS, Service, later
from tests.service.test_doors import problem


def all_rings(service, **query):
    rings, cursor = [], None
    while True:
        given = {**query, "limit": 7} | ({"cursor": cursor} if cursor else {})
        body = service.get("/rings", params=given).json()
        rings += body["rings"]
        cursor = body["next"]
        if cursor is None:
            assert body["total"] == len(rings)
            return rings


def test_the_list_is_the_run_in_view(shared):
    stored = shared.world.store.read_rings()
    listed = all_rings(shared)
    assert [row["ring_id"] for row in listed] == [ring.ring_id for ring in stored]
    assert [row["rank"] for row in listed] == list(range(1, len(stored) + 1))
    for row, ring in zip(listed, stored, strict=True):
        assert row["members"] == len(ring.members)
        assert row["amount_net"] == ring.amount_net
        assert row["reason"] == ring.evidence[0].text
    run = shared.get("/session").json()["run"]
    assert run["rings"] == len(stored)
    assert run == shared.get("/rings").json()["run"]


def test_the_list_is_filtered_and_sorted(shared):
    rows = all_rings(shared)
    kinds = sorted({row["kind"] for row in rows})
    assert len(kinds) > 2
    wanted = [row for row in rows if row["kind"] in kinds[:2]]
    assert all_rings(shared, kind=kinds[:2]) == wanted
    assert all_rings(shared, min_score=rows[3]["score"]) == [
        row for row in rows if row["score"] >= rows[3]["score"]
    ]
    by_amount = all_rings(shared, sort="amount", desc=True)
    assert by_amount == sorted(rows, key=lambda row: row["amount_net"], reverse=True)
    assert {row["ring_id"] for row in by_amount} == {row["ring_id"] for row in rows}
    ring = shared.world.view.rings[2]
    found = all_rings(shared, q=ring.members[0].member_id.upper())
    assert ring.ring_id in {row["ring_id"] for row in found}
    assert all_rings(shared, q="no such id") == []
    assert all_rings(shared, case="none", decision="none", status="new") == rows
    assert all_rings(shared, case="open") == []


def test_a_cursor_is_of_its_list_alone(shared):
    cursor = shared.get("/rings", params={"limit": 2}).json()["next"]
    problem(shared.get("/rings", params={"limit": 2, "cursor": cursor, "sort": "last"}), 422)
    for bad in ("x", "", "é", "AAAA", cursor[:-1], "Li0x"):
        problem(shared.get("/rings", params={"cursor": bad}), 422)
    for query in ({"limit": 0}, {"limit": 501}, {"kind": "x"}, {"min_score": 2}, {"sort": "x"}):
        problem(shared.get("/rings", params=query), 422)


def test_who_has_an_answer_already_gets_none(shared):
    ring = shared.world.view.rings[0].ring_id
    for path in ("/rings", "/session", f"/rings/{ring}"):
        first = shared.get(path)
        again = shared.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert shared.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_ring_is_told_as_the_command_line_tells_it(shared):
    for rank, ring in enumerate(shared.world.view.rings[:6], start=1):
        body = shared.get(f"/rings/{ring.ring_id}").json()
        assert {name: body[name] for name in ring.to_json()} == ring.to_json()
        assert (body["rank"], body["decision"], body["case"]) == (rank, None, None)
        members = {n["key"] for n in body["graph"]["nodes"] if n["type"] == "member"}
        assert members == set(ring.member_ids)
        ids = {event["event_id"] for event in body["graph"]["events"]}
        assert {i for reason in ring.evidence for i in reason.event_ids} <= ids
    for bad in ("r-0", "%00", "a/b", "%F0%9F%98%80", "x" * 5_000):
        problem(shared.get(f"/rings/{bad}"), 404)


def test_a_member_is_told_with_its_score_and_rings(shared):
    ring = shared.world.view.rings[0]
    member = ring.members[0].member_id
    body = shared.get(f"/members/{member}").json()
    assert body["rings"][0]["ring_id"] == ring.ring_id
    assert body["score"] == shared.post("/score", {"member_id": member}).json()["score"]
    events = shared.world.store.read_tables(LAST).events
    assert body["events"] == (events["member_id"] == member).sum()
    shared_devices = {i["id"]: i for i in body["identifiers"]}
    for value in ring.shared:
        if value.id in shared_devices and value.type == "device":
            users = events.filter(events["device_id"] == value.id)["member_id"].n_unique()
            assert shared_devices[value.id]["members"] == users
    early = shared.get(f"/members/{member}", params={"as_of": body["first"]}).json()
    assert early["events"] >= 1
    assert early["last"] == body["first"]
    assert early["score"] is None
    problem(shared.get(f"/members/{member}", params={"as_of": "2001-01-01T00:00:00Z"}), 404)
    problem(shared.get(f"/members/{member}", params={"as_of": "2024-01-01T00:00:00"}), 422)
    problem(shared.get("/members/nobody"), 404)


def test_neighbours_come_page_by_page(shared):
    value = next(v for r in shared.world.view.rings for v in r.shared if v.type == "device")
    query = {"type": "device", "key": value.id}
    whole = shared.get("/neighborhood", params={**query, "limit": 500}).json()
    events = shared.world.store.read_tables(LAST).events
    users = set(events.filter(events["device_id"] == value.id)["member_id"])
    assert whole["total"] == len(users) == whole["node"]["degree"]
    assert {n["key"] for n in whole["graph"]["nodes"][1:]} == users
    first = shared.get("/neighborhood", params={**query, "limit": 1}).json()
    second = shared.get("/neighborhood", params={**query, "limit": 1, "offset": 1}).json()
    assert first["graph"]["nodes"][1]["id"] == whole["graph"]["nodes"][1]["id"]
    assert second["graph"]["nodes"][1]["id"] == whole["graph"]["nodes"][2]["id"]
    for query in ({"type": "device", "key": "x"}, {"type": "x", "key": "x"}):
        problem(shared.get("/neighborhood", params=query), 404)
    problem(shared.get("/neighborhood", params={"type": "device"}), 422)


def test_a_list_for_a_member_is_the_recommenders(shared):
    member = shared.world.view.rings[0].members[0].member_id
    body = shared.get(f"/recommendations/{member}", params={"top": 3}).json()
    maker = shared.world.list_maker()
    wanted = [one.to_json() for one in maker.lists([member], rules=Rules(), top=3)]
    assert body["recommendations"] == wanted
    assert body["model"].startswith("recommend")
    problem(shared.get("/recommendations/nobody"), 404)


def test_a_score_is_explained(shared):
    member = shared.world.view.rings[0].members[0].member_id
    body = shared.get(f"/members/{member}/explanation").json()
    assert body["member_id"] == member
    assert body["score"] == pytest.approx(shared.get(f"/members/{member}").json()["score"])
    problem(shared.get("/members/nobody/explanation"), 404)


def test_without_models_candidate_rings_judge(serving):
    service = serving(models=False)
    ring = service.world.view.rings[0]
    member = ring.members[0].member_id
    body = service.post("/score", {"member_id": member}).json()
    assert (body["score_kind"], body["model"]) == ("rank", None)
    assert body["score"] == pytest.approx(ring.score, abs=1e-4)
    assert body["ring_id"] == ring.ring_id
    answer = problem(service.get(f"/members/{member}/explanation"), 404)
    assert answer["hint"] == "graphml train fraud"
    problem(service.get(f"/recommendations/{member}"), 404)


def test_an_empty_store_is_no_absence_of_fraud(tmp_path):
    service = Service(tmp_path / "new", SETTINGS, no_auth=False)
    with service.http:
        service.wait(lambda: service.world.trouble is not None)
        for path in ("/members/m", "/ready", "/neighborhood?type=device&key=d"):
            answer = service.get(path)
            assert "no events" in problem(answer, 503)["detail"]
            assert "Retry-After" in answer.headers
        problem(service.post("/score", {"member_id": "m"}), 503)
        body = service.get("/rings").json()
        assert (body["run"], body["total"]) == (None, 0)
        event = {"event_id": "e", "time": later(), "kind": "login", "member_id": "m"}
        assert service.post("/events", {"events": [event]}).json()["accepted"] == 1
        service.wait(lambda: service.world.ready)
        assert service.get("/members/m").json()["events"] == 1


def test_a_run_that_is_published_meanwhile_comes_into_view(serving):
    service = serving()
    before = service.get("/session").json()["run"]
    with connect(service.url) as store:
        detect(store, RingConfig(min_score=0.9), as_of=LAST, write=True)
    service.wait(lambda: service.get("/session").json()["run"]["run_id"] != before["run_id"])
    body = service.get("/rings").json()
    assert body["total"] < before["rings"]
    assert body["run"]["rings"] == body["total"]
    with connect(service.url) as store:
        store.rollback("rings")
    service.wait(lambda: service.get("/session").json()["run"] == before)
    assert service.get("/rings").json()["total"] == before["rings"]
