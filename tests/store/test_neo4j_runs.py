"""Runs in a real Neo4j: whole or not at all, once, whatever fails; and undone to the last node."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from graphml.errors import StoreConnectionError, StoreError, StoreLockedError
from graphml.results import Ring, Scores
from graphml.store import neo4j_ledger, neo4j_runs, neo4j_write
from graphml.store.archive import Archive
from graphml.store.neo4j import Neo4jStore
from graphml.tables.frames import Tables
from tests.contract.rows import at, event, tables
from tests.contract.test_results import listed, ring
from tests.neo4j_fixtures import first_alone
from tests.neo4j_server import Server, wiped

from .neo4j_faults import Faults, Killed, failing, scores_in_view, whole_graph
from .neo4j_job import BATCH, many, random_scores

pytestmark = pytest.mark.neo4j
MEMBERS = 23


def shop(first: int = 0, last: int = 60) -> Tables:
    return tables(
        [
            event(f"e-{n:03}", n % 7, f"m-{n * n % MEMBERS:02}", product_id=f"p-{n % 5}", device_id=f"d-{n % 9}")
            for n in range(first, last)
        ]
    )  # fmt: skip


def scored(seed: int, count: int = MEMBERS) -> Scores:
    return random_scores([f"m-{n:02}" for n in range(count)], seed, f"model-{seed}")


def rings(seed: int) -> list[Ring]:
    rng = np.random.default_rng(seed)
    found = []
    for n in range(5):
        one = ring(f"r-{seed}-{n}", float(rng.random()))
        who = [f"m-{m:02}" for m in rng.choice(MEMBERS, 3, replace=False)]
        parts = [replace(one.members[0], member_id=name) for name in who]
        found.append(replace(one, members=tuple(parts)))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def store(neo4j_url: str, folder: Path) -> Iterator[Neo4jStore]:
    with Neo4jStore(neo4j_url, archive=Archive(folder)) as opened:
        yield opened


def publish(store: Neo4jStore, number: int) -> str:
    found = store.publish("fraud", [scored(number)], model=f"model-{number}", as_of=at(5))
    return found.run_id


def expected(number: int) -> dict[str, float]:
    given = scored(number)
    there = {event["member_id"] for event in shop().events.to_dicts()}
    return {i: v for i, v in zip(given.ids, given.values, strict=True) if i in there}


def test_going_back_gives_the_former_graph_node_by_node(store: Neo4jStore) -> None:
    store.write_tables(shop())
    graphs, runs = [], []
    for number in range(4):
        store.publish("rings", [rings(number)], model=None, as_of=at(number))
        store.publish("recommend", [listed("m-01", f"p-{number}")], model=None, as_of=at(number))
        runs.append(publish(store, number))
        graphs.append(whole_graph(store))
        assert scores_in_view(store) == expected(number)
    gone: set[str] = set()
    for back in (1, 2):  # one, then two at once
        place = [3, 2, 0][back]
        for kind in ("fraud", "rings", "recommend"):
            found = store.runs()
            ended = [r for r in found if r.kind == kind and r.status in ("published", "superseded")]
            store.rollback(kind, to=ended[[0, 1, 2][back]].run_id)
        gone |= {run.run_id for run in store.runs() if run.status == "withdrawn"}
        assert scores_in_view(store) == expected(place)
        assert whole_graph(store, without=frozenset(gone)) == graphs[place]
    assert len(gone) == 9
    # Pruned, nothing of them is left; the data stays.
    store.prune(keep=9)
    assert whole_graph(store) == graphs[0]
    assert {run.status for run in store.runs()} == {"published"}


def test_the_run_before_is_a_move_of_the_pointer(store: Neo4jStore, folder: Path) -> None:
    store.write_tables(shop())
    runs = [publish(store, number) for number in range(3)]
    for file in folder.iterdir():
        file.unlink()  # neither needs what was kept
    assert store.rollback("fraud").run_id == runs[1]
    assert scores_in_view(store) == expected(1)
    with pytest.raises(StoreError, match="kept nowhere") as told:
        store.rollback("fraud")
    assert runs[0] in told.value.message
    assert scores_in_view(store) == expected(1)
    assert next(run for run in store.runs() if run.run_id == runs[1]).status == "published"


def test_what_was_scored_is_kept_for_its_owner_alone_and_goes_when_pruned(
    store: Neo4jStore, folder: Path
) -> None:
    store.write_tables(shop())
    runs = [publish(store, number) for number in range(4)]
    assert {file.name for file in folder.iterdir()} == {f"{run}.parquet" for run in runs}
    assert folder.stat().st_mode & 0o077 == 0
    kept = pl.read_parquet(folder / f"{runs[2]}.parquet")
    assert kept.rows() == [*zip(scored(2).ids, scored(2).values, strict=True)]
    store.prune(keep=1)
    assert {file.name for file in folder.iterdir()} == {f"{run}.parquet" for run in runs[2:]}


def test_a_run_that_was_cut_off_goes_on_where_its_batches_end(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_tables(shop())
    publish(store, 1)
    monkeypatch.setattr(neo4j_ledger, "SCORES_AT_ONCE", 4)
    monkeypatch.setattr(neo4j_runs, "SCORES_AT_ONCE", 4)
    written: list[int] = []
    real = neo4j_runs.write_batch

    def counted(connection: Any, work: Any, kind: str, **more: Any) -> None:
        if len(written) == 3 and not lost:
            lost.append(True)
            raise StoreConnectionError("gone", hint="")
        count = "MATCH (r:GraphmlRun {run_id: $run_id}) RETURN r.batches AS n"
        run_id = work[1]["run_id"]
        before = connection.read(count, run_id=run_id)
        real(connection, work, kind, **more)
        after = connection.read(count, run_id=run_id)
        written.extend([more["batch"]] if after != before else [])

    lost: list[bool] = []
    monkeypatch.setattr(neo4j_runs, "write_batch", counted)
    with pytest.raises(StoreConnectionError):
        publish(store, 2)
    assert scores_in_view(store) == expected(1)
    assert store.runs()[0].status == "open"
    run = publish(store, 2)
    assert written == [0, 1, 2, 3, 4, 5]
    assert scores_in_view(store) == expected(2)
    assert [r.status for r in store.runs()] == ["published", "superseded"]
    assert store.runs()[0].run_id == run
    assert dict(store.runs()[0].counts) == {"scores": MEMBERS}

    written.clear()
    lost.clear()
    with pytest.raises(StoreConnectionError):
        publish(store, 3)
    publish(store, 4)  # another run, which takes the slot: the first begins anew
    assert scores_in_view(store) == expected(4)
    written.clear()
    publish(store, 3)
    assert written == [0, 1, 2, 3, 4, 5]
    assert scores_in_view(store) == expected(3)


def test_a_run_written_by_two_at_once_is_one_run(store: Neo4jStore, neo4j_url: str) -> None:
    store.write_tables(shop())
    with Neo4jStore(neo4j_url) as other:
        first = store._open_run("fraud", "model-1", at(5), "same")
        second = other._open_run("fraud", "model-1", at(5), "same")
        assert first.run_id == second.run_id
        first.write(scored(1))
        second.write(scored(1))
        store._publish(first)
        other._publish(second)
        second.fail()  # too late: it is in view
    assert [run.status for run in store.runs()] == ["published"]
    assert dict(store.runs()[0].counts) == {"scores": MEMBERS}
    assert scores_in_view(store) == expected(1)


def test_going_back_while_another_run_is_published_changes_nothing(store: Neo4jStore) -> None:
    store.write_tables(shop())
    runs = [publish(store, number) for number in range(2)]
    with pytest.raises(StoreLockedError, match="published meanwhile"):
        store._rollback("fraud", runs[0], withdrawn=[runs[0]])
    assert scores_in_view(store) == expected(1)
    assert [run.status for run in store.runs()] == ["published", "superseded"]


def test_a_slot_that_is_being_written_is_not_put_in_view(store: Neo4jStore) -> None:
    store.write_tables(shop())
    runs = [publish(store, number) for number in range(2)]
    with (  # noqa: PT012 - the block is the case
        pytest.raises(StoreLockedError),
        store.run("fraud", model=None, as_of=at(5)) as writing,
    ):
        writing.write(scored(7, 3))
        assert store.rollback("fraud").run_id == runs[0]
        assert scores_in_view(store) == expected(0)
        writing.write(scored(8, 3))
    assert scores_in_view(store) == expected(0)


# Faults.


def steps() -> list[Any]:
    """Return a job's commands: two loads, each followed by a run of each kind."""
    found: list[Any] = []
    for n in range(2):
        lists = listed("m-01", f"p-{n}", "p-4") + listed("m-04", "p-2")
        rows, results = (
            shop(0, 30 + 30 * n),
            {"fraud": scored(n), "rings": rings(n), "recommend": lists},
        )
        found.append(lambda store, rows=rows: store.write_tables(rows))
        for kind, one in results.items():
            found.append(
                lambda store, kind=kind, one=one, n=n: store.publish(
                    kind, [one], model="m", as_of=at(5 + n)
                )
            )
    return found


