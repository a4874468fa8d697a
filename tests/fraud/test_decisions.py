"""Decisions cost least, thresholds are those that a search over all of them finds."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.errors import ConfigError, NothingToDoError, UsageError
from graphml.fraud.decisions import (
    Capacity,
    Costs,
    decide,
    equals_not_held,
    threshold_for_capacity,
    threshold_for_costs,
    with_decision,
)

COSTS = Costs(review=5, block_good=20, margin=0.1, recovered=0.25, missed=0.1, wronged=0.02)


def cost_by_hand(decision, p, exposure, costs):
    """Return what a decision is expected to cost, written out case by case."""
    lost = exposure - costs.recovered * exposure
    annoyed = costs.block_good + costs.margin * exposure
    if decision == "ship":
        return p * lost
    if decision == "refuse":
        return (1 - p) * annoyed
    return costs.review + p * costs.missed * lost + (1 - p) * costs.wronged * annoyed


# Eighths and whole amounts: sums are exact, so that equal costs are equal.
eighths = st.integers(0, 8).map(lambda n: n / 8)
amounts = st.integers(0, 5).map(lambda n: 40 * n)
some_costs = st.builds(
    Costs,
    review=st.integers(0, 20), block_good=st.integers(0, 40),
    margin=st.sampled_from([0, 0.25]), recovered=st.sampled_from([0, 0.5, 1]),
    missed=st.sampled_from([0, 0.25, 1]), wronged=st.sampled_from([0, 0.25]),
)  # fmt: skip
rows = st.lists(st.tuples(eighths, amounts), min_size=1, max_size=7)

# Where each decision is the best one for some: only then can a wrong choice be seen to cost more.
close_costs = st.builds(
    Costs,
    review=st.integers(1, 8), block_good=st.integers(20, 60), margin=st.sampled_from([0, 0.25]),
    missed=st.sampled_from([0, 0.25]), wronged=st.sampled_from([0, 0.125]),
)  # fmt: skip
worth_it = st.integers(1, 5).map(lambda n: 40 * n)


@pytest.mark.parametrize(
    ("p", "exposure", "decision"),
    [
        (0.001, 100, "ship"),  # 0.075 lost at most
        (0.05, 10, "ship"),  # a review costs more than the loss
        (0.05, 1000, "hold"),
        (0.97, 1000, "refuse"),
        (0.97, 10, "refuse"),
        (0.5, 0, "ship"),
        (0.0, 1e9, "ship"),
        (1.0, 100, "refuse"),
    ],
)
def test_planted_cases_are_decided_as_a_person_would(p, exposure, decision):
    assert decide([p], [exposure], costs=COSTS).tolist() == [decision]


@given(rows=rows, costs=some_costs)
def test_no_other_decision_costs_less_and_a_gentler_one_costs_more(rows, costs):
    p, exposure = zip(*rows, strict=True)
    for decision, chance, risk in zip(decide(p, exposure, costs=costs), p, exposure, strict=True):
        gentle = ["ship", "hold", "refuse"]
        cost = [cost_by_hand(other, chance, risk, costs) for other in gentle]
        assert gentle.index(decision) == cost.index(min(cost))


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 7).map(lambda n: n / 8), worth_it), min_size=3, max_size=7
    ),
    costs=close_costs,
    data=st.data(),
)
def test_with_a_capacity_no_other_choice_of_reviews_costs_less(rows, costs, data):
    p, exposure = zip(*rows, strict=True)
    count = data.draw(st.integers(1, 3))
    decided = decide(p, exposure, costs=costs, capacity=Capacity(count=count))
    assert (decided == "hold").sum() <= count

    def total(decisions):
        pairs = zip(decisions, rows, strict=True)
        return sum(cost_by_hand(decision, *row, costs) for decision, row in pairs)

    def with_reviews_of(held):
        return sum(
            cost_by_hand("hold", *row, costs)
            if n in held
            else min(cost_by_hand(d, *row, costs) for d in ("ship", "refuse"))
            for n, row in enumerate(rows)
        )

    sets = (held for size in range(count + 1) for held in combinations(range(len(rows)), size))
    assert total(decided) == min(map(with_reviews_of, sets))


def test_reviews_go_where_they_save_most_and_of_equals_to_the_first():
    p, exposure = [0.2, 0.2, 0.2, 0.2], [100, 900, 300, 900]
    for count, held in ((1, [1]), (2, [1, 3]), (3, [1, 2, 3]), (4, [0, 1, 2, 3])):
        decided = decide(p, exposure, costs=COSTS, capacity=Capacity(count=count))
        assert np.flatnonzero(decided == "hold").tolist() == held
    # The others are shipped or refused, as is better: refused would be those of 0.9 alone.
    p, exposure = [0.2, 0.9, 0.2, 0.9], [100, 100, 900, 90]
    decided = decide(p, exposure, costs=COSTS, capacity=Capacity(count=1))
    assert decided.tolist() == ["ship", "refuse", "hold", "refuse"]
    p, exposure = [0.2, 0.2, 0.2, 0.2], [100, 900, 300, 900]
    share = decide(p, exposure, costs=COSTS, capacity=Capacity(share=0.5))
    assert np.flatnonzero(share == "hold").tolist() == [1, 3]


chances = st.lists(eighths, min_size=1, max_size=12)


@given(p=chances, data=st.data())
def test_the_threshold_for_a_capacity_is_the_lowest_that_fits(p, data):
    count = data.draw(st.integers(1, len(p)))
    found = threshold_for_capacity(p, count=count)
    flagged = [value for value in p if value >= found]
    assert len(flagged) <= count
    lower = [value for value in set(p) if value < found]
    assert all(sum(value >= other for value in p) > count for other in lower)
    assert threshold_for_capacity(p, share=count / len(p)) == found


def test_equal_probabilities_are_flagged_together_or_not_at_all():
    p = [0.4, 0.9, 0.4, 0.1]
    assert [threshold_for_capacity(p, count=n) for n in (1, 2, 3, 4)] == [0.9, 0.9, 0.4, 0.1]
    nobody = threshold_for_capacity([1.0, 1.0, 0.5], count=1)
    assert 1 < nobody < 1.001


@settings(max_examples=300)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.25, 0.5, 1.0]), worth_it),
        min_size=1,
        max_size=9,
    ),
    costs=close_costs,
    flagged=st.sampled_from(["hold", "refuse"]),
)
def test_the_threshold_for_costs_is_the_highest_that_costs_least(rows, costs, flagged):
    y, p, exposure = zip(*rows, strict=True)
    found = threshold_for_costs(y, p, exposure, costs=costs, flagged=flagged)

    def total(threshold):
        return sum(
            cost_by_hand(flagged if chance >= threshold else "ship", label, risk, costs)
            for label, chance, risk in rows
        )

    best = min(map(total, [*p, 2.0]))
    assert total(found) == best
    assert all(
        total(other) > best
        for other in [*p, 2.0]
        if sum(c >= other for c in p) < sum(c >= found for c in p)
    )


def test_a_planted_threshold_is_found():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    costs = Costs(review=10, block_good=0)
    # A review of 10 is worth it from p x 40 > 10 on.
    found = threshold_for_costs(y, p, np.full(20_000, 40.0), costs=costs)
    assert found == pytest.approx(0.25, abs=0.03)


def test_nothing_worth_flagging_flags_nobody():
    found = threshold_for_costs([0, 0, 1], [0.2, 1.0, 0.1], [1, 1, 1], costs=COSTS)
    assert found > 1


@pytest.mark.parametrize(
    ("p", "exposure", "said"),
    [
        ([np.nan, 0.5], [1, 1], "1 of 2 probabilities are NaN or outside 0 to 1"),
        ([1.5, -0.1], [1, 1], "2 of 2 probabilities"),
        ([0.5, 0.5], [1, np.nan], "1 of 2 exposures are NaN, infinite or below 0"),
        ([0.5, 0.5], [-1, np.inf], "2 of 2 exposures"),
        ([0.5, 0.5], [1], "2 probabilities and 1 exposures"),
    ],
)
def test_what_is_no_number_is_counted_in_the_error(p, exposure, said):
    with pytest.raises(UsageError, match=said):
        decide(p, exposure, costs=COSTS)
    with pytest.raises(UsageError, match=said):
        threshold_for_costs([0, 1], p, exposure, costs=COSTS)


def test_those_like_somebody_held_are_counted_where_reviews_ran_out():
    rows = pl.DataFrame(
        {
            "score": [0.9, 0.5, 0.5, 0.5, 0.1],
            "exposure": [10.0, 10.0, 10.0, 90.0, 0.0],
            "score_kind": "probability",
        }
    )
    for held, more in ((1, 0), (2, 2), (3, 1), (4, 0), (5, 0)):
        decided = with_decision(rows, costs=None, capacity=Capacity(count=held))
        assert decided["decision"].to_list() == ["hold"] * held + ["ship"] * (5 - held)
        assert equals_not_held(decided, costs=None) == more
    assert equals_not_held(rows, costs=None) == 0
    # With costs the same score with more at risk is another case.
    kept = rows.with_columns(decision=pl.Series(["refuse", "hold", "ship", "ship", "ship"]))
    assert equals_not_held(kept, costs=COSTS) == 1
    ranks = kept.with_columns(score_kind=pl.lit("rank"))
    assert equals_not_held(ranks, costs=COSTS) == 2


def test_nobody_is_nothing_to_do():
    for call in (
        lambda: decide([], [], costs=COSTS, capacity=Capacity(count=1)),
        lambda: threshold_for_capacity([], count=1),
        lambda: threshold_for_costs([], [], [], costs=COSTS),
    ):
        with pytest.raises(NothingToDoError, match="nobody to decide about"):
            call()


def test_a_capacity_that_does_not_fit_is_refused():
    for wrong in ({}, {"count": 1, "share": 0.5}):
        with pytest.raises(ConfigError, match="a count or a share"):
            Capacity(**wrong)
    with pytest.raises(ConfigError, match="a capacity of 0 holds nobody"):
        Capacity(count=0)
    for share in (0, 1.1, np.nan):
        with pytest.raises(ConfigError, match=r"capacity\.share is"):
            Capacity(share=share)
    with pytest.raises(UsageError, match="a capacity of 3 is more than the 2"):
        decide([0.1, 0.2], [1, 1], costs=COSTS, capacity=Capacity(count=3))
    with pytest.raises(UsageError, match=r"0\.1 of 2 is less than one review"):
        threshold_for_capacity([0.1, 0.2], share=0.1)
    with pytest.raises(ConfigError, match="a count or a share"):
        threshold_for_capacity([0.1, 0.2])


@pytest.mark.parametrize(
    ("name", "value"),
    [("review", -1), ("block_good", np.nan), ("block_good", np.inf), ("margin", 2), ("missed", -1)],
)
def test_costs_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigError, match=rf"costs\.{name} is"):
        Costs(**{"review": 1, "block_good": 1, name: value})


def scored(rows, kind="probability"):
    """Return rows as ``score`` has them, riskiest first."""
    score, exposure = zip(*sorted(rows, reverse=True), strict=True)
    return pl.DataFrame({"score": score, "exposure": exposure}).with_columns(
        pl.col("exposure").cast(pl.Float64), score_kind=pl.lit(kind)
    )


@given(rows=rows, costs=some_costs, count=st.none() | st.integers(1, 7))
def test_with_costs_rows_are_decided_as_decide_does(rows, costs, count):
    capacity = None if count is None else Capacity(count=min(count, len(rows)))
    table = scored(rows)
    found = with_decision(table, costs=costs, capacity=capacity)["decision"].to_list()
    assert found == decide(
        table["score"], table["exposure"], costs=costs, capacity=capacity
    ).tolist()  # fmt: skip


@given(rows=rows, count=st.integers(1, 7), kind=st.sampled_from(["probability", "rank"]))
def test_with_a_capacity_alone_the_riskiest_are_held_and_nobody_is_refused(rows, count, kind):
    count = min(count, len(rows))
    table = scored(rows, kind)
    for costs in (None, COSTS) if kind == "rank" else (None,):
        found = with_decision(table, costs=costs, capacity=Capacity(count=count))["decision"]
        assert found.to_list() == ["hold"] * count + ["ship"] * (len(rows) - count)


def test_with_neither_there_is_no_decision_and_ranks_cannot_be_weighed():
    table = scored([(0.5, 40)])
    assert with_decision(table, costs=None, capacity=None).columns == table.columns
    with pytest.raises(UsageError, match="these scores are ranks"):
        with_decision(scored([(0.5, 40)], "rank"), costs=COSTS, capacity=None)
    for costs in (None, COSTS):
        with pytest.raises(UsageError, match="capacity of 2 is more than the 1"):
            with_decision(table, costs=costs, capacity=Capacity(count=2))


@pytest.mark.parametrize("y", [[0], [0, 2], [0, np.nan]])
def test_labels_that_do_not_fit_are_refused(y):
    with pytest.raises(UsageError, match="labels are 0 or 1, one for each of 2 rows"):
        threshold_for_costs(y, [0.1, 0.2], [1, 1], costs=COSTS)
