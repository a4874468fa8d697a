"""Each metric against its definition, counted pair by pair and member by member."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.rings import metrics

START = datetime(2024, 6, 1, tzinfo=UTC)


@st.composite
def partitions(draw):
    """Disjoint rings over ten members, some of whom are in none."""
    homes = draw(st.lists(st.none() | st.integers(0, 3), min_size=10, max_size=10))
    rings = [{m for m, home in enumerate(homes) if home == ring} for ring in range(4)]
    return [ring for ring in rings if ring]


def pairs(rings):
    return {pair for ring in rings for pair in combinations(sorted(ring), 2)}


def ring_of(member, rings):
    return next((ring for ring in rings if member in ring), set())


def share(part, whole):
    return part / whole if whole else 0.0


@given(partitions(), partitions())
def test_pairs_are_counted_as_pairs(rings, truth):
    found, true = pairs(rings), pairs(truth)
    precision, recall = share(len(found & true), len(found)), share(len(found & true), len(true))
    assert metrics.pair_precision(rings, truth) == pytest.approx(precision)
    assert metrics.pair_recall(rings, truth) == pytest.approx(recall)
    assert metrics.pair_f1(rings, truth) == pytest.approx(
        share(2 * len(found & true), len(found) + len(true))
    )


@given(partitions(), partitions())
def test_b_cubed_is_a_mean_over_members(rings, truth):
    def mean(one, other):
        members = [m for ring in one for m in ring]
        shares = [len(ring_of(m, one) & ring_of(m, other)) / len(ring_of(m, one)) for m in members]
        return share(sum(shares), len(members))

    precision, recall = mean(rings, truth), mean(truth, rings)
    assert metrics.bcubed_precision(rings, truth) == pytest.approx(precision)
    assert metrics.bcubed_recall(rings, truth) == pytest.approx(recall)
    assert metrics.bcubed_f1(rings, truth) == pytest.approx(
        share(2 * precision * recall, precision + recall)
    )


@given(partitions(), partitions())
def test_recovered_over_merge_and_precision_are_counted_ring_by_ring(rings, truth):
    recovered = [any(len(t & r) / len(t | r) >= 0.5 for r in rings) for t in truth]
    overlaps = [[*sorted((len(t & r) for t in truth), reverse=True), 0, 0] for r in rings]
    good = [o[0] >= 2 and o[0] >= len(r) / 2 for o, r in zip(overlaps, rings, strict=True)]
    assert metrics.recovered(rings, truth) == share(sum(recovered), len(truth))
    assert metrics.over_merge(rings, truth) == share(sum(o[1] >= 2 for o in overlaps), len(rings))
    for k in (1, 2, 50):
        assert metrics.precision_at(rings, truth, k=k) == share(sum(good[:k]), len(good[:k]))


def test_half_is_enough():
    assert metrics.recovered([{1, 2, 3, 4}], [{1, 2}]) == 1
    assert metrics.recovered([{1, 2, 3, 4, 5}], [{1, 2}]) == 0
    assert metrics.precision_at([{1, 2, 3, 4}], [{1, 2}], k=1) == 1
    assert metrics.precision_at([{1, 2, 3, 4, 5}], [{1, 2}], k=1) == 0
    assert metrics.precision_at([{1, 8}], [{1, 2}], k=1) == 0


def test_nothing_returned_is_worth_nothing():
    for metric in (metrics.pair_f1, metrics.bcubed_f1, metrics.recovered, metrics.over_merge):
        assert metric([], [{1, 2}]) == 0
        assert metric([], []) == 0
    assert metrics.precision_at([], [{1, 2}], k=50) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="a member is in two rings"):
        metrics.pair_f1([{1, 2}, {2, 3}], [{1, 2}])
    with pytest.raises(ValueError, match="k is at least 1"):
        metrics.precision_at([{1}], [{1}], k=0)


def test_only_benign_members_are_benign():
    truth = [{"f-1", "victim"}]
    flagged = {"f-1", "b-1", "elsewhere"}
    assert metrics.benign_per_thousand(flagged, truth, ["b-1", "b-2", "b-3", "b-4"]) == 250
    assert metrics.benign_per_thousand(flagged, truth, ["f-1", "victim"]) == 0
    assert metrics.benign_per_thousand(set(), truth, ["b-1"]) == 0


def test_a_ring_is_detected_with_the_members_it_had_by_then():
    def day(n):
        return START + timedelta(days=n)

    growing = {"a": day(0), "b": day(1), "c": day(9), "d": day(9), "e": day(9)}
    never = {"x": day(2), "y": day(2)}
    detections = [(day(0.5), [{"a"}]), (day(3), [{"a", "b", "x"}]), (day(10), [{"a", "b"}])]
    assert metrics.days_to_detection(detections, [growing, never]) == [3.0, None]
    assert metrics.days_to_detection(detections[2:], [growing]) == [None]


@given(st.lists(st.sets(st.integers(0, 6)), max_size=6))
def test_disjoint_keeps_each_member_in_its_first_ring(rings):
    made = metrics.disjoint(rings)
    assert all(made)
    assert sum(len(ring) for ring in made) == len(set().union(*rings))
    for member in set().union(*rings):
        first = next(ring for ring in rings if member in ring)
        assert ring_of(member, made) <= first
