"""From a card of a flat table to a model of purchases, its report, its scores."""

from __future__ import annotations

import hashlib
import itertools
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.errors import NothingToDoError, UsageError
from graphml.pipeline.keeping import Trained, keep
from graphml.propensity import FLAT
from graphml.results import Report, Scores
from graphml.store.provenance import Manifest, Stopwatch

if TYPE_CHECKING:
    import polars as pl

    from graphml.propensity.flat import FlatConfig, FlatModel
    from graphml.tables.graphsource import GraphSource

logger = logging.getLogger("graphml.pipeline")

DRAWN = (0.6, 0.2, 0.2)
"""Shares of train, valid and test where a card says nothing of a split."""
_BITS = 2**64
_HOW = "docs/how-to/add-a-graph.md"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FlatTable:
    """A labelled table and its split.

    Attributes:
        name: The card.
        unit: The node type that its rows are of.
        rows: key and features.
        train, valid, test: key and y of each part.
        first, last: Moments of the first and the last row of the test; 1970 without time.
        notes: What has to be known to read figures about it, a line each.
    """

    name: str
    unit: str
    rows: pl.DataFrame
    train: pl.DataFrame
    valid: pl.DataFrame
    test: pl.DataFrame
    first: datetime
    last: datetime
    notes: tuple[str, ...] = ()


def is_flat(folder: Path) -> bool:
    """Return whether a folder holds a model of a flat table."""
    return (folder / FLAT).is_file()


def flat_table(card: Path, *, seed: int) -> FlatTable:
    """Return the labelled table of a card, split as it says by masks or times, else drawn.

    Drawn are 60/20/20 of the rows, by a hash of key and seed: whatever else is in the table, a row
    stays in its part.

    Raises:
        GraphmlError: Card and files do not fit, there are no labels, or a part would be empty.
    """
    from graphml.tables.graphsource import read_graph
    from graphml.tasks.plain import node_split

    logger.info("reading the table of %s", card)
    source = read_graph(card)
    if source.labels is None:
        raise UsageError(f"{card} declares no labels", hint=f"label under [nodes.columns]: {_HOW}")
    notes = _edge_notes(source)
    if source.timeless and source.masks is None:
        parts, first, last, said = _drawn(source, seed)
        notes.append(said)
    else:
        _check_known(source)
        split = node_split(source, seed=seed)
        parts = [part.rows.select("key", "y") for part in (split.train, split.valid, split.test)]
        asked = split.test.rows["as_of"]
        first, last = asked.min(), asked.max()  # type: ignore[assignment]
        notes += _left_notes(source, parts)
    for note in notes:
        logger.info("%s", note)
    return FlatTable(
        name=str(card),
        unit=source.labels.node_type,
        rows=source.nodes[source.labels.node_type],
        train=parts[0],
        valid=parts[1],
        test=parts[2],
        first=first,
        last=last,
        notes=(*source.notes, *notes),
    )


def train_flat(card: Path, config: FlatConfig, *, folder: Path) -> Trained[FlatModel]:
    """Train on the table that a card declares; keep model, report and manifest in ``folder``.

    Raises:
        GraphmlError: Card and files do not fit, or declare nothing to learn.
    """
    from graphml.propensity.flat import fit_flat

    watch = Stopwatch()
    table = flat_table(card, seed=config.seed)
    logger.info(
        "%d to learn from, %d to choose by, %d to report on",
        len(table.train), len(table.valid), len(table.test),
    )  # fmt: skip
    model = fit_flat(table.rows, table.train, table.valid, config, unit=table.unit)
    report = _report(model, table)
    manifest = Manifest.of(
        "train-propensity",
        settings=config,
        data=model.learned,
        as_of=table.last,
        seed=config.seed,
        model=model.name,
        counts={part: len(getattr(table, part)) for part in ("train", "valid", "test")},
        notes={"graph": table.name, "notes": list(report.notes), "importances": model.importances},
        watch=watch,
    )
    model.save(folder)
    keep(folder, report, manifest, card=FLAT)
    return Trained(model=model, report=report, manifest=manifest)


def evaluate_flat(card: Path, folder: Path) -> Report:
    """Return the report of a model on the test part of a card's split, by the model's seed.

    Raises:
        GraphmlError: There is no model, or the card is about another table than it.
    """
    from graphml.propensity.flat import FlatModel, learned_from

    model = FlatModel.load(folder)
    table = flat_table(card, seed=model.seed)
    if table.unit != model.unit:
        raise UsageError(
            f"{model.name} is about {model.unit}, {card} asks about {table.unit}",
            hint="the card that it was trained on",
        )
    notes: tuple[str, ...] = ()
    if learned_from(table.rows, table.train, table.valid) != model.learned:
        notes = (
            f"{model.name} was trained on other rows than {card} has to learn from: the test may "
            "hold some of those, and look too good",
        )
        logger.warning("%s", notes[0])
    return _report(model, table, notes)


