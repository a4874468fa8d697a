"""Link prediction: which product does this member buy next, told apart from time-safe others.

The words are the marketplace's; member and product stand for both ends of any edge type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph, reverse
from graphml.nn.tree import Tree
from graphml.sampling.loader import ahead
from graphml.sampling.negatives import Purchases, looked_at
from graphml.sampling.temporal import keys_of, order_codes
from graphml.schema import EdgeType
from graphml.tasks.labels import Labels
from graphml.training.metrics import ndcg_at
from graphml.training.network import Network, Reader
from graphml.training.questions import Ints, Seeds
from graphml.training.ranking import Ranking, ends_of, head_of, linked
from graphml.training.ranks import Ranks

_LIST = 20


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LinkBatch:
    """Purchases of a stretch of time, and the products they are told apart from.

    Attributes:
        members, products: Trees; the products' as of the first moment of the stretch.
        bought: Place among the products of each purchase's own, int64 [purchases].
        barred: Which products say nothing of which purchase: not there yet, or bought as well,
            bool [purchases, products].
        expected: log of how often each product is a candidate, float32 [products].
    """

    members: Tree
    products: Tree
    bought: Tensor
    barred: Tensor
    expected: Tensor


class LinkTask:
    """What training asks about purchases, or about pairs of any edge type; ``fit`` runs it.

    A batch is a stretch of time: its products are encoded as of its first moment, so that none
    knows what comes later. Candidates are the batch's own products, uniform ones, popular ones,
    and those that its members had looked at; the softmax is corrected for how often each comes up
    (Bengio, Senécal 2008; Yi et al. 2019).

    In a graph without time a batch is all pairs of one order (``in_batches`` makes such orders):
    neither end sees an edge of the batch, and what else a member is linked to is no candidate.

    Args:
        reader: Of the graph.
        train: Learned from.
        valid: Chosen by: the members who buy, as of their first moment, all products ranked.
        config: Of training.

    Raises:
        UsageError: There is no purchase to learn from.
    """

    metric = f"NDCG@{_LIST}"
    correction = 0.0

    def __init__(self, reader: Reader, train: Labels, valid: Labels, config: TrainConfig) -> None:
        self._reader = reader
        self._config = config
        graph = reader.graph
        self._about: EdgeType = train.about  # type: ignore[assignment]
        self._member, _, self._product = self._about
        self._drawn = Purchases(graph, self._about)
        codes = dict(zip(graph.events["order_id"], order_codes(graph).tolist(), strict=True))
        first = graph.nodes[self._product].first
        rows = train.rows
        members, products = ends_of(reader, train, config.seed)
        # What nobody had ever seen could not have been recommended.
        there = first[products.nodes] <= members.as_of
        if not there.any():
            raise UsageError(
                f"none of {len(rows)} purchases is of a product seen before",
                hint="a longer period of training",
            )
        order = np.array([codes.get(o, -1) if o is not None else -1 for o in rows["order_id"]])
        self._members = Seeds(
            nodes=members.nodes, as_of=members.as_of, key=members.key, order=order
        ).take(np.flatnonzero(there))
        self._products = products.nodes[there]
        self._names = graph.nodes[self._product].keys
        self._valid = Ranking.of(reader, valid, config.seed)
        self._edges = _Orders.of(graph, self._about) if graph.timeless else None

    def steps(self, epoch: int) -> list[Ints]:
        """Return the rows of each step of a pass: stretches of time in an order of chance."""
        rng = np.random.default_rng([self._config.seed, epoch])
        if self._reader.graph.timeless:
            order = self._members.order
            assert order is not None
            rows = np.argsort(order, kind="stable")
            parts = np.split(rows, np.flatnonzero(np.diff(order[rows])) + 1)
            return [parts[place] for place in rng.permutation(len(parts))]
        size = self._config.batch_size
        first = size - int(rng.integers(0, size))  # other cuts in each pass
        parts = np.split(np.arange(len(self._members)), range(first, len(self._members), size))
        return [parts[place] for place in rng.permutation(len(parts)) if len(parts[place])]

    def batches(self, parts: list[Ints], epoch: int) -> Iterator[LinkBatch]:
        """Yield each step's batch."""

        def make(rows: Ints) -> LinkBatch:
            return self._batch(rows, epoch)

        return ahead(make, parts)

    def _batch(self, rows: Ints, epoch: int) -> LinkBatch:
        seeds = self._members.take(rows, turn=epoch + 1)
        bought, as_of = self._products[rows], int(seeds.as_of.min())
        rng = np.random.default_rng([self._config.seed, epoch, int(rows[0])])
        count = self._config.candidates
        hidden = None
        if self._edges is not None and seeds.order is not None:
            hidden = self._edges.counted(int(seeds.order[0]))
        tree = self._reader.tree(self._member, seeds, hidden=hidden)
        first = self._reader.graph.nodes[self._product].first
        seen = _there(looked_at(tree.sample, self._product), first, as_of)
        others = [
            self._drawn.uniform(as_of, count, rng),
            self._drawn.popular(as_of, count, rng),
            rng.permutation(seen)[:count],
        ]
        candidates = np.unique(np.concatenate([bought, *others]))
        popularity = self._drawn.popularity(candidates, as_of)
        there = max(len(self._drawn.there(as_of)), 1)
        # Its own purchases count as popular draws; one as a floor for what nobody drew.
        expected = (len(bought) + count) * popularity + count / there
        products = Seeds(
            nodes=candidates,
            as_of=np.full(len(candidates), as_of),
            key=keys_of(
                self._names.gather(candidates),
                np.full(len(candidates), as_of),
                seed=self._config.seed + epoch,
            ),
            order=self._hidden(seeds, len(candidates)),
        )
        place = np.searchsorted(candidates, bought)
        return LinkBatch(
            members=tree,
            products=self._reader.tree(self._product, products, hidden=hidden),
            bought=self._here(place),
            barred=self._here(self._barred(seeds, candidates, place)),
            expected=self._here(np.log(expected).astype(np.float32)),
        )

    def _barred(self, seeds: Seeds, candidates: Ints, place: Ints) -> NDArray[np.bool_]:
        graph = self._reader.graph
        first = graph.nodes[self._product].first[candidates]
        barred = first[None, :] > seeds.as_of[:, None]
        # A member's other purchases of the same stretch are no products it did not want.
        nodes, member = np.unique(seeds.nodes, return_inverse=True)
        wanted = np.zeros((len(nodes), len(candidates)), dtype=bool)
        wanted[member, place] = True
        if graph.timeless:
            owner, other = linked(graph.edges[self._about], nodes)
            among = np.isin(other, candidates)
            wanted[owner[among], np.searchsorted(candidates, other[among])] = True
        barred |= wanted[member]
        barred[np.arange(len(place)), place] = False
        return barred

    def _hidden(self, seeds: Seeds, products: int) -> Ints | None:
        """Return the order that products must not see: in a graph without time, the batch's."""
        if not self._reader.graph.timeless or seeds.order is None:
            return None
        return np.full(products, seeds.order[0])

    def _here(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._reader.device)

    def loss(self, network: Network, batch: LinkBatch) -> Tensor:
        """Return the summed cross-entropy of a batch."""
        head = head_of(network)
        members = head.members(self._reader.vectors(network, batch.members))
        products = head.products(self._reader.vectors(network, batch.products))
        logits = members @ products.t() - batch.expected
        logits = logits.masked_fill(batch.barred, -1e9)
        return nn.functional.cross_entropy(logits, batch.bought, reduction="sum")

    def validate(self, network: Network, ranks: Ranks) -> float:
        """Return the NDCG of lists of 20, in [0, 1]."""
        return ndcg_at(*self._valid.ranks(self._reader, network, ranks), k=_LIST)


