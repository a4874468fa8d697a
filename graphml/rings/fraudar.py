"""Fraudar: dense blocks of a bipartite graph, hard to hide by camouflage.

Hooi, Song, Beutel, Shah, Shin and Faloutsos, "FRAUDAR: Bounding Graph Fraud in the Face of
Camouflage", KDD 2016. Written from the paper.
"""

from __future__ import annotations

import heapq
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

OFFSET = 5.0
"""The paper's c in the weight 1 / ln(degree + c) of an edge."""


def densest_blocks(
    member: NDArray[np.int64], value: NDArray[np.int64], *, blocks: int
) -> list[NDArray[np.int64]]:
    """Return the members of up to ``blocks`` dense blocks, densest first, each sorted.

    A block maximises its edges' weight per node (members and values alike), within a factor of
    two: take away the node that gives least, again and again, and keep the best rest. An edge
    weighs 1 / ln(d + 5), d being the members of its value in the whole graph, so that what many
    use ties little, and edges a fraudster adds to popular values make nobody less suspicious.
    After each block its edges are taken away.

    Args:
        member: One an edge, 0 or more; no edge twice.
        value: One an edge, 0 or more.
        blocks: At least 1.
    """
    members = int(member.max(initial=-1)) + 1
    degree = np.bincount(value)
    weight = 1.0 / np.log(degree[value] + OFFSET)
    left = np.ones(len(member), dtype=np.bool_)
    result: list[NDArray[np.int64]] = []
    while len(result) < blocks and left.any():
        nodes, edges = np.unique(
            np.concatenate([member[left], members + value[left]]), return_inverse=True
        )
        half = len(edges) // 2
        kept = _densest(edges[:half], edges[half:], weight[left], len(nodes))
        result.append(nodes[kept & (nodes < members)])
        inside = np.zeros(members + len(degree), dtype=np.bool_)
        inside[nodes[kept]] = True
        left &= ~(inside[member] & inside[members + value])
    return result


def _densest(
    source: NDArray[Any], target: NDArray[Any], weight: NDArray[np.float64], nodes: int
) -> NDArray[np.bool_]:
    """Return which nodes are in the densest block, bool [nodes]."""
    both = (np.concatenate([source, target]), np.concatenate([target, source]))
    graph = sparse.csr_array((np.concatenate([weight, weight]), both), shape=(nodes, nodes))
    order, rest = _peel(
        graph.indptr.astype(np.int64), graph.indices.astype(np.int64), graph.data, nodes
    )
    result = np.ones(nodes, dtype=np.bool_)
    result[order[: nodes - rest]] = False
    return result


@numba.njit(cache=True, nogil=True)
def _peel(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int64],
    weight: NDArray[np.float64],
    nodes: int,
) -> tuple[NDArray[np.int64], int]:
    """Return the order in which nodes go, lightest first, and the size of the densest rest."""
    degree = np.zeros(nodes)
    for node in range(nodes):
        for place in range(indptr[node], indptr[node + 1]):
            degree[node] += weight[place]
    total = degree.sum() / 2
    heap = [(degree[node], node) for node in range(nodes)]
    heapq.heapify(heap)
    gone = np.zeros(nodes, dtype=np.bool_)
    order = np.empty(nodes, dtype=np.int64)
    best, rest, removed = total / nodes, nodes, 0
    while removed < nodes:
        least, node = heapq.heappop(heap)
        if gone[node] or least != degree[node]:
            continue  # an entry from before the node got lighter
        gone[node] = True
        order[removed] = node
        removed += 1
        total -= degree[node]
        for place in range(indptr[node], indptr[node + 1]):
            other = indices[place]
            if not gone[other]:
                degree[other] -= weight[place]
                heapq.heappush(heap, (degree[other], other))
        if removed < nodes and total / (nodes - removed) > best + 1e-9:
            best, rest = total / (nodes - removed), nodes - removed
    return order, rest
