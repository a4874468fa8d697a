"""A transport that fails: connections lost before and after a commit, leaders that change, processes that die."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from neo4j.exceptions import IncompleteCommit, Neo4jError, ServiceUnavailable, SessionExpired

from graphml.store.cypher import statement
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_session import Connection


class Killed(BaseException):
    """The process ended here: nothing of it runs on."""


def answer(code: str, message: str) -> Neo4jError:
    """Return the error that the driver makes of a server's answer."""
    return Neo4jError._hydrate_neo4j(code=code, message=message)


ANSWERS: dict[str, Callable[[], Exception]] = {
    "no leader": lambda: answer(
        "Neo.ClientError.Cluster.NotALeader",
        "No write operations are allowed directly on this.\nYes",
    ),
    "read only": lambda: answer(
        "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", "This is a read only database."
    ),
    "unavailable": lambda: answer(
        "Neo.TransientError.General.DatabaseUnavailable", "Requested database is not available."
    ),
    "deadlock": lambda: answer(
        "Neo.TransientError.Transaction.DeadlockDetected",
        "ForsetiClient[transactionId=7] can't acquire ExclusiveLock{owner=ForsetiClient[6]}",
    ),
    "session expired": lambda: SessionExpired("Failed to write data to connection"),
}
"""What is said when a leader changes or locks cross: nothing of the transaction stays."""


class Faults:
    """Draws from a seed what becomes of each transaction.

    Attributes:
        happened: Names of the faults, in order.
        dead: Whether the process has been killed: nothing of it reaches the server any more.
    """

    KINDS = ("lost before", "lost after", "killed before", "killed after", *ANSWERS)

    def __init__(self, seed: int, share: float, kinds: tuple[str, ...] = KINDS) -> None:
        self._rng = np.random.default_rng(seed)
        self._share = share
        self._kinds = kinds
        self.happened: list[str] = []
        self.dead = False

    def draw(self) -> str | None:
        if self.dead:
            raise Killed
        if self._rng.random() >= self._share:
            return None
        self.happened.append(str(self._rng.choice(self._kinds)))
        return self.happened[-1]

    def die(self) -> None:
        self.dead = True
        raise Killed

    def around(self, fault: str | None, do: Any) -> Any:
        """Do a transaction, or fail before it or after its commit, as the driver would tell."""
        if fault == "lost before":
            raise ServiceUnavailable("connection reset by peer")
        if fault == "killed before":
            self.die()
        result = do()
        if fault == "lost after":
            raise IncompleteCommit("connection reset by peer")
        if fault == "killed after":
            self.die()
        return result

    def strike(self, fault: str) -> Strike:
        """Draw when the server answers so, and whether it does so for longer than the driver tries."""
        times, lasting = int(self._rng.integers(1, 3)), bool(self._rng.random() < 0.5)
        self.happened[-1] += f" x {times}" if not lasting else ", lasting"
        return Strike(ANSWERS[fault], bool(self._rng.random() < 0.5), times, lasting)


class Strike:
    """Transactions that the server refuses at their first statement or at their commit.

    Args:
        error: Makes what it answers.
        late: At the commit, when all was done.
        times: How many transactions.
        lasting: For longer than the driver tries.

    Attributes:
        left: How many transactions it will still meet.
    """

    def __init__(
        self, error: Callable[[], Exception], late: bool, times: int, lasting: bool
    ) -> None:
        self._error = error
        self._late = late
        self.left = times
        self.lasting = lasting

    def on(self, transaction: Any) -> None:
        """Let one transaction of the driver meet it; the driver's own retry goes on from there."""
        if not self.left:
            return
        self.left -= 1

        def refuse(*_: Any, **__: Any) -> Any:
            transaction._rollback()
            raise self._error()

        # As on the wire: the answer comes where the driver sends, and what it does then is its own.
        setattr(transaction, "_commit" if self._late else "run", refuse)


