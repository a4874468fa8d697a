"""Memory that somebody looks at is never handed out again; memory that nobody looks at is."""

from __future__ import annotations

import numpy as np
import torch

from graphml.sampling.arena import Arena


def test_arrays_in_use_share_no_memory_however_they_are_looked_at() -> None:
    arena = Arena()
    looks = [
        lambda a: a,
        lambda a: a[3:],
        lambda a: a.reshape(10, 10)[2],
        lambda a: torch.from_numpy(a),
        lambda a: torch.from_numpy(a)[5:].view(5, 19),
        lambda a: memoryview(a),
    ]
    for look in looks:
        array = arena.array((100,), np.int64)
        held = look(array)
        del array
        other = arena.array((100,), np.int64)
        assert not np.shares_memory(np.asarray(held), other)
        del held, other


def test_memory_comes_back_when_the_last_view_is_gone() -> None:
    arena = Arena()
    first = arena.array((1000,), np.float32)
    place = first.__array_interface__["data"][0]
    view = first[5:]
    del first
    assert arena.array((1000,), np.float32).__array_interface__["data"][0] != place
    del view
    places = {arena.array((1000,), np.float32).__array_interface__["data"][0] for _ in range(3)}
    assert place in places


def test_empty_arrays_are_arrays() -> None:
    assert Arena().array((0, 3), np.int64).shape == (0, 3)
