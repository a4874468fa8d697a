"""The seven stories of customer-fraud-demo, each as of its day and with its options.

``graphml load datasets/customer-fraud-demo.toml``, then ``graphml detect-rings`` with what each
test names. Options: none, or ``--min-score 0 --min-members 2`` to show what is not believed in.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from graphml.config import RingConfig
from graphml.results import Ring
from graphml.rings.extract import extract_rings
from tests.rings.cards import card_graph

DEFAULT = RingConfig()
EVERYTHING = RingConfig(min_score=0, min_members=2)
FARM = frozenset({3, *range(15, 25)})


def day(month: int, day_: int) -> datetime:
    return datetime(2017, month, day_, tzinfo=UTC)


END = day(7, 1)


def detect(as_of: datetime, config: RingConfig = DEFAULT) -> list[Ring]:
    return extract_rings(card_graph("customer-fraud-demo"), None, config, as_of=as_of)


def customers(ring: Ring) -> frozenset[int]:
    return frozenset(int(member[-4:]) for member in ring.member_ids)


def the_ring(rings: list[Ring], *members: int) -> Ring:
    found = [ring for ring in rings if customers(ring) == set(members)]
    assert len(found) == 1, f"{members} not among {[sorted(customers(r)) for r in rings]}"
    return found[0]


def codes(ring: Ring) -> set[str]:
    return {reason.code for reason in ring.evidence}


@pytest.mark.parametrize("as_of", [day(4, 4), END])
@pytest.mark.parametrize("config", [DEFAULT, EVERYTHING])
def test_story_1_one_customer_with_two_devices_is_nobody(as_of, config):
    assert not any(1 in customers(ring) for ring in detect(as_of, config))


def test_story_2_the_household_is_shown_with_its_counter_evidence_and_ranks_low():
    # --min-score 0 --min-members 2 --as-of 2017-07-01
    rings = detect(END, EVERYTHING)
    household = the_ring(rings, 2, 14)
    assert "HOUSEHOLD" in {doubt.code for doubt in household.counter_evidence}
    believed = detect(END)
    assert not any({2, 14} & customers(ring) for ring in believed)
    assert household.score < min(ring.score for ring in believed)
    assert household.status == "new"


def test_story_3_the_device_farm_ranks_first():
    # --as-of 2017-07-01, and the month after it was at work
    for as_of in (day(4, 30), END):
        farm = detect(as_of)[0]
        assert customers(farm) == FARM
        assert farm.kind == "device_farm"
        assert {"SHARED_DEVICE_BURST", "SHARED_IP_BURST"} <= codes(farm)
        assert "11 members used device" in " ".join(reason.text for reason in farm.evidence)
        assert len(farm.flagged_ids) == 11


def test_story_4_a_card_that_a_chargeback_names():
    # --as-of 2017-04-01: the chargeback is of 30 March
    ring = the_ring(detect(day(4, 1)), 4, 25)
    assert {"CHARGEBACK", "SHARED_CARD"} <= codes(ring)
    assert ring.evidence[0].event_ids == ("chargeback:2017033101",)
    before = day(3, 30) - timedelta(microseconds=1)
    assert not any(25 in customers(ring) for ring in detect(before))


def test_story_5_a_device_whose_former_user_has_a_chargeback():
    # --as-of 2017-07-01: the chargeback is of 30 June, the order of 1 July
    ring = the_ring(detect(END), 26, 27)
    assert "CHARGEBACK" in codes(ring)
    assert any(shared.type == "device" for shared in ring.shared)
    assert not any(27 in customers(ring) for ring in detect(day(6, 30)))


def test_story_6_a_chargeback_three_hops_away():
    # --as-of 2017-06-12: the chargeback is of 2 June
    for as_of in (day(6, 12), END):
        ring = the_ring(detect(as_of), 28, 29, 30)
        assert {shared.type for shared in ring.shared} == {"device", "card"}
        assert "CHARGEBACK" in codes(ring)
    before = day(6, 2) - timedelta(microseconds=1)
    assert not any({28, 29, 30} & customers(ring) for ring in detect(before))


def test_story_7_four_customers_in_a_chain_without_a_chargeback():
    # --as-of 2017-03-04, the day of the fourth, and at the end
    for as_of in (day(3, 4), END):
        ring = the_ring(detect(as_of), 31, 32, 33, 34)
        assert {shared.type for shared in ring.shared} == {"device", "card", "address"}
        assert "CHARGEBACK" not in codes(ring)
        assert ring.evidence[0].code == "ACCOUNTS_IN_TURN"
        assert ring.kind == "other"
    assert not any(31 in customers(ring) for ring in detect(day(3, 3)))


def test_a_pair_is_a_ring_only_once_its_chargeback_is_known():
    pairs = [customers(ring) for ring in detect(END) if len(ring.members) == 2]
    assert sorted(map(sorted, pairs)) == [[4, 25], [26, 27]]
    assert all(len(ring.members) > 2 for ring in detect(day(3, 29)))


def test_more_members_asked_for_means_no_pairs():
    assert all(len(ring.members) >= 5 for ring in detect(END, RingConfig(min_members=5)))


def test_a_number_given_is_honoured_exactly():
    assert all(len(ring.members) >= 3 for ring in detect(END, RingConfig(min_members=3)))
    assert min(len(ring.members) for ring in detect(END, RingConfig(min_members=2))) == 2
