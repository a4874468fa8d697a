"""Three shops that record, sell and remember differently: the assumptions of each, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

DAY = 86_400.0
VIEWS = ("device", "address", "ip", "card", "phone", "email")

_ALWAYS = ("signup", "login", "view", "cart", "purchase", "refund", "review", "coupon", "points")
_ORDER = ("purchase", "refund")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """On which kinds of event an identifier is written down, and on which share of visits."""

    kinds: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """What a shop sells, how people live with it, and what its events keep.

    Attributes:
        visits: Mean visits of a member who is there all the time.
        rhythm: How a member's visits lie in time.
        repeat: Share of what is bought or viewed that comes from the member's usual list.
        refund: Share of bought items sent back; ``review`` and ``coupon`` likewise.
        recorded: Per identifier type what is written down.
        rings: Weights of the kinds of ring.
        groups: Groups of benign sharing per 1,000 members, by kind.
    """

    start: datetime
    days: int
    visits: float
    rhythm: Literal["weekly", "steady", "episodes"]
    products: int
    categories: int
    sellers: int
    price: tuple[float, float]
    repeat: float
    browse: float
    buy: float
    items: float
    login: float
    cart: float
    refund: float
    refund_days: float
    review: float
    coupon: float
    points: float
    currency: tuple[str, ...]
    recorded: Mapping[str, Recorded]
    rings: Mapping[str, float]
    groups: Mapping[str, float]
    households: float
    buildings: float
    static_ip: float
    mobile: float
    labels: float = 0.0
    sizes: tuple[float, float] = field(default=(1.5, 0.75))


STYLES: Mapping[str, Style] = {
    "grocery": Style(
        start=datetime(2023, 1, 9, tzinfo=UTC),
        days=224,
        visits=8,
        rhythm="weekly",
        products=900,
        categories=24,
        sellers=0,
        price=(1.1, 0.6),
        repeat=0.72,
        browse=0.25,
        buy=0.8,
        items=3.0,
        login=0.2,
        cart=0.1,
        refund=0.012,
        refund_days=1.5,
        review=0.0,
        coupon=0.12,
        points=0.35,
        currency=("GBP",),
        recorded={
            "device": Recorded(kinds=_ALWAYS, share=0.62),
            "address": Recorded(kinds=("signup", "cart", "coupon", *_ORDER)),
            "ip": Recorded(kinds=("login", "signup"), share=0.3),
            "card": Recorded(kinds=("purchase",), share=0.85),
            "phone": Recorded(kinds=("signup", "refund")),
            "email": Recorded(kinds=("signup",)),
        },
        rings={
            "device_farm": 2,
            "reshipping": 2,
            "coupon_farming": 3,
            "refund_abuse": 3,
            "takeover": 2,
        },
        groups={
            "parcel_locker": 1.0,
            "kiosk": 0.5,
            "store_signup": 0.4,
            "holiday_home": 2.5,
            "borrowed_phone": 3.0,
            "second_hand": 6.0,
            "event_wifi": 0.4,
            "club_order": 0.8,
            "care_home": 0.3,
            "company_card": 0.8,
            "shared_computer": 0.8,
            "helpdesk": 1.2,
            "gift_card": 0.6,
            "buying_agent": 0.8,
            "flash_sale": 0.15,
        },
        households=0.42,
        buildings=0.25,
        static_ip=0.5,
        mobile=0.2,
    ),
    "fashion": Style(
        start=datetime(2024, 2, 1, tzinfo=UTC),
        days=365,
        visits=8,
        rhythm="steady",
        products=16_000,
        categories=60,
        sellers=500,
        price=(3.4, 0.7),
        repeat=0.08,
        browse=2.0,
        buy=0.33,
        items=0.9,
        login=0.6,
        cart=0.6,
        refund=0.34,
        refund_days=9.0,
        review=0.16,
        coupon=0.22,
        points=0.08,
        currency=("EUR",),
        recorded={
            "device": Recorded(kinds=_ALWAYS),
            "address": Recorded(kinds=_ORDER),
            "ip": Recorded(kinds=_ALWAYS),
            "card": Recorded(kinds=("purchase",), share=0.8),
            "phone": Recorded(kinds=("purchase",), share=0.35),
            "email": Recorded(kinds=("signup", "purchase")),
        },
        rings={
            "device_farm": 2,
            "reshipping": 2,
            "brushing": 3,
            "coupon_farming": 2,
            "refund_abuse": 3,
            "takeover": 2,
        },
        groups={
            "parcel_locker": 1.5,
            "cafe": 1.0,
            "campus": 0.2,
            "event_wifi": 1.5,
            "holiday_home": 3.0,
            "borrowed_phone": 3.0,
            "second_hand": 4.0,
            "wedding": 1.5,
            "club_order": 1.0,
            "flash_sale": 0.3,
            "family_account": 2.0,
            "company_card": 0.8,
            "shared_computer": 0.8,
            "helpdesk": 1.2,
            "gift_card": 0.6,
            "buying_agent": 0.9,
            "kiosk": 0.15,
        },
        households=0.3,
        buildings=0.06,
        static_ip=0.3,
        mobile=0.4,
        labels=0.15,
    ),
    "electronics": Style(
        start=datetime(2022, 5, 1, tzinfo=UTC),
        days=540,
        visits=2.9,
        rhythm="episodes",
        products=7_000,
        categories=40,
        sellers=1_500,
        price=(4.3, 1.1),
        repeat=0.25,
        browse=1.7,
        buy=0.3,
        items=0.15,
        login=0.3,
        cart=0.25,
        refund=0.07,
        refund_days=7.0,
        review=0.2,
        coupon=0.04,
        points=0.0,
        currency=("USD", "CAD"),
        recorded={
            "device": Recorded(kinds=("signup", "login", "view", "purchase", "review"), share=0.85),
            "address": Recorded(kinds=("purchase",), share=0.92),
            "ip": Recorded(kinds=("signup", "login", "purchase", "review"), share=0.6),
            "card": Recorded(kinds=("purchase",), share=0.12),
            "phone": Recorded(kinds=("signup", "purchase"), share=0.6),
            "email": Recorded(kinds=("signup",)),
        },
        rings={
            "device_farm": 3,
            "reshipping": 3,
            "brushing": 3,
            "refund_abuse": 1,
            "takeover": 2,
        },
        groups={
            "parcel_locker": 1.0,
            "cafe": 0.5,
            "campus": 0.3,
            "event_wifi": 1.0,
            "holiday_home": 1.5,
            "borrowed_phone": 6.0,
            "second_hand": 10.0,
            "club_order": 0.8,
            "company_card": 0.8,
            "shared_computer": 2.0,
            "helpdesk": 2.0,
            "gift_card": 0.6,
            "buying_agent": 2.0,
            "kiosk": 0.1,
            "flash_sale": 0.2,
        },
        households=0.22,
        buildings=0.1,
        static_ip=0.25,
        mobile=0.35,
        labels=0.06,
    ),
}
"""The styles by name."""
