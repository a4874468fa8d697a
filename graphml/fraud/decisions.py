"""What to do about each member or order: ship it, hold it for a review, or refuse it.

Cost-sensitive decisions (Elkan 2001): of the three, what is expected to cost least. With p the
calibrated probability of fraud, and the exposure x that a fraud would take::

    loss   = (1 - recovered) x                  of a fraud that goes through
    wrong  = block_good + margin x              of a good one that is turned away
    ship   = p loss
    hold   = review + p missed loss + (1 - p) wronged wrong
    refuse = (1 - p) wrong

Between two of them the sign of one number decides, as in ``ship > hold``; where two cost the
same, the gentler is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from graphml.config import Costs
from graphml.errors import ConfigError, NothingToDoError, UsageError

__all__ = [
    "DECISIONS", "Capacity", "Costs", "Decision", "decide", "equals_not_held", "expected_cost",
    "threshold_for_capacity", "threshold_for_costs", "with_decision",
]  # fmt: skip

Decision = Literal["ship", "hold", "refuse"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AGAIN = "score again: a model that gives NaN was trained on damaged values"


def expected_cost(costs: Costs, p: Floats, exposure: Floats) -> Floats:
    """Return what each decision is expected to cost, float64 [decisions, rows].

    With labels for probabilities it is what each decision did cost.

    >>> costs = Costs(review=5, block_good=20, missed=0.1)
    >>> expected_cost(costs, np.array([0.5]), np.array([100.0]))[:, 0].tolist()
    [50.0, 10.0, 10.0]
    """
    loss = (1 - costs.recovered) * exposure
    wrong = costs.block_good + costs.margin * exposure
    return np.stack(
        [
            p * loss,
            costs.review + p * costs.missed * loss + (1 - p) * costs.wronged * wrong,
            (1 - p) * wrong,
        ]
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """How many can be reviewed: a number, or a share of all."""

    count: int | None = None
    """At least 1."""
    share: float | None = None
    """Above 0, at most 1; rounded down."""

    def __post_init__(self) -> None:
        if (self.count is None) == (self.share is None):
            raise ConfigError("a capacity is a count or a share", hint="name one of the two")
        if self.count is not None and self.count < 1:
            raise ConfigError(f"a capacity of {self.count} holds nobody", hint="at least 1 review")
        if self.share is not None and not 0 < self.share <= 1:
            raise ConfigError(f"capacity.share is {self.share}", hint="above 0 and at most 1")

    def of(self, rows: int) -> int:
        """Return how many of ``rows`` can be reviewed.

        Raises:
            UsageError: More than there are, or the share of them is less than one.

        >>> Capacity(share=0.29).of(100)
        29
        """
        if self.count is not None:
            if self.count > rows:
                raise UsageError(
                    f"a capacity of {self.count} is more than the {rows} there are to decide about",
                    hint=f"at most {rows}, or no capacity",
                )
            return self.count
        assert self.share is not None
        # As a product 0.29 of 100 would be 28.999999999999996.
        count = int(self.share * rows + 1e-9)
        if not count:
            raise UsageError(
                f"{self.share:g} of {rows} is less than one review",
                hint=f"a share of at least {1 / rows:.2g}" if rows else "a count",
            )
        return count


def decide(
    p: ArrayLike, exposure: ArrayLike, *, costs: Costs, capacity: Capacity | None = None
) -> NDArray[np.str_]:
    """Return the decision that is expected to cost least: ``ship``, ``hold`` or ``refuse`` [rows].

    With a capacity those are held for whom a review saves most against the better of the other
    two; of equal savings the first. All others get the better of the other two.

    Args:
        p: Calibrated probabilities of fraud, [rows].
        exposure: What a fraud would take, at least 0, [rows].
        costs: Of each decision.
        capacity: How many can be held; ``None`` for all.

    Raises:
        NothingToDoError: There are no rows.
        UsageError: A probability or an exposure is NaN or out of range, or there are fewer rows
            than the capacity.

    >>> costs = Costs(review=5, block_good=20, missed=0.1)
    >>> decide([0.01, 0.2, 0.99], [100, 100, 100], costs=costs).tolist()
    ['ship', 'hold', 'refuse']
    """
    chance, risk = checked(p, exposure)
    cost = expected_cost(costs, chance, risk)
    chosen = cost.argmin(axis=0)
    if capacity is not None:
        saving = np.minimum(cost[0], cost[2]) - cost[1]
        held = np.flatnonzero(chosen == 1)
        first = held[np.argsort(-saving[held], kind="stable")]
        beyond = first[capacity.of(len(chance)) :]
        chosen[beyond] = np.where(cost[0, beyond] <= cost[2, beyond], 0, 2)
    found: NDArray[np.str_] = np.array(DECISIONS)[chosen]
    return found


def with_decision(
    rows: pl.DataFrame, *, costs: Costs | None, capacity: Capacity | None
) -> pl.DataFrame:
    """Return scored rows with the further column ``decision``, where there is anything to decide by.

    With costs it is what ``decide`` says. Without them, or where scores are ranks and no
    probabilities, the riskiest are held as far as the capacity goes and all others shipped. With
    neither there is no such column.

    Args:
        rows: With score, score_kind and exposure, riskiest first.
        costs: Of each decision.
        capacity: How many can be held.

    Raises:
        UsageError: Scores are ranks and there are costs alone, or fewer rows than the capacity.
        NothingToDoError: There are no rows.
    """
    if costs is not None and (rows["score_kind"] == "probability").all():
        found = decide(rows["score"], rows["exposure"], costs=costs, capacity=capacity).tolist()
    elif capacity is not None:
        held = capacity.of(rows.height)
        found = ["hold"] * held + ["ship"] * (rows.height - held)
    elif costs is not None:
        raise UsageError(
            "[costs] needs probabilities, and these scores are ranks",
            hint="train with labels or chargebacks, or --capacity N holds the N riskiest",
        )
    else:
        return rows
    return rows.with_columns(decision=pl.Series(found, dtype=pl.String))


def equals_not_held(rows: pl.DataFrame, *, costs: Costs | None) -> int:
    """Return how many are not held although they are like somebody who is: reviews ran out.

    Args:
        rows: As ``with_decision`` returned them with a capacity; without decisions there are none.
        costs: Those that decided: with them, alike are equal scores and exposures, else equal scores.
    """
    if "decision" not in rows.columns:
        return 0
    by_cost = costs is not None and (rows["score_kind"] == "probability").all()
    alike = ["score", "exposure"] if by_cost else ["score"]
    held = pl.col("decision") == "hold"
    return rows.filter(~held).join(rows.filter(held), on=alike, how="semi").height


def threshold_for_capacity(
    p: ArrayLike, *, count: int | None = None, share: float | None = None
) -> float:
    """Return the lowest threshold that flags no more than the capacity: ``p >= threshold``.

    Equal probabilities are flagged together or not at all; where more than the capacity share the
    highest one, the threshold is above it and flags nobody.

    Args:
        p: Probabilities, [rows].
        count: Most that can be flagged, from 1 to the number of rows. Or:
        share: Of the rows, in (0, 1], rounded down.

    Raises:
        ConfigError: Not one of the two is given, or it is out of range.
        NothingToDoError: There are no rows.
        UsageError: A probability is NaN or out of range, or there are fewer rows than ``count``.

    >>> threshold_for_capacity([0.1, 0.9, 0.4, 0.4], count=2)
    0.9
    """
    chance, _ = checked(p, np.zeros(np.shape(p)))
    most = Capacity(count=count, share=share).of(len(chance))
    values, counts = np.unique(chance, return_counts=True)
    fits = np.cumsum(counts[::-1])[::-1] <= most
    return float(values[fits][0]) if fits.any() else float(np.nextafter(values[-1], np.inf))


def threshold_for_costs(
    y: ArrayLike,
    p: ArrayLike,
    exposure: ArrayLike,
    *,
    costs: Costs,
    flagged: Literal["hold", "refuse"] = "hold",
) -> float:
    """Return the threshold that would have cost least on labelled rows: ``p >= threshold``.

    Rows below it are shipped. Of thresholds that cost the same the highest is returned, which
    flags fewest; it is above all probabilities where nothing is worth flagging. One threshold
    knows no amounts: ``decide`` does, and costs no more if the probabilities are right.

    Args:
        y: 1 for fraud, [rows].
        p: Probabilities of the same rows.
        exposure: What a fraud would take, at least 0.
        costs: Of each decision.
        flagged: What happens to the flagged.

    Raises:
        NothingToDoError: There are no rows.
        UsageError: A label, a probability or an exposure is NaN or out of range.

    >>> threshold_for_costs([0, 1, 0], [0.1, 0.6, 0.7], [50, 50, 50],
    ...     costs=Costs(review=5, block_good=20))
    0.6
    """
    chance, risk = checked(p, exposure)
    cost = expected_cost(costs, labels_of(y, len(chance)).astype(np.float64), risk)
    order = np.argsort(-chance, kind="stable")
    extra = np.cumsum((cost[DECISIONS.index(flagged)] - cost[0])[order])
    ends = np.flatnonzero(np.diff(chance[order], append=-1.0))
    total = np.concatenate([[0.0], extra[ends]])
    best = int(total.argmin())
    if best:
        return float(chance[order][ends[best - 1]])
    return float(np.nextafter(chance.max(), np.inf))


def checked(p: ArrayLike, exposure: ArrayLike) -> tuple[Floats, Floats]:
    """Return probabilities and exposures as float64 [rows].

    Raises:
        NothingToDoError: There are no rows.
        UsageError: One is NaN or out of range, or they are not of one length.
    """
    chance = np.asarray(p, dtype=np.float64)
    risk = np.asarray(exposure, dtype=np.float64)
    if chance.ndim != 1 or chance.shape != risk.shape:
        raise UsageError(
            f"{chance.size} probabilities and {risk.size} exposures", hint="one of each a row"
        )
    if not len(chance):
        raise NothingToDoError("there is nobody to decide about", hint="score some first")
    wrong = int((~((chance >= 0) & (chance <= 1))).sum())
    if wrong:
        raise UsageError(
            f"{wrong} of {len(chance)} probabilities are NaN or outside 0 to 1", hint=_AGAIN
        )
    wrong = int((~((risk >= 0) & np.isfinite(risk))).sum())
    if wrong:
        raise UsageError(
            f"{wrong} of {len(risk)} exposures are NaN, infinite or below 0",
            hint="an amount for each row, 0 where nothing is at risk",
        )
    return chance, risk


def labels_of(y: ArrayLike, rows: int) -> Ints:
    """Return labels as int64 [rows].

    Raises:
        UsageError: They are not as many, or one is neither 0 nor 1.
    """
    found = np.asarray(y)
    if found.shape != (rows,) or not np.isin(found, (0, 1)).all():
        raise UsageError(f"labels are 0 or 1, one for each of {rows} rows", hint="correct them")
    return found.astype(np.int64)
