"""Rings against the truth, beside the baselines: one row of metrics a method."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from graphml.config import RingConfig
from graphml.graph.build import Graph
from graphml.results import Ring
from graphml.rings import metrics
from graphml.rings.baselines import BASELINES
from graphml.rings.extract import extract_rings
from graphml.rings.truth import read_truth, true_rings
from graphml.tables.frames import require_utc

__all__ = ["OURS", "RingReport", "detection_days", "evaluate_rings", "read_truth"]

OURS = "graphml"
TOP = 50
"""Rings a team looks at."""

_log = logging.getLogger("graphml.rings")


@dataclass(frozen=True, kw_only=True, slots=True)
class RingReport:
    """Ring metrics of several methods as of a moment.

    Attributes:
        as_of: The moment.
        true_rings: Rings of two members or more by then.
        methods: One mapping a method, ours first: method, seconds (``None`` where not measured),
            rings and members returned, the metrics of ``graphml.rings.metrics``, and
            benign_per_1000 of everybody and of each kind of harmless sharing.
        precision: By method the precision of its first ring, of its first two, and so on up to 50.
    """

    as_of: datetime
    true_rings: int
    methods: tuple[dict[str, Any], ...]
    precision: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, object]]:
        """Return the table, one row a method."""
        return [dict(row) for row in self.methods]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judge:
    """What every method is measured against."""

    truth: list[frozenset[str]]
    everybody: frozenset[str]
    kinds: dict[str, frozenset[str]]

    def row(
        self,
        method: str,
        rings: Iterable[Iterable[str]],
        flagged: frozenset[str],
        seconds: float | None,
    ) -> dict[str, Any]:
        found = metrics.disjoint(rings)
        row = {
            "method": method,
            "seconds": None if seconds is None else round(seconds, 2),
            "rings": len(found),
            "members": sum(len(ring) for ring in found),
            "pair_precision": metrics.pair_precision(found, self.truth),
            "pair_recall": metrics.pair_recall(found, self.truth),
            "pair_f1": metrics.pair_f1(found, self.truth),
            "bcubed_precision": metrics.bcubed_precision(found, self.truth),
            "bcubed_recall": metrics.bcubed_recall(found, self.truth),
            "bcubed_f1": metrics.bcubed_f1(found, self.truth),
            "recovered_j50": metrics.recovered(found, self.truth),
            "over_merge": metrics.over_merge(found, self.truth),
            "precision_top50": metrics.precision_at(found, self.truth, k=TOP),
            "benign_per_1000": metrics.benign_per_thousand(flagged, self.truth, self.everybody),
        }
        for kind, members in self.kinds.items():
            benign = metrics.benign_per_thousand(flagged, self.truth, members)
            row[f"benign_per_1000_{kind}"] = benign
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}

    def precision(self, rings: Iterable[Iterable[str]]) -> tuple[float, ...]:
        found = metrics.disjoint(rings)
        most = min(TOP, len(found))
        return tuple(metrics.precision_at(found, self.truth, k=k) for k in range(1, most + 1))


def evaluate_rings(
    rings: Sequence[Ring],
    truth_rings: pl.DataFrame,
    truth_groups: pl.DataFrame,
    *,
    graph: Graph,
    as_of: datetime,
    seconds: float | None = None,
    baselines: Sequence[str] = tuple(BASELINES),
) -> RingReport:
    """Return how good ``rings`` are, and the baselines on the same graph.

    Only members who exist by ``as_of``, and rings' members who had acted by then, are counted.
    Rings that share a member are made disjoint: the better one keeps it.
    A baseline knows no victims: it flags every member it returns.

    Args:
        rings: Best first.
        truth_rings: ring_id, member_id, kind, role, first_event (null: always there).
        truth_groups: group_id, member_id, kind of harmless sharing.
        graph: What the rings were found in.
        as_of: The moment of the rings.
        seconds: What finding them took, for the table.
        baselines: Names in ``BASELINES``; empty for none.

    Raises:
        ValueError: ``as_of`` is naive.
    """
    as_of = require_utc("as_of", as_of)
    members = graph.until(as_of).nodes["member"]
    everybody = frozenset(members.keys.filter(pl.Series(members.present)))
    kinds = truth_groups.sort("kind").group_by("kind", maintain_order=True)
    judge = _Judge(
        truth=[frozenset(ring) for ring in true_rings(truth_rings, as_of)],
        everybody=everybody,
        kinds={str(kind): everybody.intersection(rows["member_id"]) for (kind,), rows in kinds},
    )
    flagged = frozenset(member for ring in rings for member in ring.flagged_ids)
    groups = [ring.member_ids for ring in rings]
    methods = [judge.row(OURS, groups, flagged, seconds)]
    precision = {OURS: judge.precision(groups)}
    for name in baselines:
        row, precision[name] = _baseline(name, graph, as_of, judge)
        methods.append(row)
    return RingReport(
        as_of=as_of, true_rings=len(judge.truth), methods=tuple(methods), precision=precision
    )


def detection_days(
    graph: Graph,
    truth_rings: pl.DataFrame,
    config: RingConfig,
    *,
    moments: Sequence[datetime],
) -> list[float | None]:
    """Return days from each ring's first event to the first of ``moments`` that finds it.

    Each detection knows what was there by its moment and the rings of the one before. ``None``: a
    ring of the last moment that none found. Rings without first_event are left out.

    Args:
        graph: Events up to the last moment, at least.
        truth_rings: ring_id, member_id, first_event.
        config: Of the detection.
        moments: One or more, ascending, with a time zone.
    """
    timed = truth_rings.drop_nulls("first_event")
    truth = [
        {member: first for member, first in ring.items() if first is not None}
        for ring in true_rings(timed, require_utc("moments", moments[-1]))
    ]
    detections: list[tuple[datetime, list[frozenset[str]]]] = []
    previous: list[Ring] = []
    for moment in moments:
        previous = extract_rings(graph, None, config, as_of=moment, previous=previous)
        detections.append((moment, metrics.disjoint(ring.member_ids for ring in previous)))
        _log.info("%d rings as of %s", len(previous), moment.isoformat())
    return metrics.days_to_detection(detections, truth)


def _baseline(
    name: str, graph: Graph, as_of: datetime, judge: _Judge
) -> tuple[dict[str, Any], tuple[float, ...]]:
    _log.info("finding rings by %s", name)
    start = time.perf_counter()
    groups = BASELINES[name](graph, as_of=as_of)
    seconds = time.perf_counter() - start
    keys = graph.nodes["member"].keys
    rings = [keys.gather(group).to_list() for group in groups]
    flagged = frozenset(member for ring in rings for member in ring)
    return judge.row(name, rings, flagged, seconds), judge.precision(rings)
