"""Reasons put to the test: what the score is when their evidence is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import one_line
from graphml.explain.candidates import Candidate, candidates, key_of, widened
from graphml.explain.explanation import Reason
from graphml.explain.local import Local
from graphml.explain.rescoring import Floats, Outcome, Rescorer
from graphml.explain.worlds import Removal
from graphml.graph.build import Graph

LEAST_FALL = 0.05
"""Log-odds by which a reason's evidence must count."""
MOST_REASONS = 4
_MOST_EVENTS = 20
_MOST_NARROWED = 5
"""Ties that a reason rests on at most, if not on all."""
_TEXT_LENGTH = 300


def tested_reasons(
    rescorer: Rescorer,
    before: Outcome,
    told: Floats,
    now: Graph,
    *,
    more: Sequence[Candidate],
) -> tuple[Reason, ...]:
    """Return the reasons that hold, the largest fall first, no code twice, four at most.

    Reasons whose evidence no other has come before those that say more about the same evidence.

    Args:
        rescorer: Of the member.
        before: Its score as it is.
        told: What each of the trees' columns adds to the log-odds.
        now: The whole graph by the moment, for the events.
        more: Candidates beside those of ``candidates``.
    """
    values = dict(zip(rescorer.names, before.values.tolist(), strict=True))
    trees = rescorer.scorer.trees
    names = trees.names if trees else ()
    found = [*more, *candidates(names, told, values, rescorer.local, rescorer.company)]
    tested = _tested(rescorer, found, before, told)
    tested += _tested(rescorer, _narrowed(tested, rescorer.local), before, told)
    chosen = _different(_one_a_code(tested))
    chosen.sort(key=lambda one: (-one.fall, one.candidate.code))
    return tuple(_reason(one, rescorer.local, now) for one in chosen)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tested:
    """A candidate and what came of it.

    Attributes:
        fall: Of the risk.
        own: Of what the candidate's columns, or its group, say.
    """

    candidate: Candidate
    outcome: Outcome
    fall: float
    own: float

    @property
    def size(self) -> int:
        """How much is taken away."""
        removal = self.candidate.removal
        return len(removal.ties) + len(removal.events) + len(removal.fields)

    @property
    def vague(self) -> bool:
        """Whether it rests on so many ties of several types that it points at none."""
        ties = self.candidate.removal.ties
        several = len({tie.type for tie in ties}) > 1 and bool(self.candidate.columns)
        return several and len(ties) > _MOST_NARROWED


def _tested(
    rescorer: Rescorer, found: Sequence[Candidate], before: Outcome, told: Floats
) -> list[_Tested]:
    """Return the candidates that hold."""
    outcomes = rescorer.after([candidate.removal for candidate in found])
    falling = [
        (candidate, outcome)
        for candidate, outcome in zip(found, outcomes, strict=True)
        if before.risk - outcome.risk >= LEAST_FALL
        and before.score - outcome.score >= rescorer.least
    ]
    # One removal is the evidence of several candidates.
    different = {id(outcome): outcome for _, outcome in falling}
    rows = dict(zip(different, rescorer.contributions([*different.values()]), strict=True))
    result = []
    for candidate, outcome in falling:
        own, least = before.structure - outcome.structure, 0.0
        if candidate.columns:
            columns = list(candidate.columns)
            own = float(told[columns].sum() - rows[id(outcome)][columns].sum())
            least = LEAST_FALL
        if own > least:
            fall = before.risk - outcome.risk
            result.append(_Tested(candidate=candidate, outcome=outcome, fall=fall, own=own))
    return result


