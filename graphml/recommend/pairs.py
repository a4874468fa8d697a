"""Which targets suit the owners of pairs without time: a linear filter, cosines, or what is popular."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from graphml.errors import UsageError
from graphml.recommend.filters import FilterConfig, LinearFilter, fit_filter
from graphml.recommend.spectral import neighbours, power, scaled
from graphml.schema import EdgeType
from graphml.store.files import clear_errors, read_saved, write_saved
from graphml.store.provenance import content, digest, model_name
from graphml.tasks.pairs import ENDS

CARD = "pairs.json"
"""The file in a model's folder that says that it holds one of pairs."""
FORMAT = 1
FILTER, COSINE, POPULAR = METHODS = ("linear filter", "item-item cosine", "popular")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PairRecommender:
    """Which targets suit an owner by what it has; owners need not have been there when fitted.

    Attributes:
        method: One of ``METHODS``.
        edge_type: Of the pairs; their sources own them.
        targets: Ids, those that most owners have first, then by id. Equal scores, and lists of
            owners without a pair, are in this order.
        counts: How many owners have each, int64 [targets].
        linear: What targets say of each other; nothing where the method is ``popular``.
        learned: 64 bits in hex of the pairs it learned from, whatever their order.
    """

    method: str
    edge_type: EdgeType
    targets: pl.Series
    counts: pl.Series
    linear: LinearFilter
    learned: str

    @property
    def name(self) -> str:
        """``pairs-`` and the beginnings of digests of how it was made and of what."""
        how = digest([self.method, asdict(self.linear.config)])
        return model_name("pairs", {"settings": how, "data": self.learned})

    @property
    def seed(self) -> int:
        """Of the fit, and of what was drawn by chance for it."""
        return self.linear.config.seed

    def top(self, owners: pl.Series, known: pl.DataFrame, k: int) -> pl.DataFrame:
        """Return owners' lists, best first: source, target, rank (from 1 on), score.

        No list names what its owner has, nor the owner itself. Scores are comparable within a
        list; a popular target's is how many owners have it. Rows are scored in blocks.

        Args:
            owners: Ids, each once.
            known: Pairs, source and target. Those of other owners, and of targets that the model
                does not know, play no part.
            k: Longest list, at least 1.
        """
        have = barred = matrix_of(known, owners, self.targets)
        if self.edge_type[0] == self.edge_type[2]:
            own = pl.DataFrame({"source": owners, "target": owners})
            barred = have + matrix_of(own, owners, self.targets)
        places, scores = self.linear.top(have, min(k, len(self.targets)), barred=barred)
        row, rank = (places >= 0).nonzero()
        place = pl.Series(places[row, rank])
        score = self.counts[place] if self.method == POPULAR else pl.Series(scores[row, rank])
        return pl.DataFrame(
            {
                "source": owners.gather(pl.Series(row)),
                "target": self.targets.gather(place),
                "rank": pl.Series(rank + 1, dtype=pl.Int64),
                "score": score.cast(pl.Float64),
            }
        )

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, in place of one there; no pickle.

        The weights lie in a folder named by their digest, all else in ``pairs.json``, which is
        replaced last: at any moment the folder holds the old model or the new one whole.

        Raises:
            StoreError: The disk is full; what was there before stays.
            StorePermissionError: The folder may not be written.
        """
        told = self._told()
        with clear_errors(folder):
            weights = _weights(folder, told["weights"])
            self.linear.save(weights)
            about = {"format": FORMAT, **told, "digest": digest(told)}
            write_saved(folder / CARD, about)
            for old in set(folder.glob(_weights(folder, "*").name)) - {weights}:
                shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> PairRecommender:
        """Return what ``save`` wrote.

        Raises:
            UsageError: There is none, or it is damaged, or of another format.
        """
        network = (folder / "model.json").is_file()
        absent = UsageError(
            f"{folder} holds a network, which makes no lists" if network
            else f"no recommender of pairs in {folder}",
            hint="graphml train recommend --graph CARD without --method network" if network
            else "graphml train recommend --graph CARD, or name its folder",
        )  # fmt: skip
        return read_saved(
            folder / CARD, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )

    def _told(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "edge_type": list(self.edge_type),
            "weights": self.linear.digest,
            "learned": self.learned,
            "targets": self.targets.to_list(),
            "counts": self.counts.to_list(),
        }


def fit_pairs(
    pairs: pl.DataFrame, targets: pl.Series, method: str, config: FilterConfig, edge_type: EdgeType
) -> PairRecommender:
    """Return a model of pairs by a method of ``METHODS``.

    Item-item cosine: the sum, over what an owner has, of the cosines between who has either; of
    each target, its ``config.neighbours`` nearest (Deshpande, Karypis 2004).

    Args:
        pairs: source and target, each pair once, at least one.
        targets: Ids of what can be listed, each once, with all those of ``pairs``.
        method: How.
        config: Of the filter.
        edge_type: Of the pairs.
    """
    counts = pairs.group_by("target").agg(count=pl.len().cast(pl.Int64))
    spread = (
        targets.rename("target").to_frame()
        .join(counts, on="target", how="left")
        .with_columns(pl.col("count").fill_null(0))
        .sort("count", "target", descending=[True, False])
    )  # fmt: skip
    matrix = matrix_of(pairs, pairs["source"].unique().sort(), spread["target"])
    return PairRecommender(
        method=method, edge_type=edge_type, targets=spread["target"], counts=spread["count"],
        linear=_linear(matrix, method, config), learned=learned_from(pairs, targets),
    )  # fmt: skip


def learned_from(pairs: pl.DataFrame, targets: pl.Series) -> str:
    """Return 64 bits in hex of pairs and of what can be listed, whatever their order."""
    return digest([content(pairs.select(ENDS)), content(targets.rename("target").to_frame())])


def matrix_of(pairs: pl.DataFrame, owners: pl.Series, targets: pl.Series) -> sp.csr_matrix:
    """Return 1 for each pair of these owners and targets, CSR float32 [owners, targets]."""
    rows = pl.DataFrame({"source": owners}).with_row_index("row")
    columns = pl.DataFrame({"target": targets}).with_row_index("column")
    found = pairs.join(rows, on="source").join(columns, on="target").sort("row", "column")
    ends = tuple(found[name].cast(pl.Int64).to_numpy() for name in ("row", "column"))
    ones = np.ones(found.height, dtype=np.float32)
    return sp.csr_matrix((ones, ends), shape=(len(owners), len(targets)))


def _linear(matrix: sp.csr_matrix, method: str, config: FilterConfig) -> LinearFilter:
    if method == FILTER:
        return fit_filter(matrix, config)
    size = matrix.shape[1]
    near, none = sp.csr_matrix((size, size), dtype=np.float32), np.zeros(size, dtype=np.float32)
    if method == COSINE:
        even = scaled(matrix, power(matrix.sum(axis=0), -0.5))
        near = neighbours(even, even, config.neighbours)
    directions = np.zeros((size, 0), dtype=np.float32)
    return LinearFilter(near=near, directions=directions, source=none, target=none, config=config)


def _weights(folder: Path, digest: str) -> Path:
    return folder / f"pairs-weights-{digest[:16]}"


def _read(folder: Path, about: dict[str, Any]) -> PairRecommender:
    source, relation, target = about["edge_type"]
    told = {name: about[name] for name in about if name not in ("format", "digest")}
    found = PairRecommender(
        method=about["method"],
        edge_type=(source, relation, target),
        targets=pl.Series("target", about["targets"], dtype=pl.String),
        counts=pl.Series("count", about["counts"], dtype=pl.Int64),
        linear=LinearFilter.load(_weights(folder, about["weights"])),
        learned=about["learned"],
    )
    sizes = {len(found.targets), len(found.counts), found.linear.products}
    if digest(told) != about["digest"] or found.method not in METHODS or len(sizes) != 1:
        raise ValueError("it is not what it was written with")
    if found.linear.digest != about["weights"]:
        raise ValueError("its weights are not those it was written with")
    return found
