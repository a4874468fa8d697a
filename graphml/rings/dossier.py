"""All that is known of each group as of a moment, beside what is usual in the market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.rings.groups import Group, SharedEvidence
from graphml.rings.market import Market
from graphml.schema import KINDS, MARKETPLACE

NONE = -1
"""Stands for no value in the columns of ``Rows``."""

KIND = {kind: code for code, kind in enumerate(KINDS)}
_VALUES = ("product", *MARKETPLACE.identifiers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Events as arrays, one element an event, sorted by (time, event_id).

    Attributes:
        row: Row in ``graph.events``.
        time: Microseconds since 1970.
        member: Dense ids.
        kind: Codes, as in ``KIND``.
        values: Dense ids by node type, ``NONE`` where absent.
        seller: Codes of the product's seller, ``NONE`` where absent.
        coupon: Whether the event names a coupon.
        rating, amount: NaN where absent; an amount that is not finite is absent.
        currency: Codes of ``graph.events["currency"]``, ``NONE`` where absent.
        order: One code an order_id, ``NONE`` where absent.
    """

    row: NDArray[np.int64]
    time: NDArray[np.int64]
    member: NDArray[np.int64]
    kind: NDArray[np.int64]
    values: dict[str, NDArray[np.int64]]
    seller: NDArray[np.int64]
    coupon: NDArray[np.bool_]
    rating: NDArray[np.float64]
    amount: NDArray[np.float64]
    currency: NDArray[np.int64]
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def where(self, kept: NDArray[np.bool_] | slice) -> Rows:
        """Return the events that ``kept`` selects."""
        return Rows(
            row=self.row[kept],
            time=self.time[kept],
            member=self.member[kept],
            kind=self.kind[kept],
            values={name: column[kept] for name, column in self.values.items()},
            seller=self.seller[kept],
            coupon=self.coupon[kept],
            rating=self.rating[kept],
            amount=self.amount[kept],
            currency=self.currency[kept],
            order=self.order[kept],
        )

    def of(self, *kinds: str) -> Rows:
        """Return the events of these kinds."""
        return self.where(np.isin(self.kind, [KIND[kind] for kind in kinds]))

    def on(self, node: str, value: int) -> Rows:
        """Return the events on one value of a node type, or on one ``seller``'s products."""
        return self.where((self.seller if node == "seller" else self.values[node]) == value)

    def between(self, start: int, end: int) -> Rows:
        """Return the events from ``start`` to ``end``, both inclusive."""
        return self.where((self.time >= start) & (self.time <= end))

    @property
    def members(self) -> NDArray[np.int64]:
        """The members who have an event here, sorted."""
        return np.unique(self.member)


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """What the members of a group did with one value that they share.

    Attributes:
        shared: What detection found.
        id: The value's key.
        rows: All their events on it.
        users: Members of the whole market who used it.
    """

    shared: SharedEvidence
    id: str
    rows: Rows
    users: int

    @property
    def type(self) -> str:
        """The node type, or ``seller``."""
        return self.shared.type

    @property
    def is_identifier(self) -> bool:
        """Whether the value is an identifier, not a seller or product."""
        return self.shared.type in MARKETPLACE.identifiers

    @property
    def burst(self) -> Rows:
        """The events on it inside the window that detection found."""
        return self.rows.between(self.shared.start, self.shared.end)


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """One group with everything that its members did by the moment.

    Attributes:
        group: As detection found it.
        graph: As of the moment.
        market: What is usual.
        rows: All events of the members.
        uses: The values they share, most surprising first.
    """

    group: Group
    graph: Graph
    market: Market
    rows: Rows
    uses: tuple[Use, ...]

    @property
    def members(self) -> NDArray[np.int64]:
        """Dense ids, sorted."""
        return np.asarray(self.group.members, dtype=np.int64)

    @cached_property
    def names(self) -> dict[int, str]:
        """Key of each member."""
        keys = self.graph.nodes["member"].keys.gather(self.members)
        return dict(zip(self.members.tolist(), keys.to_list(), strict=True))

    @cached_property
    def identifiers(self) -> tuple[Use, ...]:
        """The shared values that are identifiers."""
        return tuple(use for use in self.uses if use.is_identifier)

    @cached_property
    def on_shared(self) -> NDArray[np.bool_]:
        """Per event of ``rows``: whether it carries an identifier that the group shares."""
        result = np.zeros(len(self.rows), dtype=bool)
        for use in self.identifiers:
            result |= self.rows.values[use.type] == use.shared.value
        return result

    @cached_property
    def opened(self) -> dict[int, int]:
        """When each member signed up, where a sign-up is known."""
        signups = self.rows.of("signup")
        return dict(zip(signups.member[::-1].tolist(), signups.time[::-1].tolist(), strict=True))

    @cached_property
    def began(self) -> dict[int, int]:
        """When each member was first seen, by any event."""
        rows = self.rows
        return dict(zip(rows.member[::-1].tolist(), rows.time[::-1].tolist(), strict=True))

    @cached_property
    def labels(self) -> pl.DataFrame:
        """Fraud labels about the members that were known by the moment."""
        return self.market.frauds.filter(pl.col("member").is_in(self.members.tolist()))

    def event_ids(self, rows: Rows, limit: int = 50) -> tuple[str, ...]:
        """Return ids of at most ``limit`` events: the first of each member, and so on."""
        order = np.lexsort((rows.row, _turn(rows.member)))[:limit]
        chosen = np.sort(rows.row[order])
        return tuple(self.graph.events["event_id"].gather(chosen).to_list())


