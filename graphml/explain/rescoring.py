"""Scores of one member with this or that taken away, each worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graphml.explain.company import Company
from graphml.explain.local import Local
from graphml.explain.worlds import Removal, features_without
from graphml.tabular.aggregates import Features
from graphml.tabular.trees import TreeModel

Floats = NDArray[np.float64]


class Scorer(Protocol):
    """What scores members by their aggregates and their company.

    Whatever else enters, as a network does, is the same for all rows: the member's.
    """

    @property
    def name(self) -> str | None:
        """What its scores carry as their model."""

    @property
    def trees(self) -> TreeModel | None:
        """The trees in it, over aggregates by name; ``None`` without."""

    def risks(self, features: Features, structure: Floats) -> Floats:
        """Return log-odds, or what rises with them, float64 [rows].

        Args:
            features: Of the member, under different circumstances.
            structure: Score of its candidate ring, in [0, 1], 0 for none; float64 [rows].
        """

    def probability(self, risks: Floats) -> Floats:
        """Return scores in [0, 1] that never fall as risks rise, float64 [rows]."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """A member's score after a removal.

    Attributes:
        risk: Log-odds.
        score: In [0, 1].
        structure: Score of the candidate ring.
        values: Aggregates, float32 [columns].
    """

    risk: float
    score: float
    structure: float
    values: NDArray[np.float32]


class Rescorer:
    """Scores one member under removals; what was asked once is known.

    Args:
        local: The member's part of the graph.
        company: The member's candidate ring.
        scorer: What scores it.
    """

    least: float = 0.0
    """By how much the score has to fall for a reason to hold, so that it shows."""

    def __init__(self, local: Local, company: Company, scorer: Scorer) -> None:
        self.local = local
        self.company = company
        self.scorer = scorer
        self.names: tuple[str, ...] = ()
        self._known: dict[Removal, Outcome] = {}

    @property
    def events(self) -> int:
        """How many events each removal looks at."""
        return self.local.graph.events.height

    def after(self, removals: Sequence[Removal]) -> list[Outcome]:
        """Return the score after each removal."""
        self._ask(one for one in dict.fromkeys(removals) if one not in self._known)
        return [self._known[removal] for removal in removals]

    def contributions(self, outcomes: Sequence[Outcome]) -> Floats:
        """Return what each column adds to the trees' log-odds, float64 [outcomes, columns].

        Columns are those of the trees, none without trees.
        """
        trees = self.scorer.trees
        if trees is None or not outcomes:
            return np.zeros((len(outcomes), 0))
        columns = [self.names.index(name) for name in trees.names]
        values = np.stack([outcome.values for outcome in outcomes])[:, columns]
        result: Floats = trees.contributions(values)[:, :-1]
        return result

    def risk_in_group(self, outcome: Outcome, structure: float) -> float:
        """Return the risk, all else being as it is, in a candidate ring of this score."""
        features = Features(names=self.names, values=outcome.values[None])
        return float(self.scorer.risks(features, np.array([structure]))[0])

    def _described(self, removals: Sequence[Removal]) -> tuple[Features, Floats]:
        """Return features, and the score of the candidate ring [removals], after each removal."""
        found = [self.company.without(removal, self.local) for removal in removals]
        return features_without(self.local, removals), np.array(found)

    def _ask(self, removals: Iterable[Removal]) -> None:
        asked = list(removals)
        if not asked:
            return
        features, structure = self._described(asked)
        self.names = features.names
        risks = self.scorer.risks(features, structure)
        scores = self.scorer.probability(risks)
        for at, removal in enumerate(asked):
            self._known[removal] = Outcome(
                risk=float(risks[at]),
                score=float(scores[at]),
                structure=float(structure[at]),
                values=features.values[at],
            )
