"""Fraud labels: which members will turn out fraudulent, asked again and again over time."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from graphml.errors import NothingToDoError, UsageError
from graphml.results import time_text
from graphml.tables.frames import TIME, Tables, require_utc
from graphml.tasks.known import (
    first_seen,
    known_by,
    known_clearances,
    known_frauds,
    observed_maturity,
)
from graphml.tasks.labels import MICROSECOND, ROWS, Labels

Negatives = Literal["stated", "matured"]
NEGATIVES: tuple[Negatives, ...] = ("stated", "matured")

MOST_MOMENTS = 100_000
"""More moments than this come from a slip in ``every``, and would fill the memory."""

_log = logging.getLogger(__name__)


def fraud_labels(
    tables: Tables,
    *,
    horizon: timedelta,
    every: timedelta,
    until: datetime,
    maturity: timedelta | None = None,
    negatives: Negatives = "stated",
) -> Labels:
    """Label each member at each ``as_of``: 1 if fraud falls in ``(as_of, as_of + horizon]``.

    The moments are ``until``, ``until - every`` and so on, back to the first event; a member is
    asked about from its first event or link on, and no longer once a fraud of it is known. What
    is known only after ``until`` matters in no way, and labels without ``known_at`` never do.

    - ``y = 1``: a fraud that nobody knows yet at ``as_of`` happens by ``as_of + horizon``. One
      that began before and is still unknown is worth finding too. A fraud without ``fraud_time``
      covers every ``as_of`` before it is known. Known since the first such fraud is known.
    - ``y = 0``, ``stated``: a label 0 about the member, for moments up to that label's
      ``known_at``; known once the label is and ``as_of + horizon + maturity`` has come. A fraud
      of the member known by ``until`` outweighs it at all moments.
    - ``y = 0``, ``matured``: no fraud of the member was known by ``as_of + horizon + maturity``;
      known at that moment. It takes the place of stated labels.

    A member without a row is unlabelled, which is not 0. Moments within ``horizon + maturity`` of
    ``until`` have positives alone, since no negative is known yet. The rows are the best
    knowledge at ``until``: a fraud found late takes the 0 it had until then away. What was known
    on an earlier day, with all its errors, is what that day as ``until`` gives.

    Args:
        tables: Events, links and labels; attributes are not looked at.
        horizon: How far ahead to look; positive.
        every: From one moment to the next; positive.
        until: The last moment known, inclusive.
        maturity: How long after the end of its window a negative is believed, 0 or more. Default:
            the delay within which 95 % of the frauds known by ``until`` became known.
        negatives: Where the 0s come from.

    Raises:
        ValueError: ``until`` is naive, or a duration is out of range.
        UsageError: There are events without time, or more than ``MOST_MOMENTS`` moments.
        NothingToDoError: No label about a member is known by ``until``, or none yields a row.

    >>> from datetime import UTC
    >>> day = [datetime(2024, 6, n, tzinfo=UTC) for n in range(1, 31)]
    >>> events = {"event_id": "e-9", "time": day[0], "kind": "login", "member_id": "m-17"}
    >>> found = {"member_id": "m-17", "label": 1, "known_at": day[19], "fraud_time": day[11]}
    >>> tables = Tables(events=pl.DataFrame([events]), labels=pl.DataFrame([found]))
    >>> week = timedelta(days=7)
    >>> labels = fraud_labels(tables, horizon=week, every=week, until=day[21])
    >>> [(row["as_of"].day, row["y"], row["known_at"].day) for row in labels.rows.to_dicts()]
    [(8, 1, 20), (15, 1, 20)]
    """
    until = require_utc("until", until)
    _check(horizon=horizon, every=every, maturity=maturity, negatives=negatives)
    past = known_by(tables, until)
    members = first_seen(past)
    frauds, cleared = known_frauds(past, members), known_clearances(past, members)
    if frauds.is_empty() and cleared.is_empty():
        raise NothingToDoError(
            f"no fraud label about a member is known by {time_text(until)}",
            hint="load chargebacks or labels with known_at, or name a later moment",
        )
    if maturity is None:
        maturity = observed_maturity(frauds)
    caught = frauds.group_by("member_id").agg(caught=pl.col("known_at").min())
    _log.info("negatives are known %.1f days after their horizon", maturity / timedelta(days=1))
    _log_contradictions(caught, cleared)
    grid = _Grid(until, every)
    positive = _positives(grid.at_each_moment(frauds.join(caught, on="member_id")), horizon)
    if negatives == "matured":
        asked = grid.at_each_moment(members.join(caught, on="member_id", how="left"))
        negative = _matured(asked, horizon + maturity, until)
        negative = negative.join(positive, on=["member_id", "as_of"], how="anti")
    else:
        asked = grid.at_each_moment(cleared.join(caught, on="member_id", how="anti"))
        negative = _stated(asked, horizon + maturity, until)
    rows = (
        pl.concat([positive.with_columns(y=1), negative.with_columns(y=0)])
        .select(pl.col(name).cast(dtype) for name, dtype in ROWS["fraud"].items())
        .sort("as_of", "member_id")
        .collect()
    )
    if rows.is_empty():
        raise NothingToDoError(
            f"no moment before {time_text(until)} has a label that is known by then",
            hint="a shorter every, horizon or maturity",
        )
    return Labels(task="fraud", horizon=horizon, rows=rows)


def _check(
    *, horizon: timedelta, every: timedelta, maturity: timedelta | None, negatives: str
) -> None:
    for name, duration in (("horizon", horizon), ("every", every)):
        if duration < MICROSECOND:
            raise ValueError(f"{name} must be positive, got {duration}")
    if maturity is not None and maturity < timedelta(0):
        raise ValueError(f"maturity must be 0 or more, got {maturity}")
    if negatives not in NEGATIVES:
        raise ValueError(f"no negatives {negatives!r}; known: {', '.join(NEGATIVES)}")


class _Grid:
    """The moments ``until``, ``until - every``, … ."""

    def __init__(self, until: datetime, every: timedelta) -> None:
        self._until = until
        self._every = every

    def at_each_moment(self, rows: pl.DataFrame) -> pl.LazyFrame:
        """Return each row once per ``as_of`` at or after its ``first``."""
        age = pl.lit(self._until, TIME) - pl.col("first")
        steps = age.dt.total_microseconds() // (self._every // MICROSECOND)
        most = rows.select(steps.max()).item()
        if most is not None and most >= MOST_MOMENTS:
            raise UsageError(
                f"every {self._every} makes {most + 1:,} moments back to the first event; "
                f"at most {MOST_MOMENTS:,}",
                hint="a longer every",
            )
        as_of = pl.lit(self._until, TIME) - pl.col("step") * pl.lit(self._every)
        return (
            rows.lazy()
            .with_columns(step=pl.int_ranges(0, steps + 1))
            .explode("step")
            .select(*rows.columns, as_of=as_of)
        )


def _positives(frauds: pl.LazyFrame, horizon: timedelta) -> pl.LazyFrame:
    """Return member_id, as_of, known_at of windows with a fraud that is unknown at as_of."""
    happened = pl.col("fraud_time") <= pl.col("as_of") + horizon
    return (
        frauds.filter(pl.col("as_of") < pl.col("caught"))
        .filter(pl.col("fraud_time").is_null() | happened)
        .group_by("member_id", "as_of")
        .agg(pl.col("known_at").min())
    )


def _matured(members: pl.LazyFrame, wait: timedelta, until: datetime) -> pl.LazyFrame:
    """Return member_id, as_of, known_at of members nobody had caught ``wait`` after as_of."""
    return (
        members.with_columns(known_at=pl.col("as_of") + wait)
        .filter(pl.col("known_at") <= pl.lit(until, TIME))
        .filter(pl.col("caught").is_null() | (pl.col("caught") > pl.col("known_at")))
        .select("member_id", "as_of", "known_at")
    )


def _stated(cleared: pl.LazyFrame, wait: timedelta, until: datetime) -> pl.LazyFrame:
    """Return member_id, as_of, known_at of members cleared at or after as_of."""
    return (
        cleared.filter(pl.col("as_of") <= pl.col("known_at"))
        .with_columns(known_at=pl.max_horizontal("known_at", pl.col("as_of") + wait))
        .filter(pl.col("known_at") <= pl.lit(until, TIME))
        .group_by("member_id", "as_of")
        .agg(pl.col("known_at").min())
    )


def _log_contradictions(caught: pl.DataFrame, cleared: pl.DataFrame) -> None:
    both = cleared.join(caught, on="member_id", how="semi")["member_id"].n_unique()
    if both:
        _log.info("%d members have labels 0 and 1 by then: they count as fraudulent", both)
