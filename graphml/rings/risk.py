"""Groups once members' risk is known: weak ones raised, parts of a ring put together, members added.

Risk is read beside the groups that structure alone believes in: whoever is riskier than all but as
many members as those groups have is as risky as they are. So a rank serves as well as a
probability. What belongs together is told by a tie and by goods: whoever shares a value with a
group and buys what it aims at while it acts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from graphml.results import Scores
from graphml.rings.assemble import BELIEVED, shared_values
from graphml.rings.goods import Purchases, aims_of, excess, in_concert
from graphml.rings.groups import Group, Groups
from graphml.rings.scoring import Judged

_LEAST = 3
"""Fewest members of a group that is believed in for its risk."""
_FLOOR = -9.0
"""A cell of less nats ties nobody."""
_LIKELY = 0.3
"""Nor for less than this mean probability of fraud, where scores are probabilities."""
_MOST_CONCERT = 4.0
"""Hardly a group buys more in concert: without a chance even then, it is not looked at."""
_AIMED = 0.5
"""Least ln(1 + nats), a member, of how much is bought of the goods that a group aims at."""

# Log odds of belonging to a group, and of being a ring: fitted by logistic regression on made-up
# markets of 20,000 members, hard, seeds 11 to 16, and rounded; _WEAK is 1 less than fitted, so that
# hardly more of the benign are accused.
_TIE, _GOODS, _ALONE = 0.85, 3.0, -0.4
_PART_RISK, _PART = 1.0, 0.65
_CONCERT, _RISK, _NATS, _WEAK = 1.0, 2.7, 0.1, -1.5

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_log = logging.getLogger("graphml.rings")


def relative_risk(keys: pl.Series, scores: Scores, *, believed: int) -> Floats:
    """Return ln(``believed`` / members at least as risky) of each member, float64[members].

    0 for the last of as many as structure believes in, above 0 for riskier ones. Members without a
    score are taken for the least risky.

    Args:
        keys: Of all members.
        scores: Of members; other ids do not matter.
        believed: Members of groups that are believed in, at least 1.

    Raises:
        ValueError: ``believed`` is below 1.
    """
    if believed < 1:
        raise ValueError(f"believed is at least 1, got {believed}")
    value = _told(keys, scores)
    below = np.searchsorted(np.sort(value), value, "left")
    result: Floats = np.log(believed / (len(value) - below))
    return result


def _told(keys: pl.Series, scores: Scores) -> Floats:
    """Return each member's score, −infinity without one, float64[members]."""
    given = pl.DataFrame({"key": scores.ids, "score": scores.values})
    told = keys.to_frame("key").join(given, on="key", how="left", maintain_order="left")
    result: Floats = told["score"].fill_null(-np.inf).to_numpy()
    return result


def with_risk(judged: Judged, scores: Scores, keys: pl.Series) -> Groups:
    """Return the groups of ``judged`` as the members' risk lets them appear, best first.

    Weak groups of three or more are believed in when their members are about as risky as those of
    the groups believed in already, and not plainly honest, the more so when they buy in concert. Then groups, and members
    of no group believed in, join one that they share a value with and whose aims they share; risk
    speaks for weak groups there. A member is in one group, and nothing leaves a group that is
    believed in. Where no group is, or scores are of other units, all stays.

    Args:
        judged: Made without the scores, which rest on the same structure.
        scores: Of members; higher is riskier.
        keys: Of all members.
    """
    found = judged.groups
    believed = sum(len(g.members) for g in found.groups if g.score >= found.threshold)
    if scores.unit != "member" or not believed:
        return found
    known = _Known(
        judged=judged,
        purchases=Purchases.of(judged.life),
        places=_places(judged),
        risk=relative_risk(keys, scores, believed=believed),
        chance=_told(keys, scores) if scores.score_kind == "probability" else None,
    )
    groups = [_raised(group, known) for group in found.groups]
    raised = sum(one is not other for one, other in zip(groups, found.groups, strict=True))
    together = _put_together(sorted(groups, key=_best_first), known)
    groups = _with_members(together, known)
    _log.info(
        "%d weak groups raised, %d put into others", raised, len(found.groups) - len(together)
    )
    return replace(found, groups=tuple(sorted(groups, key=_best_first)))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Known:
    """What joining looks at.

    Attributes:
        places: Cell, member, nats and size of every cell that ties.
        risk: As ``relative_risk`` returns it.
        chance: Probability of fraud, float64[members]; ``None`` where scores are ranks.
    """

    judged: Judged
    purchases: Purchases
    places: pl.DataFrame
    risk: Floats
    chance: Floats | None

    @property
    def threshold(self) -> float:
        return self.judged.groups.threshold

    def mean_risk(self, group: Group) -> float:
        return float(self.risk[group.members].mean())


def _places(judged: Judged) -> pl.DataFrame:
    cells, nats = judged.cells, judged.nats
    kept = np.flatnonzero(nats[cells.cell] > _FLOOR)
    cell = cells.cell[kept]
    return pl.DataFrame(
        {"cell": cell, "member": cells.member[kept], "nats": nats[cell], "size": cells.size[cell]}
    )


def _raised(group: Group, known: _Known) -> Group:
    if group.score >= known.threshold or len(group.members) < _LEAST:
        return group
    if known.chance is not None and known.chance[group.members].mean() < _LIKELY:
        return group
    nats = float(sum(group.signals.values()))
    odds = _RISK * known.mean_risk(group) + _NATS * nats + _WEAK
    if odds < -_CONCERT * _MOST_CONCERT:
        return group
    if odds + _CONCERT * in_concert(group, known.purchases) <= 0:
        return group
    signals = {**group.signals, "risk": BELIEVED - nats}
    return replace(group, score=known.threshold, signals=signals)


