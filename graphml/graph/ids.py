"""Dense ids: the place of a key among the sorted keys of its node type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from graphml.errors import GraphmlError

ID_LIMIT = 2**32 - 1
"""Dense ids are UInt32; the last value stands for "none" in arrays."""


def dense_ids(
    columns: Sequence[pl.Series], *, limit: int = ID_LIMIT
) -> tuple[pl.Series, list[pl.Series]]:
    """Return the sorted unique keys of all ``columns``, and each column as dense ids.

    The ids depend on the set of keys alone, never on the order of rows: one hash pass over the
    text, then a sort of the unique keys (by their UTF-8 bytes).

    Args:
        columns: Text, nulls allowed, of one node type.
        limit: How many keys fit; lower in tests.

    Returns:
        Keys (String, sorted, no null) and the columns as UInt32, null where they were null.

    Raises:
        GraphmlError: More than ``limit`` keys.

    >>> keys, (ids,) = dense_ids([pl.Series(["b", None, "a", "b"])])
    >>> keys.to_list(), ids.to_list()
    (['a', 'b'], [1, None, 0, 1])
    """
    if not columns:
        return pl.Series("key", [], dtype=pl.String), []
    categories = pl.Categories.random(physical=pl.UInt32)
    codes = [column.cast(pl.Categorical(categories)).alias(column.name) for column in columns]
    seen = pl.concat([code.alias("key") for code in codes]).drop_nulls().unique()
    if len(seen) > limit:
        raise GraphmlError(
            f"{len(seen)} keys of one node type; at most {limit} have an id",
            hint="split the marketplace by region or period",
        )
    keys = seen.cast(pl.String)
    order = keys.arg_sort()
    code = seen.to_physical().gather(order).to_numpy()
    place = np.zeros(1 + int(code.max(initial=0)), dtype=np.uint32)
    place[code] = np.arange(len(seen), dtype=np.uint32)
    places = pl.Series(place)
    return keys.gather(order), [
        places.gather(code.to_physical()).alias(code.name) for code in codes
    ]
