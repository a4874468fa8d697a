"""Train, validation and test: cut by time, so that no part knows what the next one asks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.results import time_text
from graphml.tables.frames import require_utc
from graphml.tasks.labels import MICROSECOND, Labels

PARTS = ("train", "valid", "test")
MOST_CUTS = 200
"""Moments that ``cut_times`` considers: all up to that number, else as many by rank."""

Ints = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Labels to learn from, to choose by and to report on; none is in two parts."""

    train: Labels
    valid: Labels
    test: Labels


def split_by_time(labels: Labels, *, valid_from: datetime, test_from: datetime) -> Split:
    """Cut ``labels`` at two moments; what crosses a cut is purged.

    A label answers for its window ``(as_of, as_of + horizon]``, and counts from when it is known:

    - train: windows within ``(…, valid_from]``, ``known_at <= valid_from``
    - valid: windows within ``(valid_from, test_from]``, ``known_at <= test_from``
    - test: windows within ``(test_from, …)``, whenever they are known

    So a model is fitted on what is known at ``valid_from``, inclusive, and first asked as of that
    very moment; it is chosen by what is known at ``test_from``. A purchase has no horizon and is
    known at its time: each is in exactly one part, train ``(…, valid_from]``, valid
    ``(valid_from, test_from]``, test ``(test_from, …)``.

    Raises:
        ValueError: A moment is naive.
        UsageError: The moments are not in order, or a part would be empty.
    """
    valid_from = require_utc("valid_from", valid_from)
    test_from = require_utc("test_from", test_from)
    first, second = time_text(valid_from), time_text(test_from)
    if valid_from >= test_from:
        raise UsageError(
            f"valid_from {first} is not before test_from {second}",
            hint="name an earlier valid_from or a later test_from",
        )
    settled, as_of = labels.settled, pl.col("as_of")
    return filled(
        train=labels.where(settled <= valid_from),
        valid=labels.where((as_of >= valid_from) & (settled <= test_from)),
        test=labels.where(as_of >= test_from),
        meant={
            "train": f"over and known by {first}",
            "valid": f"from {first}, over and known by {second}",
            "test": f"from {second}",
        },
    )


def split_as_known(
    labels_until: Callable[[datetime], Labels],
    *,
    valid_from: datetime,
    test_from: datetime,
    until: datetime,
) -> Split:
    """Cut as ``split_by_time`` does, each part made of what was known when it ended.

    Labels made as of ``until`` are the best knowledge of then: a fraud found late has taken the 0
    away that its member had on the day. Who trains on the day does not know that yet.

    Args:
        labels_until: Returns the labels known by a moment, as ``fraud_labels`` does.
        valid_from: As in ``split_by_time``; what training knows.
        test_from: As in ``split_by_time``; what validation knows.
        until: What the test knows.

    Raises:
        ValueError: A moment is naive.
        UsageError: The moments are not in order, or a part would be empty.
        NothingToDoError: No label is known by a moment.
    """
    moments = [
        require_utc(name, moment)
        for name, moment in (
            ("valid_from", valid_from),
            ("test_from", test_from),
            ("until", until),
        )
    ]
    first, second, last = (time_text(moment) for moment in moments)
    if not moments[0] < moments[1] < moments[2]:
        raise UsageError(
            f"valid_from {first}, test_from {second} and {last} are not in order",
            hint="name an earlier valid_from or a later test_from",
        )
    train, valid, test = (labels_until(moment) for moment in moments)
    as_of = pl.col("as_of")
    return filled(
        train=train.where(train.settled <= moments[0]),
        valid=valid.where((as_of >= moments[0]) & (valid.settled <= moments[1])),
        test=test.where(as_of >= moments[1]),
        meant={
            "train": f"over and known by {first}",
            "valid": f"from {first}, over and known by {second}",
            "test": f"from {second}, known by {last}",
        },
    )


def cut_times(
    labels: Labels, *, valid: float = 0.15, test: float = 0.15
) -> tuple[datetime, datetime]:
    """Return the ``valid_from`` and ``test_from`` that come closest to the shares asked for.

    For purchases these are the quantiles of time. Fraud windows that cross a cut are purged, so
    quantiles may leave a part empty or without a fraud: the cuts are those that give every part,
    and within it the frauds and the others each, the largest share of what was asked for. Where
    no cuts give each part both, frauds in each must do, else a label in each.

    Args:
        labels: Of three different moments at least.
        valid: Share of the labels, above 0.
        test: Share of the labels, above 0; below 1 together with ``valid``.

    Raises:
        ValueError: A share is out of range.
        UsageError: No two moments leave a label in each part.
    """
    _check_shares(valid, test)
    asked = (1 - valid - test, valid, test)
    cuts = _candidates(labels)
    for kinds in _kinds(labels):
        least = np.min([_attained(kind, cuts, asked) for kind in kinds], axis=0)
        if (least > 0).any():
            break
    else:
        raise UsageError(
            f"no two moments cut {len(labels)} {labels.task} labels into three parts",
            hint="more history, or a shorter horizon or maturity",
        )
    if not labels.of_links and len(kinds) == 1:
        _log.warning("no cuts leave both answers in train, valid and test")
    first, second = np.unravel_index(np.argmax(least), least.shape)
    return _EPOCH + int(cuts[first]) * MICROSECOND, _EPOCH + int(cuts[second]) * MICROSECOND


