"""Scores block by block: what each worker of a cluster holds, and a file for each block."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.graph.nodes import microseconds
from graphml.schema import GraphSchema
from graphml.store.files import clear_errors, replace_file
from graphml.tables.frames import TIME
from graphml.training.model import GraphModel
from graphml.training.network import Reader
from graphml.training.node import ask
from graphml.training.questions import Seeds, everybody
from graphml.training.workers import environment

logger = logging.getLogger("graphml.training")

_SAID_EVERY = 2.0


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """What a worker holds: a graph and a model, read at the first block.

    Attributes:
        graph, schema, model: What is read.
        as_of: Of the scores.
        out: Where each block becomes a file.
        device: Of the network.
    """

    graph: Path
    schema: GraphSchema
    model: Path
    as_of: datetime
    out: Path
    device: str

    @cached_property
    def _held(self) -> tuple[GraphModel, Reader, Seeds]:
        graph = Graph.load(self.graph, self.schema)
        model = GraphModel.load(self.model, device=self.device)
        (node_type,), moment = model.about, microseconds(self.as_of)
        seeds = everybody(graph, node_type, moment, seed=model.config.seed)
        return model, model.reader(graph), seeds

    def write(self, begin: int, end: int) -> int:
        """Write the scores of those from ``begin`` up to ``end``; return how many."""
        model, reader, seeds = self._held
        (node_type,) = model.about
        mine = seeds.take(np.arange(begin, end))
        logits = ask(reader, model.network, node_type, mine)
        graph = reader.graph
        rows = pl.DataFrame(
            {
                graph.schema.nodes[node_type].key: graph.nodes[node_type].keys.gather(mine.nodes),
                "score": torch.sigmoid(logits.double() + model.correction).cpu().numpy(),
                "as_of": pl.Series([self.as_of] * len(mine), dtype=TIME),
                "model": pl.Series([model.name] * len(mine), dtype=pl.String),
            }
        )
        content = BytesIO()
        rows.write_parquet(content)
        with clear_errors(self.out):
            replace_file(self.out / f"{begin:012d}.parquet", content.getvalue())
        return len(mine)


class Block:
    """A scorer as Ray Data calls it, batch by batch."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def __call__(self, batch: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        """Score each block from ``begin`` up to ``end``; return their numbers of ``rows``."""
        ends = zip(batch["begin"].tolist(), batch["end"].tolist(), strict=True)
        return {"rows": np.array([self._scorer.write(begin, end) for begin, end in ends])}


def score_blocks(
    ray: Any, scorer: Scorer, blocks: list[dict[str, int]], *, workers: int, cpus: int, gpu: bool
) -> int:
    """Have all blocks scored, and say how it goes; return how many rows were."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.raise_original_map_exception = True
    logger.info("%d blocks to score on %d workers", len(blocks), workers)
    done, said = 0, time.monotonic()
    with context.current(context):
        scored = ray.data.from_items(blocks, override_num_blocks=len(blocks)).map_batches(
            Block,
            fn_constructor_args=(scorer,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(blocks))),
            num_cpus=cpus,
            num_gpus=1 if gpu else None,
            runtime_env=environment(cpus=cpus, gpu=gpu),
        )
        for place, row in enumerate(scored.iter_rows(), 1):
            done += int(row["rows"])
            if time.monotonic() - said >= _SAID_EVERY or place == len(blocks):
                said = time.monotonic()
                logger.info("block %d of %d, %d scores", place, len(blocks), done)
    return done
