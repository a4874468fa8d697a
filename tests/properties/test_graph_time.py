"""Nothing after as_of is ever visible, and nothing depends on the order of rows."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.graph.build import build_graph
from graphml.tables.frames import Tables
from tests.graph.marketplace import HOSTILE, at, described, event, tables

moments = st.integers(0, 2)
members = st.sampled_from(["m-1", HOSTILE])  # few, so that rows meet at as_of
values = st.none() | st.sampled_from(["v-1", "v-2", ""])
kinds = st.sampled_from(["login", "view", "purchase", "chargeback"])
rows = st.lists(st.tuples(moments, members, kinds, values, values, values), min_size=1, max_size=7)
attributes = st.lists(
    st.tuples(members, st.none() | moments, moments, st.integers(0, 9)), min_size=1, max_size=4
)
labels = st.lists(st.tuples(st.none() | members, values, st.none() | moments), max_size=3)
links = st.lists(st.tuples(members, members, moments), max_size=3)


quick = settings(max_examples=40, deadline=None)


def made(rows, attributes, labels, links, later=0):
    """Return tables; ``later`` moves everything, for rows that come after as_of."""
    number = len(rows)
    return tables(
        [
            event(
                f"e-{'late' if later else 'now'}-{number - place}",
                moment + later,
                member,
                kind,
                device_id=device,
                product_id=product,
                order_id=order,
            )
            for place, (moment, member, kind, device, product, order) in enumerate(rows)
        ],
        members=[
            {
                "member_id": member,
                "valid_from": None if start is None else at(start + later),
                "signup_time": at(signup + later),
                "tier": tier,
            }
            for member, start, signup, tier in {row[:2]: row for row in attributes}.values()
            if not later or start is not None
        ],
        labels=[
            {"member_id": m, "order_id": order, "label": 1, "known_at": at(known + later)}
            if known is not None
            else {"member_id": m, "order_id": order, "label": 0, "known_at": None}
            for m, order, known in labels
            if not later or known is not None
        ],
        links=[
            {"member_id": a, "other_member_id": b, "kind": "gift", "time": at(moment + later)}
            for a, b, moment in links
        ],
    )


def together(tables: Tables, more: Tables) -> Tables:
    return Tables(
        **{
            name: pl.concat([getattr(tables, name), getattr(more, name)], how="diagonal_relaxed")
            for name in ("events", "members", "products", "labels", "links")
        }
    )


def by_then(tables: Tables, as_of) -> Tables:
    def until(column):
        return pl.col(column).is_null() | (pl.col(column) <= as_of)

    signup = pl.col("signup_time")
    return Tables(
        events=tables.events.filter(pl.col("time") <= as_of),
        members=tables.members.filter(until("valid_from")).with_columns(
            pl.when(signup <= as_of).then(signup).alias("signup_time")
        ),
        labels=tables.labels.filter(until("known_at")),
        links=tables.links.filter(pl.col("time") <= as_of),
    )


@quick
@given(rows, attributes, labels, links, moments)
def test_until_shows_what_a_graph_of_the_tables_by_then_shows(
    rows, attributes, labels, links, as_of
):
    whole = made(rows, attributes, labels, links)
    assert described(build_graph(whole).until(at(as_of))) == described(
        build_graph(by_then(whole, at(as_of)))
    )


@quick
@given(rows, attributes, labels, links, moments, rows, attributes, labels, links)
def test_the_future_changes_nothing(
    rows, attributes, labels, links, as_of, late_rows, late_attributes, late_labels, late_links
):
    past = by_then(made(rows, attributes, labels, links), at(as_of))
    future = made(late_rows, late_attributes, late_labels, late_links, later=as_of + 1)
    known = described(build_graph(past).until(at(as_of)))
    assert described(build_graph(together(past, future)).until(at(as_of))) == known


@quick
@given(rows, attributes, labels, links, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, attributes, labels, links, random):
    plain = made(rows, attributes, labels, links)
    places = list(range(plain.events.height))
    random.shuffle(places)
    shuffled = Tables(
        events=plain.events[places],
        members=plain.members.reverse(),
        labels=plain.labels.reverse(),
        links=plain.links.reverse(),
    )
    one, other = build_graph(plain), build_graph(shuffled)
    assert described(one) == described(other)
    for name, nodes in one.nodes.items():
        assert nodes.keys.equals(other.nodes[name].keys)
    assert one.events["event_id"].equals(other.events["event_id"])
