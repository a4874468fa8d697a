"""The stages in order; only this file sees two of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from graphml.config import RingConfig
from graphml.errors import NothingToDoError, SourceError, UsageError
from graphml.results import Decision, Ring, Scores
from graphml.store.provenance import Manifest, Stopwatch

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import Counts, GraphStore
    from graphml.tables.frames import Tables
    from graphml.tables.quarantine import Quarantine

logger = logging.getLogger("graphml.pipeline")

_ENDED = ("published", "superseded")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What became of a source's rows: ``read`` = ``loaded`` + ``repeats`` + ``quarantined``.

    Attributes:
        derived: Events made from sign-up times, beyond the rows read.
        new: What the store did not hold before; the rest of ``loaded`` it knew already.
        quarantine: Where the refused rows lie; ``None`` when there are none.
    """

    read: int
    loaded: int
    repeats: int
    quarantined: int
    derived: int
    new: Counts
    notes: Sequence[str]
    reasons: Sequence[str]
    quarantine: Path | None


def load_source(
    path: Path,
    store: GraphStore | None,
    *,
    now: datetime,
    data: Path | None = None,
    strict: bool = False,
    allow_future: bool = False,
    quarantine: Path,
) -> LoadReport:
    """Read, validate and store a source; ``store=None`` stops before writing (a dry run).

    Raises:
        SourceError: The source cannot be read, no row is left, or ``strict`` and one is refused.
    """
    from graphml.tables.source import read_source
    from graphml.tables.validate import validate

    logger.info("reading %s", path)
    source = read_source(path, data=data)
    if source.timeless:
        raise SourceError(
            f'{path} says time = "none", and a store keeps events by their time',
            hint="name the column that holds the time",
        )
    tables, refused = validate(source, now=now, allow_future=allow_future)
    room = quarantine / now.strftime("%Y%m%dT%H%M%S.%fZ")
    if refused.rows.height and (strict or tables.events.height == 0):
        raise SourceError(
            f"nothing of {path} was loaded: {refused.rows.height} rows break a rule"
            f"{' and --strict refuses them' if strict else ''}; {'; '.join(_reasons(refused)[:2])}",
            hint=f"look at {refused.write(room)}",
        )
    if tables.events.height == 0:
        raise SourceError(f"{path} has no event", hint="is it the right folder?")
    return _store(tables, refused, store, room)


def _reasons(refused: Quarantine) -> list[str]:
    """Return a line for each rule that rows broke, the most frequent first."""
    return [
        f"{row['rows']} × {row['column'] or row['table']}: {row['rule']}"
        f" (first in {row['file']}" + (f" line {row['line']})" if row["line"] else ")")
        for row in refused.reasons().iter_rows(named=True)
    ]


