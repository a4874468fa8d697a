"""Scores, events and decisions: what is sent changes later answers, and nothing is lost."""

from __future__ import annotations

import base64
import html
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np
import polars as pl
import pytest

from graphml.explain.live import live_features
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.results import parse_time
from graphml.store.connect import connect
from graphml.tabular.aggregates import AsOf
from tests.service.conftest import LAST, MARKET, later
from tests.service.test_doors import problem


def ring_of(service, kind="device"):
    return next(r for r in service.world.view.rings if any(v.type == kind for v in r.shared))


def shared_value(ring, kind="device"):
    return next(v.id for v in ring.shared if v.type == kind)


def new_event(number, member, **columns):
    return {"event_id": f"n-{number}", "time": later(), "kind": "login", "member_id": member, **columns}  # fmt: skip


def test_a_stored_score_is_the_batch_jobs(shared):
    snapshot = shared.world.known()
    wanted = snapshot.judge.detector.score(snapshot.postings.graph, as_of=LAST)
    for member, value in list(zip(wanted.ids, wanted.values, strict=True))[::97]:
        body = shared.post("/score", {"member_id": member}).json()
        assert body["score"] == pytest.approx(value, abs=1e-6)
        assert (body["basis"], body["known"]) == ("stored", True)
        assert parse_time(body["as_of"]) == LAST
        assert body["model"] == wanted.model


def test_a_score_worked_out_alone_is_the_stored_one(shared):
    for member in MARKET.tables.events["member_id"].unique().sort()[::150]:
        stored = shared.post("/score", {"member_id": member}).json()
        alone = shared.post("/score", {"member_id": member, "explain": True}).json()
        assert alone["basis"] == "recomputed"
        assert alone["score"] == pytest.approx(stored["score"], abs=1e-6)
    assert any(
        shared.post("/score", {"member_id": m.member_id, "explain": True}).json()["reasons"]
        for m in ring_of(shared).members
    )


def test_an_unseen_member_is_judged_by_what_it_comes_to(shared):
    ring = ring_of(shared)
    device = shared_value(ring)
    event = {"kind": "login", "member_id": "stranger", "time": later()}
    alone = shared.post("/score", {"event": event}).json()
    among = shared.post("/score", {"event": {**event, "device_id": device}}).json()
    assert (alone["basis"], alone["known"], alone["ring_id"]) == ("inductive", False, None)
    assert among["score"] > alone["score"]
    assert among["ring_id"] == ring.ring_id
    # Nothing of it was stored.
    problem(shared.post("/score", {"member_id": "stranger"}), 404)
    problem(shared.get("/members/stranger"), 404)


def test_a_score_says_what_it_knows_and_is_none_of_the_past(serving):
    service = serving()
    ring = ring_of(service)
    event = {"kind": "login", "member_id": "s-1", "device_id": shared_value(ring)}
    past = (LAST - timedelta(days=90)).isoformat()
    for given, as_of in ((past, LAST), (later(1), LAST + timedelta(days=1))):
        body = service.post("/score", {"event": {**event, "time": given}}).json()
        assert parse_time(body["as_of"]) == as_of
    service.post("/events", {"events": [{**new_event(1, "m-1"), "time": later(2)}]})
    body = service.post("/score", {"event": {**event, "time": later(1)}}).json()
    assert parse_time(body["as_of"]) == LAST + timedelta(days=2)
    early = service.get("/neighborhood", params={"type": "device", "key": event["device_id"], "as_of": past})  # fmt: skip
    if early.status_code == 200:
        nodes = early.json()["graph"]["nodes"]
        assert all(node["score"] is None and node["flagged"] is None for node in nodes)


