"""Processes that train together: one function, whether there is one of them or many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """Which process this is, of how many."""

    rank: int = 0
    world: int = 1

    def shard(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return this process's rows: equal numbers for all, at most ``world`` − 1 left out."""
        whole = len(rows) - len(rows) % self.world
        return rows[:whole][self.rank :: self.world]

    def add_up(self, network: nn.Module, loss: Tensor) -> Tensor:
        """Add up gradients and ``loss`` over all processes; every one ends with the same."""
        if self.world == 1:
            return loss
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in [*grads, loss.detach().reshape(1)]])
        dist.all_reduce(flat)
        parts = torch.split(flat[:-1], [g.numel() for g in grads])
        for grad, part in zip(grads, parts, strict=True):
            grad.copy_(part.view_as(grad))
        return flat[-1]

    def gather(self, values: Tensor, total: int) -> Tensor:
        """Return the values of all ``total`` rows, in order, from those of ``rows[rank::world]``."""
        if self.world == 1:
            return values
        longest = -(-total // self.world)
        padded = torch.zeros((longest, *values.shape[1:]), dtype=values.dtype, device=values.device)
        padded[: len(values)] = values
        parts = [torch.empty_like(padded) for _ in range(self.world)]
        dist.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:total]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that ``torchrun`` started, over nccl on CUDA and gloo else; or be alone."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or dist.is_initialized():
        yield _present()
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield _present()
    finally:
        dist.destroy_process_group()


def _present() -> Ranks:
    if not dist.is_initialized():
        return Ranks()
    return Ranks(rank=dist.get_rank(), world=dist.get_world_size())


def spread(rows: int, ranks: Ranks) -> NDArray[np.int64]:
    """Return this process's part of ``rows`` questions, none left out."""
    return np.arange(ranks.rank, rows, ranks.world)
