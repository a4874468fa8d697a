"""Each member's life in order: any window of it is counted by two binary searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """All events by member and time.

    Attributes:
        indptr: Events of each member, int64[members + 1].
        time: Microseconds, sorted for each member, int64[events].
        product: Dense product id, −1 for none, int64[events].
        running: Name → events of that kind before each place, int64[events + 1].
        first: First event of each member in microseconds, int64[members].
        begin, end: First and last event of all.
    """

    indptr: NDArray[np.int64]
    time: NDArray[np.int64]
    product: NDArray[np.int64]
    bought: NDArray[np.bool_]
    running: Mapping[str, NDArray[np.int64]]
    first: NDArray[np.int64]
    begin: int
    end: int

    def places(
        self, member: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the half-open range of each member's events within ``[start, end]``."""
        low = _search(self.indptr, self.time, member, start)
        return low, _search(self.indptr, self.time, member, end + 1)

    def count(
        self, kind: str, low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return how many events of ``kind`` lie in each range of places."""
        running = self.running[kind]
        result: NDArray[np.int64] = running[high] - running[low]
        return result

    def rate(self, kind: str, base: str) -> float:
        """Return the platform's events of ``kind`` for one of ``base``."""
        return float(self.running[kind][-1]) / max(float(self.running[base][-1]), 1.0)


def build_timeline(graph: Graph) -> Timeline:
    """Return the timeline of all events of ``graph``."""
    events = graph.events
    member = events["member"].to_numpy().astype(np.int64)
    order = np.argsort(member, kind="stable")
    counts = np.bincount(member, minlength=len(graph.nodes["member"].keys))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    time = events["time"].dt.epoch("us").to_numpy()
    sorted_time = time[order]
    first = np.full(len(counts), np.iinfo(np.int64).max)
    first[counts > 0] = sorted_time[indptr[:-1][counts > 0]]
    product = events["product"].cast(pl.Int64).fill_null(-1).to_numpy()[order]
    kinds = events.select(
        event=pl.lit(True),
        purchase=pl.col("kind") == "purchase",
        refund=pl.col("kind") == "refund",
        coupon=(pl.col("kind") == "coupon")
        | ((pl.col("kind") == "purchase") & pl.col("coupon_id").is_not_null()),
        review=pl.col("kind") == "review",
        praise=((pl.col("kind") == "review") & (pl.col("rating") >= 5)).fill_null(False),
        points=pl.col("kind") == "points",
    )
    running = {
        name: np.concatenate([[0], np.cumsum(kinds[name].to_numpy()[order])])
        for name in kinds.columns
    }
    begin, end = (int(time.min()), int(time.max())) if len(time) else (0, 0)
    return Timeline(
        indptr=indptr,
        time=sorted_time,
        product=product,
        bought=kinds["purchase"].to_numpy()[order],
        running=running,
        first=first,
        begin=begin,
        end=end,
    )


@numba.njit(cache=True)
def _search(indptr, time, member, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the first place of each member whose time is not before ``at``."""
    place = np.empty(len(member), dtype=np.int64)
    for row in range(len(member)):
        low, high = indptr[member[row]], indptr[member[row] + 1]
        place[row] = low + np.searchsorted(time[low:high], at[row])
    return place
