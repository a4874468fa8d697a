"""Rings of a store: found, compared with the last run, published, looked up."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from graphml.config import RingConfig
from graphml.errors import UsageError
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.results import Decision, Ring, RunInfo, Scores, Verdict
from graphml.store.provenance import Manifest, Stopwatch, fingerprint

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """What a detection found.

    Attributes:
        rings: What was asked for, best first, less what analysts dismissed.
        dismissed: The rings left out for that reason.
        verdicts: What analysts said of these rings as they are now, by ring id.
        publishable: What a run holds: as ``rings``, whatever was asked for beside the settings.
        near: Scores of candidates of three members or more that are not far below ``threshold``.
        since: The run that every ring's status speaks of; ``None`` for the first.
        manifest: Of the run.
        graph: That they were found in.
    """

    rings: list[Ring]
    dismissed: list[Ring]
    verdicts: Mapping[str, Verdict]
    publishable: list[Ring]
    threshold: float
    near: tuple[float, ...]
    since: RunInfo | None
    manifest: Manifest
    graph: Graph


def detect(
    store: GraphStore,
    config: RingConfig,
    *,
    as_of: datetime,
    show: RingConfig | None = None,
    decided_by: datetime | None = None,
    detector: FraudDetector | None = None,
    write: bool = False,
) -> Detection:
    """Find the rings of a store as of a moment; ``write`` publishes them as a run.

    Args:
        store: Where the events are.
        config: What counts as a ring: what a run holds.
        as_of: The last moment known.
        show: Which rings are returned, where that differs from ``config`` in kinds, sizes or
            scores. It changes nothing about what is published.
        decided_by: Analysts' decisions up to then hide what they dismissed; ``as_of`` if omitted.
            A decision chooses what is shown and enters no score.
        detector: Whose scores of members raise weak groups and put parts of rings together.
        write: Publish the rings in the store.

    Raises:
        NothingToDoError: No event has happened by ``as_of``.
        UsageError: The detector knows what came later.
    """
    from graphml.rings.extract import find_candidates
    from graphml.rings.lifecycle import apply_decisions, verdicts_on

    watch = Stopwatch()
    tables, graph = stored_graph(store, as_of)
    scores = _risk(_usable(detector, as_of), graph, as_of)
    candidates = find_candidates(graph, scores, config, as_of=as_of)
    decisions = store.decisions(decided_by or as_of)
    since, previous = _previous(store, as_of, decisions)
    found = believed = candidates.rings(config, previous)
    if show not in (None, config):
        found = candidates.rings(show or config, previous)
    rings, publishable = apply_decisions(found, decisions), apply_decisions(believed, decisions)
    logger.info("%d rings", len(rings))
    manifest = Manifest.of(
        "detect-rings",
        settings=config if write else show or config,
        data=fingerprint(tables),
        as_of=as_of,
        seed=config.seed,
        model=scores.model if scores else None,
        counts=_ring_counts(publishable if write else rings),
        notes={"threshold": candidates.threshold, "store": store.url},
        watch=watch,
    )
    if write:
        run = store.publish("rings", [publishable], model=manifest.model, as_of=as_of)
        manifest = manifest.named(run.run_id)
    verdicts = verdicts_on(found, decisions)
    return Detection(
        rings=rings,
        dismissed=[ring for ring in found if verdicts.get(ring.ring_id) == "dismiss"],
        verdicts=verdicts,
        publishable=publishable,
        threshold=candidates.threshold,
        near=candidates.near,
        since=since,
        manifest=manifest,
        graph=graph,
    )


def _usable(detector: FraudDetector | None, as_of: datetime) -> FraudDetector | None:
    """Return a detector that knows more than rings do, ``None`` without one.

    Raises:
        UsageError: It knows what came after ``as_of``.
    """
    if detector is None or not detector.knows_more:
        return None
    check_moment(detector, as_of)
    return detector


def _risk(used: FraudDetector | None, graph: Graph, as_of: datetime) -> Scores | None:
    """Return the members' scores; ``None`` without a detector."""
    if used is None:
        return None
    logger.info("members' risk by %s", used.name)
    return used.score(graph, as_of=as_of)


