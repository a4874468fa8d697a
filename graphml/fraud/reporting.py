"""How a detector does: beside the bars, and at one threshold to frauds, money and segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from graphml.config import ACCOUNT_AGE, Costs, FraudConfig
from graphml.errors import UsageError, one_line
from graphml.fraud.decisions import threshold_for_capacity, threshold_for_costs
from graphml.fraud.evidence import Describer
from graphml.fraud.exposure import exposures
from graphml.fraud.fitting import Fitted, Part
from graphml.fraud.operating import OperatingPoint, segment_table, with_intervals
from graphml.graph.build import Graph
from graphml.tables.frames import TIME
from graphml.tasks.labels import MICROSECOND
from graphml.training.bootstrap import interval, paired_interval
from graphml.training.metrics import auroc, average_precision, recall_at_share
from graphml.training.questions import Seeds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ChosenBy = Literal["capacity", "costs"]
NEW = timedelta(days=30)
"""How long after its first event an account is new."""

_NO_SEGMENTS = ("member_id", "signup_time", "valid_from", "sequence")
_FIGURES = ("flagged", "accuracy", "precision", "recall", "f1", "value_recall", "saved")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Operation:
    """What a detector does on its test part at a threshold that validation chose.

    Attributes:
        point: On all rows, with intervals; ``saved`` is NaN without costs.
        chosen_by: What the threshold comes from.
        segments: ``column``, then as ``segment_table``; segments are text, null where not known.
    """

    point: OperatingPoint
    chosen_by: ChosenBy
    segments: pl.DataFrame

    def figures(self) -> dict[str, Any]:
        """Return the point as plain JSON, bounds as ``…_low`` and ``…_high``; null for NaN."""
        found: dict[str, Any] = {"threshold": self.point.threshold, "chosen_by": self.chosen_by}
        found["rows"] = self.point.rows
        for name in _FIGURES:
            low, high = self.point.intervals[name]
            values = {name: getattr(self.point, name), f"{name}_low": low, f"{name}_high": high}
            found |= {key: None if np.isnan(value) else value for key, value in values.items()}
        return found


def report_rows(fitted: Fitted, *, capacity: float, seed: int) -> list[dict[str, Any]]:
    """Return a row for every method: how it did on the test part, with 95 % intervals.

    ``recall`` is the share of the accused among the ``capacity`` riskiest, ``gain`` what the chosen
    method has above the row's. Average precision counts the never accused as innocent.
    """
    assert fitted.test is not None
    part, best = fitted.test, fitted.chosen

    def recall(rows: Ints, scores: Floats) -> float:
        return recall_at_share(part.y[rows], scores, share=capacity)

    result = []
    for name, scores in fitted.scores.items():
        low, high = paired_interval(
            recall, fitted.scores[best], scores, part.seeds.nodes, seed=seed
        )
        result.append(
            {
                "method": name,
                **measures(part, scores, capacity=capacity, seed=seed),
                "gain_low": low,
                "gain_high": high,
                "validation_recall": fitted.validation[name],
            }
        )
    return sorted(result, key=lambda row: (row["method"] != best, -row["recall"]))


def measures(part: Part, scores: Floats, *, capacity: float, seed: int) -> dict[str, float]:
    """Return recall within capacity with its interval by members, average precision and AUROC."""
    low, high = interval(
        lambda rows, _: recall_at_share(part.y[rows], scores[rows], share=capacity),
        part.seeds.nodes,
        seed=seed,
    )
    return {
        "recall": recall_at_share(part.y, scores, share=capacity),
        "recall_low": low,
        "recall_high": high,
        "average_precision": average_precision(part.y, scores),
        "auroc": auroc(part.y, scores),
        "base_rate": float(part.y.mean()),
    }


def require_segments(members: pl.DataFrame, wanted: Sequence[str]) -> None:
    """Refuse segments that the members table has no column for.

    Raises:
        UsageError: There is no such column, or it is an id or a time of the table's own.
    """
    known = sorted(name for name in members.columns if name not in _NO_SEGMENTS)
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"fraud.segments: the members table has no column {one_line(name, 60)!r} to tell members apart by",
                hint=f"it has {', '.join(one_line(one, 60) for one in known)}",
            )


def operate(
    events: pl.DataFrame, fitted: Fitted, *, config: FraudConfig, costs: Costs | None
) -> Operation:
    """Return what a detector does on its test part; the flagged are held, all others shipped.

    The threshold is chosen on the validation part alone: it is what would have cost least there,
    or, without costs or where nobody is accused there, flags no more than the capacity.

    Args:
        events: Of the tables that the detector was fitted on, for what is at risk.
        fitted: With a test part.
        config: Capacity, segments and seed.
        costs: Of each decision; ``None`` where they are not known.
    """
    assert fitted.test is not None
    threshold, chosen_by = _threshold(events, fitted, config, costs)
    test, describer = fitted.test, fitted.describer
    chance = fitted.detector.probability(fitted.scores[fitted.chosen])
    point = with_intervals(
        test.y, chance, exposures(events, test.labels.rows),
        threshold=threshold, costs=costs, groups=companies(describer, test.seeds), seed=config.seed,
    )  # fmt: skip
    tables = [
        segment_table(test.y, chance, threshold, values).select(pl.lit(name).alias("column"), pl.all())
        for name, values in segments_of(describer.graph, test.seeds, config.segments).items()
    ]  # fmt: skip
    return Operation(point=point, chosen_by=chosen_by, segments=pl.concat(tables))


def _threshold(
    events: pl.DataFrame, fitted: Fitted, config: FraudConfig, costs: Costs | None
) -> tuple[float, ChosenBy]:
    part = fitted.valid
    chance = fitted.detector.probability(fitted.risk)
    if costs is not None and part.y.any():
        at_risk = exposures(events, part.labels.rows)
        return threshold_for_costs(part.y, chance, at_risk, costs=costs), "costs"
    # As in ``recall_at_share`` one can always be looked at.
    share = max(config.capacity, 1 / len(chance))
    return threshold_for_capacity(chance, share=share), "capacity"


def companies(describer: Describer, seeds: Seeds) -> Ints:
    """Return whose each row is, int64 [seeds]: rows that stand or fall together have one number.

    A member's candidate ring at its moment; rings of several moments that share a member are one.
    A member in none is alone. Numbers rise with the first row of each, so that a graph with other
    members beside these gives the same ones.
    """
    end = len(describer.graph.nodes["member"])
    ties = [np.zeros((2, 0), np.int64)]
    for moment in np.unique(seeds.as_of).tolist():
        group = describer.company(moment).group.astype(np.int64)
        asked = np.unique(seeds.nodes[seeds.as_of == moment])
        inside = asked[group[asked] >= 0]
        ties.append(np.stack([inside, end + group[inside]]))
        end += int(group.max(initial=-1)) + 1
    member, ring = np.concatenate(ties, axis=1)
    tied = coo_matrix((np.ones(len(member), np.int8), (member, ring)), shape=(end, end))
    _, company = connected_components(tied, directed=False)
    _, first, found = np.unique(company[seeds.nodes], return_index=True, return_inverse=True)
    numbers: Ints = np.argsort(np.argsort(first))[found].astype(np.int64)
    return numbers


def segments_of(graph: Graph, seeds: Seeds, columns: Sequence[str]) -> dict[str, pl.Series]:
    """Return by column the segment of each member as known at its moment, text [seeds].

    ``account_age`` comes first: ``new`` where the member's first event is of the 30 days up to the
    moment, else ``old``.

    Args:
        graph: Of all that is known; rows of attributes that hold from later on are not looked at.
        seeds: Members at their moments.
        columns: Of the members table.
    """
    members = graph.nodes["member"]
    new = members.first[seeds.nodes] > seeds.as_of - NEW // MICROSECOND
    found = {ACCOUNT_AGE: pl.Series(np.where(new, "new", "old"), dtype=pl.String)}
    if not columns:
        return found
    asked = pl.DataFrame({"node": seeds.nodes, "as_of": seeds.as_of})
    parts = []
    for moment in np.unique(seeds.as_of).tolist():
        known = members.until(pl.Series([moment]).cast(TIME)[0], moment).features
        told = known.select(pl.col(name).cast(pl.String) for name in columns)
        parts.append(told.with_row_index("node").with_columns(as_of=pl.lit(moment, pl.Int64)))
    rows = asked.join(
        pl.concat(parts).with_columns(pl.col("node").cast(pl.Int64)),
        on=["node", "as_of"], how="left", maintain_order="left",
    )  # fmt: skip
    return {**found, **{name: rows[name] for name in columns}}
