"""What a cluster does, in a process of its own: ``python -m tests.training.clustered WHAT FOLDER``.

``plain`` trains as under ``torchrun`` and writes a digest of the weights to ``FOLDER/plain.RANK``.
``ray`` trains on a cluster of two workers, of which one is killed on the way, and scores; ``errors``
errs on purpose. Both write what came of it to ``FOLDER/found.json``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from graphml.errors import GraphmlError
from graphml.graph.build import Graph
from graphml.training.blocks import Scorer, score_blocks
from graphml.training.cluster import fit_on_cluster, score_on_cluster
from graphml.training.fit import fit
from graphml.training.keeper import STATE
from graphml.training.workers import connected
from tests.training.markets import SMALL, graph, split
from tests.training.trainer import digest

CONFIG = replace(SMALL, batch_size=64, epochs=3, patience=3)
CUT = 6_000
"""The event by whose moment members are scored: some come later."""


class Said(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def kill_one(folder: Path, killed: list[str]) -> None:
    """Kill a worker as soon as there is a state to go on from."""
    while not (folder / STATE).exists():
        time.sleep(0.005)
    for process in psutil.Process().children(recursive=True):
        name = " ".join(process.cmdline())
        if "RayTrainWorker" in name:
            process.kill()
            killed.append(name)
            return


def plain(folder: Path) -> None:
    labels = split("purchase")
    rank = int(os.environ.get("RANK", "0"))
    model = fit(graph(), labels.train, labels.valid, CONFIG, folder=folder / "plain")
    (folder / f"plain.{rank}").write_text(digest(model.network))


def trained(folder: Path) -> dict[str, object]:
    labels = split("purchase")
    labels.train.save(folder / "train.parquet")
    killed: list[str] = []
    killer = threading.Thread(target=kill_one, args=(folder / "killed", killed), daemon=True)
    killer.start()
    model = fit_on_cluster(
        folder / "graph", folder / "train.parquet", labels.valid, CONFIG,
        folder=folder / "killed", workers=2,
    )  # fmt: skip
    return {
        "digest": digest(model.network),
        "killed": killed,
        "left": sorted(path.name for path in (folder / "killed").iterdir()),
    }


def scored(folder: Path) -> dict[str, object]:
    import ray

    labels, as_of = split("fraud"), graph().events["time"][CUT]
    model = fit(graph(), labels.train, labels.valid, SMALL, folder=folder / "fraud")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    count = score_on_cluster(
        folder / "graph", folder / "fraud", as_of=as_of, out=folder / "scores",
        workers=2, rows_per_block=37,
    )  # fmt: skip
    expected = model.score(Graph.load(folder / "graph"), as_of=as_of)
    return {
        "count": count,
        "expected": dict(zip(expected.ids, expected.values, strict=True)),
        "everybody": len(graph().nodes["member"]),
        "model": model.name,
    }


def erred(folder: Path) -> list[list[str]]:
    labels = split("fraud")
    found = []
    nowhere = Scorer(
        graph=folder / "graph", schema=graph().schema, model=folder / "nowhere",
        as_of=graph().events["time"][CUT], out=folder, device="cpu",
    )  # fmt: skip
    try:
        fit_on_cluster(
            folder / "graph", labels.train, labels.valid, replace(SMALL, encoder="sagee"),
            folder=folder / "erred", workers=2,
        )  # fmt: skip
    except GraphmlError as error:
        found.append([type(error).__name__, error.message, error.hint])
    try:
        with connected(None, workers=2, cpus=1, gpu=False) as ray:
            score_blocks(ray, nowhere, [{"begin": 0, "end": 3}], workers=2, cpus=1, gpu=False)
    except GraphmlError as error:
        found.append([type(error).__name__, error.message, error.hint])
    return found


def main() -> None:
    torch.set_num_threads(1)
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "plain":
        plain(folder)
    else:
        on_a_cluster(what, folder)


def on_a_cluster(what: str, folder: Path) -> None:
    import ray

    said = Said()
    logging.getLogger("graphml.training").addHandler(said)
    logging.getLogger("graphml.training").setLevel(logging.INFO)
    graph().save(folder / "graph")
    found: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if what == "errors":
            found["errors"] = erred(folder)
        else:
            found["fit"] = trained(folder)
            found["ended"] = not ray.is_initialized()
            found["score"] = scored(folder)
            found["kept"] = ray.is_initialized()
    ray.shutdown()
    found["said"] = said.lines
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
