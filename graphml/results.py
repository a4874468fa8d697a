"""What the engine hands back: rings with their evidence, scores, and the runs that carry them.

All are values: they hold no connection, and turn to and from plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from graphml.config import RING_KINDS, RingKind

__all__ = [
    "RING_KINDS",
    "Decision",
    "Evidence",
    "Reason",
    "Recommendation",
    "Results",
    "Ring",
    "RingKind",
    "RingMember",
    "RunInfo",
    "Scores",
    "SharedValue",
    "parse_time",
    "time_text",
]

Role = Literal["core", "mule", "periphery", "victim"]
RingStatus = Literal["new", "grown", "unchanged", "shrunk"]
ScoreKind = Literal["probability", "rank"]
Verdict = Literal["confirm", "dismiss"]


def time_text(time: datetime) -> str:
    """Return ``time`` as ISO 8601 in UTC, with microseconds only where there are any.

    >>> time_text(datetime(2024, 6, 2, 9, 30, tzinfo=UTC))
    '2024-06-02T09:30:00Z'
    """
    if time.tzinfo is None:
        raise ValueError(f"time needs a time zone, got {time.isoformat()}; add '+00:00'")
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the moment that ``time_text`` wrote.

    >>> parse_time("2024-06-02T09:30:00Z")
    datetime.datetime(2024, 6, 2, 9, 30, tzinfo=datetime.timezone.utc)
    """
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A reason, for or against: a code, a sentence, the events it rests on."""

    code: str
    text: str
    event_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RingMember:
    """A member of a ring; ``score`` in [0, 1]; a ``victim`` does not count as flagged."""

    member_id: str
    score: float
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedValue:
    """An identifier that members of a ring share; ``surprise`` is −ln p, 0 or more."""

    type: str
    id: str
    members: int
    events: int
    first: datetime
    last: datetime
    surprise: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ring:
    """A group of members who act together, with what speaks for it and against it.

    Attributes:
        score: In [0, 1]; a calibrated probability or a rank, as ``score_kind`` says.
        amount_gross: What went through the ring's shared identifiers, in ``currency``.
        amount_net: Gross less refunds.
        currency: ISO 4217; ``None`` when the ring's events carry none or several, and then the
            amounts are those of the most frequent currency, or 0.
    """

    ring_id: str
    kind: RingKind
    status: RingStatus
    score: float
    score_kind: ScoreKind
    members: tuple[RingMember, ...]
    shared: tuple[SharedValue, ...]
    amount_gross: float
    amount_net: float
    currency: str | None
    first: datetime
    last: datetime
    as_of: datetime
    model: str | None
    evidence: tuple[Evidence, ...]
    counter_evidence: tuple[Evidence, ...]

    @property
    def member_ids(self) -> tuple[str, ...]:
        """All members, victims too."""
        return tuple(member.member_id for member in self.members)

    @property
    def flagged_ids(self) -> tuple[str, ...]:
        """Members that the ring accuses: all but victims."""
        return tuple(member.member_id for member in self.members if member.role != "victim")

    def to_json(self) -> dict[str, Any]:
        """Return the ring as the contract's JSON object."""
        return {
            "ring_id": self.ring_id,
            "kind": self.kind,
            "status": self.status,
            "score": self.score,
            "score_kind": self.score_kind,
            "members": [
                {"member_id": m.member_id, "score": m.score, "role": m.role} for m in self.members
            ],
            "shared": [
                {
                    "type": s.type,
                    "id": s.id,
                    "members": s.members,
                    "events": s.events,
                    "first": time_text(s.first),
                    "last": time_text(s.last),
                    "surprise": s.surprise,
                }
                for s in self.shared
            ],
            "amount_gross": self.amount_gross,
            "amount_net": self.amount_net,
            "currency": self.currency,
            "first": time_text(self.first),
            "last": time_text(self.last),
            "as_of": time_text(self.as_of),
            "model": self.model,
            "reasons": _evidence_json(self.evidence),
            "counter_evidence": _evidence_json(self.counter_evidence),
        }

    @classmethod
    def from_json(cls, ring: Mapping[str, Any]) -> Ring:
        """Return the ring that ``to_json`` wrote."""
        return cls(
            ring_id=ring["ring_id"],
            kind=ring["kind"],
            status=ring["status"],
            score=ring["score"],
            score_kind=ring["score_kind"],
            members=tuple(RingMember(**m) for m in ring["members"]),
            shared=tuple(
                SharedValue(**{**s, "first": parse_time(s["first"]), "last": parse_time(s["last"])})
                for s in ring["shared"]
            ),
            amount_gross=ring["amount_gross"],
            amount_net=ring["amount_net"],
            currency=ring["currency"],
            first=parse_time(ring["first"]),
            last=parse_time(ring["last"]),
            as_of=parse_time(ring["as_of"]),
            model=ring["model"],
            evidence=_evidence(ring["reasons"]),
            counter_evidence=_evidence(ring["counter_evidence"]),
        )


