"""Small plain graphs with planted answers: people in clubs, who cheer for their club's colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from graphml.schema import EdgeType, plain_schema
from graphml.tables.frames import TIME
from graphml.tables.graphlabels import LABELS, Masks, NodeLabels
from graphml.tables.graphsource import EDGES, PAIRS, GraphSource, Pairs

VISITS: EdgeType = ("user", "visits", "item")
KNOWS: EdgeType = ("person", "knows", "person")
START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def edges(rows: Sequence[tuple[str, str, datetime | None]]) -> pl.DataFrame:
    ends = {"source": pl.String(), "target": pl.String(), "time": TIME}
    frame = pl.DataFrame(rows, schema=ends, orient="row")
    missing = [pl.lit(None, dtype).alias(n) for n, dtype in EDGES.items() if n not in ends]
    return frame.with_columns(missing).select(*EDGES)


def pairs(rows: Sequence[tuple[str, str, datetime | None]]) -> pl.DataFrame:
    return edges(rows).select(*PAIRS)


def visits(
    train: Sequence[tuple[str, str, datetime | None]],
    *,
    valid: Sequence[tuple[str, str, datetime | None]] = (),
    test: Sequence[tuple[str, str, datetime | None]],
) -> GraphSource:
    none = pl.DataFrame(schema={"key": pl.String()})
    timeless = all(time is None for _, _, time in train)
    return GraphSource(
        name="visits.toml",
        schema=plain_schema(("user", "item"), (VISITS,)),
        nodes={"user": none, "item": none},
        edges={VISITS: edges(train)},
        timeless=timeless,
        pairs=Pairs(edge_type=VISITS, train=pairs(train), valid=pairs(valid), test=pairs(test)),
    )


def clubs(*, clubs: int = 6, users: int = 240, each: int = 6, seed: int = 3) -> GraphSource:
    """Return users who visit items of their own club alone, with a test of one item each."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for user in range(users):
        club = user % clubs
        seen = rng.choice(np.arange(12), each + 1, replace=False)
        rows = [(f"u-{user}", f"i-{club}-{item}", None) for item in seen]
        train += rows[:-1]
        test.append(rows[-1])
    return visits(train, test=test)


def people(
    knows: Sequence[tuple[str, str, datetime | None]],
    labels: Sequence[tuple[str, int, datetime | None]],
    *,
    masks: Mapping[str, Sequence[str]] | None = None,
    cuts: tuple[datetime, datetime] | None = None,
    features: Mapping[str, Sequence[Any]] | None = None,
) -> GraphSource:
    rows = pl.DataFrame(labels, schema=LABELS, orient="row")
    split = None
    if masks is not None:
        parts = {
            name: rows.filter(pl.col("key").is_in(list(masks.get(name, ())))).select("key", "y")
            for name in ("train", "valid", "test")
        }
        split = Masks(node_type="person", **parts)
    table = pl.DataFrame(dict(features) if features else {}, schema_overrides={"key": pl.String()})
    return GraphSource(
        name="people.toml",
        schema=plain_schema(("person",), (KNOWS,)),
        nodes={"person": table if features else pl.DataFrame(schema={"key": pl.String()})},
        edges={KNOWS: edges(knows)},
        timeless=all(time is None for _, _, time in knows),
        labels=NodeLabels(node_type="person", rows=rows),
        masks=split,
        cuts=cuts,
    )
