"""Real data by the cards that ship, as graphs."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from graphml.graph.build import Graph, build_graph
from graphml.tables.source import read_source
from graphml.tables.validate import validate

CARDS = Path(__file__).resolve().parents[2] / "datasets"
ECOMMERCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "ecommerce-fraud"


@cache
def card_graph(name: str, data: Path | None = None) -> Graph:
    source = read_source(CARDS / f"{name}.toml", data)
    tables, _ = validate(source, now=datetime(2026, 1, 1, tzinfo=UTC))
    return build_graph(tables)
