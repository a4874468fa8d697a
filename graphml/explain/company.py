"""What holds a member in its candidate ring, and how suspicious its company is without that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.explain.local import Local, Tie
from graphml.explain.worlds import Removal
from graphml.rings.groups import Group, SharedEvidence
from graphml.rings.instep import is_in_step
from graphml.rings.market import seller_codes
from graphml.rings.membership import Membership
from graphml.rings.ties import SELLER
from graphml.rings.wording import MINUTE, count, name

SURPRISING = 1.0
"""Nats from which on a value alone holds a member in its group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Something that a member has in common with others of its group.

    Attributes:
        code: As in rings' evidence.
        text: What it is, in words.
        label: The same in two or three.
        surprise: −ln p of so many sharing it; 0 where nothing was measured.
        tie: The identifier, or ``None`` for behaviour:
        events: Rows of the local graph's events that are the behaviour.
        fragile: Whether one of these events less ends it.
    """

    code: str
    text: str
    label: str
    surprise: float
    tie: Tie | None = None
    events: frozenset[int] = frozenset()
    fragile: bool = False

    @property
    def removal(self) -> Removal:
        """What takes it away."""
        return Removal(ties=frozenset([self.tie] if self.tie else []), events=self.events)

    def stays(self, removal: Removal, local: Local) -> bool:
        """Return whether it is still there after a removal."""
        if self.tie is None:
            left = self.events - removal.events
            return len(left) == len(self.events) if self.fragile else bool(left)
        return _stays(self.tie, removal, local)


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """The group a member is in.

    Attributes:
        score: Of the group, in [0, 1]; 0 for a member in none.
        apart: The middle score of the groups that are not believed in: what a member gets who has
            left its group but still shares an identifier with somebody; ``score`` at most.
        size: Members of the group.
        believed: Whether it is a ring that ``detect-rings`` returns.
        holds: What holds the member in it, the most surprising first.
    """

    score: float = 0.0
    apart: float = 0.0
    size: int = 0
    believed: bool = False
    holds: tuple[Hold, ...] = ()

    def without(self, removal: Removal, local: Local) -> float:
        """Return the structure's score after a removal.

        A member stays in its group while it has one value in common with the others of it that
        surprises by a nat; where none does, any. Of 150 members of rings in five made-up
        marketplaces who lost some of their ties, detection run anew said the same of 91 %; the
        other rules tried: one value of any kind 89 %, two values 85 %.
        """
        if self.stays(removal, local):
            return self.score
        shares = any(others and _stays(tie, removal, local) for tie, others in local.others.items())
        return self.apart if shares else 0.0

    def stays(self, removal: Removal, local: Local) -> bool:
        """Return whether the member is still in its group after a removal."""
        if not self.holds:
            return True
        return any(hold.stays(removal, local) for hold in self.counted)

    @property
    def counted(self) -> tuple[Hold, ...]:
        """The holds that keep a member in its group each on its own."""
        strong = tuple(hold for hold in self.holds if hold.surprise >= SURPRISING)
        return strong or self.holds


def company_of(found: Membership, member: int, local: Local) -> Company:
    """Return the group of a member, and what holds it there.

    Args:
        found: Of the whole graph, as of the same moment.
        member: Dense id in the whole graph.
        local: The member's part of the graph.
    """
    place = int(found.group[member])
    if place < 0:
        return Company()
    first = len(found.candidates.believed)
    others = found.candidates.others
    group = others[place - first] if place >= first else found.candidates.believed[place]
    score, believed = float(found.score[member]), bool(found.believed[member])
    weak = float(np.median([other.score for other in others])) if others else 0.0
    return Company(
        score=score,
        apart=min(score, weak),
        size=len(group.members),
        believed=believed,
        holds=tuple(_holds(group, found, member, local, believed)),
    )


def _holds(
    group: Group, found: Membership, member: int, local: Local, believed: bool
) -> Iterator[Hold]:
    kind = "that looks like a ring" if believed else "with something suspicious in common"
    of = f"of a group of {len(group.members):,} {kind}"
    if is_in_step(group):
        yield from _in_step(local, of)
    for value in group.values:
        if member in value.members and len(value.members) > 1:
            yield from _held(value, found, local, of)


def _held(value: SharedEvidence, found: Membership, local: Local, of: str) -> Iterator[Hold]:
    graph = found.candidates.graph
    who = count(len(value.members) - 1, "other member")
    if value.type == SELLER:
        id_ = seller_codes(graph)[1][value.value]
        label, code = f"seller {name(id_)}", "REVIEWS_IN_STEP"
        events = _records(local, "review", _products_of(local, id_))
        text = f"reviewed seller {name(id_)} as {who} {of} did"
    elif value.type == "product":
        id_ = graph.nodes["product"].keys[value.value]
        place = local.graph.nodes["product"].keys.index_of(id_)
        label, code = f"product {name(id_)}", "PURCHASES_IN_STEP"
        events = _records(local, "purchase", np.array([place]))
        text = f"bought product {name(id_)} as {who} {of} did"
    else:
        tie = Tie(value.type, value.value)
        if tie in local.rows:
            id_ = graph.nodes[value.type].keys[value.value]
            label = f"{value.type} {name(id_)}"
            yield Hold(
                code=f"SHARED_{value.type.upper()}",
                text=f"shares {label} with {who} {of}",
                label=label,
                surprise=value.surprise,
                tie=tie,
            )
        return
    if events:
        yield Hold(code=code, text=text, label=label, surprise=value.surprise, events=events)


def _in_step(local: Local, of: str) -> Iterator[Hold]:
    """Tell of a first purchase within a minute of the first sign-up."""
    own = local.graph.events[local.own]
    rows = [np.flatnonzero((own["kind"] == kind).to_numpy()) for kind in ("signup", "purchase")]
    if not all(map(len, rows)):
        return
    signup, purchase = (int(found[0]) for found in rows)
    if 0 <= _time(own, purchase) - _time(own, signup) <= MINUTE:
        yield Hold(
            code="ACCOUNTS_IN_STEP",
            text=f"bought within 1 minute of sign-up, as all {of} did",
            label="haste",
            surprise=0.0,
            events=frozenset(local.own[[signup, purchase]].tolist()),
            fragile=True,
        )


def _time(events: pl.DataFrame, row: int) -> int:
    return int(events["time"].to_physical()[row])


def _records(local: Local, kind: str, products: NDArray[np.integer]) -> frozenset[int]:
    """Return the member's records of a kind about some products, as rows of the local graph."""
    own = local.graph.events[local.own]
    meant = (own["kind"] == kind) & own["product"].is_in(products.tolist())
    return frozenset(local.own[meant.fill_null(value=False).to_numpy()].tolist())


def _products_of(local: Local, seller: str) -> NDArray[np.integer]:
    sellers = local.graph.nodes["product"].features["seller_id"]
    return (sellers == seller).fill_null(value=False).arg_true().to_numpy()


def _stays(tie: Tie, removal: Removal, local: Local) -> bool:
    return tie not in removal.ties and not removal.events.issuperset(local.rows[tie].tolist())
