"""Labels as of until are the same whatever comes after it, to the microsecond."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from graphml.errors import NothingToDoError, UsageError
from graphml.store.moments import visible
from graphml.tasks import fraud, recommend
from graphml.tasks.fraud import NEGATIVES, fraud_labels
from graphml.tasks.known import known_by
from graphml.tasks.recommend import purchase_links
from graphml.tasks.split import split_as_known, split_by_time
from tests.graph.marketplace import at
from tests.properties.future import MARKETS, MICROSECOND, cut, future, market, together
from tests.tasks.small import Told, as_tables, asked, in_time, told

DAY = timedelta(days=1)
MONTH = {"horizon": 20 * DAY, "every": 7 * DAY}


@pytest.mark.parametrize(("name", "share"), [*((name, 0.8) for name in MARKETS), ("default", 0.97)])
def test_no_label_of_a_market_knows_the_future(name: str, share: float) -> None:
    whole = market(name)
    until = cut(whole, share)
    past = visible(whole, until)
    for make in (
        purchase_links,
        *(lambda t, until, n=n: fraud_labels(t, until=until, negatives=n, **MONTH) for n in NEGATIVES),
    ):  # fmt: skip
        alone = make(past, until=until).rows
        assert alone["known_at"].max() <= until
        assert (alone["as_of"] < alone["known_at"]).all()
        for tables in (whole, together(past, future(whole, until, 7), 9)):
            assert make(tables, until=until).rows.equals(alone)


def test_what_follows_would_change_the_labels_were_it_known() -> None:
    whole = market("default")
    until = cut(whole, 0.8)
    past = visible(whole, until)
    tables = together(past, future(whole, until, 7), 9)
    alone, known = (
        fraud_labels(t, until=until + MICROSECOND, **MONTH).rows for t in (past, tables)
    )
    assert known.filter(y=1).height > 10 * alone.filter(y=1).height


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_what_becomes_known_after_a_part_ended_changes_nothing_in_it(name: str) -> None:
    whole = market(name)
    cuts = {"valid_from": cut(whole, 0.6), "test_from": cut(whole, 0.8)}
    until = cut(whole, 1)

    def labels_of(tables):  # of these tables, by each moment
        return lambda moment: fraud_labels(
            tables, until=moment, negatives="matured", maturity=5 * DAY, **MONTH
        )

    def split(tables):
        return split_as_known(labels_of(tables), until=until, **cuts)

    try:
        known = split(whole)
    except (NothingToDoError, UsageError) as none:
        pytest.skip(f"too little is known there: {none}")
    # Everybody turns out to be a fraudster, one microsecond after each part has ended.
    accused = whole.events.select(pl.col("member_id").unique(maintain_order=True), label=1)
    for part, end in (("train", cuts["valid_from"]), ("valid", cuts["test_from"])):
        later = accused.with_columns(known_at=end + MICROSECOND, fraud_time=end - 30 * DAY)
        labels = pl.concat([whole.labels, later], how="diagonal_relaxed")
        told_later = replace(whole, labels=labels)
        other = labels_of(told_later)(end)
        one = labels_of(whole)(end)
        assert other.rows.equals(one.rows), part
    assert known.train.rows["known_at"].max() <= cuts["valid_from"]
    assert known.valid.rows["known_at"].max() <= cuts["test_from"]
    hindsight = split_by_time(labels_of(whole)(until), **cuts)
    assert len(hindsight.train) != len(known.train), "hindsight has other zeros"


def test_a_split_s_first_parts_do_not_know_what_follows() -> None:
    whole = market("default")
    until, later = cut(whole, 0.9), cut(whole, 1)
    links = [purchase_links(whole, until=moment) for moment in (until, later)]
    cuts = {"valid_from": cut(whole, 0.5), "test_from": cut(whole, 0.7)}
    one, other = (split_by_time(labels, **cuts) for labels in links)
    assert one.train.rows.equals(other.train.rows)
    assert one.valid.rows.equals(other.valid.rows)
    assert len(one.test) < len(other.test)


def shown(tables, question) -> list[list[tuple]]:
    """Return all labels there are as of until; none where there is nothing to do."""
    until = in_time(question)["until"]
    found = []
    for make in (
        lambda: fraud_labels(tables, **in_time(question)),
        lambda: purchase_links(tables, until=until),
    ):
        try:
            found.append(make().rows.rows())
        except NothingToDoError:
            found.append([])
    return found


def after(late: Told, until: int):
    """Return tables of ``late`` that begin a microsecond after ``until``."""
    return as_tables(
        Told(late.events, [row for row in late.labels if row[3] is not None], late.links),
        later=until + 1,
        prefix="!late ",
    )


def check(told, late, question, seed) -> None:
    past = visible(as_tables(told), at(question["until"]))
    mixed = together(past, after(late, question["until"]), seed)
    assert shown(mixed, question) == shown(past, question)


drawn = given(told, told, asked, st.integers(0, 9))


@settings(max_examples=150, deadline=None)
@drawn
def test_the_future_changes_nothing(told, late, question, seed) -> None:
    check(told, late, question, seed)


@pytest.mark.parametrize("module", [fraud, recommend])
def test_a_microsecond_too_many_is_caught(module, monkeypatch) -> None:
    monkeypatch.setattr(
        module, "known_by", lambda tables, until: known_by(tables, until + MICROSECOND)
    )
    once = settings(  # the first counterexample will do
        max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
    )
    with pytest.raises(AssertionError):
        once(drawn(check))()
