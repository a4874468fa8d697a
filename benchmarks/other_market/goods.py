"""What is sold: products in categories, of sellers and brands, and how members choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.other_market.world import NONE, Floats, Integers, World


@dataclass(frozen=True, kw_only=True, slots=True)
class Goods:
    """One entry a product; the products of a category lie side by side, the popular ones first."""

    category: Integers
    brand: Integers
    seller: Integers
    price: Floats
    first: Integers
    many: Integers
    weight: Floats

    def of_category(self, rng: np.random.Generator, category: Integers) -> Integers:
        """Return a product of each category, popular ones more often."""
        skewed = rng.random(category.shape) ** 2.4
        return self.first[category] + (skewed * self.many[category]).astype(np.int64)

    def usual(self, rng: np.random.Generator, taste: Integers) -> Integers:
        """Return the dozen products that each member comes back to."""
        favourite = rng.integers(0, taste.shape[1], (len(taste), 12))
        return self.of_category(rng, np.take_along_axis(taste, favourite, axis=1))

    def choose(
        self, rng: np.random.Generator, taste: Integers, usual: Integers, repeat: float
    ) -> Integers:
        """Return a product for each row: from the usual list, the tastes, or anywhere."""
        count = len(taste)
        habit = usual[np.arange(count), (12 * rng.random(count) ** 1.7).astype(np.int64)]
        liked = taste[np.arange(count), rng.integers(0, taste.shape[1], count)]
        anywhere = rng.choice(len(self.weight), count, p=self.weight)
        category = np.where(rng.random(count) < 0.65, liked, anywhere)
        return np.where(rng.random(count) < repeat, habit, self.of_category(rng, category))

    def dear(self, rng: np.random.Generator, count: int) -> Integers:
        """Return products that resell well: among the dearest tenth."""
        return rng.choice(np.argsort(self.price)[-max(len(self.price) // 10, 20) :], count)

    def cheap(self, rng: np.random.Generator, count: int) -> Integers:
        """Return products of the cheaper half."""
        return rng.choice(np.argsort(self.price)[: len(self.price) // 2], count)

    def of_one_seller(self, rng: np.random.Generator, count: int) -> Integers:
        """Return up to ``count`` products of one of the smaller sellers."""
        sold = np.bincount(self.seller)
        seller = rng.choice(np.flatnonzero((sold >= 2) & (sold <= np.quantile(sold, 0.9))))
        return rng.permutation(np.flatnonzero(self.seller == seller))[:count]


def stock(world: World) -> Goods:
    """Return the products of the shop."""
    rng, style = world.rng, world.style
    weight = rng.dirichlet(np.full(style.categories, 1.5))
    many = np.maximum((weight * style.products).astype(np.int64), 4)
    total = int(many.sum())
    category = np.repeat(np.arange(style.categories), many)
    level = rng.normal(style.price[0], style.price[1], style.categories)
    price: Floats = np.exp(level[category] + rng.normal(0, 0.45, total)).round(2)
    seller = np.full(total, NONE, dtype=np.int64)
    if style.sellers:
        share = 1 / np.arange(1, style.sellers + 1) ** 0.8
        seller = rng.choice(style.sellers, total, p=share / share.sum())
    return Goods(
        category=category,
        brand=category * 8 + rng.geometric(0.35, total) % 8,
        seller=seller,
        price=price,
        first=np.concatenate([[0], np.cumsum(many)[:-1]]),
        many=many,
        weight=weight,
    )
