"""What members did within a horizon after a moment: the answers that behaviour is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.config import PropensityConfig
from graphml.errors import NothingToDoError
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.results import time_text
from graphml.tabular.flags import known_flags

Ints = NDArray[np.int64]

EVENTS = ("view", "cart", "purchase", "refund")
"""Targets that come true with an event of that kind."""
CHURN = "churn"
"""Who bought lately and does not buy within the horizon; nobody else is asked."""
TARGETS = (*EVENTS, CHURN)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Asked:
    """Members at moments, and what they did after.

    Attributes:
        nodes: Dense ids, int64 [rows].
        as_of: Last moment that may be known, microseconds, int64 [rows].
        y: 1 where it came true within the horizon, NaN where it is not asked,
            float32 [rows, ``TARGETS``].
    """

    nodes: Ints
    as_of: Ints
    y: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.nodes)

    @classmethod
    def joined(cls, parts: list[Asked]) -> Asked:
        """Return the rows of all parts; at least one part."""
        return cls(
            nodes=np.concatenate([part.nodes for part in parts]),
            as_of=np.concatenate([part.as_of for part in parts]),
            y=np.concatenate([part.y for part in parts]),
        )


def there_by(graph: Graph, moment: int) -> Ints:
    """Return the members who are there by a moment, in microseconds; dense ids, int64."""
    return np.flatnonzero(graph.nodes["member"].first <= moment).astype(np.int64)


def lately(graph: Graph, moment: datetime, days: int) -> NDArray[np.bool_]:
    """Return who bought within so many days up to a moment, bool [members]."""
    return _who(graph, "purchase", moment - timedelta(days=days), moment)


def ask(graph: Graph, moment: datetime, config: PropensityConfig) -> Asked:
    """Return the members there by a moment, and what they did within the horizon after it.

    At most ``config.asked`` members, drawn by chance. Members known by then to be fraudulent are
    not asked: what farms and rings do says nothing about customers.

    Args:
        graph: That reaches beyond the horizon.
        moment: With a time zone.
        config: Horizon, counts and seed.

    Raises:
        NothingToDoError: No member is there by the moment.
    """
    known = microseconds(moment)
    who = there_by(graph, known)
    flagged = known_flags(graph).since(len(graph.nodes["member"])) <= known
    who = who[~flagged[who]]
    if not len(who):
        raise NothingToDoError(f"no member by {time_text(moment)}", hint="a later moment")
    if len(who) > config.asked:
        rng = np.random.default_rng([config.seed, known])
        who = np.sort(rng.choice(who, config.asked, replace=False))
    until = moment + timedelta(days=config.horizon_days)
    did = np.column_stack([_who(graph, kind, moment, until)[who] for kind in EVENTS])
    stays = did[:, EVENTS.index("purchase")]
    left = np.where(lately(graph, moment, config.active_days)[who], ~stays, np.nan)
    return Asked(
        nodes=who,
        as_of=np.full(len(who), known),
        y=np.column_stack([did, left]).astype(np.float32),
    )


def _who(graph: Graph, kind: str, after: datetime, until: datetime) -> NDArray[np.bool_]:
    """Return who has an event of a kind in (after, until], bool [members]."""
    rows = graph.events.filter(
        (pl.col("kind") == kind) & (pl.col("time") > after) & (pl.col("time") <= until)
    )
    result = np.zeros(len(graph.nodes["member"]), dtype=bool)
    result[rows["member"].drop_nulls().to_numpy()] = True
    return result
