"""An analyst's decision: kept, and turned into labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from graphml.config import RingConfig
from graphml.errors import UsageError
from graphml.pipeline.detection import FoundRing, find_ring
from graphml.results import Decision, Verdict

if TYPE_CHECKING:
    from graphml.fraud.detector import FraudDetector
    from graphml.store.base import GraphStore
    from graphml.tables.frames import Tables


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What a decision came to.

    Attributes:
        labels: Tables with the labels that it means.
        found: The ring, where it is about one.
    """

    decision: Decision
    labels: Tables
    found: FoundRing | None = None


def decide(
    store: GraphStore,
    unit: Literal["member", "order", "ring"],
    id_: str,
    verdict: Verdict,
    *,
    config: RingConfig,
    reason: str,
    by: str,
    time: datetime,
    as_of: datetime,
    detector: FraudDetector | None = None,
    found: FoundRing | None = None,
    dry_run: bool = False,
) -> Decided:
    """Keep an analyst's decision, and the labels it means, known from ``time`` on.

    A ring is decided on as it is at ``as_of``, with the members it has by then; ``detector`` is the
    one that it was found with. Where somebody decides on a ring as it was shown, ``found`` is that.

    Raises:
        UsageError: There is no such member, order or ring by ``as_of``.
    """
    members = tuple[str, ...]()
    if unit != "ring":
        found = None
        _require_known(store, unit, id_, as_of)
    else:
        found = found or find_ring(
            store, id_, config, as_of=as_of, decided_by=time, detector=detector
        )
        members = found.ring.flagged_ids
    decision = Decision(
        unit=unit, id=id_, verdict=verdict, reason=reason, by=by, time=time, members=members
    )
    if not dry_run:
        write_decided(store, decision)
    return Decided(decision=decision, labels=labels_of(decision), found=found)


def labels_of(decision: Decision) -> Tables:
    """Return the labels that a decision means: of its members, or of what it is about."""
    import polars as pl

    from graphml.tables.frames import Tables, empty

    about = {f"{decision.unit}_id": [decision.id]}
    if decision.unit == "ring":
        about = {"member_id": list(decision.members)}
    labels = pl.DataFrame(about, schema=dict.fromkeys(about, pl.String)).with_columns(
        label=pl.lit(int(decision.verdict == "confirm")), known_at=pl.lit(decision.time)
    )
    return Tables(events=empty("events"), labels=labels)


def write_decided(store: GraphStore, decision: Decision) -> None:
    """Keep a decision and its labels in the store; twice is the same as once."""
    store.write_decision(decision)
    store.write_tables(labels_of(decision))


def _require_known(store: GraphStore, unit: str, id_: str, as_of: datetime) -> None:
    import polars as pl

    events = store.read_tables(as_of).events
    if not events.select((pl.col(f"{unit}_id") == id_).any()).item():
        raise UsageError(
            f"no {unit} {id_!r} in {store.url} as of {as_of.isoformat()}",
            hint="check the id, or a later --as-of",
        )