def test_events_that_keep_no_contract_are_told_apart(shared):
    for event, place in (
        ({"kind": "login"}, "event.member_id"),
        ({"kind": "haunting", "member_id": "m"}, "event.kind"),
        ({"kind": "purchase", "member_id": "m"}, "event.product_id"),
        ({"kind": "login", "member_id": "m", "time": "yesterday"}, "event.time"),
        ({"kind": "login", "member_id": "m", "time": "2024-01-01"}, "event.time"),
        ({"kind": "login", "member_id": "m", "time": "2999-01-01T00:00:00Z"}, "event.time"),
        ({"kind": "purchase", "member_id": "m", "product_id": "p", "amount": -1}, "event.amount"),
        ({"kind": "login", "member_id": "m" * 1_001}, "event.member_id"),
    ):
        assert problem(shared.post("/score", {"event": event}), 422)["detail"].startswith(place)
    problem(shared.post("/score", {"event": {}, "member_id": "m"}), 422)
    problem(shared.post("/score", {"event": []}), 422)


def test_accepted_events_change_later_answers(serving):
    service = serving()
    ring = ring_of(service)
    device = shared_value(ring)
    member = next(
        m for m in MARKET.tables.events["member_id"].unique().sort()
        if m not in service.world.view.of_member
        and service.post("/score", {"member_id": m}).json()["score"] < 0.1
    )  # fmt: skip
    before = service.post("/score", {"member_id": member}).json()
    answer = service.post("/events", {"events": [new_event(1, member, device_id=device)]}).json()
    assert answer["accepted"] == 1
    assert parse_time(answer["as_of"]) == LAST + timedelta(days=1)
    after = service.post("/score", {"member_id": member}).json()
    assert (before["basis"], after["basis"]) == ("stored", "recomputed")
    assert after["score"] > before["score"]
    assert parse_time(after["as_of"]) == LAST + timedelta(days=1)
    assert service.post("/score", {"member_id": member}).json() == after
    assert service.get(f"/members/{member}").json()["recent"][0]["event_id"] == "n-1"
    near = service.get("/neighborhood", params={"type": "device", "key": device}).json()
    assert member in {n["key"] for n in near["graph"]["nodes"]}
    with connect(service.url) as store:
        assert store.read_tables(LAST + timedelta(days=2)).events["event_id"].is_in(["n-1"]).any()


def test_numbers_after_events_are_those_of_the_whole_graph(serving):
    service = serving()
    ring = ring_of(service)
    sent = [
        new_event(n, m.member_id, device_id=f"d-{n % 3}", ip="10.0.0.1")
        for n, m in enumerate(ring.members)
    ] + [new_event("x", "somebody new", device_id="d-1", ip=None)]
    service.post("/events", {"events": sent})
    snapshot = service.world.known()
    with connect(service.url) as store:
        graph = build_graph(store.read_tables(snapshot.newest))
    whole = AsOf(graph)
    moment = microseconds(snapshot.newest)
    for member in [*ring.member_ids, "somebody new"]:
        code = snapshot.postings.code("member", member)
        found, _, _ = live_features(snapshot.postings, code, until=moment, known=snapshot.known())
        place = int(graph.nodes["member"].keys.search_sorted(member))
        wanted = whole.members(np.array([place]), np.array([moment]))
        assert found.values.view(np.uint32).tolist() == wanted.values.view(np.uint32).tolist()


def test_each_event_sent_is_counted_once(serving):
    service = serving()
    good = new_event(1, "m-new", device_id="d")
    bad = {**new_event(2, "m-new"), "kind": "x"}
    other = {**good, "device_id": "another"}
    first = service.post("/events", {"events": [good, good, bad, "no event", None]}).json()
    assert (first["accepted"], first["repeats"], first["conflicts"]) == (1, 1, [])
    assert [q["index"] for q in first["quarantined"]] == [2, 3, 4]
    assert first["quarantined"][0]["column"] == "kind"
    again = service.post("/events", {"events": [good]}).json()
    assert (again["accepted"], again["repeats"]) == (0, 1)
    clash = service.post("/events", {"events": [other]}).json()
    assert (clash["accepted"], clash["conflicts"]) == (0, ["n-1"])
    for body in ({"events": []}, {}, {"events": {}}, {"events": [{}] * 5_001}):
        problem(service.post("/events", body), 422)


