"""The parts of detection beside brute-force oracles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.rings import bursts, classes
from graphml.rings.cells import Cells
from graphml.rings.communities import merge
from graphml.rings.links import Links, company, find_links
from graphml.rings.signals import _coincidences

MEMBERS = 9


def cells_of(groups, values=None):
    sizes = [len(group) for group in groups]
    member = np.array([m for group in groups for m in sorted(group)], dtype=np.int64)
    return Cells(
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        member=member,
        value=np.array(values if values is not None else range(len(groups)), dtype=np.int64),
        seat=np.arange(len(member)),
        start=np.zeros(len(groups), dtype=np.int64),
        end=np.ones(len(groups), dtype=np.int64),
    )


groups = st.lists(
    st.sets(st.integers(0, MEMBERS - 1), min_size=2, max_size=6), min_size=1, max_size=8
)


@given(groups=groups, data=st.data())
def test_links_are_the_pairs_of_other_values_with_members_in_common(groups, data):
    values = data.draw(st.lists(st.integers(0, 4), min_size=len(groups), max_size=len(groups)))
    found = find_links(cells_of(groups, values), MEMBERS, least=2)
    expected = {
        (a, b): len(groups[a] & groups[b])
        for a, b in itertools.permutations(range(len(groups)), 2)
        if values[a] != values[b] and len(groups[a] & groups[b]) >= 2
    }
    pairs = zip(found.left.tolist(), found.right.tolist(), strict=True)
    assert dict(zip(pairs, found.common.tolist(), strict=True)) == expected


@given(groups=groups, data=st.data())
def test_company_is_the_best_other_cell_of_each_member(groups, data):
    values = data.draw(st.lists(st.integers(0, 4), min_size=len(groups), max_size=len(groups)))
    chance = data.draw(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=len(groups), max_size=len(groups))
    )
    found = company(cells_of(groups, values), np.array(chance), members=MEMBERS)
    for one, group in enumerate(groups):
        best = [
            max(
                (
                    chance[other]
                    for other in range(len(groups))
                    if member in groups[other] and values[other] != values[one]
                ),
                default=0.0,
            )
            for member in group
        ]
        assert found[one] == pytest.approx(np.mean(best))


@given(
    hours=st.lists(st.integers(0, 40), min_size=2, max_size=12),
    seats=st.data(),
    window=st.sampled_from([2, 24]),
)
def test_the_strongest_window_is_the_best_of_all(hours, seats, window):
    hours = np.sort(np.array(hours, dtype=np.int64))
    local = np.array(
        seats.draw(st.lists(st.integers(0, 4), min_size=len(hours), max_size=len(hours))),
        dtype=np.int64,
    )
    _, local = np.unique(local, return_inverse=True)
    by_days = np.bincount(np.minimum(np.bincount(local), 32), minlength=33)
    platform = np.arange(42, dtype=float) ** 1.5
    strength, start, end = bursts._strongest(local, hours, window, by_days, platform)
    size, best = by_days.sum(), 0.0
    for last in hours:
        inside = (hours <= last) & (hours > last - window)
        share = (platform[last + 1] - platform[max(last - window + 1, 0)]) / platform[-1]
        expected = sum(n * (1 - (1 - share) ** days) for days, n in enumerate(by_days))
        expected = max(expected, 1e-9) * (size - 1) / size
        others = len(set(local[inside])) - 1
        if others > expected:
            best = max(best, others * math.log(others / expected) - others + expected)
    assert strength == pytest.approx(best)
    assert end - start < window or best == 0


def test_tail_surprise_is_the_rank_below_and_exponential_above():
    null = np.arange(100.0)
    low, high = bursts.tail_surprise(np.array([50.0, 189.0]), null)
    assert low == pytest.approx(-math.log(51 / 101))
    scale = null[null > np.quantile(null, 0.9)].mean() - np.quantile(null, 0.9)
    assert high == pytest.approx(math.log(10) + (189 - np.quantile(null, 0.9)) / scale)


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 4)), min_size=1, max_size=6))
def test_rising_is_the_nearest_non_decreasing_sequence(pairs):
    values, weights = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    found = classes.rising(values, weights)
    # the min–max formula of isotonic regression
    expected = [
        max(
            min(
                np.average(values[low : high + 1], weights=weights[low : high + 1])
                for high in range(place, len(values))
            )
            for low in range(place + 1)
        )
        for place in range(len(values))
    ]
    assert found == pytest.approx(np.array(expected))


def test_two_classes_are_told_apart_and_what_says_nothing_adds_nothing():
    generator = np.random.default_rng(1)
    truth = np.arange(2000) < 100
    telling = generator.normal(size=(2000, 3)) + 3 * truth[:, None]
    silent = np.full((2000, 1), np.nan)
    signals = np.column_stack([telling, silent])
    start = np.where(truth, 0.6, 0.05) * generator.random(2000)
    chance = generator.normal(size=(500, 4))
    verdict = classes.tell_apart(signals, start, np.zeros(2000, dtype=int), chance=chance)
    assert (verdict.parts[:, 3] == 0).all()
    assert (verdict.probability[truth] > 0.5).mean() > 0.9
    assert (verdict.probability[~truth] > 0.5).mean() < 0.01
    assert verdict.nats == pytest.approx(verdict.prior + verdict.parts.sum(axis=1))


def test_where_all_are_suspicious_none_is_made_innocent_for_contrast():
    generator = np.random.default_rng(2)
    signals = generator.normal(size=(300, 3)) + 4
    chance = generator.normal(size=(300, 3))
    start, stratum = np.full(300, 0.95), np.zeros(300, dtype=int)
    verdict = classes.tell_apart(signals, start, stratum, chance=chance)
    assert (verdict.probability > 0.5).all()


@given(st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=2, max_size=4))
@settings(max_examples=50)
def test_coincidences_are_items_that_several_members_have(lists):
    items = np.array([item for one in lists for item in one], dtype=np.int64)
    bounds = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    rarity = np.array([0.5, 1.0, 2.0, 4.0])
    found = _coincidences(
        np.array([0, len(lists)]), bounds[:-1], bounds[1:], items,
        np.ones(len(items), dtype=bool), rarity,
    )[0]  # fmt: skip
    sets = [set(one) for one in lists]
    count = sum(map(len, sets))
    repeats = sum(rarity[i] * max(sum(i in one for one in sets) - 1, 0) for i in range(4))
    assert found == pytest.approx(repeats / (count + 3)) if count else math.isnan(found)


def test_a_giant_of_two_clubs_with_one_go_between_is_cut():
    clubs = [range(30), range(30, 60)]
    groups = [
        {base[i], base[(i + step) % 30], base[(i + 2 * step) % 30]}
        for base in clubs
        for i in range(30)
        for step in (1, 4)
    ]
    groups.append({29, 30})
    cells = cells_of(groups)
    links = find_links(cells, 61, least=1)
    group = merge(
        cells, links, np.ones(len(groups)), np.ones(len(links.left), dtype=bool), members=61, seed=0
    )
    assert len(set(group[:30]) & set(group[30:60])) == 0
    assert group[60] == -1


def test_nothing_merges_without_cells():
    none = np.empty(0, dtype=np.int64)
    links = Links(left=none, right=none, common=none)
    empty = cells_of([])
    merged = merge(empty, links, np.empty(0), np.empty(0, dtype=bool), members=3, seed=0)
    assert list(merged) == [-1, -1, -1]


@given(
    yes=st.lists(st.floats(0, 50), min_size=2, max_size=6),
    no=st.lists(st.floats(0.5, 50), min_size=6, max_size=6),
)
def test_average_cases_weaken_a_ratio_and_never_turn_it(yes, no):
    yes, no = np.array(yes), np.array(no[: len(yes)])
    few, many = (classes._ratio(yes, no, others) for others in (5.0, 10.0))
    assert (few * many >= -1e-12).all()
    assert (np.abs(many) <= np.abs(few) + 1e-9).all()
    assert classes._ratio(0 * yes, no, 10.0) == pytest.approx(0 * yes)
