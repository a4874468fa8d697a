"""Ranking all products for members as of one moment, and where those they then bought stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphml.errors import UsageError
from graphml.graph.adjacency import Adjacency
from graphml.graph.nodes import microseconds
from graphml.nn.heads import LinkHead
from graphml.schema import EdgeType
from graphml.tasks.labels import Labels
from graphml.training.network import Network, Reader
from graphml.training.node import encode_all
from graphml.training.questions import Ints, Seeds, seeds_as_of, seeds_of
from graphml.training.ranks import Ranks, spread

_VALIDATED = 2_000
"""Members that validation looks at, at most."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ranking:
    """Who buys what after one moment, and all products that were there by then.

    Attributes:
        about: The edge type.
        members: Who is asked, as of the moment.
        products: All that are there by then.
        owner: Place of each purchase's member, sorted, int64 [purchases].
        bought: Place of its product, int64 [purchases].
        known: Places of members and of products that are edges already, and not asked about; none
            where a product may be bought again.
    """

    about: EdgeType
    members: Seeds
    products: Seeds
    owner: Ints
    bought: Ints
    known: tuple[Ints, Ints]

    @classmethod
    def of(cls, reader: Reader, labels: Labels, seed: int, most: int = _VALIDATED) -> Ranking:
        """Return who of at most ``most`` members buys what, as of the first label's moment.

        Raises:
            UsageError: No member known by then buys a product known by then.
        """
        graph = reader.graph
        about: EdgeType = labels.about  # type: ignore[assignment]
        member, _, product = about
        as_of = microseconds(labels.rows["as_of"].min())  # type: ignore[arg-type]
        first = graph.nodes[product].first
        asked, bought = (seeds.nodes for seeds in ends_of(reader, labels, seed))
        known = (graph.nodes[member].first[asked] <= as_of) & (first[bought] <= as_of)
        pairs = np.unique(np.column_stack([asked[known], bought[known]]), axis=0)
        if not len(pairs):
            raise UsageError(
                f"no {member} known before validation {about[1]} a {product} known before it",
                hint="a later --valid-from",
            )
        who = np.unique(pairs[:, 0])
        if len(who) > most:
            who = np.sort(np.random.default_rng(seed).choice(who, most, replace=False))
        pairs = pairs[np.isin(pairs[:, 0], who)]
        there = np.flatnonzero(first <= as_of)
        none = np.zeros(0, np.int64)
        owner, other = linked(graph.edges[about], who) if graph.timeless else (none, none)
        return cls(
            about=about,
            members=seeds_as_of(graph, member, who, as_of, seed=seed),
            products=seeds_as_of(graph, product, there, as_of, seed=seed),
            owner=np.searchsorted(who, pairs[:, 0]),
            bought=np.searchsorted(there, pairs[:, 1]),
            known=(owner, np.searchsorted(there, other)),
        )

    def ranks(self, reader: Reader, network: Network, ranks: Ranks) -> tuple[Ints, Ints]:
        """Return the rank of each product bought, from 0, ties counted half, and whose it is."""
        head = head_of(network)
        with torch.no_grad():
            products = torch.cat(
                [
                    head.products(v)
                    for v in encode_all(reader, network, self.about[2], self.products)
                ]
            )
            mine = spread(len(self.members), ranks)
            blocks = encode_all(reader, network, self.about[0], self.members.take(mine))
            vectors = torch.cat([head.members(v) for v in blocks])
        vectors = ranks.gather(vectors, len(self.members))
        found = self._ranked(lambda member: (products @ vectors[member]).float().cpu().numpy())
        return found, self.owner

    def ranks_by(self, scores: Floats, first: Sequence[Ints] = ()) -> Ints:
        """Return the ranks by one score a product; ``first`` come before all others, by member."""

        def of(member: int) -> Floats:
            own = scores.astype(np.float64, copy=True)
            if len(first):
                own[first[member]] += 1 + scores.max(initial=0)
            return own

        return self._ranked(of)

    def _ranked(self, scores_of: Callable[[int], Floats]) -> Ints:
        found = np.empty(len(self.owner), dtype=np.int64)
        every = np.arange(len(self.members) + 1)
        bounds, seen = np.searchsorted(self.owner, every), np.searchsorted(self.known[0], every)
        for member in range(len(self.members)):
            scores = scores_of(member)
            own_already = self.known[1][seen[member] : seen[member + 1]]
            scores[own_already] = -np.inf
            for pair in range(bounds[member], bounds[member + 1]):
                own = scores[self.bought[pair]]
                found[pair] = (scores > own).sum() + ((scores == own).sum() - 1) // 2
        return found


def ends_of(reader: Reader, labels: Labels, seed: int) -> tuple[Seeds, Seeds]:
    """Return both ends of each pair that ``labels`` ask about."""
    rows = labels.rows
    one, other = (
        seeds_of(reader.graph, node_type, rows[column], rows["as_of"], seed=seed)
        for node_type, column in zip(labels.node_types, rows.columns[:2], strict=True)
    )
    return one, other


def linked(edges: Adjacency, nodes: Ints) -> tuple[Ints, Ints]:
    """Return all that ``nodes`` have edges to: places among ``nodes``, targets; int64 [edges]."""
    low, high = edges.indptr[nodes], edges.indptr[nodes + 1]
    count = high - low
    owner = np.repeat(np.arange(len(nodes)), count)
    place = np.arange(count.sum()) + np.repeat(low - (np.cumsum(count) - count), count)
    return owner, edges.target[place].astype(np.int64)


def head_of(network: Network) -> LinkHead:
    """Return the head of a network for links."""
    assert isinstance(network.head, LinkHead)
    return network.head
