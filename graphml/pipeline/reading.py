"""What every stage begins with: a store's tables and graph, and a model that may be asked about them."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from graphml.errors import NothingToDoError, UsageError
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables

logger = logging.getLogger("graphml.pipeline")


def stored_graph(
    store: GraphStore, as_of: datetime, *, loaded_until: int | None = None
) -> tuple[Tables, Graph]:
    """Return a store's tables and graph as of a moment, of all or of rows up to a load sequence.

    Raises:
        NothingToDoError: No event has happened by then.
    """
    from graphml.graph.build import build_graph

    logger.info("reading events up to %s from %s", as_of.isoformat(), store.url)
    tables = store.read_tables(as_of, loaded_until=loaded_until)
    if tables.events.height == 0:
        raise NothingToDoError(
            f"no events in {store.url} by {as_of.isoformat()}", hint="a later --as-of"
        )
    logger.info("building the graph of %d events", tables.events.height)
    return tables, build_graph(tables, store.schema)


class Taught(Protocol):
    """A model that says what its training and its choice knew."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def trained_until(self) -> datetime:
        """Last moment that training knew."""

    @property
    def chosen_until(self) -> datetime:
        """Last moment that validation knew."""


def known_until(model: Taught) -> datetime:
    """Return the last moment that a model's training or choice knew."""
    return max(model.trained_until, model.chosen_until)


def check_moment(model: Taught, as_of: datetime, *, called: str = "--as-of") -> None:
    """Refuse to ask a model about a moment before the last one that its training or choice knew.

    Args:
        model: To be asked.
        as_of: The moment.
        called: What the moment is to who asks.

    Raises:
        UsageError: It knows what came after ``as_of``.
    """
    known = known_until(model)
    if known > as_of:
        raise UsageError(
            f"{model.name} was trained on data up to {time_text(known)}; "
            f"{called} {time_text(as_of)} is earlier",
            hint="a later --as-of, or a model trained as of an earlier moment",
        )