def _store(
    tables: Tables, refused: Quarantine, store: GraphStore | None, quarantine: Path
) -> LoadReport:
    from graphml.store.base import Counts

    logger.info("%d events are valid", tables.events.height)
    counts = store.write_tables(tables) if store else Counts()
    refused = refused.with_conflicts(counts.conflicts)
    if refused.rows.height and store:
        folder: Path | None = refused.write(quarantine)
    else:
        folder = None
    return LoadReport(
        read=sum(refused.read.values()),
        loaded=sum(refused.loaded.values()),
        repeats=sum(refused.repeats.values()),
        quarantined=sum(refused.counts.values()),
        derived=sum(refused.derived.values()),
        new=counts,
        notes=refused.notes,
        reasons=_reasons(refused),
        quarantine=folder,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """What a detection found.

    Attributes:
        rings: Best first, less those that analysts dismissed.
        dismissed: The rings left out for that reason.
        manifest: Of the run.
        graph: That they were found in.
    """

    rings: list[Ring]
    dismissed: list[Ring]
    manifest: Manifest
    graph: Graph


def detect(
    store: GraphStore,
    config: RingConfig,
    *,
    as_of: datetime,
    decided_by: datetime | None = None,
    scores: Scores | None = None,
    write: bool = False,
) -> Detection:
    """Find the rings of a store as of a moment; ``write`` publishes them as a run.

    Args:
        store: Where the events are.
        config: What counts as a ring and what is returned.
        as_of: The last moment known.
        decided_by: Analysts' decisions up to then hide what they dismissed; ``as_of`` if omitted.
            A decision chooses what is shown and enters no score.
        scores: Members' risk, where a model gives it.
        write: Publish the rings in the store.

    Raises:
        NothingToDoError: No event has happened by ``as_of``.
    """
    from graphml.rings.extract import extract
    from graphml.rings.lifecycle import apply_decisions

    watch = Stopwatch()
    tables, graph = _graph(store, as_of)
    extraction = extract(graph, scores, config, as_of=as_of, previous=_previous(store, as_of))
    rings = apply_decisions(extraction.rings, store.decisions(decided_by or as_of))
    shown = {ring.ring_id for ring in rings}
    logger.info("%d rings", len(rings))
    manifest = Manifest.of(
        "detect-rings",
        settings=config,
        tables=tables,
        as_of=as_of,
        seed=config.seed,
        model=scores.model if scores else None,
        counts=_ring_counts(rings),
        notes={"threshold": extraction.threshold, "store": store.url},
        watch=watch,
    )
    if write:
        with store.run("rings", model=manifest.model, as_of=as_of) as run:
            run.write(rings)
            manifest = manifest.named(run.run_id)
    dismissed = [ring for ring in extraction.rings if ring.ring_id not in shown]
    return Detection(rings=rings, dismissed=dismissed, manifest=manifest, graph=graph)


def _graph(store: GraphStore, as_of: datetime) -> tuple[Tables, Graph]:
    from graphml.graph.build import build_graph

    logger.info("reading events up to %s from %s", as_of.isoformat(), store.url)
    tables = store.read_tables(as_of)
    if tables.events.height == 0:
        raise NothingToDoError(
            f"no events in {store.url} by {as_of.isoformat()}", hint="a later --as-of"
        )
    logger.info("building the graph of %d events", tables.events.height)
    return tables, build_graph(tables, store.schema)


def _previous(store: GraphStore, as_of: datetime) -> list[Ring]:
    """Return the rings of the last run by ``as_of``, whatever runs about later moments found."""
    known = [
        run
        for run in store.runs()
        if run.kind == "rings" and run.status in _ENDED and run.as_of <= as_of
    ]
    last = max(known, key=lambda run: (run.as_of, run.started), default=None)
    return store.read_rings(last.run_id) if last else []


def _ring_counts(rings: Sequence[Ring]) -> Mapping[str, int]:
    return {
        "rings": len(rings),
        "members": sum(len(ring.members) for ring in rings),
        "flagged": sum(len(ring.flagged_ids) for ring in rings),
    }


def find_ring(store: GraphStore, ring_id: str, *, as_of: datetime) -> Ring:
    """Return a ring by its id, dismissed or not: of the published run, else found anew.

    Raises:
        UsageError: No such ring as of that moment, not among the candidates either.
    """
    from graphml.rings.extract import extract_rings

    previous = _previous(store, as_of)
    found = {ring.ring_id: ring for ring in previous}
    if ring_id in found:
        return found[ring_id]
    _, graph = _graph(store, as_of)
    for config in (RingConfig(), RingConfig(min_members=2, min_score=0.0)):
        rings = extract_rings(graph, None, config, as_of=as_of, previous=previous)
        found = {ring.ring_id: ring for ring in rings}
        if ring_id in found:
            return found[ring_id]
    raise UsageError(
        f"no ring {ring_id!r} as of {as_of.isoformat()}",
        hint="graphml detect-rings with the same --as-of lists them",
    )


def decide(
    store: GraphStore,
    unit: Literal["member", "order", "ring"],
    id_: str,
    verdict: Literal["confirm", "dismiss"],
    *,
    reason: str,
    by: str,
    time: datetime,
    as_of: datetime,
    dry_run: bool = False,
) -> tuple[Decision, Tables]:
    """Keep an analyst's decision, and the labels it means, known from ``time`` on.

    Raises:
        UsageError: There is no such member, order or ring by ``as_of``.
    """
    import polars as pl

    from graphml.tables.frames import Tables, empty

    if unit == "ring":
        members = find_ring(store, id_, as_of=as_of).flagged_ids
        about = {"member_id": list(members)}
    else:
        column = f"{unit}_id"
        events = store.read_tables(as_of).events
        if not events.select((pl.col(column) == id_).any()).item():
            raise UsageError(
                f"no {unit} {id_!r} in {store.url} as of {as_of.isoformat()}",
                hint="check the id, or a later --as-of",
            )
        members = ()
        about = {column: [id_]}
    labels = pl.DataFrame(about).with_columns(
        label=pl.lit(int(verdict == "confirm")), known_at=pl.lit(time)
    )
    decision = Decision(
        unit=unit, id=id_, verdict=verdict, reason=reason, by=by, time=time, members=members
    )
    tables = Tables(events=empty("events"), labels=labels)
    if not dry_run:
        store.write_decision(decision)
        store.write_tables(tables)
    return decision, tables


def evaluate_store(
    store: GraphStore, truth: Path, *, as_of: datetime, seed: int, baselines: bool
) -> list[dict[str, object]]:
    """Return one row of ring metrics a method: ours first, then the baselines.

    Raises:
        SourceError: ``truth`` holds no rings table.
        NothingToDoError: No event has happened by ``as_of``.
    """
    from graphml.rings.baselines import BASELINES
    from graphml.rings.evaluate import evaluate_rings, read_truth

    rings, groups = read_truth(truth)
    detection = detect(store, RingConfig(seed=seed), as_of=as_of)
    return evaluate_rings(
        detection.rings,
        rings,
        groups,
        graph=detection.graph,
        as_of=as_of,
        baselines=tuple(BASELINES) if baselines else (),
    ).rows()
