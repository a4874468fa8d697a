"""What speaks against suspecting an order, beside what the model makes of it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from graphml.explain.candidates import key_of
from graphml.explain.explanation import Against
from graphml.explain.local import Local
from graphml.graph.build import Graph
from graphml.rings.wording import DAY, count, day, length, name
from graphml.tabular.neighbours import HUB

_LONG = 90 * DAY
_MANY = 5
"""Earlier orders that are a history."""


def order_doubts(graph: Graph, around: Local, *, member: int) -> Iterator[Against]:
    """Tell of clearances, of a long quiet history, and of identifiers that many share.

    Each is a fact of what was known strictly before the order; none is in the model's score.

    Args:
        graph: By the moment of the order.
        around: The member's part of it.
        member: Dense id in ``graph``.
    """
    yield from _cleared(graph, around, member)
    yield from _quiet(around)
    yield from _public(around)


def _cleared(graph: Graph, around: Local, member: int) -> Iterator[Against]:
    """Tell of the last label 0 about the member or one of its earlier orders."""
    if "labels" not in graph.schema.tables:
        return
    orders = around.graph.events["order_id"].gather(around.own).drop_nulls().unique()
    named = (pl.col("member") == member).fill_null(value=False)
    meant = named | pl.col("order_id").is_in(orders.to_list()).fill_null(value=False)
    known = pl.col("known_at").to_physical() <= around.moment
    found = graph.stated.filter((pl.col("label") == 0) & known & meant).sort(
        "known_at", "order_id", nulls_last=True
    )
    if not found.is_empty():
        last = found.row(-1, named=True)
        what = "the member" if last["order_id"] is None else f"order {name(last['order_id'])}"
        when = day(int(found["known_at"].to_physical()[-1]))
        more = f", one of {len(found)} clearances" if len(found) > 1 else ""
        yield _fact("CLEARED", f"{what} was found legitimate on {when} UTC{more}")


def _quiet(around: Local) -> Iterator[Against]:
    own = around.graph.events[around.own]
    bought = own.filter(pl.col("kind") == "purchase")
    count_ = bought.select(pl.coalesce("order_id", "event_id").n_unique()).item()
    if count_ < _MANY or around.member in around.flags.member:
        return
    since = int(bought["time"].to_physical()[0])
    if around.moment - since >= _LONG:
        text = (
            f"{count(count_, 'earlier order')} over {length(around.moment - since)}, none accused"
        )
        yield _fact("QUIET_HISTORY", text)


def _public(around: Local) -> Iterator[Against]:
    """Tell of identifiers of the order that more use than a household or a ring usually has."""
    for tie, rows in around.rows.items():
        if around.record in rows and (others := around.others[tie]) > HUB:
            code = "LOCKER" if tie.type == "address" else "HUB"
            text = (
                f"{tie.type} {name(key_of(tie, around))} is shared by many: "
                f"{count(others, 'other member')} had used it"
            )
            yield _fact(code, text)


def _fact(code: str, text: str) -> Against:
    return Against(code=code, text=text, lowers=0.0)
