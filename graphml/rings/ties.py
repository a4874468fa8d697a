"""Who shares what: each identifier's values reduced to seats, one per (value, member)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.rings.market import seller_codes

SELLER = "seller"
"""The view of praised sellers."""

DAY = 86_400_000_000
"""Microseconds a day."""

HOUR = 3_600_000_000
"""Microseconds an hour."""


_DAYS = 1 << 25  # more than there are from year 1 to year 9999
_LONGEST = 20 * 365 * 24  # hours; what is older counts as that old


@dataclass(frozen=True, kw_only=True, eq=False)
class Ties:
    """Shared values of all identifier views and the members who sit on them.

    Seats are sorted by (value, member); seats of value ``v`` are ``[indptr[v], indptr[v + 1])``.

    Attributes:
        views: Names of the identifier types that are present.
        view: Per value, the position of its type in ``views``, int64[values].
        key: Per value, its dense id in ``graph.nodes[type]``, int64[values].
        indptr: int64[values + 1].
        member: Per seat, dense member id, int64[seats].
        days: Per seat, days on which the member used the value, int64[seats].
        active: Per seat, the member's active days in the view, int64[seats].
        stretch: Per seat, active days of the member between first and last use, int64[seats].
        events, purchases: Per seat, events and purchases on the value, int64[seats].
        start, end: Per seat, first and last use in microseconds, int64[seats].
        use_seat, use_hour: One row per seat and day, with the hour of its first event, sorted by
            (value, hour, member), int64[uses].
        use_indptr: Uses of each value, int64[values + 1].
        platform: Per view, members' days on the whole platform by the hour they began in, summed
            up to each hour, float64[views, hours + 1].
        first_hour: Hour that ``platform`` begins with; hours count from 1970.
        population: Members with an event.
    """

    views: tuple[str, ...]
    view: NDArray[np.int64]
    key: NDArray[np.int64]
    indptr: NDArray[np.int64]
    member: NDArray[np.int64]
    days: NDArray[np.int64]
    active: NDArray[np.int64]
    stretch: NDArray[np.int64]
    events: NDArray[np.int64]
    purchases: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    use_seat: NDArray[np.int64]
    use_hour: NDArray[np.int64]
    use_indptr: NDArray[np.int64]
    platform: NDArray[np.float64]
    first_hour: int
    population: int

    @cached_property
    def size(self) -> NDArray[np.int64]:
        """Members of each value."""
        return np.diff(self.indptr)

    @cached_property
    def value(self) -> NDArray[np.int64]:
        """Value of each seat."""
        return np.repeat(np.arange(len(self.key)), self.size)

    def in_view(self, view: str) -> NDArray[np.bool_]:
        """Return which values are of this type."""
        place = self.views.index(view) if view in self.views else -1
        return np.equal(self.view, place)

    @cached_property
    def share(self) -> NDArray[np.float64]:
        """How much a value is the member's own, in [0, 1], per seat.

        The share of the member's other active days on which it was used too, drawn towards the
        view's mean by one day, so that one single day says nothing.
        """
        view = self.view[self.value]
        others, again = self.active - 1.0, self.days - 1.0
        mean = np.bincount(view, again, len(self.views)) / np.maximum(
            np.bincount(view, others, len(self.views)), 1
        )
        result: NDArray[np.float64] = (again + mean[view]) / (others + 1)
        return result


def shared_ties(
    graph: Graph, identifiers: Sequence[str], *, allow: frozenset[tuple[str, str]]
) -> Ties:
    """Return the values that two members or more use, over all ``identifiers`` with any.

    Sellers whom members praise (reviews with the highest rating) are values too, in a view of
    their own: ``seller``.

    Args:
        graph: As of the moment that counts.
        identifiers: Event columns of ``graph.events``.
        allow: (type, id) pairs that tie nobody; of type ``member`` for members.
    """
    events = _without_allowed(graph, identifiers, allow).with_columns(
        day=pl.col("time").dt.epoch("d").cast(pl.Int32),
        hour=(pl.col("time").dt.epoch("s") // 3600).cast(pl.Int32),
    )
    first_hour, last_hour = _range(events["hour"])
    events = events.with_columns(
        pl.col("day") - _range(events["day"])[0], pl.col("hour").clip(first_hour)
    ).sort("member", maintain_order=True)
    views = tuple(
        view for view in (*identifiers, SELLER) if events[view].null_count() < events.height
    )
    seats, uses, platform = [], [], np.zeros((len(views), last_hour - first_hour + 2))
    for position, view in enumerate(views):
        used = events.select("time", "day", "hour", "kind", "member", value=view)
        seat, use, hours = _view(used.filter(pl.col("value").is_not_null()))
        seats.append(seat.with_columns(view=pl.lit(position, pl.Int64)))
        uses.append(use.with_columns(view=pl.lit(position, pl.Int64)))
        platform[position, 1:] = np.bincount(hours - first_hour, minlength=platform.shape[1] - 1)
    return _assemble(
        views, seats, uses, platform.cumsum(axis=1), first_hour, events["member"].n_unique()
    )


def _without_allowed(
    graph: Graph, identifiers: Sequence[str], allow: frozenset[tuple[str, str]]
) -> pl.DataFrame:
    """Return the events with allowed identifiers emptied and allowed members left out."""
    events = graph.events.select("time", "kind", "member", *identifiers, _praised_seller(graph))
    for view in identifiers:
        if ids := _dense(graph, view, allow):
            kept = pl.when(~pl.col(view).is_in(ids)).then(pl.col(view))
            events = events.with_columns(kept.alias(view))
    if ids := _dense(graph, "member", allow):
        events = events.filter(~pl.col("member").is_in(ids))
    return events


def _praised_seller(graph: Graph) -> pl.Series:
    """Return the seller whose product each event praises, null for all other events."""
    sellers, _ = seller_codes(graph)
    events = graph.events
    best = events["rating"].max()
    praise = (events["kind"] == "review") & (events["rating"] == best) if best else None
    if praise is None or len(sellers) == 0:
        return pl.Series(SELLER, [None] * events.height, dtype=pl.UInt32)
    product = events["product"].fill_null(0)
    seller = pl.Series(SELLER, sellers)[product]
    kept = praise.fill_null(False) & events["product"].is_not_null() & (seller >= 0)
    return seller.set(~kept, None).cast(pl.UInt32)


def _dense(graph: Graph, node: str, allow: frozenset[tuple[str, str]]) -> list[int]:
    names = [name for kind, name in allow if kind == node]
    return graph.nodes[node].keys.is_in(names).arg_true().to_list() if names else []


def _range(times: pl.Series) -> tuple[int, int]:
    """Return the first and last of hours or days, the first at most 20 years before the last."""
    if times.is_empty():
        return 0, 0
    first, last = int(times.min()), int(times.max())  # type: ignore[arg-type]
    return max(first, last - _LONGEST) if times.name == "hour" else first, last


def _view(used: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, NDArray[np.int64]]:
    """Return seats on shared values, their uses by day, and the hours of all members' days.

    ``used`` has the events with a value, sorted by (member, time).
    """
    days = _slot(used["member"], used["day"])
    begins = np.diff(days, prepend=-1) != 0
    hours = used["hour"].to_numpy()[begins].astype(np.int64)
    used = used.filter(pl.Series(_is_shared(used["value"].to_numpy(), used["member"].to_numpy())))
    uses = used.group_by("value", "member", "day").agg(
        events=pl.len(),
        hour=pl.col("hour").min(),
        purchases=(pl.col("kind") == "purchase").sum(),
        start=pl.col("time").min().dt.epoch("us"),
        end=pl.col("time").max().dt.epoch("us"),
    )
    seats = uses.group_by("value", "member").agg(
        days=pl.len(),
        events=pl.col("events").sum(),
        purchases=pl.col("purchases").sum(),
        start=pl.col("start").min(),
        end=pl.col("end").max(),
        low=pl.col("day").min(),
        high=pl.col("day").max(),
    )
    return _with_activity(seats, days[begins]), uses.select("value", "member", "hour"), hours


def _is_shared(value: NDArray[np.uint32], member: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return for each use whether another member used its value too."""
    last = np.zeros(int(value.max(initial=0)) + 1, dtype=member.dtype)
    last[value] = member
    others = np.bincount(value, last[value] != member, len(last))
    return others[value] > 0


