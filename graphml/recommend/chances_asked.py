"""Members, the products that sources name for them, and what they did with these within a horizon."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.recommend.candidates import Candidates
from graphml.recommend.history import done_after
from graphml.recommend.recommender import Shelf
from graphml.results import time_text
from graphml.tabular.flags import fraudulent, opted_out

Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]

KINDS = ("view", "cart", "purchase", "refund")
"""What may come true of a pair: an event of that kind, of the member with the product."""
EACH = 30
"""Products that each source names for a member: fewer than for lists, as most come to nothing."""
_MEMBERS = 8_000
"""Asked about at a moment, at most: of each a hundred pairs or so, with some seventy numbers each."""
_BLOCK = 1_024
"""Members at once."""
_SAID_EVERY = 2.0
"""Seconds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AskedPairs:
    """Pairs of members and products at moments, and what became of them.

    Attributes:
        member, product: Dense ids, int64 [pairs].
        names, values: What is known of them by then, float32 [pairs, names].
        did: Which came true within the horizon, bool [pairs, ``KINDS``].
        draw: By chance in [0, 1), float64 [pairs]: what thins them.
        members: How many members were asked about.
        done: How many pairs of each kind they made come true, named or not, int64 [``KINDS``].
    """

    member: Ints
    product: Ints
    names: tuple[str, ...]
    values: Matrix
    did: NDArray[np.bool_]
    draw: NDArray[np.float64]
    members: int
    done: Ints

    def __len__(self) -> int:
        return len(self.member)

    def of(self, kind: str) -> NDArray[np.bool_]:
        """Return which pairs came true, bool [pairs]."""
        column: NDArray[np.bool_] = self.did[:, KINDS.index(kind)]
        return column

    def thinned(self, share: float) -> AskedPairs:
        """Return all pairs of which anything came true, and a share of the others."""
        rows = self.did.any(axis=1) | (self.draw < share)
        return replace(
            self, member=self.member[rows], product=self.product[rows], values=self.values[rows],
            did=self.did[rows], draw=self.draw[rows],
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: list[AskedPairs]) -> AskedPairs:
        """Return the pairs of all parts; at least one part, all with the same columns."""
        sides: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("member", "product", "values", "did", "draw")
        }
        return cls(
            names=parts[0].names, members=sum(part.members for part in parts),
            done=np.sum([part.done for part in parts], axis=0), **sides,
        )  # fmt: skip


def ask(
    graph: Graph, moment: datetime, config: PropensityConfig, *, share: float = 1.0
) -> AskedPairs:
    """Return pairs as of a moment, and what members did within (moment, moment + horizon].

    Asked about are members there by the moment, whether they do anything or not, at most
    ``config.asked`` and no more than 8,000, drawn by chance; with the products that a source names
    for them. Who has opted out by then is not asked about; members known by then to be fraudulent
    neither count nor are asked about.

    Args:
        graph: That reaches beyond the horizon; pairs and their columns see ``graph.until(moment)``
            alone.
        moment: With a time zone.
        config: Horizon, counts and seed.
        share: Of the pairs that come to nothing, how many are returned, in (0, 1].

    Raises:
        NothingToDoError: Nobody is there by the moment, or no source names a product for anybody.
    """
    then = graph.until(moment)
    without = fraudulent(then)
    who = to_be_asked(then, without)
    known = microseconds(moment)
    if len(who) > (most := min(config.asked, _MEMBERS)):
        rng = np.random.default_rng([config.seed, known])
        who = np.sort(rng.choice(who, most, replace=False))
    shelf = Shelf.of(then, without=without)
    made = [_made(graph, kind, moment, config.horizon_days, who) for kind in KINDS]
    width, drawn = shelf.history.shape[1], np.random.default_rng([config.seed, known, 1])
    parts = []
    for found, values in described(shelf, who):
        keys = found.member * width + found.product
        part = AskedPairs(
            member=found.member, product=found.product, names=shelf.names, values=values,
            did=np.column_stack([np.isin(keys, one) for one in made]),
            draw=drawn.random(len(keys)), members=0, done=np.zeros(len(KINDS), np.int64),
        )  # fmt: skip
        parts.append(part if share == 1 else part.thinned(share))
    if not sum(map(len, parts)):
        raise NothingToDoError(
            f"no source names a product for anybody by {time_text(moment)}",
            hint="purchases with product_id, or a later moment",
        )
    asked = replace(
        AskedPairs.joined(parts), members=len(who), done=np.array([len(one) for one in made])
    )
    _log.info("%s: %d members, %d pairs", time_text(moment), len(who), len(asked))
    return asked


def _made(graph: Graph, kind: str, moment: datetime, days: int, who: Ints) -> Ints:
    """Return the keys of the pairs of which an event came within (moment, moment + days], each once."""
    member, product = done_after(graph, kind, moment, days)
    asked = np.isin(member, who)
    return np.unique(member[asked] * len(graph.nodes["product"]) + product[asked])


def to_be_asked(graph: Graph, without: NDArray[np.bool_]) -> Ints:
    """Return who is asked about and scored: the members there, but for those who opted out.

    Args:
        graph: As of a moment.
        without: Members who do not count, bool [members].
    """
    there = graph.nodes["member"].present & ~without & ~opted_out(graph)
    return np.flatnonzero(there).astype(np.int64)


def described(shelf: Shelf, members: Ints) -> Iterator[tuple[Candidates, Matrix]]:
    """Yield what a shelf says of members' candidates, so many members at a time; says how far.

    Args:
        shelf: Of a moment.
        members: Dense ids, sorted, int64 [members].
    """
    said = time.monotonic()
    for start in range(0, len(members), _BLOCK):
        yield shelf.described(members[start : start + _BLOCK], each=EACH)
        if time.monotonic() - said > _SAID_EVERY:
            said = time.monotonic()
            _log.info("%d of %d members", min(start + _BLOCK, len(members)), len(members))
