"""Accounts in turn: each opened after the one before it was last used, tied by ever other identifiers.

Who drops an identity and takes the next keeps something of it: the phone, then the card, then the
door. Families share one home at the same time, and things sold second-hand tie two people alone.
So a chain counts from four accounts on, every two neighbours tied by an identifier that they alone
use, never of the same type twice running, no two accounts alive at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from graphml.graph.build import Graph
from graphml.rings.groups import Group, SharedEvidence

_STRONG = ("device", "card", "address", "phone", "email")
"""What one keeps; networks give the same address to one customer after the other."""
_LEAST = 4
_SIGNAL = "in_turn"
_AFTERMATH = ("chargeback", "refund")
"""Events that are not the member's own doing."""


class Link(NamedTuple):
    """Two accounts in turn, and the value that they alone use."""

    opened: int
    before: int
    after: int
    type: str
    value: int


def chains_in_turn(graph: Graph, *, allow: frozenset[tuple[str, str]], score: float) -> list[Group]:
    """Return the longest chains, each member in one at most.

    Args:
        graph: As of the moment.
        allow: (type, id) pairs that tie nobody.
        score: That the groups get.
    """
    chains = _chains(_links(graph, allow))
    chains.sort(key=lambda chain: (-len(chain), chain))
    taken: set[int] = set()
    result = []
    for chain in chains:
        members = [chain[0].before, *(link.after for link in chain)]
        if len(members) >= _LEAST and taken.isdisjoint(members):
            taken.update(members)
            result.append(_group(graph, chain, members, score))
    return result


def is_in_turn(group: Group) -> bool:
    """Return whether a group was found as a chain of accounts in turn."""
    return _SIGNAL in group.signals


def _links(graph: Graph, allow: frozenset[tuple[str, str]]) -> list[Link]:
    """Return the pairs who alone use a value, one after the other, by opening of the first."""
    own = ~pl.col("kind").cast(pl.String).is_in(_AFTERMATH)
    lives = (
        graph.events.filter(own)
        .group_by("member")
        .agg(opened=pl.col("time").min(), left=pl.col("time").max())
    )
    strangers = _allowed(graph, "member", allow)
    found: list[Link] = []
    for node in _STRONG:
        pairs = (
            graph.events.select("member", value=node)
            .drop_nulls()
            .filter(~pl.col("value").is_in(_allowed(graph, node, allow)))
            .unique()
            .filter(pl.len().over("value") == 2, ~pl.col("member").is_in(strangers))
            .join(lives, on="member")
            .sort("value", "opened", "member")
            .group_by("value", maintain_order=True)
            .agg(
                before=pl.col("member").first(),
                after=pl.col("member").last(),
                opened=pl.col("opened").first().dt.epoch("us"),
                apart=(pl.col("left").first() < pl.col("opened").last()) & (pl.len() == 2),
            )
            .filter("apart")
        )
        rows = pairs.select("opened", "before", "after", "value").iter_rows()
        found += [Link(opened, before, after, node, value) for opened, before, after, value in rows]
    return sorted(found)


def _allowed(graph: Graph, node: str, allow: frozenset[tuple[str, str]]) -> list[int]:
    ids = [id_ for type_, id_ in allow if type_ == node]
    return graph.nodes[node].keys.is_in(ids).arg_true().to_list()


def _chains(links: list[Link]) -> list[list[Link]]:
    """Return the longest chain from each link on; lives in turn make no circle."""
    following: dict[Link, Link] = {}
    lengths: dict[Link, int] = {}
    # By member and type, the link from there that the longest chain begins with.
    best: dict[int, dict[str, Link]] = {}
    for link in reversed(links):
        further = [n for type_, n in best.get(link.after, {}).items() if type_ != link.type]
        if further:
            following[link] = min(further, key=lambda n: (-lengths[n], n))
        lengths[link] = 1 + (lengths[following[link]] if further else 0)
        mine = best.setdefault(link.before, {})
        if link.type not in mine or lengths[mine[link.type]] <= lengths[link]:
            mine[link.type] = link
    return [_from(link, following) for link in links]


def _from(link: Link, following: dict[Link, Link]) -> list[Link]:
    chain = [link]
    while chain[-1] in following:
        chain.append(following[chain[-1]])
    return chain


def _group(graph: Graph, chain: list[Link], members: list[int], score: float) -> Group:
    values = []
    for link in chain:
        time = graph.events.filter(pl.col(link.type) == link.value)["time"].to_physical()
        values.append(
            SharedEvidence(
                type=link.type,
                value=link.value,
                members=tuple(sorted((link.before, link.after))),
                start=int(time[0]),
                end=int(time[-1]),
                surprise=0.0,
            )
        )
    return Group(
        members=np.array(sorted(members), dtype=np.int64),
        score=score,
        values=tuple(values),
        signals={_SIGNAL: float(len(members))},
    )
