"""The server that the Neo4j tests stand on."""

from __future__ import annotations

import os

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from tests import neo4j_jars
from tests.neo4j_fixtures import absent
from tests.neo4j_jars import GENERATIONS, JavaMissing, ServerMissing, generation
from tests.neo4j_server import Server

pytestmark = pytest.mark.neo4j


def test_it_is_a_community_server_that_asks_for_a_password(
    neo4j_server: Server, neo4j_url: str
) -> None:
    auth = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_url, auth=auth) as driver:
        assert driver.execute_query("MATCH (n) RETURN count(n) AS n").records[0]["n"] <= 1
    with (
        GraphDatabase.driver(neo4j_url, auth=("neo4j", "wrong")) as driver,
        pytest.raises(AuthError),
    ):
        driver.verify_connectivity()


def test_the_generation_asked_for_is_the_one_that_answers(
    request: pytest.FixtureRequest, neo4j_server: Server
) -> None:
    if "NEO4J_URI" in os.environ:
        pytest.skip("NEO4J_URI names a server whose version is its owner's")
    wanted = GENERATIONS[request.node.callspec.params["neo4j_server"]].version
    auth = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_server.url, auth=auth) as driver:
        components = driver.execute_query("CALL dbms.components()").records
    assert wanted in components[0]["versions"]


@pytest.mark.parametrize("version", GENERATIONS)
def test_a_missing_java_is_named_with_the_way_to_get_it(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_jars, "_major", lambda java: 11)
    java = {"5.26": 17, "2026.09": 25}[version]
    with pytest.raises(JavaMissing, match=f"no Java {java} .*apt-get install openjdk-{java}"):
        generation(version).prepare()


def test_in_ci_no_test_skips_but_for_a_java_of_a_later_generation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    java, maven = JavaMissing("no Java"), ServerMissing("no mvn")
    monkeypatch.setenv("CI", "true")
    for missing, version in ((java, "5.26"), (maven, "5.26"), (maven, "2026.09")):
        with pytest.raises(pytest.fail.Exception):
            absent(missing, version)
    with pytest.raises(pytest.skip.Exception, match="no Java"):
        absent(java, "2026.09")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no mvn"):
        absent(maven, "5.26")