def job(url: str, folder: Path, done: list[int], *, until: int | None = None) -> None:
    """Do what is left of a job, a command after the other; the first ``until`` of them."""
    with Neo4jStore(url, archive=Archive(folder)) as store:
        for number, step in enumerate(steps()[:until]):
            if number not in done:
                step(store)
                done.append(number)


@pytest.fixture(scope="module")
def undisturbed(neo4j_server: Server, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    url = wiped(neo4j_server)
    with small_batches():
        job(url, tmp_path_factory.mktemp("runs"), [])
    with Neo4jStore(url) as store:
        return sequenceless(whole_graph(store))


def sequenceless(graph: list[str]) -> list[str]:
    """Leave load sequences out: a load that was cut off has used some of them up."""
    return sorted(re.sub(r'"(sequence|reserved)": \d+', r'"\1": 0', line) for line in graph)


@contextmanager
def small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neo4j_write, "BATCH", 7)
        patch.setattr(neo4j_ledger, "SCORES_AT_ONCE", 4)
        patch.setattr(neo4j_runs, "SCORES_AT_ONCE", 4)
        patch.setattr(neo4j_runs, "_RINGS_AT_ONCE", 2)
        patch.setattr(neo4j_runs, "_LISTS_AT_ONCE", 1)
        yield


