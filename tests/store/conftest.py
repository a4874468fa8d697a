"""What needs a Neo4j is tried with each generation of it."""

from __future__ import annotations

import pytest

from tests.neo4j_fixtures import generations


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    named = any("neo4j_server" in names for names in given)
    if "neo4j_server" in metafunc.fixturenames and not named:
        metafunc.parametrize(
            "neo4j_server", generations(later_slow=True), indirect=True, scope="session"
        )
