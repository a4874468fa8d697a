"""Kinds and roles of planted rings."""

from __future__ import annotations

import pytest

from tests.rings.small import Market
from tests.rings.test_evidence import crowd

MEMBERS = [f"m-{n}" for n in range(5)]


@pytest.fixture
def market() -> Market:
    market = Market()
    crowd(market)
    for n in range(12):
        market.tell(f"crowd-{n}", 300 + n, "review", product_id=f"p-{n}", rating=float(n % 5 + 1))
    return market


def buy(market: Market, n: int, turn: int, **columns: object) -> None:
    market.tell(
        f"m-{n}", 500 + n + 30 * turn, "purchase", product_id="p-7", order_id=f"x-{n}-{turn}",
        amount=5.0, currency="EUR", **columns,
    )  # fmt: skip


def roles(ring) -> dict[str, str]:
    return {member.member_id: member.role for member in ring.members}


def test_a_device_farm(market):
    for n in range(5):
        market.tell(f"m-{n}", 499 + n, "signup", device_id="d")
        for turn in range(6):
            market.tell(f"m-{n}", 500 + n + 20 * turn, "points", device_id="d")
    ring = market.ring(MEMBERS)
    assert ring.kind == "device_farm"
    assert set(roles(ring).values()) == {"core"}


def test_coupon_farming_even_on_shared_devices(market):
    for n in range(5):
        for turn in range(3):
            buy(market, n, turn, device_id="d", address_id="a", coupon_id="welcome")
    assert market.ring(MEMBERS).kind == "coupon_farming"


def test_refund_abuse(market):
    for n in range(5):
        for turn in range(4):
            buy(market, n, turn, address_id="a", device_id=f"d-{n}")
            if turn < 3:
                market.tell(f"m-{n}", 700 + n, "refund", order_id=f"x-{n}-{turn}", amount=4.0,
                            currency="EUR", product_id="p-7")  # fmt: skip
    ring = market.ring(MEMBERS)
    assert ring.kind == "refund_abuse"
    assert (ring.amount_gross, ring.amount_net, ring.currency) == (100.0, 40.0, "EUR")


def test_brushing(market):
    for n in range(5):
        for turn in range(3):
            buy(market, n, turn, ip="agency", device_id=f"d-{n}")
            market.tell(f"m-{n}", 600 + n + turn, "review", product_id="p-7", rating=5.0)
    assert market.ring(MEMBERS).kind == "brushing"


def test_reshipping_has_a_mule_at_whose_home_parcels_arrive(market):
    for turn in range(4):
        market.tell("m-0", 20 + 40 * turn, "purchase", product_id="p-3", address_id="drop",
                    device_id="d-0", card="k-0")  # fmt: skip
    for n in range(1, 5):
        for turn in range(3):
            buy(market, n, turn, address_id="drop", device_id=f"d-{n}", card=f"k-{n}-{turn}")
    ring = market.ring(MEMBERS)
    assert ring.kind == "reshipping"
    assert roles(ring) == {"m-0": "mule", **{f"m-{n}": "core" for n in range(1, 5)}}


def test_cards_tried_on_many_accounts_are_other(market):
    for n in range(5):
        for turn in range(4):
            buy(
                market, n, turn, card=f"stolen-{turn}", device_id=f"d-{n // 3}", address_id=f"a-{n}"
            )
    assert market.ring(MEMBERS).kind == "other"


def test_the_accounts_of_a_takeover_are_victims(market):
    for n in range(5):
        for turn in range(8):
            market.tell(f"m-{n}", 10 + n + 50 * turn, device_id=f"own-of-{n}")
        market.tell(f"m-{n}", 600 + n, device_id="thief")
        market.tell(f"m-{n}", 600.5 + n, "purchase", product_id="p-4", device_id="thief")
    ring = market.ring(MEMBERS)
    assert ring.kind == "takeover"
    assert set(roles(ring).values()) == {"victim"}
    assert ring.flagged_ids == ()
    told = next(reason for reason in ring.evidence if reason.code == "TAKEOVER_NEW_DEVICE")
    assert told.text.startswith("5 accounts with 40 earlier events of their own were entered")


def test_a_farm_that_waits_is_no_takeover(market):
    for n in range(5):
        market.tell(f"m-{n}", 10, "signup")
        market.tell(f"m-{n}", 600 + n, device_id="d")
    assert market.ring(MEMBERS).kind == "device_farm"


def late_user(market: Market, hours: float, others: int = 3) -> None:
    for n in range(others):
        market.tell(f"m-{n}", 500 + n / 60, "signup")
        market.tell(f"m-{n}", 500 + n / 60, "purchase", product_id="p", device_id="d", ip="i")
    market.tell("late", 500, "signup")
    market.tell("late", 500 + hours, "purchase", product_id="p", device_id="d", ip="i")


def test_who_comes_hours_after_a_burst_is_a_victim(market):
    late_user(market, 8)
    ring = market.ring(["late", "m-0", "m-1", "m-2"])
    assert roles(ring) == {"late": "victim", "m-0": "core", "m-1": "core", "m-2": "core"}
    doubt = next(d for d in ring.counter_evidence if d.code == "LEGITIMATE_USER")
    assert doubt.text == (
        "late may be the legitimate user of device d: first use 8 hours after sign-up, "
        "on 22 June 2024; 3 other members used it on 21 June 2024 UTC"
    )


def test_who_comes_minutes_after_a_burst_is_not(market):
    late_user(market, 0.3)
    assert "victim" not in roles(market.ring(["late", "m-0", "m-1", "m-2"])).values()


def test_of_two_nobody_departs(market):
    late_user(market, 90, others=1)
    assert "victim" not in roles(market.ring(["late", "m-0"])).values()


def test_who_shares_something_else_in_step_is_no_victim(market):
    late_user(market, 8)
    market.tell("late", 500.01, "login", card="k")
    for n in range(3):
        market.tell(f"m-{n}", 500.01, "login", card="k")
    assert "victim" not in roles(market.ring(["late", "m-0", "m-1", "m-2"])).values()


def test_a_spread_out_group_has_no_victim(market):
    for n, hours in enumerate((1, 6, 40, 90, 300)):
        market.tell(f"m-{n}", 400, "signup")
        market.tell(f"m-{n}", 400 + hours, "login", device_id="d")
    assert "victim" not in roles(market.ring(MEMBERS)).values()


def test_who_hardly_shares_is_periphery(market):
    for n in range(4):
        for node in ("device_id", "ip", "card", "address_id", "phone"):
            market.tell(f"m-{n}", 500 + n, "login", **{node: "x"})
    market.tell("m-4", 502, "login", ip="x")
    ring = market.ring(MEMBERS)
    assert roles(ring)["m-4"] == "periphery"
    scores = {member.member_id: member.score for member in ring.members}
    assert scores["m-0"] == ring.score
    assert 0 < scores["m-4"] < ring.score


def test_several_currencies_are_never_summed(market):
    for n, currency in enumerate(("EUR", "EUR", "JPY")):
        market.tell(f"m-{n}", 500 + n, "purchase", product_id="p-1", device_id="d",
                    amount=10.0 + n, currency=currency)  # fmt: skip
    ring = market.ring(["m-0", "m-1", "m-2"])
    assert (ring.amount_gross, ring.currency) == (21.0, None)
