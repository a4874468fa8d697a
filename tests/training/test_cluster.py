"""A cluster trains to the weights of torchrun, a worker lost or not, and scores whom a model scores."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from graphml.errors import ConfigError, GraphmlError, NothingToDoError, UsageError
from graphml.graph.build import Graph
from graphml.training import workers
from graphml.training.blocks import Block, Scorer
from graphml.training.cluster import fit_on_cluster, score_on_cluster
from graphml.training.fit import fit
from tests.training.markets import SMALL, graph, split

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return where a small graph and a model of fraud lie."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("kept")
    graph().save(folder / "graph")
    fit(graph(), split("fraud").train, split("fraud").valid, SMALL, folder=folder / "model")
    yield folder
    torch.set_num_threads(before)


def run(what, folder, *, ranks=1):
    command = [sys.executable, "-W", "ignore"]
    if ranks > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    command += ["-m", "tests.training.clustered", what, str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_trains_as_torchrun_does_and_scores_as_the_model(tmp_path):
    run("plain", tmp_path, ranks=2)
    whole = {(tmp_path / f"plain.{rank}").read_text() for rank in (0, 1)}
    run("ray", tmp_path)  # once for both: most of it is Ray's start
    found = json.loads((tmp_path / "found.json").read_text())
    _trained(found, whole)
    _scored(found, tmp_path / "scores")


def _trained(found, whole):
    assert {found["fit"]["digest"]} == whole
    assert len(found["fit"]["killed"]) == 1
    assert any(line.startswith("workers failed: ") for line in found["said"])
    assert any(line.startswith("going on from pass ") for line in found["said"])
    assert found["fit"]["left"] == ["model.json", "model.safetensors"]
    assert found["ended"], "a cluster that was started is ended"
    assert found["kept"], "and one that was there is left"


def _scored(found, folder):
    expected = found["score"]["expected"]
    assert found["score"]["count"] == len(expected) < found["score"]["everybody"]
    files = sorted(folder.iterdir())
    assert [pl.read_parquet(file).height for file in files] == [37] * (len(expected) // 37) + [
        len(expected) % 37
    ]
    rows = pl.read_parquet(files)
    assert rows.columns == ["member_id", "score", "as_of", "model"]
    assert rows["member_id"].to_list() == list(expected)
    assert np.allclose(rows["score"], list(expected.values()), atol=1e-6, rtol=0)
    assert set(rows["model"]) == {found["score"]["model"]}
    assert set(rows["as_of"]) == {graph().events["time"][6_000]}


@pytest.mark.slow
def test_errors_of_workers_come_as_graphml_says_them(tmp_path):
    run("errors", tmp_path)
    found = json.loads((tmp_path / "found.json").read_text())
    errors = found["errors"]
    assert not any(line.startswith("workers failed") for line in found["said"]), "tried again"
    assert errors[0] == ["ConfigError", "train.encoder is 'sagee'", "one of hgt, sage"]
    assert errors[1][0] == "UsageError"
    assert errors[1][1].startswith("no model in ")


def test_without_ray_all_can_be_imported_and_the_error_says_what_to_install(
    folder, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("cluster", "blocks", "workers"):
        monkeypatch.delitem(sys.modules, f"graphml.training.{name}")
    alone = import_module("graphml.training.cluster")
    labels = split("fraud")
    with pytest.raises(UsageError, match="needs Ray") as caught:
        alone.fit_on_cluster(
            folder / "graph", labels.train, labels.valid, SMALL, folder=tmp_path / "m", workers=2
        )
    assert caught.value.hint == "pip install 'graphml-engine[ray]'"
    with pytest.raises(UsageError, match="needs Ray"):
        alone.score_on_cluster(
            folder / "graph", folder / "model", as_of=graph().events["time"][-1],
            out=tmp_path / "scores", workers=2,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == [], "nothing half made is left"


@pytest.mark.parametrize("size", [1, 7, 323])
def test_blocks_of_any_size_are_the_whole(folder, tmp_path, size):
    as_of = graph().events["time"][6_000]
    scorer = Scorer(
        graph=folder / "graph", schema=graph().schema, model=folder / "model", as_of=as_of,
        out=tmp_path, device="cpu",
    )  # fmt: skip
    begins = np.array([0, 323 - size])
    made = Block(scorer)({"begin": begins, "end": begins + size})
    assert made["rows"].tolist() == [size, size]
    model, _, seeds = scorer._held
    assert len(seeds) == 323
    expected = model.score(Graph.load(folder / "graph").until(as_of), as_of=as_of)
    for begin in begins:
        rows = pl.read_parquet(tmp_path / f"{begin:012d}.parquet")
        assert tuple(rows["member_id"]) == expected.ids[begin : begin + size]
        assert np.allclose(rows["score"], expected.values[begin : begin + size], atol=1e-6, rtol=0)


def test_what_cannot_be_is_said_before_a_cluster_is_started(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_loaded", lambda: pytest.fail("a cluster was asked for"))
    train, valid = split("fraud").train, split("fraud").valid
    end = graph().events["time"][-1]

    def fitted(config=SMALL, where=folder / "graph", labels=train, **options):
        options = {"workers": 2} | options
        fit_on_cluster(where, labels, valid, config, folder=tmp_path / "m", **options)

    def scored(as_of=end, model=folder / "model", out=tmp_path / "s", **options):
        options = {"workers": 2} | options
        score_on_cluster(folder / "graph", model, as_of=as_of, out=out, **options)

    with pytest.raises(UsageError, match="workers is 0"):
        fitted(workers=0)
    with pytest.raises(UsageError, match="cpus is 0"):
        scored(cpus=0)
    with pytest.raises(UsageError, match="rows_per_block is -1"):
        scored(rows_per_block=-1)
    with pytest.raises(ConfigError, match="'cuda' for workers without a GPU"):
        fitted(replace(SMALL, device="cuda"))
    with pytest.raises(ConfigError, match="'cpu' for workers with a GPU"):
        fitted(gpu=True)
    with pytest.raises(UsageError, match="holds no graph"):
        fitted(where=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds no labels"):
        fitted(labels=tmp_path / "nowhere.parquet")
    with pytest.raises(UsageError, match="no model in"):
        scored(model=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is there already"):
        scored(out=folder / "model")
    with pytest.raises(ValueError, match="as_of"):
        scored(as_of=datetime(2024, 6, 2))  # noqa: DTZ001 - naive on purpose
    with pytest.raises(NothingToDoError, match="no member is there by 2001"):
        scored(as_of=datetime(2001, 1, 1, tzinfo=UTC))
    fit(
        graph(), split("purchase").train, split("purchase").valid, replace(SMALL, epochs=1),
        folder=tmp_path / "links",
    )  # fmt: skip
    with pytest.raises(UsageError, match="scores no nodes"):
        scored(model=tmp_path / "links")


def test_a_cluster_that_cannot_be_reached_is_named_at_once():
    for address, said in [
        ("127.0.0.1:1", "no Ray cluster at 127.0.0.1:1"),
        ("nonsense", "'nonsense' is no address"),
        ("ray://127.0.0.1:1", "is no address"),
    ]:
        with pytest.raises(GraphmlError, match=said):
            workers._start(None, address, 2, gpu=False)


class There:
    """What a cluster has."""

    def __init__(self, **held):
        self.held = held

    def cluster_resources(self):
        return self.held


def test_a_cluster_may_grow_and_this_machine_cannot(caplog):
    workers._compare(There(CPU=4.0, GPU=2.0), 4, 2, ours=True)
    workers._compare(There(CPU=4.0), 4, 0, ours=False)
    assert not caplog.records
    workers._compare(There(CPU=4.0), 4, 2, ours=False)
    assert "2 GPUs wanted, the cluster has 0: waiting for more" in caplog.text
    with pytest.raises(UsageError, match="5 CPUs wanted, the cluster has 4"):
        workers._compare(There(CPU=4.0), 5, 0, ours=True)


class FailedError(Exception):
    """Holds the errors of workers, as Ray's do."""

    def __init__(self, **held):
        super().__init__("Training failed\nTraceback …")
        self.__dict__.update(held)