def _evidence_json(evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
    return [{"code": e.code, "text": e.text, "event_ids": list(e.event_ids)} for e in evidence]


def _evidence(items: Sequence[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(code=e["code"], text=e["text"], event_ids=tuple(e["event_ids"])) for e in items
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """One score per unit as of a moment; ``ids`` and ``values`` are parallel, values in [0, 1].

    ``unit`` is ``member``, ``order`` or ``review``; of a plain graph, a node type.
    """

    unit: str
    ids: tuple[str, ...]
    values: tuple[float, ...]
    score_kind: ScoreKind
    as_of: datetime
    model: str | None

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.values):
            raise ValueError(f"{len(self.ids)} ids beside {len(self.values)} values")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a product stands on a member's list, in words.

    Attributes:
        code: RETURNING, BECAUSE_BOUGHT, OFTEN_TOGETHER, OFTEN_NEXT, OFTEN_LATER, POPULAR or NEW.
        text: For people; ids in it are escaped.
        because: Ids of products that the member had, best first.
    """

    code: str
    text: str
    because: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the reason as plain JSON."""
        return {"code": self.code, "text": self.text, "because": list(self.because)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """A product on a member's list; ``rank`` is its place from 1 on."""

    member_id: str
    product_id: str
    rank: int
    score: float
    reasons: tuple[Reason, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the recommendation as the contract's JSON object."""
        return {
            "member_id": self.member_id,
            "product_id": self.product_id,
            "rank": self.rank,
            "score": self.score,
            "reasons": [reason.to_json() for reason in self.reasons],
        }

    @classmethod
    def from_json(cls, made: Mapping[str, Any]) -> Recommendation:
        """Return the recommendation that ``to_json`` wrote."""
        reasons = (Reason(**{**one, "because": tuple(one["because"])}) for one in made["reasons"])
        return cls(**{**made, "reasons": tuple(reasons)})


Results = Scores | Sequence[Ring] | Sequence[Recommendation]
"""What a run holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """An analyst's verdict about a member, an order or a ring."""

    unit: Literal["member", "order", "ring"]
    id: str
    verdict: Verdict
    reason: str
    by: str
    time: datetime
    members: tuple[str, ...] = ()
    """The members a ring had when it was decided on."""


RunStatus = Literal["open", "published", "superseded", "failed", "withdrawn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """A run that wrote results into a store.

    ``status`` is ``published`` for the one that readers see, ``superseded`` for older ones,
    ``withdrawn`` for one that was rolled back; ``content`` is a digest of what it holds, where all
    of it was known when it began.
    """

    run_id: str
    kind: str
    model: str | None
    as_of: datetime
    started: datetime
    finished: datetime | None
    status: RunStatus
    counts: Mapping[str, int]
    content: str | None = None

    @property
    def readable(self) -> bool:
        """Whether it was published and not taken back: readers get it, by name or in view."""
        return self.status in ("published", "superseded")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How good a model is, beside simple methods.

    Attributes:
        rows: One per method, the model first; metrics by name, bounds of 95 % intervals as
            ``…_low`` and ``…_high``.
        labels: How many it was asked.
        first, last: Moments of the first and the last of them.
        operating: What one threshold does, by name, bounds as in ``rows``; ``None`` without one.
        segments: What it does in each segment: ``column``, ``segment``, then counts and shares.
        notes: What has to be known to read the figures, a line each.
    """

    task: str
    model: str
    rows: tuple[dict[str, Any], ...]
    labels: int
    first: datetime
    last: datetime
    operating: Mapping[str, Any] | None = None
    segments: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON; what was not measured at a threshold is not in it."""
        found = {
            "task": self.task,
            "model": self.model,
            "labels": self.labels,
            "first": time_text(self.first),
            "last": time_text(self.last),
            "rows": [dict(row) for row in self.rows],
        }
        if self.operating is not None:
            found |= {"operating": dict(self.operating), "segments": list(self.segments)}
        if self.notes:
            found["notes"] = list(self.notes)
        return found
