"""What a plain graph's card asks: its labels or pairs, split as the card says."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from graphml.errors import UsageError
from graphml.schema import EdgeType
from graphml.tables.frames import TIME
from graphml.tables.graphlabels import Masks
from graphml.tables.graphsource import GraphSource, Pairs
from graphml.tables.rules import EARLIEST
from graphml.tasks.labels import MICROSECOND, ROWS, Labels
from graphml.tasks.split import Split, cut_times, filled, random_split, split_by_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment of all that a graph without time holds."""
HELD_OUT = 0.1
"""Share of what is to be learned that validation takes where the card has no part for it."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_HOW = "docs/how-to/add-a-graph.md"

_log = logging.getLogger(__name__)


def node_split(
    source: GraphSource,
    *,
    seed: int,
    valid_from: datetime | None = None,
    test_from: datetime | None = None,
) -> Split:
    """Return a source's labels, by its masks, else by time, else by chance.

    - By masks, all is asked as of the last moment of the graph.
    - By time, at the moments given, else the card's, else by shares of the labels: each node is
      asked as of the moment it appears, and its answer may be used from its ``known_at`` on. A
      label without one serves the test alone.
    - In a graph without time and masks, by chance.

    Args:
        source: With labels.
        seed: Of what is drawn by chance.
        valid_from: As in ``split_by_time``.
        test_from: As in ``split_by_time``.

    Raises:
        UsageError: There are no labels, or a part would be empty.
    """
    if source.labels is None:
        raise UsageError(f"{source.name} declares no labels", hint=f"label under [nodes]: {_HOW}")
    if source.masks is not None:
        return _masked(source, source.masks, seed)
    about = (source.labels.node_type,)
    if source.timeless:
        rows = source.labels.rows.with_columns(
            as_of=pl.lit(EPOCH, TIME), known_at=pl.lit(EPOCH, TIME)
        )
        return random_split(_labels("node", rows, about), seed=seed)
    # An answer known the moment it is asked for would, at a cut, be in the parts on both sides.
    later = pl.col("as_of") + MICROSECOND
    asked = source.labels.rows.join(_first(source, about[0]), on="key").with_columns(
        known_at=pl.max_horizontal(pl.col("known_at").fill_null(pl.lit(_NEVER, TIME)), later)
    )
    labels = _labels("node", asked, about)
    cuts = source.cuts or (None, None)
    first, second = valid_from or cuts[0], test_from or cuts[1]
    if first is None or second is None:
        first, second = cut_times(labels.where(pl.col("known_at") < _NEVER))
    return split_by_time(labels, valid_from=first, test_from=second)


def link_split(source: GraphSource, *, batch_size: int, seed: int) -> tuple[GraphSource, Split]:
    """Return a source's pairs by its parts, and the source whose graph is to be learned from.

    With time, each pair is asked as of a microsecond before it. Without, its training pairs are
    put into orders of ``batch_size``, by chance: who learns from one sees no edge of its order.
    Where the card has no pairs for validation, a tenth of those for training is taken: by time
    the last ones; without time by chance, and they are no edges then.

    Raises:
        UsageError: There are no pairs, or a part is empty.
    """
    pairs = source.pairs
    if pairs is None:
        raise UsageError(
            f"{source.name} declares no pairs", hint=f'split = "train" under [[edges]]: {_HOW}'
        )
    if source.timeless:
        source, pairs = _in_orders(source, pairs, batch_size, np.random.default_rng(seed))
    else:
        pairs = _cut_off(pairs)
        _require_order(pairs, source.name)
    parts = {
        name: _labels("link", _asked(getattr(pairs, name)), pairs.edge_type)
        for name in ("train", "valid", "test")
    }
    return source, filled(**parts, meant=dict.fromkeys(parts, f"split of {source.name}"))


def _masked(source: GraphSource, masks: Masks, seed: int) -> Split:
    moment = EPOCH if source.timeless else _last(source)
    parts = {name: getattr(masks, name) for name in ("train", "valid", "test")}
    if not parts["valid"].height and parts["train"].height:
        rows = parts["train"].sort("key")
        drawn = np.random.default_rng(seed).random(len(rows)) < HELD_OUT
        _log.info("no mask for validation: %d labels of train are", drawn.sum())
        parts["valid"], parts["train"] = rows.filter(drawn), rows.filter(~drawn)
    labels = {
        name: _labels(
            "node",
            rows.with_columns(as_of=pl.lit(moment, TIME), known_at=pl.lit(moment, TIME)),
            (masks.node_type,),
        )
        for name, rows in parts.items()
    }
    return filled(**labels, meant=dict.fromkeys(parts, f"mask of {source.name}"))


def _labels(task: str, rows: pl.DataFrame, about: tuple[str, ...]) -> Labels:
    columns = ROWS[task]  # type: ignore[index]
    order = [
        "as_of",
        *(name for name in ("key", "order_id", "source", "target") if name in columns),
    ]
    rows = rows.select(pl.col(name).cast(dtype) for name, dtype in columns.items()).sort(order)
    return Labels(task=task, horizon=None, rows=rows, about=about)  # type: ignore[arg-type]


def _ends(source: GraphSource, node_type: str) -> list[pl.LazyFrame]:
    """Return key and time of every edge of a node type's nodes, and of their rows."""
    frames = [
        rows.lazy().select("time", key=end)
        for edge_type, rows in source.edges.items()
        for end, name in (("source", edge_type[0]), ("target", edge_type[2]))
        if name == node_type
    ]
    if "time" in source.nodes[node_type].columns:
        frames.append(source.nodes[node_type].lazy().select("time", "key"))
    return frames


