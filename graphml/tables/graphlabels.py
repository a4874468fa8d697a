"""Labels and masks of a node type, from the columns of its table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from graphml.errors import CardError, one_line
from graphml.tables.blocks import BlockPart
from graphml.tables.frames import TIME
from graphml.tables.graphcard import PARTS, NodeBlock
from graphml.tables.graphrows import refuse_where

LABELS: dict[str, pl.DataType] = {"key": pl.String(), "y": pl.Int8(), "known_at": TIME}
"""Columns of labels with their types; only known_at may be null."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NodeLabels:
    """Labels of one node type.

    Attributes:
        node_type: Whose.
        rows: key, y (1 or 0), known_at (null: nobody knows when); none for unlabelled nodes.
    """

    node_type: str
    rows: pl.DataFrame


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Masks:
    """The labelled nodes of each part of a split: key, y; empty where the card maps no mask."""

    node_type: str
    train: pl.DataFrame
    valid: pl.DataFrame
    test: pl.DataFrame


def labels_of(
    node: NodeBlock, rows: pl.DataFrame, part: BlockPart
) -> tuple[NodeLabels, Masks | None]:
    """Return the labels of ``rows``, and the parts of the split where the card maps masks.

    Raises:
        CardError: No row has one of the labels that count as 1.
        SourceError: A label is neither 0 nor 1 and the card does not say which count as 1; a node
            is in two parts, or in one without a label.
    """
    rows = rows.with_columns(y=_answer(node, rows, part))
    if "known_at" not in rows.columns:
        rows = rows.with_columns(known_at=pl.lit(None, TIME))
    labelled = rows.filter(pl.col("y").is_not_null())
    labels = NodeLabels(
        node_type=node.type,
        rows=labelled.select(pl.col(n).cast(dtype) for n, dtype in LABELS.items()),
    )
    masks: list[str] = [name for name in PARTS if name in rows.columns]
    if not masks:
        return labels, None
    _check_masks(rows, masks, part)
    none = pl.lit(value=False)
    split: dict[str, pl.DataFrame] = {
        name: labelled.filter(pl.col(name) if name in masks else none).select("key", "y")
        for name in PARTS
    }
    return labels, Masks(node_type=node.type, **split)


def _answer(node: NodeBlock, rows: pl.DataFrame, part: BlockPart) -> pl.Expr:
    label = pl.col("label")
    if not node.positive:
        rule = pl.format(
            "label: neither 0 nor 1, got {}; classes? card: positive = [the labels that count as 1]",
            label,
        )
        refuse_where(rows, part, ~label.is_in([0, 1]), rule)
        return label.cast(pl.Int8)
    seen = rows["label"].drop_nulls().unique().sort().to_list()
    for each in node.positive:
        if each not in seen:
            raise CardError(
                f"{part.name}: positive {one_line(each)!r} is the label of no row",
                hint=f"labels: {one_line(', '.join(seen), 300)}",
            )
    return label.is_in(node.positive).cast(pl.Int8)


def _check_masks(rows: pl.DataFrame, masks: list[str], part: BlockPart) -> None:
    within = pl.sum_horizontal(pl.col(masks).fill_null(value=False).cast(pl.UInt8))
    told = ", ".join(masks)
    several = pl.lit(f"in more than one of {told}")
    refuse_where(rows, part, within > 1, several)
    unlabelled = pl.lit(f"in one of {told}, but without a label")
    refuse_where(rows, part, (within > 0) & pl.col("y").is_null(), unlabelled)
