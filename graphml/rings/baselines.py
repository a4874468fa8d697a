"""Simple ways to find rings, to stand beside ours: each a function of a graph and a moment.

All return groups of dense member ids, of ``LEAST`` members or more, the largest first unless said
otherwise; a member may be in several. None has seen a label.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

import numpy as np
import polars as pl
from graspologic_native import leiden
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from graphml.graph.build import Graph
from graphml.rings.fraudar import densest_blocks

LEAST = 3
"""Members a ring has at least."""
HUB = 50
"""Values used by more members tie nobody in a projection: its pairs grow with their square."""
SHORT_DAYS = 50
"""Longest time from a value's first use to its last, where short sharing is looked for."""
BLOCKS = 20
"""Dense blocks that Fraudar is asked for."""
SEED = 0

Members = NDArray[np.int64]


class Baseline(Protocol):
    """A method that returns groups of members as of a moment."""

    def __call__(self, graph: Graph, *, as_of: datetime) -> list[Members]:
        """Return groups of dense member ids, best first."""
        ...


def shared_device(graph: Graph, *, as_of: datetime) -> list[Members]:
    """Return the members of each device that three or more used."""
    uses = _uses(graph, as_of, ("device",)).filter(pl.len().over("value") >= LEAST)
    return _by_group(uses["member"].to_numpy(), uses["value"].to_numpy())


def device_and_card_components(graph: Graph, *, as_of: datetime) -> list[Members]:
    """Return connected components over shared devices and cards."""
    return _components(_uses(graph, as_of, ("device", "card")))


def louvain_projection(graph: Graph, *, as_of: datetime) -> list[Members]:
    """Return communities of the projection: members tied by each value they share.

    Modularity by Leiden (graspologic-native), the successor of Louvain that finds at least its
    modularity: Traag, Waltman and van Eck, Scientific Reports 9, 2019. A tie weighs the number of
    shared values; values of more than ``HUB`` members tie nobody.
    """
    uses = _uses(graph, as_of, graph.schema.identifiers)
    return _communities(_pairs(uses, len(graph.nodes["member"])))


def louvain_two_views(graph: Graph, *, as_of: datetime) -> list[Members]:
    """Return communities, as ``louvain_projection``, over pairs that share in two views.

    A view is an identifier type: a device and a card, say, but not two devices.
    """
    uses = _uses(graph, as_of, graph.schema.identifiers)
    members = len(graph.nodes["member"])
    weight = _pairs(uses, members)
    views = sum(
        (_pairs(uses.filter(type=name), members).sign() for name in graph.schema.identifiers),
        start=sparse.csr_array(weight.shape),
    )
    return _communities(weight.multiply(views >= 2).tocsr())


def short_lived_sharing(graph: Graph, *, as_of: datetime) -> list[Members]:
    """Return components over values shared for 50 days at most that are nobody's main one.

    A member's main value of a type is the one in most of the member's events; of equals, all are.
    """
    uses = _uses(graph, as_of, graph.schema.identifiers)
    main = pl.col("events") == pl.col("events").max().over("type", "member")
    span = pl.col("last").max() - pl.col("first").min()
    wanted = (
        uses.with_columns(main=main)
        .group_by("type", "value")
        .agg(span=span, main=pl.col("main").any(), members=pl.len())
        .filter(
            ~pl.col("main"), pl.col("members") >= 2, pl.col("span") <= pl.duration(days=SHORT_DAYS)
        )
    )
    return _components(uses.join(wanted, on=["type", "value"], how="semi"))


def fraudar(graph: Graph, *, as_of: datetime) -> list[Members]:
    """Return the members of the densest blocks of members × values, densest first.

    See ``densest_blocks``; one node a member and a value of any identifier type, one edge for each
    value that a member used.
    """
    uses = _uses(graph, as_of, graph.schema.identifiers)
    value, _ = _numbered(uses)
    blocks = densest_blocks(uses["member"].to_numpy(), value, blocks=BLOCKS)
    return [block for block in blocks if len(block) >= LEAST]


BASELINES: dict[str, Baseline] = {
    "device shared by 3": shared_device,
    "device and card components": device_and_card_components,
    "Louvain on the projection": louvain_projection,
    "Louvain over two views": louvain_two_views,
    "shared at most 50 days": short_lived_sharing,
    "Fraudar": fraudar,
}


def _uses(graph: Graph, as_of: datetime, types: tuple[str, ...]) -> pl.DataFrame:
    """Return who used which value by then: type, member, value, events, first, last."""
    events = graph.until(as_of).events.lazy()
    frames = [
        events.drop_nulls(name)
        .group_by("member", pl.col(name).alias("value"))
        .agg(events=pl.len(), first=pl.col("time").min(), last=pl.col("time").max())
        .select(
            pl.lit(name).alias("type"),
            pl.col("member", "value").cast(pl.Int64),
            "events",
            "first",
            "last",
        )
        for name in types
    ]
    # In a fixed order: group_by keeps none, and ties between communities must fall the same way.
    return pl.concat(frames).collect().sort("type", "value", "member")


def _numbered(uses: pl.DataFrame) -> tuple[Members, int]:
    """Return one number a (type, value), and how many there are."""
    number = uses.select(pl.struct("type", "value").rank("dense").cast(pl.Int64) - 1).to_series()
    return number.to_numpy(), number.n_unique()


def _components(uses: pl.DataFrame) -> list[Members]:
    value, values = _numbered(uses)
    member, places = np.unique(uses["member"].to_numpy(), return_inverse=True)
    nodes = len(member) + values
    ones = np.ones(len(places), dtype=np.int8)
    edges = sparse.coo_array((ones, (places, len(member) + value)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    return _by_group(member, component[: len(member)])


def _pairs(uses: pl.DataFrame, members: int) -> Any:
    """Return how many values each two members share, as an upper triangle [members, members]."""
    counts = pl.len().over("type", "value")
    uses = uses.filter(counts.is_between(2, HUB))
    value, values = _numbered(uses)
    ones = np.ones(len(value), dtype=np.float64)
    incidence = sparse.csr_array(
        (ones, (uses["member"].to_numpy(), value)), shape=(members, values)
    )
    return sparse.triu(incidence @ incidence.T, k=1, format="csr")


def _communities(weight: Any) -> list[Members]:
    """Return the communities of members tied by ``weight`` (upper triangle)."""
    pairs = weight.tocoo()
    if pairs.nnz == 0:
        return []
    names = np.arange(weight.shape[0]).astype(str)
    left, right = pairs.coords
    edges = list(zip(names[left].tolist(), names[right].tolist(), pairs.data.tolist(), strict=True))
    _, parts = leiden(edges, use_modularity=True, seed=SEED)
    members = np.array([int(name) for name in parts], dtype=np.int64)
    return _by_group(members, np.fromiter(parts.values(), np.int64, len(parts)))


def _by_group(member: Members, group: NDArray[Any]) -> list[Members]:
    order = np.lexsort((member, group))
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    return _largest_first(np.split(member[order], cuts))


def _largest_first(groups: Any) -> list[Members]:
    kept = [np.sort(group) for group in groups if len(group) >= LEAST]
    return sorted(kept, key=lambda group: (-len(group), int(group[0])))
