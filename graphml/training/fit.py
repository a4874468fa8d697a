"""Training: one loop for every task, alone or among processes, killed and gone on with."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from graphml.config import TrainConfig
from graphml.errors import GraphmlError, UsageError
from graphml.graph.build import Graph
from graphml.nn.features import fit_features
from graphml.nn.spec import FeatureSpec
from graphml.sampling.temporal import fanouts
from graphml.schema import EdgeType
from graphml.store.provenance import content, digest
from graphml.tasks.labels import Labels
from graphml.training.keeper import STATE, Clock, Keeper, Progress
from graphml.training.link import LinkTask
from graphml.training.model import GraphModel
from graphml.training.network import Network, Reader, device_of
from graphml.training.node import NodeTask
from graphml.training.questions import Ints
from graphml.training.ranks import Ranks, joined

logger = logging.getLogger("graphml.training")


class Task(Protocol):
    """What a loop asks: steps of a pass, batches, their loss, and how good the network is."""

    metric: str
    correction: float

    def steps(self, epoch: int) -> list[Ints]: ...  # noqa: D102
    def batches(self, parts: list[Ints], epoch: int) -> Iterator[Any]: ...  # noqa: D102
    def loss(self, network: Network, batch: Any) -> Tensor: ...  # noqa: D102
    def validate(self, network: Network, ranks: Ranks) -> float: ...  # noqa: D102


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
    if (train.task, train.about) != (valid.task, valid.about) or not len(train) or not len(valid):
        raise UsageError(
            f"{len(train)} {train.task} labels to learn from, {len(valid)} {valid.task} labels to choose by",
            hint="both need labels of the same task",
        )
    device = device_of(config)
    with joined(device) as ranks:
        last: datetime = train.rows["as_of"].max()  # type: ignore[assignment]
        past = graph if graph.timeless else graph.until(last)
        spec = fit_features(past, known=train.node_types[1:])  # a vector for each node linked to
        edge_types = _edge_types(past, config, train)
        reader = Reader(graph, spec, config, edge_types, device)
        kind = LinkTask if train.of_links else NodeTask
        task: Task = kind(reader, train, valid, config)
        network = _new_network(spec, edge_types, config, train).to(device)
        about = {
            "settings": digest(asdict(config)),
            "data": _data_digest(graph, train, valid),
            "spec": digest(spec.to_json()),
        }
        progress = _loop(network, task, config, ranks, folder, about)
        model = GraphModel(
            network=network,
            spec=spec,
            edge_types=edge_types,
            config=config,
            task=train.task,
            about=train.about,
            horizon=train.horizon,
            trained_until=train.rows.select(train.settled.max()).item(),
            chosen_until=valid.rows.select(valid.settled.max()).item(),
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


def _edge_types(past: Graph, config: TrainConfig, train: Labels) -> tuple[EdgeType, ...]:
    """Return the edge types that training can follow from any of its seeds."""
    found = {
        edge_type
        for seed_type in train.node_types
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
        return Network(spec, edge_types, config, of_links=train.of_links)


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
    keeper = Keeper(network, optimizer, best, folder, about, ranks)
    progress = keeper.restore()
    ranks.wait()  # the first to end takes the state away
    clock = Clock(config, task.metric)
    with torch.random.fork_rng(devices=_cuda(network)):
        while not _over(progress, config):
            parts = steps_for(task.steps(progress.epoch), ranks)
            left = [ranks.shard(part) for part in parts[progress.step :]]
            for rows, batch in zip(left, task.batches(left, progress.epoch), strict=True):
                count = ranks.world * len(rows)
                _set_rate(optimizer, config, progress, len(parts))
                torch.manual_seed(_step_seed(config, progress, ranks))
                network.train()
                loss = _gradients(network, task, batch, count, halves=_halves(task, rows, progress))
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


def steps_for(parts: list[Ints], ranks: Ranks) -> list[Ints]:
    """Return the steps of which every process has a share."""
    return [part for part in parts if len(part) >= ranks.world]


def _gradients(
    network: Network, task: Task, batch: Any, count: int, *, halves: Callable[[], Iterator[Any]]
) -> Tensor:
    """Put the gradients of a batch's mean loss into ``network``; return it, this process's part.

    A batch for which the device has no room is tried once more, in halves.

    Raises:
        GraphmlError: There is no room for half a batch either.
    """
    try:
        return _added([batch], network, task, count)
    except torch.OutOfMemoryError:
        logger.warning("out of memory on the device: this batch in halves; batch_size is too much")
    _empty_cache()
    try:
        return _added(halves(), network, task, count)
    except torch.OutOfMemoryError as error:
        raise GraphmlError(
            "out of memory on the device, with half a batch too",
            hint="a smaller train.batch_size or train.sample.fanout in graphml.toml, or --device cpu",
        ) from error


def _added(batches: Iterable[Any], network: Network, task: Task, count: int) -> Tensor:
    """Put the summed gradients of all ``batches`` into ``network``, and nothing else."""
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    total = torch.zeros((), device=next(network.parameters()).device)
    for batch in batches:
        loss = task.loss(network, batch) / max(count, 1)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    if not torch.isfinite(total):
        raise GraphmlError(
            "the loss is not a number any more", hint="a lower train.learning_rate in graphml.toml"
        )
    return total


def _halves(task: Task, rows: Ints, progress: Progress) -> Callable[[], Iterator[Any]]:
    parts = [half for half in np.array_split(rows, 2) if len(half)]
    return lambda: task.batches(parts, progress.epoch)


def _empty_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _end_pass(
    network: Network,
    task: Task,
    progress: Progress,
    best: dict[str, Tensor],
    ranks: Ranks,
    clock: Clock,
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


def _data_digest(graph: Graph, train: Labels, valid: Labels) -> str:
    known = [graph.events, graph.links, *(nodes.attributes for nodes in graph.nodes.values())]
    rows = [*known, train.rows, valid.rows]
    return digest([repr(graph.schema), *(content(frame) for frame in rows)])
