"""Indexes of one graph for aggregates: records by member, and who came to what, when."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.adjacency import Index as Places
from graphml.graph.build import LINKS, Graph, reverse
from graphml.graph.nodes import NEVER
from graphml.schema import KINDS
from graphml.tabular.prices import usual_prices
from graphml.tabular.seats import (
    BUYS,
    PURCHASE,
    RELATIONS,
    Seats,
    build_seats,
    starts,
    value_offsets,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Records(NamedTuple):
    """What members did, by member in order of (time, event); chargebacks are no deeds.

    Codes are −1 and numbers NaN where a record has none.

    Attributes:
        indptr: int64 [members + 1].
        time: Microseconds, int64 [records]; so are all further arrays.
        kind: Place in ``KINDS``.
        product, currency, seller, category: Codes.
        order: Place among the member's orders.
        amount, quantity, rating, points: As in the events.
        coupon: Whether it names a coupon.
        dearness: Logarithm of the price over what others had paid for the product before.
        seat: Seat in ``Seats`` that it takes or is on, −1 for none, [records, RELATIONS].
    """

    indptr: Ints
    time: Ints
    kind: NDArray[np.int8]
    product: NDArray[np.int32]
    order: NDArray[np.int32]
    currency: NDArray[np.int32]
    seller: NDArray[np.int32]
    category: NDArray[np.int32]
    amount: Floats
    quantity: Floats
    rating: Floats
    points: Floats
    coupon: NDArray[np.bool_]
    dearness: Floats
    seat: Places


class Index(NamedTuple):
    """All that the loops read.

    Attributes:
        records: By member.
        seats: By member and by value.
        first: Each member's first record, microseconds, int64 [members]; ``NEVER`` without one.
        known: Since when each member is flagged, int64 [members]; ``NEVER`` if not.
        bought_start, bought: Times of purchases by member.
        out_start, out, out_time: Links that members made, by time.
        in_start, into, in_time: Links made to them, by time.
        longest: Most records of one member.
        widest: Most seats of one member.
        codes: One more than the largest code of products, sellers and categories, or of a member's
            orders.
        offsets: Number of each relation's first value, int64 [RELATIONS + 1].
    """

    records: Records
    seats: Seats
    first: Ints
    known: Ints
    bought_start: Ints
    bought: Ints
    out_start: Ints
    out: Ints
    out_time: Ints
    in_start: Ints
    into: Ints
    in_time: Ints
    longest: int
    widest: int
    codes: int
    offsets: Ints


def build_index(graph: Graph, known: Ints) -> tuple[Index, Ints]:
    """Return the indexes of ``graph``, and where each event stands in the records, −1 for nowhere.

    Args:
        graph: With members and events in time.
        known: Since when each member is flagged, int64 [members].
    """
    members = len(graph.nodes["member"])
    # Copies where arrays are read-only: for these every loop would be compiled again.
    known = np.require(known, requirements=["C", "W"])
    deeds = (graph.events["kind"] != "chargeback").to_numpy()
    rows = np.flatnonzero(deeds)
    owner = graph.events["member"].to_numpy()[rows].astype(np.int64)
    rows = rows[np.argsort(owner, kind="stable")]
    place = np.full(graph.events.height, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    indptr = starts(owner, members)
    columns = _columns(graph, rows)
    _number_orders(
        indptr, columns["order"], np.full(1 + int(columns["order"].max(initial=-1)), -1, np.int64)
    )
    offsets = value_offsets(graph)
    seats, seat = build_seats(graph, rows, indptr, columns, known, offsets)
    dearness = usual_prices(
        columns["product"], columns["currency"], columns["time"],
        columns["kind"] == PURCHASE, columns["amount"], columns["quantity"], seat[:, BUYS],
    )  # fmt: skip
    records = Records(indptr=indptr, seat=seat, dearness=dearness, **columns)
    bought = records.kind == PURCHASE
    first = np.full(members, NEVER, dtype=np.int64)
    some = np.diff(indptr) > 0
    first[some] = records.time[indptr[:-1][some]]
    codes = (columns[name].max(initial=-1) for name in ("product", "order", "seller", "category"))
    index = Index(
        records=records,
        seats=seats,
        first=first,
        known=known,
        bought_start=np.concatenate([[0], np.cumsum(bought)])[indptr],
        bought=records.time[bought],
        **_links(graph, members),
        longest=int(np.diff(indptr).max(initial=0)),
        widest=int(np.diff(seats.start[::RELATIONS]).max(initial=0)),
        codes=1 + max(int(code) for code in codes),
        offsets=offsets,
    )
    return index, place


def _columns(graph: Graph, rows: Ints) -> dict[str, NDArray[Any]]:
    """Return the columns of ``Records`` that events or static attributes hold."""
    schema, at = graph.events.schema, pl.lit(pl.Series(rows))
    codes = pl.Categories.random(physical=pl.UInt32)

    def column(name: str) -> pl.Expr:
        return pl.col(name).gather(at) if name in schema else pl.lit(None).alias(name)

    def code(name: str) -> pl.Expr:
        text = schema.get(name) == pl.String
        coded = column(name).cast(pl.Categorical(codes)) if text else column(name)
        return coded.to_physical().cast(pl.Int32).fill_null(-1)

    # All in one: what is asked about one member costs by the call, not by the record.
    found = graph.events.select(
        time=column("time").to_physical().fill_null(0),
        kind=column("kind").cast(pl.Enum(KINDS)).to_physical().cast(pl.Int8),
        product=code("product"),
        order=code("order_id"),
        currency=code("currency"),
        coupon=column("coupon_id").is_not_null(),
        **{
            name: column(name).cast(pl.Float64).fill_null(np.nan)
            for name in ("amount", "quantity", "rating", "points")
        },
    )
    arrays = {name: found[name].to_numpy() for name in found.columns}
    for name, attribute in (("seller", "seller_id"), ("category", "category")):
        arrays[name] = _static(graph, attribute, arrays["product"])
    return {name: np.require(array, requirements=["C", "W"]) for name, array in arrays.items()}


def _static(graph: Graph, attribute: str, product: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the code of an attribute of each record's product, −1 for none.

    A row with ``valid_from`` says what holds at some moments alone, so it counts at none.
    """
    rows = graph.nodes["product"].attributes if "product" in graph.nodes else pl.DataFrame()
    if attribute not in rows.columns or rows.is_empty():
        return np.full(len(product), -1, dtype=np.int32)
    always = rows.filter(pl.col("valid_from").is_null()).unique(
        "node", keep="last", maintain_order=True
    )
    ranks = always[attribute].rank("dense").cast(pl.Int32).fill_null(0).to_numpy() - 1
    of = np.full(len(graph.nodes["product"]) + 1, -1, dtype=np.int32)  # the last is of no product
    of[always["node"].to_numpy()] = ranks
    return of[product]


