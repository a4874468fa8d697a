"""What is known of nodes and events as numbers: encoders fitted on one period, then fixed.

``fit_features`` looks at a graph that ends where training ends and returns a ``FeatureSpec``, plain
JSON that belongs to the model; ``encode`` turns any graph into tables by it. So a value first seen
later is unknown to a model of today, and no mean knows the future.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.build import Graph
from graphml.graph.nodes import Nodes
from graphml.nn.spec import HASHED, FeatureSpec, NodeFeatures, NumberSpec

Floats = NDArray[np.float32]

CATEGORIES = 256
"""Most values of a column that are told apart one by one; a column of more is text."""
CLIP = 5.0
"""Standardised numbers end here."""
EVENT_COLUMNS = ("amount", "quantity", "rating", "points")
_NO_FEATURES = ("node", "valid_from", "opted_out")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NodeTable:
    """Attribute rows of one node type as numbers; row 0 stands for a node of which nothing is known.

    Attributes:
        indptr: Rows of node n are ``[indptr[n], indptr[n + 1])``, by ``valid_from``; int64 [nodes + 1].
        valid_from: From when a row holds, microseconds, int64 [rows + 1].
        dense: float32 [rows + 1, width].
        codes: Place of each category's value, 0 for unknown, int64 [rows + 1, categories].
        first: Since when each node exists, microseconds, int64 [nodes].
        known: Place of each node among those with a vector of their own from 1 on, else 0,
            int64 [nodes].
    """

    indptr: NDArray[np.int64]
    valid_from: NDArray[np.int64]
    dense: Floats
    codes: NDArray[np.int64]
    first: NDArray[np.int64]
    known: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Features:
    """A graph's nodes and events as numbers.

    Attributes:
        nodes: By node type.
        events: Standardised numbers, 0 where missing, float32 [events, numbers].
        kinds: Place of each event's kind in the spec from 1 on, 0 for others, uint8 [events].
        kind_count: Kinds of the spec.
    """

    nodes: Mapping[str, NodeTable]
    events: Floats
    kinds: NDArray[np.uint8]
    kind_count: int


def fit_features(
    graph: Graph, *, edge_attributes: bool = True, known: Collection[str] = ()
) -> FeatureSpec:
    """Return the encoders of what ``graph`` holds: end it where training ends (``Graph.until``).

    Columns without a value, or with one alone, say nothing and are left out; so are times.

    Args:
        graph: What may be known.
        edge_attributes: Whether edges carry numbers and kinds of their records.
        known: Node types whose nodes get a vector of their own; later ones share one.
    """
    nodes = {name: _fit_nodes(nodes, own=name in known) for name, nodes in graph.nodes.items()}
    if not edge_attributes:
        return FeatureSpec(nodes=nodes, events=(), kinds=())
    known = [name for name in EVENT_COLUMNS if name in graph.events.columns]
    fitted = (_fit_number(graph.events[name]) for name in known)
    used = graph.events["kind"].unique().cast(pl.String).to_list()
    return FeatureSpec(
        nodes=nodes,
        events=tuple(number for number in fitted if number is not None),
        kinds=tuple(kind for kind in graph.schema.kinds if kind in used),
    )


def encode(graph: Graph, spec: FeatureSpec) -> Features:
    """Return the numbers of ``graph`` by ``spec``; columns it lacks are missing everywhere."""
    none = NodeFeatures()
    return Features(
        nodes={
            name: _encode_nodes(nodes, spec.nodes.get(name, none))
            for name, nodes in graph.nodes.items()
        },
        events=_encode_events(graph.events, spec),
        kinds=_kinds(graph.events, spec),
        kind_count=len(spec.kinds),
    )


def _fit_nodes(nodes: Nodes, *, own: bool) -> NodeFeatures:
    rows = nodes.features.filter(pl.Series(nodes.present))
    numbers, categories, texts = [], {}, []
    for name in rows.columns:
        column = rows[name]
        if name in _NO_FEATURES or column.dtype.is_temporal():
            continue
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            numbers.append(_fit_number(column))
            continue
        values = column.cast(pl.String).drop_nulls().unique().sort()
        if 1 < len(values) <= CATEGORIES:
            categories[name] = tuple(values)
        elif len(values) > CATEGORIES:
            texts.append(name)
    return NodeFeatures(
        numbers=tuple(number for number in numbers if number is not None),
        categories=categories,
        texts=tuple(texts),
        known=tuple(nodes.keys.filter(pl.Series(nodes.present))) if own else (),
    )


def _fit_number(column: pl.Series) -> NumberSpec | None:
    values = _finite(column)
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return None
    low, middle, high = np.quantile(known, [0.0, 0.5, 0.99])
    # Amounts and counts are far from symmetric: their logarithm is nearer to it.
    log = bool(low >= 0 and high > 10 * max(middle, 1e-9))
    known = np.log1p(known) if log else known
    scale = float(known.std())
    if scale <= 1e-9 * max(1.0, abs(float(known.mean()))) and not np.isnan(values).any():
        return None
    return NumberSpec(
        name=column.name, center=float(known.mean()), scale=scale if scale > 0 else 1.0, log=log
    )


def _finite(column: pl.Series) -> NDArray[np.float64]:
    values = column.cast(pl.Float64).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _encode_nodes(nodes: Nodes, spec: NodeFeatures) -> NodeTable:
    rows = nodes.attributes
    owner = rows["node"].to_numpy()
    begin = rows["valid_from"].to_physical().fill_null(np.iinfo(np.int64).min).to_numpy()
    dense = np.zeros((rows.height + 1, spec.width), dtype=np.float32)
    codes = np.zeros((rows.height + 1, len(spec.categories)), dtype=np.int64)
    for place, number in enumerate(spec.numbers):
        values = _number(rows, number)
        dense[1:, 2 * place : 2 * place + 2] = values
        dense[0, 2 * place + 1] = 1
    for place, (name, known) in enumerate(spec.categories.items()):
        codes[1:, place] = _codes(rows, name, known)
    for place, name in enumerate(spec.texts):
        start = 2 * len(spec.numbers) + HASHED * place
        dense[1:, start : start + HASHED] = hashed(rows, name)
    indptr = 1 + np.searchsorted(owner, np.arange(len(nodes) + 1))
    return NodeTable(
        indptr=indptr.astype(np.int64),
        valid_from=np.concatenate([[np.iinfo(np.int64).min], begin]),
        dense=dense,
        codes=codes,
        first=np.asarray(nodes.first),
        known=_places(nodes.keys, spec.known),
    )


def _places(keys: pl.Series, known: tuple[str, ...]) -> NDArray[np.int64]:
    """Return each key's place among ``known``, sorted, from 1 on; 0 for others."""
    if not known:
        return np.zeros(len(keys), dtype=np.int64)
    own = pl.DataFrame({"key": known, "place": np.arange(1, len(known) + 1)})
    found = keys.to_frame("key").join(own, on="key", how="left", maintain_order="left")
    return found["place"].fill_null(0).to_numpy().astype(np.int64)