def _turn(member: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each event, how many events of the same member stand before it."""
    order = np.argsort(member, kind="stable")
    by_member = member[order]
    starts = np.searchsorted(by_member, by_member, "left")
    turn = np.empty(len(member), dtype=np.int64)
    turn[order] = np.arange(len(member)) - starts
    return turn


def dossiers(graph: Graph, groups: Sequence[Group], market: Market) -> list[Dossier]:
    """Return what is known of each group by the moment of ``graph``, in the order given.

    Args:
        graph: As of the moment.
        groups: A member may be in several.
        market: What is usual, of the same graph.
    """
    if not groups:
        return []
    wanted = np.unique(np.concatenate([group.members for group in groups]))
    rows = _rows(graph, wanted, market)
    by_member = np.argsort(rows.member, kind="stable")
    starts = np.searchsorted(rows.member[by_member], [wanted, wanted + 1])
    places = {int(m): by_member[a:b] for m, a, b in zip(wanted, *starts, strict=True)}
    users = _users(graph, groups)
    keys = _keys(graph, market, groups)
    result = []
    for group in groups:
        own = rows.where(np.sort(np.concatenate([places[int(m)] for m in group.members])))
        uses = tuple(
            Use(
                shared=value,
                id=keys[value.type, value.value],
                rows=own.on(value.type, value.value),
                users=users.get((value.type, value.value), 0),
            )
            for value in sorted(group.values, key=lambda v: (-v.surprise, v.type, v.value))
        )
        result.append(Dossier(group=group, graph=graph, market=market, rows=own, uses=uses))
    return result


def _rows(graph: Graph, members: NDArray[np.int64], market: Market) -> Rows:
    """Return the events of ``members``."""
    wanted = np.zeros(len(graph.nodes["member"].keys), dtype=bool)
    wanted[members] = True
    row = np.flatnonzero(wanted[graph.events["member"].to_numpy()])
    events = graph.events[row]
    values = {name: _dense(events[name]) for name in _VALUES}
    product, sellers = values["product"], market.seller
    amount = events["amount"].fill_null(float("nan")).to_numpy()
    return Rows(
        row=row,
        time=events["time"].to_physical().to_numpy(),
        member=_dense(events["member"]),
        kind=_kind_codes(events["kind"]),
        values=values,
        seller=np.where(product >= 0, sellers[product], NONE) if len(sellers) else product,
        coupon=events["coupon_id"].is_not_null().to_numpy(),
        rating=events["rating"].fill_null(float("nan")).to_numpy(),
        amount=np.where(np.isfinite(amount), amount, np.nan),
        currency=_dense(events["currency"].to_physical()),
        order=_dense(events["order_id"].rank("dense")),
    )


def _dense(column: pl.Series) -> NDArray[np.int64]:
    return column.cast(pl.Int64).fill_null(NONE).to_numpy()


def _kind_codes(kinds: pl.Series) -> NDArray[np.int64]:
    codes = kinds.cast(pl.String).replace_strict(KIND, default=NONE, return_dtype=pl.Int64)
    return codes.to_numpy()


def _users(graph: Graph, groups: Sequence[Group]) -> dict[tuple[str, int], int]:
    """Return how many members of the market used each identifier that a group shares."""
    wanted: dict[str, set[int]] = {}
    for group in groups:
        for value in group.values:
            if value.type in MARKETPLACE.identifiers:
                wanted.setdefault(value.type, set()).add(value.value)
    result: dict[tuple[str, int], int] = {}
    for node, values in wanted.items():
        uses = graph.events.select("member", value=node).filter(
            pl.col("value").is_in(sorted(values))
        )
        counts = uses.group_by("value").agg(pl.col("member").n_unique())
        result.update({(node, value): number for value, number in counts.iter_rows()})
    return result


def _keys(graph: Graph, market: Market, groups: Sequence[Group]) -> dict[tuple[str, int], str]:
    """Return the key of each value that a group shares."""
    wanted: dict[str, set[int]] = {}
    for group in groups:
        for value in group.values:
            wanted.setdefault(value.type, set()).add(value.value)
    result: dict[tuple[str, int], str] = {}
    for node, values in wanted.items():
        keys = market.sellers if node == "seller" else graph.nodes[node].keys
        places = sorted(values)
        names = keys.gather(places).to_list()
        result.update({(node, v): key for v, key in zip(places, names, strict=True)})
    return result
