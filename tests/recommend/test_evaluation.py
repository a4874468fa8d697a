"""Reports against sorting and counting by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphml.recommend.candidates import Candidates
from graphml.recommend.evaluation import LENGTHS, compare, hits, ndcg_of, ranked
from graphml.recommend.ranker import LIST, Asked
from graphml.training.metrics import map_at

THERE = 60


def asked_of(members):
    """Return what was asked: for each member candidates {product: bought} and how many missed."""
    rows = [
        (owner, product, bought)
        for owner, (candidates, _) in enumerate(members)
        for product, bought in sorted(candidates.items())
    ]
    owner, product, bought = (np.array([row[n] for row in rows]) for n in range(3))
    owner = owner.astype(np.int64)
    return Asked(
        candidates=Candidates(
            owner=owner, member=owner * 10 + 3, product=product.astype(np.int64),
            values=np.zeros((len(rows), 0), np.float32),
        ),
        names=(),
        values=np.zeros((len(rows), 0), np.float32),
        bought=bought.astype(bool),
        wanted=np.array([sum(c.values()) + missed for c, missed in members]),
        sold=np.arange(THERE + 3, dtype=np.float64) / 4,
        there=THERE,
    )  # fmt: skip


def listed(asked, scores):
    """Return each member's products in order, and which of them it bought."""
    found = asked.candidates
    lists = []
    for owner in range(len(asked.wanted)):
        own = [n for n in range(len(found.owner)) if found.owner[n] == owner]
        own.sort(key=lambda n: (-scores[n], found.product[n]))
        lists.append([(int(found.product[n]), bool(asked.bought[n])) for n in own])
    return lists


def by_hand(asked, scores):
    row = {}
    lists = listed(asked, scores)
    for k in LENGTHS:
        recall, ndcg, precision = [], [], []
        for own, wanted in zip(lists, asked.wanted.tolist(), strict=True):
            hits = [n for n, (_, bought) in enumerate(own[:k]) if bought]
            recall.append(len(hits) / wanted)
            best = sum(1 / math.log2(n + 2) for n in range(min(wanted, k)))
            ndcg.append(sum(1 / math.log2(n + 2) for n in hits) / best)
            precision.append(sum((m + 1) / (n + 1) for m, n in enumerate(hits)) / min(wanted, k))
        row |= {
            f"recall_at_{k}": np.mean(recall),
            f"ndcg_at_{k}": np.mean(ndcg),
            f"map_at_{k}": np.mean(precision),
        }
    first = [next((n for n, (_, b) in enumerate(own) if b), math.inf) for own in lists]
    row["mrr"] = np.mean([1 / (1 + n) for n in first])
    shown = [product for own in lists for product, _ in own[:LIST]]
    row["coverage"] = len(set(shown)) / THERE
    total = asked.sold.sum() + THERE
    row["novelty"] = np.mean([-math.log2((asked.sold[p] + 1) / total) for p in shown])
    return row


member = st.tuples(
    st.dictionaries(st.integers(0, THERE + 2), st.booleans(), max_size=30), st.integers(0, 25)
).filter(lambda one: sum(one[0].values()) + one[1] > 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(member, min_size=1, max_size=5), st.integers(0, 999))
def test_a_row_is_what_counting_by_hand_gives(members, seed):
    assume(any(candidates for candidates, _ in members))
    asked = asked_of(members)
    rng = np.random.default_rng(seed)
    # Few values: many ties, at the ends of lists too.
    methods = {name: rng.integers(0, 4, len(asked.bought)) / 4 for name in ("one", "other")}
    rows = compare(asked, methods, seed=1)
    assert [row["method"] for row in rows] == ["one", "other"]
    for row, scores in zip(rows, methods.values(), strict=True):
        wanted = by_hand(asked, scores)
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)
        assert row["members"] == len(members)
        assert row["above"] == pytest.approx(rows[0]["ndcg_at_20"] - row["ndcg_at_20"])
        assert row["above_low"] <= row["above_high"]
        low, high = row["ndcg_at_20_low"], row["ndcg_at_20_high"]
        assert low <= row["ndcg_at_20"] + 1e-12
        assert high >= row["ndcg_at_20"] - 1e-12 or len(members) > 1
        assert float(ndcg_of(asked, scores).mean()) == pytest.approx(row["ndcg_at_20"])


def test_what_was_no_candidate_is_missed_and_not_forgotten():
    asked = asked_of([({4: True, 9: False}, 3), ({}, 1), ({2: False}, 2), ({7: True}, 0)])
    scores = np.array([0.5, 0.9, 0.1, 0.3])
    ranks, owner = hits(asked, ranked(asked, scores))
    assert np.bincount(owner).tolist() == [4, 1, 2, 1]
    assert sorted(ranks[owner == 0].tolist())[0] == 1
    assert (np.sort(ranks)[2:] > 10**9).all()
    (row,) = compare(asked, {"it": scores})
    assert row["recall_at_20"] == pytest.approx((1 / 4 + 0 + 0 + 1) / 4)
    assert row["mrr"] == pytest.approx((1 / 2 + 0 + 0 + 1) / 4, abs=1e-9)
    assert row["map_at_5"] == pytest.approx((0.5 / 4 + 1) / 4)


def test_the_difference_s_interval_is_of_the_same_members():
    # Both methods vary a lot between members and always by as much from each other.
    members = [({0: n % 3 > 0, 1: n % 3 == 0}, n % 4) for n in range(60)]
    asked = asked_of(members)
    first = np.tile([1.0, 0.0], 60)
    rows = compare(asked, {"first": first, "same": first * 2, "turned": -first}, seed=3)
    assert (rows[1]["above"], rows[1]["above_low"], rows[1]["above_high"]) == (0, 0, 0)
    assert rows[0]["ndcg_at_20_low"] < rows[0]["ndcg_at_20_high"]
    assert rows[2]["above_low"] < rows[2]["above"] < rows[2]["above_high"]
    again = compare(asked, {"first": first, "same": first * 2, "turned": -first}, seed=3)
    assert again == rows


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 6), st.sets(st.integers(0, 30), min_size=1, max_size=9), min_size=1
    ),
    st.integers(1, 25),
    st.randoms(use_true_random=False),
)
def test_average_precision_is_a_mean_over_hits_of_the_first_k(hits, k, random):
    pairs = [(rank, owner * 7 + 2) for owner, ranks in hits.items() for rank in ranks]
    random.shuffle(pairs)
    means = []
    for ranks in hits.values():
        order = sorted(ranks)
        terms = [(n + 1) / (rank + 1) for n, rank in enumerate(order) if rank < k]
        means.append(sum(terms) / min(len(ranks), k))
    ranks, owners = (np.array([pair[n] for pair in pairs], np.int64) for n in (0, 1))
    assert map_at(ranks, owners, k=k) == pytest.approx(sum(means) / len(means))


def test_average_precision_of_what_is_on_no_list_is_nothing():
    far = np.array([1 << 40, 1 << 40, 0], np.int64)
    assert map_at(far, np.array([5, 5, 9]), k=20) == 0.5
    assert map_at(far[:2], np.array([5, 5]), k=20) == 0
