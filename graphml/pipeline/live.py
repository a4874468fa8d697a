"""One score in milliseconds: a member's as it was worked out, or anew where records came since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graphml.errors import NothingToDoError
from graphml.explain.live import live_features
from graphml.fraud.evidence import Described
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds, moment_of
from graphml.graph.postings import Postings
from graphml.pipeline.snapshot import Judge, Snapshot
from graphml.results import ScoreKind, time_text
from graphml.tables.frames import Tables
from graphml.tabular.aggregates import AGGREGATES, Features

Ints = NDArray[np.int64]

Basis = Literal["stored", "recomputed", "inductive"]
"""Worked out with everybody's; anew, since records came; of a member whom no record named before."""

_MOST_REASONS = 4
_LEAST = 0.05
"""Log-odds that a reason adds at least."""
_SUSPICIOUS = 0.5
"""Score of a candidate ring from which on it is named as a reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveScore:
    """A member's score, asked for alone.

    Attributes:
        score: In [0, 1], as ``score_kind`` says.
        as_of: The last moment that it knows.
        known: Whether a record in the store names the member.
        reasons: What raises it most, as code and text; empty unless asked for.
    """

    member_id: str
    score: float
    score_kind: ScoreKind
    as_of: datetime
    model: str | None
    known: bool
    basis: Basis
    reasons: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "member_id": self.member_id,
            "unit": "member",
            "score": round(self.score, 6),
            "score_kind": self.score_kind,
            "as_of": time_text(self.as_of),
            "model": self.model,
            "known": self.known,
            "basis": self.basis,
            "reasons": [{"code": code, "text": text} for code, text in self.reasons],
        }


def last_touch(snapshot: Snapshot, code: int) -> int:
    """Return the last record since the snapshot that bears on a member, −1 for none.

    One that names the member or one of its identifiers; what came to neighbours of neighbours waits
    for the next snapshot.
    """
    postings = snapshot.postings
    if not postings.late:
        return -1
    rows = postings.rows("member", [code])
    found = (
        postings.last_late(name, np.unique(postings.codes(name, rows)))
        for name in postings.graph.schema.identifiers
    )
    return max(postings.last_late("member", np.array([code])), *found)


def late_values(snapshot: Snapshot, member_id: str) -> list[tuple[str, str]]:
    """Return type and key of the identifiers that records since the snapshot tie a member to."""
    postings = snapshot.postings
    code = postings.code("member", member_id)
    if code is None or not postings.late:
        return []
    named = _late_codes(postings, postings.rows("member", [code]))
    return [(name, key) for name, codes in named for key in postings.keys(name, codes)]


def _late_codes(postings: Postings, rows: Ints) -> Iterator[tuple[str, Ints]]:
    """Tell, by type, which identifiers those of some rows name that came since the graph was built."""
    late = rows[rows >= postings.events]
    for name in postings.graph.schema.identifiers:
        codes = np.unique(postings.codes(name, late))
        yield name, codes[codes >= 0]


def stored_score(
    snapshot: Snapshot, member_id: str, *, overtaken: bool = False
) -> LiveScore | None:
    """Return a member's score as it was worked out with everybody's.

    ``None`` where that is not all that is known by now (see ``last_touch``), unless ``overtaken``
    is allowed, and for who has none.

    Raises:
        NothingToDoError: Scores are not worked out yet.
    """
    judge = _judge(snapshot)
    code = snapshot.postings.code("member", member_id)
    if code is None or code >= len(judge.values) or np.isnan(judge.values[code]):
        return None
    if not overtaken and last_touch(snapshot, code) >= 0:
        return None
    return LiveScore(
        member_id=member_id, score=float(judge.values[code]), score_kind=judge.score_kind,
        as_of=snapshot.as_of, model=judge.model, known=True, basis="stored",
    )  # fmt: skip


class Recent:
    """Scores that were worked out since the snapshot, until a record comes that bears on them.

    Args:
        most: Scores that are kept; the oldest go first.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._judge: Judge | None = None
        self._held: dict[str, tuple[int, LiveScore]] = {}

    def get(self, snapshot: Snapshot, member_id: str) -> LiveScore | None:
        """Return a score that is still all that is known, ``None`` where there is none."""
        held = self._held.get(member_id) if snapshot.judge is self._judge else None
        code = snapshot.postings.code("member", member_id)
        if held is None or code is None or last_touch(snapshot, code) >= held[0]:
            return None
        return held[1]

    def last(self, snapshot: Snapshot, member_id: str) -> LiveScore | None:
        """Return the last score since the snapshot, whatever has come since."""
        held = self._held.get(member_id) if snapshot.judge is self._judge else None
        return held[1] if held else None

    def put(self, snapshot: Snapshot, score: LiveScore) -> None:
        """Keep a score of a member that is stored."""
        if snapshot.judge is not self._judge:
            self._judge, self._held = snapshot.judge, {}
        self._held.pop(score.member_id, None)
        self._held[score.member_id] = (snapshot.postings.height, score)
        if len(self._held) > self._most:
            self._held.pop(next(iter(self._held)), None)


