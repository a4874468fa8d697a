"""What all tests share: a real Neo4j, started once, used by one worker."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.neo4j_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # They empty the same database: one after the other, in one worker (--dist loadgroup).
    for item in items:
        if item.get_closest_marker("neo4j"):
            item.add_marker(pytest.mark.xdist_group("neo4j"))
