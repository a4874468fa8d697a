"""What rings say of an order: the member's own, and those of others on its identifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from graphml.explain.candidates import Candidate, key_of
from graphml.explain.company import Company, company_of
from graphml.explain.local import Local, Tie
from graphml.explain.rescoring import Floats, Outcome, Rescorer, Scorer
from graphml.explain.worlds import Removal, features_without
from graphml.fraud.order_columns import STRUCTURE
from graphml.graph.build import Graph
from graphml.rings.membership import Membership
from graphml.rings.wording import name, names
from graphml.tabular.aggregates import Features
from graphml.tabular.registry import RELATION

_TYPES = ("device", "address", "card")
_OTHER = STRUCTURE[-1]
_PAIR = 2.0
"""Members of the group of one who has left its ring but still shares something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """The one in the worst company of the others who had used an identifier of the order.

    Attributes:
        score: Of its candidate ring, above 0.
        size: Members of that.
        believed: Whether it is a ring that ``detect-rings`` returns.
    """

    score: float
    size: int
    believed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderCompany:
    """What rings say of an order.

    Attributes:
        own: The member's candidate ring at the last look before the order.
        past: The member's part of the graph as it was at that look.
        others: The worst company on each identifier of the order strictly before it.
    """

    own: Company
    past: Local
    others: Mapping[Tie, Other] = field(default_factory=dict)

    def columns(self, removal: Removal) -> list[float]:
        """Return the columns of ``STRUCTURE`` after a removal."""
        score = self.own.without(removal, self.past)
        stays = self.own.stays(removal, self.past)
        size = float(self.own.size) if stays else _PAIR * (score > 0)
        left = [other.score for tie, other in self.others.items() if tie not in removal.ties]
        return [score, size, float(stays and self.own.believed), max(left, default=0.0)]


def order_company(
    graph: Graph, found: Membership | None, around: Local, *, member: int, row: int, look: int
) -> OrderCompany:
    """Return what rings say of an order.

    Args:
        graph: With its edges.
        found: Candidate rings by the last look before the order; ``None`` before all events.
        around: The member's part of the graph, with the order's record.
        member: Dense id in ``graph``.
        row: Of the order's record in the events of ``graph``.
        look: The moment of the look, microseconds.
    """
    past = _by(around, look)
    if found is None:
        return OrderCompany(own=Company(), past=past)
    others = {}
    for type_ in _TYPES:
        value = graph.events[type_][row]
        if value is not None:
            other = _worst(graph, found, type_, value, member=member, before=around.moment)
            if other is not None:
                others[Tie(type_, value)] = other
    return OrderCompany(own=company_of(found, member, past), past=past, others=others)


def _by(around: Local, look: int) -> Local:
    """Return the same with those of the member's records alone that were there by a moment."""
    times = around.graph.events["time"].to_physical().to_numpy()
    rows = {tie: some[times[some] <= look] for tie, some in around.rows.items()}
    rows = {tie: some for tie, some in rows.items() if len(some)}
    return replace(
        around,
        own=around.own[times[around.own] <= look],
        rows=rows,
        others={tie: around.others[tie] for tie in rows},
        record=None,
    )


def _worst(
    graph: Graph, found: Membership, type_: str, value: int, *, member: int, before: int
) -> Other | None:
    edges = graph.edges[type_, f"rev_{RELATION[type_]}", "member"]
    part = slice(edges.indptr[value], edges.indptr[value + 1])
    there = np.asarray(edges.target[part])[np.asarray(edges.time[part]) <= before]
    there = np.unique(there[there != member])
    if not len(there):
        return None
    worst = int(there[int(found.score[there].argmax())])
    score = float(found.score[worst])
    believed = bool(found.believed[worst])
    return Other(score=score, size=int(found.size[worst]), believed=believed) if score else None


class OrderRescorer(Rescorer):
    """Scores one order, with this or that of its member taken away.

    Args:
        local: The member's part of the graph, with the order's record.
        rings: What rings say of the order.
        scorer: Asked with the columns of ``OrderColumns``, which hold the structure too.
    """

    least = 0.001

    def __init__(self, local: Local, rings: OrderCompany, scorer: Scorer) -> None:
        super().__init__(local, rings.own, scorer)
        self.rings = rings

    def risk_in_group(self, outcome: Outcome, structure: float) -> float:
        """Return the risk, all else being as it is, in a candidate ring of this score."""
        values = outcome.values.copy()
        values[self.names.index(STRUCTURE[0])] = structure
        return super().risk_in_group(replace(outcome, values=values), structure)

    def _described(self, removals: Sequence[Removal]) -> tuple[Features, Floats]:
        features = features_without(self.local, removals)
        rings = np.array([self.rings.columns(one) for one in removals], dtype=np.float32)
        values = np.concatenate([features.values, rings], axis=1)
        found = Features(names=(*features.names, *STRUCTURE), values=values)
        return found, rings[:, 0].astype(np.float64)


def ring_candidates(rescorer: OrderRescorer) -> Iterator[Candidate]:
    """Tell of the company of others on each identifier of the order, and on all of them."""
    trees, others = rescorer.scorer.trees, rescorer.rings.others
    if trees is None or _OTHER not in trees.names:
        return
    columns = (trees.names.index(_OTHER),)
    ranked = sorted(others, key=lambda tie: (-others[tie].score, tie))
    # Behind the worst are others: all of the first so many go together.
    for end in range(1, len(ranked) + 1):
        ties, worst = ranked[:end], others[ranked[0]]
        kind = "that looks like a ring" if worst.believed else "with something suspicious in common"
        first, *more = (f"{tie.type} {name(key_of(tie, rescorer.local))}" for tie in ties)
        text = f"another member, of a group of {worst.size:,} {kind}, had used {first} before"
        yield Candidate(
            code=f"RING_ON_{ranked[0].type.upper()}",
            text=f"{text}; members of such groups {names(more)}, too" if more else text,
            removal=Removal(ties=frozenset(ties)),
            columns=columns,
        )
