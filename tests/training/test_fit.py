"""Training ends where it would have ended, killed or not, and knows nothing of the future."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from graphml.config import SampleConfig, TrainConfig
from graphml.errors import ConfigError, GraphmlError, UsageError
from graphml.graph.build import build_graph
from graphml.nn import ENCODERS
from graphml.nn.features import fit_features
from graphml.training.fit import fit, steps_for
from graphml.training.keeper import STATE
from graphml.training.link import LinkTask
from graphml.training.model import GraphModel
from graphml.training.network import Reader
from graphml.training.node import NodeTask
from graphml.training.ranks import Ranks
from tests.properties.future import MICROSECOND, future, together
from tests.training.markets import SMALL, graph, split, tables
from tests.training.trainer import digest

ROOT = Path(__file__).resolve().parents[2]
tasks = pytest.mark.parametrize("task", ["fraud", "purchase"])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(*arguments, ranks=1, **environment):
    command = [sys.executable, "-W", "ignore"]
    if ranks > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    command += ["-m", "tests.training.trainer", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


def fitted(task, config=SMALL, **options):
    return fit(graph(), split(task).train, split(task).valid, config, **options)


@tasks
@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_training_learns_and_the_same_seed_gives_the_same_weights(task, encoder):
    config = replace(SMALL, encoder=encoder, epochs=3)
    one, other = fitted(task, config), fitted(task, config)
    assert digest(one.network) == digest(other.network)
    assert digest(fitted(task, replace(config, seed=1)).network) != digest(one.network)
    losses = [passed["loss"] for passed in one.history]
    assert losses[-1] < losses[0]
    assert 0 < one.validation <= 1


@pytest.mark.parametrize(("task", "stop"), [("fraud", 1), ("fraud", 2), ("purchase", 3)])
def test_a_killed_training_ends_with_the_same_weights(task, stop, tmp_path):
    whole = run(task, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    killed = run(task, tmp_path / "killed", stop)
    assert killed.returncode == -9
    resumed = run(task, tmp_path / "killed")
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "killed.0").read_text() == (tmp_path / "whole.0").read_text()
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {"model.safetensors", "model.json"}


def test_two_processes_share_the_work_and_end_alike_also_when_one_was_killed(tmp_path):
    whole = run("fraud", tmp_path / "whole", ranks=2)
    assert whole.returncode == 0, whole.stderr[-2000:]
    digests = {(tmp_path / f"whole.{rank}").read_text() for rank in (0, 1)}
    assert len(digests) == 1
    killed = run("fraud", tmp_path / "killed", 2, ranks=2, KILLED_RANK="0")
    assert killed.returncode != 0
    resumed = run("fraud", tmp_path / "killed", ranks=2)
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert {(tmp_path / f"killed.{rank}").read_text() for rank in (0, 1)} == digests


@tasks
def test_the_future_changes_no_weight(task):
    known = split(task)
    last = known.valid.rows[{"fraud": "known_at", "purchase": "known_at"}[task]].max()
    later = together(tables(), future(tables(), last + timedelta(days=1), seed=3), seed=3)
    now = build_graph(tables().__class__(**{
        name: getattr(tables(), name) for name in ("events", "members", "products", "labels", "links")
    })).until(last + timedelta(days=1))  # fmt: skip
    then = build_graph(later)
    one = fit(now, known.train, known.valid, SMALL)
    other = fit(then, known.train, known.valid, SMALL)
    assert digest(one.network) == digest(other.network)


def test_scores_do_not_change_with_what_comes_later_and_a_new_member_is_scored(tmp_path):
    model = fitted("fraud")
    as_of = split("fraud").valid.rows["as_of"].max()
    now = model.score(graph().until(as_of), as_of=as_of)
    later = build_graph(together(tables(), future(tables(), as_of, seed=2), seed=2))
    then = model.score(later, as_of=as_of)
    assert dict(zip(now.ids, now.values, strict=True)) == pytest.approx(
        dict(zip(then.ids, then.values, strict=True)), abs=1e-6
    )
    after = model.score(later, as_of=as_of + MICROSECOND)
    strangers = set(after.ids) - set(now.ids)
    assert strangers, "members first seen a microsecond later"
    assert all(0 <= value <= 1 for value in after.values)


@tasks
def test_a_saved_model_is_the_model(task, tmp_path):
    model = fitted(task, folder=tmp_path / "m")
    loaded = GraphModel.load(tmp_path / "m", device="cpu")
    assert loaded.name == model.name
    assert loaded.trained_until == model.trained_until
    as_of = graph().events["time"][-1]
    vectors = [m.embed(graph(), "member", as_of=as_of) for m in (model, loaded)]
    assert vectors[0].equals(vectors[1])
    assert vectors[0].columns == ["member_id", "as_of", "vector"]
    assert vectors[0].height == graph().nodes["member"].present.sum()
    assert not [p for p in (tmp_path / "m").iterdir() if p.suffix in (".pt", ".pkl")]


def test_scoring_is_the_same_whatever_is_scored_together(monkeypatch):
    model = fitted("fraud")
    as_of = graph().events["time"][-1]
    whole = model.score(graph(), as_of=as_of)
    monkeypatch.setattr("graphml.training.node._ASKED_AT_ONCE", 37)
    parts = model.score(graph(), as_of=as_of)
    assert np.allclose(whole.values, parts.values, atol=1e-5)


def test_a_training_of_other_settings_or_data_is_not_gone_on_with(tmp_path):
    run("fraud", tmp_path / "m", 2)
    assert (tmp_path / "m" / STATE).is_file()
    with pytest.raises(UsageError, match="a training of other settings"):
        fitted("fraud", replace(SMALL, channels=16), folder=tmp_path / "m")
    fewer = split("fraud").train.where(pl.col("member_id") != split("fraud").train.rows[0, 0])
    with pytest.raises(UsageError, match="a training of other data"):
        fit(graph(), fewer, split("fraud").valid, SMALL, folder=tmp_path / "m")


def test_a_damaged_state_or_model_is_one_line(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / STATE).write_bytes(b"torn")
    with pytest.raises(UsageError, match="is damaged"):
        fitted("fraud", folder=folder)
    with pytest.raises(UsageError, match="no model in"):
        GraphModel.load(folder)
    (folder / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(UsageError, match="is damaged"):
        GraphModel.load(folder)


def test_a_full_disk_leaves_the_state_of_before(tmp_path, monkeypatch):
    run("fraud", tmp_path / "m", 2)
    before = (tmp_path / "m" / STATE).read_bytes()

    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphml.training.checkpoint.replace_file", full)
    with pytest.raises(Exception, match="no space left"):
        fitted("fraud", folder=tmp_path / "m")
    assert (tmp_path / "m" / STATE).read_bytes() == before


def test_labels_of_one_class_strangers_and_unknown_devices_are_named():
    train, valid = split("fraud").train, split("fraud").valid
    with pytest.raises(UsageError, match="training labels are 0"):
        fit(graph(), train.where(pl.col("y") == 0), valid, SMALL)
    with pytest.raises(UsageError, match="training labels are 1"):
        fit(graph(), train.where(pl.col("y") == 1), valid, SMALL)
    stranger = replace(valid, rows=valid.rows.with_columns(member_id=pl.lit("nobody\n`'")))
    with pytest.raises(UsageError, match="member ids are not in the graph"):
        fit(graph(), train, stranger, SMALL)
    with pytest.raises(UsageError, match="0 fraud labels to choose by"):
        fit(graph(), train, valid.where(pl.lit(False)), SMALL)
    with pytest.raises(ConfigError, match="encoder is 'sagee'"):
        fit(graph(), train, valid, replace(SMALL, encoder="sagee"))
    with pytest.raises(ConfigError, match="device is 'abacus'"):
        fit(graph(), train, valid, replace(SMALL, device="abacus"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="0 CUDA devices"):
            fit(graph(), train, valid, replace(SMALL, device="cuda"))


def test_a_batch_without_room_is_halved_once_and_said(monkeypatch, caplog):
    whole, sizes, most = NodeTask.loss, [], 10_000

    def cramped(self, network, batch):
        sizes.append(len(batch[1]))
        if len(batch[1]) > most:
            raise torch.OutOfMemoryError("no room")
        return whole(self, network, batch)

    monkeypatch.setattr(NodeTask, "loss", cramped)
    config = replace(SMALL, dropout=0.0)
    plain = fitted("fraud", config)
    assert not caplog.records
    most = max(sizes) - 1
    with caplog.at_level("WARNING", logger="graphml"):
        halved = fitted("fraud", config)
    assert "this batch in halves" in caplog.text
    assert halved.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-4)
    most = 1
    with pytest.raises(GraphmlError, match="with half a batch too"):
        fitted("fraud", config)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"channels": 0}, "channels"),
        ({"dropout": 1.0}, "dropout"),
        ({"precision": "half"}, "precision"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, said):
    with pytest.raises(ConfigError, match=f"train.{said}"):
        TrainConfig(**settings)


def test_the_target_of_a_purchase_is_never_its_own_input():
    config = replace(SMALL, sample=SampleConfig(fanout=(50, 50)))
    edge_types = tuple(t for t in graph().edges if graph().edges[t].edges)
    reader = Reader(graph(), fit_features(graph()), config, edge_types, torch.device("cpu"))
    task = LinkTask(reader, split("purchase").train, split("purchase").valid, config)
    rows = split("purchase").train.rows
    event_time = dict(
        zip(graph().events["event_id"], graph().events["time"].to_physical(), strict=True)
    )
    for part in task.steps(0)[:3]:
        batch = task._batch(part, 0)
        first = int(batch.members.as_of.min())
        owner = {-1: torch.arange(len(part))}
        for place, block in enumerate(batch.members.blocks):
            owner[place] = owner[block.parent][block.row]
            moment = batch.members.as_of[owner[place]]
            assert bool((block.time <= moment).all())
        for block in batch.products.blocks:
            assert bool((block.time <= first).all()), "no product knows what comes in its stretch"
    assert all(
        event_time[e] > a
        for e, a in zip(rows["event_id"], rows["as_of"].to_physical(), strict=True)
    )


def test_a_step_with_fewer_rows_than_processes_is_left_out_for_all_of_them():
    parts = [np.arange(7), np.arange(1), np.arange(2), np.arange(0)]
    assert [len(p) for p in steps_for(parts, Ranks(rank=1, world=2))] == [7, 2]
    shares = [
        Ranks(rank=r, world=2).shard(p) for p in steps_for(parts, Ranks(world=2)) for r in (0, 1)
    ]
    assert all(len(share) for share in shares)
    assert [len(p) for p in steps_for(parts, Ranks())] == [7, 1, 2]


def test_a_model_says_until_when_its_answers_were_known():
    part = split("fraud")
    model = fit(graph(), part.train, part.valid, replace(SMALL, epochs=1))
    assert model.trained_until == part.train.rows.select(part.train.settled.max()).item()
    assert model.chosen_until == part.valid.rows.select(part.valid.settled.max()).item()
    assert model.trained_until > part.train.rows["as_of"].max()
