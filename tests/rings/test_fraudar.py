from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.rings.fraudar import OFFSET, densest_blocks

edges = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=14)


def columns(rows):
    member, value = np.array(sorted(rows), dtype=np.int64).T
    return member, value


def density(nodes, rows):
    degree = {v: sum(value == v for _, value in rows) for _, v in rows}
    inside = [(m, v) for m, v in rows if ("m", m) in nodes and ("v", v) in nodes]
    return sum(1 / np.log(degree[v] + OFFSET) for _, v in inside) / len(nodes)


@settings(deadline=None, max_examples=60)
@given(edges)
def test_the_first_block_is_at_least_half_as_dense_as_any(rows):
    nodes = sorted({("m", m) for m, _ in rows} | {("v", v) for _, v in rows})
    best = max(
        density(set(some), rows)
        for size in range(1, len(nodes) + 1)
        for some in combinations(nodes, size)
    )
    block = set(densest_blocks(*columns(rows), blocks=1)[0].tolist())
    members = {("m", m) for m in block}
    values = [("v", v) for v in {v for _, v in rows}]
    achieved = max(
        density(members | set(some), rows)
        for size in range(1, len(values) + 1)
        for some in combinations(values, size)
    )
    assert achieved >= best / 2 - 1e-9


def planted():
    """Eight members on each of five values, amid a sparse crowd, hidden behind a popular value."""
    random = np.random.default_rng(5)
    block = {(m, v) for m in range(8) for v in range(5)}
    crowd = {(m, int(random.integers(5, 300))) for m in range(8, 400) for _ in range(2)}
    popular = {(m, 300) for m in range(400)}
    return block | crowd | popular


def test_a_planted_block_is_found_behind_camouflage():
    assert densest_blocks(*columns(planted()), blocks=1)[0].tolist() == list(range(8))


def test_further_blocks_come_from_what_is_left():
    second = {(m, v) for m in range(20, 26) for v in range(310, 314)}
    blocks = densest_blocks(*columns(planted() | second), blocks=2)
    assert [block.tolist() for block in blocks] == [list(range(8)), list(range(20, 26))]


@pytest.mark.parametrize("blocks", [1, 3])
def test_nothing_has_no_block(blocks):
    nothing = np.array([], dtype=np.int64)
    assert densest_blocks(nothing, nothing, blocks=blocks) == []
