"""Pairs without time: what of a card's to learn from, to choose by and to report on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from graphml.errors import UsageError
from graphml.schema import EdgeType
from graphml.tables.graphsource import GraphSource
from graphml.tasks.plain import HELD_OUT

ENDS = ["source", "target"]

_HOW = "docs/how-to/add-a-graph.md"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CardPairs:
    """The pairs of a card without time: frames of source and target, each pair once.

    Attributes:
        name: The card.
        edge_type: Of the pairs; their sources own them.
        known: All that are edges of the graph.
        train: Those of them to learn from.
        valid, test: None of them in ``train``; empty where the card has none.
        owners: Ids of all nodes of the source's type.
        rows: Ids of targets that have a row in a table; none where the card has no table of them.
        notes: What has to be known to read figures about it, a line each.
    """

    name: str
    edge_type: EdgeType
    known: pl.DataFrame
    train: pl.DataFrame
    valid: pl.DataFrame
    test: pl.DataFrame
    owners: pl.Series
    rows: pl.Series
    notes: tuple[str, ...]

    @property
    def targets(self) -> pl.Series:
        """Ids of what can be listed: targets with a row or a pair to learn from."""
        return ids_of(self.rows, self.train["target"])


def pairs_of(source: GraphSource) -> CardPairs:
    """Return a source's pairs; those to learn from are all that are known.

    Raises:
        UsageError: It has times, or no pairs to learn from.
    """
    if source.pairs is None or source.edges[source.pairs.edge_type].is_empty():
        raise UsageError(
            f"{source.name} has no pairs to learn from",
            hint=f'split = "train" under [[edges]]: {_HOW}',
        )
    if not source.timeless:
        raise UsageError(f"{source.name} has times", hint="train recommend --method network")
    edge_type = source.pairs.edge_type
    known = _once(source.edges[edge_type])
    valid, test = (
        _once(rows).join(known, on=ENDS, how="anti", maintain_order="left")
        for rows in (source.pairs.valid, source.pairs.test)
    )
    return CardPairs(
        name=source.name, edge_type=edge_type, known=known, train=known, valid=valid, test=test,
        owners=ids_of(source.nodes[edge_type[0]]["key"], *source.named(edge_type[0])),
        rows=source.nodes[edge_type[2]]["key"], notes=source.notes,
    )  # fmt: skip


def with_test(pairs: CardPairs, *, seed: int) -> CardPairs:
    """Return pairs with their own test, else with a tenth of each owner's drawn for one.

    Args:
        pairs: As ``pairs_of`` gives them.
        seed: Of the draw.

    Raises:
        UsageError: Nothing would be left to learn from or to report on.
    """
    if not pairs.test.is_empty():
        return pairs
    owner = pairs.edge_type[0]
    train, test = hold_out(pairs, seed=(seed, 0))
    if train.is_empty() or test.is_empty():
        raise UsageError(
            f"{pairs.name} has no pairs to report on, and no {owner} with two to draw one from",
            hint='pairs that are not in train, with split = "test"',
        )
    said = (
        f"{pairs.name} has no pairs for the test: a tenth of each {owner}'s, {len(test)} of "
        f"{len(pairs.train)}, were drawn by chance (seed {seed}) and not learned"
    )
    _log.info("%s", said)
    return replace(pairs, train=train, test=test, notes=(*pairs.notes, said))


def hold_out(pairs: CardPairs, *, seed: Sequence[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pairs to learn from without a tenth of each owner's, and these.

    Of an owner with two pairs or more at least one is held out, and never all. Between nodes of one
    type, a pair that is held out is not learned the other way round either.
    """
    drawn = np.random.default_rng(seed).random(pairs.train.height)
    rows = pairs.train.with_columns(drawn=pl.Series(drawn))
    count = pl.len().over("source").cast(pl.Int64)
    wanted = (count * HELD_OUT).round().clip(1).cast(pl.Int64)
    first = pl.col("drawn").rank("ordinal").over("source") <= pl.min_horizontal(wanted, count - 1)
    kept, held = (rows.filter(part).drop("drawn") for part in (~first, first))
    if pairs.edge_type[0] == pairs.edge_type[2]:
        kept = kept.join(held, left_on=ENDS, right_on=ENDS[::-1], how="anti", maintain_order="left")
    return kept, held


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(ENDS).unique().sort(ENDS)


def ids_of(*series: pl.Series) -> pl.Series:
    """Return the ids of columns, each once, sorted."""
    return pl.concat([one.alias("source") for one in series]).unique().sort()
