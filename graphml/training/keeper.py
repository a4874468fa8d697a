"""The state of a training kept and found again, and what is said of it meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.store.files import TEMPORARY
from graphml.training.checkpoint import (
    optimizer_tensors,
    read_tensors,
    restore_optimizer,
    write_tensors,
)
from graphml.training.network import Network
from graphml.training.ranks import Ranks

STATE = "training.safetensors"
"""The file of a training that has not ended."""
_SAID_EVERY = 2.0

logger = logging.getLogger("graphml.training")


@dataclass(kw_only=True)
class Progress:
    """Where a training stands: the next step of the present pass, and the best pass so far."""

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)
    total: float = 0.0
    """Summed loss of the present pass."""
    count: int = 0
    """Labels of it."""


class Keeper:
    """Keeps the state of a training, and finds it again."""

    def __init__(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        best: dict[str, Tensor],
        folder: Path | None,
        about: Mapping[str, str],
        ranks: Ranks,
    ) -> None:
        self._network = network
        self._optimizer = optimizer
        self._best = best
        self._file = folder / STATE if folder else None
        self._about = dict(about)
        self._ranks = ranks

    def keep(self, progress: Progress) -> None:
        """Write the state, on the first process."""
        if self._file is None or self._ranks.rank:
            return
        tensors = {f"network.{k}": v for k, v in self._network.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self._best.items()}
        tensors |= optimizer_tensors(self._network, self._optimizer)
        write_tensors(self._file, tensors, {"progress": asdict(progress), **self._about})

    def restore(self) -> Progress:
        """Return where the kept training stands, its state put back; the start, if there is none.

        Raises:
            UsageError: It was made with other settings or other data.
        """
        if self._file is None:
            return Progress()
        for torn in self._file.parent.glob(f"{self._file.name}*{TEMPORARY}"):
            torn.unlink(missing_ok=True)
        if not self._file.is_file():
            return Progress()
        tensors, about = read_tensors(self._file)
        for what, value in self._about.items():
            if about.get(what) != value:
                raise UsageError(
                    f"{self._file} is a training of other {what}",
                    hint="finish it with what it began with, or name another --out",
                )
        device = next(self._network.parameters()).device
        here = {name: value.to(device) for name, value in tensors.items()}
        self._network.load_state_dict(_part(here, "network."))
        for name, kept in _part(here, "best.").items():
            self._best[name].copy_(kept)
        restore_optimizer(self._network, self._optimizer, tensors)
        progress = Progress(**about["progress"])
        logger.info("going on from pass %d, step %d", progress.epoch + 1, progress.step)
        return progress


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


class Clock:
    """Says how training goes, every other second."""

    def __init__(self, config: TrainConfig, metric: str) -> None:
        self._config = config
        self._metric = metric
        self._begin = self._said = time.monotonic()
        self._seeds = 0

    def say(self, progress: Progress, steps: int, count: int, ranks: Ranks) -> None:
        """Say where a pass stands, if the last word is some time ago."""
        self._seeds += count
        now = time.monotonic()
        if ranks.rank or now - self._said < _SAID_EVERY:
            return
        self._said = now
        rate = self._seeds / (now - self._begin)
        passes = self._config.epochs - progress.epoch - progress.step / steps
        left = passes * steps * count / max(rate, 1e-9)
        logger.info(
            "pass %d of at most %d, step %d of %d, loss %.4f, %.0f labels/s, at most %.0f s left",
            progress.epoch + 1, self._config.epochs, progress.step, steps,
            progress.total / max(progress.count, 1), rate, left,
        )  # fmt: skip

    def passed(self, progress: Progress, loss: float, found: float, ranks: Ranks) -> None:
        """Say how a pass ended."""
        if not ranks.rank:
            logger.info(
                "pass %d: loss %.4f, %s %.4f on validation, best %.4f",
                progress.epoch + 1, loss, self._metric, found, progress.best,
            )  # fmt: skip
