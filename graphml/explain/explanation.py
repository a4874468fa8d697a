"""What an explanation says: reasons that were put to the test, what clears, what speaks against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphml.results import ScoreKind, time_text

_DIGITS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a member's score is high, with what happens to it when the evidence is not there.

    Attributes:
        code: A code of ``AGGREGATES`` or of rings' evidence.
        text: One line for an analyst; ids in it are shortened where they are long.
        ties: Identifiers it rests on, as type and id.
        event_ids: At most 20 of the events it rests on, the member's own first.
        events: How many there are.
        fall: By how much the log-odds fall without the evidence, above 0.
        score_without: The score then.
    """

    code: str
    text: str
    ties: tuple[tuple[str, str], ...]
    event_ids: tuple[str, ...]
    events: int
    fall: float
    score_without: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "code": self.code,
            "text": self.text,
            "ties": [{"type": type_, "id": id_} for type_, id_ in self.ties],
            "event_ids": list(self.event_ids),
            "events": self.events,
            "fall": round(self.fall, _DIGITS),
            "score_without": round(self.score_without, _DIGITS),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Counterfactual:
    """The fewest ties found whose absence brings the score below the threshold.

    Attributes:
        ties: Identifiers, as type and id.
        score_without: The score without them.
        smallest: Whether every smaller set was tried; else there may be one.
    """

    ties: tuple[tuple[str, str], ...]
    score_without: float
    smallest: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "ties": [{"type": type_, "id": id_} for type_, id_ in self.ties],
            "score_without": round(self.score_without, _DIGITS),
            "smallest": self.smallest,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Against:
    """What keeps the score from being higher.

    Attributes:
        code: Name of the aggregate in capitals, or ``NO_RING``.
        text: What it is, and its value.
        lowers: By how much it lowers the log-odds of the part of the model that it enters.
    """

    code: str
    text: str
    lowers: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {"code": self.code, "text": self.text, "lowers": round(self.lowers, _DIGITS)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why one member has its score.

    Attributes:
        member_id: Whose.
        score: In [0, 1].
        score_kind: As the scores that it explains.
        as_of: The last moment known.
        model: Whose score.
        threshold: From which on a member is flagged; ``None`` where nothing says so.
        reasons: At most four, the largest fall first, no code twice; none for who is not flagged
            and gives no reason.
        counterfactual: ``None`` for who is not flagged, and where no set of ties clears.
        against: What speaks for the member, the strongest first.
    """

    member_id: str
    score: float
    score_kind: ScoreKind
    as_of: datetime
    model: str | None
    threshold: float | None
    reasons: tuple[Reason, ...]
    counterfactual: Counterfactual | None
    against: tuple[Against, ...]

    @property
    def flagged(self) -> bool | None:
        """Whether the score reaches the threshold; ``None`` without one."""
        return None if self.threshold is None else self.score >= self.threshold

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it; ids are those of the tables, whatever is in them."""
        return {
            "member_id": self.member_id,
            "score": round(self.score, _DIGITS),
            "score_kind": self.score_kind,
            "as_of": time_text(self.as_of),
            "model": self.model,
            "threshold": self.threshold,
            "flagged": self.flagged,
            "reasons": list(_as_json(self.reasons)),
            "counterfactual": self.counterfactual and self.counterfactual.to_json(),
            "against": list(_as_json(self.against)),
        }


def _as_json(parts: Sequence[Reason] | Sequence[Against]) -> Iterator[dict[str, Any]]:
    for part in parts:
        yield part.to_json()
