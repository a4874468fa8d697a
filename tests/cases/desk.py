"""A desk with a case book on it, and the hostile things people may write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

from graphml.cases.book import CaseBook
from graphml.store.rooms import CASES

START = datetime(2024, 6, 2, 9, 30, tzinfo=UTC)
TRIGGERS = ("audit_in_order", "audit_unchanged", "audit_kept")

HOSTILE = (
    "<script>alert(1)</script>",
    "' OR 1=1; DROP TABLE audit; --",
    '"><img src=x onerror=alert(1)>',
    "& &amp; &#60;",
    "a/b c%2F..",
    "\u202egnp.exe",
    "two\nlines\r\nand\ttab",
    "\x1b[31mred\x7f",
    "日本 😀 é e\u0301 \u2028",
    "]]> --> */ {{x}} ${y}",
)

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ids = words.filter(str.strip)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def book_in(folder: Path, url: str = "embedded://shop") -> CaseBook:
    return CaseBook(folder, store_url=url)


@contextmanager
def file_of(book: CaseBook, *, guarded: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the file behind the book's back; without its triggers unless ``guarded``."""
    with closing(sqlite3.connect(book.folder / CASES)) as database, database:
        for trigger in () if guarded else TRIGGERS:
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        yield database