def _first(source: GraphSource, node_type: str) -> pl.DataFrame:
    """Return when each node appears: key, as_of; edges that were there always tell of no moment."""
    rows = pl.concat(_ends(source, node_type)).drop_nulls("time")
    dated = pl.col("time").filter(pl.col("time") > EARLIEST).min()
    return rows.group_by("key").agg(as_of=pl.coalesce(dated, pl.col("time").min())).collect()


def _last(source: GraphSource) -> datetime:
    frames = source.edges.values() or [n for n in source.nodes.values() if "time" in n.columns]
    last = max((rows["time"].max() for rows in frames if rows["time"].count()), default=None)  # type: ignore[type-var]
    if last is None:
        raise UsageError(f"{source.name} has no edge and no time", hint="a graph with edges")
    return last  # type: ignore[return-value]


def _asked(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return pairs with the moment each is asked at, and the order it hides."""
    if "order_id" not in pairs.columns:
        pairs = pairs.with_columns(order_id=pl.lit(None, pl.String))
    return pairs.with_columns(
        as_of=(pl.col("time") - MICROSECOND).fill_null(pl.lit(EPOCH, TIME)),
        known_at=pl.col("time").fill_null(pl.lit(EPOCH, TIME)),
    )


def _cut_off(pairs: Pairs) -> Pairs:
    """Return pairs with the last tenth of those for training as those for validation."""
    if pairs.valid.height or not pairs.train.height:
        return pairs
    cut = pairs.train["time"].quantile(1 - HELD_OUT, interpolation="lower")
    late = pl.col("time") > cut
    _log.info("no pairs for validation: those of train after %s are", cut)
    return replace(pairs, train=pairs.train.filter(~late), valid=pairs.train.filter(late))


def _tie(edge_type: EdgeType) -> dict[str, pl.Expr]:
    """Return what makes two pairs one: both ends; between nodes of one type whichever way they stand."""
    if edge_type[0] != edge_type[2]:
        return {"_one": pl.col("source"), "_other": pl.col("target")}
    return {
        "_one": pl.min_horizontal("source", "target"),
        "_other": pl.max_horizontal("source", "target"),
    }


def _require_order(pairs: Pairs, name: str) -> None:
    """Refuse pairs with time whose parts overlap: a report would be asked about a past that was learned."""
    parts = ("train", "valid", "test")
    for earlier, later in itertools.pairwise(parts):
        last, first = getattr(pairs, earlier)["time"].max(), getattr(pairs, later)["time"].min()
        if last is not None and first is not None and last >= first:
            raise UsageError(
                f"{name}: pairs of {earlier} come after the first pair of {later}",
                hint='parts one after the other in time, or time = "none"',
            )


def _in_orders(
    source: GraphSource, pairs: Pairs, size: int, rng: np.random.Generator
) -> tuple[GraphSource, Pairs]:
    ends, tie = ["source", "target"], _tie(pairs.edge_type)
    rows = pairs.train.unique(ends).sort(ends).with_columns(**tie)
    ties = rows.select(*tie).unique().sort(*tie)
    ties = ties[rng.permutation(ties.height)]
    edges: Mapping[EdgeType, pl.DataFrame] = source.edges
    known = edges[pairs.edge_type].with_columns(**tie)
    if not pairs.valid.height:
        held = ties.head(int(HELD_OUT * ties.height))
        _log.info("no pairs for validation: %d of train are, and no edges", held.height)
        pairs = replace(pairs, valid=rows.join(held, on=[*tie], how="semi").drop(*tie))
        ties = ties.tail(ties.height - held.height)
        known = known.join(held, on=[*tie], how="anti", maintain_order="left")
    ties = ties.with_columns(order_id=(pl.int_range(pl.len()) // size).cast(pl.String))
    rows = rows.join(ties, on=[*tie], how="inner").sort("order_id", *ends).drop(*tie)
    known = known.join(ties, on=[*tie], how="left", maintain_order="left").drop(*tie)
    pairs = replace(pairs, train=rows)
    return replace(source, edges={**edges, pairs.edge_type: known}, pairs=pairs), pairs
