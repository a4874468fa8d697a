"""Products: categories, brands, sellers, prices, and popularity that follows a power law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CATEGORIES: tuple[str, ...] = (
    "audio", "baby", "bags", "beauty", "bikes", "books", "cameras", "computers", "cooking",
    "fashion", "furniture", "games", "garden", "groceries", "health", "jewellery", "lighting",
    "office", "outdoor", "pets", "phones", "shoes", "sports", "tools", "toys", "watches",
)  # fmt: skip
_BRANDS_A_CATEGORY = 8
_DEAR = {"bikes", "cameras", "computers", "furniture", "jewellery", "phones", "watches"}


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Products in the order of category, then brand, so that both are ranges of rows.

    Attributes:
        category: Category of each product, a position in ``CATEGORIES``.
        brand: Brand of each product; brand ``b`` belongs to category ``b // 8``.
        seller: Seller of each product.
        price: In euros, two decimals.
        quality: Mean shift of the rating, about −1 to 1.
        popular: Running sum of popularity, one longer than the products.
        brand_start: First product of each brand, one longer than the brands.
    """

    category: Ints
    brand: Ints
    seller: Ints
    price: Floats
    quality: Floats
    popular: Floats
    brand_start: Ints

    def __len__(self) -> int:
        return len(self.price)

    @property
    def sellers(self) -> int:
        """How many sellers there are."""
        return int(self.seller.max()) + 1

    def draw(self, rng: np.random.Generator, low: Ints, high: Ints) -> Ints:
        """Return one product from each range of rows ``[low, high)``, by popularity."""
        before, after = self.popular[low], self.popular[high]
        at = before + rng.random(len(low)) * (after - before)
        found = np.searchsorted(self.popular, at, side="right") - 1
        return np.clip(found, low, np.maximum(high - 1, low))

    def of_category(self, category: Ints) -> tuple[Ints, Ints]:
        """Return the range of rows of each category."""
        first = category * _BRANDS_A_CATEGORY
        return self.brand_start[first], self.brand_start[first + _BRANDS_A_CATEGORY]

    def of_brand(self, brand: Ints) -> tuple[Ints, Ints]:
        """Return the range of rows of each brand."""
        return self.brand_start[brand], self.brand_start[brand + 1]


def make_catalogue(rng: np.random.Generator, members: int) -> Catalogue:
    """Return a catalogue that fits so many members: a product for every four, 600 or more."""
    count = max(600, members // 4)
    brands = len(CATEGORIES) * _BRANDS_A_CATEGORY
    share = rng.dirichlet(np.full(brands, 2.0))
    # Every brand has one product at least.
    brand = np.sort(
        np.concatenate((np.arange(brands), rng.choice(brands, count - brands, p=share)))
    )
    category = brand // _BRANDS_A_CATEGORY
    sellers = max(40, count // 15)
    reach = 1 / np.arange(1, sellers + 1) ** 0.7
    dear = np.array([name in _DEAR for name in CATEGORIES])
    price = np.exp(rng.normal(np.where(dear[category], 4.9, 3.1), 0.75))
    # Zipf's law over a random order.
    weight = 1 / (rng.permutation(count) + 3.0) ** 0.85
    return Catalogue(
        category=category,
        brand=brand,
        seller=rng.choice(sellers, count, p=reach / reach.sum()),
        price=np.round(np.clip(price, 1.5, 3_000), 2),
        quality=rng.normal(0, 0.4, count),
        popular=np.concatenate(([0.0], np.cumsum(weight))),
        brand_start=np.searchsorted(brand, np.arange(brands + 1)),
    )


BRANDS_A_CATEGORY = _BRANDS_A_CATEGORY
