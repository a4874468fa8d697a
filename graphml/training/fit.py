"""Training: one loop for every task, alone or among processes, killed and gone on with."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.nn.features import FeatureSpec, fit_features
from graphml.sampling.temporal import fanouts
from graphml.schema import EdgeType
from graphml.store.files import TEMPORARY
from graphml.tasks.labels import Labels
from graphml.training.checkpoint import (
    optimizer_tensors,
    read_tensors,
    restore_optimizer,
    write_tensors,
)
from graphml.training.fraud import FraudTask
from graphml.training.model import GraphModel
from graphml.training.network import Network, Reader, device_of
from graphml.training.purchase import PurchaseTask
from graphml.training.questions import Ints
from graphml.training.ranks import Ranks, joined

STATE = "training.safetensors"
"""The file of a training that has not ended."""
_KNOWN = {"fraud": (), "purchase": ("product",)}
"""Node types whose nodes get a vector of their own."""
_SAID_EVERY = 2.0

logger = logging.getLogger("graphml.training")


class Task(Protocol):
    """What a loop asks: steps of a pass, batches, their loss, and how good the network is."""

    metric: str
    correction: float

    def steps(self, epoch: int) -> list[Ints]: ...  # noqa: D102
    def batches(self, parts: list[Ints], epoch: int) -> Iterator[Any]: ...  # noqa: D102
    def loss(self, network: Network, batch: Any) -> Tensor: ...  # noqa: D102
    def validate(self, network: Network, ranks: Ranks) -> float: ...  # noqa: D102


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


def fit(
    graph: Graph,
    train: Labels,
    valid: Labels,
    config: TrainConfig,
    *,
    folder: Path | None = None,
) -> GraphModel:
    """Return the network that does best on ``valid``.

    Encoders of columns are fitted on what the graph held at the last moment of ``train``. With a
    ``folder``, the state is kept there, and a training that was killed goes on: it ends with the
    weights it would have had. Under ``torchrun`` each process takes its share of every batch.

    Args:
        graph: All that is known; each label sees what was there by its moment.
        train: Learned from.
        valid: Of the same task, later: chosen by.
        config: How.
        folder: For the state and the model.

    Raises:
        UsageError: The labels do not fit the graph or one another, or ``folder`` holds the state of
            another training.
        ConfigError: No such encoder or device.
    """
    if train.task != valid.task or not len(train) or not len(valid):
        raise UsageError(
            f"{len(train)} {train.task} labels to learn from, {len(valid)} {valid.task} labels to choose by",
            hint="both need labels of the same task",
        )
    device = device_of(config)
    with joined(device) as ranks:
        past = graph.until(train.rows["as_of"].max())  # type: ignore[arg-type]
        spec = fit_features(past, known=_KNOWN[train.task])
        edge_types = _edge_types(past, config, train.task)
        reader = Reader(graph, spec, config, edge_types, device)
        kind = FraudTask if train.task == "fraud" else PurchaseTask
        task: Task = kind(reader, train, valid, config)
        network = _new_network(spec, edge_types, config, train).to(device)
        about = {
            "settings": _digest(asdict(config)),
            "data": _data_digest(graph, train, valid),
            "spec": _digest(spec.to_json()),
        }
        progress = _loop(network, task, config, ranks, folder, about)
        model = GraphModel(
            network=network,
            spec=spec,
            edge_types=edge_types,
            config=config,
            task=train.task,
            horizon=train.horizon,
            trained_until=past.as_of,  # type: ignore[arg-type]
            correction=task.correction,
            metric=task.metric,
            validation=progress.best,
            history=progress.history,
            digests=about,
        )
        if folder is not None and ranks.rank == 0:
            model.save(folder)
            (folder / STATE).unlink(missing_ok=True)
        ranks.wait()
        return model


def _edge_types(past: Graph, config: TrainConfig, task: str) -> tuple[EdgeType, ...]:
    """Return the edge types that training can follow from any of its seeds."""
    seed_types = ("member",) if task == "fraud" else ("member", "product")
    found = {
        edge_type
        for seed_type in seed_types
        for hop in fanouts(past, seed_type, config.sample)
        for edge_type, count in hop.items()
        if count
    }
    return tuple(sorted(found))


def _new_network(
    spec: FeatureSpec, edge_types: tuple[EdgeType, ...], config: TrainConfig, train: Labels
) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return Network(spec, edge_types, config, train.task)


def _loop(
    network: Network,
    task: Task,
    config: TrainConfig,
    ranks: Ranks,
    folder: Path | None,
    about: Mapping[str, str],
) -> Progress:
    """Train until validation no longer gets better; leave the best weights in ``network``."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    best = {name: value.clone() for name, value in network.state_dict().items()}
    keeper = _Keeper(network, optimizer, best, folder, about, ranks)
    progress = keeper.restore()
    ranks.wait()  # the first to end takes the state away
    clock = _Clock(config, task.metric)
    with torch.random.fork_rng(devices=_cuda(network)):
        while not _over(progress, config):
            parts = task.steps(progress.epoch)
            shards = [ranks.shard(part) for part in parts]
            left = shards[progress.step :]
            for batch in task.batches(left, progress.epoch):
                count = ranks.world * len(shards[progress.step])
                _set_rate(optimizer, config, progress, len(parts))
                torch.manual_seed(_step_seed(config, progress, ranks))
                network.train()
                loss = _gradients(network, task, batch, count)
                loss = ranks.add_up(network, loss)
                optimizer.step()
                progress.step += 1
                progress.total += float(loss) * count
                progress.count += count
                clock.say(progress, len(parts), count, ranks)
                if progress.step % config.checkpoint_every == 0 and progress.step < len(parts):
                    keeper.keep(progress)
            _end_pass(network, task, progress, best, ranks, clock)
            keeper.keep(progress)
    network.load_state_dict(best)
    return progress


