"""What every stage begins with: a store's tables and graph as of a moment."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from graphml.errors import NothingToDoError

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables

logger = logging.getLogger("graphml.pipeline")


def stored_graph(store: GraphStore, as_of: datetime) -> tuple[Tables, Graph]:
    """Return a store's tables and graph as of a moment.

    Raises:
        NothingToDoError: No event has happened by then.
    """
    from graphml.graph.build import build_graph

    logger.info("reading events up to %s from %s", as_of.isoformat(), store.url)
    tables = store.read_tables(as_of)
    if tables.events.height == 0:
        raise NothingToDoError(
            f"no events in {store.url} by {as_of.isoformat()}", hint="a later --as-of"
        )
    logger.info("building the graph of %d events", tables.events.height)
    return tables, build_graph(tables, store.schema)