def test_an_error_of_graphml_is_found_inside_and_others_take_one_line():
    ours = ConfigError("no such encoder", hint="sage")
    assert workers._plain(FailedError(controller_failure=FailedError(cause=ours))) is ours
    assert workers._plain(FailedError(worker_failures={0: RuntimeError("peer"), 1: ours})) is ours
    other = workers._plain(FailedError(worker_failures={1: RuntimeError("no peer\nframe\nframe")}))
    assert other.message == "the cluster gave up: RuntimeError: no peer"
    assert "logs" in other.hint


class Told:
    """A queue as workers see it."""

    def __init__(self):
        self.lines = []
        self.actor = self.put = self

    def remote(self, line):
        self.lines.append(line)


def test_an_error_of_graphml_ends_a_training_and_others_are_said():
    told = Told()
    workers._loaded()
    stop = workers.stopping(told)
    stop.after_exception(None, {1: RuntimeError("no peer"), 0: OSError("gone")})
    assert told.lines == [(logging.WARNING, "workers failed: 0 OSError, 1 RuntimeError")]
    ours = ConfigError("no such encoder")
    with pytest.raises(ConfigError) as caught:
        stop.after_exception(None, {0: RuntimeError("no peer"), 1: ours})
    assert caught.value is ours
    assert len(told.lines) == 1


def test_what_a_worker_logs_is_told_with_its_level(monkeypatch):
    told = Told()
    alone = logging.getLogger("graphml.training.test_cluster")
    monkeypatch.setattr(workers, "logger", alone)
    workers.tell_to(told)
    alone.info("pass %d", 3)
    alone.debug("nothing")
    alone.warning("%")
    assert told.lines == [(logging.INFO, "pass 3"), (logging.WARNING, "%")]
    alone.handlers.clear()


def test_signals_and_loggers_are_given_back():
    talkative = logging.getLogger("ray.data")
    before, level = signal.getsignal(signal.SIGINT), talkative.level
    with workers._undisturbed():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert not talkative.isEnabledFor(logging.ERROR)
    assert signal.getsignal(signal.SIGINT) is before
    assert talkative.level == level


def test_workers_get_their_threads_and_no_gpu_of_others():
    assert workers.environment(cpus=3, gpu=True) == {"env_vars": {"OMP_NUM_THREADS": "3"}}
    assert workers.environment(cpus=1, gpu=False)["env_vars"]["CUDA_VISIBLE_DEVICES"] == ""
