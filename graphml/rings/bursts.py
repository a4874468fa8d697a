"""How surprising it is that members used a value together in time, against the platform's days."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from graphml.rings.ties import Ties

WINDOWS = np.array([2, 24, 72, 168, 336, 720, 1440], dtype=np.int64)
"""Hours a burst may last, from within the hour to two months."""

_REPEATS = 4
_SAMPLE = 4_000  # values per stratum that the null is drawn from
_TAIL = 0.1  # share of the null beyond which its tail is taken for exponential


@dataclass(frozen=True, kw_only=True, slots=True)
class Bursts:
    """The most surprising window of each value.

    Attributes:
        surprise: −ln p of the burst, 0 or more, float64[values].
        start_hour, end_hour: The window, both inclusive, int64[values].
        episodes: −ln p that the members' uses lie so close in their own lives, float64[values].
    """

    surprise: NDArray[np.float64]
    start_hour: NDArray[np.int64]
    end_hour: NDArray[np.int64]
    episodes: NDArray[np.float64]


def find_bursts(ties: Ties, *, seed: int) -> Bursts:
    """Return each value's best window and what it is worth against days drawn at random.

    A window that ``o`` other members share although their days on the value, spread as the
    platform's activity, let expect ``E`` is worth ``o ln(o / E) − (o − E)`` (Kulldorff's scan
    statistic); the null keeps each seat's number of days and draws them from the platform.
    """
    strength, start, end = _scan_all(ties, ties.use_seat, ties.use_hour)
    stratum = _strata(ties)
    surprise = np.zeros(len(strength))
    generator = np.random.default_rng(seed)
    for one in np.unique(stratum):
        here = np.flatnonzero(stratum == one)
        sample = generator.permutation(here)[:_SAMPLE]
        null = [_null_strength(ties, sample, generator) for _ in range(_REPEATS)]
        surprise[here] = tail_surprise(strength[here], np.concatenate(null))
    return Bursts(surprise=surprise, start_hour=start, end_hour=end, episodes=_episodes(ties))


def tail_surprise(observed: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return −ln p of ``observed`` against ``null``, whose upper tail is taken for exponential."""
    null = np.sort(null)
    above = len(null) - np.searchsorted(null, observed, "left")
    body = -np.log((above + 1) / (len(null) + 1))
    start = np.quantile(null, 1 - _TAIL)
    excess = null[null > start] - start
    scale = max(float(excess.mean()) if len(excess) else 0.0, 1.0)  # ln likelihood ratios decay so
    tail = -math.log(_TAIL) + (observed - start) / scale
    result: NDArray[np.float64] = np.where(observed > start, tail, np.maximum(body, 0))
    return result


def _strata(ties: Ties) -> NDArray[np.int64]:
    """Group values alike under the null: by view, members and uses, in powers of two."""
    uses = np.diff(ties.use_indptr)
    members = np.log2(np.maximum(ties.size, 1)).astype(np.int64)
    extra = np.minimum(np.log2(uses / np.maximum(ties.size, 1)), 7).astype(np.int64)
    result: NDArray[np.int64] = (ties.view * 64 + members) * 8 + extra
    return result


def _null_strength(
    ties: Ties, values: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    lengths = np.diff(ties.use_indptr)[values]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    offset = np.repeat(ties.use_indptr[values] - indptr[:-1], lengths)
    seat = ties.use_seat[np.arange(indptr[-1]) + offset]
    view = np.repeat(ties.view[values], lengths)
    hour = np.empty(len(seat), dtype=np.int64)
    for one in np.unique(view):
        total = ties.platform[one]
        drawn = generator.random(int((view == one).sum())) * total[-1]
        hour[view == one] = np.searchsorted(total, drawn, "right") - 1 + ties.first_hour
    order = np.lexsort((seat, hour, np.repeat(np.arange(len(values)), lengths)))
    strength, _, _ = _scan(
        indptr, seat[order], hour[order], ties.indptr[values], ties.size[values], ties.days,
        ties.view[values], ties.platform, ties.first_hour, WINDOWS,
    )  # fmt: skip
    return np.asarray(strength)


def _scan_all(
    ties: Ties, seat: NDArray[np.int64], hour: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    result: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]] = _scan(
        ties.use_indptr, seat, hour, ties.indptr[:-1], ties.size, ties.days, ties.view,
        ties.platform, ties.first_hour, WINDOWS,
    )  # fmt: skip
    return result


