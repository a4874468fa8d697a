"""One suite, every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from graphml.store.base import GraphStore
from graphml.store.connect import connect


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is."""
    if request.param == "embedded":
        return f"embedded://{tmp_path / 'store'}"
    return str(request.getfixturevalue("neo4j_url"))


@pytest.fixture
def reopen(url: str) -> Iterator[Callable[[], GraphStore]]:
    """Open the store once more."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(connect(url))


@pytest.fixture
def store(reopen: Callable[[], GraphStore]) -> GraphStore:
    return reopen()