def disturbed(seed: int, url: str, folder: Path) -> tuple[list[str], Faults]:
    """Do the job until it is done, whatever happens to it; return the graph and what happened."""
    faults = Faults(seed, share=0.06)
    done: list[int] = []
    told: list[StoreError] = []
    for _ in range(200):
        try:
            with small_batches(), failing(faults):
                job(url, folder, done)
        except StoreError as error:
            told.append(error)
        except Killed:
            continue
        else:
            break
    assert not [one for one in told if "\n" in one.message or "NEO4J_USERNAME" in one.hint]
    assert len(done) == len(steps()), faults.happened
    with Neo4jStore(url) as store:
        statuses = {run.status for run in store.runs()}
        assert statuses == {"published", "superseded"}, statuses
        return sequenceless(whole_graph(store)), faults


@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_the_graph_is_that_of_an_undisturbed_job(
    seed: int, undisturbed: list[str], neo4j_url: str, folder: Path
) -> None:
    graph, faults = disturbed(seed, neo4j_url, folder)
    assert graph == undisturbed, faults.happened


@first_alone
@pytest.mark.parametrize("seed", range(5, 20))
def test_whatever_else_fails_too(
    seed: int, undisturbed: list[str], neo4j_url: str, folder: Path
) -> None:
    graph, faults = disturbed(seed, neo4j_url, folder)
    assert graph == undisturbed, faults.happened


@pytest.mark.slow
@first_alone
@pytest.mark.parametrize("seed", range(1_000, 1_200))
def test_two_hundred_disturbed_jobs(
    seed: int, undisturbed: list[str], neo4j_url: str, folder: Path
) -> None:
    graph, faults = disturbed(seed, neo4j_url, folder)
    assert graph == undisturbed, faults.happened


# Processes that die.


def begun(url: str, seed: int, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.neo4j_job", url, str(seed), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def crowd(count: int) -> Tables:
    return tables([event(f"e-{n}", n % 7, f"m-{n:05}") for n in range(count)])


def batches_of(store: Neo4jStore) -> int:
    (row,) = store._connection.read(
        "MATCH (r:GraphmlRun) WHERE r.finished IS NULL RETURN sum(r.batches) AS n"
    )
    return int(row["n"])


def killed_until_done(store: Neo4jStore, url: str, *, kills: int, count: int) -> list[int]:
    """Kill a job so often, each time when it has gone on a little; return the batches written at each kill."""
    rng = np.random.default_rng(4)
    seen: list[int] = []
    for _ in range(kills):
        process = begun(url, 1, count)
        enough = (seen[-1] if seen else 0) + int(rng.integers(1, 4))
        while batches_of(store) < enough and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.append(batches_of(store))
        assert scores_in_view(store) == {}
    told, errors = begun(url, 1, count).communicate()
    assert told.startswith("fraud-"), errors
    return seen


@pytest.mark.parametrize(
    ("kills", "count"), [(4, 2_000), pytest.param(20, 20_000, marks=pytest.mark.slow)]
)
def test_a_job_that_is_killed_goes_on_where_it_was(
    kills: int, count: int, store: Neo4jStore, neo4j_url: str
) -> None:
    store.write_tables(crowd(count))
    seen = killed_until_done(store, neo4j_url, kills=kills, count=count)
    # No batch is lost that was counted: each process begins where the one before it ended.
    assert seen == sorted(seen)
    assert seen[0] >= 1
    assert seen[-1] < count / BATCH
    (run,) = store.runs()
    assert (run.status, dict(run.counts)) == ("published", {"scores": count})
    given = many(1, count)
    assert scores_in_view(store) == dict(zip(given.ids, given.values, strict=True))
