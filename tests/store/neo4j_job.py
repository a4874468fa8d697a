"""Publishes many scores in small batches: a process to be killed.

``python -m tests.store.neo4j_job URL SEED COUNT``: prints ``writing`` when it begins and the run when
it is in view.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from graphml.results import Scores
from graphml.store import neo4j_ledger, neo4j_runs
from graphml.store.neo4j import Neo4jStore
from tests.contract.rows import at

BATCH = 50


def random_scores(ids: Sequence[str], seed: int, model: str | None = None) -> Scores:
    values = np.random.default_rng(seed).random(len(ids))
    return Scores(
        unit="member",
        ids=tuple(ids),
        values=tuple(values.tolist()),
        score_kind="probability",
        as_of=at(5),
        model=model,
    )


def many(seed: int, count: int) -> Scores:
    return random_scores([f"m-{n:05}" for n in range(count)], seed)


def main() -> None:
    url, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    neo4j_runs.SCORES_AT_ONCE = neo4j_ledger.SCORES_AT_ONCE = BATCH
    with Neo4jStore(url) as store:
        print("writing", flush=True)
        run = store.publish("fraud", [many(seed, count)], model=None, as_of=at(5))
    print(run.run_id, flush=True)


if __name__ == "__main__":
    main()
