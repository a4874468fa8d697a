"""Small markets whose rows meet at the boundaries, and what plain loops answer about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import strategies as st

from graphml.tables.frames import TABLES, Tables
from tests.graph.marketplace import at, event, tables


@dataclass(frozen=True)
class Told:
    """Rows of a market; moments are whole microseconds after its start.

    events: moment, member, kind, order, product. labels: member, order, label, known, fraud.
    links: member, other member, moment.
    """

    events: list[tuple]
    labels: list[tuple] = field(default_factory=list)
    links: list[tuple] = field(default_factory=list)

    def ids(self) -> list[str]:
        """Event ids that sort against the order of rows."""
        return [f"e-{len(self.events) - place:02}" for place in range(len(self.events))]


def span(microseconds: int) -> timedelta:
    return timedelta(microseconds=microseconds)


def as_tables(told: Told, *, later: int = 0, prefix: str = "") -> Tables:
    """Return the tables that tell it, ``later`` microseconds later."""

    def moment(value):
        return None if value is None else at(value + later)

    return tables(
        [
            event(prefix + key, time + later, member, kind, order_id=order, product_id=product)
            for key, (time, member, kind, order, product) in zip(
                told.ids(), told.events, strict=True
            )
        ],
        labels=[
            {
                "member_id": member,
                "order_id": order,
                "label": label,
                "known_at": moment(known),
                "fraud_time": moment(fraud),
            }
            for member, order, label, known, fraud in told.labels
        ],
        links=[
            {"member_id": one, "other_member_id": other, "kind": "gift", "time": moment(time)}
            for one, other, time in told.links
        ],
    )


def backwards(tables: Tables) -> Tables:
    return Tables(**{name: getattr(tables, name).reverse() for name in TABLES})


def by_loops(told: Told, *, horizon, every, until, maturity, negatives):
    """Return (member, as_of, y, known_at) in order, one question after the other."""
    events = sorted(
        (row[0], key, *row[1:4])
        for key, row in zip(told.ids(), told.events, strict=True)
        if row[0] <= until
    )
    first = _first(told, events, until)
    stated = [row for row in told.labels if row[3] is not None and row[3] <= until]
    frauds = _frauds(stated, events, first, until)
    cleared = {
        (member, known)
        for member, order, label, known, _ in stated
        if label == 0 and order is None and member in first
    }
    if not frauds and not cleared:
        return []
    wait = horizon + (_maturity(frauds) if maturity is None else maturity)
    rows = []
    for who in first:
        mine = [(known, fraud) for member, known, fraud in frauds if member == who]
        said = [known for member, known in cleared if member == who]
        for as_of in range(until, first[who] - 1, -every):
            if any(known <= as_of for known, _ in mine):
                continue
            found = [known for known, fraud in mine if fraud is None or fraud <= as_of + horizon]
            if found:
                rows.append((who, as_of, 1, min(found)))
                continue
            if negatives == "matured":
                known = _matured(mine, as_of + wait)
            else:
                known = _stated(mine, said, as_of, as_of + wait)
            if known is not None and known <= until:
                rows.append((who, as_of, 0, known))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def _first(told, events, until):
    named = [(time, member) for time, _, member, _, _ in events]
    named += [(row[2], who) for row in told.links for who in row[:2] if row[2] <= until]
    return {who: min(time for time, other in named if other == who) for _, who in named}


def _frauds(stated, events, first, until):
    frauds = set()
    for member, order, label, known, fraud in stated:
        who = member if member in first else _buyer(events, order)[0]
        if label == 1 and who is not None:
            frauds.add((who, known, fraud if fraud is not None and fraud <= until else None))
    for time, _, member, kind, order in events:
        if kind == "chargeback":
            who, bought = (member, None) if order is None else _buyer(events, order)
            frauds.add((who, time, bought if bought is not None and bought <= time else None))
    return frauds


def _maturity(frauds):
    delays = sorted(max(0, known - fraud) for _, known, fraud in frauds if fraud is not None)
    enough = (d for d in delays if sum(x <= d for x in delays) * 100 >= 95 * len(delays))
    return next(enough, 0)


def _matured(frauds, ripe):
    return None if any(known <= ripe for known, _ in frauds) else ripe


def _stated(frauds, cleared, as_of, ripe):
    known = [max(known, ripe) for known in cleared if known >= as_of]
    return min(known) if known and not frauds else None


def _buyer(events, order):
    """Return who made the order, and the moment of its first purchase."""
    lines = [(kind != "purchase", *row) for row in events for kind in [row[3]] if row[4] == order]
    if order is None or not lines:
        return None, None
    other, time, _, member, _, _ = min(lines)
    return member, None if other else time


# Few members and moments, so that rows meet at as_of, at its horizon and at until.
moments = st.integers(0, 6)
members = st.sampled_from(["m-1", "m-2", "m'\"\n3"])
orders = st.none() | st.sampled_from(["o-1", "o-2"])
kinds = st.sampled_from(["login", "purchase", "chargeback"])
products = st.sampled_from(["p-1", "p-2"])
about = st.tuples(members | st.just("nobody"), st.none()) | st.tuples(st.none() | members, orders)
told = st.builds(
    Told,
    st.lists(st.tuples(moments, members, kinds, orders, products), min_size=1, max_size=7),
    st.lists(
        st.tuples(about, st.integers(0, 1), st.none() | moments, st.none() | moments).map(
            lambda row: (*row[0], *row[1:])
        ),
        max_size=4,
    ),
    st.lists(st.tuples(members, members, moments), max_size=2),
)
asked = st.fixed_dictionaries(
    {
        "horizon": st.integers(1, 3),
        "every": st.integers(1, 3),
        "until": moments,
        "maturity": st.none() | st.integers(0, 2),
        "negatives": st.sampled_from(["stated", "matured"]),
    }
)


def in_time(question):
    """Return ``question`` with moments and durations for numbers."""
    return {
        "until": at(question["until"]),
        "horizon": span(question["horizon"]),
        "every": span(question["every"]),
        "maturity": None if question["maturity"] is None else span(question["maturity"]),
        "negatives": question["negatives"],
    }
