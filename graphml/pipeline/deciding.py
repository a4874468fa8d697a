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
    dry_run: bool = False,
) -> Decided:
    """Keep an analyst's decision, and the labels it means, known from ``time`` on.

    A ring is decided on as it is at ``as_of``, with the members it has by then; ``detector`` is the
    one that it was found with.

    Raises:
        UsageError: There is no such member, order or ring by ``as_of``.
    """
    import polars as pl

    from graphml.tables.frames import Tables, empty

    found, members = None, tuple[str, ...]()
    if unit == "ring":
        found = find_ring(store, id_, config, as_of=as_of, decided_by=time, detector=detector)
        members = found.ring.flagged_ids
        about = {"member_id": list(members)}
    else:
        _require_known(store, unit, id_, as_of)
        about = {f"{unit}_id": [id_]}
    labels = pl.DataFrame(about, schema=dict.fromkeys(about, pl.String)).with_columns(
        label=pl.lit(int(verdict == "confirm")), known_at=pl.lit(time)
    )
    decision = Decision(
        unit=unit, id=id_, verdict=verdict, reason=reason, by=by, time=time, members=members
    )
    tables = Tables(events=empty("events"), labels=labels)
    if not dry_run:
        store.write_decision(decision)
        store.write_tables(tables)
    return Decided(decision=decision, labels=tables, found=found)


def _require_known(store: GraphStore, unit: str, id_: str, as_of: datetime) -> None:
    import polars as pl

    events = store.read_tables(as_of).events
    if not events.select((pl.col(f"{unit}_id") == id_).any()).item():
        raise UsageError(
            f"no {unit} {id_!r} in {store.url} as of {as_of.isoformat()}",
            hint="check the id, or a later --as-of",
        )