def _gradients(network: Network, task: Task, batch: Any, count: int) -> Tensor:
    """Put the gradients of a batch's mean loss into ``network``; return it, this process's part."""
    network.zero_grad(set_to_none=False)
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    loss = task.loss(network, batch) / max(count, 1)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1e9, error_if_nonfinite=True)
    return loss.detach()


def _end_pass(
    network: Network,
    task: Task,
    progress: Progress,
    best: dict[str, Tensor],
    ranks: Ranks,
    clock: _Clock,
) -> None:
    found = task.validate(network, ranks)
    if found > progress.best:
        progress.best, progress.best_epoch = found, progress.epoch
        for name, value in network.state_dict().items():
            best[name].copy_(value)
    mean = progress.total / max(progress.count, 1)
    progress.history.append({"loss": mean, "validation": found})
    clock.passed(progress, mean, found, ranks)
    progress.epoch, progress.step = progress.epoch + 1, 0
    progress.total, progress.count = 0.0, 0


def _over(progress: Progress, config: TrainConfig) -> bool:
    waited = progress.epoch - 1 - progress.best_epoch
    return progress.epoch >= config.epochs or (progress.epoch > 0 and waited >= config.patience)


def _set_rate(
    optimizer: torch.optim.Optimizer, config: TrainConfig, progress: Progress, steps: int
) -> None:
    """Set the learning rate: along a cosine from the whole to a hundredth (Loshchilov 2017)."""
    done = (progress.epoch + progress.step / max(steps, 1)) / config.epochs
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def _step_seed(config: TrainConfig, progress: Progress, ranks: Ranks) -> int:
    """Return what a step's dropout depends on: its place, so that nothing need be kept."""
    place = f"{config.seed}/{progress.epoch}/{progress.step}/{ranks.rank}"
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=7).digest(), "little")


def _cuda(network: Network) -> list[int]:
    return sorted({p.device.index or 0 for p in network.parameters() if p.is_cuda})


class _Keeper:
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


class _Clock:
    """Says how training goes, every other second."""

    def __init__(self, config: TrainConfig, metric: str) -> None:
        self._config = config
        self._metric = metric
        self._begin = self._said = time.monotonic()
        self._seeds = 0

    def say(self, progress: Progress, steps: int, count: int, ranks: Ranks) -> None:
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
        if not ranks.rank:
            logger.info(
                "pass %d: loss %.4f, %s %.4f on validation, best %.4f",
                progress.epoch + 1, loss, self._metric, found, progress.best,
            )  # fmt: skip


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _data_digest(graph: Graph, train: Labels, valid: Labels) -> str:
    rows = graph.events.select("event_id", "time").hash_rows(seed=1).reinterpret(signed=True)
    parts: list[Any] = [graph.events.height, int(rows.sum() or 0), repr(graph.schema)]
    for labels in (train, valid):
        asked = labels.rows.hash_rows(seed=2).reinterpret(signed=True)
        parts += [len(labels), int(asked.sum() or 0)]
    return _digest(parts)
