"""Training and scoring on the machines of a Ray cluster; ``ray`` is an extra, loaded when used.

Workers run the very ``fit`` that ``torchrun`` runs, in the process group that Ray Train sets up.
Graph, labels, model and what is written lie in folders that all machines see under one name. Files
carry the data: Ray carries ranges of nodes, counts and lines of progress.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from graphml.config import TrainConfig
from graphml.errors import ConfigError, GraphmlError, NothingToDoError, UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.schema import MARKETPLACE, GraphSchema
from graphml.tables.frames import require_utc
from graphml.tasks.labels import Labels
from graphml.training.blocks import Scorer, score_blocks
from graphml.training.fit import fit
from graphml.training.model import GraphModel
from graphml.training.workers import connected, environment, stopping, tell_to, telling

_RUN = ".ray"


def fit_on_cluster(
    graph: Path,
    train: Path | Labels,
    valid: Path | Labels,
    config: TrainConfig,
    *,
    folder: Path,
    workers: int,
    cpus: int = 1,
    gpu: bool = False,
    address: str | None = None,
    max_failures: int = 3,
    schema: GraphSchema = MARKETPLACE,
) -> GraphModel:
    """Return what ``fit`` makes of a stored graph, on ``workers`` processes of a Ray cluster.

    The weights are those of as many processes under ``torchrun``. Where a worker or its machine
    dies, Ray starts all of them again, and training goes on from the state in ``folder``.

    Args:
        graph: Where ``Graph.save`` wrote; like ``folder``, the same for all machines.
        train: Learned from; labels, or the file where they were saved.
        valid: Chosen by; likewise.
        config: How; ``device`` must fit ``gpu``.
        folder: For the state and the model.
        workers: Processes, 1 or more.
        cpus: Of each worker, 1 or more: its threads.
        gpu: Whether each worker has a GPU to itself.
        address: Of a running cluster, as ``"10.0.0.1:6379"``; one is started here if omitted.
        max_failures: Times that workers may be lost before training is given up.
        schema: Of the graph.

    Raises:
        UsageError: Ray is not installed, or as ``fit``.
        ConfigError: The device does not fit ``gpu``, or as ``fit``.
        GraphmlError: The cluster cannot be reached, or workers were lost too often.
    """
    _at_least(workers=workers, cpus=cpus)
    allowed = ("auto", "cuda") if gpu else ("auto", "cpu")
    if config.device not in allowed:
        raise ConfigError(
            f"train.device is {config.device!r} for workers {'with' if gpu else 'without'} a GPU",
            hint=" or ".join(allowed),
        )
    graph, folder = graph.resolve(), folder.resolve()
    Graph.load(graph, schema)  # says at once what is missing
    asked = _labels(train), _labels(valid)
    with connected(address, workers=workers, cpus=cpus, gpu=gpu) as ray, telling() as told:
        shutil.rmtree(folder / _RUN, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        trainer = ray.train.torch.TorchTrainer(
            partial(_train, graph, schema, *asked, config, folder, told),
            torch_config=ray.train.torch.TorchConfig(backend="nccl" if gpu else "gloo"),
            scaling_config=ray.train.ScalingConfig(
                num_workers=workers, use_gpu=gpu, resources_per_worker={"CPU": cpus}
            ),
            run_config=ray.train.RunConfig(
                name="run",
                storage_path=str(folder / _RUN),
                failure_config=ray.train.FailureConfig(max_failures=max_failures),
                callbacks=[stopping(told)],
                worker_runtime_env=environment(cpus=cpus, gpu=gpu),
            ),
        )
        try:
            trainer.fit()
        finally:
            shutil.rmtree(folder / _RUN, ignore_errors=True)
    return GraphModel.load(folder)


def score_on_cluster(
    graph: Path,
    model: Path,
    *,
    as_of: datetime,
    out: Path,
    workers: int,
    rows_per_block: int = 100_000,
    cpus: int = 1,
    gpu: bool = False,
    address: str | None = None,
    schema: GraphSchema = MARKETPLACE,
) -> int:
    """Score whoever is there by ``as_of``, as ``GraphModel.score`` does; return how many.

    Each worker maps the graph and loads the model once. A block that was lost with its worker is
    scored again, into the same file.

    Args:
        graph: Where ``Graph.save`` wrote; like ``model`` and ``out``, the same for all machines.
        model: The folder of a model about nodes.
        as_of: The last moment known, inclusive.
        out: A new folder, there when all is scored: Parquet files, one for each block, in the order
            of dense ids. Columns: the node type's key, score (float64, in [0, 1]), as_of, model.
        workers: Processes, 1 or more.
        rows_per_block: Most nodes of a block.
        cpus: Of each worker, 1 or more: its threads.
        gpu: Whether each worker has a GPU to itself.
        address: Of a running cluster; one is started here if omitted.
        schema: Of the graph.

    Raises:
        ValueError: ``as_of`` is naive.
        UsageError: Ray is not installed, the model is about links, there is no such graph or model,
            or ``out`` is there already.
        NothingToDoError: Nobody is there by ``as_of``.
        GraphmlError: The cluster cannot be reached or lost what it was to do.
    """
    _at_least(workers=workers, cpus=cpus, rows_per_block=rows_per_block)
    require_utc("as_of", as_of)
    graph, model, out = graph.resolve(), model.resolve(), out.resolve()
    if out.exists():
        raise UsageError(f"{out} is there already", hint="name a new folder")
    total = _count(Graph.load(graph, schema), GraphModel.load(model, device="cpu"), as_of)
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    scorer = Scorer(
        graph=graph, schema=schema, model=model, as_of=as_of, out=unfinished,
        device="cuda" if gpu else "cpu",
    )  # fmt: skip
    begins = range(0, total, rows_per_block)
    blocks = [{"begin": at, "end": min(at + rows_per_block, total)} for at in begins]
    try:
        with connected(address, workers=workers, cpus=cpus, gpu=gpu) as ray:
            done = score_blocks(ray, scorer, blocks, workers=workers, cpus=cpus, gpu=gpu)
        if done != total:
            raise GraphmlError(f"{done} of {total} were scored", hint="score again")
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return total


def _train(
    graph: Path,
    schema: GraphSchema,
    train: Labels,
    valid: Labels,
    config: TrainConfig,
    folder: Path,
    told: Any,
) -> None:
    """Be one of the workers."""
    import ray.train

    if ray.train.get_context().get_world_rank() == 0:
        tell_to(told)
    fit(Graph.load(graph, schema), train, valid, config, folder=folder)


def _count(graph: Graph, model: GraphModel, as_of: datetime) -> int:
    """Return how many are to be scored.

    Raises:
        UsageError: The model scores no nodes.
        NothingToDoError: None.
    """
    if len(model.about) != 1:
        raise UsageError(f"{model.name} was trained for {model.task}, and scores no nodes")
    there = graph.nodes[model.about[0]].first <= microseconds(as_of)
    if not there.any():
        raise NothingToDoError(
            f"no {model.about[0]} is there by {as_of.isoformat()}", hint="a later as_of"
        )
    return int(there.sum())


def _labels(given: Path | Labels) -> Labels:
    return Labels.load(given) if isinstance(given, Path) else given


def _at_least(**given: int) -> None:
    for name, value in given.items():
        if value < 1:
            raise UsageError(f"{name} is {value}", hint="1 or more")
