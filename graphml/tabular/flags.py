"""Who is known to be fraudulent, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.graph.labels import chargeback_labels
from graphml.graph.nodes import NEVER, microseconds, time_array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Flags:
    """Frauds that became known; one is visible at every ``as_of`` from its ``known_at`` on.

    Attributes:
        member: Dense ids, int64 [flags]; of a member named twice the earliest flag counts.
        known_at: Microseconds, int64 [flags].
    """

    member: NDArray[np.int64]
    known_at: NDArray[np.int64]

    def since(self, members: int) -> NDArray[np.int64]:
        """Return since when each member is flagged, int64 [members]; ``NEVER`` for the others.

        Raises:
            UsageError: The arrays differ in length, or a flag is about no member of the graph.
        """
        if len(self.member) != len(self.known_at):
            raise UsageError(
                f"{len(self.member)} flagged members but {len(self.known_at)} moments",
                hint="one known_at a member",
            )
        if len(self.member) and not (self.member.min() >= 0 and self.member.max() < members):
            raise UsageError(
                "a flag is about no member of the graph", hint=f"dense ids from 0 to {members - 1}"
            )
        result = np.full(members, NEVER, dtype=np.int64)
        np.minimum.at(result, self.member, self.known_at)
        return result


def known_flags(graph: Graph) -> Flags:
    """Return the flags of fraud labels and chargebacks whose moment is known.

    A label about an order is about its buyer as known when both the label and the order were: the
    member of its first purchase by then, else of its first record. So nothing that comes later
    moves a flag, as it may in ``graph.labels``, where a purchase after the label does.
    """
    if "labels" not in graph.schema.tables:
        none = np.empty(0, dtype=np.int64)
        return Flags(member=none, known_at=none)
    columns = ("member", "order_id", "known_at")
    frauds = pl.concat(
        [
            graph.stated.filter(pl.col("label") == 1).select(columns),
            chargeback_labels(graph.events).select(columns),
        ]
    ).drop_nulls("known_at")
    named = frauds.drop_nulls("member").select("member", "known_at")
    ordered = _buyers(frauds.filter(pl.col("member").is_null()).drop_nulls("order_id"), graph)
    every = pl.concat([named, ordered]).drop_nulls("member")
    member: Any = every["member"].cast(pl.Int64).to_numpy()
    return Flags(member=member, known_at=time_array(every["known_at"]))


def fraudulent(graph: Graph) -> NDArray[np.bool_]:
    """Return which members are known to be fraudulent by the graph's moment, bool [members]."""
    moment = NEVER - 1 if graph.as_of is None else microseconds(graph.as_of)
    return known_flags(graph).since(len(graph.nodes["member"])) <= moment


def opted_out(graph: Graph) -> NDArray[np.bool_]:
    """Return which members have opted out of personalisation, bool [members].

    By the column ``opted_out`` of the members table as of the graph's moment; nobody without it.
    """
    features = graph.nodes["member"].features
    if "opted_out" not in features.columns:
        return np.zeros(len(graph.nodes["member"]), dtype=bool)
    return features["opted_out"].fill_null(False).cast(bool).to_numpy()


def _buyers(labels: pl.DataFrame, graph: Graph) -> pl.DataFrame:
    """Return member and known_at of labels about orders, known once the order is there too."""
    named = labels.select(pl.col("order_id").unique())
    records = graph.events.select("order_id", "member", "time", "kind").join(
        named, on="order_id", how="semi", maintain_order="left"
    )
    pairs = (
        labels.select("order_id", "known_at")
        .unique(maintain_order=True)
        .with_row_index("label")
        .join(records, on="order_id", how="inner", maintain_order="left_right")
        .with_columns(known_at=pl.max_horizontal("known_at", pl.col("time").first().over("label")))
        .filter(pl.col("time") <= pl.col("known_at"))
    )
    first = pairs.sort("label", pl.col("kind") != "purchase", maintain_order=True).unique(
        "label", keep="first", maintain_order=True
    )
    return first.select("member", "known_at")
