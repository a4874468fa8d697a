"""From a graph to described rings: found, described, the ones wanted returned best first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from graphml.config import RingConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import moment_of
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
from graphml.rings.networks import with_addresses
from graphml.rings.risk import with_risk
from graphml.rings.roles import members_of
from graphml.rings.scoring import judge
from graphml.rings.turns import chains_in_turn
from graphml.tables.frames import require_utc

_LEAST = 3
"""Fewest members of a ring that no chargeback touches."""
_DIGITS = 6
"""Of a ring's score."""

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
    found = find_candidates(graph, scores, config, as_of=as_of)
    return Extraction(rings=found.rings(config, previous), threshold=found.threshold)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """All groups as of a moment, found once; which of them are rings, a ``RingConfig`` says.

    Attributes:
        believed: The groups that are rings unless a setting says otherwise.
        others: Those too weak or too small, best first; nobody is in a group of ``believed`` too.
        threshold: The score from which a group is believed in.
    """

    believed: tuple[Group, ...]
    others: tuple[Group, ...]
    threshold: float
    as_of: datetime
    model: str | None
    graph: Graph = field(repr=False)
    market: Market = field(repr=False)

    def rings(self, config: RingConfig, previous: Sequence[Ring] = ()) -> list[Ring]:
        """Return the rings that ``config`` wants, best first.

        What is believed in is described and named before the others: a ring has the same members,
        roles and id whatever else is asked for.

        Raises:
            UsageError: ``previous`` know more than was known at the moment.
        """
        _require_known(self.as_of, "previous rings", previous)
        known = dossiers(self.graph, self.believed, self.market)
        rings = _described(known, usual_spread(known), self.as_of, self.model, previous)
        more = [group for group in self.others if self._is_wanted(group, config)]
        if more:
            ids = {ring.ring_id for ring in rings}
            left = [*rings, *(ring for ring in previous if ring.ring_id not in ids)]
            weak = dossiers(self.graph, more, self.market)
            usual = usual_spread([*known, *weak])
            rings += _described(weak, usual, self.as_of, self.model, left)
        wanted = (ring for ring in rings if _is_asked_for(ring, config))
        return sorted(wanted, key=_best_first)

    def _is_wanted(self, group: Group, config: RingConfig) -> bool:
        if config.min_score is None and group.score < self.threshold:
            return False
        if config.min_members is not None:
            return len(group.members) >= config.min_members
        return _is_large(group, self.market)

    @property
    def near(self) -> tuple[float, ...]:
        """Scores, at least half the threshold, of groups of three or more not believed in."""
        return tuple(
            round(group.score, _DIGITS)
            for group in self.others
            if len(group.members) >= _LEAST and 2 * group.score >= self.threshold
        )


def find_candidates(
    graph: Graph, scores: Scores | None, config: RingConfig, *, as_of: datetime
) -> Candidates:
    """Return all candidates as of a moment; of ``config``, ``allow`` and ``seed`` matter here.

    Raises:
        ValueError: ``as_of`` is naive.
        UsageError: ``scores`` know more than was known by ``as_of``.
    """
    now = graph.until(require_utc("as_of", as_of))
    _require_known(as_of, "scores", [scores] if scores else [])
    market = market_of(now)
    # An analyst's labels name a few rings and leave the others out: beside them the unlabelled
    # would look honest. Chargebacks come for all alike.
    unlabelled = replace(now, stated=now.stated.clear())
    allow = with_addresses(config.allow, now.nodes["ip"].keys)
    judged = judge(unlabelled, replace(config, allow=allow), as_of=as_of)
    found = with_risk(judged, scores, now.nodes["member"].keys) if scores else judged.groups
    found = merged(found, chains_in_turn(now, allow=allow, score=found.threshold))
    found = merged(found, charged_groups(now, found, market, allow=allow))
    found = confirmed(found, set(market.frauds["member"].to_list()))
    credible = [group for group in found.groups if group.score >= found.threshold]
    believed = [group for group in credible if _is_large(group, market)]
    taken = {id(group) for group in believed}
    in_step = accounts_in_step(now, credible, believed)
    believed += in_step
    busy = {member for group in in_step for member in group.members.tolist()}
    others = [
        group
        for group in found.groups
        if id(group) not in taken and busy.isdisjoint(group.members.tolist())
    ]
    logger.info("%d of %d groups believed in", len(believed), len(believed) + len(others))
    return Candidates(
        believed=tuple(believed),
        others=tuple(others),
        threshold=found.threshold,
        as_of=require_utc("as_of", as_of),
        model=scores.model if scores else None,
        graph=now,
        market=market,
    )


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
    known = dossiers(now, chosen, market_of(now))
    return _described(known, usual_spread(known), require_utc("as_of", as_of), model, previous)


def _require_known(as_of: datetime, what: str, given: Sequence[Scores | Ring]) -> None:
    later = max((one.as_of for one in given), default=as_of)
    if later > as_of:
        raise UsageError(
            f"{what} are as of {later.isoformat()}, after {as_of.isoformat()}",
            hint="what was not known yet may not decide",
        )


def _is_large(group: Group, market: Market) -> bool:
    charged = market.frauds["member"]
    return len(group.members) >= _LEAST or bool(charged.is_in(group.members.tolist()).any())


def _is_asked_for(ring: Ring, config: RingConfig) -> bool:
    return (
        ring.score >= (config.min_score or 0)
        and len(ring.members) >= (config.min_members or 0)
        and (not config.kinds or ring.kind in config.kinds)
    )


def _best_first(ring: Ring) -> tuple[float, list[str]]:
    return -ring.score, sorted(ring.member_ids)


def _described(
    known: Sequence[Dossier],
    usual: float,
    as_of: datetime,
    model: str | None,
    previous: Sequence[Ring],
) -> list[Ring]:
    rings = [_ring(dossier, usual, as_of, model) for dossier in known]
    return identify(sorted(rings, key=_best_first), previous)


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
        score=round(dossier.group.score, _DIGITS),
        score_kind="rank",
        members=members,
        shared=tuple(_shared(use) for use in dossier.uses if len(use.rows.members) > 1),
        amount_gross=amounts.gross,
        amount_net=amounts.net,
        currency=amounts.currency,
        first=moment_of(int(rows.time.min())) if len(rows) else as_of,
        last=moment_of(int(rows.time.max())) if len(rows) else as_of,
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
        first=moment_of(int(use.rows.time[0])),
        last=moment_of(int(use.rows.time[-1])),
        surprise=round(use.shared.surprise, 3),
    )
