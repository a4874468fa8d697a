"""Rows and helpers for the tests of tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from graphml.tables.frames import Tables
from graphml.tables.quarantine import Quarantine
from graphml.tables.source import read_source
from graphml.tables.validate import validate

NOW = datetime(2025, 1, 1, tzinfo=UTC)
HEADER = "event_id,time,kind,member_id,product_id,amount\n"
GOOD = "e-1,2024-01-02T03:04:05Z,view,m-1,p-1,\n"
COMMA = 'not a number; decimal comma? card: decimal = ","'


def load(path: Path, data: Path | None = None, **settings: bool) -> tuple[Tables, Quarantine]:
    return validate(read_source(path, data), now=NOW, **settings)


def load_csv(folder: Path, text: str | bytes, **settings: bool) -> tuple[Tables, Quarantine]:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "events.csv").write_bytes(data)
    tables, quarantine = load(folder, **settings)
    check_sum(tables, quarantine)
    return tables, quarantine


def check_sum(tables: Tables, quarantine: Quarantine) -> None:
    """Rows in = loaded + repeats + quarantined, and what is loaded is what is there."""
    for table, read in quarantine.read.items():
        loaded = getattr(tables, table).height - quarantine.derived.get(table, 0)
        assert read == loaded + quarantine.repeats[table] + quarantine.counts[table]
        assert quarantine.loaded[table] == loaded
    assert set(quarantine.rows["table"]) <= set(quarantine.read)


def reasons(quarantine: Quarantine) -> list[tuple[int, str | None, str]]:
    """Line, column and rule of each row in the quarantine, by line."""
    return sorted(quarantine.rows.select("line", "column", "rule").rows(), key=lambda row: row[0])