def _with_activity(seats: pl.DataFrame, days: NDArray[np.int64]) -> pl.DataFrame:
    """Add the member's active days, all (``active``) and from first to last use (``stretch``).

    ``days`` holds the slots of all members' active days, sorted.
    """
    member = seats["member"]
    start = np.zeros(len(member), dtype=np.int64)
    return seats.with_columns(
        active=_between(days, _slot(member, start), _slot(member, start + _DAYS - 1)),
        stretch=_between(days, _slot(member, seats["low"]), _slot(member, seats["high"])),
    ).drop("low", "high")


def _slot(member: pl.Series, day: pl.Series | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for a member's day that sorts as (member, day)."""
    return np.asarray(member, dtype=np.int64) * _DAYS + np.asarray(day, dtype=np.int64)


def _between(
    keys: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int64]:
    return np.searchsorted(keys, high, "right") - np.searchsorted(keys, low, "left")


def _assemble(
    views: tuple[str, ...],
    seats: list[pl.DataFrame],
    uses: list[pl.DataFrame],
    platform: NDArray[np.float64],
    first_hour: int,
    population: int,
) -> Ties:
    by_member = ["view", "value", "member"]
    all_seats = _concat(seats, _SEAT).sort(by_member).with_row_index("seat")
    all_uses = _concat(uses, _USE).join(all_seats.select(*by_member, "seat"), on=by_member)
    all_uses = all_uses.sort("view", "value", "hour", "member")
    values = all_seats.group_by("view", "value", maintain_order=True).len()
    use_counts = all_uses.group_by("view", "value", maintain_order=True).len()["len"]

    def column(frame: pl.DataFrame, name: str) -> NDArray[np.int64]:
        return frame[name].cast(pl.Int64).to_numpy()

    return Ties(
        views=views,
        view=column(values, "view"),
        key=column(values, "value"),
        indptr=np.concatenate([[0], np.cumsum(column(values, "len"))]),
        **{
            name: column(all_seats, name)
            for name in (
                "member",
                "days",
                "active",
                "stretch",
                "events",
                "purchases",
                "start",
                "end",
            )
        },
        use_seat=column(all_uses, "seat"),
        use_hour=column(all_uses, "hour"),
        use_indptr=np.concatenate([[0], np.cumsum(use_counts.cast(pl.Int64).to_numpy())]),
        platform=platform,
        first_hour=first_hour,
        population=population,
    )


_SEAT = {
    "value": pl.UInt32, "member": pl.UInt32, "days": pl.UInt32, "events": pl.UInt32,
    "purchases": pl.UInt32, "start": pl.Int64, "end": pl.Int64, "active": pl.Int64,
    "stretch": pl.Int64, "view": pl.Int64,
}  # fmt: skip
_USE = {"value": pl.UInt32, "member": pl.UInt32, "hour": pl.Int32, "view": pl.Int64}


def _concat(frames: list[pl.DataFrame], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)
