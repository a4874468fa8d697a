"""LightGCN on Gowalla's standard split, epoch by epoch: whether the network's code is right.

``python -m benchmarks.lightgcn [--json] [--quick] [--write] [--minutes N] [--batch N]``. Needs
gowalla/train.npz and test.npz in ../shared/data or the folder of GRAPHML_DATA. Trained on CUDA where
there is one; its authors' figures took 1,000 epochs, so on a laptop this is the curve's beginning.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import torch

from benchmarks.cards import folder_of
from benchmarks.common import Table, finish, parser, progress
from benchmarks.gowalla import pairs
from benchmarks.gowalla_methods import K, figures
from graphml.nn.lightgcn import LightGCN, LightGCNConfig, train_lightgcn
from graphml.recommend.spectral import best

PUBLISHED = (0.1830, 0.1554)
_BLOCK = 1_024


class Enough(Exception):  # noqa: N818 - no error
    """The time is over."""


class Ranked:
    """What ``figures`` asks of a model: the best products of each row."""

    def __init__(self, model: LightGCN) -> None:
        with torch.inference_mode():
            self.members, self.products = (part.cpu() for part in model())

    def top(self, histories: Any, k: int, *, barred: Any) -> Any:
        """Return products and scores, as LinearFilter does."""
        places = np.full((histories.shape[0], k), -1, dtype=np.int64)
        values = np.full((histories.shape[0], k), -np.inf, dtype=np.float32)
        for low in range(0, histories.shape[0], _BLOCK):
            scores = (self.members[low : low + _BLOCK] @ self.products.T).numpy()
            scores[barred[low : low + _BLOCK].nonzero()] = -np.inf
            best(scores, places[low : low + _BLOCK], values[low : low + _BLOCK])
        return places, values


def curve(train: Any, test: Any, config: LightGCNConfig, minutes: float) -> list[dict[str, Any]]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = LightGCN(train, config).to(device)
    start, rows = time.monotonic(), []

    def after(epoch: int, loss: float) -> None:
        spent = (time.monotonic() - start) / 60
        over = spent > minutes
        if over or epoch in (1, 2, 3) or epoch % 5 == 0:
            recall, ndcg = figures(Ranked(model), train, test).mean(axis=1)
            rows.append(
                {
                    "epoch": epoch, "loss": loss, "recall_at_20": float(recall),
                    "ndcg_at_20": float(ndcg), "minutes": spent, "device": device,
                }
            )  # fmt: skip
            progress(f"epoch {epoch}: loss {loss:.4f}, {recall:.4f} {ndcg:.4f}, {spent:.1f} min")
        if over:
            raise Enough

    try:
        train_lightgcn(model, train, epochs=1_000, after=after)
    except Enough:
        pass
    return rows


def main() -> int:
    known = parser("lightgcn", __doc__)
    known.add_argument("--minutes", type=float, default=25.0, help="after which no epoch begins")
    known.add_argument("--batch", type=int, default=LightGCNConfig().batch)
    options = known.parse_args()
    folder = folder_of("gowalla", "train.npz", "test.npz")
    train, test = (pairs(folder / f"{part}.npz") for part in ("train", "test"))
    config = LightGCNConfig(batch=options.batch)
    rows = curve(train, test, config, 0.5 if options.quick else options.minutes)
    last = rows[-1]
    table = Table(
        title="LightGCN on Gowalla",
        text=(
            f"LightGCN's split, {train.nnz:,} pairs to learn from; {config.layers} layers of {config.channels}, batches of "
            f"{config.batch:,}, learning rate {config.learning_rate}, penalty {config.decay}, trained on {last['device']} and "
            f"stopped after {last['minutes']:.0f} minutes: the beginning of the curve, not its end. Its authors report "
            f"recall {PUBLISHED[0]:.4f} and NDCG {PUBLISHED[1]:.4f} after 1,000 epochs with batches of 2,048."
        ),
        columns=("epoch", "loss", f"Recall@{K}", f"NDCG@{K}", "minutes"),
        rows=[
            [
                f"{row['epoch']}", f"{row['loss']:.4f}", f"{row['recall_at_20']:.4f}",
                f"{row['ndcg_at_20']:.4f}", f"{row['minutes']:.1f}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    return finish("lightgcn", options, {"curve": rows}, table, seed=config.seed)


if __name__ == "__main__":
    sys.exit(main())
