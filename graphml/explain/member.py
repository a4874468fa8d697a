"""Why a member has its score: reasons tested by taking their evidence away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from graphml.errors import UsageError, one_line
from graphml.explain.company import company_of
from graphml.explain.counterfactual import counterfactual
from graphml.explain.explanation import Against, Explanation
from graphml.explain.local import local
from graphml.explain.reasons import tested_reasons
from graphml.explain.rescoring import Floats, Outcome, Rescorer, Scorer
from graphml.explain.worlds import Removal
from graphml.graph.build import Graph
from graphml.results import ScoreKind
from graphml.rings.membership import Membership
from graphml.rings.wording import number
from graphml.tables.frames import require_utc
from graphml.tabular.aggregates import AGGREGATES
from graphml.tabular.flags import Flags, known_flags

_MOST_AGAINST = 4
_LEAST_AGAINST = 0.05
_EVEN = 0.5
"""The structure's score that speaks neither for nor against."""


def explain_member(
    graph: Graph,
    member_id: str,
    *,
    as_of: datetime,
    scorer: Scorer,
    company: Membership,
    threshold: float,
    flags: Flags | None = None,
    score_kind: ScoreKind = "probability",
) -> Explanation:
    """Return why a member has its score as of a moment, and what would change it.

    A reason counts when without its evidence (the records, or the member's ties to the identifiers
    that it names) the risk falls by ``LEAST_FALL`` log-odds, and what it says itself counts for
    less, too.

    Args:
        graph: A marketplace with time, of which what comes after ``as_of`` is not looked at.
        member_id: As the tables have it.
        as_of: The last moment known, inclusive, with a time zone.
        scorer: What scores the member.
        company: Candidate rings as of the same moment.
        threshold: From which score on a member is flagged.
        flags: Who is known to be fraudulent since when; the graph's labels if omitted. To explain
            many, work them out once.
        score_kind: What the score is called.

    Raises:
        ValueError: ``as_of`` is naive.
        UsageError: There is no such member by then, or ``company`` is of another moment or graph.
    """
    as_of = require_utc("as_of", as_of)
    if company.candidates.as_of != as_of:
        raise UsageError(
            f"rings are as of {company.candidates.as_of.isoformat()}, not {as_of.isoformat()}",
            hint="find them as of the moment that is explained",
        )
    now = graph.until(as_of)
    if len(company.group) != len(now.nodes["member"]):
        raise UsageError("rings are of a graph with other members", hint="find them in this one")
    member = _place(now, member_id, as_of)
    around = local(now, member, as_of=as_of, flags=flags or known_flags(graph))
    rescorer = Rescorer(around, company_of(company, member, around), scorer)
    before = rescorer.after([Removal()])[0]
    told = rescorer.contributions([before])[0]
    return Explanation(
        member_id=member_id,
        score=before.score,
        score_kind=score_kind,
        as_of=as_of,
        model=scorer.name,
        threshold=threshold,
        reasons=tested_reasons(rescorer, before, told, now, more=()),
        counterfactual=counterfactual(rescorer, threshold=threshold),
        against=tuple(speaking_against(rescorer, before, told)),
    )


def _place(now: Graph, member_id: str, as_of: datetime) -> int:
    nodes = now.nodes["member"]
    place = nodes.keys.index_of(member_id)
    # Of a member who comes later nothing is told, not even that.
    if place is None or not nodes.present[place]:
        raise UsageError(
            f"no member {one_line(member_id)} by {as_of.isoformat()}",
            hint="an id of the events, or a later as_of",
        )
    return int(place)


def speaking_against(rescorer: Rescorer, before: Outcome, told: Floats) -> Iterator[Against]:
    """Tell what lowers the log-odds most, and that a member is in no candidate ring."""
    trees = rescorer.scorer.trees
    found = [_no_ring(rescorer, before)] if not before.structure else []
    for name, lowers in zip(trees.names if trees else (), (-told).tolist(), strict=True):
        value = float(before.values[rescorer.names.index(name)])
        if name in AGGREGATES and not np.isnan(value):
            text = f"{name.replace('_', ' ')} is {number(value)}: {AGGREGATES[name].definition}"
            found.append(Against(code=name.upper(), text=text, lowers=lowers))
    found = [one for one in found if one.lowers >= _LEAST_AGAINST]
    yield from sorted(found, key=lambda one: (-one.lowers, one.code))[:_MOST_AGAINST]


def _no_ring(rescorer: Rescorer, before: Outcome) -> Against:
    """Tell how much lower the risk is than in a group that speaks neither for nor against."""
    return Against(
        code="NO_RING", text="in no candidate ring: shares nothing suspicious with others",
        lowers=rescorer.risk_in_group(before, _EVEN) - before.risk,
    )  # fmt: skip
