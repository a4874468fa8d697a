"""Small shops for recommendations: eight members, eleven products, no symmetry, days as floats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from graphml.graph.build import Graph, build_graph
from graphml.tables.frames import Tables
from tests.graph.marketplace import START, tables

MEMBERS, PRODUCTS = 8, 11
KINDS = ("purchase", "purchase", "purchase", "view", "cart", "refund", "login", "review")
DAYS = (0.0, 0.25, 0.5, 1.0, 1.75, 7.0, 27.5, 28.0, 35.25, 60.0, 89.5, 118.0)


def day(days: float) -> datetime:
    """Return the moment some days after the start, which is a midnight."""
    return START + timedelta(days=days)


@dataclass(frozen=True)
class Act:
    """What a member does; small numbers stand for ids, as ``m-3`` and ``p-03``."""

    member: int
    product: int | None
    day: float
    kind: str = "purchase"
    order: int | None = None
    quantity: int | None = None
    amount: float | None = None
    currency: str | None = None

    def row(self, number: int, prefix: str = "e") -> dict[str, object]:
        return {
            "event_id": f"{prefix}-{number:06}",
            "time": day(self.day),
            "kind": self.kind,
            "member_id": f"m-{self.member}",
            "product_id": None if self.product is None else f"p-{self.product:02}",
            "order_id": None if self.order is None else f"o-{self.order}",
            "quantity": self.quantity,
            "amount": self.amount,
            "currency": self.currency,
        }


def shop(acts, **others) -> Tables:
    return tables([act.row(number) for number, act in enumerate(acts)], **others)


def graph_of(acts, until: float = 120.0, **others) -> Graph:
    return build_graph(shop(acts, **others)).until(day(until))


def number(keys, node: int) -> int:
    """Return the small number of a dense id."""
    return int(keys[int(node)].split("-")[1])


def numbers(nodes) -> list[int]:
    return [int(key.split("-")[1]) for key in nodes.keys]


@st.composite
def acts(draw, most: int = 40):
    """Draw what happens; an order belongs to one member."""
    member = st.integers(0, MEMBERS - 1).map(lambda n: min(n, 5))  # some do far more than others
    made = draw(
        st.lists(
            st.builds(
                Act,
                member=member,
                product=st.integers(0, PRODUCTS - 1),
                day=st.sampled_from(DAYS),
                kind=st.sampled_from(KINDS),
                order=st.sampled_from([None, None, 0, 1]),
                quantity=st.sampled_from([None, 1, 2, 5]),
                amount=st.sampled_from([None, 0.0, 3.0, 10.0, 24.0]),
                currency=st.sampled_from([None, "EUR", "EUR", "USD"]),
            ),
            max_size=most,
        )
    )
    return [
        replace(
            act,
            order=None if act.order is None else 2 * act.member + act.order,
            product=None if act.kind == "login" else act.product,
        )
        for act in made
    ]


TALE = [  # who bought what on which day; nothing of it is the same from both ends
    Act(0, 3, 2.0), Act(0, 7, 2.0), Act(0, 3, 12.0), Act(0, 1, 22.0), Act(0, 3, 23.0),
    Act(1, 3, 3.0), Act(1, 1, 9.0), Act(1, 10, 9.0), Act(1, 7, 30.0),
    Act(2, 3, 5.0), Act(2, 1, 8.0), Act(2, 5, 20.0), Act(2, 5, 25.0), Act(2, 1, 33.0),
    Act(3, 10, 1.0), Act(3, 2, 31.0), Act(3, 2, 35.0),
    Act(4, 7, 6.0), Act(4, 0, 6.0), Act(4, 4, 18.0), Act(4, 9, 18.0),
    Act(5, 0, 34.0),
    Act(6, 3, 10.0, "view"), Act(6, 8, 11.0, "cart"),
    Act(7, None, 4.0, "login"), Act(7, 6, 4.5, "view"),
]  # fmt: skip
"""Ends by day 36; products 6 and 8 are looked at alone, members 6 and 7 buy nothing."""
