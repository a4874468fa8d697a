"""Order labels: which orders and reviews turned out fraudulent, each asked the moment before it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from graphml.errors import NothingToDoError
from graphml.results import time_text
from graphml.tables.frames import TIME, Tables, require_utc
from graphml.tasks.fraud import NEGATIVES, Negatives
from graphml.tasks.known import first_seen, known_by, known_frauds, observed_maturity
from graphml.tasks.labels import MICROSECOND

UNITS = ("order", "review")
ORDER_ROWS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "unit": pl.String(),
    "order_id": pl.String(),
    "event_id": pl.String(),
    "member_id": pl.String(),
    "time": TIME,
    "amount": pl.Float64(),
    "currency": pl.String(),
    "y": pl.Int8(),
    "known_at": TIME,
}
"""The columns of order labels with their types; only ``order_id`` and ``currency`` may be null."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OrderLabels:
    """Orders and reviews with their answers, one row each, sorted by (time, event_id).

    Attributes:
        rows: The columns of ``ORDER_ROWS``. ``id`` is an order's order_id, or the event_id of a
            purchase without one; a review's is its event_id, for an order may have several.
            ``event_id``, unique, is the order's first purchase, or the review. ``amount`` is what
            ``order_units`` says. ``y`` is 1 for fraud, known since ``known_at``.

    Raises:
        ValueError: The rows do not have those columns, or an id, a moment or an answer is missing.
    """

    rows: pl.DataFrame

    def __post_init__(self) -> None:
        if self.rows.schema != pl.Schema(ORDER_ROWS):
            raise ValueError(f"order labels need {ORDER_ROWS}, got {self.rows.schema}")
        needed = self.rows.drop("order_id", "currency")
        if gaps := [column.name for column in needed if column.null_count()]:
            raise ValueError(f"order labels without {', '.join(gaps)}")

    def __len__(self) -> int:
        return self.rows.height

    @property
    def as_of(self) -> pl.Series:
        """The last moment that an input may know: a microsecond before each row's time."""
        return self.rows.select(as_of=pl.col("time") - MICROSECOND).to_series()

    def where(self, condition: pl.Expr) -> OrderLabels:
        """Return the labels whose rows fulfil ``condition``, in the same order."""
        return replace(self, rows=self.rows.filter(condition))


def order_units(events: pl.DataFrame, *, member: str = "member_id") -> pl.DataFrame:
    """Return all orders and reviews among ``events``, sorted by (time, event_id).

    The columns: id, unit, order_id, event_id, ``member``, time, amount, currency; see
    ``OrderLabels``. An order is of the member, and at the time, of its first purchase. Amounts
    are never summed across currencies:

    - An order's amount is the sum of its purchases in the currency of the first that states an
      amount.
    - A review's is its own if it states one, else that of its order's purchases before it.
    - Where nothing is stated it is 0.

    Args:
        events: With event_id, time, kind, order_id, amount, currency, and:
        member: The column that says whose an event is, as keys or dense ids.
    """
    columns = ("order_id", "event_id", member, "time", "amount", "currency")
    rows = events.sort("time", "event_id").lazy()
    bought = rows.filter(pl.col("kind") == "purchase").select(
        pl.coalesce("order_id", "event_id").alias("id"), *columns
    )
    # An order may bear the name of an event: those without an order_id are apart.
    orders = bought.group_by("id", pl.col("order_id").is_null().alias("alone")).agg(
        *(pl.col(name).first() for name in ("order_id", "event_id", member, "time")), *_money()
    )
    reviews = rows.filter(pl.col("kind") == "review").select(*columns)
    paid = (
        bought.select("order_id", "amount", "currency", bought="time")
        .join(reviews.select("order_id", "event_id", "time"), on="order_id", how="inner")
        .filter(pl.col("bought") < pl.col("time"))
        .sort("bought", maintain_order=True)
        .group_by("event_id")
        .agg(paid=_money()[0], paid_in=_money()[1])
    )
    own = pl.col("amount").is_not_null()
    reviews = reviews.join(paid, on="event_id", how="left").with_columns(
        amount=pl.when(own).then("amount").otherwise(pl.col("paid").fill_null(0.0)),
        currency=pl.when(own).then("currency").otherwise("paid_in"),
        id=pl.col("event_id"),
    )
    named = ("id", "unit", *columns)
    parts = zip(UNITS, (orders, reviews), strict=True)
    return (
        pl.concat([part.with_columns(unit=pl.lit(unit)).select(named) for unit, part in parts])
        .sort("time", "event_id")
        .collect()
    )


