"""The server that the Neo4j tests stand on."""

from __future__ import annotations

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from tests.neo4j_server import Server, ServerMissing, prepare

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


def test_a_missing_java_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerMissing, match="apt-get install openjdk-17"):
        prepare()
