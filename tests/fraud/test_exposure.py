"""What is at risk: by hand, and blind to what is bought later."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from graphml.fraud import exposure
from graphml.fraud.exposure import exposures
from graphml.tables.frames import TIME, empty
from tests.graph.marketplace import at, event, tables

MICROSECOND = timedelta(microseconds=1)
DAYS = timedelta(days=1) // MICROSECOND


def asked(*pairs) -> pl.DataFrame:
    return pl.DataFrame(
        [(member, at(moment)) for member, moment in pairs],
        schema={"member_id": pl.String, "as_of": TIME}, orient="row",
    )  # fmt: skip


def bought(number, moment, member, amount, currency="EUR", kind="purchase"):
    return event(f"e-{number}", moment, member, kind, amount=amount, currency=currency)


def test_exposure_is_what_was_bought_in_90_days_to_the_microsecond():
    now = 100 * DAYS
    shop = tables(
        [
            bought(1, 10 * DAYS, "ann", 1.0),  # 90 days before: not in
            bought(2, 10 * DAYS + 1, "ann", 2.0),
            bought(3, now, "ann", 4.0),
            bought(4, now + 1, "ann", 8.0),
            bought(5, now, "ann", 16.0, kind="refund"),
            bought(6, now, "bob", 100.0, "USD"),
            bought(7, now, "bob", 7.0),
            bought(8, now, "bob", 7.0),
            bought(9, now, "cy", None),
        ]
    ).events
    wanted = asked(("bob", now), ("ann", now), ("dee", now), ("cy", now), ("ann", now + 1))
    assert exposures(shop, wanted).tolist() == [14.0, 6.0, 0.0, 0.0, 12.0]
    assert exposures(shop, wanted.clear()).tolist() == []
    assert exposures(empty("events"), wanted).tolist() == [0.0] * 5


purchases = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 8), st.sampled_from("XY")),
    max_size=6,
)


def shop_of(rows, prefix, later=0):
    return [
        bought(f"{prefix}{number}", later + moment, member, amount / 10, currency * 3)
        for number, (moment, member, amount, currency) in enumerate(rows)
    ]


def check_exposures(past, late, moment, order):
    until = [row for row in past if row[0] <= moment]
    events = shop_of(until, "b") + shop_of(late, "a", later=moment + 1)
    order.shuffle(events)
    wanted = asked(("a", moment), ("b", moment), ("c", moment))
    alone = exposures(tables(shop_of(until, "b")).events, wanted)
    assert exposures(tables(events).events, wanted).tolist() == alone.tolist()


drawn = given(purchases, purchases, st.integers(0, 3), st.randoms(use_true_random=False))


@settings(deadline=None)
@drawn
def test_what_is_bought_later_is_not_at_risk_yet(past, late, moment, order):
    check_exposures(past, late, moment, order)


def test_a_microsecond_too_many_at_risk_is_caught(monkeypatch):
    honest = exposure._spent
    monkeypatch.setattr(exposure, "_spent", lambda b, m: honest(b, m + MICROSECOND).with_columns(
        pl.lit(m, TIME).alias("as_of")))  # fmt: skip
    with pytest.raises(AssertionError):
        settings(deadline=None, database=None, derandomize=True, phases=[Phase.generate])(
            drawn(check_exposures)
        )()
