"""Whatever is sent to the routes that are described, the service answers and never breaks."""

from __future__ import annotations

import json
import shutil

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.service.conftest import SETTINGS, Service

# Routes whose answer is another than JSON, or that tell of themselves alone.
_ROUTES = {
    "/health", "/ready", "/metrics", "/session", "/rings", "/rings/{ring_id}", "/neighborhood",
    "/members/{member_id}", "/members/{member_id}/explanation", "/recommendations/{member_id}",
    "/score", "/events", "/cases", "/cases/{case_id}", "/cases/{case_id}/assign",
    "/cases/{case_id}/comment", "/cases/{case_id}/wait", "/cases/{case_id}/resume",
    "/cases/{case_id}/resolve", "/cases/{case_id}/approve", "/cases/{case_id}/reject",
    "/cases/{case_id}/reopen", "/cases/{case_id}/export", "/decisions", "/pictures",
    "/pictures/{name}",
}  # fmt: skip


@pytest.fixture(scope="module")
def described(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("described") / "store"
    shutil.copytree(shop, folder)
    service = Service(folder, SETTINGS, no_auth=False)
    with service.http:
        service.wait(lambda: service.world.ready)
        yield service


def test_every_route_is_described_with_an_example(described):
    body = described.get("/openapi.json").json()
    assert set(body["paths"]) == _ROUTES
    for path, methods in body["paths"].items():
        for method, told in methods.items():
            assert told["description"], (method, path)
            good = next(told["responses"][code] for code in ("200", "201") if code in told["responses"])  # fmt: skip
            assert good["content"], (method, path)
            body_schema = told.get("requestBody")
            if body_schema:
                assert "$ref" in json.dumps(body_schema), (method, path)


def test_nothing_that_is_sent_breaks_it(described):
    schema = schemathesis.openapi.from_dict(described.get("/openapi.json").json())
    broken, seen = [], set()

    def probe(case):
        answer = _send(described, case)
        seen.add((case.method, case.path, answer.status_code))
        if answer.status_code >= 500 and answer.status_code != 503:
            broken.append((case.method, case.formatted_path, case.query, case.body, answer.text))

    for result in schema.get_all_operations():
        settings(
            max_examples=25, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(case=result.ok().as_strategy())(probe))()  # fmt: skip
    assert not broken, broken[:3]
    assert {path for _, path, _ in seen} == _ROUTES
    good = {(method, path) for method, path, status in seen if status in (200, 201)}
    assert len(good) >= 6, good


def _send(service, case):
    sent = case.as_transport_kwargs(base_url="http://localhost")
    headers = {**(sent.get("headers") or {}), **service.as_("root")}
    body = sent.get("json", sent.get("data"))
    content = json.dumps(body) if "json" in sent else body
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    headers = {
        name: value if isinstance(value, str) else str(value)
        for name, value in headers.items()
        if name.lower() not in ("content-length", "transfer-encoding", "host")
    }
    headers.setdefault("Content-Type", "application/json")
    return service.http.request(
        sent["method"], sent["url"], params=sent.get("params"), headers=headers,
        content=content if isinstance(content, bytes) else None,
    )  # fmt: skip
