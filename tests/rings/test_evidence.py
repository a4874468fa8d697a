"""Evidence of planted rings, for and against, word for word."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from graphml.graph.build import build_graph
from graphml.rings import doubts, evidence
from graphml.rings.extract import describe
from graphml.rings.wording import CODES
from graphml.schema import MARKETPLACE
from tests.rings.small import Market, at, by_code, group

HOSTILE = "O'Brien `\"{}\n\\ \x00é" + "x" * 10_000


def crowd(market: Market, members: int = 40) -> None:
    """Members who live apart: each signs up at another time and buys now and then."""
    for n in range(members):
        name = f"crowd-{n}"
        market.tell(name, 20 * n, "signup", device_id=f"own-{n}")
        for turn in range(4):
            market.tell(
                name, 20 * n + 7 + 60 * turn, "purchase", product_id=f"p-{(n * 4 + turn) % 90}",
                device_id=f"own-{n}", card=f"card-{n}", amount=20.0, currency="EUR",
                order_id=f"o-{n}-{turn}", coupon_id="c" if n % 8 == 0 else None,
            )  # fmt: skip
        if n % 9 == 0:
            market.tell(name, 20 * n + 400, "refund", product_id="p-1", order_id=f"o-{n}-0")
    market.sellers |= {f"p-{n}": f"s-{n % 30}" for n in range(90)}


@pytest.fixture
def market() -> Market:
    market = Market()
    crowd(market)
    return market


def test_a_burst_on_one_device(market):
    for n, name in enumerate(("m-1", "m-2", "m-3", "m-4", "m-5", "m-6")):
        market.tell(name, 300 + 12 * n, device_id="d-5")
    last = market.tell("m-1", 361, device_id="d-5")
    told = by_code(market.ring(["m-1", "m-2", "m-3", "m-4", "m-5", "m-6"]).evidence)
    burst = told["SHARED_DEVICE_BURST"]
    assert burst.text == (
        "6 members used device d-5 within 3 days, from 13 June 2024 to 16 June 2024 UTC, "
        "none of them before or after; nobody else did"
    )
    assert len(burst.event_ids) == 7
    assert last in burst.event_ids


def test_what_is_shared_at_length_is_no_burst(market):
    for n in range(10):
        market.tell(f"m-{n % 3}", 80 * n, device_id="d-5")
    market.tell("stranger", 5, device_id="d-5")
    told = by_code(market.ring(["m-0", "m-1", "m-2"]).evidence)
    assert "SHARED_DEVICE_BURST" not in told
    assert told["SHARED_DEVICE"].text.endswith("; 1 other member did too")


def test_signups_together(market):
    for n in range(5):
        market.tell(f"m-{n}", 405 + n / 20, "signup", device_id="d-5")
    market.tell("m-9", 30, "signup", device_id="d-5")
    told = by_code(market.ring([f"m-{n}" for n in (0, 1, 2, 3, 4, 9)]).evidence)
    assert told["SIGNUPS_TOGETHER"].text == (
        "5 members of 6 signed up within 12 minutes, on 17 June 2024 UTC"
    )
    assert len(told["SIGNUPS_TOGETHER"].event_ids) == 5


def test_coupons_and_refunds_beside_the_market(market):
    for n in range(5):
        for turn in range(4):
            market.tell(
                f"m-{n}", 500 + n + 9 * turn, "purchase", product_id="p-99", device_id="d-5",
                coupon_id="c" if turn else None, order_id=f"x-{n}-{turn}", amount=5.0,
            )  # fmt: skip
            market.tell(f"m-{n}", 600 + n, "refund", product_id="p-7", order_id=f"x-{n}-{turn}")
    ring = market.ring([f"m-{n}" for n in range(5)])
    told = by_code(ring.evidence)
    assert told["COUPONS"].text == (
        "15 of 20 purchases through what they share used a coupon (75 %; in the market 19 %)"
    )
    assert told["REFUNDS"].text == (
        "the members had 20 refunds for 20 purchases (100 %; in the market 14 %)"
    )
    assert told["PURCHASES_IN_STEP"].text.startswith(
        "5 members bought product p-99 within 31 hours"
    )
    assert len(told["COUPONS"].event_ids) == 15


def test_reviews_in_step(market):
    for n in range(5):
        market.tell(
            f"m-{n}", 500 + n, "review", product_id=f"p-{3 + 30 * (n % 2)}", rating=5.0 - (n == 3),
            ip="1.2.3.4",
        )  # fmt: skip
    market.tell("crowd-1", 700, "review", product_id="p-3", rating=2.0)
    told = by_code(market.ring([f"m-{n}" for n in range(5)]).evidence)
    assert told["REVIEWS_IN_STEP"].text == (
        "5 members wrote 5 reviews about seller s-3 within 4 hours, from 21 June 2024 to 22 June 2024 UTC, "
        "4 of them with the highest rating, 5; 1 other member ever did"
    )


def test_a_chargeback_is_told_once_it_is_known(market):
    for n in range(3):
        market.tell(
            f"m-{n}", 100 + n, "purchase", product_id="p-1", device_id="d", order_id=f"x-{n}"
        )
    charged = market.tell("m-1", 600, "chargeback", order_id="x-1")
    ring = market.ring(["m-0", "m-1", "m-2"], as_of=at(600))
    assert ring.evidence[0].code == "CHARGEBACK"
    assert ring.evidence[0].text == "m-1 had a chargeback, known on 26 June 2024 UTC"
    assert ring.evidence[0].event_ids == (charged,)
    market.tell("crowd-3", 101, "chargeback", order_id="o-3-0")
    before = market.ring(["m-0", "m-1", "m-2"], as_of=at(599))
    assert "CHARGEBACK" not in by_code(before.evidence)
    assert "NO_CHARGEBACK_YET" in by_code(before.counter_evidence)
    assert "NO_CHARGEBACK_YET" not in by_code(ring.counter_evidence)


def test_a_home_is_told_and_with_a_shared_card_less_surely(market):
    for n in range(6):
        market.tell(f"m-{n % 2}", 90 * n, "purchase", product_id="p-1", address_id="a-1",
                    device_id=f"d-{n % 2}", card=f"k-{n % 2}")  # fmt: skip
    told = by_code(market.ring(["m-0", "m-1"]).counter_evidence)
    assert told["HOUSEHOLD"].text == (
        "m-0 and m-1 may be a household: address a-1 is the one each of them uses most, over "
        "19 days from 1 June 2024 to 19 June 2024 UTC, nobody else does, and no two of them used "
        "the same card"
    )
    market.tell("m-0", 500, "purchase", product_id="p-1", address_id="a-1", card="k-1")
    told = by_code(market.ring(["m-0", "m-1"]).counter_evidence)
    assert told["HOUSEHOLD"].text.endswith(
        "nobody else does, and 2 of them paid with the same cards, as families may"
    )


@pytest.mark.parametrize(("gap", "told"), [(50, False), (100, True)], ids=["20 days", "41 days"])
def test_over_a_month_one_of_a_household_may_be_none_of_the_ring(market, gap, told):
    for n in range(11):
        market.tell(f"m-{n % 3}", gap * n, "purchase", product_id="p-1", address_id="a-1",
                    device_id=f"d-{n % 3}")  # fmt: skip
    against = by_code(market.ring(["m-0", "m-1"]).counter_evidence)
    assert ("HOUSEHOLD" in against) == told
    if told:
        assert "only 1 other member did too, and no two" in against["HOUSEHOLD"].text


@pytest.mark.parametrize(("gap", "told"), [(50, False), (100, True)], ids=["20 days", "41 days"])
def test_over_a_month_a_network_may_be_a_home_though_parcels_go_elsewhere(market, gap, told):
    for n in range(11):
        market.tell(f"m-{n % 2}", gap * n, "purchase", product_id="p-1", ip="i-1",
                    address_id=f"a-{n}", device_id=f"d-{n % 2}")  # fmt: skip
    against = by_code(market.ring(["m-0", "m-1"]).counter_evidence)
    assert ("HOUSEHOLD" in against) == told


@pytest.mark.parametrize(
    ("opened", "told"),
    [((0, 800), True), ((0, 10), False), ((0, 1_500), False)],
    ids=["apart", "opened together", "opened for it"],
)
def test_old_accounts_speak_against_a_ring(market, opened, told):
    for n, hours in enumerate(opened):
        market.tell(f"m-{n}", hours, "signup")
        market.tell(f"m-{n}", 1_600 + 90 * n, "purchase", address_id="home", order_id=f"x-{n}")
    against = by_code(market.ring(["m-0", "m-1"]).counter_evidence)
    assert ("OLD_ACCOUNTS" in against) == told
    if told:
        assert against["OLD_ACCOUNTS"].text == (
            "all 2 accounts were opened 33 days or more before the first known event on what they "
            "share, and at different times, from 1 June 2024 to 4 July 2024 UTC"
        )
        assert len(against["OLD_ACCOUNTS"].event_ids) == 2
    market.tell("m-2", 1_700, address_id="home")
    three = market.ring(["m-0", "m-1", "m-2"]).counter_evidence
    assert "OLD_ACCOUNTS" not in by_code(three), "nobody knows when m-2 signed up"


def test_no_chargeback_is_told_as_of_the_moment_and_never_beside_a_label(market):
    for n in range(3):
        market.tell(f"m-{n}", 100, "purchase", device_id="d", order_id=f"x-{n}")
    market.tell("crowd-3", 101, "chargeback", order_id="o-3-0")
    members = ["m-0", "m-1", "m-2"]
    labels = pl.DataFrame({"member_id": ["m-1"], "label": [1], "known_at": [at(300)]})
    graph = build_graph(replace(market.tables, labels=labels))

    def codes(as_of):
        ring = describe(graph, [group(graph, members, as_of)], as_of=as_of)[0]
        return by_code((*ring.evidence, *ring.counter_evidence))

    before, after = codes(at(299.5)), codes(at(300))
    assert before["NO_CHARGEBACK_YET"].text == (
        "by 13 June 2024, 11:30 UTC no chargeback or fraud label is known for any of the members' "
        "3 purchases; the last one is 9 days old"
    )
    assert "CHARGEBACK" not in before
    assert "NO_CHARGEBACK_YET" not in after
    assert "CHARGEBACK" in after


@pytest.mark.parametrize(
    ("hours", "surprise", "burst"),
    [(24, 5.0, True), (24, 0.2, False), (700, 5.0, False)],
    ids=["brief and surprising", "no surprise", "nearly all the time"],
)
def test_a_burst_is_brief_and_surprising(market, hours, surprise, burst):
    for n in range(3):
        market.tell(f"m-{n}", 20 + n, "login", device_id=f"own of {n}")
        market.tell(f"m-{n}", 100 + n * hours / 2, "login", device_id="d-5")
    graph = market.graph
    as_of = graph.events["time"].max()
    found = group(graph, ["m-0", "m-1", "m-2"], as_of, surprise=surprise)
    told = by_code(describe(graph, [found], as_of=as_of)[0].evidence)
    assert ("SHARED_DEVICE_BURST" in told) == burst
    if not burst:
        text = told["SHARED_DEVICE"].text
        assert text.startswith("3 members used device d-5 for ")
        assert text.endswith(" UTC; nobody else did")


def test_who_is_new_has_no_burst_unless_it_convinces(market):
    for n in range(3):
        market.tell(f"m-{n}", 1_200 + n, "login", device_id="d-5")
    graph = market.graph
    as_of = graph.events["time"].max()
    for surprise, burst in ((3.0, False), (9.0, True)):
        found = group(graph, ["m-0", "m-1", "m-2"], as_of, surprise=surprise)
        told = by_code(describe(graph, [found], as_of=as_of)[0].evidence)
        assert ("SHARED_DEVICE_BURST" in told) == burst


def test_every_code_is_in_the_legend():
    written = "".join(
        Path(module.__file__).read_text(encoding="utf-8") for module in (doubts, evidence)
    )
    codes = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', written))
    codes |= {
        f"SHARED_{node.upper()}{end}" for node in MARKETPLACE.identifiers for end in ("", "_BURST")
    }
    assert codes == set(CODES)
    assert all("\n" not in phrase and len(phrase) < 90 for phrase in CODES.values())


def test_a_locker_and_a_network_of_many(market):
    for n in range(30):
        market.tell(f"crowd-{n}", 50 + n, address_id="locker", ip="cafe")
    for n in range(3):
        market.tell(f"m-{n}", 60 + n, address_id="locker", ip="cafe")
    told = by_code(market.ring(["m-0", "m-1", "m-2"]).counter_evidence)
    assert told["LOCKER"].text == (
        "address locker is shared by many: 33 members used it, 3 of them in this ring"
    )
    assert "HUB" in told


def test_a_device_sold_on(market):
    for n in range(8):
        market.tell(f"m-{n // 4}", 30 * n, device_id="d-1")
    told = by_code(market.ring(["m-0", "m-1"]).counter_evidence)
    assert (
        "2 members used it one after the other, on 4 days or more each" in told["SECOND_HAND"].text
    )
    market.tell("m-0", 400, device_id="d-1")
    assert "SECOND_HAND" not in by_code(market.ring(["m-0", "m-1"]).counter_evidence)


def test_a_life_of_their_own(market):
    for name in ("m-0", "m-1", "m-2"):
        for n in range(9):
            market.tell(name, 10 + 40 * n, device_id=f"own of {name}")
        market.tell(name, 200, device_id="d-1")
    told = by_code(market.ring(["m-0", "m-1", "m-2"]).counter_evidence)
    assert told["OWN_LIFE"].text == (
        "3 of 3 members have a life of their own: 27 of their 30 events (90 %) carry nothing that "
        "the ring shares"
    )


def test_hostile_ids_stay_on_one_line(market):
    for n in range(3):
        market.tell(HOSTILE + str(n), 500 + n, "signup", device_id=HOSTILE, ip=HOSTILE)
    ring = market.ring([HOSTILE + str(n) for n in range(3)])
    for item in (*ring.evidence, *ring.counter_evidence):
        assert item.text.isprintable()
        assert len(item.text) < 600
    assert ring.shared[0].id == HOSTILE
    assert set(ring.member_ids) == {HOSTILE + str(n) for n in range(3)}


def test_a_group_that_shares_nothing_is_still_a_ring(market):
    ring = market.ring(["crowd-1", "crowd-2"])
    assert ring.shared == ()
    assert ring.amount_gross == 2 * 4 * 20, "all that they bought"
    assert ring.kind == "other"


def test_a_naive_as_of_is_an_error(market):
    with pytest.raises(ValueError, match="time zone"):
        describe(market.graph, [], as_of=at(100).replace(tzinfo=None))