def _there(products: Ints, first: Ints, as_of: int) -> Ints:
    return products[first[products] <= as_of]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Orders:
    """The edges of one type by order.

    Attributes:
        about: The type.
        order: Codes, rising, int64 [edges].
        ends: Source and target of each edge, int64 [edges].
        counts: How many sources and targets there are.
    """

    about: EdgeType
    order: Ints
    ends: tuple[Ints, Ints]
    counts: tuple[int, int]

    @classmethod
    def of(cls, graph: Graph, about: EdgeType) -> _Orders:
        edges = graph.edges[about]
        order = order_codes(graph)[edges.event].astype(np.int64)
        rows = np.argsort(order, kind="stable")
        source = np.repeat(np.arange(edges.sources), np.diff(edges.indptr))
        counts = (len(graph.nodes[about[0]]), len(graph.nodes[about[2]]))
        ends = (source[rows], edges.target[rows].astype(np.int64))
        return cls(about=about, order=order[rows], ends=ends, counts=counts)

    def counted(self, order: int) -> dict[EdgeType, Ints]:
        """Return how many edges of an order each node has, for the type and its reverse."""
        low, high = np.searchsorted(self.order, [order, order + 1])
        types = (self.about, reverse(self.about))
        return {
            edge_type: np.bincount(end[low:high], minlength=count)
            for edge_type, end, count in zip(types, self.ends, self.counts, strict=True)
        }
