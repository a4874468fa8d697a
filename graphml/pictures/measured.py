"""What pictures show of a model, of the arrays and by the functions that its report is made of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from graphml.pictures.values import Bin, Capacity, Curve, Learning, Reliability
from graphml.tabular.reliability import expected_calibration_error, reliability_table
from graphml.training.metrics import brier, recall_at_share
from graphml.training.model import GraphModel

BINS = 15
"""Those of the expected calibration error, so that it is the mean distance that one sees."""
_WIDEST = 0.1
"""Share of the rows up to which capacity is drawn."""
_POINTS = 60

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def reliability_of(p: Floats, y: Ints, owners: Ints, *, model: str, split: str) -> Reliability:
    """Return what was said beside what came.

    Args:
        p: Chance that a row is accused, [rows].
        y: 1 where it is, [rows].
        owners: Whose each row is, [rows].
        model: Its name.
        split: Which rows these are, in words.

    Raises:
        ValueError: A probability is NaN or outside [0, 1], or a label is not 0 or 1.
    """
    bins = tuple(Bin(**row) for row in reliability_table(p, y, bins=BINS).iter_rows(named=True))
    return Reliability(
        model=model, split=split, asked=len(y), members=len(np.unique(owners)),
        brier=brier(y, p) if len(y) else float("nan"),
        ece=expected_calibration_error(p, y, bins=BINS), bins=bins,
    )  # fmt: skip


def capacity_of(
    scores: Mapping[str, Floats],
    y: Ints,
    owners: Ints,
    *,
    first: str,
    share: float,
    model: str,
    split: str,
) -> Capacity:
    """Return precision and recall of the k riskiest of each method, k up to a tenth of the rows.

    Recall at ``share`` is the report's; precision is of the same rows. Equal scores count by what an
    order of chance would give.

    Args:
        scores: By method, higher is riskier, [rows].
        y: 1 for accused, [rows].
        owners: Whose each row is, [rows].
        first: The model's own method.
        share: Of the rows that can be looked at, above 0 and at most 1.
        model: Its name.
        split: Which rows these are, in words.
    """
    rows, accused = len(y), int(y.sum())
    # As in ``recall_at_share``: one can always be looked at, and 29 of 100 are not 28.999….
    chosen = min(rows, max(1, int(share * rows + 1e-9)))
    counts = _counts(rows, chosen) if accused else ()
    order = [first, *(name for name in scores if name != first)]
    curves = [_curve(name, scores[name], y, counts) for name in order] if accused else []
    return Capacity(
        model=model, split=split, asked=rows, members=len(np.unique(owners)), accused=accused,
        share=share, chosen=chosen, counts=counts, curves=tuple(curves),
    )  # fmt: skip


def _counts(rows: int, chosen: int) -> tuple[int, ...]:
    most = max(chosen, int(_WIDEST * rows), 1)
    drawn = np.unique(np.linspace(1, most, min(most, _POINTS)).round().astype(int))
    return tuple(sorted({*drawn.tolist(), chosen}))


def _curve(method: str, scores: Floats, y: Ints, counts: tuple[int, ...]) -> Curve:
    recall = [recall_at_share(y, scores, share=k / len(y)) for k in counts]
    accused = int(y.sum())
    precision = tuple(found * accused / k for found, k in zip(recall, counts, strict=True))
    return Curve(method=method, precision=precision, recall=tuple(recall))


def learning_of(
    network: GraphModel, *, train: int | None, valid: int | None, used: bool = True
) -> Learning:
    """Return how a network's training went.

    Args:
        network: As trained, or as loaded.
        train: Labels that it learned from.
        valid: Labels that it was chosen by.
        used: Whether the model that was kept asks it.
    """
    return Learning(
        model=f"{network.config.encoder} ({network.task})",
        metric=network.metric,
        losses=tuple(one["loss"] for one in network.history),
        validations=tuple(one["validation"] for one in network.history),
        train=train,
        valid=valid,
        used=used,
    )