def order_labels(
    tables: Tables,
    *,
    until: datetime,
    maturity: timedelta | None = None,
    negatives: Negatives = "matured",
) -> OrderLabels:
    """Label each order and review: 1 if it is found to be fraud, as known by ``until``.

    What is known only after ``until`` matters in no way, and labels without ``known_at`` never do.

    - ``y = 1``: a chargeback or a label 1 names the order, or its review's; or a label 1 about the
      member covers it: ``fraud_time <= time <= known_at``. Without ``fraud_time`` a label about a
      member covers all before it is known. Known since the first of these is, and the order is
      there.
    - ``y = 0``: nobody accused it or its member, not even of another order, and
      ``time + maturity <= until``. ``matured``: that is enough; known at that moment. ``stated``:
      besides, a label 0 names the order, or its member, at or after the order; known once both
      are.

    All else has no row, which is not 0: orders that are too young, and those of accused members
    that no accusation covers. A chargeback without an order says that one of its member's orders
    was fraud, but not which: none is 1, none is 0.

    Args:
        tables: Events and labels are looked at.
        until: The last moment known, inclusive.
        maturity: How long after an order silence is believed, 0 or more. Default: the delay within
            which 95 % of the frauds known by ``until`` became known.
        negatives: Where the 0s come from.

    Raises:
        ValueError: ``until`` is naive, or another argument is out of range.
        UsageError: There are events without time.
        NothingToDoError: No order or review has an answer that is known by ``until``.

    >>> from datetime import UTC
    >>> day = [datetime(2024, 6, n, tzinfo=UTC) for n in range(1, 31)]
    >>> common = {"kind": "purchase", "product_id": "p-3", "amount": 20.0}
    >>> events = [
    ...     {"event_id": "e-9", "time": day[1], "member_id": "m-17", "order_id": "o-1", **common},
    ...     {"event_id": "e-4", "time": day[2], "member_id": "m-2", "order_id": "o-2", **common},
    ... ]
    >>> found = {"order_id": "o-1", "label": 1, "known_at": day[19]}
    >>> tables = Tables(events=pl.DataFrame(events), labels=pl.DataFrame([found]))
    >>> labels = order_labels(tables, until=day[21], maturity=timedelta(days=7))
    >>> [(row["id"], row["y"], row["known_at"].day) for row in labels.rows.to_dicts()]
    [('o-1', 1, 20), ('o-2', 0, 10)]
    """
    until = require_utc("until", until)
    if maturity is not None and maturity < timedelta(0):
        raise ValueError(f"maturity must be 0 or more, got {maturity}")
    if negatives not in NEGATIVES:
        raise ValueError(f"no negatives {negatives!r}; known: {', '.join(NEGATIVES)}")
    past = known_by(tables, until)
    frauds = known_frauds(past, first_seen(past))
    if maturity is None:
        maturity = observed_maturity(frauds)
    _log.info("orders nobody accused are believed %s", _wait(maturity))
    units = order_units(past.events)
    positive = _positives(units, past)
    innocent = (
        units.join(positive, on="event_id", how="anti")
        .join(frauds, on="member_id", how="anti")
        .with_columns(known_at=pl.col("time") + maturity)
    )
    if negatives == "stated":
        innocent = _cleared(innocent, past.labels)
    rows = (
        pl.concat(
            [
                units.join(positive, on="event_id").with_columns(y=1),
                innocent.filter(pl.col("known_at") <= until).with_columns(y=0),
            ],
            how="diagonal_relaxed",
        )
        .select(pl.col(name).cast(dtype) for name, dtype in ORDER_ROWS.items())
        .sort("time", "event_id")
    )
    if rows.is_empty():
        raise NothingToDoError(
            f"no order or review before {time_text(until)} has an answer that is known by then",
            hint="a shorter maturity, a later moment, or more history",
        )
    return OrderLabels(rows=rows)


def _wait(maturity: timedelta) -> str:
    """Return from when on in words, in whole days, rounded up."""
    days = -(-maturity // timedelta(days=1))
    return f"after {days} day{'s' if days > 1 else ''}" if days else "at once"


def _money() -> tuple[pl.Expr, pl.Expr]:
    """Return the amount and currency of rows in order of time."""
    stated = pl.col("amount").is_not_null()
    currency = pl.col("currency").filter(stated).first()
    same = pl.col("currency").eq_missing(currency)
    return pl.col("amount").filter(same).sum().alias("amount"), currency.alias("currency")


def _positives(units: pl.DataFrame, past: Tables) -> pl.DataFrame:
    """Return event_id and known_at of orders and reviews that are fraud as far as ``past`` knows."""
    labels = past.labels.filter(pl.col("label") == 1)
    charged = past.events.filter(pl.col("kind") == "chargeback")
    named = pl.concat(
        [
            labels.select("order_id", "known_at"),
            charged.select("order_id", known_at="time"),
        ]
    ).drop_nulls("order_id")
    about = labels.filter(pl.col("order_id").is_null()).select(
        "member_id", "fraud_time", "known_at"
    )
    begun = pl.col("fraud_time").is_null() | (pl.col("fraud_time") <= pl.col("time"))
    covered = units.join(about, on="member_id").filter(
        begun & (pl.col("time") <= pl.col("known_at"))
    )
    columns = ("event_id", "time", "known_at")
    return (
        pl.concat([units.join(named, on="order_id").select(columns), covered.select(columns)])
        .group_by("event_id")
        .agg(known_at=pl.max_horizontal("known_at", "time").min())
    )


def _cleared(units: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Return the units that a label 0 clears, ``known_at`` no earlier than that label's."""
    labels = labels.filter(pl.col("label") == 0).rename({"known_at": "cleared_at"})
    of_order = labels.select("order_id", "cleared_at").drop_nulls("order_id")
    of_member = labels.filter(pl.col("order_id").is_null()).select("member_id", "cleared_at")
    found = pl.concat(
        [
            units.join(of_order, on="order_id").select("event_id", "time", "cleared_at"),
            units.join(of_member, on="member_id").select("event_id", "time", "cleared_at"),
        ]
    )
    first = (
        found.filter(pl.col("time") <= pl.col("cleared_at"))
        .group_by("event_id")
        .agg(pl.col("cleared_at").min())
    )
    return units.join(first, on="event_id").with_columns(
        known_at=pl.max_horizontal("known_at", "cleared_at")
    )
