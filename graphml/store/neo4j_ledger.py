"""Batches of a run in Neo4j, each written once whatever fails, and the slots that scores go into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from neo4j import ManagedTransaction

from graphml.errors import StoreLockedError
from graphml.store.neo4j_session import SLOTS, Connection, Work, fill, rows_of

SCORES_AT_ONCE = 10_000
"""Scores of one batch."""

Slot = Literal["a", "b"]


def take_slot(connection: Connection, kind: str, run_id: str) -> Slot:
    """Return the slot of scores that readers do not look at, for whoever ``run_id`` names.

    It holds what an older run left there: see ``empty_slot``.
    """
    work = fill("take_slot"), {"run_id": run_id, "kind": kind}
    slot: Slot = connection.once(lambda t: rows_of(t, work))[0]["slot"]
    return slot


def empty_slot(
    connection: Connection, kind: str, run_id: str, slot: Slot, *, but: Iterable[str]
) -> None:
    """Take out of a slot what others than ``but`` have there: an older run had scored them.

    Most runs score whom the one before scored; then the counts say so, and nobody is looked up.

    Raises:
        StoreLockedError: Another run has taken the slot.
    """
    parts = {"SLOT": SLOTS[slot], **connection.owners.parts}
    count = connection.read(fill("count_slot", **parts), run_id=run_id)[0]
    if count["held"] == count["found"]:
        return
    kept = set(but)
    held = (row["member_id"] for row in connection.read(fill("read_slot", **parts)))
    others = [name for name in held if name not in kept]
    for start in range(0, len(others), SCORES_AT_ONCE):
        parameters = {"run_id": run_id, "members": others[start : start + SCORES_AT_ONCE]}
        work = fill("empty_slot", **parts), parameters
        write_batch(connection, work, kind, batch=0, slot=True, ledger=False)


def write_batch(
    connection: Connection, work: Work, kind: str, *, batch: int, slot: bool, ledger: bool = True
) -> None:
    """Write one batch of a run in one transaction, unless the run's count says that it is there.

    Args:
        connection: To the store.
        work: The statement, which counts the batch too; its ``run_id`` names the run.
        kind: Of the run.
        batch: Its place in the run.
        slot: Whether it goes into a slot, which must still be the run's.
        ledger: Whether the run has a count; a batch that is written twice is the same without.

    Raises:
        StoreLockedError: Another run has taken the slot, or has given this one up.
    """
    run_id = work[1]["run_id"]
    claim = fill("claim_batch"), {"run_id": run_id, "kind": kind}

    def write(transaction: ManagedTransaction) -> None:
        run = rows_of(transaction, claim)[0]
        if run["ended"] or (slot and not run["holds"]):
            raise taken(run_id, kind)
        if not ledger or run["batches"] <= batch:
            rows_of(transaction, work)

    connection.once(write)


def taken(run_id: str, kind: str) -> StoreLockedError:
    """Return what is raised where another run is in the way."""
    return StoreLockedError(
        f"run {run_id}: another run writes scores of kind {kind}",
        hint="let that run finish, then start this one again",
    )
