"""One suite, every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from graphml.store.base import GraphStore
from graphml.store.connect import connect
from tests.neo4j_fixtures import generations
from tests.neo4j_server import wiped


@pytest.fixture(params=["embedded", *generations()])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is."""
    if request.param == "embedded":
        return f"embedded://{tmp_path / 'store'}"
    return wiped(request.getfixturevalue("neo4j_servers")(request.param))


@pytest.fixture
def reopen(url: str) -> Iterator[Callable[[], GraphStore]]:
    """Open the store once more."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(connect(url))


@pytest.fixture
def store(reopen: Callable[[], GraphStore]) -> GraphStore:
    return reopen()
