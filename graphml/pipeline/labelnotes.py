"""What is said of a store's labels: which ones no training can use, and which measure nothing new."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from graphml.results import time_text
from graphml.tables.frames import TIME

if TYPE_CHECKING:
    from graphml.store.base import GraphStore

logger = logging.getLogger("graphml.pipeline")


def warn_of_labels(store: GraphStore, as_of: datetime) -> None:
    """Log a warning for each sort of label in a store that a training as of a moment does not use."""
    for note in label_notes(store.stored_rows("labels"), as_of=as_of):
        logger.warning(note)


def label_notes(labels: pl.DataFrame, *, as_of: datetime | None = None) -> list[str]:
    """Return a line for each sort of label that is not used, or not as it stands.

    Args:
        labels: With the columns of the table of labels, those without ``known_at`` too.
        as_of: The last moment known; what comes after it is counted. ``None`` for no moment.
    """
    notes = []
    known = labels.filter(pl.col("known_at").is_not_null())
    if unknown := labels.height - known.height:
        notes.append(
            f"{_labels(unknown)} without known_at serve{_s(unknown)} evaluation alone: "
            f"nothing is learned from {_them(unknown)}"
        )
    if as_of is not None:
        before = known.filter(pl.col("known_at") <= pl.lit(as_of, TIME))
        if late := known.height - before.height:
            notes.append(
                f"{_labels(late)} known after {time_text(as_of)} {'is' if late == 1 else 'are'} not "
                f"used; a later --as-of, up to now, takes in what is known by then"
            )
        known = before
    if both := _contradictions(known):
        units = f"{both} member or order has" if both == 1 else f"{both} members or orders have"
        notes.append(f"{units} labels 1 and 0 of the same moment: 1 counts")
    return notes


def circular_note(store: GraphStore, accused: pl.DataFrame, *, as_of: datetime) -> str | None:
    """Return a line where who counts as accused is who analysts found in candidate rings.

    A figure measured on these says how well candidate rings find themselves.

    Args:
        store: Whose decisions they are.
        accused: member_id and known_at of each row with the answer 1 that a report is about.
        as_of: Decisions up to then.
    """
    found = [
        (member, decision.time)
        for decision in store.decisions(as_of)
        if decision.unit == "ring" and decision.verdict == "confirm"
        for member in decision.members
    ]
    if not found:
        return None
    rings = pl.DataFrame(found, schema={"member_id": pl.String, "known_at": TIME}, orient="row")
    asked = accused.select("member_id", "known_at")
    same = asked.join(rings.unique(), on=["member_id", "known_at"], how="semi").height
    if not same:
        return None
    which = "all" if same == asked.height else f"{same} of"
    return (
        f"{which} {asked.height} accused rows of the report became known by decisions about rings: "
        "it measures candidate rings on themselves, and its figures are too good (circular)"
    )


def _contradictions(labels: pl.DataFrame) -> int:
    """Return how many members or orders have labels of both kinds known at one moment."""
    both = labels.group_by("member_id", "order_id", "known_at").agg(pl.col("label").n_unique())
    return both.filter(pl.col("label") > 1).select("member_id", "order_id").n_unique()


def _labels(count: int) -> str:
    return "1 label" if count == 1 else f"{count} labels"


def _s(count: int) -> str:
    return "s" if count == 1 else ""


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
