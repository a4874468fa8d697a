"""What is visible at a moment: the rules that every store's answers follow."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from graphml.tables.frames import TIME, Tables


def visible(tables: Tables, as_of: datetime) -> Tables:
    """Return what of ``tables`` may be seen at ``as_of``, inclusive.

    Events and links by their time, labels by ``known_at``, attributes by ``valid_from``; members
    once they have an event or a sign-up, products without ``valid_from`` once they have an event.
    """
    events = tables.events
    last = events["time"].max()
    if not (isinstance(last, datetime) and last <= as_of):  # else a copy of it all for nothing
        events = events.filter(by("time", as_of))
    return Tables(
        events=events,
        members=_members(tables.members, events, as_of),
        products=_products(tables.products, events, as_of),
        labels=_labels(tables.labels, as_of),
        links=tables.links.filter(by("time", as_of)),
    )


def by(column: str, as_of: datetime) -> pl.Expr:
    """Return the condition that ``column`` is at or before ``as_of``; false where it is null."""
    return pl.col(column).is_not_null() & (pl.col(column) <= pl.lit(as_of, dtype=TIME))


def _members(members: pl.DataFrame, events: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    held = _held(members, as_of)
    signed_up = held.filter(by("signup_time", as_of))["member_id"]
    known = pl.concat([events["member_id"], signed_up]).unique()
    return held.filter(pl.col("member_id").is_in(known.implode()))


def _products(products: pl.DataFrame, events: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    held = _held(products, as_of)
    seen = events["product_id"].unique()
    return held.filter(
        pl.col("valid_from").is_not_null() | pl.col("product_id").is_in(seen.implode())
    )


def _labels(labels: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    return _without_later_times(labels.filter(by("known_at", as_of)), as_of)


def _held(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    held = rows.filter(pl.col("valid_from").is_null() | by("valid_from", as_of))
    return _without_later_times(held, as_of)


def _without_later_times(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    # A row seen at as_of may carry a later time, a feature too; showing it would tell the future.
    time = pl.selectors.datetime()
    return rows.with_columns(pl.when(time <= pl.lit(as_of, dtype=TIME)).then(time).name.keep())
