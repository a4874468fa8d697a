"""Small markets by hand, groups by name, and how the words of evidence are counted again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import strategies as st

from graphml.graph.build import Graph, build_graph
from graphml.results import Evidence, Ring
from graphml.rings.extract import describe
from graphml.rings.groups import Group, SharedEvidence
from graphml.schema import MARKETPLACE
from graphml.tables.frames import TIME, Tables, frame_schema

START = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


class Market:
    """Events in the order they are told; ids count up."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.sellers: dict[str, str] = {}

    def tell(self, member: str, hours: float, kind: str = "login", **columns: object) -> str:
        event_id = f"e-{len(self.rows)}"
        self.rows.append(
            {"event_id": event_id, "time": at(hours), "kind": kind, "member_id": member, **columns}
        )
        return event_id

    @property
    def tables(self) -> Tables:
        events = pl.DataFrame(self.rows, schema=frame_schema("events"))
        products = pl.DataFrame(
            {"product_id": list(self.sellers), "seller_id": list(self.sellers.values())},
            schema={"product_id": pl.String, "seller_id": pl.String},
        )
        return Tables(events=events, products=products)

    @property
    def graph(self) -> Graph:
        return build_graph(self.tables)

    def ring(self, members: Sequence[str], as_of: datetime | None = None, **options) -> Ring:
        graph = self.graph
        as_of = as_of or graph.events["time"].max()
        return describe(graph, [group(graph, members, as_of)], as_of=as_of, **options)[0]


def group(
    graph: Graph, members: Sequence[str], as_of: datetime, score: float = 0.9, surprise: float = 2.0
) -> Group:
    """Return the members as a group, with all that two of them share by then."""
    keys = graph.nodes["member"].keys
    ids = keys.is_in(list(members)).arg_true().cast(pl.Int64).to_numpy()
    events = graph.events.filter(pl.col("time") <= as_of, pl.col("member").is_in(ids.tolist()))
    values = []
    for node in MARKETPLACE.identifiers:
        for (value,), rows in events.drop_nulls(node).group_by(node, maintain_order=True):
            users = sorted(set(rows["member"].to_list()))
            if len(users) > 1:
                time = rows["time"].to_physical()
                values.append(
                    SharedEvidence(
                        type=node, value=value, members=tuple(users), start=time[0], end=time[-1],
                        surprise=surprise,
                    )
                )  # fmt: skip
    return Group(members=np.sort(ids), score=score, values=tuple(values))


def by_code(items: Sequence[Evidence]) -> dict[str, Evidence]:
    return {item.code: item for item in items}


_LENGTH = re.compile(r"([\d,]+) (minute|hour|day)s?$")


def longest(words: str) -> timedelta:
    """Return the length of time that ``words`` name."""
    number, unit = _LENGTH.search(words).groups()
    return timedelta(**{f"{unit}s": int(number.replace(",", ""))})


# A market at random: few of everything, so that all of it is shared.
_pick = st.none() | st.sampled_from(["x", "y"])
rows = st.fixed_dictionaries(
    {
        "hours": st.integers(0, 72),
        "kind": st.sampled_from(
            ["signup", "login", "view", "purchase", "purchase", "refund", "review", "chargeback"]
        ),
        "member_id": st.sampled_from([f"m-{n}" for n in range(7)]),
        "product_id": st.sampled_from([f"p-{n}" for n in range(4)]),
        "device_id": _pick,
        "address_id": _pick,
        "ip": _pick,
        "card": _pick,
        "amount": st.none() | st.integers(1, 9).map(float),
        "currency": st.sampled_from(["EUR", "JPY", None]),
        "rating": st.none() | st.integers(1, 5).map(float),
        "order_id": st.none() | st.sampled_from(["o-1", "o-2", "o-3"]),
        "coupon_id": _pick,
    }
)


def random_tables(drawn: Sequence[dict[str, object]], later: timedelta = timedelta(0)) -> Tables:
    """Return drawn rows as tables; ``later`` moves their times."""
    events = pl.DataFrame(
        [
            {
                "event_id": f"{later // HOUR}-{n}",
                "time": at(row["hours"]) + later,
                **{k: v for k, v in row.items() if k != "hours"},
            }
            for n, row in enumerate(drawn)
        ],
        schema_overrides={"time": TIME},
        infer_schema_length=None,
    )
    products = pl.DataFrame(
        {"product_id": [f"p-{n}" for n in range(4)], "seller_id": ["s-1", "s-1", "s-2", None]}
    )
    return Tables(events=events, products=products)
