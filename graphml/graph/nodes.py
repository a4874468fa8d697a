"""Nodes of one type: their keys, since when they exist, what is known about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.schema import GraphSchema
from graphml.tables.frames import TABLES, TIME, Tables

NEVER = np.iinfo(np.int64).max
"""``Nodes.first`` of a node that does not exist by then."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodes:
    """The nodes of one type; the dense id is the place in every array.

    After ``Graph.until`` the ids stay as they were, so nodes of later days keep their place; they
    have no edges, no features, and ``first`` is ``NEVER``. Count ``present``, not ``len``.

    Attributes:
        keys: The type's ids as text, sorted, unique.
        first: Microseconds of the first event (or link), int64 [nodes]; ``NEVER`` if not by then.
        attributes: All known attribute rows by (node, valid_from); ``features`` is what holds.
        as_of: The last moment known; ``None`` for all.
    """

    keys: pl.Series
    first: NDArray[np.int64]
    attributes: pl.DataFrame
    as_of: datetime | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which nodes exist by then, bool [nodes]."""
        return np.not_equal(self.first, NEVER)

    @cached_property
    def features(self) -> pl.DataFrame:
        """Raw attribute columns, one row a node: the row with the latest ``valid_from`` by then.

        Null where nothing is known. A time later than ``as_of`` is not known either.
        """
        rows = self.attributes.filter(pl.lit(pl.Series(self.present)).gather(pl.col("node")))
        rows = rows.unique("node", keep="last", maintain_order=True)
        if self.as_of is not None:
            time = pl.selectors.datetime()
            rows = rows.with_columns(pl.when(time <= self.as_of).then(time).name.keep())
        every = pl.DataFrame({"node": np.arange(len(self), dtype=np.uint32)})
        return every.join(rows, on="node", how="left", maintain_order="left").drop("node")

    def until(self, as_of: datetime, moment: int) -> Nodes:
        """Return the nodes as they were by ``as_of``, ``moment`` in microseconds."""
        valid_from = pl.col("valid_from")
        return Nodes(
            keys=self.keys,
            first=np.where(self.first <= moment, self.first, NEVER),
            attributes=self.attributes.filter(valid_from.is_null() | (valid_from <= as_of)),
            as_of=as_of,
        )


def first_seen(nodes: int, named: Iterable[tuple[pl.DataFrame, str]]) -> NDArray[np.int64]:
    """Return the microseconds when each node was first named, int64 [nodes]; ``NEVER`` where not.

    Args:
        nodes: How many there are.
        named: Frames with ``time``, and the column of dense ids that names nodes.
    """
    first = np.full(nodes, NEVER, dtype=np.int64)
    for frame, column in named:
        rows = frame.select(column, "time").drop_nulls(column)
        np.minimum.at(first, rows[column].to_numpy(), time_array(rows["time"]))
    return first


def attribute_rows(name: str, keys: pl.Series, tables: Tables, schema: GraphSchema) -> pl.DataFrame:
    """Return the rows about nodes that are there: node, valid_from, feature columns."""
    key = schema.nodes[name].key
    table = next((t for t in TABLES if next(iter(schema.tables.get(t, ())), None) == key), None)
    if table is None or table == "links":
        return pl.DataFrame(schema={"node": pl.UInt32, "valid_from": TIME})
    node = pl.DataFrame({key: keys, "node": np.arange(len(keys), dtype=np.uint32)})
    rows: pl.DataFrame = getattr(tables, table)
    known = rows.join(node, on=key, how="inner", maintain_order="left").drop(key)
    order = ["node", "valid_from", *(c for c in ("sequence",) if c in known.columns)]
    return known.sort(order, nulls_last=False, maintain_order=True).drop("sequence", strict=False)


def microseconds(time: datetime) -> int:
    """Return ``time`` in microseconds since 1970, exactly.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    past = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def moment_of(time: int) -> datetime:
    """Return microseconds since 1970 as a moment: the inverse of ``microseconds``.

    >>> moment_of(1000005) == datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)
    True
    """
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time))


def time_array(time: pl.Series) -> NDArray[np.int64]:
    """Return microseconds since 1970, int64; 0 where a graph has no time."""
    return time.to_physical().fill_null(0).to_numpy()