def _put_together(groups: Sequence[Group], known: _Known) -> list[Group]:
    """Return ``groups``, best first, with those that join one believed in put into it."""
    first_weak = sum(group.score >= known.threshold for group in groups)
    unit = _owner(groups, len(known.risk))
    odds = _odds(groups[:first_weak], unit, known).filter(pl.col("group") != pl.col("unit"))
    risk = np.array([known.mean_risk(group) for group in groups])[odds["unit"].to_numpy()]
    weak = odds["unit"].to_numpy() >= first_weak
    odds = odds.with_columns(odds=pl.col("odds") + weak * (_PART_RISK * (risk + _PART)))
    joins = odds.filter(pl.col("odds") > 0)
    weakly = pl.col("unit") >= first_weak
    joins = pl.concat([joins.filter(~weakly), _best(joins.filter(weakly))])
    pairs = (joins["group"].to_numpy(), joins["unit"].to_numpy())
    graph = sparse.csr_array((np.ones(len(joins)), pairs), shape=(len(groups), len(groups)))
    _, component = connected_components(graph, directed=False)
    parts: dict[int, list[Group]] = {}
    for group, number in zip(groups, component.tolist(), strict=True):
        parts.setdefault(number, []).append(group)
    return _with_values([_union(part) for part in parts.values()], known)


def _union(parts: Sequence[Group]) -> Group:
    """Return the first of ``parts`` with the members of all."""
    if len(parts) == 1:
        return parts[0]
    return replace(parts[0], members=np.sort(np.concatenate([part.members for part in parts])))


def _with_members(groups: Sequence[Group], known: _Known) -> list[Group]:
    """Return ``groups`` with members of none that is believed in added to those that are."""
    believed = [group for group in groups if group.score >= known.threshold]
    weak = [group for group in groups if group.score < known.threshold]
    members = np.arange(len(known.risk))
    free = np.where(_owner(believed, len(members)) < 0, members, -1)
    odds = _odds(believed, free, known)
    joins = _best(odds.filter(pl.col("odds") > 0))
    new: dict[int, list[int]] = {}
    for group, member in joins.select("group", "unit").iter_rows():
        new.setdefault(group, []).append(member)
    grown = [
        replace(group, members=np.sort(np.append(group.members, new[n]))) if n in new else group
        for n, group in enumerate(believed)
    ]
    gone = joins["unit"].to_numpy()
    left = [replace(group, members=np.setdiff1d(group.members, gone)) for group in weak]
    return _with_values([*grown, *(group for group in left if len(group.members) > 1)], known)


def _odds(believed: Sequence[Group], unit: Ints, known: _Known) -> pl.DataFrame:
    """Return group, unit and odds, in nats, that the unit belongs to the group, of tied ones.

    Args:
        believed: Groups to join.
        unit: Number of the unit of each member, −1 for none.
        known: What there is to look at.
    """
    ties = _ties(known.places, _owner(believed, len(unit)), unit)
    counted = unit >= 0
    units = unit[counted]
    count = np.bincount(units)
    goods = np.zeros(len(ties))
    place = 0
    for (group,), rows in ties.group_by("group", maintain_order=True):
        aims = aims_of(believed[int(str(group))], known.purchases)
        # Member by member: one who is in both by mistake buys the goods of one alone.
        told = np.log1p(excess(aims.hits, aims.expected)[counted])
        asked = rows["unit"].to_numpy()
        goods[place : place + len(rows)] = np.bincount(units, told)[asked] / count[asked]
        place += len(rows)
    odds = _TIE * ties["nats"].to_numpy() + _GOODS * goods + _ALONE
    pairs = ties.select("group", "unit").with_columns(odds=pl.Series(odds, dtype=pl.Float64))
    return pairs.filter(pl.Series(goods >= _AIMED, dtype=pl.Boolean))


def _ties(places: pl.DataFrame, owner: Ints, unit: Ints) -> pl.DataFrame:
    """Return group, unit and nats of their best common cell, for those that have one.

    A cell counts for a group by how much of it is the group's: its nats and the log of that share.
    """
    member = places["member"].to_numpy()
    told = places.with_columns(group=pl.Series(owner[member]), unit=pl.Series(unit[member]))
    share = pl.len() / pl.col("size").first()
    groups = told.filter(pl.col("group") >= 0).group_by("cell", "group")
    worth = groups.agg(nats=pl.col("nats").first() + share.log())
    units = told.filter(pl.col("unit") >= 0).select("cell", "unit").unique()
    pairs = worth.join(units, on="cell").group_by("group", "unit").agg(pl.col("nats").max())
    return pairs.sort("group", "unit")


def _best(joins: pl.DataFrame) -> pl.DataFrame:
    """Return the best group of each unit."""
    order = joins.sort("odds", "group", "unit", descending=[True, False, False])
    return order.unique("unit", keep="first", maintain_order=True)


def _owner(groups: Sequence[Group], members: int) -> Ints:
    owner = np.full(members, -1)
    for number, group in enumerate(groups):
        owner[group.members] = number
    return owner


def _with_values(groups: Sequence[Group], known: _Known) -> list[Group]:
    """Return ``groups`` with what their members share now."""
    owner = _owner(groups, len(known.risk))
    shared = shared_values(known.judged.ties, known.judged.bursts, owner)
    return [replace(g, values=tuple(shared.get(n, ()))) for n, g in enumerate(groups)]


def _best_first(group: Group) -> tuple[float, list[int]]:
    return -group.score, group.members.tolist()