def live_score(
    snapshot: Snapshot, member_id: str, *, event: Tables | None = None, explained: bool = False
) -> LiveScore | None:
    """Return a member's score from all that is known by now.

    Aggregates are those of the whole graph with the new records, to the last bit. Candidate rings
    are those of the snapshot: who comes to a value that surprises in one is judged by it, until the
    next snapshot finds them anew. So is what a network says; of a new member it is asked on the
    member's part of the graph.

    Args:
        snapshot: With scores.
        member_id: Whose.
        event: One that is asked about and not stored. The score is as of its time, or of the last
            event known where that is later: it says so, and is no score of the past.
        explained: Whether to say what raises the score.

    Returns:
        ``None`` where no record, and no event that is asked about, names the member by then.

    Raises:
        NothingToDoError: Scores are not worked out yet.
    """
    judge, postings = _judge(snapshot), snapshot.postings
    as_of = snapshot.newest
    if event is not None:
        if not _holds(postings, member_id, event):
            postings = postings.plus(event.events)
        as_of = max(as_of, event.events["time"][0])
    until = microseconds(as_of)
    code = postings.code("member", member_id)
    if code is None:
        return None
    rows = postings.rows("member", [code], until=until)
    if not len(rows):
        return None
    stored = rows < snapshot.postings.height
    structure = _structure(judge, postings, code, rows)
    features, graph, place = live_features(postings, code, until=until, known=snapshot.known())
    known = code < len(judge.values)
    score = structure
    if judge.detector is not None:
        described = Described(features=features, structure=np.array([structure]))
        said = _network(judge, code, graph, place, until)
        score = float(judge.detector.probability(judge.detector.weighed(described, said))[0])
    return LiveScore(
        member_id=member_id, score=score, score_kind=judge.score_kind, as_of=moment_of(until),
        model=judge.model, known=bool(stored.any()), basis="recomputed" if known else "inductive",
        reasons=_reasons(judge, features, structure) if explained else (),
    )  # fmt: skip


def _holds(postings: Postings, member_id: str, event: Tables) -> bool:
    """Return whether an event that is asked about is stored: it must not count twice."""
    code = postings.code("member", member_id)
    if code is None:
        return False
    ids = postings.records(postings.rows("member", [code]))["event_id"]
    return bool(ids.is_in(event.events["event_id"].implode()).any())


def _judge(snapshot: Snapshot) -> Judge:
    if snapshot.judge is None:
        raise NothingToDoError("scores are still being worked out", hint="ask again in a moment")
    return snapshot.judge


def _structure(judge: Judge, postings: Postings, code: int, rows: Ints) -> float:
    """Return the score of a member's candidate ring, or of one whose value it has come to."""
    own = float(judge.structure[code]) if code < len(judge.structure) else 0.0
    found = [
        judge.by_value.get((name, value), 0.0)
        for name, codes in _late_codes(postings, rows)
        for value in codes.tolist()
    ]
    return max([own, *found])


def _network(judge: Judge, code: int, graph: Graph, place: int, until: int) -> Any:
    """Return what the network says of a member, log-odds, float64 [1]; ``None`` without one."""
    detector = judge.detector
    if detector is None or detector.network is None or judge.network is None:
        return None
    if code < len(judge.network) and not np.isnan(judge.network[code]):
        return judge.network[[code]]
    from graphml.fraud.detector import ask_network
    from graphml.training.questions import Seeds

    nodes, moments = np.array([place]), np.array([until])
    seeds = Seeds(nodes=nodes, as_of=moments, key=np.zeros(1, dtype=np.uint64))
    return ask_network(detector.network, graph, seeds)


def _reasons(judge: Judge, features: Features, structure: float) -> tuple[tuple[str, str], ...]:
    """Return what raises a score most, in words: the company first, then the trees' columns."""
    found: dict[str, tuple[float, str]] = {}
    for code, adds, text in _contributions(judge, features):
        if adds > found.get(code, (_LEAST, ""))[0]:
            found[code] = (adds, text)
    ranked = sorted(found.items(), key=lambda one: -one[1][0])[:_MOST_REASONS]
    told = [(code, text) for code, (_, text) in ranked]
    if structure >= _SUSPICIOUS:
        told.insert(
            0, ("CANDIDATE_RING", f"in company that looks like a ring (score {structure:.2f})")
        )
    return tuple(told)


def _contributions(judge: Judge, features: Features) -> Iterator[tuple[str, float, str]]:
    """Tell code, added log-odds and words of each column of the trees that an analyst understands."""
    detector = judge.detector
    if detector is None or detector.trees is None or "trees" not in detector.weights:
        return
    names = detector.trees.names
    values = features.values[:, [features.names.index(name) for name in names]]
    added = detector.trees.contributions(values)[0, :-1].tolist()
    for name, adds, value in zip(names, added, values[0].tolist(), strict=True):
        aggregate = AGGREGATES[name]
        if aggregate.code is not None and not np.isnan(value):
            yield aggregate.code, adds, aggregate.worded(value)
