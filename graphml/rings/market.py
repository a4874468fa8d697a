"""What is usual in the market as of a moment: the measure for what a group does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.schema import MARKETPLACE

CONVINCING = math.log(1000)
"""Nats from which a habit counts as unusual: less than once in a thousand by chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """Rates and known fraud of the whole market by the moment of its graph.

    Attributes:
        now: The moment, microseconds since 1970; of a graph without one, its last event.
        first, last: First and last event, microseconds since 1970.
        since: First event that carries each identifier type, where there is one.
        counts: Events of each kind, and ``coupon_purchase``: purchases that name a coupon.
        best_rating: The highest rating given; ``None`` without a rating.
        best_ratings: How many reviews give it.
        signups: Times of all sign-ups, sorted.
        frauds: Fraud labels known by then with a member: member, order_id, known_at, event_id
            (of the chargeback that says so, null for an explicit label).
        members: Members with an event.
        buyers: Members who bought each product, int64 [products].
        reviewers: Members who reviewed each seller, int64 [sellers].
        seller: Each product's seller as place in ``sellers``, −1 for none; empty without sellers.
        sellers: Keys of the sellers, sorted.
    """

    now: int
    first: int
    last: int
    since: dict[str, int]
    counts: dict[str, int]
    best_rating: float | None
    best_ratings: int
    signups: NDArray[np.int64]
    frauds: pl.DataFrame
    members: int
    buyers: NDArray[np.int64]
    reviewers: NDArray[np.int64]
    seller: NDArray[np.int64]
    sellers: pl.Series

    def rate(self, part: str, whole: str) -> float:
        """Return how many ``part`` there are a ``whole``, 0 where there is no ``whole``."""
        total = self.counts.get(whole, 0)
        return self.counts.get(part, 0) / total if total else 0.0


def surprise(observed: float, expected: float) -> float:
    """Return how surprising it is to see so much more than expected, in nats; 0 where less.

    The deviance of a Poisson count, o ln(o / e) − (o − e): a bound of −ln p (Chernoff).

    >>> round(surprise(10, 2), 2), surprise(2, 10)
    (8.09, 0.0)
    """
    if observed <= expected:
        return 0.0
    if expected <= 0:
        return math.inf
    return observed * math.log(observed / expected) - (observed - expected)


def lower_bound(observed: int, total: int, *, errors: float = 1.64) -> float:
    """Return the least rate that explains ``observed`` of ``total`` (Wilson 1927), in [0, 1].

    Args:
        observed: At most ``total`` of them count.
        total: At least 1.
        errors: Standard errors of the bound; 1.64 for 95 %.

    >>> round(lower_bound(18, 20), 2), lower_bound(0, 5)
    (0.74, 0.0)
    """
    rate = min(observed / total, 1.0)
    middle = rate + errors**2 / (2 * total)
    spread = errors * math.sqrt(rate * (1 - rate) / total + errors**2 / (4 * total**2))
    return max(0.0, (middle - spread) / (1 + errors**2 / total))


def market_of(graph: Graph) -> Market:
    """Return what is usual in ``graph``, which is as of the moment."""
    events = graph.events
    kinds = events["kind"].cast(pl.String)
    counts = dict(kinds.value_counts().iter_rows())
    coupons = (kinds == "purchase") & events["coupon_id"].is_not_null()
    counts["coupon_purchase"] = int(coupons.sum())
    time = events["time"].to_physical()
    ratings = events["rating"].filter(kinds == "review").drop_nulls().drop_nans()
    best = ratings.max() if len(ratings) else None
    seller, sellers = seller_codes(graph)
    last = int(time[-1]) if len(time) else 0
    return Market(
        now=last if graph.as_of is None else microseconds(graph.as_of),
        first=int(time[0]) if len(time) else 0,
        last=last,
        since=_since(events),
        counts=counts,
        best_rating=None if best is None else float(best),  # type: ignore[arg-type]
        best_ratings=0 if best is None else int((ratings == best).sum()),
        signups=time.filter(kinds == "signup").to_numpy(),
        frauds=_frauds(graph),
        members=events["member"].n_unique(),
        buyers=_buyers(graph),
        reviewers=_reviewers(graph, seller, len(sellers)),
        seller=seller,
        sellers=sellers,
    )


def _since(events: pl.DataFrame) -> dict[str, int]:
    nodes = MARKETPLACE.identifiers
    times = events.select(
        pl.col("time").dt.epoch("us").filter(pl.col(node).is_not_null()).min().alias(node)
        for node in nodes
    )
    return {node: time for node, time in times.row(0, named=True).items() if time is not None}


def _buyers(graph: Graph) -> NDArray[np.int64]:
    bought = graph.events.filter(pl.col("kind").cast(pl.String) == "purchase")
    pairs = bought.select("product", "member").drop_nulls().unique()
    return np.bincount(pairs["product"].to_numpy(), minlength=len(graph.nodes["product"]))


def _reviewers(graph: Graph, seller: NDArray[np.int64], sellers: int) -> NDArray[np.int64]:
    if not sellers:
        return np.zeros(0, dtype=np.int64)
    reviews = graph.events.filter(pl.col("kind").cast(pl.String) == "review")
    reviews = reviews.select("product", "member").drop_nulls()
    sold_by = pl.Series(seller[reviews["product"].to_numpy()])
    pairs = reviews.select("member", seller=sold_by).filter(pl.col("seller") >= 0).unique()
    return np.bincount(pairs["seller"].to_numpy(), minlength=sellers)


def _frauds(graph: Graph) -> pl.DataFrame:
    """Return known fraud labels, those of a chargeback with its event_id."""
    # Without an order a chargeback is about its member; never compared as text with an order's id.
    about = ["known_at", "order_id", "charged"]
    charged = pl.when(pl.col("order_id").is_null()).then("member")
    labels = graph.labels.filter(
        (pl.col("label") == 1) & pl.col("member").is_not_null() & pl.col("known_at").is_not_null()
    ).select("member", "order_id", "known_at", charged=charged)
    chargebacks = (
        graph.events.filter(pl.col("kind").cast(pl.String) == "chargeback")
        .select("event_id", "order_id", known_at="time", charged=charged)
        .unique(about, keep="first", maintain_order=True)
    )
    return (
        labels.join(chargebacks, on=about, how="left", nulls_equal=True, maintain_order="left")
        .drop("charged")
        .unique(maintain_order=True)
        .sort("known_at", "member", "order_id", "event_id", nulls_last=True)
    )


def seller_codes(graph: Graph) -> tuple[NDArray[np.int64], pl.Series]:
    """Return each product's seller as its place among the sorted sellers, −1 for none, and these."""
    features = graph.nodes["product"].features
    if features is None or "seller_id" not in features.columns or features.is_empty():
        return np.empty(0, dtype=np.int64), pl.Series("seller_id", [], dtype=pl.String)
    column = features["seller_id"]
    sellers = column.drop_nulls().unique().sort()
    codes = pl.DataFrame({"seller_id": column}).join(
        pl.DataFrame({"seller_id": sellers}).with_row_index("code"),
        on="seller_id",
        how="left",
        maintain_order="left",
    )["code"]
    return codes.cast(pl.Int64).fill_null(-1).to_numpy(), sellers
