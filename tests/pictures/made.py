"""Values of every picture, none of them symmetric."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from graphml.config import RING_KINDS
from graphml.pictures.measured import capacity_of, reliability_of
from graphml.pictures.values import Learning
from graphml.pictures.watched import Drifted, RingPrecision, RingTimeline
from graphml.results import Ring, RingMember

BEGIN = datetime(2024, 1, 3, 5, tzinfo=UTC)
HOSTILE = (
    "</text><script>alert(1)</script>",
    "$x_{1}$",
    ' style="fill:red" <a style="x">',
    ' style="fill: red" <a style="x: y">',
    "$\\frac{1}",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil",
    "a\nb\x00c\ud800",
    "漢字 🙂",
    "]]>&amp;<!--",
    "x" * 900,
    "",
)


def rows(count: int = 700, seed: int = 3):
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.5, 9, count)
    y = (rng.random(count) < chance).astype(np.int64)
    return chance, y, np.arange(count) // 3


def reliability(model: str = "fraud-blend-1"):
    chance, y, owners = rows()
    return reliability_of(chance, y, owners, model=model, split="test period")


def capacity(method: str = "structure"):
    chance, y, owners = rows()
    other = np.random.default_rng(1).random(len(y))
    return capacity_of(
        {"blend": chance, method: other}, y, owners,
        first="blend", share=0.03, model="fraud-blend-1", split="test period",
    )  # fmt: skip


def learning(metric: str = "average_precision"):
    return Learning(
        model="sage (fraud)", metric=metric, losses=(0.9, 0.5, 0.35, 0.3), train=812, valid=90,
        validations=(0.1, 0.31, 0.42, 0.2),
    )  # fmt: skip


def drift(column: str = "card_members"):
    return Drifted(
        model="fraud-blend-1", as_of="2024-08-01T00:00:00Z", members=4321, score=0.31,
        columns=((column, 0.5), ("orders", 0.26), ("age", 0.05)), edges=(0.01, 0.02, 0.05),
        then=(0.4, 0.3, 0.2, 0.1, 0.0), now=(0.2, 0.3, 0.15, 0.35, 0.0),
    )  # fmt: skip


def ring(place: int, ring_id: str | None = None, currency: str | None = "EUR") -> Ring:
    first = BEGIN + timedelta(days=(place * 7) % 31, hours=place)
    return Ring(
        ring_id=f"r-{place:016x}" if ring_id is None else ring_id,
        kind=RING_KINDS[place % len(RING_KINDS)], status="new", score=0.9, score_kind="rank",
        members=tuple(RingMember(member_id=f"m-{n}", score=0.5, role="core") for n in range(place + 2)),
        shared=(), amount_gross=1000.4 * (place + 1), amount_net=0.0, currency=currency, first=first,
        last=first + timedelta(days=(place * 5) % 13, minutes=place), as_of=BEGIN, model=None,
        evidence=(), counter_evidence=(),
    )  # fmt: skip


def timeline(count: int = 6, ring_id: str | None = None) -> RingTimeline:
    rings = [ring(place, ring_id if place == 2 else None) for place in range(count)]
    as_of = BEGIN + timedelta(days=60)
    return RingTimeline.of(rings, source="published run rings-1", as_of=as_of)


def precision(method: str = "shared by 3") -> RingPrecision:
    curves = (("graphml", (1.0, 1.0, 0.667)), (method, (0.0, 0.5, 0.333, 0.25)))
    return RingPrecision(source="found in s", as_of=BEGIN, true_rings=5, curves=curves)


def every(text: str | None = None):
    """Return a value of each picture, the text of anybody's in it where there is room for one."""
    if text is None:
        return [timeline(), precision(), reliability(), capacity(), drift(), learning()]
    return [
        timeline(ring_id=text), precision(text), reliability(text), capacity(text), drift(text),
        learning(text),
    ]  # fmt: skip
