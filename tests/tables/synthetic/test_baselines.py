import pytest

from tests.tables.synthetic.baselines import BASELINES, pairwise_f1
from tests.tables.synthetic.markets import market


def best(members, seed):
    made = market(members, seed)
    return max(
        pairwise_f1(detect(made.tables.events), made.truth_rings) for detect in BASELINES.values()
    )


def test_pairwise_f1_counts_pairs():
    made = market(2_000)
    rings = [set(group["member_id"]) for _, group in made.truth_rings.group_by("ring_id")]

    assert pairwise_f1(rings, made.truth_rings) == 1
    assert pairwise_f1([set().union(*rings)], made.truth_rings) < 0.5
    assert pairwise_f1([], made.truth_rings) == 0


def test_no_simple_detector_finds_the_rings_of_4000_members():
    assert best(4_000, 7) < 0.40


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
def test_no_simple_detector_finds_the_rings_of_20000_members(seed):
    assert best(20_000, seed) < 0.40
