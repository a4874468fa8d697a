"""What a picture of rings, or of a model at work, shows, and how it is said in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from graphml.fraud.drift import MOVED
from graphml.pictures.values import Values
from graphml.pictures.wording import label, number, percent
from graphml.results import Ring

SHOWN = 40
"""Rings of a timeline, at most: more would be lines too thin to read."""
_RECENT = timedelta(days=30)
_TOLD = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A ring from its first event to its last."""

    ring_id: str
    kind: str
    first: datetime
    last: datetime
    members: int
    amount: float
    currency: str | None

    @property
    def amount_words(self) -> str:
        """What went through its shared identifiers; without a currency where there are several."""
        return f"{self.amount:,.0f} {label(self.currency or '', 8)}".rstrip()


@dataclass(frozen=True, kw_only=True, slots=True)
class RingTimeline(Values):
    """When rings were active.

    Attributes:
        source: What they come from, in words.
        as_of: The last moment known; ``None`` where there is no run.
        kinds: How many rings of each kind there are in all, most first.
        recent: How many of all were active in the 30 days up to ``as_of``.
        bars: The highest ranked first, at most 40.
    """

    name: ClassVar[str] = "ring_timeline"
    source: str
    as_of: datetime | None
    kinds: tuple[tuple[str, int], ...]
    recent: int
    bars: tuple[Bar, ...]

    @classmethod
    def of(cls, rings: Sequence[Ring], *, source: str, as_of: datetime | None) -> RingTimeline:
        """Return the timeline of rings, best first.

        Args:
            rings: Of a run or a detection.
            source: What they come from, in words.
            as_of: Of the run; ``None`` where there is none.
        """
        kinds = Counter(ring.kind for ring in rings)
        since = as_of - _RECENT if as_of else None
        return cls(
            source=source,
            as_of=as_of,
            kinds=tuple(sorted(kinds.items(), key=lambda one: (-one[1], one[0]))),
            recent=sum(since is not None and ring.last > since for ring in rings),
            bars=tuple(
                Bar(
                    ring_id=ring.ring_id, kind=ring.kind, first=ring.first, last=ring.last,
                    members=len(ring.members), amount=ring.amount_gross, currency=ring.currency,
                )
                for ring in rings[:SHOWN]
            ),
        )  # fmt: skip

    @property
    def total(self) -> int:
        """All rings, those that are not drawn too."""
        return sum(count for _, count in self.kinds)

    @property
    def more(self) -> int:
        """Rings for which there is no room."""
        return self.total - len(self.bars)

    @property
    def rows(self) -> int:  # noqa: D102 - as in Values, here and below
        return len(self.bars)

    @property
    def finding(self) -> str:  # noqa: D102
        if not self.bars:
            return "There is no ring to show"
        kinds = ", ".join(f"{_words(kind)} {count:,}" for kind, count in self.kinds)
        return f"{number(self.total, 'ring')} ({kinds}), {self.recent:,} active in the last 30 days"

    @property
    def about(self) -> str:  # noqa: D102
        text = f"Rings from first to last event, {self.source}"
        if self.as_of is not None:
            text += f", as of {self.as_of:%Y-%m-%d}"
        if self.more:
            text += f"; the {len(self.bars)} highest ranked, {self.more:,} more are not shown"
        return text

    @property
    def told(self) -> str:  # noqa: D102
        return "; ".join(
            f"{rank}. {label(bar.ring_id)}, {_words(bar.kind)}, {number(bar.members, 'member')}, "
            f"{bar.first:%Y-%m-%d} to {bar.last:%Y-%m-%d}, {bar.amount_words}"
            for rank, bar in enumerate(self.bars, 1)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RingPrecision(Values):
    """How many of the first k rings are true ones.

    Attributes:
        source: Where they were found, in words.
        as_of: The last moment known.
        true_rings: How many there are to find.
        curves: By method, ours first: precision of the first ring, of the first two, and so on.
    """

    name: ClassVar[str] = "ring_precision"
    source: str
    as_of: datetime
    true_rings: int
    curves: tuple[tuple[str, tuple[float, ...]], ...]

    @property
    def finding(self) -> str:  # noqa: D102
        most = max((len(found) for _, found in self.curves), default=0)
        if not most:
            return "No method found a ring"
        best = max(
            (one for one in self.curves[1:] if one[1]), key=lambda one: one[1][-1], default=None
        )
        text = f"True among the first {number(most, 'ring')}: {_first(*self.curves[0], most)}"
        return text if best is None else f"{text}; best beside it: {_first(*best, most)}"

    @property
    def about(self) -> str:  # noqa: D102
        return (
            f"Precision of the first k rings against the truth, {self.source}, "
            f"as of {self.as_of:%Y-%m-%d}, {number(self.true_rings, 'true ring')}"
        )

    @property
    def told(self) -> str:  # noqa: D102
        return "; ".join(
            f"{label(name, 32)}: "
            + ", ".join(f"k {k} {percent(found[k - 1])}" for k in _ends(found))
            for name, found in self.curves
        )


def _first(name: str, found: Sequence[float], most: int) -> str:
    if not found:
        return f"none found by {label(name, 32)}"
    fewer = "" if len(found) == most else f" (of {len(found)})"
    return f"{percent(found[-1])}{fewer} by {label(name, 32)}"


def _ends(found: Sequence[float]) -> list[int]:
    """Return some k up to the number of values: 1, 5, 10, and so on, and the last."""
    return sorted({k for k in (1, 5, 10, 20, 30, 40, len(found)) if 1 <= k <= len(found)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Drifted(Values):
    """How far members are from those a model was chosen on.

    Attributes:
        model: Its name.
        as_of: Of the scoring, as text.
        members: How many were scored.
        score: Stability index of the scores.
        columns: Of what the model is told, the most moved first.
        edges, then, now: Bins of the scores, and the share of the members in each when the model was
            chosen and now, the last of those without a score; empty where a scoring kept none.
    """

    name: ClassVar[str] = "drift"
    model: str
    as_of: str
    members: int
    score: float
    columns: tuple[tuple[str, float], ...]
    edges: tuple[float, ...] = ()
    then: tuple[float, ...] = ()
    now: tuple[float, ...] = ()

    @classmethod
    def of(cls, drift: Mapping[str, Any], *, model: str, as_of: str, members: int) -> Drifted:
        """Return the picture of what a scoring's manifest notes under ``drift``.

        Args:
            drift: As the pipeline's ``Drift`` is as JSON.
            model: That scored.
            as_of: The moment.
            members: How many it scored.

        Raises:
            ValueError: It is damaged; likewise KeyError and TypeError.
        """
        scores = {
            name: tuple(map(float, kept)) for name, kept in (drift.get("scores") or {}).items()
        }
        edges, then, now = (scores.get(name, ()) for name in ("edges", "then", "now"))
        if len(then) != len(now) or (then and len(then) != len(edges) + 2):
            raise ValueError(f"{len(then)} and {len(now)} shares between {len(edges)} edges")
        columns = tuple((str(name), float(index)) for name, index in drift["columns"].items())
        return cls(
            model=model, as_of=as_of, members=members, score=float(drift["score"]),
            columns=columns, edges=edges, then=then, now=now,
        )  # fmt: skip

    @property
    def moved(self) -> tuple[tuple[str, float], ...]:
        """Columns that have moved."""
        return tuple(one for one in self.columns if one[1] >= MOVED)

    @property
    def finding(self) -> str:  # noqa: D102
        state = "have moved" if self.score >= MOVED else "have not moved"
        text = f"Scores {state} (stability index {self.score:.2f}, {MOVED:g} is moved)"
        if not self.moved:
            return f"{text}; no column has moved"
        moved = ", ".join(f"{label(name)} {index:.2f}" for name, index in self.moved[:2])
        more = len(self.moved) - 2
        return f"{text}; moved: {moved}" + (f" and {more} more" if more > 0 else "")

    @property
    def about(self) -> str:  # noqa: D102
        return (
            f"Drift of {label(self.model, 48)} since it was chosen, as of {self.as_of[:10]}, "
            f"{number(self.members, 'member')}"
        )

    @property
    def told(self) -> str:  # noqa: D102
        indices = "; ".join(f"{label(name)} {index:.2f}" for name, index in self.columns[:_TOLD])
        shares = "; ".join(
            f"bin {place} then {percent(then)} now {percent(now)}"
            for place, (then, now) in enumerate(zip(self.then, self.now, strict=True), 1)
        )
        return f"By column: {indices or 'none'}." + (f" Scores: {shares}." if shares else "")


def _words(kind: str) -> str:
    return label(kind.replace("_", " "))
