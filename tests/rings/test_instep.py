"""Accounts in step: haste in a burst of days, mostly tied already; a checkout that is always hasty ties nobody."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.graph.build import Graph, build_graph
from graphml.rings.groups import Group
from graphml.rings.instep import accounts_in_step, is_in_step
from graphml.tables.frames import Tables

DAY0 = datetime(2024, 3, 1, tzinfo=UTC)
AS_OF = DAY0 + timedelta(days=40)


def account(name: str, opened: datetime, delay: timedelta | None) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"event_id": f"s-{name}", "time": opened, "kind": "signup", "member_id": name}
    ]
    if delay is not None:
        bought = {
            "event_id": f"b-{name}",
            "time": opened + delay,
            "kind": "purchase",
            "member_id": name,
        }
        rows.append({**bought, "product_id": "p"})
    return rows


def market(*, hasty_every_day: int = 0) -> list[dict[str, object]]:
    """40 days of 30 slow sign-ups, and 60 hasty accounts on days 7 to 9."""
    rows = []
    for day in range(40):
        opened = DAY0 + timedelta(days=day, hours=8)
        for i in range(30):
            slow = timedelta(hours=3 + i) if i % 2 else None
            rows += account(f"slow-{day}-{i}", opened + timedelta(minutes=i), slow)
        for i in range(hasty_every_day):
            rows += account(f"till-{day}-{i}", opened + timedelta(minutes=i), timedelta(seconds=40))
    for i in range(60):
        opened = DAY0 + timedelta(days=7 + i % 3, minutes=7 * i)
        rows += account(f"quick-{i}", opened, timedelta(seconds=i % 50))
    return rows


def graph_of(rows: list[dict[str, object]]) -> Graph:
    return build_graph(Tables(events=pl.DataFrame(rows)))


def group_of(graph: Graph, names: list[str]) -> Group:
    place = {key: i for i, key in enumerate(graph.nodes["member"].keys)}
    members = np.sort(np.array([place[name] for name in names], dtype=np.int64))
    return Group(members=members, score=0.9, values=())


def names_in(graph: Graph, group: Group) -> set[str]:
    return set(graph.nodes["member"].keys.gather(group.members.tolist()))


def test_the_rest_of_a_burst_in_haste_is_one_group() -> None:
    graph = graph_of(market())
    ring = group_of(graph, [f"quick-{i}" for i in range(41)])
    (found,) = accounts_in_step(graph, [ring], [ring])
    assert names_in(graph, found) == {f"quick-{i}" for i in range(41, 60)}
    assert is_in_step(found)
    assert 0.5 < found.score < 1


def test_pairs_that_are_no_rings_are_taken_in() -> None:
    graph = graph_of(market())
    pairs = [group_of(graph, [f"quick-{i}", f"quick-{i + 1}"]) for i in range(0, 40, 2)]
    (found,) = accounts_in_step(graph, pairs, [])
    assert names_in(graph, found) == {f"quick-{i}" for i in range(60)}


def test_haste_that_nothing_ties_is_nobodys_fault() -> None:
    graph = graph_of(market())
    ring = group_of(graph, [f"quick-{i}" for i in range(29)])
    assert accounts_in_step(graph, [ring], [ring]) == []
    assert accounts_in_step(graph, [], []) == []


def test_a_checkout_that_makes_accounts_every_day_is_usual() -> None:
    graph = graph_of(market(hasty_every_day=30))
    ring = group_of(graph, [f"quick-{i}" for i in range(60)])
    assert accounts_in_step(graph, [ring], []) == []


moments = st.integers(1, 3_000_000).map(lambda us: AS_OF + timedelta(microseconds=us))


@given(late=st.lists(st.tuples(moments, st.booleans()), max_size=6))
@settings(max_examples=15, deadline=None)
def test_the_future_changes_nothing(late: list[tuple[datetime, bool]]) -> None:
    past = market()
    future = [
        row
        for i, (opened, known) in enumerate(late)
        for row in account(f"slow-3-{2 * i}" if known else f"late-{i}", opened, timedelta(0))
    ]
    for i, row in enumerate(future):
        row["event_id"] = f"late-event-{i}"
    results = []
    for rows in (past, past + future):
        graph = graph_of(rows).until(AS_OF)
        ring = group_of(graph, [f"quick-{i}" for i in range(41)])
        results.append(
            [
                (names_in(graph, group), group.score)
                for group in accounts_in_step(graph, [ring], [ring])
            ]
        )
    assert results[0] == results[1]
