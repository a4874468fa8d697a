"""Columns of a flat table as numbers: what each is, learned on training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError, one_line
from graphml.tabular.boosting import Matrix, without_infinities

Kind = Literal["number", "boolean", "time", "text"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST = 1_000
"""Categories of a text that have a code: the most frequent ones."""
NO_FEATURES = ("key", "time")
"""Columns of a node table that are none."""

Floats = NDArray[np.float64]

_DAY = 86_400_000_000
_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Null)


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatColumn:
    """A column of a flat table.

    Attributes:
        name: Any text.
        kind: What its cells are.
        categories: Of a text, the most frequent first; each one's place is its code.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, cells: pl.Series) -> FlatColumn:
        """Return what a column is, by its training rows.

        Raises:
            UsageError: Its cells are no numbers, booleans, times or texts.
        """
        kind = kind_of(cells)
        if kind != "text":
            return cls(name=cells.name, kind=kind)
        told = cells.cast(pl.String).alias("text").drop_nulls().to_frame()
        counted = told.group_by("text").len().sort("len", "text", descending=[True, False])
        return cls(name=cells.name, kind=kind, categories=tuple(counted["text"].head(MOST)))

    def encode(self, cells: pl.Series) -> Floats:
        """Return cells as numbers, float64 [rows]: NaN where missing, or a text never seen.

        Numbers are as they are, booleans 0 or 1, times days since 1970, texts their codes.

        Raises:
            UsageError: The cells are of another kind.
        """
        if cells.null_count() == len(cells):
            return np.full(len(cells), np.nan)
        kind = kind_of(cells)
        if kind != self.kind:
            raise UsageError(
                f"column {one_line(self.name, 80)!r} is {kind}, the model learned from {self.kind}",
                hint=f'mend the cells, or say type = "{self.kind}" for it in the card',
            )
        if kind == "text":
            codes = {text: float(code) for code, text in enumerate(self.categories)}
            cells = cells.cast(pl.String).replace_strict(
                codes, default=None, return_dtype=pl.Float64
            )
        elif kind == "time":
            cells = cells.cast(pl.Datetime("us")).to_physical() / _DAY
        found: Floats = cells.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {"name": self.name, "kind": self.kind, "categories": list(self.categories)}

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> FlatColumn:
        """Return what ``to_json`` returned.

        Raises:
            ValueError: It is damaged.
        """
        name, kind, categories = about["name"], about["kind"], tuple(about["categories"])
        if kind not in KINDS or not all(isinstance(text, str) for text in (name, *categories)):
            raise ValueError(f"{kind!r} is no kind of column, or a name is no text")
        return cls(name=name, kind=kind, categories=categories)


def kind_of(cells: pl.Series) -> Kind:
    """Return what a column's cells are.

    Raises:
        UsageError: They are no feature.
    """
    dtype = cells.dtype
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    if isinstance(dtype, pl.Datetime | pl.Date):
        return "time"
    if isinstance(dtype, _TEXTS):
        return "text"
    raise UsageError(
        f"column {one_line(cells.name, 80)!r} of {dtype} is no feature",
        hint="a feature is a number, a text, true or false, or a time: one column for each",
    )


def columns_of(frame: pl.DataFrame) -> tuple[FlatColumn, ...]:
    """Return what the features of a node table's training rows are.

    Raises:
        UsageError: There are none, or a column cannot be one.
    """
    names = [name for name in frame.columns if name not in NO_FEATURES]
    if not names:
        raise UsageError(
            "the table has no features to learn from", hint='features = ["*"] under [[nodes]]'
        )
    return tuple(FlatColumn.of(frame[name]) for name in names)


def encoded(columns: Sequence[FlatColumn], frame: pl.DataFrame) -> Matrix:
    """Return a table as numbers, float32 [rows, columns]; NaN is missing. Further columns are ignored.

    Raises:
        UsageError: A column is not there, or of another kind.
    """
    lacking = [column.name for column in columns if column.name not in frame.columns]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        told = ", ".join(repr(one_line(name, 80)) for name in lacking[:3])
        raise UsageError(
            f"the table lacks what the model learned from: {told}{more}",
            hint="a table with the columns that it was trained on",
        )
    return without_infinities(
        np.column_stack([column.encode(frame[column.name]) for column in columns])
    )
