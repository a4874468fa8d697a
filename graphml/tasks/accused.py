"""Who was accused in time, and who was not: labels where silence is no acquittal."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from graphml.errors import NothingToDoError, UsageError
from graphml.results import time_text
from graphml.tables.frames import TIME, Tables, require_utc
from graphml.tasks.known import first_seen, known_by, known_clearances, known_frauds
from graphml.tasks.labels import ROWS, Labels

REACH = timedelta(days=60)
"""How long before it became known a fraud without ``fraud_time`` is taken to have gone on."""

_log = logging.getLogger(__name__)


def accused_labels(
    tables: Tables,
    *,
    moments: Sequence[datetime],
    horizon: timedelta,
    until: datetime,
    unaccused: int | None = None,
    seed: int = 0,
) -> Labels:
    """Label each member at each moment: 1 if it was accused by ``until`` of a fraud of that time.

    - ``y = 1``: a fraud that nobody knew at the moment, and that is known by ``until``, happened
      by ``moment + horizon``; one without ``fraud_time`` if it became known within ``REACH``.
    - ``y = 0``: no fraud of the member is known by ``until``. Most of these are honest; some were
      never caught, so 0 is not innocence (positive and unlabelled: Elkan, Noto 2008).
    - Members with a fraud known by the moment, or one of another time, have no row.

    Unlike ``fraud_labels`` with ``matured`` negatives it waits for nobody, and what it calls 0 was
    known on the day ``until``.

    Args:
        tables: Events, links and labels.
        moments: Each at least a ``horizon`` before ``until``.
        horizon: How far ahead to look; positive.
        until: The last moment known, inclusive.
        unaccused: At most so many 0s a moment, drawn by chance; ``None`` for all.
        seed: Of the draw.

    Raises:
        ValueError: A moment is naive.
        UsageError: A moment's window ends after ``until``, or there are events without time.
        NothingToDoError: Nobody was there by any of the moments.
    """
    until = require_utc("until", until)
    moments = [require_utc("moment", moment) for moment in moments]
    if late := [moment for moment in moments if moment + horizon > until]:
        raise UsageError(
            f"the window of {time_text(max(late))} is not over by {time_text(until)}",
            hint="earlier moments, or a shorter horizon",
        )
    past = known_by(tables, until)
    members = first_seen(past)
    frauds = known_frauds(past, members)
    caught = frauds.group_by("member_id").agg(caught=pl.col("known_at").min())
    asked = members.join(caught, on="member_id", how="left")
    _log.info("%d members were accused by %s", caught.height, until.date())
    parts = [
        _at(moment, asked, frauds, horizon, until, unaccused, seed + number)
        for number, moment in enumerate(sorted(set(moments)))
    ]
    rows = pl.concat([part.select(*ROWS["fraud"]) for part in parts]) if parts else pl.DataFrame()
    if rows.is_empty():
        raise NothingToDoError(
            f"nobody was there by {time_text(max(moments, default=until))}",
            hint="a later moment",
        )
    return Labels(task="fraud", horizon=horizon, rows=rows.sort("as_of", "member_id"))


def cleared_share(tables: Tables, *, until: datetime) -> float:
    """Return the share of all members there by ``until`` of whom a label 0 says so, in [0, 1].

    Where it is high, silence is rare, and a 0 is innocence after all.
    """
    past = known_by(tables, require_utc("until", until))
    members = first_seen(past)
    cleared = known_clearances(past, members)["member_id"].n_unique()
    return cleared / members.height if members.height else 0.0


def _at(
    moment: datetime,
    asked: pl.DataFrame,
    frauds: pl.DataFrame,
    horizon: timedelta,
    until: datetime,
    unaccused: int | None,
    seed: int,
) -> pl.DataFrame:
    free = pl.col("caught").is_null() | (pl.col("caught") > moment)
    there = asked.filter((pl.col("first") <= moment) & free)
    of_then = pl.col("fraud_time") <= moment + horizon
    going_on = pl.col("fraud_time").is_null() & (pl.col("known_at") <= moment + REACH)
    accused = (
        frauds.filter((pl.col("known_at") > moment) & (of_then | going_on))
        .group_by("member_id")
        .agg(known_at=pl.col("known_at").min())
    )
    positive = there.join(accused, on="member_id", how="inner").with_columns(y=1)
    silent = there.filter(pl.col("caught").is_null()).sort("member_id")
    if unaccused is not None and silent.height > unaccused:
        silent = silent.sample(unaccused, seed=seed)
    negative = silent.with_columns(known_at=pl.lit(until, TIME), y=0)
    columns = ["member_id", "known_at", "y"]
    return pl.concat([positive.select(columns), negative.select(columns)]).select(
        "member_id", pl.lit(moment, TIME).alias("as_of"), pl.col("y").cast(pl.Int8), "known_at"
    )
