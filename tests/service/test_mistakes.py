"""A request with a mistake in it is told so, and is never answered as if it were another one."""

from __future__ import annotations

import json

import pytest

from tests.service.conftest import later
from tests.service.test_changes import new_event, ring_of, shared_value
from tests.service.test_doors import problem

WRONG = [
    ({"devise_id": "d-1"}, "no column 'devise_id'"),
    ({"device_id": {"a": 1}}, "device_id is neither text nor a number"),
    ({"device_id": ["d-1"]}, "device_id is neither text nor a number"),
]


@pytest.mark.parametrize(("columns", "rule"), WRONG)
def test_an_event_that_says_what_no_column_holds_is_refused(shared, columns, rule):
    event = new_event("wrong", "m-00001", **columns)
    assert rule in problem(shared.post("/score", {"event": event}), 422)["detail"]
    right = new_event(f"right {columns}", "m-00001")
    taken = shared.post("/events", {"events": [event, right]}).json()
    assert (taken["accepted"], len(taken["quarantined"])) == (1, 1)
    assert taken["quarantined"][0]["index"] == 0
    assert rule in taken["quarantined"][0]["rule"]


def test_an_unknown_kind_is_told_with_those_that_are_known(shared):
    event = {**new_event("kind", "m-00001"), "kind": "buy"}
    body = problem(shared.post("/score", {"event": event}), 422)
    assert body["detail"] == "event.kind: unknown kind, got 'buy'"
    assert "purchase" in body["hint"]
    body = problem(shared.post("/score", {"event": {"kind": "login"}}), 422)
    assert body["detail"] == "event.member_id: missing"


def test_a_parameter_that_no_route_has_is_refused(shared):
    body = problem(shared.get("/rings?knid=takeover"), 422)
    assert body["detail"] == "no parameter 'knid'"
    assert "kind" in body["hint"].split(", ")
    assert problem(shared.get("/ready?x=1"), 422)["hint"] == "this takes none"
    problem(shared.get("/rings?knid=takeover", who=None), 401)


def test_a_body_that_is_no_json_is_told_so(shared):
    headers = {"Content-Type": "application/json", **shared.as_("root")}
    answer = shared.http.post("/score", content=b'{"member_id": m}', headers=headers)
    assert problem(answer, 422)["detail"] == "the body is no JSON from character 14 on"
    answer = shared.http.post(
        "/score", content=json.dumps({"member_id": "m"}), headers=shared.as_("root")
    )
    assert problem(answer, 422)["hint"] == "send one with Content-Type: application/json"


def test_the_ring_that_somebody_comes_to_is_named_before_and_after(serving):
    service = serving()
    ring = ring_of(service)
    device = shared_value(ring)
    event = new_event("comes", "somebody new", device_id=device)
    before = service.post("/score", {"event": event}).json()
    assert before["ring_id"] is not None
    service.post("/events", {"events": [event]})
    after = service.post("/score", {"member_id": "somebody new"}).json()
    assert (after["ring_id"], after["score"]) == (before["ring_id"], before["score"])
    service.post("/events", {"events": [new_event("other", "somebody else", device_id="d-new")]})
    assert service.post("/score", {"member_id": "somebody else"}).json()["ring_id"] is None


def test_somebody_new_has_no_list_yet_and_hears_when(serving):
    service = serving()
    service.post("/events", {"events": [new_event("new", "somebody new")]})
    service.wait(lambda: service.world.recommender_name() is not None)
    body = problem(service.get("/recommendations/somebody new"), 404)
    assert body["hint"].startswith("lists know a member once")
    assert "hint" not in problem(service.get("/recommendations/nobody"), 404)


def test_lists_are_ready_before_anybody_asks(serving):
    service = serving()
    service.wait(lambda: service.get("/session").json()["models"]["recommend"] is not None)


@pytest.mark.parametrize(("verdict", "code"), [("confirm", "family"), ("dismiss", "fraud_confirmed")])  # fmt: skip
def test_a_code_is_a_reason_for_its_verdict_alone(serving, verdict, code):
    service = serving()
    ring = {"unit": "ring", "id": ring_of(service).ring_id}
    body = problem(service.post("/decisions", {**ring, "verdict": verdict, "code": code}), 422)
    assert code in body["detail"]
    assert service.get("/cases").json()["cases"] == []
    case = service.post("/cases", ring).json()
    ruling = {"verdict": verdict, "code": code, "version": case["version"]}
    problem(service.post(f"/cases/{case['case_id']}/resolve", ruling), 422)
    assert service.get(f"/cases/{case['case_id']}").json()["state"] == "open"
    assert code not in service.get("/session").json()["case_codes"][verdict]


def test_the_session_tells_that_a_case_changed(serving):
    service = serving()

    def changed():
        return service.get("/session").json()["changed"]

    seen = [changed(), changed()]
    assert seen[0] == seen[1]
    ring = ring_of(service).ring_id
    case = service.post("/cases", {"unit": "ring", "id": ring}).json()
    seen.append(changed())
    service.post(f"/cases/{case['case_id']}/comment", {"text": "a kiosk"})
    seen.append(changed())
    service.post("/decisions", {"unit": "ring", "id": ring, "verdict": "dismiss"})
    seen.append(changed())
    assert len(set(seen)) == 4


def test_every_example_of_a_body_is_taken(shared):
    """Ids of the examples are nobody's; whatever else they say the routes know."""
    told = shared.get("/openapi.json").json()
    sent = 0
    for path, methods in told["paths"].items():
        body = methods.get("post", {}).get("requestBody")
        if body is None:
            continue
        name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/")[-1]
        for example in told["components"]["schemas"][name]["examples"]:
            filled = json.loads(json.dumps(example).replace("2024-06-02T09:30:00Z", later()))
            answer = shared.post(path.replace("{case_id}", "c-0"), filled)
            assert answer.status_code in (200, 404), (path, answer.text)
            sent += 1
    assert sent >= 12


def test_problems_are_told_with_their_own_status(shared):
    for path, methods in shared.get("/openapi.json").json()["paths"].items():
        for route in methods.values():
            for status, told in route["responses"].items():
                content = told.get("content", {}).get("application/problem+json")
                if content:
                    assert str(content["example"]["status"]) == status, path