def _runs_by(store: GraphStore, as_of: datetime) -> list[RunInfo]:
    """Return the runs of rings by ``as_of``, the last first, whatever later moments brought."""
    known = [
        run for run in store.runs() if run.kind == "rings" and run.readable and run.as_of <= as_of
    ]
    return sorted(known, key=lambda run: (run.as_of, run.started), reverse=True)


def _previous(
    store: GraphStore, as_of: datetime, decisions: Sequence[Decision]
) -> tuple[RunInfo | None, list[Ring]]:
    """Return the last run by ``as_of``, and the rings whose ids pass on.

    Those are its rings, and dismissed ones, which no run holds after the decision: as they were in
    the last run before it.
    """
    runs = _runs_by(store, as_of)
    if not runs:
        return None, []
    rings = {ring.ring_id: ring for ring in store.read_rings(runs[0].run_id)}
    wanted: dict[str, set[str]] = {}
    for decision in decisions:
        before = next((run for run in runs if run.started <= decision.time), None)
        if before and decision.verdict == "dismiss" and decision.id not in rings:
            wanted.setdefault(before.run_id, set()).add(decision.id)
    for run_id, ids in wanted.items():
        found = (ring for ring in store.read_rings(run_id) if ring.ring_id in ids)
        rings.update({ring.ring_id: ring for ring in found})
    return runs[0], list(rings.values())


def _ring_counts(rings: Sequence[Ring]) -> Mapping[str, int]:
    return {
        "rings": len(rings),
        "members": sum(len(ring.members) for ring in rings),
        "flagged": sum(len(ring.flagged_ids) for ring in rings),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRing:
    """A ring that was asked for by its id.

    Attributes:
        stored: The run that it was read from; ``None`` where it was found as of the moment.
    """

    ring: Ring
    stored: RunInfo | None = None


def find_ring(
    store: GraphStore,
    ring_id: str,
    config: RingConfig,
    *,
    as_of: datetime,
    decided_by: datetime | None = None,
    detector: FraudDetector | None = None,
) -> FoundRing:
    """Return a ring by its id, dismissed or not, believed in or not, as it is at a moment.

    It is found anew, as ``detect`` finds it, since events after a run change a ring. One that is
    not found any more, or that the last run found with another model, is told as that run did:
    nobody decides about members whom another model put there.

    Raises:
        NothingToDoError: No event has happened by ``as_of``.
        UsageError: There is no such ring by then, not among the candidates either; or the
            detector, as in ``detect``, knows what came later.
    """
    from graphml.rings.extract import find_candidates

    _, graph = stored_graph(store, as_of)
    used = _usable(detector, as_of)
    held = _held(store, ring_id, as_of)
    if held and held.stored and held.stored.model != (used.name if used else None):
        return held
    candidates = find_candidates(graph, _risk(used, graph, as_of), config, as_of=as_of)
    _, previous = _previous(store, as_of, store.decisions(decided_by or as_of))
    for asked in (config, replace(config, min_members=2, min_score=0.0, kinds=())):
        for ring in candidates.rings(asked, previous):
            if ring.ring_id == ring_id:
                return FoundRing(ring=ring)
    if held:
        return held
    raise UsageError(
        f"no ring {ring_id!r} as of {as_of.isoformat()}",
        hint="graphml detect-rings with the same --as-of lists them",
    )


def _held(store: GraphStore, ring_id: str, as_of: datetime) -> FoundRing | None:
    """Return a ring from the last run by ``as_of`` that held it."""
    for run in _runs_by(store, as_of):
        for ring in store.read_rings(run.run_id):
            if ring.ring_id == ring_id:
                return FoundRing(ring=ring, stored=run)
    return None
