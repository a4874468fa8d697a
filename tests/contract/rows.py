"""Small tables with known content, and what a store must answer about them, row by row."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from graphml.schema import MARKETPLACE
from graphml.tables.frames import TABLES, Tables, frame_schema

START = datetime(2024, 6, 2, 9, 30, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATER = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

Row = dict[str, Any]

NAMES = [node.key for node in MARKETPLACE.nodes.values()]
HOSTILE = (
    "'; MATCH (n) DETACH DELETE n //",
    'say "hi"',
    "`back``tick`",
    "{key: $key}} ${x}",
    "two\nlines\r\nand\ttab",
    "\\u0027 \\",
    "日本 😀 é e\u0301 \u202e \u2028",
    " ",
    "null",
    "-- \x01\x7f",
    "x" * 4096,
)


def at(microseconds: int) -> datetime:
    """Return a moment so many microseconds after the start."""
    return START + microseconds * MICROSECOND


def event(event_id: str, microseconds: int, member: str, kind: str = "login", **more: Any) -> Row:
    return {
        "event_id": event_id,
        "time": at(microseconds),
        "kind": kind,
        "member_id": member,
        **more,
    }


def frame(table: str, rows: Iterable[Row]) -> pl.DataFrame:
    """Return rows as a frame of the schema; further keys make further columns."""
    rows = list(rows)
    extra = {key: None for row in rows for key in row if key not in frame_schema(table)}
    columns: dict[str, Any] = {**frame_schema(table), **extra}
    return pl.DataFrame([{c: row.get(c) for c in columns} for row in rows], schema=columns)


def tables(
    events: Sequence[Row] = (),
    *,
    members: Sequence[Row] = (),
    products: Sequence[Row] = (),
    labels: Sequence[Row] = (),
    links: Sequence[Row] = (),
) -> Tables:
    return Tables(
        events=frame("events", events),
        members=frame("members", members),
        products=frame("products", products),
        labels=frame("labels", labels),
        links=frame("links", links),
    )


def content(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows without their sequence, in an order of their own: what a table says."""
    rows = frame.drop("sequence", strict=False).rows()
    return sorted(rows, key=lambda row: tuple((value is None, str(value)) for value in row))


def same(one: Tables, other: Tables) -> None:
    """Assert that two answers hold the same rows."""
    for table in TABLES:
        assert content(getattr(one, table)) == content(getattr(other, table)), table


def random_tables(seed: int, *, prefix: str = "") -> Tables:
    """Return 7 members × 11 products who act within six microseconds, so that each one counts."""
    draw = random.Random(seed)
    moment = lambda: at(draw.randrange(6))  # noqa: E731
    maybe = lambda value: value if draw.random() < 0.7 else None  # noqa: E731
    members = [f"m-{i}" for i in range(7)]
    products = [f"p-{i}" for i in range(11)]
    events = [
        {
            "event_id": f"{prefix}e-{i}",
            "time": moment(),
            "kind": draw.choice(MARKETPLACE.kinds),
            "member_id": draw.choice(members[:-1]),
            "product_id": maybe(draw.choice(products[:-2])),
            "device_id": maybe(f"d-{draw.randrange(4)}"),
            "ip": maybe(f"i-{draw.randrange(3)}"),
            "amount": maybe(draw.random()),
            "quantity": maybe(draw.randrange(1, 9)),
            "order_id": maybe(f"{prefix}o-{i // 2}"),
        }
        for i in range(40)
    ]
    return tables(
        events,
        members=[
            {
                "member_id": member,
                "signup_time": maybe(moment()),
                "opted_out": maybe(draw.random() < 0.5),
                "valid_from": valid_from,
            }
            for member in members
            for valid_from in {None if draw.random() < 0.5 else moment() for _ in range(2)}
        ],
        products=[
            {
                "product_id": product,
                "category": maybe("shoes"),
                "price": draw.random(),
                "valid_from": valid_from,
            }
            for product in products
            for valid_from in {None if draw.random() < 0.5 else moment() for _ in range(2)}
        ],
        labels=[
            {
                "member_id": draw.choice(members),
                "order_id": f"{prefix}o-{i}",
                "label": draw.randrange(2),
                "known_at": maybe(moment()),
                "fraud_time": maybe(moment()),
            }
            for i in range(9)
        ],
        links=[
            {
                "member_id": draw.choice(members),
                "other_member_id": draw.choice(members),
                "kind": f"{prefix}gift-{i}",
                "time": moment(),
            }
            for i in range(9)
        ],
    )


def expected(tables: Tables, as_of: datetime) -> Tables:
    """Return what a store that holds ``tables`` must answer, by plain loops over plain rows."""
    events = [row for row in tables.events.to_dicts() if row["time"] <= as_of]
    acted = {row["member_id"] for row in events}
    sold = {row["product_id"] for row in events}
    members = [row for row in tables.members.to_dicts() if _valid(row, as_of)]
    signed = {row["member_id"] for row in members if _by(row["signup_time"], as_of)}
    products = [row for row in tables.products.to_dicts() if _valid(row, as_of)]
    return Tables(
        events=frame("events", events),
        members=frame(
            "members",
            [
                _hide(row, "signup_time", as_of)
                for row in members
                if row["member_id"] in acted | signed
            ],
        ),
        products=frame(
            "products",
            [row for row in products if row["valid_from"] or row["product_id"] in sold],
        ),
        labels=frame(
            "labels",
            [
                _hide(row, "fraud_time", as_of)
                for row in tables.labels.to_dicts()
                if _by(row["known_at"], as_of)
            ],
        ),
        links=frame("links", [row for row in tables.links.to_dicts() if row["time"] <= as_of]),
    )


def _by(time: datetime | None, as_of: datetime) -> bool:
    return time is not None and time <= as_of


def _valid(row: Row, as_of: datetime) -> bool:
    return row["valid_from"] is None or row["valid_from"] <= as_of


def _hide(row: Row, column: str, as_of: datetime) -> Row:
    return row if _by(row[column], as_of) else {**row, column: None}


def expected_events_around(
    tables: Tables, node: tuple[str, str], *, hops: int, as_of: datetime, limit: int
) -> set[str]:
    """Return the event ids of a neighbourhood, node by node."""
    events = [row for row in tables.events.to_dicts() if row["time"] <= as_of]
    events.sort(key=lambda row: row["event_id"])
    events.sort(key=lambda row: row["time"], reverse=True)
    kept: set[str] = set()
    seen: set[tuple[str, str]] = set()
    frontier = {node}
    for _ in range(hops):
        seen |= frontier
        reached = set()
        for column, key in frontier:
            own = [row for row in events if row[column] == key][:limit]
            kept |= {row["event_id"] for row in own}
            others = set(NAMES) - {"member_id"} if column == "member_id" else {"member_id"}
            reached |= {(other, row[other]) for row in own for other in others if row[other]}
        frontier = reached - seen
    return kept
