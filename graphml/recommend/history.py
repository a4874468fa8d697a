"""Who looked at, put into the cart, bought and gave back what, known by one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds, time_array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

KINDS = ("purchase", "cart", "view", "refund")
"""What counts, by its code."""
DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class History:
    """What members did with products by one moment, in order of time.

    Attributes:
        graph: As of the moment; members and products are its dense ids.
        moment: Microseconds; all events are at or before it.
        member, product, time, kind, basket: int64 [events]; kind is the place in ``KINDS``,
            time in microseconds. Lines of one basket share its number: those of an order, else of
            a member's day. Numbers rise with the time at which a basket begins.
        units: How many pieces, at least 1, float64 [events].
        price: Of one piece, NaN where unknown, float64 [events].
    """

    graph: Graph
    moment: int
    member: Ints
    product: Ints
    time: Ints
    kind: Ints
    basket: Ints
    units: Floats
    price: Floats

    @classmethod
    def of(cls, graph: Graph, without: NDArray[np.bool_] | None = None) -> History:
        """Return what a graph that ``Graph.until`` made knows.

        Args:
            graph: As of a moment.
            without: Members whose events are left out, bool [members]: those of fraud rings.

        Raises:
            ValueError: The graph is of no moment.
        """
        if graph.as_of is None:
            raise ValueError("history is known by a moment: pass graph.until(as_of)")
        kinds = pl.Enum(KINDS)
        rows = graph.events.filter(
            pl.col("kind").cast(pl.String).is_in(KINDS)
            & pl.col("product").is_not_null()
            & pl.col("member").is_not_null()
        )
        rows = rows.with_columns(units=pl.col("quantity").cast(pl.Float64).fill_null(1).clip(1))
        if without is not None:
            rows = rows.filter(~pl.lit(pl.Series(without)).gather(pl.col("member")))
        # Amounts are never compared across currencies: prices are those of the commonest. Of equally
        # common ones the first by name: the order of codes is that of all days, later ones too.
        uses = rows["currency"].drop_nulls().value_counts()
        by_name = pl.col("currency").cast(pl.String)
        common = uses.sort("count", by_name, descending=[True, False])["currency"].head(1)
        price = pl.when(
            pl.col("currency").is_null() | pl.col("currency").is_in(common.implode())
        ).then(pl.col("amount") / pl.col("units"))
        rows = rows.select(
            "member", "product", "order_id", "time", "units",
            kind=pl.col("kind").cast(pl.String).cast(kinds).to_physical(), price=price,
        )  # fmt: skip
        day = pl.when(pl.col("order_id").is_null()).then(pl.col("time").dt.epoch("d"))
        name = ["member", "order_id", "day"]
        began = rows.with_columns(day=day).with_columns(began=pl.col("time").min().over(name))
        codes = began.select(pl.struct("began", *name).rank("dense")).to_series()
        return cls(
            graph=graph,
            moment=microseconds(graph.as_of),
            member=rows["member"].to_numpy().astype(np.int64),
            product=rows["product"].to_numpy().astype(np.int64),
            time=time_array(rows["time"]),
            kind=rows["kind"].to_numpy().astype(np.int64),
            basket=codes.to_numpy().astype(np.int64) - 1,
            units=rows["units"].to_numpy(),
            price=rows["price"].fill_null(np.nan).to_numpy().astype(np.float64),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Members and products of the graph, those of later days too."""
        return len(self.graph.nodes["member"]), len(self.graph.nodes["product"])

    @property
    def bought(self) -> NDArray[np.bool_]:
        """Which events are purchases, bool [events]."""
        return np.equal(self.kind, 0)

    def age(self) -> Floats:
        """Return how many days ago each event was, float64 [events]."""
        return (self.moment - self.time) / DAY

    def matrix(
        self, half_life: timedelta | None = None, weights: tuple[float, ...] = (1.0,)
    ) -> Any:
        """Return what members have as CSR float32 [members, products].

        Args:
            half_life: After which an event counts half; all alike if omitted.
            weights: What an event of each of the first kinds counts; the others nothing.
        """
        rows = self.kind < len(weights)
        value = np.asarray(weights)[self.kind[rows]]
        if half_life is not None:
            value = value * 0.5 ** (self.age()[rows] / (half_life / timedelta(days=1)))
        ends = (self.member[rows], self.product[rows])
        return sparse.csr_matrix((value.astype(np.float32), ends), shape=self.shape)


def done_after(graph: Graph, kind: str, moment: datetime, days: int) -> tuple[Ints, Ints]:
    """Return members and products of events within (moment, moment + days], each pair once.

    Args:
        graph: That reaches beyond the horizon.
        kind: Of the events, as ``purchase``.
        moment: With a time zone.
        days: The horizon.
    """
    rows = graph.events.filter(
        (pl.col("time") > moment)
        & (pl.col("time") <= moment + timedelta(days=days))
        & (pl.col("kind") == kind)
    )
    pairs = rows.select("member", "product").drop_nulls().unique(maintain_order=True)
    member, product = (pairs[name].to_numpy().astype(np.int64) for name in pairs.columns)
    return member, product
