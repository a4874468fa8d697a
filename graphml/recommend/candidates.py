"""Which products are considered for a member: those that some source names first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from graphml.recommend.covisits import LAGS, Baskets, following
from graphml.recommend.fresh import by_segment, fresh
from graphml.recommend.highest import highest
from graphml.recommend.history import History
from graphml.recommend.vectors import Vectors

Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]

_BLOCK, _HELD = 1_024, 2**25
"""Members at once, at most; a network's scores of them and all products held at once."""
_OF_SEGMENT = 200
"""Products that a segment names."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidates:
    """Products considered for members, by member and then by product.

    Attributes:
        owner: Place of the member among those asked about, int64 [candidates], sorted.
        member, product: Dense ids, int64 [candidates].
        values: float32 [candidates, columns], by ``Sources.columns``: each source's score, 0 for
            what it does not name, and the rank of the score among the member's candidates.
    """

    owner: Ints
    member: Ints
    product: Ints
    values: Matrix

    def only(self, rows: Ints) -> Candidates:
        """Return some of the candidates, in their order."""
        return Candidates(
            owner=self.owner[rows],
            member=self.member[rows],
            product=self.product[rows],
            values=self.values[rows],
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sources:
    """What names products, by one moment.

    Attributes:
        rows: What each source looks up, CSR float32 [members, products], by its name.
        links: How it goes on from there, CSR float32 [products, products]; itself if ``None``.
        popular: A score for each product, float32 [products], by the name of its source.
        ordered: Products with such a score, the highest first, int64, by the name of the source.
        vectors: Of a network that names products too; ``None`` without one.
    """

    rows: Mapping[str, Any]
    links: Mapping[str, Any]
    popular: Mapping[str, Matrix]
    ordered: Mapping[str, Ints]
    vectors: Vectors | None = None

    @classmethod
    def of(
        cls,
        history: History,
        *,
        neighbours: Any,
        vectors: Vectors | None = None,
        segment: str | None = None,
    ) -> Sources:
        """Return the sources of a history.

        Args:
            history: By one moment.
            neighbours: Products like each product, CSR float32 [products, products].
            vectors: Of the same moment, of all members who are to be asked about.
            segment: Column of the members table by which those without a past are told apart.

        Raises:
            UsageError: The members table has no such column.
        """
        baskets = Baskets.of(history)
        faded = history.matrix(timedelta(days=90))
        last = _last(baskets, history.shape[0])
        together, following_one, *later = following(baskets, lags=range(LAGS + 1))
        links = {
            "own": None, "together": together, "next": following_one, "later": sum(later),
            "similar": neighbours,
        }  # fmt: skip
        rows = {"own": faded, "together": last, "next": last, "later": last, "similar": faded}
        rows["new"], links["new"] = fresh(history)
        if segment is not None:
            rows["segment"], links["segment"] = by_segment(history, segment, each=_OF_SEGMENT)
        popular = {
            f"popular_{days}": np.asarray(history.matrix(timedelta(days=days)).sum(axis=0))
            .ravel()
            .astype(np.float32)
            for days in (7, 30)
        }
        ordered = {
            name: np.argsort(-scores, kind="stable")[: np.count_nonzero(scores > 0)]
            for name, scores in popular.items()
        }
        return cls(rows=rows, links=links, popular=popular, ordered=ordered, vectors=vectors)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of candidates."""
        names = (*self.rows, *self.popular, *(() if self.vectors is None else ("network",)))
        return tuple(f"{kind}.{name}" for kind in ("score", "rank") for name in names)

    def candidates(self, members: Ints, *, each: int) -> Candidates:
        """Return at most ``each`` products of each source for each member.

        Args:
            members: Dense ids, int64 [members].
            each: At least 1.
        """
        width = len(self.columns)
        blocks = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, width), np.float32))]
        size = _BLOCK
        if self.vectors is not None:
            size = min(size, max(1, _HELD // max(len(self.vectors.products), 1)))
        for start in range(0, len(members), size):
            blocks.append(self._block(members[start : start + size], start, each))
        owner, product, values = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return Candidates(owner=owner, member=members[owner], product=product, values=values)

    def _block(self, members: Ints, start: int, each: int) -> tuple[Ints, Ints, Matrix]:
        products = next(iter(self.popular.values())).shape[0]
        named, scored = [], []
        for name, rows in self.rows.items():
            block = rows[members]
            link = self.links[name]
            found = (block if link is None else block @ link).tocsr()
            scored.append(found)
            named.append(highest(found, each)[:2])
        owner = np.arange(len(members))
        for ordered in self.ordered.values():
            best = ordered[:each]
            named.append((np.repeat(owner, len(best)), np.tile(best, len(members))))
        likeness = None
        if self.vectors is not None:
            likeness = self.vectors.likeness(members)
            named.append(self.vectors.nearest(likeness, each))
        keys = np.sort(np.concatenate([who * products + what for who, what in named]))
        keys = keys[np.diff(keys, prepend=-1) > 0]
        who, what = keys // products, keys % products
        bounds = np.searchsorted(who, np.arange(len(members) + 1))
        columns = [_looked_up(found, bounds, what) for found in scored]
        columns += [scores[what] for scores in self.popular.values()]
        if self.vectors is not None and likeness is not None:
            columns.append(self.vectors.at(likeness, who, what))
        ranks = [_rank(bounds, column) for column in columns]
        return who + start, what, np.column_stack([*columns, *ranks])


def _last(baskets: Baskets, members: int) -> Any:
    """Return the products of each member's last basket, CSR float32 [members, products]."""
    after = np.searchsorted(baskets.member, np.arange(members), side="right")
    some = np.flatnonzero(np.bincount(baskets.member, minlength=members))
    pick = sparse.csr_matrix(
        (np.ones(len(some), np.float32), (some, after[some] - 1)),
        shape=(members, len(baskets.member)),
    )
    return (pick @ baskets.lines).tocsr()


def _looked_up(found: Any, bounds: Ints, what: Ints) -> Matrix:
    """Return the entries of a CSR matrix at columns ``what`` of each row, float32 [what]."""
    data = found.data.astype(np.float32, copy=False)
    return _gathered(found.indptr, found.indices, data, bounds, what, found.shape[1])


@numba.njit(cache=True, nogil=True)
def _gathered(
    indptr: Ints, indices: Ints, data: Matrix, bounds: Ints, what: Ints, width: int
) -> Matrix:
    result = np.empty(len(what), np.float32)
    row = np.zeros(width, np.float32)
    for owner in range(len(bounds) - 1):
        for entry in range(indptr[owner], indptr[owner + 1]):
            row[indices[entry]] = data[entry]
        for place in range(bounds[owner], bounds[owner + 1]):
            result[place] = row[what[place]]
        for entry in range(indptr[owner], indptr[owner + 1]):
            row[indices[entry]] = 0
    return result


@numba.njit(cache=True, nogil=True)
def _rank(bounds: Ints, column: Matrix) -> Matrix:
    """Return the rank by member, from 0, of equal ones in order; NaN where a source says nothing."""
    ranks = np.full(len(column), np.nan, np.float32)
    for owner in range(len(bounds) - 1):
        begin = bounds[owner]
        # What a source says nothing of comes last, so only what it names is sorted.
        named = np.flatnonzero(column[begin : bounds[owner + 1]] > 0) + begin
        order = np.argsort(-column[named], kind="mergesort")
        for rank in range(len(order)):
            ranks[named[order[rank]]] = rank
    return ranks
