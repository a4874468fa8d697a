"""LightGCN: embeddings of members and products, smoothed over who has what (He et al. 2020)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphml.errors import ConfigError

Ints = NDArray[np.int64]

_TRIES = 100
"""Draws of a product that a member lacks; one who has nearly all may then get what it has."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LightGCNConfig:
    """How a LightGCN is trained; defaults are those of its authors for Gowalla."""

    channels: int = 64
    """Width of the embeddings."""
    layers: int = 3
    """How often they are smoothed."""
    batch: int = 2_048
    """Pairs a step."""
    learning_rate: float = 0.001
    """Of Adam."""
    decay: float = 0.0001
    """Penalty of the squared length of the embeddings that a step looks at."""
    spread: float = 0.1
    """Standard deviation of the embeddings at first."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("channels", "layers", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"lightgcn.{name} is {getattr(self, name)}", hint="at least 1")
        for name in ("learning_rate", "decay", "spread"):
            if not 0 <= getattr(self, name) <= 10:
                raise ConfigError(f"lightgcn.{name} is {getattr(self, name)}", hint="from 0 to 10")


class _Smooth(torch.autograd.Function):
    """Multiply by a symmetric sparse matrix; so is the gradient."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, values: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, ctx.matrix @ gradients[0].contiguous()


class LightGCN(nn.Module):
    """Embeddings of members and products, each the mean over layers of smoothed ones.

    A layer is the mean of the neighbours' embeddings, by the roots of both degrees; nothing else is
    learned, and there is no nonlinearity.

    Args:
        pairs: Who has what, scipy CSR [members, products]; entries that are not 0 count 1.
        config: Width, layers and seed.
    """

    def __init__(self, pairs: Any, config: LightGCNConfig) -> None:
        super().__init__()
        self.config = config
        self.members, self.products = pairs.shape
        generator = torch.Generator().manual_seed(config.seed)
        every = torch.empty(self.members + self.products, config.channels)
        self.embeddings = nn.Parameter(every.normal_(0, config.spread, generator=generator))
        self.register_buffer("adjacency", adjacency(pairs))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return embeddings of members and of products, [members, channels], [products, channels]."""
        layer = total = self.embeddings
        for _ in range(self.config.layers):
            layer = _Smooth.apply(self.adjacency, layer)
            total = total + layer
        mean = total / (self.config.layers + 1)
        return mean[: self.members], mean[self.members :]


def adjacency(pairs: Any) -> Tensor:
    """Return the normalised graph of members and products, sparse CSR float32 [both, both]."""
    found = pairs.tocsr(copy=True)
    found.sum_duplicates()
    found = found.tocoo()
    there = found.data != 0
    members, products = pairs.shape
    row, column = found.row[there].astype(np.int64), found.col[there].astype(np.int64) + members
    ends = np.concatenate([row, column])
    others = np.concatenate([column, row])
    degree = np.maximum(np.bincount(ends, minlength=members + products), 1)
    order = np.lexsort((others, ends))
    values = 1 / np.sqrt(degree[ends] * degree[others])
    bounds = np.searchsorted(ends[order], np.arange(members + products + 1))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(bounds), torch.from_numpy(others[order]),
            torch.from_numpy(values[order].astype(np.float32)),
            size=(members + products,) * 2, check_invariants=False,
        )  # fmt: skip


def train_lightgcn(
    model: LightGCN,
    pairs: Any,
    *,
    epochs: int,
    after: Callable[[int, float], None] | None = None,
) -> None:
    """Train a model by Bayesian personalised ranking (Rendle et al. 2009), in place.

    Each pair is told apart from one product that its member lacks, drawn evenly.

    Args:
        model: Of these pairs, on the device to train on.
        pairs: Who has what, scipy CSR [members, products].
        epochs: Passes over the pairs.
        after: Called after each pass with its number, from 1 on, and its mean loss.
    """
    config, device = model.config, model.embeddings.device
    csr = pairs.tocsr()
    csr.sort_indices()
    member = np.repeat(np.arange(csr.shape[0], dtype=np.int64), np.diff(csr.indptr))
    product = csr.indices.astype(np.int64)
    known = member * csr.shape[1] + product
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    rng = np.random.default_rng(config.seed)
    for epoch in range(1, epochs + 1):
        lacking = _lacking(member, csr.shape[1], known, rng)
        order, losses = rng.permutation(len(member)), []
        for begin in range(0, len(order), config.batch):
            rows = order[begin : begin + config.batch]
            who, has, lacks = (
                torch.from_numpy(part[rows]).to(device) for part in (member, product, lacking)
            )
            loss = _loss(model, who, has, lacks)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()) * len(rows))
        mean = sum(losses) / max(len(order), 1)
        _log.info("epoch %d: loss %.5f", epoch, mean)
        if after is not None:
            after(epoch, mean)


def _loss(model: LightGCN, who: Tensor, has: Tensor, lacks: Tensor) -> Tensor:
    members, products = model()
    gap = (members[who] * (products[has] - products[lacks])).sum(dim=1)
    own = model.embeddings
    places = (who, has + model.members, lacks + model.members)
    length = torch.stack([own[place].square().sum() for place in places]).sum() / (2 * len(who))
    return nn.functional.softplus(-gap).mean() + model.config.decay * length


def _lacking(member: Ints, products: int, known: Ints, rng: np.random.Generator) -> Ints:
    """Return for each pair a product that its member lacks; ``known`` is sorted."""
    drawn = rng.integers(0, products, len(member))
    for _ in range(_TRIES):
        keys = member * products + drawn
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        had = np.flatnonzero(known[place] == keys)
        if not len(had):
            break
        drawn[had] = rng.integers(0, products, len(had))
    return drawn
