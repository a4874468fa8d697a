"""The service over a real Neo4j: rings in view, scores, events that change them, decisions."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from graphml.config import RingConfig, SimulateConfig
from graphml.pipeline.detection import detect
from graphml.service.app import create_app
from graphml.service.who import Door
from graphml.service.world import World
from graphml.store.connect import connect
from graphml.tables.synthetic import make_marketplace
from tests.neo4j_server import wiped
from tests.service.conftest import SETTINGS, Service

pytestmark = pytest.mark.neo4j


@contextmanager
def running(url, folder):
    service = Service.__new__(Service)
    service.folder, service.url, service.keys = folder, url, {}
    service.world = World(connect(url), SETTINGS, folder / "models")
    app = create_app(service.world, Door(None, None, local="me"))
    service.http = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    with service.http:
        service.wait(lambda: service.world.ready)
        yield service


def test_the_same_is_answered_over_neo4j(neo4j_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # cases and runs are kept beside: in .graphml here
    url = wiped(neo4j_server)
    market = make_marketplace(SimulateConfig(members=400, seed=5))
    last = market.tables.events["time"].max()
    with connect(url) as store:
        store.write_tables(market.tables)
        rings = detect(store, RingConfig(), as_of=last, write=True).publishable
    with running(url, tmp_path) as service:
        assert service.get("/rings").json()["total"] == len(rings) > 0
        ring = rings[0]
        shown = service.get(f"/rings/{ring.ring_id}").json()
        assert {n["key"] for n in shown["graph"]["nodes"] if n["type"] == "member"} == set(ring.member_ids)  # fmt: skip
        value = ring.shared[0]
        column = {"device": "device_id", "address": "address_id"}.get(value.type, value.type)
        event = {"event_id": "n-1", "time": last.isoformat(), "kind": "login", "member_id": "m-new", column: value.id}  # fmt: skip
        assert service.post("/events", {"events": [event]}).json()["accepted"] == 1
        assert service.post("/events", {"events": [event]}).json()["repeats"] == 1
        clash = {**event, "member_id": "m-other"}
        assert service.post("/events", {"events": [clash]}).json()["conflicts"] == ["n-1"]
        scored = service.post("/score", {"member_id": "m-new"}).json()
        assert (scored["known"], scored["basis"]) == (True, "inductive")
        told = {"unit": "ring", "id": ring.ring_id, "verdict": "dismiss", "reason": "a family"}
        assert service.post("/decisions", told).status_code == 201
        assert service.get("/rings").json()["rings"][0]["decision"] == "dismiss"
    with connect(url) as store:
        (decision,) = [one for one in store.decisions(last.replace(year=2100)) if one.id == ring.ring_id]  # fmt: skip
        assert set(decision.members) == set(ring.flagged_ids)
        labels = store.stored_rows("labels")
        assert set(ring.flagged_ids) <= set(labels["member_id"].drop_nulls())