def _links(graph: Graph, members: int) -> dict[str, Ints]:
    names = (("out_start", "out", "out_time"), ("in_start", "into", "in_time"))
    if LINKS not in graph.edges:
        none = np.empty(0, dtype=np.int64)
        arrays = (np.zeros(members + 1, dtype=np.int64), none, none)
        return {name: array for ends in names for name, array in zip(ends, arrays, strict=True)}
    result = {}
    for (start, other, time), edge_type in zip(names, (LINKS, reverse(LINKS)), strict=True):
        edges = graph.edges[edge_type]
        result[start] = np.array(edges.indptr, dtype=np.int64)
        result[other] = np.array(edges.target, dtype=np.int64)
        result[time] = np.array(edges.time, dtype=np.int64)
    return result


@numba.njit(cache=True, nogil=True)
def _number_orders(indptr: Ints, order: Any, held: Ints) -> None:
    """Put each member's own numbering in place of the codes in ``order``."""
    for member in range(len(indptr) - 1):
        begin = following = indptr[member]
        for place in range(begin, indptr[member + 1]):
            wanted = order[place]
            if wanted < 0:
                continue
            if held[wanted] < begin:  # numbers of earlier members are lower
                held[wanted] = following
                following += 1
            order[place] = held[wanted] - begin
