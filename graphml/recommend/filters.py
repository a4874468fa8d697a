"""Recommendations by one linear filter of who has what: fitted in seconds, new events count at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graphml.errors import ConfigError, UsageError
from graphml.recommend import spectral
from graphml.recommend.spectral import Floats, Ints, checked, power, scaled
from graphml.store.arrays import digest_of, load_arrays, save_arrays
from graphml.store.files import read_saved

FORMAT = 2
_ABOUT = "filter.json"
_MEASURED, _ROUNDING = 512, 1e-4
"""Members by whom the parts are brought to one scale, at most; what is no length."""
_HELD = 2**26
"""Scores held at once where rows are ranked."""
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("member_exponent", "far_exponent", "far_target"), (0, 1)),
    **dict.fromkeys(("near_source", "near_target"), (0, 2)),
    "near_power": (0.1, 4),
    "neighbours": (1, 1_000_000),
    "rank": (0, 4_096),
    "damping": (0, 1_000),
    "far_share": (0, 1),
    "sweeps": (1, 100),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterConfig:
    """How a filter is made; chosen on held-out training pairs of Gowalla (benchmarks/gowalla.py).

    An exponent of 0 lets all members or products count alike, 1 divides by how much they have.
    """

    member_exponent: float = 0.3
    """How little a member who has much says, 0 to 1."""
    near_source: float = 0.8
    """How little a widespread product of a history says in the near part, 0 to 2."""
    near_target: float = 0.18
    """How far a widespread product is held back when scored in the near part, 0 to 2."""
    near_power: float = 1.5
    """Power of what two products have in common in the near part, 0.1 to 4: the higher, the less
    many weak likenesses count beside a strong one."""
    neighbours: int = 500
    """Most products that one product speaks for in the near part, at least 1."""
    far_exponent: float = 0.4
    """How far widespread products are evened out where the far part looks for directions, 0 to 1."""
    far_target: float = 0.32
    """How far they are brought back when scored in the far part, 0 to 1."""
    rank: int = 1_024
    """Most directions of the far part, 0 to 4,096."""
    damping: float = 1.0
    """At how many times a product's mean strength a direction counts half; 0 to 1,000."""
    far_share: float = 0.55
    """Share of the far part: 0 for the near part alone, 1 for the far part alone."""
    sweeps: int = 3
    """How often the directions are refined, at least 1."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"filter.{name} is {value}", hint=f"between {low} and {high}")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LinearFilter:
    """Scores of all products by what somebody has, whether or not they were there when fitted.

    The score of a product is the sum, over the products of a history, of weight times what that
    product says: what each of them adds is the scores of a history that holds it alone.

    Attributes:
        near: What each product says of its neighbours, float32 CSR [products, products]; on the
            diagonal what the far part has it say of itself, to be taken off.
        directions: Of the far part, float32 [products, rank].
        source: How much each product of a history counts in the far part, float32 [products].
        target: By how much each product's far score is multiplied, float32 [products].
        config: How it was made.
    """

    near: sp.csr_matrix
    directions: Floats
    source: Floats
    target: Floats
    config: FilterConfig

    @property
    def products(self) -> int:
        """How many products it knows."""
        return len(self.source)

    def scores(self, histories: sp.csr_matrix) -> Floats:
        """Return how well each product suits each history, float32 [rows, products].

        Higher is better; comparable within a row. An empty history's scores are 0, and so are
        those of products that nobody had. All of it is held at once: see ``top``.

        Args:
            histories: Weight of each product somebody has, [rows, products]; 0 to 1e12.

        Raises:
            ValueError: Shape or weights are not as above.
        """
        return self._scores(checked("histories", histories, self.products))

    def top(
        self,
        histories: sp.csr_matrix,
        k: int,
        *,
        barred: sp.csr_matrix | None = None,
        block: int | None = None,
    ) -> tuple[Ints, Floats]:
        """Return the best products of each history and their scores, best first, [rows, k] both.

        Of equal scores the product of the lower number comes first, also where all are 0. Where
        fewer than ``k`` products are not barred, the rest is product -1 with score -inf.

        Args:
            histories: As for ``scores``.
            k: How many products, at least 1.
            barred: Products not to be named, [rows, products]: every entry that is not 0.
            block: Rows scored at a time, at least 1; if None, as many as take 256 MB.

        Raises:
            ValueError: Shapes, weights, ``k`` or ``block`` are not as above.
        """
        block = max(1, _HELD // self.products) if block is None else block
        if k < 1 or block < 1:
            raise ValueError(f"k and block are at least 1, got {k} and {block}")
        rows = checked("histories", histories, self.products)
        kept = None if barred is None else checked("barred", barred, self.products)
        if kept is not None and kept.shape != rows.shape:
            raise ValueError(f"barred has shape {kept.shape}, histories {rows.shape}")
        places = np.full((rows.shape[0], k), -1, dtype=np.int64)
        values = np.full((rows.shape[0], k), -np.inf, dtype=np.float32)
        for low in range(0, rows.shape[0], block):
            part = slice(low, low + block)
            scores = self._scores(rows[part])
            if kept is not None:
                out, product = kept[part].nonzero()
                scores[out, product] = -np.inf
            spectral.best(scores, places[part], values[part])
        return places, values

    @property
    def digest(self) -> str:
        """SHA-256 of settings and arrays, in hex."""
        return digest_of(self._arrays(), asdict(self.config))

    def save(self, folder: Path) -> None:
        """Write the filter into ``folder``, in place of one there; no pickle.

        The arrays lie in a file that is named by the filter's digest, all else in
        ``filter.json``, which is replaced last: the folder holds the old filter or the new one.

        Raises:
            StoreError: The disk is full; what was there before stays.
            StorePermissionError: The folder may not be written.
        """
        digest = self.digest
        about = {"format": FORMAT, "arrays": digest, "config": asdict(self.config)}
        save_arrays(folder / _ABOUT, self._arrays(), about, digest=digest)

    @classmethod
    def load(cls, folder: Path) -> LinearFilter:
        """Return the filter that ``save`` wrote.

        Raises:
            UsageError: There is none, or it is damaged, or of another format.
        """
        absent = UsageError(f"no filter in {folder}", hint="fit one, or name its folder")
        return read_saved(
            folder / _ABOUT, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "bounds": self.near.indptr.astype(np.int64),
            "neighbours": self.near.indices.astype(np.int32),
            "weights": self.near.data,
            "directions": self.directions,
            "source": self.source,
            "target": self.target,
        }

    def _scores(self, rows: sp.csr_matrix) -> Floats:
        found: Floats = (scaled(rows, self.source) @ self.directions) @ self.directions.T
        found *= self.target
        spectral.add_near(rows, self.near, found)
        return found


def fit_filter(matrix: sp.csr_matrix, config: FilterConfig) -> LinearFilter:
    """Return the filter of who has what: the sum of a near and of a far part.

    Near: products that the same members have, divided by powers of how much members have and how
    widespread products are, to a power as in Turbo-CF (Park et al. 2024). Far: the normalised matrix's strongest directions, weak ones damped
    as in ridge regression. With exponents of one half, no power and no damping this is GF-CF (Shen et al.
    2021). No product speaks for itself, as in EASE (Steck 2019). Both parts are brought to one
    mean length on members, then to their shares. The unit of the weights changes nothing.

    Args:
        matrix: Weight of each product a member has, [members, products]; 0 to 1e12.
        config: How it is made.

    Raises:
        ValueError: Shape or weights are not as above, or there is no product.
    """
    known = checked("matrix", matrix)
    known.eliminate_zeros()
    known.data /= max(known.data.max(initial=0.0), np.finfo(np.float32).tiny)
    spread = known.sum(axis=0)
    shares = sp.diags_array(power(known.sum(axis=1), -config.member_exponent)) @ known
    # The exponents are those of the weights, not of what is raised to a power.
    near = spectral.neighbours(
        scaled(shares, power(spread, -config.near_source / config.near_power)),
        scaled(shares, power(spread, -config.near_target / config.near_power)),
        config.neighbours,
    )
    near.data **= np.float32(config.near_power)
    source = power(spread, -config.far_exponent)
    far = spectral.directions(
        scaled(shares, source), config.rank,
        damping=config.damping, sweeps=config.sweeps, seed=config.seed,
    )  # fmt: skip
    target = power(spread, config.far_target)
    made = LinearFilter(near=near, directions=far, source=source, target=target, config=config)
    return _balance(made, known)


def _balance(made: LinearFilter, known: sp.csr_matrix) -> LinearFilter:
    """Return the filter with both parts in their shares, by mean length on members."""
    members = np.flatnonzero(np.diff(known.indptr))
    rows = known[members[:: max(1, -(-len(members) // _MEASURED))]]
    near = np.sqrt((rows @ made.near).power(2).sum(axis=1)).sum()
    own = (made.directions**2).sum(axis=1) * made.source * made.target
    far = ((scaled(rows, made.source) @ made.directions) @ made.directions.T) * made.target
    whole = np.linalg.norm(far, axis=1).sum()
    length = np.linalg.norm(far - scaled(rows, own).toarray(), axis=1).sum()
    share, count = made.config.far_share, rows.shape[0]
    # Products that speak for themselves alone leave rounding errors, not to be made large.
    by = np.float32(share * count / length if length > _ROUNDING * whole else 0)
    both = made.near * np.float32((1 - share) * count / near if near > 0 else 0)
    both = sp.csr_matrix(both - sp.diags_array(own * by), dtype=np.float32)
    return replace(made, near=both, target=made.target * by)


def _read(folder: Path, about: dict[str, Any]) -> LinearFilter:
    arrays = load_arrays(folder / _ABOUT, about["arrays"])
    if digest_of(arrays, about["config"]) != about["arrays"]:
        raise ValueError("the arrays are not those it was written with")
    bounds, columns, weights = (arrays[name] for name in ("bounds", "neighbours", "weights"))
    far, source, target = (arrays[name] for name in ("directions", "source", "target"))
    near = sp.csr_matrix((weights, columns, bounds), shape=(len(source), len(source)))
    near.check_format(full_check=True)
    if far.shape[0] != len(source) or target.shape != source.shape:
        raise ValueError("its arrays do not fit")
    return LinearFilter(
        near=near, directions=far, source=source, target=target,
        config=FilterConfig(**about["config"]),
    )  # fmt: skip
