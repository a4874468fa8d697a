"""The statements for administrators on the page about permissions are ones that Neo4j understands."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from neo4j import Driver, GraphDatabase
from neo4j.exceptions import Neo4jError

from graphml.store.neo4j_guard import PROCEDURES
from tests.neo4j_server import Server

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "neo4j-permissions.md").read_text()
STATEMENTS = [
    text.strip()
    for block in re.findall(r"^```cypher\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for text in block.split(";")
    if text.strip()
]


def answer(driver: Driver, text: str) -> str:
    """Return the code and words of what Community says to an Enterprise statement."""
    try:
        driver.execute_query(text, database_="system")
    except Neo4jError as error:
        return f"{error.code} {error.message}"
    return ""


@pytest.mark.neo4j
@pytest.mark.skipif("NEO4J_URI" in os.environ, reason="would grant, where that is Enterprise")
def test_each_grant_is_understood_and_only_the_edition_refuses_it(neo4j_server: Server) -> None:
    account = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_server.url, auth=account) as driver:
        assert "SyntaxError" in answer(driver, "GRANT NAMES MANAGEMENT ON DATABASE neo4j TO x")
        assert len(STATEMENTS) > 15
        for text in STATEMENTS:
            if text.startswith("CREATE USER"):  # Community has users
                assert answer(driver, text) == ""
                assert answer(driver, f"DROP USER {text.split()[2]}") == ""
            else:
                assert "UnsupportedAdministrationCommand" in answer(driver, text), text


@pytest.mark.neo4j
def test_the_procedures_that_are_named_exist(neo4j_server: Server) -> None:
    account = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_server.url, auth=account) as driver:
        rows = driver.execute_query("SHOW PROCEDURES YIELD name, mode RETURN name, mode").records
    modes = {row["name"]: row["mode"] for row in rows}
    assert {modes[name] for name in PROCEDURES} == {"READ"}
    for text in STATEMENTS:
        if named := re.match(r"GRANT EXECUTE PROCEDURE (.*) ON DBMS", text):
            assert set(named[1].split(", ")) <= set(modes)
