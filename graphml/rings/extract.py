"""From a graph to described rings: found, described, the ones wanted returned best first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from graphml.config import RingConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.results import Ring, RingKind, Scores, SharedValue
from graphml.rings.amounts import amounts_of
from graphml.rings.chargebacks import charged_groups
from graphml.rings.departures import departed, usual_spread
from graphml.rings.dossier import Dossier, Use, dossiers
from graphml.rings.doubts import doubts
from graphml.rings.evidence import reasons
from graphml.rings.groups import Group, Groups
from graphml.rings.instep import accounts_in_step
from graphml.rings.kinds import kind_of
from graphml.rings.lifecycle import identify
from graphml.rings.market import Market, market_of
from graphml.rings.merging import confirmed, merged
from graphml.rings.roles import members_of
from graphml.rings.scoring import find_groups
from graphml.rings.turns import chains_in_turn
from graphml.rings.wording import moment
from graphml.tables.frames import require_utc

_LEAST = 3
"""Fewest members of a ring that no chargeback touches."""

logger = logging.getLogger("graphml.rings")


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """Rings, best first, and the score from which a group was believed in."""

    rings: list[Ring]
    threshold: float


def extract_rings(
    graph: Graph,
    scores: Scores | None,
    config: RingConfig,
    *,
    as_of: datetime,
    previous: Sequence[Ring] = (),
) -> list[Ring]:
    """Return the rings that are believed in as of a moment, best first; see ``extract``."""
    return extract(graph, scores, config, as_of=as_of, previous=previous).rings


def extract(
    graph: Graph,
    scores: Scores | None,
    config: RingConfig,
    *,
    as_of: datetime,
    previous: Sequence[Ring] = (),
) -> Extraction:
    """Return the rings as of a moment and the threshold; a member is in one ring.

    A ring has ``config.min_members`` members (unless given: three, or two when a chargeback or
    fraud label known by ``as_of`` touches it), and scores at least ``config.min_score``, or the
    threshold that the data set. Labels only add: what is believed in without them stays, and they
    bring groups around labelled members, and candidates that consist of them mostly.

    Args:
        graph: Events of which those up to ``as_of``, inclusive, are looked at.
        scores: Members' risk, where a model gives it.
        config: What counts and what is returned.
        as_of: The last moment known, with a time zone.
        previous: The rings of the last run, whose ids pass on.

    Raises:
        ValueError: ``as_of`` is naive.
        UsageError: ``scores`` or ``previous`` know more than was known by ``as_of``.
    """
    now = graph.until(require_utc("as_of", as_of))
    _require_known(as_of, "scores", [scores] if scores else [])
    _require_known(as_of, "previous rings", previous)
    market = market_of(now)
    # An analyst's labels name a few rings and leave the others out: beside them the unlabelled
    # would look honest. Chargebacks come for all alike.
    unlabelled = replace(now, stated=now.stated.clear())
    found = find_groups(unlabelled, config, as_of=as_of, scores=scores)
    found = merged(found, chains_in_turn(now, allow=config.allow, score=found.threshold))
    found = merged(found, charged_groups(now, found, market, allow=config.allow))
    charged = set(market.frauds["member"].to_list())
    found = confirmed(found, charged)
    least = found.threshold if config.min_score is None else config.min_score
    chosen = [
        group
        for group in found.groups
        if group.score >= least and _is_large(group, config.min_members, charged)
    ]
    believed = [group for group in found.groups if group.score >= found.threshold]
    chosen += [g for g in accounts_in_step(now, believed, chosen) if g.score >= least]
    logger.info("describing %d of %d groups", len(chosen), len(found.groups))
    rings = _describe(now, chosen, market, as_of, scores.model if scores else None, previous)
    wanted = [ring for ring in rings if not config.kinds or ring.kind in config.kinds]
    return Extraction(rings=wanted, threshold=found.threshold)


def describe(
    graph: Graph,
    groups: Groups | Sequence[Group],
    *,
    as_of: datetime,
    model: str | None = None,
    previous: Sequence[Ring] = (),
) -> list[Ring]:
    """Return every group as a ring with kind, roles, evidence and counter-evidence, best first.

    Args:
        graph: Events of which those up to ``as_of``, inclusive, are looked at.
        groups: A member may be in one at most.
        as_of: The last moment known, with a time zone.
        model: Whose scores entered, for the record.
        previous: The rings of the last run, whose ids pass on.

    Raises:
        ValueError: ``as_of`` is naive.
        UsageError: ``previous`` know more than was known by ``as_of``.
    """
    now = graph.until(require_utc("as_of", as_of))
    _require_known(as_of, "previous rings", previous)
    chosen = groups.groups if isinstance(groups, Groups) else groups
    return _describe(now, chosen, market_of(now), as_of, model, previous)


def _require_known(as_of: datetime, what: str, given: Sequence[Scores | Ring]) -> None:
    later = max((one.as_of for one in given), default=as_of)
    if later > as_of:
        raise UsageError(
            f"{what} are as of {later.isoformat()}, after {as_of.isoformat()}",
            hint="what was not known yet may not decide",
        )


def _is_large(group: Group, least: int | None, charged: set[int]) -> bool:
    if least is not None:
        return len(group.members) >= least
    return len(group.members) >= _LEAST or not charged.isdisjoint(group.members.tolist())


def _describe(
    graph: Graph,
    groups: Sequence[Group],
    market: Market,
    as_of: datetime,
    model: str | None,
    previous: Sequence[Ring],
) -> list[Ring]:
    known = dossiers(graph, groups, market)
    usual = usual_spread(known)
    rings = [_ring(dossier, usual, require_utc("as_of", as_of), model) for dossier in known]
    rings.sort(key=lambda ring: (-ring.score, sorted(ring.member_ids)))
    return identify(rings, previous)


def _ring(dossier: Dossier, usual: float, as_of: datetime, model: str | None) -> Ring:
    kind: RingKind = kind_of(dossier)
    late = departed(dossier, usual) if kind != "takeover" else frozenset[int]()
    members = members_of(dossier, kind, late)
    amounts = amounts_of(dossier)
    rows = dossier.rows.where(dossier.on_shared) if dossier.on_shared.any() else dossier.rows
    return Ring(
        ring_id="",
        kind=kind,
        status="new",
        score=round(dossier.group.score, 6),
        score_kind="rank",
        members=members,
        shared=tuple(_shared(use) for use in dossier.uses if len(use.rows.members) > 1),
        amount_gross=amounts.gross,
        amount_net=amounts.net,
        currency=amounts.currency,
        first=moment(int(rows.time.min())) if len(rows) else as_of,
        last=moment(int(rows.time.max())) if len(rows) else as_of,
        as_of=as_of,
        model=model,
        evidence=reasons(dossier),
        counter_evidence=doubts(dossier, kind, late),
    )


def _shared(use: Use) -> SharedValue:
    return SharedValue(
        type=use.type,
        id=use.id,
        members=len(use.rows.members),
        events=len(use.rows),
        first=moment(int(use.rows.time[0])),
        last=moment(int(use.rows.time[-1])),
        surprise=round(use.shared.surprise, 3),
    )
