"""Batches of a run in Neo4j, each written once whatever fails, and the slots that scores go into."""

from __future__ import annotations

from typing import Literal

from neo4j import ManagedTransaction

from graphml.errors import StoreLockedError
from graphml.store.neo4j_session import Connection, Work, fill, rows_of

SCORES_AT_ONCE = 10_000
"""Scores of one batch."""

Slot = Literal["a", "b"]


def take_slot(connection: Connection, kind: str, run_id: str) -> Slot:
    """Return the slot of scores that readers do not look at, emptied, for whoever ``run_id`` names."""
    work = fill("take_slot"), {"run_id": run_id, "kind": kind}
    found = connection.once(lambda t: rows_of(t, work))[0]
    slot: Slot = found["slot"]
    if not found["batches"]:
        connection.run(fill(f"clear_fraud_slot_{slot}"))
    return slot


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
