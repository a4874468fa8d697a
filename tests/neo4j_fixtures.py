"""Which tests run on which Neo4j: the servers of a session, and the marks of those who share one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

import pytest
from neo4j import GraphDatabase

from tests.neo4j_jars import FIRST, GENERATIONS, ServerMissing, needed
from tests.neo4j_server import PASSWORD, Server, serve, wiped


def generations(*, later_slow: bool = False) -> list[Any]:
    """Return the generations of Neo4j as parameters of a test: each marked, in a worker of its own.

    Where NEO4J_URI is set, that server alone, whatever it is.

    Args:
        later_slow: Leave the later ones to ``make test-slow``; the contract suite has them always.
    """
    if "NEO4J_URI" in os.environ:
        return [pytest.param(FIRST, id="neo4j-own", marks=pytest.mark.neo4j)]
    return [
        pytest.param(
            name,
            id=f"neo4j-{name}",
            marks=[
                pytest.mark.neo4j, group(name),
                *([pytest.mark.slow] if later_slow and name != FIRST else []),
            ],
        )
        for name in GENERATIONS
    ]  # fmt: skip


def group(name: str) -> pytest.MarkDecorator:
    """Return the mark of tests that share the server of a generation: one worker runs them all."""
    return pytest.mark.xdist_group("neo4j" if name == FIRST else f"neo4j-{name}")


first_alone = pytest.mark.parametrize("neo4j_server", generations()[:1], indirect=True)
"""Marks what is the driver's or the transport's, the same for each generation."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of one server one after the other in one worker (--dist loadgroup).

    They empty the same database.
    """
    for item in items:
        if item.get_closest_marker("neo4j") and not item.get_closest_marker("xdist_group"):
            item.add_marker(group(FIRST))


@pytest.fixture(scope="session")
def neo4j_servers() -> Iterator[Callable[[str], Server]]:
    """A server of each generation for this session, and their credentials in the environment.

    NEO4J_URI's where that is set, else ours, each started when it is first asked for.
    """
    if "NEO4J_URI" in os.environ:
        own = _own_server()
        yield lambda _: own
        return
    found: dict[str, Server | ServerMissing] = {}
    with ExitStack() as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO4J_USERNAME", "neo4j")
        patch.setenv("NEO4J_PASSWORD", PASSWORD)

        def served(version: str) -> Server:
            if version not in found:
                try:
                    found[version] = started.enter_context(brief(version))
                except ServerMissing as missing:
                    found[version] = missing
            there = found[version]
            if isinstance(there, ServerMissing):
                absent(there, version)
            return there

        yield served


def brief(version: str) -> Any:
    """Serve for short work: the second compiler would only be in the way."""
    return serve(options=("-XX:TieredStopAtLevel=1",), version=version)


def absent(missing: ServerMissing, version: str) -> NoReturn:
    """Skip a test that has no server; in CI fail, unless a later generation lacks its Java."""
    if needed(missing, version):
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


@pytest.fixture(scope="session")
def neo4j_server(request: pytest.FixtureRequest, neo4j_servers: Callable[[str], Server]) -> Server:
    """The server of one generation: the first, unless the test is given another."""
    return neo4j_servers(getattr(request, "param", FIRST))


def _own_server() -> Server:
    server = Server(
        os.environ["NEO4J_URI"],
        os.environ.get("NEO4J_USERNAME", "neo4j"),
        os.environ.get("NEO4J_PASSWORD", ""),
    )
    with GraphDatabase.driver(server.url, auth=(server.username, server.password)) as driver:
        # Tests empty the database: never one that holds anything they did not write.
        ours, all_nodes = driver.execute_query(
            "RETURN COUNT { (:GraphmlTestDatabase) } AS ours, COUNT { () } AS all"
        ).records[0]
        if all_nodes and not ours:
            pytest.fail(f"NEO4J_URI holds {all_nodes} nodes; tests need an empty one", False)
        driver.execute_query("MERGE (:GraphmlTestDatabase)")
    return server


@pytest.fixture
def neo4j_url(neo4j_server: Server) -> str:
    """The URL of a Neo4j whose database has just been emptied."""
    return wiped(neo4j_server)
