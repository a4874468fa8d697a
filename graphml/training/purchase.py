"""Link prediction: which product does this member buy next, told apart from time-safe others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.graph.nodes import microseconds
from graphml.nn.heads import LinkHead
from graphml.nn.tree import Tree
from graphml.sampling.loader import ahead
from graphml.sampling.negatives import Purchases, looked_at
from graphml.sampling.temporal import keys_of, order_codes
from graphml.tasks.labels import Labels
from graphml.training.fraud import encode_all
from graphml.training.metrics import ndcg_at
from graphml.training.network import Network, Reader
from graphml.training.questions import Ints, Seeds, seeds_of
from graphml.training.ranks import Ranks, spread

_VALIDATED = 2_000
"""Members that validation looks at, at most."""
_LIST = 20

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PurchaseBatch:
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


class PurchaseTask:
    """What training asks about purchases; ``fit`` runs it.

    A batch is a stretch of time: its products are encoded as of its first moment, so that none
    knows what comes later. Candidates are the batch's own products, uniform ones, popular ones,
    and those that its members had looked at; the softmax is corrected for how often each comes up
    (Bengio, Senécal 2008; Yi et al. 2019).

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
        self._drawn = Purchases(graph)
        codes = dict(zip(graph.events["order_id"], order_codes(graph).tolist(), strict=True))
        first = graph.nodes["product"].first
        rows = train.rows
        members = seeds_of(graph, "member", rows["member_id"], rows["as_of"], seed=config.seed)
        products = seeds_of(graph, "product", rows["product_id"], rows["as_of"], seed=config.seed)
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
        self._names = graph.nodes["product"].keys
        self._valid = Ranking.of(reader, valid, config.seed)

    def steps(self, epoch: int) -> list[Ints]:
        """Return the rows of each step of a pass: stretches of time in an order of chance."""
        rng = np.random.default_rng([self._config.seed, epoch])
        size = self._config.batch_size
        first = size - int(rng.integers(0, size))  # other cuts in each pass
        parts = np.split(np.arange(len(self._members)), range(first, len(self._members), size))
        return [parts[place] for place in rng.permutation(len(parts)) if len(parts[place])]

    def batches(self, parts: list[Ints], epoch: int) -> Iterator[PurchaseBatch]:
        """Yield each step's batch."""

        def make(rows: Ints) -> PurchaseBatch:
            return self._batch(rows, epoch)

        return ahead(make, parts)

    def _batch(self, rows: Ints, epoch: int) -> PurchaseBatch:
        seeds = self._members.take(rows, turn=epoch + 1)
        bought, as_of = self._products[rows], int(seeds.as_of.min())
        rng = np.random.default_rng([self._config.seed, epoch, int(rows[0])])
        count = self._config.candidates
        tree = self._reader.tree("member", seeds)
        seen = _there(looked_at(tree.sample), self._reader.graph.nodes["product"].first, as_of)
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
        )
        place = np.searchsorted(candidates, bought)
        return PurchaseBatch(
            members=tree,
            products=self._reader.tree("product", products),
            bought=self._here(place),
            barred=self._here(self._barred(seeds, candidates, place)),
            expected=self._here(np.log(expected).astype(np.float32)),
        )

    def _barred(self, seeds: Seeds, candidates: Ints, place: Ints) -> NDArray[np.bool_]:
        first = self._reader.graph.nodes["product"].first[candidates]
        barred = first[None, :] > seeds.as_of[:, None]
        # A member's other purchases of the same stretch are no products it did not want.
        _, member = np.unique(seeds.nodes, return_inverse=True)
        wanted = np.zeros((member.max() + 1, len(candidates)), dtype=bool)
        wanted[member, place] = True
        barred |= wanted[member]
        barred[np.arange(len(place)), place] = False
        return barred

    def _here(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._reader.device)

    def loss(self, network: Network, batch: PurchaseBatch) -> Tensor:
        """Return the summed cross-entropy of a batch."""
        head = _head(network)
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


def _head(network: Network) -> LinkHead:
    assert isinstance(network.head, LinkHead)
    return network.head


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ranking:
    """Who buys what after one moment, and all products that were there by then.

    Attributes:
        members: Who is asked, as of the moment.
        products: All that are there by then.
        owner: Place of each purchase's member, sorted, int64 [purchases].
        bought: Place of its product, int64 [purchases].
    """

    members: Seeds
    products: Seeds
    owner: Ints
    bought: Ints

    @classmethod
    def of(cls, reader: Reader, labels: Labels, seed: int, most: int = _VALIDATED) -> Ranking:
        """Return who of at most ``most`` members buys what, as of the first label's moment.

        Raises:
            UsageError: No member known by then buys a product known by then.
        """
        graph, rows = reader.graph, labels.rows
        as_of = microseconds(rows["as_of"].min())  # type: ignore[arg-type]
        first = graph.nodes["product"].first
        asked = seeds_of(graph, "member", rows["member_id"], rows["as_of"], seed=seed).nodes
        bought = seeds_of(graph, "product", rows["product_id"], rows["as_of"], seed=seed).nodes
        known = (graph.nodes["member"].first[asked] <= as_of) & (first[bought] <= as_of)
        pairs = np.unique(np.column_stack([asked[known], bought[known]]), axis=0)
        if not len(pairs):
            raise UsageError(
                "no member known before validation buys a product known before it",
                hint="a later --valid-from",
            )
        who = np.unique(pairs[:, 0])
        if len(who) > most:
            who = np.sort(np.random.default_rng(seed).choice(who, most, replace=False))
        pairs = pairs[np.isin(pairs[:, 0], who)]
        there = np.flatnonzero(first <= as_of)
        return cls(
            members=_as_of(graph.nodes["member"].keys, who, as_of, seed),
            products=_as_of(graph.nodes["product"].keys, there, as_of, seed),
            owner=np.searchsorted(who, pairs[:, 0]),
            bought=np.searchsorted(there, pairs[:, 1]),
        )

    def ranks(self, reader: Reader, network: Network, ranks: Ranks) -> tuple[Ints, Ints]:
        """Return the rank of each product bought, from 0, ties counted half, and whose it is."""
        head = _head(network)
        with torch.no_grad():
            products = torch.cat(
                [head.products(v) for v in encode_all(reader, network, "product", self.products)]
            )
            mine = spread(len(self.members), ranks)
            blocks = encode_all(reader, network, "member", self.members.take(mine))
            vectors = torch.cat([head.members(v) for v in blocks])
        vectors = ranks.gather(vectors, len(self.members))
        return self._ranked(lambda member: (products @ vectors[member]).cpu().numpy()), self.owner

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
        bounds = np.searchsorted(self.owner, np.arange(len(self.members) + 1))
        for member in range(len(self.members)):
            scores = scores_of(member)
            for pair in range(bounds[member], bounds[member + 1]):
                own = scores[self.bought[pair]]
                found[pair] = (scores > own).sum() + ((scores == own).sum() - 1) // 2
        return found


def _as_of(names: object, nodes: Ints, as_of: int, seed: int) -> Seeds:
    moments = np.full(len(nodes), as_of)
    return Seeds(
        nodes=nodes.astype(np.int64),
        as_of=moments,
        key=keys_of(names.gather(nodes), moments, seed=seed),  # type: ignore[attr-defined]
    )
