"""What all parts share: the shop's style, one stream of randomness, counters of new values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.other_market.style import DAY, Style

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Visits = dict[str, npt.NDArray[Any]]

NONE = -1
"""No value: absent identifiers, products, coupons."""


@dataclass(kw_only=True)
class World:
    """The shop while it is being made; times are seconds from its first day."""

    style: Style
    members: int
    rng: np.random.Generator
    seed: int
    used: dict[str, int] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """The last moment, in seconds."""
        return self.style.days * DAY

    def new(self, name: str, count: int = 1) -> Integers:
        """Return ``count`` values of ``name`` that nobody has used."""
        first = self.used.get(name, 0)
        self.used[name] = first + count
        return np.arange(first, first + count, dtype=np.int64)

    def chance(self, share: float | Floats, count: int) -> Flags:
        """Return ``count`` coin throws that fall true with probability ``share``."""
        return self.rng.random(count) < share

    def between(self, low: float, high: float) -> float:
        """Return a number drawn log-uniformly between ``low`` and ``high``."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def hours(self, time: Floats, favourite: Floats | float, spread: float) -> Floats:
        """Return ``time`` moved within its day to about the favourite hour."""
        hour = (self.rng.normal(favourite, spread, len(time)) % 24) * 3600
        moved = np.floor(time / DAY) * DAY + hour
        return np.floor(np.clip(moved, 0, self.end - 1))


def join(parts: list[Visits]) -> Visits:
    """Return the rows of ``parts`` below one another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def take(visits: Visits, rows: npt.NDArray[Any]) -> Visits:
    """Return those rows of ``visits``."""
    return {name: column[rows] for name, column in visits.items()}


def _mixed(codes: Integers, salt: int) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser: a bijection of 64 bits, so that different codes stay different."""
    mixed = codes.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def opaque(codes: Integers, name: str, seed: int) -> pl.Series:
    """Return one text per code that tells nothing of its order; a negative code is null."""
    salt = seed * 1_000_003 + sum(ord(letter) * 31**place for place, letter in enumerate(name))
    unique, rows = np.unique(codes, return_inverse=True)
    if name == "ip":
        # An odd factor keeps 32-bit numbers different from one another.
        numbers = (unique.astype(np.uint64) * np.uint64(2_654_435_761) + np.uint64(salt)) % 2**32
        texts = [f"{v >> 24}.{v >> 16 & 255}.{v >> 8 & 255}.{v & 255}" for v in numbers.tolist()]
    else:
        digits = _mixed(unique, salt).astype(">u8").tobytes().hex()
        texts = [digits[at : at + 16] for at in range(0, len(digits), 16)]
    known = [None if code < 0 else text for code, text in zip(unique.tolist(), texts, strict=True)]
    values = pl.Series(known, dtype=pl.String)
    return values.gather(pl.Series(rows)) if len(values) else values
