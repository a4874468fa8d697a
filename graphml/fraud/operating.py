"""What a threshold does: to frauds and others, to money, and to each segment of members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from graphml.config import Costs
from graphml.errors import UsageError
from graphml.fraud.decisions import DECISIONS, Floats, Ints, checked, expected_cost, labels_of
from graphml.training.bootstrap import RESAMPLES, percentiles, resampled, wilson
from graphml.training.metrics import accuracy, f1, precision, recall

FEWEST_ROWS = 20
"""A segment of fewer rows is too small to judge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPoint:
    """How one threshold does on labelled rows; NaN where there is nothing to measure.

    Attributes:
        threshold: Flagged are rows with at least this probability.
        rows: How many there are.
        flagged: How many of them are flagged.
        accuracy: Share of rows on their right side.
        precision: Share of frauds among the flagged.
        recall: Share of the frauds that are flagged.
        f1: Harmonic mean of the two.
        value_recall: Share of the frauds' exposure that is flagged.
        saved: What shipping everything would have cost, less what this costs; NaN without costs.
        intervals: 95 % bootstrap intervals by name; empty unless asked for.
    """

    threshold: float
    rows: int
    flagged: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    value_recall: float
    saved: float
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def operating_point(
    y: ArrayLike,
    p: ArrayLike,
    exposure: ArrayLike,
    *,
    threshold: float,
    costs: Costs | None,
    flagged: Literal["hold", "refuse"] = "hold",
) -> OperatingPoint:
    """Return how a threshold does on labelled rows; those below it are shipped.

    Args:
        y: 1 for fraud, [rows].
        p: Probabilities of the same rows.
        exposure: What a fraud would take, at least 0.
        threshold: Flagged are probabilities of at least this.
        costs: Of each decision; ``saved`` is told by them, with ``y`` for the probability. ``None``
            where they are not known.
        flagged: What happens to the flagged.

    Raises:
        NothingToDoError: There are no rows.
        UsageError: A label, a probability, an exposure or the threshold is NaN or out of range.
    """
    chance, risk = checked(p, exposure)
    _check_threshold(threshold)
    return _point(labels_of(y, len(chance)), chance, risk, threshold, costs, flagged)


def with_intervals(
    y: ArrayLike,
    p: ArrayLike,
    exposure: ArrayLike,
    *,
    threshold: float,
    costs: Costs | None,
    groups: ArrayLike,
    seed: int,
    flagged: Literal["hold", "refuse"] = "hold",
    resamples: int = RESAMPLES,
) -> OperatingPoint:
    """Return an ``operating_point`` with 95 % bootstrap intervals of all that is not given.

    Args:
        y: As in ``operating_point``, like all that is not named here.
        p: Probabilities.
        exposure: What a fraud would take.
        threshold: Held as it is in every sample.
        costs: Of each decision.
        groups: Whose each row is, [rows]: the ring of a row in one, else its member. Rows that
            stand or fall together are drawn together, or intervals would be too narrow.
        seed: Of the resampling.
        flagged: What happens to the flagged.
        resamples: How often to draw, at least 1.

    Raises:
        NothingToDoError: There are no rows.
        UsageError: As in ``operating_point``, or groups are not one a row.
    """
    chance, risk = checked(p, exposure)
    _check_threshold(threshold)
    labels, owners = labels_of(y, len(chance)), np.asarray(groups)
    if owners.shape != chance.shape:
        raise UsageError(f"groups of shape {owners.shape} for {len(chance)} rows", hint="one a row")

    def at(rows: Ints) -> OperatingPoint:
        return _point(labels[rows], chance[rows], risk[rows], threshold, costs, flagged)

    drawn = [at(rows) for rows, _ in resampled(owners, seed=seed, times=resamples)]
    measured = [f.name for f in fields(OperatingPoint) if f.name not in _GIVEN]
    found = {
        name: percentiles(np.array([getattr(one, name) for one in drawn], dtype=np.float64))
        for name in measured
    }
    return replace(at(np.arange(len(chance))), intervals=found)


_GIVEN = ("threshold", "rows", "intervals")


def _point(
    y: Ints, p: Floats, exposure: Floats, threshold: float, costs: Costs | None, flagged: str
) -> OperatingPoint:
    above = p >= threshold
    stolen, saved = y * exposure, float("nan")
    if costs is not None:
        cost = expected_cost(costs, y.astype(np.float64), exposure)
        saved = float((cost[0] - cost[DECISIONS.index(flagged)])[above].sum())
    return OperatingPoint(
        threshold=threshold,
        rows=len(y),
        flagged=int(above.sum()),
        accuracy=accuracy(y, p, threshold=threshold),
        precision=precision(y, p, threshold=threshold),
        recall=recall(y, p, threshold=threshold),
        f1=f1(y, p, threshold=threshold),
        value_recall=float(stolen[above].sum() / stolen.sum()) if stolen.any() else float("nan"),
        saved=saved,
    )


def segment_table(
    y: ArrayLike, p: ArrayLike, threshold: float, segments: pl.Series
) -> pl.DataFrame:
    """Return the errors that a threshold makes in each segment, side by side.

    The columns: segment; count; base_rate, the share of frauds; flagged, the number; then
    false_positive_rate, recall and precision, each with its Wilson interval in ``…_low`` and
    ``…_high``, null where there is nothing to measure; note, ``too small to judge`` for segments
    of fewer than 20 rows. Sorted by segment; rows without one are a segment of their own, null.

    Args:
        y: 1 for fraud, [rows].
        p: Probabilities of the same rows.
        threshold: Flagged are probabilities of at least this.
        segments: Of each row, [rows].

    Raises:
        NothingToDoError: There are no rows.
        UsageError: A label, a probability or the threshold is NaN or out of range, or segments
            are not one a row.
    """
    chance, _ = checked(p, np.zeros(np.shape(p)))
    _check_threshold(threshold)
    if len(segments) != len(chance):
        raise UsageError(f"{len(segments)} segments for {len(chance)} rows", hint="one a row")
    fraud, flag = pl.col("y") == 1, pl.col("flag")
    labels = labels_of(y, len(chance))
    rows = pl.DataFrame({"segment": segments, "y": labels, "flag": chance >= threshold})
    table = (
        rows.group_by("segment")
        .agg(
            count=pl.len().cast(pl.Int64), frauds=fraud.sum().cast(pl.Int64),
            flagged=flag.sum().cast(pl.Int64), caught=(fraud & flag).sum().cast(pl.Int64),
        )
        .sort("segment", nulls_last=True)
    )  # fmt: skip
    count, frauds, flagged, caught = (
        table[name].to_numpy() for name in ("count", "frauds", "flagged", "caught")
    )
    return table.select(
        "segment",
        "count",
        base_rate=pl.col("frauds") / pl.col("count"),
        flagged=pl.col("flagged"),
        **_share("false_positive_rate", flagged - caught, count - frauds),
        **_share("recall", caught, frauds),
        **_share("precision", caught, flagged),
        note=pl.when(pl.col("count") < FEWEST_ROWS).then(pl.lit("too small to judge")),
    )


def _share(name: str, hits: NDArray[Any], counts: NDArray[Any]) -> dict[str, pl.Series]:
    low, high = wilson(hits, counts)
    share = np.divide(hits, counts, out=np.full(len(hits), np.nan), where=counts > 0)
    columns = {name: share, f"{name}_low": low, f"{name}_high": high}
    return {k: pl.Series(k, v).fill_nan(None) for k, v in columns.items()}


def _check_threshold(threshold: float) -> None:
    if np.isnan(threshold):
        raise UsageError("the threshold is NaN", hint="a probability")
