"""Purchase links: who bought what, each to be predicted from what came strictly before it."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from graphml.errors import NothingToDoError
from graphml.results import time_text
from graphml.tables.frames import Tables, require_utc
from graphml.tasks.known import known_by
from graphml.tasks.labels import MICROSECOND, ROWS, Labels


def purchase_links(tables: Tables, *, until: datetime) -> Labels:
    """Return one row per product a member bought by ``until``, inclusive.

    A repeat of a member's product within one order collapses to its first purchase; purchases
    without an order stay apart. ``as_of`` is a microsecond before the purchase, since a target is
    never its own input. Lines of the same order may have come before that; whoever samples inputs
    leaves them out by ``order_id``.

    Raises:
        ValueError: ``until`` is naive.
        UsageError: There are events without time.
        NothingToDoError: No product was bought by ``until``.
    """
    until = require_utc("until", until)
    line = ["member_id", "product_id", "order_id"]
    bought = (
        known_by(tables, until)
        .events.filter((pl.col("kind") == "purchase") & pl.col("product_id").is_not_null())
        .sort("time", "event_id")
    )
    if bought.is_empty():
        raise NothingToDoError(
            f"no product was bought by {time_text(until)}",
            hint="load purchases with product_id, or name a later moment",
        )
    ordered = pl.col("order_id").is_not_null()
    rows = (
        pl.concat(
            [
                bought.filter(ordered).unique(line, keep="first", maintain_order=True),
                bought.filter(~ordered),
            ]
        )
        .with_columns(as_of=pl.col("time") - MICROSECOND, known_at="time")
        .select(*ROWS["purchase"])
        .sort("time", "event_id")
    )
    return Labels(task="purchase", horizon=None, rows=rows)