def _number(rows: pl.DataFrame, spec: NumberSpec) -> Floats:
    """Return standardised value (0 where missing) and whether it is missing, float32 [rows, 2]."""
    if spec.name not in rows.columns or not _is_number(rows[spec.name]):
        return np.tile(np.array([0, 1], dtype=np.float32), (rows.height, 1))
    values = _finite(rows[spec.name])
    missing = np.isnan(values)
    values = np.log1p(np.maximum(values, 0)) if spec.log else values
    scaled = np.clip((values - spec.center) / spec.scale, -CLIP, CLIP)
    return np.column_stack([np.where(missing, 0, scaled), missing]).astype(np.float32)


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _codes(rows: pl.DataFrame, name: str, values: tuple[str, ...]) -> NDArray[np.int64]:
    if name not in rows.columns:
        return np.zeros(rows.height, dtype=np.int64)
    place = {value: code for code, value in enumerate(values, 1)}
    found = rows[name].cast(pl.String).replace_strict(place, default=0, return_dtype=pl.Int64)
    return found.fill_null(0).to_numpy()


def hashed(rows: pl.DataFrame, name: str) -> Floats:
    """Return a text column's words hashed with signs into ``HASHED`` numbers of length 1 or 0.

    Feature hashing (Weinberger et al. 2009); words are what case and spaces leave.
    """
    result = np.zeros((rows.height, HASHED), dtype=np.float32)
    if name not in rows.columns:
        return result
    column = rows[name].cast(pl.String).fill_null("")
    texts = column.unique().sort()
    known = np.stack([_hashed_text(text) for text in texts]) if len(texts) else result
    place = texts.search_sorted(column).to_numpy()
    result[:] = known[place]
    return result


def _hashed_text(text: str) -> Floats:
    vector = np.zeros(HASHED, dtype=np.float32)
    for word in text.casefold().split():
        digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
        vector[digest[0] % HASHED] += 1 if digest[1] & 1 else -1
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def _encode_events(events: pl.DataFrame, spec: FeatureSpec) -> Floats:
    result = np.zeros((events.height, len(spec.events)), dtype=np.float32)
    for place, number in enumerate(spec.events):
        result[:, place] = _number(events, number)[:, 0]
    return result


def _kinds(events: pl.DataFrame, spec: FeatureSpec) -> NDArray[np.uint8]:
    if not spec.kinds:
        return np.zeros(events.height, dtype=np.uint8)
    place = {kind: code for code, kind in enumerate(spec.kinds, 1)}
    kind = events["kind"].cast(pl.String)
    return kind.replace_strict(place, default=0, return_dtype=pl.UInt8).to_numpy()
