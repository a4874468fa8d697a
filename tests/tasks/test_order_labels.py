"""Order labels: what accuses and what clears an order, the microsecond it counts, and no future."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import NothingToDoError, UsageError
from graphml.tasks.order_labels import ORDER_ROWS, OrderLabels, order_labels, order_units
from tests.graph.marketplace import HOSTILE, START, at, event, tables
from tests.tasks.small import backwards, span

UNTIL = 9


def shop(events, labels=(), *, later=0, prefix=""):
    """Tables of (moment, member, kind, order, amount, currency) and (member, order, label, known, fraud).

    Ids sort against the order of rows.
    """
    return tables(
        [
            event(
                f"{prefix}e-{len(events) - n:02}", moment + later, member, kind,
                order_id=order, amount=amount, currency=currency, product_id="p",
            )
            for n, (moment, member, kind, order, amount, currency) in enumerate(events)
        ],
        labels=[
            {
                "member_id": member, "order_id": order, "label": label,
                "known_at": None if known is None else at(known + later),
                "fraud_time": None if fraud is None else at(fraud + later),
            }
            for member, order, label, known, fraud in labels
        ],
    )  # fmt: skip


def moment_of(time):
    return (time - START) // span(1)


def found(made, **question):
    """(event_id, y, known_at) of every row."""
    question = {"until": at(UNTIL), "maturity": span(2), **question}
    try:
        rows = order_labels(made, **question).rows
    except NothingToDoError:
        return []
    return [(r["event_id"], r["y"], moment_of(r["known_at"])) for r in rows.to_dicts()]


def described(made):
    return [
        (u["id"], u["unit"], u["event_id"], u["member_id"], moment_of(u["time"]), u["amount"], u["currency"])
        for u in order_units(made.events).to_dicts()
    ]  # fmt: skip


def money(rows):
    """Amount and currency by a plain loop, of rows in order of time."""
    stated = [(a, c) for a, c in rows if a is not None]
    return (sum(a for a, c in stated if c == stated[0][1]), stated[0][1]) if stated else (0.0, None)


def units_by_loops(events):
    """What ``described`` should say, from (event_id, moment, member, kind, order, amount, currency)."""
    events = sorted(events, key=lambda e: (e[1], e[0]))
    result, seen = [], set()
    for key, moment, member, kind, order, amount, currency in events:
        mine = [
            e for e in events if e[3] == "purchase" and (e[4] == order if order else e[0] == key)
        ]
        if kind == "purchase" and (order or ("alone", key)) not in seen:
            seen.add(order or ("alone", key))
            total = money([e[5:] for e in mine])
            result.append((order or key, "order", key, member, moment, *total))
        if kind == "review":
            before = [e[5:] for e in mine if e[1] < moment] if order else []
            total = money(before) if amount is None else (amount, currency)
            result.append((key, "review", key, member, moment, *total))
    return result


def labels_by_loops(events, labels, *, until, maturity, negatives):
    """What ``found`` should say; arguments as of ``units_by_loops`` and ``shop``, moments whole."""
    events = [e for e in events if e[1] <= until]
    labels = [
        (m, o, y, k, f if f is not None and f <= until else None)
        for m, o, y, k, f in labels
        if k is not None and k <= until
    ]
    order_of = {e[0]: e[4] for e in events}
    members = {e[2] for e in events}
    result = []
    for _, _, key, member, time, *_ in units_by_loops(events):
        order = order_of[key]
        accused = [k for m, o, y, k, f in labels if y == 1 and o is not None and o == order]
        accused += [e[1] for e in events if e[3] == "chargeback" and e[4] and e[4] == order]
        accused += [
            k for m, o, y, k, f in labels
            if y == 1 and o is None and m == member and (f is None or f <= time) and time <= k
        ]  # fmt: skip
        if accused:
            result.append((key, 1, max(time, min(accused))))
            continue
        if member in suspects(events, labels, members) or time + maturity > until:
            continue
        known = [time + maturity]
        if negatives == "stated":
            known = [
                max(time + maturity, k) for m, o, y, k, _ in labels
                if y == 0 and time <= k and (o == order if o is not None else m == member)
            ]  # fmt: skip
        if known:
            result.append((key, 0, min(known)))
    return result


def suspects(events, labels, members):
    """Members that anything accuses, or an order of theirs."""
    buyer = {}
    ordered = sorted(events, key=lambda e: (e[3] != "purchase", e[1], e[0]))
    for e in reversed(ordered):
        buyer[e[4]] = e[2]
    accused = set()
    for m, o, y, _, _ in labels:
        if y == 1:
            accused.add(m if m in members else buyer.get(o) if o else None)
    for e in events:
        if e[3] == "chargeback":
            accused.add(buyer.get(e[4]) if e[4] else e[2])
    return accused


def plain(made):
    """Events of tables as tuples."""
    columns = ["event_id", "time", "member_id", "kind", "order_id", "amount", "currency"]
    return [(r[0], moment_of(r[1]), *r[2:]) for r in made.events.select(columns).rows()]


moments = st.integers(0, 6)
members = st.sampled_from(["m", "n"])
orders = st.sampled_from(["o", "x", "e-01", None])
amounts = st.sampled_from([(None, None), (1.0, "EUR"), (3.0, "EUR"), (7.0, "USD"), (13.0, None)])
kinds = st.sampled_from(["purchase", "purchase", "review", "chargeback", "coupon"])
deeds = st.builds(lambda t, m, k, o, a: (t, m, k, o, *a), moments, members, kinds, orders, amounts)
told = st.lists(deeds, max_size=7)
verdict = st.one_of(
    st.tuples(members, st.none(), st.integers(0, 1), moments, st.none() | moments),
    st.tuples(st.none() | members, orders.filter(bool), st.integers(0, 1), moments, st.none()),
)
verdicts = st.lists(verdict, max_size=3)
asked = st.fixed_dictionaries(
    {
        "until": st.integers(0, 7),
        "maturity": st.integers(0, 3),
        "negatives": st.sampled_from(["matured", "stated"]),
    }
)


def in_time(question):
    return question | {"until": at(question["until"]), "maturity": span(question["maturity"])}


@settings(max_examples=120, deadline=None)
@given(told)
def test_units_are_those_of_plain_loops(events):
    made = shop(events)
    assert described(made) == units_by_loops(plain(made))


@settings(max_examples=250, deadline=None)
@given(told, verdicts, asked)
def test_labels_are_those_of_plain_loops(events, labels, question):
    made = shop(events, labels)
    assert found(made, **in_time(question)) == labels_by_loops(plain(made), labels, **question)


@settings(max_examples=120, deadline=None)
@given(told, verdicts, told, verdicts, asked)
def test_the_future_changes_nothing(events, labels, late, more, question):
    made = shop(events, labels)
    future = shop(late, more, later=question["until"] + 1, prefix="late-")
    whole = replace(
        made,
        events=pl.concat([made.events, future.events]),
        labels=pl.concat([made.labels, future.labels]),
    )
    one, other = (
        order_labels(t, **in_time(question)).rows if found(t, **in_time(question)) else None
        for t in (made, whole)
    )
    assert (one is None and other is None) or one.equals(other)


@settings(max_examples=30, deadline=None)
@given(told, verdicts, asked)
def test_the_order_of_rows_does_not_matter(events, labels, question):
    made = shop(events, labels)
    assert found(backwards(made), **in_time(question)) == found(made, **in_time(question))


def bought(moment, member="m", order="o"):
    return (moment, member, "purchase", order, 5.0, "EUR")


@pytest.mark.parametrize(
    ("fraud", "known", "answer"),
    [(4, 4, [("e-01", 1, 4)]), (5, 8, []), (0, 3, []), (0, 8, [("e-01", 1, 8)]),
     (None, 8, [("e-01", 1, 8)]), (None, 3, [])],
)  # fmt: skip
def test_a_members_fraud_covers_from_when_it_happened_to_when_it_is_known(fraud, known, answer):
    assert found(shop([bought(4)], [("m", None, 1, known, fraud)])) == answer


def test_a_fraud_of_one_order_leaves_the_others_without_answer():
    three = [bought(1), bought(2, order="x"), bought(2, member="n", order="y")]
    for accused in (shop(three, [("m", "o", 1, 8, None)]), shop([*three, (8, "n", "chargeback", "o", None, None)])):  # fmt: skip
        ids = dict(accused.events.select("order_id", "event_id").rows()[:3])
        assert found(accused) == [(ids["o"], 1, 8), (ids["y"], 0, 4)]


def test_a_chargeback_without_an_order_says_not_which():
    events = [bought(1), bought(2, order="x"), bought(2, member="n", order="y")]
    charged = shop([*events, (8, "m", "chargeback", None, None, None)])
    assert [row[1:] for row in found(charged)] == [(0, 4)]


@pytest.mark.parametrize(("maturity", "rows"), [(5, [("e-01", 0, 9)]), (6, [])])
def test_silence_counts_from_its_maturity_on(maturity, rows):
    assert found(shop([bought(4)]), maturity=span(maturity)) == rows


def test_the_default_maturity_is_the_delay_of_the_frauds_known():
    events = [bought(0), bought(1, member="n", order="x"), bought(6, member="n", order="y")]
    charged = shop([*events, (3, "m", "chargeback", "o", None, None)])
    assert found(charged, maturity=None) == [("e-04", 1, 3), ("e-03", 0, 4), ("e-02", 0, 9)]


def test_a_late_accusation_takes_a_negative_away():
    made = shop([bought(4)], [("m", None, 1, 8, 7)])
    assert found(made, until=at(7)) == [("e-01", 0, 6)]
    assert found(made, until=at(8)) == []


def test_an_order_accused_before_it_was_bought_is_known_when_it_is_there():
    assert found(shop([bought(4)], [(None, "o", 1, 2, None)])) == [("e-01", 1, 4)]


def test_reviews_are_worth_what_was_bought_before():
    made = shop(
        [bought(1), bought(1), bought(5), (5, "m", "review", "o", None, None),
         (6, "m", "review", "o", None, None), (6, "m", "review", None, None, None)]
    )  # fmt: skip
    labels = order_labels(made, until=at(UNTIL), maturity=span(2))
    reviews = labels.where(pl.col("unit") == "review").rows
    assert reviews.select("id", "order_id", "amount", "currency").rows() == [
        ("e-03", "o", 10.0, "EUR"), ("e-01", None, 0.0, None), ("e-02", "o", 15.0, "EUR"),
    ]  # fmt: skip
    assert labels.as_of.to_list()[0] == at(0)


def test_any_text_is_an_id():
    made = shop([bought(1, member=HOSTILE, order=HOSTILE)], [(None, HOSTILE, 1, 3, None)])
    rows = order_labels(made, until=at(UNTIL)).rows
    assert rows.select("id", "member_id", "y").rows() == [(HOSTILE, HOSTILE, 1)]


def test_what_does_not_fit_is_an_error():
    made = shop([bought(1)])
    with pytest.raises(ValueError, match="until needs a time zone"):
        order_labels(made, until=datetime(2024, 6, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="maturity must be 0 or more"):
        order_labels(made, until=at(3), maturity=span(-1))
    with pytest.raises(ValueError, match="no negatives 'assumed'; known: stated, matured"):
        order_labels(made, until=at(3), negatives="assumed")
    with pytest.raises(NothingToDoError, match="no order or review") as raised:
        order_labels(made, until=at(0))
    assert raised.value.hint
    with pytest.raises(UsageError, match="without time"):
        order_labels(replace(made, events=made.events.with_columns(time=None)), until=at(3))


def test_rows_without_an_answer_are_refused():
    rows = order_labels(shop([bought(1)]), until=at(UNTIL), maturity=span(2)).rows
    with pytest.raises(ValueError, match="order labels need"):
        OrderLabels(rows=rows.drop("unit"))
    for column in set(ORDER_ROWS) - {"order_id", "currency"}:
        with pytest.raises(ValueError, match=f"order labels without {column}"):
            OrderLabels(rows=rows.with_columns(pl.lit(None, ORDER_ROWS[column]).alias(column)))
