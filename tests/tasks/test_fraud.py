"""Fraud labels by hand, and against plain loops on tables where everything meets."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings

from graphml.errors import NothingToDoError, UsageError
from graphml.tables.frames import Tables
from graphml.tasks.fraud import MOST_MOMENTS, fraud_labels
from tests.graph.marketplace import HOSTILE, at
from tests.tasks.small import Told, as_tables, asked, backwards, by_loops, in_time, span, told

# Moments are 0, 10, 20, 30, 40; windows last 10; negatives mature 5 later.
SHOP = Told(
    events=[
        (1, "a", "login", None, None),
        (5, "c", "purchase", "o-1", "p-1"),
        (25, "d", "chargeback", "o-1", None),  # about c, who made the order
        (0, "e", "login", None, None),
        (9, "f", "login", None, None),
        (2, "g", "login", None, None),
        (15, "h", "login", None, None),
    ],
    labels=[
        ("a", None, 1, 33, 18),
        ("b", None, 0, 12, None),
        ("e", None, 1, 31, 30),
        ("f", None, 1, 22, None),
        ("g", None, 0, 36, None),
        ("g", None, 1, 39, 37),
        ("h", None, 1, 41, 16),  # after until
        ("h", None, 0, None, None),  # for evaluation alone
        (None, "o-1", 0, 20, None),  # an order clears nobody
        ("d", "o-1", 0, 38, None),
    ],
    links=[("e", "b", 0)],
)
QUESTION = {"horizon": 10, "every": 10, "until": 40, "maturity": 5, "negatives": "stated"}
POSITIVE = [
    ("a", 10, 1, 33),
    ("c", 10, 1, 25),
    ("f", 10, 1, 22),
    ("a", 20, 1, 33),
    ("c", 20, 1, 25),
    ("e", 20, 1, 31),
    ("f", 20, 1, 22),
    ("a", 30, 1, 33),
    ("e", 30, 1, 31),
    ("g", 30, 1, 39),
]


def labelled(tables: Tables, question) -> list[tuple]:
    """Return the rows with whole numbers for moments; none where there is nothing to do."""
    try:
        labels = fraud_labels(tables, **in_time(question))
    except NothingToDoError:
        return []
    assert labels.task == "fraud"
    assert labels.horizon == span(question["horizon"])
    start = pl.lit(at(0))
    numbers = [(pl.col(c) - start).dt.total_microseconds().alias(c) for c in ("as_of", "known_at")]
    return labels.rows.with_columns(numbers).rows()


def in_order(rows):
    return sorted(rows, key=lambda row: (row[1], row[0]))


def test_stated_labels_of_a_shop() -> None:
    negative = [("b", 0, 0, 15), ("b", 10, 0, 25)]  # asked up to 12; matured at as_of + 15
    assert labelled(as_tables(SHOP), QUESTION) == in_order(POSITIVE + negative)


def test_matured_labels_of_a_shop() -> None:
    negative = [
        ("b", 0, 0, 15), ("b", 10, 0, 25), ("b", 20, 0, 35),
        ("e", 0, 0, 15), ("e", 10, 0, 25),  # caught at 31, for what happened at 30
        ("g", 10, 0, 25), ("g", 20, 0, 35),
        ("h", 20, 0, 35),
    ]  # fmt: skip
    question = QUESTION | {"negatives": "matured"}
    assert labelled(as_tables(SHOP), question) == in_order(POSITIVE + negative)


def test_maturity_is_the_delay_that_95_of_100_frauds_keep() -> None:
    # Delays are 15 (a), 20 (c), 1 (e) and 2 (g): negatives wait 10 + 20.
    rows = labelled(as_tables(SHOP), QUESTION | {"maturity": None})
    assert [row for row in rows if row[2] == 0] == [("b", 0, 0, 30), ("b", 10, 0, 40)]


@pytest.mark.parametrize(("slow", "maturity"), [(0, 3), (5, 3), (6, 9)])
def test_five_slow_frauds_in_a_hundred_do_not_delay_the_negatives(slow: int, maturity: int) -> None:
    many = Told(
        events=[(0, f"m-{n}", "login", None, None) for n in range(101)],
        labels=[
            ("m-100", None, 0, 0, None),
            *((f"m-{n}", None, 1, 9 if n < slow else 3, 0) for n in range(100)),
        ],
    )
    question = {"horizon": 1, "every": 25, "until": 25, "maturity": None, "negatives": "stated"}
    rows = labelled(as_tables(many), question)
    assert [row for row in rows if row[2] == 0] == [("m-100", 0, 0, 1 + maturity)]
    assert len(rows) == 101


def test_a_member_is_asked_about_until_the_first_fraud_is_known() -> None:
    twice = Told(
        events=[(0, "m", "login", None, None)],
        labels=[("m", None, 1, 4, 1), ("m", None, 1, 9, 8)],
    )
    question = {"horizon": 3, "every": 2, "until": 10, "maturity": 0, "negatives": "stated"}
    assert labelled(as_tables(twice), question) == [("m", 0, 1, 4), ("m", 2, 1, 4)]


def test_a_window_is_known_by_the_fraud_within_it() -> None:
    # The fraud at 9 is known first, and lies beyond the window of as_of 0.
    twice = Told(
        events=[(0, "m", "login", None, None)],
        labels=[("m", None, 1, 9, 9), ("m", None, 1, 10, 1)],
    )
    question = {"horizon": 3, "every": 2, "until": 10, "maturity": 0, "negatives": "matured"}
    assert labelled(as_tables(twice), question) == [
        ("m", 0, 1, 10), ("m", 2, 1, 10), ("m", 4, 1, 10), ("m", 6, 1, 9), ("m", 8, 1, 9),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fraud", "known", "found"),
    [(5, 9, True), (6, 9, False), (1, 3, True), (1, 2, False)],
    ids=["at the end of the window", "after it", "unknown yet", "known at as_of"],
)
def test_both_ends_of_the_window(fraud: int, known: int, found: bool) -> None:
    one = Told([(2, "m", "login", None, None)], [("m", None, 1, known, fraud)])
    question = {"horizon": 3, "every": 7, "until": 9, "maturity": 0, "negatives": "stated"}
    assert labelled(as_tables(one), question) == ([("m", 2, 1, known)] if found else [])


def test_a_chargeback_before_the_purchase_does_not_say_when() -> None:
    late = Told([(0, "m", "login", None, None), (4, "m", "chargeback", "o", None),
                 (5, "m", "purchase", "o", "p")])  # fmt: skip
    question = {"horizon": 1, "every": 5, "until": 5, "maturity": 0, "negatives": "stated"}
    assert labelled(as_tables(late), question) == [("m", 0, 1, 4)]
    bought = replace(late, events=[*late.events[:2], (3, "m", "purchase", "o", "p")])
    assert labelled(as_tables(bought), question) == []  # it happened at 3, after the window
    assert labelled(as_tables(bought), question | {"horizon": 3}) == [("m", 0, 1, 4)]
    at_once = replace(late, events=[*late.events[:2], (4, "m", "purchase", "o", "p")])
    assert labelled(as_tables(at_once), question | {"horizon": 3}) == []


@settings(max_examples=300, deadline=None)
@given(told, asked)
def test_labels_are_those_of_plain_loops(told, question) -> None:
    assert labelled(as_tables(told), question) == by_loops(told, **question)


@settings(max_examples=60, deadline=None)
@given(told, asked)
def test_the_order_of_rows_does_not_matter(told, question) -> None:
    tables = as_tables(told)
    assert labelled(backwards(tables), question) == labelled(tables, question)


def test_a_fraud_told_many_times_is_one() -> None:
    # The first label's delay of 15 would be that of 95 of 100.
    often = replace(SHOP, labels=SHOP.labels * 2 + SHOP.labels[:1] * 90)
    for question in (QUESTION, QUESTION | {"maturity": None, "negatives": "matured"}):
        assert labelled(as_tables(often), question) == labelled(as_tables(SHOP), question)


def test_frauds_known_before_they_happen_make_no_negative_known_early() -> None:
    early = Told(
        [(0, "m", "login", None, None), (0, "n", "login", None, None)],
        [("m", None, 1, 2, 9), ("n", None, 0, 1, None)],
    )
    question = {"horizon": 3, "every": 9, "until": 9, "maturity": None, "negatives": "stated"}
    assert labelled(as_tables(early), question) == [("n", 0, 0, 3)]


@pytest.mark.parametrize(("known", "y"), [(6, None), (7, 0)])
def test_who_is_caught_while_a_negative_matures_is_none(known: int, y: int | None) -> None:
    one = Told([(0, "m", "login", None, None)], [("m", None, 1, known, 5)])
    question = {"horizon": 4, "every": 9, "until": 9, "maturity": 2, "negatives": "matured"}
    rows = [("m", 0, y, 6)] if y is not None else []
    assert labelled(as_tables(one), question) == rows


def test_any_text_is_an_id() -> None:
    hostile = Told(
        [(0, HOSTILE, "purchase", "o'\n", "p"), (0, "", "login", None, None)],
        [(None, "o'\n", 1, 3, None), ("", None, 0, 2, None)],
    )
    question = {"horizon": 1, "every": 3, "until": 3, "maturity": 0, "negatives": "stated"}
    assert labelled(as_tables(hostile), question) == [("", 0, 0, 2), (HOSTILE, 0, 1, 3)]


def test_contradictions_and_strangers_are_told(caplog) -> None:
    shop = replace(SHOP, labels=[*SHOP.labels, ("nobody", None, 1, 3, None)])
    with caplog.at_level(logging.INFO):
        assert labelled(as_tables(shop), QUESTION) == labelled(as_tables(SHOP), QUESTION)
    assert "1 members have labels 0 and 1" in caplog.text
    assert "1 fraud labels are about members without an event" in caplog.text


def test_no_label_known_is_nothing_to_do() -> None:
    question = in_time(QUESTION)
    tables = as_tables(SHOP)
    for until, message in ((at(11), "no fraud label"), (at(12), "no moment before")):
        with pytest.raises(NothingToDoError, match=message) as raised:
            fraud_labels(tables, **question | {"until": until})
        assert "\n" not in raised.value.message
        assert raised.value.hint
    with pytest.raises(NothingToDoError):
        fraud_labels(tables, **question | {"until": at(11), "negatives": "matured"})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"until": datetime(2024, 6, 1)}, "until needs a time zone"),  # noqa: DTZ001
        ({"every": timedelta(0)}, "every must be positive"),
        ({"every": timedelta(-1)}, "every must be positive"),
        ({"horizon": timedelta(0)}, "horizon must be positive"),
        ({"maturity": timedelta(-1)}, "maturity must be 0 or more"),
        ({"negatives": "assumed"}, "no negatives 'assumed'; known: stated, matured"),
    ],
)
def test_what_does_not_fit_is_an_error(wrong, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fraud_labels(as_tables(SHOP), **in_time(QUESTION) | wrong)


def test_a_slip_in_every_does_not_fill_the_memory() -> None:
    tables = as_tables(SHOP)
    question = in_time(QUESTION) | {"every": span(1), "negatives": "matured"}
    question["until"] = at(MOST_MOMENTS - 1)  # the first event is at 0
    fraud_labels(tables, **question | {"maturity": span(MOST_MOMENTS - 20)})
    with pytest.raises(UsageError, match=f"{MOST_MOMENTS + 1:,} moments"):
        fraud_labels(tables, **question | {"until": at(MOST_MOMENTS)})


def test_events_without_time_have_no_as_of() -> None:
    tables = as_tables(SHOP)
    timeless = replace(tables, events=tables.events.with_columns(time=None))
    with pytest.raises(UsageError, match="without time"):
        fraud_labels(timeless, **in_time(QUESTION))


def test_until_may_be_told_in_any_zone() -> None:
    question = in_time(QUESTION)
    moved = question["until"].astimezone(timezone(timedelta(hours=5, minutes=30)))
    one, other = (
        fraud_labels(as_tables(SHOP), **question | {"until": until}).rows
        for until in (question["until"], moved)
    )
    assert one.equals(other)
