"""Undoing runs in Neo4j: the pointer moves back, and what the slots held is written again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import polars as pl

from graphml.errors import StoreError
from graphml.results import time_text
from graphml.store.archive import Archive
from graphml.store.history import overtaken
from graphml.store.neo4j_ledger import (
    SCORES_AT_ONCE,
    Slot,
    empty_slot,
    take_slot,
    taken,
    write_batch,
)
from graphml.store.neo4j_session import SLOTS, Connection, fill, rows_of


def roll_back(
    connection: Connection,
    archive: Archive | None,
    kind: str,
    to: str,
    *,
    withdrawn: Sequence[str],
) -> None:
    """Put a run in view again; what came after it is withdrawn, and the graph is as it was then.

    Readers see one small transaction. Before it, scores that no slot holds any more are written
    into the free one; after it, rings and lists of the withdrawn runs go, and the other slot gets
    the scores that it had when the run came into view, so that the next rollback is small too.

    Args:
        connection: To the store.
        archive: Of what older runs scored.
        kind: Of the runs.
        to: The run.
        withdrawn: Those published after it, the one in view first.

    Raises:
        StoreLockedError: Another run was published meanwhile, or takes the slot.
        StoreError: What it scored is kept nowhere any more.
    """
    rows = {row["run_id"]: row for row in connection.read(fill("read_runs"))}
    slot: Slot | None = None
    if rows[to]["scored"]:
        pointer = connection.read(fill("read_pointer"), kind=kind)[0]
        held: dict[str, Slot] = {pointer["holds_a"]: "a", pointer["holds_b"]: "b"}
        slot = held.get(to) or _restore(connection, archive, kind, to)
    parameters = {
        "kind": kind, "run_id": to, "from": withdrawn[0], "withdrawn": [*withdrawn],
        "now": time_text(datetime.now(UTC)), "slot": slot,
    }  # fmt: skip
    work = fill("withdraw_runs"), parameters
    if connection.once(lambda t: rows_of(t, work))[0]["moved"] != 1:
        raise overtaken(connection.url, kind)
    connection.run(fill("remove_found"), runs=[*withdrawn])
    if slot is not None:
        _restore_before(connection, archive, rows, to)


def _restore_before(
    connection: Connection, archive: Archive | None, rows: dict[str, dict[str, Any]], to: str
) -> None:
    """Bring the slot that is not in view to what it held when a run came into view."""
    own = rows[to]
    older = [
        row
        for row in rows.values()
        if row["kind"] == own["kind"]
        and row["scored"]
        and not (row["failed"] or row["withdrawn"])
        and (row["finished"] or "") < own["finished"]
    ]
    before = max(older, key=lambda row: row["finished"], default=None)
    kept = None if before is None else _kept(archive, before["run_id"])
    if before is None or kept is None:
        _fill(
            connection,
            own["kind"],
            None,
            pl.DataFrame(schema={"id": pl.String, "score": pl.Float64}),
        )
    else:
        _fill(connection, own["kind"], before["run_id"], kept)


def _restore(connection: Connection, archive: Archive | None, kind: str, run_id: str) -> Slot:
    """Write what a run scored into the slot that is not in view, and return that slot."""
    scores = _kept(archive, run_id)
    if scores is None:
        raise StoreError(
            f"the scores of run {run_id} are kept nowhere any more",
            hint="on the machine and in the folder where it was written they lie under .graphml/runs",
        )
    return _fill(connection, kind, run_id, scores)


def _kept(archive: Archive | None, run_id: str) -> pl.DataFrame | None:
    return None if archive is None else archive.read(run_id)


def _fill(connection: Connection, kind: str, run_id: str | None, scores: pl.DataFrame) -> Slot:
    token = f"rollback-{secrets.token_hex(8)}"
    slot = take_slot(connection, kind, token)
    text = fill("write_slot", SLOT=SLOTS[slot], **connection.owners.parts)
    rows = scores.iter_rows()
    batch = 0
    while some := [list(row) for row in islice(rows, SCORES_AT_ONCE)]:
        work = text, {"run_id": token, "batch": batch, "rows": some}
        write_batch(connection, work, kind, batch=batch, slot=True, ledger=False)
        batch += 1
    empty_slot(connection, kind, token, slot, but=scores["id"])
    parameters = {"kind": kind, "token": token, "slot": slot, "run_id": run_id}
    if connection.write((fill("fill_slot"), parameters))[0]["filled"] != 1:
        raise taken(token, kind)
    return slot
