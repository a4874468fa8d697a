"""Splits: each bracket to the microsecond, and cuts against trying them all."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import UsageError
from graphml.tasks import split as splits
from graphml.tasks.labels import MICROSECOND, ROWS, Labels
from graphml.tasks.split import PARTS, Split, cut_times, random_split, split_by_time
from tests.graph.marketplace import at


def fraud(*rows: tuple[int, int, int], horizon: int = 10) -> Labels:
    """Return labels of as_of, known_at and y, a member each."""
    frame = pl.DataFrame(
        [(f"m-{place}", at(as_of), y, at(known)) for place, (as_of, known, y) in enumerate(rows)],
        schema=ROWS["fraud"],
        orient="row",
    )
    return Labels(task="fraud", horizon=timedelta(microseconds=horizon), rows=frame)


def bought(*times: int) -> Labels:
    frame = pl.DataFrame(
        [
            (f"m-{place}", "p", at(time - 1), at(time), None, f"e-{place}", at(time))
            for place, time in enumerate(times)
        ],
        schema=ROWS["purchase"],
        orient="row",
    )
    return Labels(task="purchase", horizon=None, rows=frame)


def parts(split: Split) -> dict[str, list[int]]:
    """Return the numbers of the members in each part."""
    return {
        name: [int(key[2:]) for key in getattr(split, name).rows["member_id"]] for name in PARTS
    }


def test_fraud_windows_are_cut_and_purged() -> None:
    labels = fraud(
        (90, 99, 1),
        (90, 100, 1),  # its window ends with valid_from, and it is known by then
        (90, 101, 0),  # known too late
        (91, 95, 1),  # its window crosses
        (99, 120, 1),
        (100, 110, 0),
        (190, 200, 0),
        (190, 201, 0),  # known too late
        (191, 195, 1),  # its window crosses
        (200, 205, 1),
        (999, 2000, 0),  # of the test it does not matter when it is known
    )
    split = split_by_time(labels, valid_from=at(100), test_from=at(200))
    assert parts(split) == {"train": [0, 1], "valid": [5, 6], "test": [9, 10]}
    assert split.valid.horizon == labels.horizon


def test_each_purchase_is_in_one_part() -> None:
    split = split_by_time(
        bought(5, 99, 100, 101, 200, 201, 999), valid_from=at(100), test_from=at(200)
    )
    assert parts(split) == {"train": [0, 1, 2], "valid": [3, 4], "test": [5, 6]}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (fraud((91, 95, 1), (100, 110, 0), (200, 210, 0)), "train: over and known by 2024-06-01"),
        (fraud((0, 10, 1), (100, 201, 0), (200, 210, 0)), "valid: from 2024-06-01.* known by"),
        (fraud((0, 10, 1), (100, 110, 0), (199, 210, 0)), r"test: from 2024-06-01T00:00:00\.0002"),
        (bought(101, 150, 201), "no purchase label is in train"),
    ],
)
def test_an_empty_part_is_named(labels: Labels, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        split_by_time(labels, valid_from=at(100), test_from=at(200))
    assert raised.value.hint


def test_cuts_that_do_not_fit_are_errors() -> None:
    labels = bought(5, 101, 201)
    with pytest.raises(UsageError, match="is not before test_from"):
        split_by_time(labels, valid_from=at(100), test_from=at(100))
    naive = datetime(2024, 6, 1)  # noqa: DTZ001
    for cuts in ({"valid_from": naive}, {"test_from": naive}):
        with pytest.raises(ValueError, match="needs a time zone"):
            split_by_time(labels, **{"valid_from": at(100), "test_from": at(200)} | cuts)


def test_purchases_are_cut_at_quantiles() -> None:
    labels = bought(*(place * place for place in range(1_000, 2_000)))
    valid_from, test_from = cut_times(labels, valid=0.2, test=0.1)
    assert (valid_from, test_from) == (at(1_700**2 - 1), at(1_900**2 - 1))
    split = split_by_time(labels, valid_from=valid_from, test_from=test_from)
    assert [len(part) for part in parts(split).values()] == [700, 200, 100]


def test_a_moment_that_most_rows_have_is_not_the_only_one() -> None:
    labels = bought(*[1] * 20_000, *range(2, 900))
    valid_from, test_from = cut_times(labels)
    split = split_by_time(labels, valid_from=valid_from, test_from=test_from)
    assert min(len(part) for part in parts(split).values()) > 100


rows = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(0, 1)), min_size=1, max_size=14
)
shares = st.sampled_from([(0.15, 0.15), (0.5, 0.1), (0.1, 0.4)])


def few(rows) -> Labels:
    return fraud(*((as_of, as_of + wait, y) for as_of, wait, y in rows), horizon=3)


def least(rows, shares, valid_from: int, test_from: int) -> float:
    """Return the smallest part by what was asked of it, from plain loops."""
    over = [(as_of, as_of + max(3, wait)) for as_of, wait, _ in rows]
    train = sum(end <= valid_from for _, end in over)
    valid = sum(valid_from <= as_of and end <= test_from for as_of, end in over)
    test = sum(as_of >= test_from for as_of, _ in over)
    wanted = (1 - sum(shares), *shares)
    parts = zip((train, valid, test), wanted, strict=True)
    return min(part / share for part, share in parts) / max(1, len(rows))


@settings(max_examples=200, deadline=None)
@given(rows, shares)
def test_fraud_cuts_are_the_best_of_all(rows, shares) -> None:
    labels = few(rows)
    frauds, others = ([row for row in rows if row[2] == y] for y in (1, 0))
    for kinds in ([frauds, others], [frauds], [rows]):
        tried = {
            (one, other): min(least(kind, shares, one, other) for kind in kinds)
            for other in range(20)
            for one in range(other)
        }
        if max(tried.values()) > 0:
            cuts = cut_times(labels, valid=shares[0], test=shares[1])
            chosen = tuple((cut - at(0)) // MICROSECOND for cut in cuts)
            assert tried[chosen] == pytest.approx(max(tried.values()))
            split_by_time(labels, valid_from=cuts[0], test_from=cuts[1])
            return
    with pytest.raises(UsageError, match="no two moments cut"):
        cut_times(labels, valid=shares[0], test=shares[1])


def test_a_part_without_frauds_or_without_others_is_told(caplog) -> None:
    cut_times(few([(as_of, 3, y) for as_of in (0, 4, 8) for y in (0, 1)]))
    assert not caplog.records
    cut_times(few([(0, 3, 1), (0, 3, 0), (4, 3, 1), (8, 3, 1)]))
    assert "no cuts leave both answers" in caplog.text


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(0, 14), st.integers(1, 14))
def test_no_part_knows_what_the_next_one_asks(rows, first, wait) -> None:
    labels = few(rows)
    cuts = {"train": at(first), "valid": at(first + wait)}
    try:
        split = split_by_time(labels, valid_from=cuts["train"], test_from=cuts["valid"])
    except UsageError:
        return
    for earlier, later in (("train", "valid"), ("valid", "test")):
        known = getattr(split, earlier).rows
        assert known["known_at"].max() <= cuts[earlier]
        assert known["as_of"].max() + labels.horizon <= cuts[earlier]
        assert getattr(split, later).rows["as_of"].min() >= cuts[earlier]


def test_a_random_split_leaks() -> None:
    labels = bought(*range(1, 201))
    split = random_split(labels, seed=3, valid=0.1, test=0.2)
    dealt = parts(split)
    assert [len(part) for part in dealt.values()] == [140, 20, 40]
    assert sorted(chain(*dealt.values())) == list(range(200))
    assert [part == sorted(part) for part in dealt.values()] == [True] * 3
    assert split.train.rows["time"].max() > split.test.rows["time"].min()
    assert parts(random_split(labels, seed=3, valid=0.1, test=0.2)) == dealt
    assert parts(random_split(labels, seed=4, valid=0.1, test=0.2)) != dealt
    with pytest.raises(UsageError, match="purchase label is in valid: drawn of 2 by chance"):
        random_split(bought(1, 2), seed=1)


@pytest.mark.parametrize("wrong", [(0, 0.1), (0.1, 0), (0.5, 0.5), (-0.1, 0.5)])
def test_shares_that_do_not_fit_are_errors(wrong) -> None:
    valid, test = wrong
    labels = bought(*range(1, 201))
    with pytest.raises(ValueError, match="shares above 0"):
        cut_times(labels, valid=valid, test=test)
    with pytest.raises(ValueError, match="shares above 0"):
        random_split(labels, seed=1, valid=valid, test=test)


def test_cuts_come_from_at_most_so_many_moments(monkeypatch) -> None:
    labels = bought(*range(1, 1_000))
    exact = cut_times(labels)
    monkeypatch.setattr(splits, "MOST_CUTS", 2_000)
    assert all(
        abs(one - other) <= timedelta(microseconds=10)
        for one, other in zip(exact, cut_times(labels), strict=True)
    )