@numba.njit(cache=True)
def _scan(indptr, seat, hour, seat_start, size, days, view, platform, first_hour, windows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return each value's strongest window: strength, first and last hour."""
    values = len(seat_start)
    strength = np.zeros(values)
    start = np.zeros(values, dtype=np.int64)
    end = np.zeros(values, dtype=np.int64)
    for value in range(values):
        use = slice(indptr[value], indptr[value + 1])
        local = seat[use] - seat_start[value]
        seats = slice(seat_start[value], seat_start[value] + size[value])
        by_days = np.bincount(np.minimum(days[seats], 32), minlength=33)
        past = hour[use] - first_hour
        if len(past) == 0:
            continue
        start[value], end[value] = past[0] + first_hour, past[-1] + first_hour
        for window in windows:
            found = _strongest(local, past, window, by_days, platform[view[value]])
            if found[0] > strength[value]:
                strength[value] = found[0]
                start[value], end[value] = found[1] + first_hour, found[2] + first_hour
    return strength, start, end


@numba.njit(cache=True)
def _strongest(local, hour, window, by_days, platform):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the strongest window of at most ``window`` hours of one value."""
    size = by_days.sum()
    inside = np.zeros(size, dtype=np.int64)
    best, best_start, best_end = 0.0, hour[0], hour[-1]
    distinct, left = 0, 0
    for right in range(len(hour)):
        inside[local[right]] += 1
        distinct += inside[local[right]] == 1
        while hour[right] - hour[left] >= window:
            inside[local[left]] -= 1
            distinct -= inside[local[left]] == 0
            left += 1
        if distinct < 2 or (right + 1 < len(hour) and hour[right + 1] == hour[right]):
            continue
        share = platform[hour[right] + 1] - platform[max(hour[right] - window + 1, 0)]
        expected = _expected(by_days, share / platform[-1]) * (size - 1) / size
        strength = _strength(distinct - 1, expected)
        if strength > best:
            best, best_start, best_end = strength, hour[left], hour[right]
    return best, best_start, best_end


@numba.njit(cache=True)
def _expected(by_days, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return how many members use a value in a window with ``share`` of the platform's days."""
    total = 0.0
    for count in range(1, len(by_days)):
        if by_days[count]:
            total += by_days[count] * (1 - (1 - share) ** count)
    return max(total, 1e-9)


@numba.njit(cache=True)
def _strength(observed, expected):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return Kulldorff's log likelihood ratio of ``observed``; 0 unless above ``expected``."""
    if observed <= expected:
        return 0.0
    return observed * math.log(observed / expected) - (observed - expected)


def _episodes(ties: Ties) -> NDArray[np.float64]:
    """Return −ln p that each value's members used it within so short a stretch of their lives.

    ``k`` of ``K`` active days within a stretch of ``j``: p about ``k (j / K)^(k − 1)``; the members
    of a value combine by Fisher's method.
    """
    k, active, stretch = ties.days, np.maximum(ties.active, 1), np.maximum(ties.stretch, 1)
    single = np.maximum(0, -np.log(k) - (k - 1) * np.log(np.minimum(stretch / active, 1)))
    total = np.bincount(ties.value, single, len(ties.key))
    repeated = np.bincount(ties.value, k > 1, len(ties.key))
    tail = gammaincc(np.maximum(repeated, 1), total)
    result: NDArray[np.float64] = np.maximum(-np.log(np.maximum(tail, 1e-300)), 0)
    return result
