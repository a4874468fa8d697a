"""The fewest ties without which a member would not be flagged."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from graphml.explain.candidates import key_of, shared_ties
from graphml.explain.explanation import Counterfactual
from graphml.explain.local import Tie
from graphml.explain.rescoring import Outcome, Rescorer
from graphml.explain.worlds import Removal

_MOST_TIES = 24
"""Ties that are looked at one by one, those that hold in a ring first."""
_STEP = 6
"""Sets that are tried at once."""
_EXACT = 3
"""Sets up to this size are all tried, if that takes no more than:"""
_MOST_EVENTS = 500_000
"""Events looked at to try all sets of one size; half a second or so."""

Set = tuple[Tie, ...]


def counterfactual(rescorer: Rescorer, *, threshold: float) -> Counterfactual | None:
    """Return the fewest ties found whose absence brings the score below ``threshold``.

    Ties are to identifiers that others use, too. First those are put together whose absence alone
    lowers the risk most, and those that hold the member in its ring before others; then each of
    them is left out if it can be; then all smaller sets of up to three are tried, if they are not
    too many.

    Args:
        rescorer: Of the member.
        threshold: From which score on a member is flagged.

    Returns:
        ``None`` if the member is not flagged, or no set of ties that was tried clears it.
    """
    search = _Search(rescorer, threshold)
    if not search.clears(Removal()):
        found = search.found()
        if found is not None:
            best, smallest = search.smaller(found)
            local = rescorer.local
            return Counterfactual(
                ties=tuple((tie.type, key_of(tie, local)) for tie in sorted(best)),
                score_without=rescorer.after([_without(best)])[0].score,
                smallest=smallest,
            )
    return None


class _Search:
    def __init__(self, rescorer: Rescorer, threshold: float) -> None:
        self._rescorer = rescorer
        self._threshold = threshold
        shared = shared_ties(rescorer.local, rescorer.company)
        self._ties, self._more = shared[:_MOST_TIES], shared[_MOST_TIES:]

    def clears(self, removal: Removal) -> bool:
        return self._rescorer.after([removal])[0].score < self._threshold

    def found(self) -> Set | None:
        """Return a set that clears, made smaller; ``None`` if there is none."""
        grown = [self._first(order) for order in self._orders()]
        sets = [self._shrunk(some) for some in grown if some is not None]
        return min(sets, key=lambda some: (len(some), self._risk(some))) if sets else None

    def smaller(self, best: Set) -> tuple[Set, bool]:
        """Return the smallest set that clears, and whether all smaller ones were tried."""
        for size in range(1, min(len(best), _EXACT + 1)):
            if math.comb(len(self._ties), size) * self._rescorer.events > _MOST_EVENTS:
                return best, False
            if (found := self._best(itertools.combinations(self._ties, size))) is not None:
                return found, not self._more
        return best, len(best) <= _EXACT + 1 and not self._more

    def _orders(self) -> list[list[Tie]]:
        """Return the ties by how much they count alone, and those first that hold in a ring."""
        outcomes = self._outcomes((tie,) for tie in self._ties)
        risk = {tie: one.risk for tie, one in zip(self._ties, outcomes, strict=True)}
        alone = sorted(self._ties, key=lambda tie: (risk[tie], tie))
        held = {hold.tie for hold in self._rescorer.company.counted}
        ring = sorted(alone, key=lambda tie: tie not in held)
        return [[*order, *self._more] for order in (alone, ring)]

    def _first(self, order: Sequence[Tie]) -> Set | None:
        """Return the fewest of the first ties that clear together."""
        for begin in range(0, len(order), _STEP):
            sizes = range(begin + 1, min(begin + _STEP, len(order)) + 1)
            sets = [tuple(order[:size]) for size in sizes]
            for some, one in zip(sets, self._outcomes(sets), strict=True):
                if one.score < self._threshold:
                    return some
        return None

    def _shrunk(self, some: Set) -> Set:
        """Leave ties out, one by one, for as long as the others clear."""
        while len(some) > 1:
            fewer = self._best(itertools.combinations(some, len(some) - 1))
            if fewer is None:
                break
            some = fewer
        return some

    def _best(self, sets: Iterable[Set]) -> Set | None:
        """Return the set that clears with the lowest risk, of equals the first."""
        tried = list(sets)
        outcomes = zip(tried, self._outcomes(tried), strict=True)
        clear = [(one.risk, some) for some, one in outcomes if one.score < self._threshold]
        return min(clear, key=lambda pair: pair[0])[1] if clear else None

    def _risk(self, some: Set) -> float:
        return self._rescorer.after([_without(some)])[0].risk

    def _outcomes(self, sets: Iterable[Set]) -> list[Outcome]:
        return self._rescorer.after([_without(some) for some in sets])


def _without(some: Iterable[Tie]) -> Removal:
    return Removal(ties=frozenset(some))
