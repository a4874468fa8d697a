"""When things happen: a window of days with a daily and a weekly rhythm."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

Times = NDArray[np.int64]

MILLISECOND = 1_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

START = datetime(2024, 1, 1, tzinfo=UTC)
"""The first moment of the window, a Monday."""
DAYS = 240

_EPOCH = int(START.timestamp()) * SECOND
_MINUTES_A_DAY = 1440
# Share of visits by hour: quiet nights, a bump at lunch, most in the evening.
_HOURS = np.array(
    [12, 7, 4, 3, 3, 5, 10, 19, 29, 36, 41, 45, 51, 48, 44, 43, 46, 53, 64, 76, 86, 82, 58, 29],
    dtype=np.float64,
)
_WEEK = np.array([0.98, 0.94, 0.93, 0.96, 1.0, 1.12, 1.18])


class Clock:
    """The window of the marketplace; times are microseconds since 1970 in UTC."""

    start: int = _EPOCH
    end: int = _EPOCH + DAYS * DAY

    def __init__(self, rng: np.random.Generator) -> None:
        day = np.arange(DAYS)
        mood = np.exp(rng.normal(0, 0.05, DAYS) + 0.12 * np.sin(2 * np.pi * day / 120))
        minute = np.interp(np.arange(_MINUTES_A_DAY) / 60 - 0.5, np.arange(24), _HOURS, period=24)
        weight = np.outer(_WEEK[day % 7] * mood, minute / minute.mean()).ravel()
        self._grown = np.concatenate(([0.0], np.cumsum(weight)))

    def _busy(self, times: Times) -> NDArray[np.float64]:
        """Return how much of the marketplace's activity lies before each time of the window."""
        minute, rest = np.divmod(times - self.start, MINUTE)
        minute = np.minimum(minute, len(self._grown) - 2)
        before = self._grown[minute]
        busy: NDArray[np.float64] = before + (self._grown[minute + 1] - before) * rest / MINUTE
        return busy

    def draw(self, rng: np.random.Generator, low: ArrayLike, high: ArrayLike) -> Times:
        """Return one time in each ``[low, high)``, in the rhythm of the marketplace.

        Parts of an interval outside the window are cut off; an empty rest gives its nearer bound.
        """
        first = np.clip(np.asarray(low, dtype=np.int64), self.start, self.end - 1)
        last = np.clip(np.asarray(high, dtype=np.int64), first, self.end)
        before, after = self._busy(first), self._busy(last)
        at = before + rng.random(before.shape) * (after - before)
        minute = np.searchsorted(self._grown, at, side="right") - 1
        minute = np.clip(minute, 0, len(self._grown) - 2)
        part = (at - self._grown[minute]) / (self._grown[minute + 1] - self._grown[minute])
        times = self.start + ((minute + part) * MINUTE).astype(np.int64)
        # Milliseconds, as shops log them.
        drawn: Times = np.clip(times - times % MILLISECOND, first, self.end - MILLISECOND)
        return drawn


def hour_of(times: Times) -> NDArray[np.int64]:
    """Return the hour of the day, 0 to 23."""
    return (times // HOUR) % 24


def is_workday(times: Times) -> NDArray[np.bool_]:
    """Return whether each time lies on Monday to Friday."""
    return (times // DAY + 3) % 7 < 5
