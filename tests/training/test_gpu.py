"""On a CUDA device: the same draws, the same scores within 1e-4, and training for both tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphml.config import SampleConfig
from graphml.sampling.device import DeviceSampler
from graphml.sampling.temporal import TemporalSampler
from graphml.training.fit import fit
from graphml.training.model import GraphModel
from tests.training.markets import SMALL, graph, split

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("strategy", ["uniform", "recent"])
@pytest.mark.parametrize("distinct", [False, True])
def test_the_device_draws_what_the_loops_draw(strategy, distinct):
    config = SampleConfig(fanout=(5, 3), strategy=strategy, distinct=distinct)
    members = len(graph().nodes["member"])
    seeds = np.arange(members)
    as_of = np.full(members, graph().events["time"].to_physical()[-1])
    key = np.arange(members, dtype=np.uint64)
    loops = TemporalSampler(graph(), "member", config).sample(seeds, as_of, key=key)
    there = DeviceSampler(graph(), "member", config, device="cuda").sample(seeds, as_of, key=key)
    for one, other in zip(loops.blocks, there.blocks, strict=True):
        assert np.array_equal(one.position, other.position.cpu().numpy())
        assert np.array_equal(one.count, other.count.cpu().numpy())


@pytest.mark.parametrize("task", ["fraud", "purchase"])
def test_training_on_the_device_and_scores_there_and_here_agree(task, tmp_path):
    config = replace(SMALL, device="cuda")
    model = fit(graph(), split(task).train, split(task).valid, config, folder=tmp_path)
    assert 0 < model.validation <= 1
    if task == "fraud":
        as_of = graph().events["time"][-1]
        config = replace(SMALL, device="cuda", precision="float32")
        fit(graph(), split(task).train, split(task).valid, config, folder=tmp_path / "plain")
        scores = [
            GraphModel.load(tmp_path / "plain", device=device).score(graph(), as_of=as_of).values
            for device in ("cuda", "cpu")
        ]
        assert np.abs(np.array(scores[0]) - np.array(scores[1])).max() < 1e-4