def score_flat(card: Path, folder: Path) -> Scores:
    """Return the probability of a purchase for every row of a card's table, in its order.

    The card needs no label. Where too few labels were there to calibrate by, scores only rank.

    Raises:
        GraphmlError: There is no model, or the card has another table than it.
    """
    from graphml.propensity.flat import FlatModel
    from graphml.tables.graphsource import read_graph
    from graphml.tasks.plain import EPOCH

    model = FlatModel.load(folder)
    source = read_graph(card)
    if model.unit not in source.nodes:
        raise UsageError(
            f"{card} has no {model.unit}, which {model.name} is about",
            hint="the card that it was trained on",
        )
    rows = source.nodes[model.unit]
    if rows.is_empty():
        raise NothingToDoError(f"{card} has no row to score", hint="a table with rows")
    times = rows["time"].drop_nulls() if "time" in rows.columns else rows["key"].clear()
    return Scores(
        unit=model.unit,
        ids=tuple(rows["key"]),
        values=tuple(model.probability(rows).tolist()),
        score_kind=model.score_kind,
        as_of=times.max() if len(times) else EPOCH,  # type: ignore[arg-type]
        model=model.name,
    )


def _report(model: FlatModel, table: FlatTable, notes: tuple[str, ...] = ()) -> Report:
    import polars as pl

    from graphml.propensity.flat_report import figures, simple_methods, telltales

    told = pl.concat([table.train, table.valid]).sort("key")
    learned, asked = (
        part.select("key").join(table.rows, on="key", how="left", maintain_order="left")
        for part in (told, table.test)
    )
    known, y = (part["y"].cast(pl.Int64).to_numpy() for part in (told, table.test))
    if len(set(known.tolist())) < 2:
        raise UsageError(
            f"all labels that {table.name} gives to learn from are {known[0]}",
            hint="rows with a purchase and rows without one",
        )
    chances = {
        model.name: model.probability(asked),
        **simple_methods(model.columns, learned, known, asked),
    }
    found = telltales(model.columns, learned, known)
    for line in found:
        logger.warning("%s", line)
    return Report(
        task="propensity",
        model=model.name,
        rows=figures(y, chances, seed=model.seed),
        labels=len(y),
        first=table.first,
        last=table.last,
        notes=(*table.notes, *notes, *found),
    )


def _drawn(source: GraphSource, seed: int) -> tuple[list[pl.DataFrame], datetime, datetime, str]:
    """Return the parts of a draw, and the line that tells of it.

    Raises:
        UsageError: A part is empty.
    """
    import polars as pl

    from graphml.tasks.plain import EPOCH

    assert source.labels is not None
    rows = source.labels.rows.select("key", "y")
    place = pl.Series(
        [
            int.from_bytes(hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest())
            / _BITS
            for key in rows["key"]
        ],
        dtype=pl.Float64,
    )
    bounds = [0.0, DRAWN[0], DRAWN[0] + DRAWN[1], 1.0]
    parts = [
        rows.filter((place >= low) & (place < high)).sort("key")
        for low, high in itertools.pairwise(bounds)
    ]
    if not all(map(len, parts)):
        raise UsageError(
            f"{source.name} has {len(rows)} labels, too few to draw train, valid and test from",
            hint=f"more rows, or a split by masks: {_HOW}",
        )
    said = (
        f"{source.name} says nothing of a split: {', '.join(str(len(part)) for part in parts)} rows "
        f"were drawn to learn from, to choose by and to report on (60/20/20, seed {seed}); rows of "
        "one member may be in several parts"
    )
    return parts, EPOCH, EPOCH, said


def _check_known(source: GraphSource) -> None:
    """Refuse a split by time where nothing says when labels became known.

    Raises:
        UsageError: It is one.
    """
    assert source.labels is not None
    known = source.labels.rows["known_at"]
    if source.masks is None and known.null_count() == len(known):
        raise UsageError(
            f"{source.name} has times, and does not say when labels became known",
            hint="map known_at under [nodes.columns]; the column of time, if it was at once",
        )


def _edge_notes(source: GraphSource) -> list[str]:
    edges = sum(rows.height for rows in source.edges.values())
    return [f"{edges} edges play no part: the model is of the table alone"] if edges else []


def _left_notes(source: GraphSource, parts: list[pl.DataFrame]) -> list[str]:
    assert source.labels is not None
    left = len(source.labels.rows) - sum(map(len, parts))
    return [f"{left} labels are in no part of the split"] if left else []
