"""The page of routes says who may, and its bodies are taken, as a service says when it is asked."""

import json
import re

import pytest
from starlette.testclient import TestClient

from graphml.config import ServiceConfig, Settings
from graphml.service.app import create_app, description
from graphml.service.keys import ROLES, KeyRing, now
from graphml.service.who import Door
from graphml.service.world import World
from graphml.store.connect import connect
from tests.docs.test_reference import generate

SECTIONS = dict(re.findall(r"^## (\w+ /.*?)$\n(.*?)(?=^## |\Z)", generate.page("rest"), re.M | re.S))  # fmt: skip
PROBLEMS = ("401", "403", "413", "422", "429", "503")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service over nothing that has not been started: it says who may and what is malformed."""
    folder = tmp_path_factory.mktemp("rest") / "store"
    with connect(f"embedded://{folder}") as store:
        keys = KeyRing(folder)
        tokens = {role: keys.make(role, role, now=now())[1] for role in ROLES}
        settings = Settings(service=ServiceConfig(rate_per_s=100_000, burst=100_000))
        app = create_app(World(store, settings, folder / "models"), Door(keys, None, local=""))
        http = TestClient(app, raise_server_exceptions=False)

        def ask(route, role, body=None):
            method, path = route.split(" ", 1)
            headers = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
            path = path.replace("{", "").replace("}", "")
            return http.request(method, path, headers=headers, json=body)

        yield ask


def test_every_route_has_a_section():
    routes = {
        f"{method.upper()} {path}"
        for path, methods in description()["paths"].items()
        for method in methods
    }
    assert set(SECTIONS) == routes


def test_what_may_happen_everywhere_is_told_once():
    top = generate.page("rest").split("\n## ")[0]
    for status in PROBLEMS:
        assert f"\n| {status} | " in top
    assert not re.search(rf"^- ({'|'.join(PROBLEMS)}):", generate.page("rest"), re.M)


@pytest.mark.parametrize("route", SECTIONS)
def test_who_may_is_who_is_let_in(service, route):
    said = re.search(r"^Who may: (\w+)$", SECTIONS[route], re.M)[1]
    assert service(route, None).status_code == (200 if said == "everybody" else 401)
    least = 0 if said == "everybody" else ROLES.index(said)
    for place, role in enumerate(ROLES):
        refused = service(route, role).status_code == 403
        assert refused == (place < least), role


@pytest.mark.parametrize("route", [r for r in SECTIONS if "Body: " in SECTIONS[r]])
def test_bodies_of_the_page_are_well_formed(service, route):
    before_answer = SECTIONS[route].split("\nAnswer: ")[0]
    bodies = re.findall(r"```json\n(.*?)```", before_answer, re.S)
    assert bodies
    for body in bodies:
        assert service(route, "admin", json.loads(body)).status_code in (200, 201, 404, 503)
    assert service(route, "admin", {"else": 1}).status_code == 422