def test_many_who_send_at_once_hear_of_their_own(serving):
    service = serving()

    def send(number):
        events = [new_event(f"{number}-{n}", f"m-{number}", device_id=f"d-{n}") for n in range(20)]
        events.append(new_event("same", "m-same"))
        return service.post("/events", {"events": events}).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(24)))
    assert sum(one["accepted"] for one in answers) == 24 * 20 + 1
    assert sum(one["repeats"] for one in answers) == 23
    assert all(one["accepted"] in (20, 21) and not one["conflicts"] for one in answers)
    with connect(service.url) as store:
        events = store.read_tables(LAST + timedelta(days=2)).events
    assert events["event_id"].str.starts_with("n-").sum() == 24 * 20 + 1


def test_what_others_load_is_known_a_moment_later(serving):
    service = serving()
    event = new_event(7, "m-loaded", device_id="d-9")
    with connect(service.url) as store:
        frame = pl.DataFrame([event]).with_columns(pl.col("time").str.to_datetime(time_zone="UTC"))
        store.write_tables(MARKET.tables.__class__(events=frame))
    service.wait(lambda: service.get("/members/m-loaded").status_code == 200)
    assert service.get("/members/m-loaded").json()["events"] == 1


def test_what_was_answered_is_on_the_disk(shop, tmp_path):
    """A service that is killed loses no event that it has answered for."""
    shutil.copytree(shop, tmp_path / ".graphml")
    shutil.rmtree(tmp_path / ".graphml" / "models")
    command = [sys.executable, "-m", "graphml", "serve", "--no-auth", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        address = line.split(" at ")[1].split(" ")[0]
        drained = threading.Thread(target=process.stderr.read)
        drained.start()
        answered = []

        def send(number):
            events = [new_event(f"{number}-{n}", f"m-{number % 7}") for n in range(5)]
            asked = urllib.request.Request(
                f"{address}events", data=json.dumps({"events": events}).encode(),
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
            try:
                with urllib.request.urlopen(asked, timeout=30) as answer:
                    told = json.load(answer)
            except OSError:
                return
            assert told["accepted"] == 5
            answered.extend(e["event_id"] for e in events)

        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(send, number) for number in range(400)]
            while len(answered) < 60 and process.poll() is None:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            for one in work:
                one.result()
    finally:
        process.kill()
        process.wait()
        drained.join()
        process.stderr.close()
    assert len(answered) >= 60
    with connect(f"embedded://{tmp_path}/.graphml") as store:
        held = set(store.read_tables(LAST + timedelta(days=2)).events["event_id"])
    assert set(answered) <= held


@pytest.mark.parametrize("leave", [None, "a file"])
def test_a_store_that_goes_away_and_comes_back(serving, leave):
    service = serving()
    member = ring_of(service).members[0].member_id
    hidden = service.folder.with_name("hidden")
    service.folder.rename(hidden)
    if leave:
        service.folder.write_text(leave)
    service.wait(lambda: service.world.trouble is not None)
    assert problem(service.get("/ready"), 503)["status"] == 503
    problem(service.post("/events", {"events": [new_event(1, "m")]}), 503)
    assert service.folder.is_file() == bool(leave)
    assert service.folder.exists() == bool(leave)
    if leave:
        service.folder.unlink()
    hidden.rename(service.folder)
    service.wait(lambda: service.world.ready)
    assert service.post("/score", {"member_id": member}).status_code == 200
    assert service.post("/events", {"events": [new_event(1, "m")]}).json()["accepted"] == 1


def test_writing_into_a_store_that_is_away_is_refused_for_now(serving, monkeypatch):
    service = serving()
    manifest = service.folder / "manifest.json"
    kept = manifest.read_bytes()
    manifest.write_bytes(b"{")
    answer = service.post("/events", {"events": [new_event(1, "m")]})
    problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    service.wait(lambda: service.world.trouble is not None)
    problem(service.get("/ready"), 503)
    assert service.post("/score", {"member_id": ring_of(service).members[0].member_id}).status_code == 200  # fmt: skip
    manifest.write_bytes(kept)
    service.wait(lambda: service.world.ready)
    assert service.post("/events", {"events": [new_event(1, "m")]}).json()["accepted"] == 1


def test_a_case_takes_two_people_to_confirm(serving):
    service = serving()
    ring = service.world.view.rings[0]
    about = {"unit": "ring", "id": ring.ring_id}
    opened = service.post("/cases", about, who="ana")
    assert opened.status_code == 201
    assert service.post("/cases", about, who="ben").status_code == 200
    case = opened.json()
    path = f"/cases/{case['case_id']}"
    done = {"verdict": "confirm", "code": "fraud_confirmed", "comment": "one device"}
    proposed = service.post(f"{path}/resolve", {**done, "version": case["version"]}, who="ana").json()  # fmt: skip
    assert (proposed["state"], proposed["proposal"]["by"]) == ("waiting", "ana")
    assert service.get("/decisions").json()["decisions"] == []
    version = {"version": proposed["version"]}
    problem(service.post(f"{path}/approve", version, who="ana"), 403)
    problem(service.post(f"{path}/approve", version, who="vera"), 403)
    problem(service.post(f"{path}/approve", {"version": 1}, who="ben"), 409)
    before = datetime.now(UTC)
    ended = service.post(f"{path}/approve", version, who="ben").json()
    assert (ended["state"], ended["decided_by"]) == ("resolved", ["ana", "ben"])
    (decision,) = service.get("/decisions", params={"unit": "ring"}).json()["decisions"]
    assert (decision["by"], decision["members"]) == ("ana, ben", list(ring.flagged_ids))
    with connect(service.url) as store:
        labels = store.stored_rows("labels")
    new = labels.filter(pl.col("known_at") >= before)
    assert set(new["member_id"]) == set(ring.flagged_ids)
    assert set(new["label"]) == {1}
    row = service.get("/rings").json()["rings"][0]
    assert (row["decision"], row["case"]["state"]) == ("confirm", "resolved")
    problem(service.post(f"{path}/resolve", {**done, **version}, who="ana"), 409)


def test_two_who_decide_at_once_do_not_overwrite_each_other(serving):
    service = serving()
    ring = service.world.view.rings[1].ring_id
    case = service.post("/cases", {"unit": "ring", "id": ring}, who="ana").json()
    path = f"/cases/{case['case_id']}/resolve"
    body = {"verdict": "dismiss", "code": "family", "version": case["version"]}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: service.post(path, body, who=who), ["ana", "ben"]))
    assert sorted(one.status_code for one in answers) == [200, 409]
    decisions = service.get("/decisions", params={"id": ring}).json()["decisions"]
    assert len(decisions) == 1
    assert decisions[0]["reason"] == "a family or household"


