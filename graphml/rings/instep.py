"""Accounts in step: many new accounts that all buy within a minute of sign-up, in a few days.

Nobody signs up, chooses and pays within a minute by hand; where a checkout makes the account, many
do, but evenly over the days. So a day counts when far more accounts are in such haste than on the
market's usual days, and only when most of that day's hasty accounts are in groups found by what
they share: the rest, who share nothing that the tables record, then did as the rings did.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.rings.assemble import BELIEVED, to_score
from graphml.rings.groups import Group
from graphml.rings.market import CONVINCING, surprise
from graphml.rings.wording import DAY, MINUTE

_LEAST = 3


def accounts_in_step(
    graph: Graph, believed: Sequence[Group], returned: Sequence[Group]
) -> list[Group]:
    """Return one group for each stretch of days with accounts in step who are in no ring yet.

    Args:
        graph: As of the moment.
        believed: Groups, pairs too, that detection believes in.
        returned: Those of them that will be rings; their members stay where they are.
    """
    starts = _starts(graph)
    if starts.is_empty():
        return []
    tied, taken = _members(believed), _members(returned)
    starts = starts.with_columns(
        tied=pl.col("member").is_in(tied), taken=pl.col("member").is_in(taken)
    )
    days = starts.group_by("day").agg(
        opened=pl.len(),
        hasty=pl.col("hasty").sum(),
        tied=(pl.col("hasty") & pl.col("tied")).sum(),
    )
    hot = _hot(days.sort("day"))
    free = starts.filter(pl.col("hasty") & ~pl.col("taken"))
    return [
        group
        for stretch in hot
        if (group := _group(free.filter(pl.col("day").is_in(stretch["day"].implode())), stretch))
    ]


def is_in_step(group: Group) -> bool:
    """Return whether ``accounts_in_step`` made the group."""
    return "in_step" in group.signals


def _members(groups: Sequence[Group]) -> list[int]:
    return sorted({member for group in groups for member in group.members.tolist()})


def _starts(graph: Graph) -> pl.DataFrame:
    """Return member, day and whether the first purchase came within a minute, by first sign-up."""
    events = graph.events.select("member", "time", "kind")
    first = {
        kind: events.filter(pl.col("kind") == kind).group_by("member").agg(pl.col("time").min())
        for kind in ("signup", "purchase")
    }
    joined = first["signup"].join(first["purchase"], on="member", how="left", suffix="_bought")
    delay = (pl.col("time_bought") - pl.col("time")).dt.total_microseconds()
    return joined.select(
        "member",
        day=pl.col("time").dt.epoch("us") // DAY,
        hasty=delay.is_between(0, MINUTE).fill_null(value=False),
    ).sort("member")


def _hot(days: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the stretches of days with far more haste than usual, most of it tied already.

    Usual is the rate on the calmer half of the days (with one more hasty account than was seen).
    """
    rate = days["hasty"].to_numpy() / days["opened"].to_numpy()
    calm = days.filter(pl.Series(rate <= np.median(rate)))
    usual = (int(calm["hasty"].sum()) + 1) / (int(calm["opened"].sum()) + 1)
    days = days.with_columns(expected=pl.col("opened") * usual)
    unusual = [
        surprise(hasty, expected) >= CONVINCING and hasty > expected
        for hasty, expected in days.select("hasty", "expected").iter_rows()
    ]
    days = days.filter(pl.Series(unusual, dtype=pl.Boolean))
    stretches = days.with_columns(run=(pl.col("day").diff() > 1).fill_null(value=False).cum_sum())
    return [
        stretch
        for stretch in stretches.partition_by("run", maintain_order=True)
        if 2 * stretch["tied"].sum() >= stretch["hasty"].sum()
    ]


def _group(free: pl.DataFrame, stretch: pl.DataFrame) -> Group | None:
    """Return the hasty accounts of a stretch as a group; its nats are the odds against chance."""
    false = max(float(stretch["expected"].sum()), 1e-9)
    nats = float(np.log(max(free.height - false, 1e-9) / false))
    if free.height < _LEAST or nats < BELIEVED:
        return None
    members: NDArray[np.int64] = free["member"].sort().to_numpy().astype(np.int64)
    return Group(
        members=members,
        score=float(to_score(nats)),
        values=(),
        signals={"in_step": nats},
    )
