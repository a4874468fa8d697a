"""Who gets in, what each may do, and what every request has to keep to."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.testclient import TestClient

from graphml.config import ServiceConfig, Settings
from graphml.errors import ConfigError, StoreConnectionError, UsageError
from graphml.service.app import create_app
from graphml.service.gate import Rates
from graphml.service.keys import KeyRing, now
from graphml.service.oidc import Issuer
from graphml.service.server import Serving, _door
from graphml.service.who import Door
from graphml.service.world import World
from graphml.store.connect import connect
from graphml.store.rooms import KEYS
from tests.service.conftest import SETTINGS

READS = ["/ready", "/session", "/rings", "/cases", "/decisions", "/metrics", "/openapi.json"]


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "\n" not in body["detail"]
    return body


def test_only_health_is_open(shared):
    assert shared.get("/health", who=None).json()["status"] == "ok"
    for path in [*READS, "/rings/r-1", "/members/m", "/neighborhood?type=member&key=m"]:
        assert "WWW-Authenticate" in shared.get(path, who=None).headers, path
        problem(shared.get(path, who=None), 401)
    for path in ("/score", "/events", "/cases", "/decisions", "/cases/c-1/assign"):
        problem(shared.post(path, {}, who=None), 401)


@pytest.mark.parametrize("name", ["vera", "ana", "root"])
def test_everybody_with_a_key_may_look(shared, name):
    for path in READS:
        assert shared.get(path, who=name).status_code == 200, path
    said = shared.get("/session", who=name).json()
    assert (said["user"], said["auth"], said["four_eyes"]) == (name, "key", True)


def test_roles_end_where_they_end(shared):
    ring = shared.get("/rings").json()["rings"][0]["ring_id"]
    about = {"unit": "ring", "id": ring}
    problem(shared.post("/cases", about, who="vera"), 403)
    problem(shared.post("/decisions", {**about, "verdict": "dismiss"}, who="vera"), 403)
    problem(shared.post("/events", {"events": [{}]}, who="ana"), 403)
    assert shared.get("/cases").json()["cases"] == []


def test_keys_that_open_nothing(tmp_path):
    ring = KeyRing(tmp_path)
    _, live = ring.make("ana", "analyst", now=now())
    _, old = ring.make("old", "admin", now=now(), expires=now() - timedelta(seconds=1))
    _, gone = ring.make("gone", "admin", now=now())
    assert ring.who(gone, now=now()).name == "gone"
    assert ring.revoke("gone", now=now()) == 1
    assert ring.who(live, now=now()).role == "analyst"
    for token in (old, gone, "", "x", live[:-1], live + "x", live.upper(), "gml__", "gml_a_b", "\ud800"):  # fmt: skip
        assert ring.who(token, now=now()) is None, token
    assert live.encode() not in (tmp_path / KEYS).read_bytes()
    assert (tmp_path / KEYS).stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="has a key"):
        ring.make("ana", "viewer", now=now())
    with pytest.raises(UsageError, match="no role"):
        ring.make("eve", "owner", now=now())


def test_a_revoked_key_is_refused_at_once(serving):
    service = serving()
    assert service.get("/rings", who="vera").status_code == 200
    KeyRing(service.folder).revoke("vera", now=now())
    problem(service.get("/rings", who="vera"), 401)


def test_without_keys_only_this_machine_is_served(tmp_path):
    for host in ("0.0.0.0", "10.0.0.7", "::", "shop.example"):
        with pytest.raises(UsageError, match="open everything"):
            _door(Serving(url=f"embedded://{tmp_path}/s", host=host, no_auth=True), Settings())
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        assert _door(Serving(url="embedded://s", host=host, no_auth=True), Settings()).open
    with pytest.raises(UsageError, match="nobody has a key"):
        _door(Serving(url=f"embedded://{tmp_path}/s"), Settings())


def test_pages_of_other_sites_cannot_reach_a_service_without_keys(serving):
    service = serving(no_auth=True, ready=False)
    assert service.get("/session").json()["role"] == "admin"
    problem(service.get("/session", headers={"Host": "evil.example"}), 403)
    problem(service.get("/session", headers={"Host": "localhost.evil.example"}), 403)
    for origin in ("https://evil.example", "http://localhost:3000", "null"):
        answer = service.http.post("/cases", json={}, headers={"Origin": origin})
        problem(answer, 403)
    assert service.get("/session", headers={"Origin": "http://localhost"}).status_code == 200


def test_bodies_that_are_too_large_or_malformed(serving):
    small = Settings(service=ServiceConfig(body_mb=0.01, look_s=0.1))
    service = serving(settings=small, ready=False)
    problem(service.post("/events", {"events": [{"event_id": "x" * 20_000}]}), 413)
    headers = {**service.as_("root"), "Content-Type": "application/json"}

    def pieces():
        for _ in range(40):
            yield b"[" * 1_000

    problem(service.http.post("/score", content=pieces(), headers=headers), 413)
    for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"member_id": 7}', b'"\\ud800"', b"[" * 9_000, b"null",
                 b'{"member_id": "m", "else": 1}', b'{"member_id": "\\ud800"}', b'{"member_id": ""}', b"{}"):  # fmt: skip
        answer = service.http.post("/score", content=body, headers=headers)
        assert answer.status_code in (400, 422), (body, answer.text)
        problem(answer, answer.status_code)
    answer = service.http.get("/rings", headers={**service.as_("root"), "Content-Length": "x"})
    assert answer.status_code in (400, 413)


def test_who_asks_too_often_is_told_when_to_come_again(serving):
    service = serving(settings=Settings(service=ServiceConfig(rate_per_s=0.5, burst=3)), ready=False)  # fmt: skip
    assert [service.get("/health", who="ana").status_code for _ in range(3)] == [200] * 3
    answer = service.get("/health", who="ana")
    problem(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    assert service.get("/health", who="ben").status_code == 200  # others are not held up


def test_a_bucket_fills_with_time():
    rates = Rates(10, 2)
    assert [rates.wait("a", 0.0) == 0 for _ in range(3)] == [True, True, False]
    assert rates.wait("a", 0.05) == pytest.approx(0.05)
    assert rates.wait("a", 0.1) == 0
    assert rates.wait("a", 100.0) == rates.wait("a", 100.0) == 0
    assert rates.wait("a", 100.0) > 0


def test_every_answer_has_an_id_and_headers_that_close_the_page(shared):
    first, second = (shared.get("/health", who=None) for _ in range(2))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert first.headers["x-content-type-options"] == "nosniff"
    assert problem(shared.get("/nothing"), 404)
    assert problem(shared.http.put("/rings", headers=shared.as_("root")), 405)


def test_logs_name_no_person(shared, caplog):
    member = shared.world.view.rings[0].members[0].member_id
    with caplog.at_level("INFO", logger="graphml.service"):
        shared.get(f"/members/{member}")
        shared.get("/rings", params={"q": member})
        shared.get("/neighborhood", params={"type": "member", "key": member})
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [line["route"] for line in lines][:2] == ["/members/{member_id:path}", "/rings"]
    assert all(line["status"] == 200 and line["ms"] >= 0 for line in lines)
    text = " ".join(record.getMessage() for record in caplog.records)
    assert member not in text
    assert shared.keys["root"] not in text
    assert "root" not in text


def test_figures_count_requests_by_route(shared):
    shared.get("/rings")
    text = shared.get("/metrics").text
    assert 'graphml_requests_total{method="GET",route="/rings",status="200"}' in text
    assert "graphml_store_up 1.0" in text


@pytest.fixture(scope="module")
def issuer():
    """An OIDC issuer on this machine: its discovery document and its public key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key()))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            here = f"http://127.0.0.1:{self.server.server_port}"
            body = {"jwks_uri": f"{here}/keys", "issuer": here}
            if self.path == "/keys":
                body = {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", key=private, public=public)
    server.shutdown()
    thread.join()
    server.server_close()


def token(issuer, key=None, algorithm="RS256", **changed):
    claims = {
        "iss": issuer.url, "aud": "graphml", "sub": "ana", "graphml_role": "analyst",
        "exp": now() + timedelta(hours=1), **changed,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key or issuer.key, algorithm=algorithm, headers={"kid": "one"})


def test_tokens_of_the_issuer_open_and_others_do_not(issuer):
    config = ServiceConfig(issuer=issuer.url, audience="graphml")
    door = Issuer(config)
    assert door.who(token(issuer)) == ("ana", "analyst")
    assert door.who(token(issuer, graphml_role=["other", "viewer", "admin"])) == ("ana", "admin")
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = issuer.public["n"].encode()
    for bad in (
        token(issuer, exp=now() - timedelta(minutes=5)),
        token(issuer, exp=None),
        token(issuer, aud="another"),
        token(issuer, aud=None),
        token(issuer, iss="https://else.example"),
        token(issuer, key=foreign),
        token(issuer, key=secret, algorithm="HS256"),
        token(issuer, graphml_role="owner"),
        token(issuer, graphml_role=None),
        token(issuer, sub=None),
        token(issuer, nbf=now() + timedelta(hours=1)),
        jwt.encode({"sub": "ana"}, None, algorithm="none"),
        "a.b.c",
        "..",
    ):
        assert door.who(bad) is None, bad


def test_an_issuer_is_reached_over_tls():
    for address in ("http://login.example", "ftp://login.example", "login.example"):
        with pytest.raises(ConfigError, match="issuer"):
            Issuer(ServiceConfig(issuer=address, audience="graphml"))
    with pytest.raises(ConfigError, match="audience"):
        ServiceConfig(issuer="https://login.example")


def test_a_service_takes_keys_and_tokens_side_by_side(issuer, shop, tmp_path):
    shutil.copytree(shop, tmp_path / "store")
    world = World(connect(f"embedded://{tmp_path}/store"), SETTINGS, tmp_path / "none")
    config = ServiceConfig(issuer=issuer.url, audience="graphml")
    app = create_app(world, Door(KeyRing(tmp_path / "store"), Issuer(config), local=""))
    with TestClient(app, base_url="http://localhost") as http:
        headers = {"Authorization": f"Bearer {token(issuer)}"}
        assert http.get("/session", headers=headers).json()["auth"] == "oidc"
        headers = {"Authorization": f"Bearer {token(issuer, aud='x')}"}
        problem(http.get("/session", headers=headers), 401)


def test_made_up_keys_share_the_bucket_of_their_address(serving):
    service = serving(settings=Settings(service=ServiceConfig(rate_per_s=0.5, burst=3)), ready=False)  # fmt: skip
    answers = [
        service.http.get("/health", headers={"Authorization": f"Bearer x{n}"}).status_code
        for n in range(5)
    ]
    assert answers == [200, 200, 200, 429, 429]
    assert service.get("/health", who="ana").status_code == 200
    twice = [("Authorization", f"Bearer {service.keys['ben']}"), ("Authorization", "Bearer y")]
    problem(service.http.get("/session", headers=twice), 400)


def test_a_page_elsewhere_cannot_make_this_machine_export(serving):
    service = serving(no_auth=True, ready=False)
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    problem(service.get("/cases/c-1/export", headers=foreign), 403)
    problem(service.get("/session", headers=foreign), 403)
    assert service.get("/", headers=foreign).status_code in (200, 404)
    own = {"Sec-Fetch-Site": "same-origin"}
    assert service.get("/session", headers=own).status_code == 200
    for host in ("127.9.9.9", "[::1]:8765", "localhost:99"):
        assert service.get("/session", headers={"Host": host}).status_code == 200


def test_names_that_no_file_has_are_not_there(shared):
    for name in ("%00", "x" * 300, "..%2f..%2fpyproject.toml", "..", "index.html"):
        answer = shared.get(f"/assets/{name}")
        assert answer.status_code == 404 or "<div id" in answer.text, name


def test_moments_that_no_calendar_has_are_refused(shared):
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        answer = shared.get("/members/m", params={"as_of": text})
        assert answer.status_code in (404, 422), answer.text


def test_a_key_ends_at_its_moment(tmp_path):
    end = now()
    _, token = KeyRing(tmp_path).make("ana", "viewer", now=now(), expires=end)
    ring = KeyRing(tmp_path)
    assert ring.who(token, now=end - timedelta(microseconds=1)) is not None
    assert ring.who(token, now=end) is None


def test_an_issuer_that_is_away_is_left_alone_for_a_while(issuer):
    door = Issuer(ServiceConfig(issuer="http://127.0.0.1:9/", audience="graphml"))
    claims = {"iss": "http://127.0.0.1:9/", "aud": "graphml", "sub": "ana"}
    bearer = jwt.encode(claims, issuer.key, algorithm="RS256", headers={"kid": "one"})
    with pytest.raises(StoreConnectionError):
        door.who(bearer)
    failed = door._failed
    with pytest.raises(StoreConnectionError):
        door.who(bearer)
    assert door._failed == failed
    assert door.who("a.b.c") is None  # what is no token asks nobody
    assert door.who(token(issuer)) is None  # nor does one of another issuer