def test_one_call_decides_as_the_command_line_does(serving):
    service = serving()
    ring = service.world.view.rings[2].ring_id
    body = {"unit": "ring", "id": ring, "verdict": "dismiss", "reason": "a family <b>& friends"}
    made = service.post("/decisions", body, who="ana")
    assert made.status_code == 201
    assert made.json()["decision"]["by"] == "ana"
    assert made.json()["case"]["state"] == "resolved"
    confirm = {**body, "id": service.world.view.rings[3].ring_id, "verdict": "confirm"}
    assert service.post("/decisions", confirm, who="ana").json()["decision"] is None
    assert service.post("/decisions", confirm, who="ben").json()["decision"]["by"] == "ana, ben"
    done = subprocess.run(
        [sys.executable, "-m", "graphml", "audit", "verify", "--store", service.url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    problem(service.post("/decisions", {**body, "id": "r-0"}, who="ana"), 404)
    problem(service.post("/decisions", {**body, "verdict": "ban"}, who="ana"), 422)
    problem(service.post("/decisions", {**body, "code": "x"}, who="ana"), 422)


def test_hostile_texts_come_back_as_they_were_sent(serving):
    service = serving()
    ring = service.world.view.rings[0].ring_id
    case = service.post("/cases", {"unit": "ring", "id": ring}, who="ana").json()
    path = f"/cases/{case['case_id']}"
    for text in ("<script>alert(1)</script>", "'; DROP TABLE cases; --", "\u202eevil", "🙂" * 50, "{{7*7}}"):  # fmt: skip
        body = service.post(f"{path}/comment", {"text": text}, who="ana").json()
        assert body["history"][-1]["text"] == text
    problem(service.post(f"{path}/comment", {"text": ""}, who="ana"), 422)
    problem(service.post(f"{path}/comment", {"text": "x" * 10_001}, who="ana"), 422)
    assert service.post(f"{path}/comment", {"text": "a\x00b"}, who="ana").status_code in (403, 422)
    for bad in ("c-0", "x", "%00", "c-999999999999999999999", "' OR 1=1"):
        problem(service.get(f"/cases/{bad}"), 404)


def test_a_case_is_exported_with_its_digest_and_the_audit_notes_it(serving):
    service = serving()
    ring = service.world.view.rings[0]
    case = service.post("/cases", {"unit": "ring", "id": ring.ring_id}, who="ana").json()
    path = f"/cases/{case['case_id']}/export"
    page = service.get(path, who="vera")
    assert page.headers["content-type"].startswith("text/html")
    assert ring.evidence[0].text.split(" had ")[0] in html.unescape(page.text)
    file = service.get(path, params={"format": "json"})
    digest = base64.b64decode(file.headers["repr-digest"].removeprefix("sha-256=:").rstrip(":"))
    assert sha256(file.content).digest() == digest
    body = file.json()
    assert body["ring"] == ring.to_json()
    assert {e["event_id"] for e in body["events"]} >= set(ring.evidence[0].event_ids)
    history = service.get(f"/cases/{case['case_id']}").json()["history"]
    assert [(h["action"], h["by"]) for h in history] == [
        ("opened", "ana"), ("exported", "vera"), ("exported", "root"),
    ]  # fmt: skip
    problem(service.get("/cases/c-0/export"), 404)


def test_a_decision_that_could_not_be_written_is_written_when_the_store_is_back(serving):
    service = serving()
    ring = service.world.view.rings[0].ring_id
    case = service.post("/cases", {"unit": "ring", "id": ring}, who="ana").json()
    manifest = service.folder / "manifest.json"
    kept = manifest.read_bytes()
    manifest.write_bytes(b"{")
    body = {"verdict": "dismiss", "code": "family", "version": case["version"]}
    answer = service.post(f"/cases/{case['case_id']}/resolve", body, who="ana")
    problem(answer, 503)
    manifest.write_bytes(kept)
    service.wait(lambda: service.world.ready)
    assert service.get(f"/cases/{case['case_id']}").json()["state"] == "resolved"
    service.wait(lambda: service.get("/decisions").json()["decisions"])
    (decision,) = service.get("/decisions").json()["decisions"]
    assert (decision["id"], decision["verdict"], decision["by"]) == (ring, "dismiss", "ana")


def test_a_model_that_is_trained_meanwhile_is_taken_up(serving):
    service = serving()
    card = service.folder / "models" / "fraud" / "detector.json"
    before = service.get("/session").json()["models"]["fraud"]
    shutil.rmtree(card.parent)
    service.wait(lambda: service.get("/session").json()["models"]["fraud"] is None)
    assert before is not None
