"""What a card asks of a plain graph: the parts of its split, and what none of them may know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import UsageError
from graphml.schema import plain_schema
from graphml.tasks.plain import EPOCH, _first, link_split, node_split
from tests.tasks.plain_graphs import KNOWS, VISITS, clubs, day, edges, people, visits


def keys(labels) -> list[str]:
    return sorted(labels.rows["key"])


def ends(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select("source", "target").rows())


FRIENDS = [("ann", "bob", None), ("bob", "cy", None), ("cy", "dee", None), ("dee", "eve", None)]
SAID = [("ann", 1, None), ("bob", 0, None), ("cy", 1, None), ("dee", 0, None), ("eve", 1, None)]


def test_masks_are_the_parts_and_ask_as_of_the_only_moment_there_is():
    masks = {"train": ["ann", "bob"], "valid": ["cy"], "test": ["dee", "eve"]}
    split = node_split(people(FRIENDS, SAID, masks=masks), seed=1)
    assert [keys(p) for p in (split.train, split.valid, split.test)] == [*masks.values()]
    assert split.train.about == ("person",)
    assert set(split.train.rows["as_of"]) == {EPOCH}
    assert dict(split.test.rows.select("key", "y").rows()) == {"dee": 0, "eve": 1}


def test_without_a_mask_for_validation_some_of_train_are_taken_the_same_ones_each_time():
    said = [(f"p-{n}", n % 2, None) for n in range(70)]
    knows = [(f"p-{n}", f"p-{n + 1}", None) for n in range(69)]
    masks = {"train": [f"p-{n}" for n in range(60)], "test": [f"p-{n}" for n in range(60, 70)]}
    first = node_split(people(knows, said, masks=masks), seed=1)
    again = node_split(people(knows[::-1], said[::-1], masks=masks), seed=1)
    assert 0 < len(first.valid) < 20
    assert keys(first.valid) == keys(again.valid)
    assert sorted(keys(first.valid) + keys(first.train)) == sorted(masks["train"])
    assert keys(node_split(people(knows, said, masks=masks), seed=2).valid) != keys(first.valid)


def test_in_a_graph_with_time_a_node_is_asked_as_of_the_moment_it_appears():
    knows = [
        ("ann", "bob", day(1)), ("ann", "bob", day(9)), ("cy", "ann", day(3)),
        ("dee", "cy", day(5)), ("eve", "dee", day(7)), ("fay", "eve", day(8)),
    ]  # fmt: skip
    said = [
        ("ann", 1, day(2)), ("bob", 0, day(6)), ("cy", 0, day(4)),
        ("dee", 1, day(6)), ("eve", 0, None), ("fay", 1, day(8)),
    ]  # fmt: skip
    split = node_split(people(knows, said, cuts=(day(4), day(6))), seed=0)
    assert keys(split.train) == ["ann", "cy"], "bob's answer is not known by the first cut"
    assert keys(split.valid) == ["dee"]
    assert keys(split.test) == ["eve", "fay"], "nobody knows when eve's was known: the test alone"
    assert dict(split.train.rows.select("key", "as_of").rows()) == {"ann": day(1), "cy": day(3)}
    earlier = node_split(
        people(knows, said, cuts=(day(4), day(6))), seed=0, valid_from=day(3), test_from=day(6)
    )
    assert keys(earlier.train) == ["ann"]


@settings(max_examples=60, deadline=None)
@given(
    late=st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz"), st.integers(0, 3)), max_size=5
    )
)
def test_what_comes_after_the_first_cut_changes_no_label_of_train(late):
    knows = [("a", "b", day(0)), ("c", "a", day(1)), ("d", "c", day(3)), ("last", "d", day(5))]
    said = [
        ("a", 1, day(1)),
        ("b", 0, day(2)),
        ("c", 1, day(2)),
        ("d", 0, day(4)),
        ("last", 1, day(6)),
    ]
    cut = day(2)
    future = [(s, t, cut + timedelta(microseconds=1 + more)) for s, t, more in late]
    told = [(k, 1, cut + timedelta(microseconds=1)) for k in "xyz"]
    cuts = (cut, day(4))
    alone = node_split(people(knows, said, cuts=cuts), seed=0).train.rows
    after = node_split(people(knows + future, said + told, cuts=cuts), seed=0).train.rows
    assert alone.equals(after)
    assert alone["key"].to_list() == ["a", "b", "c"]


def test_pairs_without_time_are_put_into_orders_and_those_held_out_are_no_edges():
    source = clubs()
    rest, split = link_split(source, batch_size=50, seed=4)
    train, valid, test = split.train.rows, split.valid.rows, split.test.rows
    known = ends(rest.edges[VISITS])
    assert ends(train) == known
    assert not ends(valid) & known
    assert not ends(test) & known
    assert ends(train) | ends(valid) == ends(source.edges[VISITS])
    assert len(valid) == len(ends(source.edges[VISITS])) // 10
    assert train["order_id"].null_count() == 0
    assert train["order_id"].value_counts()["count"].max() == 50
    hidden = rest.edges[VISITS].select("source", "target", "order_id")
    assert set(hidden.rows()) == set(train.select("source", "target", "order_id").rows())
    assert split.train.about == VISITS


def test_a_pair_that_stands_twice_is_asked_once_and_hidden_twice():
    twice = [("u-1", "i-1", None), ("u-1", "i-1", None), ("u-2", "i-2", None), ("u-3", "i-1", None)]
    source = visits(twice, valid=[("u-2", "i-1", None)], test=[("u-3", "i-2", None)])
    rest, split = link_split(source, batch_size=1, seed=0)
    assert len(split.train) == 3
    orders = rest.edges[VISITS].filter(source="u-1")["order_id"]
    assert orders.null_count() == 0
    assert orders.n_unique() == 1


def test_pairs_with_time_are_asked_before_they_happen_the_last_ones_for_validation():
    train = [(f"u-{n % 3}", f"i-{n % 5}", day(n)) for n in range(20)]
    rest, split = link_split(visits(train, test=[("u-1", "i-2", day(30))]), batch_size=4, seed=0)
    assert split.train.rows["order_id"].null_count() == len(split.train)
    asked = pl.concat([split.train.rows, split.valid.rows])
    assert (asked["as_of"] < asked["known_at"]).all()
    assert split.train.rows["known_at"].max() < split.valid.rows["known_at"].min()
    assert rest.edges[VISITS].height == 20, "what comes later is hidden by its time"
    assert len(split.train) + len(split.valid) == 20


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (lambda: node_split(clubs(), seed=0), "declares no labels"),
        (lambda: link_split(people(FRIENDS, SAID), batch_size=2, seed=0), "declares no pairs"),
        (
            lambda: node_split(people(FRIENDS, SAID, masks={"train": ["ann", "bob"]}), seed=0),
            "no node label is in",
        ),
        (
            lambda: link_split(visits([("u", "i", None)] * 2, test=[]), batch_size=2, seed=0),
            "no link label is in",
        ),
    ],
)
def test_a_card_that_asks_nothing_says_what_is_missing(split, said):
    with pytest.raises(UsageError, match=said):
        split()


def test_fixtures_are_what_they_say():
    assert edges([("a", "b", None)]).height == 1
    assert people(FRIENDS, SAID).edges[KNOWS].height == 4


def test_pairs_of_one_node_type_are_one_whichever_way_they_stand():
    ring = [(f"p-{n}", f"p-{(n * 7 + 3) % 40}", None) for n in range(40)]
    both = ring + [(b, a, None) for a, b, _ in ring]
    schema = plain_schema(("person",), (KNOWS,))
    source = replace(
        visits(both, test=[("p-1", "p-2", None)]),
        schema=schema,
        nodes={"person": pl.DataFrame(schema={"key": pl.String()})},
        edges={KNOWS: edges(both)},
    )
    source = replace(source, pairs=replace(source.pairs, edge_type=KNOWS))
    rest, split = link_split(source, batch_size=5, seed=0)
    known = {frozenset(pair) for pair in ends(rest.edges[KNOWS])}
    assert not {frozenset(pair) for pair in ends(split.valid.rows)} & known
    orders: dict[frozenset[str], set[str]] = {}
    for one, other, order in rest.edges[KNOWS].select("source", "target", "order_id").rows():
        orders.setdefault(frozenset((one, other)), set()).add(order)
    assert all(len(found) == 1 for found in orders.values())


def test_parts_with_time_that_overlap_are_refused():
    train = [("u-1", "i-1", day(1)), ("u-2", "i-1", day(9))]
    source = visits(train, valid=[("u-1", "i-2", day(5))], test=[("u-2", "i-2", day(12))])
    with pytest.raises(UsageError, match="pairs of train come after the first pair of valid"):
        link_split(source, batch_size=2, seed=0)


def test_edges_that_were_there_always_do_not_say_when_a_node_appears():
    always = datetime(1970, 1, 1, tzinfo=UTC)
    knows = [("ann", "bob", always), ("bob", "cy", day(3)), ("dee", "dee", always)]
    said = [("ann", 1, day(9)), ("bob", 0, day(9)), ("cy", 1, day(9)), ("dee", 0, day(9))]
    rows = _first(people(knows, said), "person")
    assert dict(rows.rows()) == {"ann": always, "bob": day(3), "cy": day(3), "dee": always}


def test_a_table_alone_is_asked_as_of_its_last_row():
    masks = {"train": ["ann", "bob"], "valid": ["cy"], "test": ["dee", "eve"]}
    source = people([], SAID, masks=masks)
    keys = source.labels.rows["key"]
    table = pl.DataFrame({"key": keys, "time": [day(1), day(9), day(3), None, day(4)]})
    timed = replace(source, edges={}, timeless=False, nodes={**source.nodes, "person": table})
    assert set(node_split(timed, seed=1).train.rows["as_of"]) == {day(9)}
    untimed = replace(timed, nodes={**source.nodes, "person": table.drop("time")})
    with pytest.raises(UsageError, match="no edge and no time"):
        node_split(untimed, seed=1)


def test_a_label_known_the_moment_its_node_appears_is_in_one_part():
    names = [f"p-{n}" for n in range(8)]
    knows = [(name, names[0], day(n)) for n, name in enumerate(names) if n]
    said = [(name, n % 2, day(max(1, n))) for n, name in enumerate(names)]
    split = node_split(people(knows, said, cuts=(day(3), day(5))), seed=0)
    assert keys(split.train) == ["p-0", "p-1", "p-2"]
    assert keys(split.valid) == ["p-3", "p-4"]
    assert keys(split.test) == ["p-5", "p-6", "p-7"]
