"""What fake orders and reviews push: the products that they make look popular, and their sellers."""

from __future__ import annotations

import polars as pl

from graphml.errors import UsageError
from graphml.graph.build import Graph

_NEEDED = ("unit", "event_id", "score")


def pushed(graph: Graph, scored: pl.DataFrame, *, threshold: float = 0.5) -> pl.DataFrame:
    """Return the products that suspicious orders and reviews are about, most of these first.

    The columns: seller_id (null where the catalogue names none), product_id; orders and reviews,
    how many of each; members, how many made them; amount, what those orders spent on the product,
    and its currency, both null where they spent in several: amounts are never summed across them.

    Args:
        graph: That the scores are about; of its purchases and reviews only those that ``scored``
            names matter, with all purchases of an order.
        scored: What ``OrderModel.score`` returned.
        threshold: Suspicious are scores of at least this.

    Raises:
        UsageError: ``scored`` has other columns.
    """
    if lacking := [name for name in _NEEDED if name not in scored.columns]:
        raise UsageError(
            f"scores of orders without {', '.join(lacking)}", hint="OrderModel.score returns them"
        )
    suspicious = scored.filter(pl.col("score") >= threshold).select("event_id", "unit")
    records = graph.events.select(
        "event_id", "kind", "order_id", "member", "product", "amount", "currency"
    )
    named = records.join(suspicious, on="event_id", how="inner", maintain_order="left")
    orders = named.filter(pl.col("unit") == "order")
    bought = records.filter(pl.col("kind") == "purchase")
    # An order's further purchases have its order_id; one without stands for itself.
    parts = bought.filter(
        pl.col("order_id").is_in(orders["order_id"].drop_nulls().unique().implode())
        | pl.col("event_id").is_in(orders["event_id"].implode())
    ).with_columns(order=pl.coalesce("order_id", "event_id"), alone=pl.col("order_id").is_null())
    reviews = named.filter(pl.col("unit") == "review")
    acts = pl.concat([parts, reviews], how="diagonal").drop_nulls("product")
    paid = pl.col("amount").is_not_null() & (pl.col("kind") == "purchase")
    of_order = pl.struct("order", "alone").filter(pl.col("kind") == "purchase")
    one = pl.col("currency").filter(paid).n_unique() <= 1
    found = acts.group_by("product").agg(
        orders=of_order.n_unique().cast(pl.Int64),
        reviews=(pl.col("kind") == "review").sum().cast(pl.Int64),
        members=pl.col("member").n_unique().cast(pl.Int64),
        amount=pl.when(one).then(pl.col("amount").filter(paid).sum()),
        currency=pl.when(one).then(pl.col("currency").filter(paid).first()).cast(pl.String),
    )
    return (
        found.join(_sellers(graph), on="product", how="left")
        .with_columns(product_id=graph.nodes["product"].keys.gather(found["product"]))
        .sort(-(pl.col("orders") + pl.col("reviews")), "seller_id", "product_id", nulls_last=True)
        .select("seller_id", "product_id", "orders", "reviews", "members", "amount", "currency")
    )


def _sellers(graph: Graph) -> pl.DataFrame:
    """Return product (dense id) and seller_id, null where nothing is known."""
    products = graph.nodes["product"]
    features = products.features
    seller = (
        features["seller_id"]
        if "seller_id" in features.columns
        else pl.repeat(None, len(products), dtype=pl.String, eager=True)
    )
    number = pl.arange(0, len(products), eager=True).cast(pl.UInt32)
    return pl.DataFrame({"product": number, "seller_id": seller})
