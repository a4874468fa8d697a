"""Little markets for aggregates: whole windows apart, so that every boundary is hit."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import polars as pl
from hypothesis import strategies as st

from graphml.graph.build import Graph, build_graph
from graphml.tables.frames import Tables
from tests.graph.marketplace import START, at, tables

HOUR = 3_600_000_000
DAY = 24 * HOUR
MOMENTS = (
    0, 1, 59_999_999, HOUR - 1, HOUR, 6 * HOUR, DAY - 1, DAY, DAY + 1, 7 * DAY - 1, 7 * DAY, 8 * DAY,
    30 * DAY - 1, 30 * DAY, 31 * DAY,
)  # fmt: skip
EPOCH = int(START.timestamp()) * 1_000_000
IDENTIFIERS = ("device", "address", "ip", "card", "phone", "email")
PREFIX = {"member": "m", "product": "p", "order": "o", "coupon": "c"}


@dataclass(frozen=True)
class Act:
    """A record: microseconds after the start, and small numbers for what it names."""

    member: int
    time: int
    kind: str = "login"
    product: int | None = None
    device: int | None = None
    address: int | None = None
    ip: int | None = None
    card: int | None = None
    phone: int | None = None
    email: int | None = None
    order: int | None = None
    coupon: int | None = None
    amount: float | None = None
    currency: str | None = None
    quantity: int | None = None
    rating: float | None = None
    points: float | None = None
    name: str = ""


@dataclass(frozen=True)
class Label:
    """A label about a member or an order."""

    known: int
    member: int | None = None
    order: int | None = None
    label: int = 1


@dataclass(frozen=True)
class Link:
    """A link between members."""

    member: int
    other: int
    time: int


@dataclass(frozen=True)
class Shop:
    acts: tuple[Act, ...]
    labels: tuple[Label, ...] = ()
    links: tuple[Link, ...] = ()

    def plus(self, other: Shop) -> Shop:
        return Shop(self.acts + other.acts, self.labels + other.labels, self.links + other.links)

    def later(self, moment: int) -> Shop:
        """Return the shop with all that happens put off until after ``moment``, renamed."""
        acts = (replace(a, time=moment + 1 + a.time, name=f"~{a.name}") for a in self.acts)
        labels = (replace(x, known=moment + 1 + x.known) for x in self.labels)
        links = (replace(x, time=moment + 1 + x.time) for x in self.links)
        return Shop(tuple(acts), tuple(labels), tuple(links))

    def without(self, *, own: Act) -> Shop:
        """Return the shop without an act and all others of its member and order."""

        def of(act: Act) -> bool:
            same = own.order is not None and act.order == own.order
            return act == own or (same and act.member == own.member)

        return replace(self, acts=tuple(act for act in self.acts if not of(act)))


def named(acts: list[Act]) -> tuple[Act, ...]:
    return tuple(replace(act, name=f"e-{number:03}") for number, act in enumerate(acts))


def _key(kind: str, number: int | None) -> str | None:
    return None if number is None else f"{PREFIX.get(kind, kind)}-{number}"


def tables_of(shop: Shop) -> Tables:
    """Return the tables of a shop; sellers and categories are of products by number."""
    rows = []
    for act in shop.acts:
        row = {f.name: getattr(act, f.name) for f in fields(act)}
        row |= {"event_id": row.pop("name"), "time": at(act.time)}
        for name in ("member", "product", "device", "address", "order", "coupon"):
            row[f"{name}_id"] = _key(name, row.pop(name))
        for name in ("ip", "card", "phone", "email"):
            row[name] = _key(name, row[name])
        rows.append(row)
    return tables(
        rows,
        labels=[
            {
                "member_id": _key("member", x.member),
                "order_id": _key("order", x.order),
                "label": x.label,
                "known_at": at(x.known),
            }
            for x in shop.labels
        ],
        links=[
            {
                "member_id": _key("member", x.member),
                "other_member_id": _key("member", x.other),
                "kind": "gift",
                "time": at(x.time),
            }
            for x in shop.links
        ],
        products=[
            {
                "product_id": f"p-{number}",
                "seller_id": f"s-{number % 2}",
                "category": f"c-{number // 2}",
            }
            for number in range(3)
        ],
    )


def graph_of(shop: Shop) -> Graph:
    return build_graph(tables_of(shop))


def dense(graph: Graph, member: int) -> int | None:
    """Return the id of a member, if it is there."""
    place = graph.nodes["member"].keys.index_of(f"m-{member}")
    return None if place is None else int(place)


def event_row(graph: Graph, act: Act) -> int:
    return int(graph.events["event_id"].index_of(act.name))


def frame_of(features, rows) -> pl.DataFrame:
    return pl.DataFrame(features.values, schema=list(features.names)).with_columns(rows)


maybe = st.none() | st.integers(0, 2)
moments = st.sampled_from(MOMENTS)
KINDS = (
    "signup", "login", "view", "cart", "purchase", "purchase", "purchase", "refund", "review",
    "coupon", "points", "chargeback",
)  # fmt: skip
acts = st.builds(
    Act,
    member=st.integers(0, 4),
    time=moments,
    kind=st.sampled_from(KINDS),
    product=maybe,
    device=maybe,
    address=maybe,
    ip=st.none() | st.integers(0, 1),
    card=st.none() | st.just(0),
    phone=st.none(),
    email=maybe,
    order=maybe,
    coupon=st.none() | st.just(0),
    amount=st.sampled_from([None, 1.0, 2.5, 10.0]),
    currency=st.sampled_from([None, "EUR", "USD", "EUR"]),
    quantity=st.sampled_from([None, 1, 3]),
    rating=st.sampled_from([None, 1.0, 5.0]),
    points=st.sampled_from([None, 4.0]),
)
labels = st.builds(Label, known=moments, member=st.integers(0, 4), label=st.sampled_from([1, 1, 0]))
order_labels = st.builds(Label, known=moments, order=st.integers(0, 2))
links = st.builds(Link, member=st.integers(0, 4), other=st.integers(0, 4), time=moments)
shops = st.builds(
    Shop,
    st.lists(acts, min_size=1, max_size=28).map(named),
    st.lists(labels | order_labels, max_size=5).map(tuple),
    st.lists(links, max_size=5).map(tuple),
)
