"""Why an order or review has its score: reasons tested by taking their evidence away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphml.explain.counterfactual import counterfactual
from graphml.explain.explanation import Explanation
from graphml.explain.local import local_record, with_record
from graphml.explain.member import speaking_against
from graphml.explain.order_doubts import order_doubts
from graphml.explain.order_rings import OrderRescorer, order_company, ring_candidates
from graphml.explain.reasons import tested_reasons
from graphml.explain.rescoring import Scorer
from graphml.explain.worlds import Removal
from graphml.fraud.order_columns import OrderColumns
from graphml.graph.nodes import moment_of
from graphml.results import ScoreKind
from graphml.tabular.flags import Flags, known_flags


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderExplanation:
    """Why one order or review has its score.

    Attributes:
        id, unit, event_id: As ``score`` prints them.
        order_id: Of the order, or of the review's; ``None`` where there is none.
        exposure, currency: What it is about.
        known_until: Until when the model knows what happened, its choice included; an order by
            then is one that it may have learned from.
        why: Score, reasons and the rest, as of the microsecond before it.
    """

    id: str
    unit: str
    order_id: str | None
    event_id: str
    exposure: float
    currency: str | None
    known_until: datetime
    why: Explanation

    @property
    def seen(self) -> bool:
        """Whether the model knows what came after the order."""
        return self.known_until > self.why.as_of

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it; ids are those of the tables, whatever is in them."""
        return {
            "id": self.id,
            "unit": self.unit,
            "event_id": self.event_id,
            "exposure": round(self.exposure, 2),
            "currency": self.currency,
            "seen_in_training": self.seen,
            **self.why.to_json(),
        }


def explain_order(
    columns: OrderColumns,
    row: int,
    *,
    scorer: Scorer,
    threshold: float | None,
    flags: Flags | None = None,
    score_kind: ScoreKind = "probability",
) -> Explanation:
    """Return why an order or review has the score it had when it came in, and what would change it.

    A reason counts when without its evidence (records of the member strictly before the order, the
    member's ties to identifiers, the order's among them, or what the order states) the risk falls by
    ``LEAST_FALL`` log-odds, and what it says itself counts for less, too. Nothing else that came at
    the moment of the order or later is looked at.

    Args:
        columns: Of a graph; best with ``keep``, where several are explained.
        row: In its events, of an order's first purchase or a review.
        scorer: Asked with the columns of ``OrderColumns``.
        threshold: From which score on an order is flagged; ``None`` tells of no flag and of nothing
            that would clear it.
        flags: Who is known to be fraudulent since when; the graph's labels if omitted.
        score_kind: What the score is called.
    """
    graph = columns.graph
    member = int(graph.events["member"][row])
    now = with_record(graph, row)
    around = local_record(now, flags=flags or known_flags(graph))
    look = columns.look(around.moment)
    rings = order_company(graph, columns.company(look), around, member=member, row=row, look=look)
    rescorer = OrderRescorer(around, rings, scorer)
    before = rescorer.after([Removal()])[0]
    told = rescorer.contributions([before])[0]
    more = list(ring_candidates(rescorer))
    return Explanation(
        member_id=graph.nodes["member"].keys[member],
        score=before.score,
        score_kind=score_kind,
        as_of=moment_of(around.moment),
        model=scorer.name,
        threshold=threshold,
        reasons=tested_reasons(rescorer, before, told, now, more=more),
        counterfactual=(
            None if threshold is None else counterfactual(rescorer, threshold=threshold)
        ),
        against=(
            *order_doubts(now, around, member=member),
            *speaking_against(rescorer, before, told),
        ),
    )
