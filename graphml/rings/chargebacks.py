"""Groups around known chargebacks: who shares a rare identifier with a member whose order was fraud.

A shared identifier counts for as long as the data do not speak against it: of the other members
on identifiers of its type that a fraudulent member used, the share who are known as fraudulent
themselves must not be surely below one half (95 %, Wilson 1927). In a large market with honest
chargebacks most who share a home with a victim have none, so homes tie nobody here. An analyst's
labels never speak against an identifier: only where no chargeback is known are they the test too.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graphml.graph.build import Graph
from graphml.rings.groups import Group, Groups, SharedEvidence
from graphml.rings.market import Market, lower_bound
from graphml.rings.merging import believed_members
from graphml.schema import MARKETPLACE

_HOPS = 2
"""From the member with a chargeback to the farthest: over one member in between."""
_RARE = 5
"""Most members of an identifier that ties anybody here."""
_HALF = 0.5


def charged_groups(
    graph: Graph, found: Groups, market: Market, *, allow: frozenset[tuple[str, str]]
) -> list[Group]:
    """Return the groups around known chargebacks, of members who are in no group believed in.

    Args:
        graph: As of the moment.
        found: By detection.
        market: Of the same graph.
        allow: (type, id) pairs that tie nobody.
    """
    charged = set(market.frauds["member"].to_list())
    if not charged:
        return []
    believed = believed_members(found)
    uses = _rare_uses(graph, allow)
    charges = market.frauds.drop_nulls("event_id")["member"].to_list()
    trust = _trust(uses, charged, tested=set(charges) or charged)
    uses = uses.filter(
        pl.col("type").is_in(sorted(trust)) & ~pl.col("member").is_in(sorted(believed))
    )
    reached = _reached(uses, sorted(charged - believed))
    uses = uses.filter(pl.col("member").is_in(sorted(reached)))
    uses = uses.filter(pl.len().over("type", "value") > 1).sort("type", "value", "member")
    return [] if uses.is_empty() else _components(uses, trust, charged, found.threshold)


def _rare_uses(graph: Graph, allow: frozenset[tuple[str, str]]) -> pl.DataFrame:
    """Return type, value, member, start, end for every identifier of two to five members."""
    parts = []
    strangers = _allowed(graph, "member", allow)
    for node in MARKETPLACE.identifiers:
        uses = graph.events.select("member", "time", value=node).drop_nulls()
        uses = uses.filter(
            ~pl.col("value").is_in(_allowed(graph, node, allow))
            & ~pl.col("member").is_in(strangers)
        )
        time = pl.col("time").dt.epoch("us")
        seats = uses.group_by("value", "member").agg(start=time.min(), end=time.max())
        seats = seats.filter(pl.len().over("value").is_between(2, _RARE))
        parts.append(seats.select(pl.lit(node).alias("type"), "value", "member", "start", "end"))
    return pl.concat(parts)


def _allowed(graph: Graph, node: str, allow: frozenset[tuple[str, str]]) -> list[int]:
    ids = [id_ for type_, id_ in allow if type_ == node]
    return graph.nodes[node].keys.is_in(ids).arg_true().to_list()


def _trust(uses: pl.DataFrame, charged: set[int], *, tested: set[int]) -> dict[str, float]:
    """Return, by identifier type that still counts, how far its ties may be believed, in (0, 1).

    Args:
        uses: Type, value and member.
        charged: Members known as fraudulent.
        tested: Those of them whose values are looked at.
    """
    marked = uses.with_columns(fraud=pl.col("member").is_in(sorted(charged)))
    touched = marked.filter(pl.col("member").is_in(sorted(tested)).any().over("type", "value"))
    # Of each touched value one fraudulent member is the known one; the others are the test.
    counts = touched.group_by("type").agg(
        others=pl.len() - pl.struct("type", "value").n_unique(),
        frauds=pl.col("fraud").sum() - pl.struct("type", "value").n_unique(),
    )
    seen = {node: (others, frauds) for node, others, frauds in counts.iter_rows()}
    result = {}
    for node in MARKETPLACE.identifiers:
        others, frauds = seen.get(node, (0, 0))
        upper = 1 - lower_bound(others - frauds, others) if others else 1.0
        if upper >= _HALF:
            result[node] = (frauds + 1) / (others + 2)
    return result


def _reached(uses: pl.DataFrame, charged: list[int]) -> set[int]:
    """Return the members within two hops of a fraudulent one."""
    reached = set(charged)
    for _ in range(_HOPS):
        near = pl.col("member").is_in(sorted(reached)).any().over("type", "value")
        reached |= set(uses.filter(near)["member"].to_list())
    return reached


def _components(
    uses: pl.DataFrame, trust: dict[str, float], charged: set[int], threshold: float
) -> list[Group]:
    member = uses["member"].rank("dense").to_numpy().astype(np.int64) - 1
    value = uses.select(pl.struct("type", "value").rank("dense")).to_series().to_numpy()
    members = uses["member"].unique().sort().cast(pl.Int64).to_numpy()
    size = len(members) + int(value.max()) + 1
    edges = (np.ones(len(member)), (member, len(members) + value.astype(np.int64)))
    component = connected_components(coo_array(edges, shape=(size, size)), directed=False)[1]
    uses = uses.with_columns(component=pl.Series(component[member]))
    result = []
    for part in uses.partition_by("component", maintain_order=True):
        inside = np.unique(part["member"].cast(pl.Int64).to_numpy())
        if charged.isdisjoint(inside.tolist()):
            continue
        values = tuple(
            SharedEvidence(
                type=type_,
                value=value_,
                members=tuple(rows["member"].to_list()),
                start=int(rows["start"].to_numpy().min()),
                end=int(rows["end"].to_numpy().max()),
                surprise=0.0,
            )
            for (type_, value_), rows in part.group_by("type", "value", maintain_order=True)
        )
        best = max(trust[value.type] for value in values)
        result.append(
            Group(
                members=inside,
                score=threshold + (1 - threshold) * best * _HALF,
                values=values,
                signals={"chargeback": float(best)},
            )
        )
    return result
