"""Node classification: is this member fraudulent; few are, and most labels are missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.nn.tree import Tree
from graphml.sampling.loader import ahead
from graphml.tasks.labels import Labels
from graphml.training.metrics import average_precision
from graphml.training.network import Network, Reader
from graphml.training.questions import Ints, Seeds, seeds_of
from graphml.training.ranks import Ranks, spread

_ASKED_AT_ONCE = 4_096
_VALIDATED = 20_000
"""Labels 0 that validation looks at, at most: enough to compare passes by."""


class NodeTask:
    """What training asks about nodes of one type; ``fit`` runs it.

    All labels 1 are in every pass, and ``negatives_each`` times as many of the labels 0, others in
    each pass. The logits are corrected for it by ``correction`` (King, Zeng 2001).

    Args:
        reader: Of the graph.
        train: Learned from.
        valid: Chosen by, by average precision.
        config: Of training.

    Raises:
        UsageError: The training labels are all alike.
    """

    metric = "average precision"

    def __init__(self, reader: Reader, train: Labels, valid: Labels, config: TrainConfig) -> None:
        self._reader = reader
        self._config = config
        (self._node_type,) = train.about
        self._seeds, self._y = asked(reader, train, config.seed)
        if len(set(self._y.tolist())) < 2:
            one = 1 if len(self._y) and self._y[0] else 0
            raise UsageError(
                f"all {len(self._y)} training labels are {one}; a classifier needs both",
                hint="more labels, or an earlier --valid-from; --negatives matured counts the unaccused",
            )
        seeds, y = asked(reader, valid, config.seed)
        rows = _thinned(y, _VALIDATED, np.random.default_rng(config.seed))
        self._valid, self._valid_y = seeds.take(rows), y[rows]
        self._positive, self._negative = np.flatnonzero(self._y == 1), np.flatnonzero(self._y == 0)
        self._taken = min(len(self._negative), config.negatives_each * len(self._positive))
        self.correction = float(np.log(self._taken / len(self._negative)))

    def steps(self, epoch: int) -> list[Ints]:
        """Return the rows of each step of a pass."""
        rng = np.random.default_rng([self._config.seed, epoch])
        some = rng.choice(self._negative, self._taken, replace=False)
        rows = rng.permutation(np.concatenate([self._positive, some]))
        size = self._config.batch_size
        return [rows[begin : begin + size] for begin in range(0, len(rows), size)]

    def batches(self, parts: list[Ints], epoch: int) -> Iterator[tuple[Tree, Tensor]]:
        """Yield trees and answers of each step's rows."""

        def make(rows: Ints) -> tuple[Tree, Tensor]:
            tree = self._reader.tree(self._node_type, self._seeds.take(rows, turn=epoch + 1))
            return tree, torch.from_numpy(self._y[rows]).to(self._reader.device)

        return ahead(make, parts)

    def loss(self, network: Network, batch: tuple[Tree, Tensor]) -> Tensor:
        """Return the summed cross-entropy of a batch."""
        tree, y = batch
        logits = network.head(self._reader.vectors(network, tree))
        return nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum")

    def validate(self, network: Network, ranks: Ranks) -> float:
        """Return how good the network is on the validation labels, in [0, 1].

        Average precision; where all labels are alike, the geometric mean of their probabilities.
        """
        mine = spread(len(self._valid), ranks)
        logits = ask(self._reader, network, self._node_type, self._valid.take(mine))
        every = ranks.gather(logits, len(self._valid)).cpu().numpy()
        found = average_precision(self._valid_y.astype(np.int64), every)
        if not np.isnan(found):
            return found
        signs = 2 * self._valid_y - 1
        return float(np.exp(-np.log1p(np.exp(-signs * (every + self.correction))).mean()))


def ask(reader: Reader, network: Network, node_type: str, seeds: Seeds) -> Tensor:
    """Return the head's logits of all seeds, block by block, float32 [seeds]."""
    blocks = encode_all(reader, network, node_type, seeds)
    with torch.no_grad():
        logits = [network.head(vectors) for vectors in blocks]
    return torch.cat(logits) if logits else torch.zeros(0, device=reader.device)


def encode_all(reader: Reader, network: Network, node_type: str, seeds: Seeds) -> Iterator[Tensor]:
    """Yield the seeds' vectors block by block, so that memory does not grow with the seeds."""
    rows = [
        np.arange(begin, min(begin + _ASKED_AT_ONCE, len(seeds)))
        for begin in range(0, len(seeds), _ASKED_AT_ONCE)
    ]
    for tree in ahead(lambda part: reader.tree(node_type, seeds.take(part)), rows):
        with torch.no_grad():
            yield reader.vectors(network.eval(), tree)


def asked(reader: Reader, labels: Labels, seed: int) -> tuple[Seeds, NDArray[np.float32]]:
    """Return whom ``labels`` ask about, and the answers."""
    rows, (node_type,) = labels.rows, labels.about
    seeds = seeds_of(reader.graph, node_type, rows[rows.columns[0]], rows["as_of"], seed=seed)
    return seeds, rows["y"].to_numpy().astype(np.float32)


def _thinned(y: NDArray[np.float32], most: int, rng: np.random.Generator) -> Ints:
    """Return all rows of label 1 and at most ``most`` of label 0, in order."""
    no = np.flatnonzero(y == 0)
    if len(no) > most:
        no = rng.choice(no, most, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(y == 1), no]))
