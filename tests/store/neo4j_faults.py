"""A transport that fails: connections lost before and after a commit, deadlocks, processes that die."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from neo4j.exceptions import IncompleteCommit, ServiceUnavailable, TransientError

from graphml.store.cypher import statement
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_session import Connection


class Killed(BaseException):
    """The process ended here: nothing of it runs on."""


class Faults:
    """Draws from a seed what becomes of each transaction.

    Attributes:
        happened: Names of the faults, in order.
        dead: Whether the process has been killed: nothing of it reaches the server any more.
    """

    KINDS = ("lost before", "lost after", "transient", "killed before", "killed after")

    def __init__(self, seed: int, share: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._share = share
        self.happened: list[str] = []
        self.dead = False

    def draw(self) -> str | None:
        if self._rng.random() >= self._share:
            return None
        self.happened.append(str(self._rng.choice(self.KINDS)))
        return self.happened[-1]

    def die(self) -> None:
        self.dead = True
        raise Killed

    def around(self, do: Any) -> Any:
        """Do a transaction, or fail before it or after its commit, as the driver would tell."""
        if self.dead:
            raise Killed
        fault = self.draw()
        if fault == "lost before":
            raise ServiceUnavailable("connection reset by peer")
        if fault == "killed before":
            self.die()
        if fault == "transient":
            raise TransientError("deadlock detected")
        result = do()
        if fault == "lost after":
            raise IncompleteCommit("connection reset by peer")
        if fault == "killed after":
            self.die()
        return result


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

    def execute_write(self, *work: Any) -> Any:
        return self._faults.around(lambda: self._inner.execute_write(*work))

    def run(self, *work: Any, **more: Any) -> Any:
        return self._faults.around(lambda: self._inner.run(*work, **more))

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