def random_split(labels: Labels, *, seed: int, valid: float = 0.15, test: float = 0.15) -> Split:
    """Deal ``labels`` out by chance, whatever their time: this leaks, on purpose.

    A model then learns from moments after those it is asked about, and from the same member's
    other moments. It serves the leakage audit alone, which shows how much better that looks than
    ``split_by_time``.

    Args:
        labels: Three at least.
        seed: The same one deals the same rows.
        valid: Share of the labels, above 0.
        test: Share of the labels, above 0; below 1 together with ``valid``.

    Raises:
        ValueError: A share is out of range.
        UsageError: A part would be empty.
    """
    _check_shares(valid, test)
    order = np.random.default_rng(seed).permutation(len(labels))
    tested = round(len(labels) * test)
    chosen = round(len(labels) * valid)
    part = np.zeros(len(labels), dtype=np.int8)
    part[order[: tested + chosen]] = 1
    part[order[:tested]] = 2
    drawn = pl.lit(pl.Series(part))
    return filled(
        train=labels.where(drawn == 0),
        valid=labels.where(drawn == 1),
        test=labels.where(drawn == 2),
        meant=dict.fromkeys(PARTS, f"drawn of {len(labels)} by chance"),
    )


def _kinds(labels: Labels) -> list[list[Labels]]:
    """Return what should be in every part: the most to ask for first."""
    if labels.of_links:
        return [[labels]]
    frauds, others = (labels.where(pl.col("y") == y) for y in (1, 0))
    return [[frauds, others], [frauds], [labels]]


def _candidates(labels: Labels) -> Ints:
    """Return the moments worth cutting at, in microseconds, sorted: each has a row's as_of.

    A cut between two of them gains by moving on to the next: nothing is asked in between.
    """
    asked = np.sort(labels.rows["as_of"].to_physical().to_numpy())
    moments = np.unique(asked)
    if len(moments) <= MOST_CUTS:
        return moments
    ranks = np.arange(MOST_CUTS // 2)
    # By rows for the shares; by moments, lest one that most rows have be the only one.
    picked = [all_[ranks * len(all_) // len(ranks)] for all_ in (asked, moments)]
    return np.unique(np.concatenate(picked))


def _attained(labels: Labels, cuts: Ints, asked: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the smallest part relative to ``asked``, float [valid_from, test_from] of ``cuts``.

    1 where every part is as large as asked for, 0 where one is empty.
    """
    settled = labels.rows.select(labels.settled).to_series()
    begun = np.searchsorted(cuts, labels.rows["as_of"].to_physical().to_numpy(), side="right")
    over = np.searchsorted(cuts, settled.to_physical().to_numpy(), side="left")
    size = len(cuts) + 1
    counts = np.bincount(begun * size + over, minlength=size * size).reshape(size, size)
    # [b, o]: labels asked at cut b - 1 or later, and over by cut o.
    within = counts[::-1].cumsum(axis=0)[::-1].cumsum(axis=1)
    train, valid, test = within[0, :-1, None], within[1:, :-1], within[None, 1:, -1]
    parts = [part / share for part, share in zip((train, valid, test), asked, strict=True)]
    least: NDArray[np.float64] = np.minimum(np.minimum(parts[0], parts[1]), parts[2])
    return least / max(1, len(labels))


def _check_shares(valid: float, test: float) -> None:
    if not (valid > 0 and test > 0 and valid + test < 1):
        raise ValueError(
            f"valid and test need shares above 0 that leave some for train, got {valid} and {test}"
        )


def filled(*, train: Labels, valid: Labels, test: Labels, meant: dict[str, str]) -> Split:
    """Return the split of three parts, none of them empty.

    Raises:
        UsageError: One is; it says what the part is ``meant`` to hold.
    """
    for name, part in zip(PARTS, (train, valid, test), strict=True):
        if not len(part):
            raise UsageError(
                f"no {train.task} label is in {name}: {meant[name]}",
                hint="other cuts, more labels, or a shorter horizon or maturity",
            )
    return Split(train=train, valid=valid, test=test)
