"""Numbers and periods as titles say them."""

from __future__ import annotations

from datetime import datetime

from graphml.errors import one_line


def percent(share: float) -> str:
    """Return a share with three digits that count.

    >>> percent(0.0194), percent(1.0), percent(0.00012), percent(0.0)
    ('1.94 %', '100 %', '0.012 %', '0 %')
    """
    return f"{100 * share:.3g} %"


def number(count: int, noun: str) -> str:
    """Return a count of a noun, which takes an s.

    >>> number(1, "row"), number(18204, "member")
    ('1 row', '18,204 members')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def days(first: datetime, last: datetime) -> str:
    """Return a period by its first and its last day.

    >>> days(datetime(2024, 6, 2), datetime(2024, 6, 16))
    '2024-06-02 to 2024-06-16'
    """
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def label(text: str, limit: int = 24) -> str:
    """Return text of anybody's on one line, with nothing in it that turns the line around.

    What does not print is escaped, and a text that is too long loses its middle.

    >>> label("a" * 30, 9)
    'aaaa…aaaa'
    """
    flat = one_line(text, 10 * limit)
    if len(flat) <= limit:
        return flat
    half = (limit - 1) // 2
    return f"{flat[: limit - 1 - half]}…{flat[-half:]}"
