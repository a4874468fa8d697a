"""What is said of encoded nodes: a score of each, or of pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NodeHead(nn.Module):
    """One hidden layer, then one logit a node."""

    def __init__(self, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Dropout(dropout), nn.Linear(channels, 1)
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Return float32 [nodes] from float32 [nodes, channels]."""
        result: Tensor = self.layers(vectors).squeeze(-1)
        return result


class LinkHead(nn.Module):
    """Members and products as points of one space; a pair's logit is their product.

    Each side has a projection of its own, and vectors of length 1 under a learned temperature, so
    that a popular product is not near to everybody by its length alone.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.member = nn.Linear(channels, channels)
        self.product = nn.Linear(channels, channels)
        self.scale = nn.Parameter(torch.full((1,), 2.5))

    def members(self, vectors: Tensor) -> Tensor:
        """Return points of length ``exp(scale)``, float32 [members, channels]."""
        return nn.functional.normalize(self.member(vectors), dim=-1) * self.scale.exp()

    def products(self, vectors: Tensor) -> Tensor:
        """Return points of length 1, float32 [products, channels]."""
        return nn.functional.normalize(self.product(vectors), dim=-1)

    def forward(self, members: Tensor, products: Tensor) -> Tensor:
        """Return a logit a pair, float32 [pairs], of points from ``members`` and ``products``."""
        return (members * products).sum(dim=-1)
