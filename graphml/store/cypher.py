"""Statements from ``cypher/``: one a file; found beside the package or inside the wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Path:
    """Return the folder ``name`` (``cypher``, ``datasets``): of the wheel, else of the checkout."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


@cache
def statement(name: str) -> str:
    """Return the text of ``cypher/NAME.cypher``, as ``neo4j/write_events``."""
    return (data_folder("cypher") / f"{name}.cypher").read_text(encoding="utf-8")