def _narrowed(tested: Sequence[_Tested], around: Local) -> list[Candidate]:
    """Return for each code that no tie alone is enough for those that rest on the best few."""
    codes: dict[str, list[_Tested]] = {}
    for one in tested:
        if one.candidate.columns and one.candidate.removal.ties:
            codes.setdefault(one.candidate.code, []).append(one)
    found = []
    for some in codes.values():
        alone = sorted((one for one in some if one.size == 1), key=lambda one: -one.own)
        if alone and 2 * alone[0].own < max(one.own for one in some):
            ties = [tie for one in alone for tie in one.candidate.removal.ties]
            found += [
                widened(alone[0].candidate, ties[:size], around)
                for size in range(2, min(len(ties), _MOST_NARROWED) + 1)
            ]
    return found


def _one_a_code(tested: Sequence[_Tested]) -> list[_Tested]:
    """Return the best of each code: of what counts half as much as all evidence, the least."""
    sources: dict[tuple[str, bool], list[_Tested]] = {}
    for one in tested:
        sources.setdefault((one.candidate.code, bool(one.candidate.columns)), []).append(one)
    best: dict[str, _Tested] = {}
    for (code, _), some in sources.items():
        most = max(one.own for one in some)
        enough = [one for one in some if 2 * one.own >= most and not one.vague]
        if not enough:
            continue
        least = min(enough, key=lambda one: (one.size, -one.fall))
        # What the company says comes first, and names the identifier: of equals it stays.
        if code not in best or least.fall > best[code].fall:
            best[code] = least
    return sorted(best.values(), key=lambda one: (-one.fall, -one.own, one.candidate.code))


def _different(ranked: Sequence[_Tested]) -> list[_Tested]:
    """Return the first ones, those first whose evidence nobody before them has."""
    seen: set[Removal] = set()
    fresh: list[_Tested] = []
    again: list[_Tested] = []
    for one in ranked:
        (again if one.candidate.removal in seen else fresh).append(one)
        seen.add(one.candidate.removal)
    return [*fresh, *again][:MOST_REASONS]


def _reason(one: _Tested, around: Local, now: Graph) -> Reason:
    removal = one.candidate.removal
    ids, count = _evidence(removal, around, now)
    return Reason(
        code=one.candidate.code,
        text=one_line(one.candidate.text, _TEXT_LENGTH),
        ties=tuple((tie.type, key_of(tie, around)) for tie in sorted(removal.ties)),
        event_ids=ids,
        events=count,
        fall=one.fall,
        score_without=one.outcome.score,
    )


def _evidence(removal: Removal, around: Local, now: Graph) -> tuple[tuple[str, ...], int]:
    """Return ids of the last events that a reason rests on, and how many there are.

    Of an identifier all events on it count, half of those shown the member's own if there are.
    """
    rows = removal.events
    if removal.fields and around.record is not None:
        rows = rows | {around.record}
    own = around.graph.events["event_id"].gather(sorted(rows)).to_list()
    if not removal.ties:
        return tuple(own[-_MOST_EVENTS:]), len(own)
    member = now.nodes["member"].keys.index_of(around.graph.nodes["member"].keys[around.member])
    on = _on_ties(removal, now.events)
    mine = now.events["member"].to_numpy()[on] == member
    theirs, half = on[~mine], _MOST_EVENTS // 2
    shown = on[mine][-max(half, _MOST_EVENTS - len(theirs)) :]
    shown = np.concatenate(
        [shown, theirs[len(theirs) - min(_MOST_EVENTS - len(shown), len(theirs)) :]]
    )
    ids = [*own, *now.events["event_id"].gather(shown).to_list()]
    return tuple(dict.fromkeys(ids))[:_MOST_EVENTS], len(on) + len(own)


def _on_ties(removal: Removal, events: pl.DataFrame) -> NDArray[np.int64]:
    """Return the rows of events on the identifiers of ties; chargebacks are nobody's deeds."""
    on = np.zeros(events.height, dtype=np.bool_)
    for type_ in sorted({tie.type for tie in removal.ties}):
        values = [tie.value for tie in removal.ties if tie.type == type_]
        on |= events[type_].is_in(values).fill_null(value=False).to_numpy()
    on &= (events["kind"] != "chargeback").to_numpy()
    return np.flatnonzero(on)
