"""Purchase links by hand, and against plain loops."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings

from graphml.errors import NothingToDoError, UsageError
from graphml.tasks.labels import MICROSECOND
from graphml.tasks.recommend import purchase_links
from tests.graph.marketplace import HOSTILE, at
from tests.tasks.small import Told, as_tables, backwards, moments, told

SHOP = Told(
    [
        (9, "a", "purchase", "o-1", "p-2"),  # e-09, again below
        (4, "b", "purchase", None, "p-3"),  # e-08, the same product without an order
        (4, "a", "purchase", "o-1", "p-2"),  # e-07
        (4, "a", "purchase", "o-1", "p-1"),  # e-06, the basket shares its minute
        (5, "a", "purchase", "o-2", "p-2"),  # e-05, another order
        (6, "b", "purchase", None, "p-3"),  # e-04
        (2, "b", "view", None, "p-3"),
        (3, "c", "purchase", "o-3", None),  # no product
        (7, "b", "purchase", "o-1", "p-2"),  # e-01, an order of two members
    ]
)
LINKS = [
    ("a", "p-1", 3, 4, "o-1", "e-06", 4),
    ("a", "p-2", 3, 4, "o-1", "e-07", 4),
    ("b", "p-3", 3, 4, None, "e-08", 4),
    ("a", "p-2", 4, 5, "o-2", "e-05", 5),
    ("b", "p-3", 5, 6, None, "e-04", 6),
    ("b", "p-2", 6, 7, "o-1", "e-01", 7),
]


def links(tables, until: int) -> list[tuple]:
    """Return the rows with whole numbers for moments; none where there is nothing to do."""
    try:
        labels = purchase_links(tables, until=at(until))
    except NothingToDoError:
        return []
    assert (labels.task, labels.horizon) == ("purchase", None)
    return [
        tuple((v - at(0)) // MICROSECOND if isinstance(v, datetime) else v for v in row)
        for row in labels.rows.rows()
    ]


def test_links_of_a_shop() -> None:
    tables = as_tables(SHOP)
    assert links(tables, 9) == LINKS
    assert links(backwards(tables), 9) == LINKS
    assert links(tables, 5) == LINKS[:4]
    assert links(tables, 3) == []


def test_any_text_is_an_id() -> None:
    tables = as_tables(Told([(1, HOSTILE, "purchase", "o'\n", 'p"\n')]))
    assert links(tables, 1) == [(HOSTILE, 'p"\n', 0, 1, "o'\n", "e-01", 1)]


@settings(max_examples=150, deadline=None)
@given(told, moments)
def test_links_are_those_of_plain_loops(told, until) -> None:
    found, seen = [], set()
    for key, (time, member, kind, order, product) in sorted(
        zip(told.ids(), told.events, strict=True), key=lambda pair: (pair[1][0], pair[0])
    ):
        line = (member, product, order)
        if kind == "purchase" and time <= until and (order is None or line not in seen):
            found.append((member, product, time - 1, time, order, key, time))
            seen.add(line)
    assert links(as_tables(told), until) == found


def test_what_cannot_be_done_is_an_error() -> None:
    tables = as_tables(SHOP)
    with pytest.raises(NothingToDoError, match="no product was bought by 2024-06-01") as raised:
        purchase_links(tables, until=at(3))
    assert raised.value.hint
    with pytest.raises(ValueError, match="until needs a time zone"):
        purchase_links(tables, until=datetime(2024, 6, 1))  # noqa: DTZ001
    timeless = replace(tables, events=tables.events.with_columns(time=None))
    with pytest.raises(UsageError, match="without time"):
        purchase_links(timeless, until=at(9))
