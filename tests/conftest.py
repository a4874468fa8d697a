"""What all tests share: real Neo4js, each started once, used by one worker."""

from __future__ import annotations

pytest_plugins = ["tests.neo4j_fixtures"]