class _Session:
    """A session whose writing transactions meet faults; the rest is the driver's."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __enter__(self) -> _Session:
        self._inner.__enter__()
        return self

    def __exit__(self, *told: Any) -> Any:
        return self._inner.__exit__(*told)

    def execute_write(self, work: Any, *more: Any) -> Any:
        fault = self._faults.draw()
        if fault not in ANSWERS:
            return self._faults.around(fault, lambda: self._inner.execute_write(work, *more))
        strike = self._faults.strike(fault)
        patience = self._inner._config.max_transaction_retry_time
        if strike.lasting:
            self._inner._config.max_transaction_retry_time = 0

        def struck(transaction: Any, *more: Any) -> Any:
            strike.on(transaction)
            return work(transaction, *more)

        try:
            return self._inner.execute_write(struck, *more)
        finally:
            self._inner._config.max_transaction_retry_time = patience

    def begin_transaction(self, **more: Any) -> Any:
        fault = self._faults.draw()
        if fault not in ANSWERS:
            return self._faults.around(fault, lambda: self._inner.begin_transaction(**more))
        transaction = self._inner.begin_transaction(**more)
        self._faults.strike(fault).on(transaction)
        return transaction

    def run(self, *work: Any, **more: Any) -> Any:
        fault = self._faults.draw()
        if fault in ANSWERS:
            raise ANSWERS[fault]()
        return self._faults.around(fault, lambda: self._inner.run(*work, **more))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def failing(faults: Faults) -> Iterator[None]:
    """Let every connection to Neo4j meet ``faults``."""
    session = Connection.session

    faults.dead = False

    def faulty(self: Connection, access: str) -> Any:
        if faults.dead:
            raise Killed
        return _Session(session(self, access), faults)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "session", faulty)
        yield


_VOLATILE = ("started", "finished", "withdrawn", "locked")


def whole_graph(store: Neo4jStore, *, without: frozenset[str] = frozenset()) -> list[str]:
    """Return every node and relationship with all its properties, as sorted text.

    Runs are named by their order, slots by whether they are in view, and the times at which runs
    were written are left out.

    Args:
        store: Whose database it is.
        without: Runs whose own node is left out.
    """
    runs = sorted(store.runs(), key=lambda run: (run.started, run.run_id))
    names = {
        run.run_id: f"run-{n}" for n, run in enumerate(r for r in runs if r.run_id not in without)
    }
    nodes = store._connection.read(
        "MATCH (n) WHERE NOT n:GraphmlTestDatabase "
        "RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS p"
    )
    ties = store._connection.read(
        "MATCH (a)-[r]->(b) RETURN elementId(a) AS a, type(r) AS type, properties(r) AS p, elementId(b) AS b"
    )
    slots = {"a": "graphml_fraud_a", "b": "graphml_fraud_b"}
    live = {
        n["p"].get("slot")
        for n in nodes
        if n["labels"] == ["GraphmlPointer"] and n["p"]["kind"] == "fraud"
    }
    other = {"a": "b", "b": "a"}.get(next(iter(live), None) or "", "b")
    called = {slots[other]: "scores not in view", f"holds_{other}": "holds not in view"}
    told = {}
    for node in nodes:
        own = {
            called.get(k, k.rstrip("ab") if k[:-1] in ("graphml_fraud_", "holds_") else k): v
            for k, v in node["p"].items()
            if k not in _VOLATILE and k != "slot"
        }
        if node["labels"] == ["GraphmlRun"] and own["run_id"] in without:
            continue
        text = json.dumps([node["labels"], own], sort_keys=True, default=str)
        for run_id, name in names.items():
            text = text.replace(run_id, name)
        told[node["id"]] = re.sub(r'"(writing|writer)": "[^"]*"', r'"\1": "somebody"', text)
    found = [*told.values()]
    for tie in ties:
        if tie["a"] in told and tie["b"] in told:
            shown = json.dumps([tie["type"], tie["p"]], sort_keys=True, default=str)
            found.append(f"{told[tie['a']]} {shown} {told[tie['b']]}")
    return sorted(found)


def scores_in_view(store: Neo4jStore) -> dict[str, float]:
    """Return what any reader sees."""
    rows = store.cypher(statement("neo4j/read_scores"), {}).to_dicts()
    return {row["member_id"]: row["score"] for row in rows}
