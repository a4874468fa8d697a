"""What every scoring is told of the model's state: how far members moved, how its last alerts did."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from graphml.fraud.drift import MOVED
from graphml.graph.nodes import microseconds
from graphml.pipeline.explaining import flagged_from
from graphml.pipeline.reading import known_until
from graphml.results import time_text
from graphml.tabular.registry import PLURAL
from graphml.tasks.known import first_seen, known_by, known_clearances, known_frauds
from graphml.training.bootstrap import wilson
from graphml.training.questions import everybody

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.fraud.evidence import Describer
    from graphml.tables.frames import Tables

_LOOKED_AT = 5000
"""Members whose columns are compared, drawn by chance: enough to see what an analyst should."""
_NAMED = 10

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerts:
    """What became of the members that a model flags as of an earlier moment.

    Attributes:
        as_of: The moment, one horizon of the model before the scoring.
        flagged: Members within capacity, of whom nothing was known then.
        confirmed: Those accused since.
        cleared: Those cleared since, and not accused.
        precision: Confirmed among those decided; ``None`` while nobody is.
        low, high: Its 95 % Wilson interval.
    """

    as_of: str
    flagged: int
    confirmed: int
    cleared: int
    precision: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """How a model stands as of a moment.

    Attributes:
        score: Stability index of the scores since the model was chosen (Siddiqi 2006).
        columns: The same of the most moved of what it is told, most moved first.
        alerts: ``None`` where the model knows what came after the earlier moment.
        missing: What it is told that said something when it was chosen, and says nothing now.
        scores: Bins of the scores: ``edges``, and the shares ``then`` and ``now``, the last of NaN.
    """

    score: float
    columns: dict[str, float]
    alerts: Alerts | None
    missing: tuple[str, ...] = ()
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)

    def told(self) -> str:
        """Return one line for whoever started the scoring."""
        moved = [f"{name} {index:.2f}" for name, index in self.columns.items() if index >= MOVED]
        line = f"drift: scores {self.score:.2f}"
        line += f"; moved: {', '.join(moved[:3])}" if moved else "; no column has moved"
        line += f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        if self.alerts and self.alerts.precision is not None:
            decided = self.alerts.confirmed + self.alerts.cleared
            line += f"; of {self.alerts.flagged} flagged on {self.alerts.as_of[:10]}, {decided} decided since, {self.alerts.confirmed} fraud"
        return line + ("; train again" if self.score >= MOVED else "")


def drift_of(
    describer: Describer,
    detector: FraudDetector,
    values: np.ndarray,
    tables: Tables,
    *,
    as_of: datetime,
    capacity: float,
) -> Drift:
    """Return how a detector stands as of a moment.

    Args:
        describer: Of a graph of what is known by then.
        detector: Whose scores they are.
        values: Its scores of all members as of the moment, [members].
        tables: The events and labels of the graph.
        as_of: The last moment known, with a time zone.
        capacity: Share of the members that counts as flagged.
    """
    moment = microseconds(as_of)
    seeds = everybody(describer.graph, "member", moment, seed=detector.seed)
    count = len(seeds.nodes)
    drawn = np.random.default_rng(detector.seed).permutation(count)[:_LOOKED_AT]
    told = describer.members(seeds.nodes[drawn], seeds.as_of[drawn])
    index = detector.reference.drift(values, told.features)
    score = index.pop("score")
    columns = dict(list(index.items())[:_NAMED])
    alerts = _alerts(describer, detector, tables, as_of=as_of, capacity=capacity)
    missing = tuple(detector.reference.missing(told.features))
    if missing:
        logger.warning(missing_text(missing, detector.name))
    shape = detector.reference.scores
    spread = {"edges": shape.edges, "then": shape.shares, "now": shape.shares_of(values)}
    return Drift(score=score, columns=columns, alerts=alerts, missing=missing, scores=spread)


def missing_text(missing: Sequence[str], model: str) -> str:
    """Return a line about what a store lacks: types of identifiers first, then columns.

    >>> missing_text(["cards", "card_members", "spent"], "fraud-blend-0")
    'the store has no card and 3 columns are empty that fraud-blend-0 was trained with (cards, card_members, spent): its scores are not to be trusted here'
    """
    types = [name for name, many in PLURAL.items() if many in missing]
    lacks = f"the store has no {', no '.join(types)} and " if types else "in the store "
    columns = f"{len(missing)} columns are" if len(missing) > 1 else "1 column is"
    shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    return f"{lacks}{columns} empty that {model} was trained with ({shown}): its scores are not to be trusted here"


def _alerts(
    describer: Describer,
    detector: FraudDetector,
    tables: Tables,
    *,
    as_of: datetime,
    capacity: float,
) -> Alerts | None:
    then = as_of - detector.horizon
    first: datetime = tables.events["time"].min()  # type: ignore[assignment]
    if max(known_until(detector), first) > then or then >= as_of:
        return None
    logger.info("what became of those flagged on %s", then.date())
    past = known_by(tables, as_of)
    members = first_seen(past)
    frauds, clear = known_frauds(past, members), known_clearances(past, members)
    caught = frauds.filter(pl.col("known_at") <= then)["member_id"]
    scores = detector.score(describer.graph, as_of=then, describer=describer)
    threshold = flagged_from(scores, capacity)
    flagged = {
        name for name, value in zip(scores.ids, scores.values, strict=True) if value >= threshold
    } - set(caught)
    confirmed = flagged & set(frauds["member_id"])
    since = clear.filter(pl.col("known_at") > then)["member_id"]
    cleared = (flagged & set(since)) - confirmed
    decided = len(confirmed) + len(cleared)
    low, high = wilson(np.array([len(confirmed)]), np.array([decided]))
    return Alerts(
        as_of=time_text(then), flagged=len(flagged), confirmed=len(confirmed), cleared=len(cleared),
        precision=len(confirmed) / decided if decided else None,
        low=float(low[0]) if decided else None, high=float(high[0]) if decided else None,
    )  # fmt: skip
