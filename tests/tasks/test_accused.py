"""Labels of who was accused in time; the others are unlabelled, whatever the number says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import UsageError
from graphml.tables.frames import Tables
from graphml.tasks.accused import REACH, accused_labels, cleared_share

START = datetime(2024, 3, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
WEEK = timedelta(days=7)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def shop(
    seen: dict[str, float],
    labels: list[tuple[str, int, float, float | None]],
    chargebacks: list[tuple[str, float]] = (),
) -> Tables:
    events = [
        {"event_id": f"e-{m}", "time": day(t), "kind": "login", "member_id": m}
        for m, t in seen.items()
    ] + [
        {"event_id": f"c-{m}-{t}", "time": day(t), "kind": "chargeback", "member_id": m}
        for m, t in chargebacks
    ]
    rows = [
        {
            "member_id": m, "label": y, "known_at": day(known),
            "fraud_time": None if fraud is None else day(fraud),
        }
        for m, y, known, fraud in labels
    ]  # fmt: skip
    schema = {
        "member_id": pl.String,
        "label": pl.Int64,
        "known_at": pl.Datetime("us", "UTC"),
        "fraud_time": pl.Datetime("us", "UTC"),
    }
    return Tables(events=pl.DataFrame(events), labels=pl.DataFrame(rows, schema=schema))


SEEN = {"a": 0, "b": 1, "c": 2, "d": 3, "e": 12, "f": 0, "g": 0}
LABELS = [
    ("a", 1, 20, 8),      # known late: a fraud of day 8
    ("b", 1, 9, 4),       # known by the moment: asked no more
    ("c", 1, 25, 18),     # a fraud of after the window
    ("d", 1, 20, None),   # nobody says when: within reach
    ("f", 1, 40, 5),      # known only after until
    ("g", 0, 15, None),
]  # fmt: skip


def rows(tables: Tables, **given) -> dict[str, int]:
    asked = {"moments": [day(10)], "horizon": WEEK, "until": day(30), **given}
    return dict(accused_labels(tables, **asked).rows.select("member_id", "y").rows())


def test_the_accused_are_those_of_the_window_and_the_silent_are_all_others():
    assert rows(shop(SEEN, LABELS)) == {"a": 1, "d": 1, "f": 0, "g": 0}


def test_windows_end_inclusive_and_begin_after_the_moment():
    at = [("a", 1, 20, 17), ("b", 1, 20, 17.001), ("c", 1, 10, 4), ("d", 1, 10.001, 4)]
    assert rows(shop(dict.fromkeys("abcd", 0), at)) == {"a": 1, "d": 1}


def test_a_fraud_of_no_known_time_reaches_back_so_far_and_no_further():
    reach = REACH / timedelta(days=1)
    known = [("a", 1, 10 + reach, None), ("b", 1, 10.001 + reach, None)]
    assert rows(shop({"a": 0, "b": 0}, known), until=day(90)) == {"a": 1}


def test_chargebacks_accuse_and_few_of_the_silent_are_enough():
    seen = {f"m-{n}": 0 for n in range(40)}
    tables = shop(seen, [], chargebacks=[("m-7", 20)])
    found = rows(tables, unaccused=5)
    assert sum(found.values()) == 1
    assert len(found) == 6
    assert found == rows(tables, unaccused=5)
    assert set(found) != set(rows(tables, unaccused=5, seed=9))


def test_a_moment_whose_window_is_not_over_is_refused():
    with pytest.raises(UsageError, match="not over by"):
        rows(shop(SEEN, LABELS), moments=[day(23) + MICROSECOND])
    assert rows(shop(SEEN, LABELS), moments=[day(23)])


@settings(max_examples=80, deadline=None)
@given(
    late=st.lists(
        st.tuples(
            st.sampled_from("abcdefg"), st.integers(0, 1), st.integers(0, 3), st.integers(0, 31)
        ),
        max_size=6,
    ),
    until=st.sampled_from([17, 18, 25, 30]),
)
def test_what_is_known_after_until_changes_nothing(late, until):
    future = [(m, y, until + 1e-9 + k / 2 + 1e-3, fraud) for m, y, k, fraud in late]
    charged = [(m, until + 1e-3) for m, _, _, _ in late]
    alone = accused_labels(
        shop(SEEN, LABELS), moments=[day(3), day(10)], horizon=WEEK, until=day(until)
    )
    after = accused_labels(
        shop(SEEN, LABELS + future, charged),
        moments=[day(3), day(10)],
        horizon=WEEK,
        until=day(until),
    )
    assert alone.rows.equals(after.rows)
    assert alone.rows.select((pl.col("known_at") <= day(until)).all()).item()


def test_the_share_of_the_cleared_counts_members_once():
    tables = shop(
        {"a": 0, "b": 0, "c": 0, "d": 0}, [("a", 0, 5, None), ("a", 0, 6, None), ("b", 0, 40, None)]
    )
    assert cleared_share(tables, until=day(10)) == 0.25
