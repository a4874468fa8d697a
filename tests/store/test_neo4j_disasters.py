"""Servers that die, fill their disk, change their leader or may not be written: told in one line, and done again."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from neo4j import GraphDatabase

from graphml.errors import StoreConnectionError, StoreError, StorePermissionError
from graphml.store.archive import Archive
from graphml.store.neo4j import Neo4jStore
from tests.cli.conftest import run_graphml
from tests.neo4j_fixtures import absent, first_alone, generations
from tests.neo4j_jars import FIRST, ServerMissing
from tests.neo4j_server import Machine, Server, wiped

from .neo4j_faults import ANSWERS, Faults, Strike, failing, scores_in_view, whole_graph
from .neo4j_job import many
from .test_neo4j_runs import (
    MEMBERS,
    batches_of,
    begun,
    crowd,
    expected,
    job,
    publish,
    sequenceless,
    shop,
    small_batches,
    steps,
)

pytestmark = pytest.mark.neo4j
READ_ONLY = "server.databases.default_to_read_only"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


# A leader that changes, locks that cross: what the driver tries again, and what outlives that.


PUBLICATION = {"opened": 2, "slot": 3, "batch": 6, "pointer": 10}
"""Which of its writing transactions is which."""


class Once(Faults):
    """One answer at one transaction of a job.

    Args:
        kind: One of ``ANSWERS``.
        at: The number of the transaction.
        strike: What it meets.
    """

    def __init__(self, kind: str, at: int, strike: Strike) -> None:
        super().__init__(0, share=0)
        self._kind = kind
        self._left = at
        self._strike = strike

    def draw(self) -> str | None:
        self._left -= 1
        if self._left == 0:
            self.happened.append(self._kind)
        return self._kind if self._left == 0 else None

    def strike(self, fault: str) -> Strike:
        return self._strike


def published_under(faults: Faults, url: str, folder: Path, number: int) -> None:
    with (
        small_batches(),
        failing(faults),
        Neo4jStore(url, archive=Archive(folder)) as store,
    ):
        publish(store, number)


@first_alone
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_passes_is_waited_for(kind: str, neo4j_url: str, folder: Path) -> None:
    with Neo4jStore(neo4j_url) as store:
        store.write_tables(shop())
        for late in (False, True):
            for at in PUBLICATION.values():
                strike = Strike(ANSWERS[kind], late, times=1, lasting=False)
                faults = Once(kind, at, strike)
                published_under(faults, neo4j_url, folder, number := 100 * late + at)
                assert (faults.happened, strike.left) == ([kind], 0)
                assert scores_in_view(store) == expected(number)


@first_alone
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_stays_is_one_line_and_the_same_again_ends_well(
    kind: str, neo4j_url: str, folder: Path
) -> None:
    told: dict[str, StoreError] = {}
    with Neo4jStore(neo4j_url, archive=Archive(folder)) as store:
        store.write_tables(shop())
        publish(store, 0)
        before, at = 0, 0
        while True:
            at += 1
            faults = Once(kind, at, Strike(ANSWERS[kind], bool(at % 2), times=1, lasting=True))
            try:
                published_under(faults, neo4j_url, folder, at)
            except StoreError as error:
                told[error.message] = error
                assert scores_in_view(store) == expected(before)
                published_under(Faults(0, share=0), neo4j_url, folder, at)
            assert scores_in_view(store) == expected(at)
            before = at
            if not faults.happened:
                break
        assert at > max(PUBLICATION.values())
        assert {run.status for run in store.runs()} == {"published", "superseded"}
    wanted = {"read only": StorePermissionError, "deadlock": StoreError}
    for one in told.values():
        assert type(one) is wanted.get(kind, StoreConnectionError)
        assert "\n" not in one.message
        assert "NEO4J_USERNAME" not in one.hint
        assert one.hint
    assert told


# Disks that are full.


@contextmanager
def files_up_to(size: int, pid: int = 0) -> Iterator[None]:
    """Let no file of a process grow beyond ``size`` bytes, as a full disk would."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_here_leaves_nothing_in_view(neo4j_url: str, folder: Path) -> None:
    with Neo4jStore(neo4j_url, archive=Archive(folder)) as store:
        store.write_tables(shop())
        publish(store, 1)
        (kept,) = folder.iterdir()
        with files_up_to(100), pytest.raises(StoreError, match=r"runs: no space left") as told:
            publish(store, 2)
        assert "\n" not in told.value.message
        assert "run the same command again" in told.value.hint
        assert told.value.exit_code == 1
        assert [*folder.iterdir()] == [kept]
        assert scores_in_view(store) == expected(1)
        run = publish(store, 2)
        assert scores_in_view(store) == expected(2)
        assert {file.stem for file in folder.iterdir()} == {kept.stem, run}
        assert {r.status for r in store.runs()} == {"published", "superseded"}


class Ours:
    """A server of this module, to be killed and started again.

    Attributes:
        machine: Its machine.
    """

    def __init__(self, folder: Path, version: str) -> None:
        options = ("-XX:TieredStopAtLevel=1",)
        self._folder = folder
        self.machine = Machine(
            folder, heap="512m", page_cache="64m", options=options, version=version
        )
        self.server = self.machine.start()

    @property
    def log_size(self) -> int:
        """Bytes of the log that each commit adds to."""
        logs = self._folder.glob("neo4j/data/transactions/neo4j/neostore.transaction.db.*")
        return max(file.stat().st_size for file in logs)

    def writable(self) -> str:
        """Empty it, started anew if it may not be written; return its URL."""
        if self.machine.settings.pop(READ_ONLY, None):
            self.machine.stop()
            self.machine.start()
        return wiped(self.server)

    def made_read_only(self) -> None:
        """Start it anew with a database that may only be read."""
        self.machine.stop()  # a database that must be recovered could not be opened so
        self.machine.settings[READ_ONLY] = "true"
        self.machine.start()


@pytest.fixture(scope="module", params=generations(later_slow=True))
def ours(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ours]:
    if "NEO4J_URI" in os.environ:
        pytest.skip("NEO4J_URI names a server that is not ours to kill")
    try:
        own = Ours(tmp_path_factory.mktemp("machine"), request.param)
    except ServerMissing as missing:
        absent(missing, request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO4J_USERNAME", own.server.username)
        patch.setenv("NEO4J_PASSWORD", own.server.password)
        try:
            yield own
        finally:
            own.machine.kill()


@pytest.fixture(scope="module")
def usual(ours: Ours, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[int]]:
    """The graph of an undisturbed job, and the bytes that each of its steps adds to the log."""
    url = ours.writable()
    sizes = [ours.log_size]
    done: list[int] = []
    runs = tmp_path_factory.mktemp("runs")
    for number in range(len(steps())):
        with small_batches():
            job(url, runs, done, until=number + 1)
        sizes.append(ours.log_size)
    with Neo4jStore(url) as store:
        graph = sequenceless(whole_graph(store))
    return graph, [after - before for before, after in pairwise(sizes)]


@pytest.mark.parametrize(
    ("ours", "step"),
    [
        pytest.param(*one.values, step, id=f"{one.id}-{named}", marks=one.marks)
        for one in generations(later_slow=True)
        for named, step in {"load": 4, "publication": 1}.items()
        if named == "load" or one.values == (FIRST,)
    ],
    indirect=["ours"],
    scope="module",
)
def test_a_full_disk_of_the_server_is_told_and_the_same_job_again_ends_well(
    step: int, ours: Ours, usual: tuple[list[str], list[int]], folder: Path
) -> None:
    graph, growth = usual
    url = ours.writable()
    done: list[int] = []
    with small_batches():
        job(url, folder, done, until=step)
        with (
            files_up_to(ours.log_size + growth[step] // 2, ours.machine.pid),
            pytest.raises(StoreError) as told,
        ):
            job(url, folder, done)
        assert done == [*range(step)]
        assert type(told.value) is StoreError
        assert "\n" not in told.value.message
        assert "is its disk full?" in told.value.hint
        assert told.value.exit_code == 1
        ours.machine.kill()
        assert ours.machine.start().url == url
        job(url, folder, done)
    with Neo4jStore(url) as store:
        assert sequenceless(whole_graph(store)) == graph


# Servers that die.


@pytest.mark.parametrize("ours", generations()[:1], indirect=True)
def test_a_server_that_is_killed_and_started_again(ours: Ours) -> None:
    count, url = 3_000, ours.writable()
    given = many(1, count)
    with Neo4jStore(url) as store:
        store.write_tables(crowd(count))
        process = begun(url, 1, count)
        while batches_of(store) < 5 and process.poll() is None:
            time.sleep(0.002)
    ours.machine.kill()
    assert process.poll() is None, "it was done before the server was killed"
    assert ours.machine.start().url == url
    # Back soon enough, the job goes on by itself; else it is begun again.
    told, errors = process.communicate(timeout=120)
    if process.returncode:
        assert "StoreConnectionError" in errors
        told, errors = begun(url, 1, count).communicate()
    assert told.startswith("fraud-"), errors
    with Neo4jStore(url) as store:
        assert scores_in_view(store) == dict(zip(given.ids, given.values, strict=True))
        assert [dict(run.counts) for run in store.runs()] == [{"scores": count}]


# Rights that are missing.


def refused(url: str, error: type[StoreError], match: str, hint: str) -> None:
    """Assert that neither reading nor writing is possible, and that it is told in one line."""
    for do in (Neo4jStore.summary, lambda store: store.write_tables(shop())):
        with pytest.raises(error, match=match) as told, Neo4jStore(url) as store:
            do(store)
        assert "\n" not in told.value.message
        assert hint in told.value.hint
        assert told.value.exit_code == 4


@contextmanager
def unchanged(url: str) -> Iterator[None]:
    with Neo4jStore(url) as store:
        store.write_tables(shop(0, 20))
        before = whole_graph(store)
    assert len(before) > MEMBERS
    yield
    with Neo4jStore(url) as store:
        assert whole_graph(store) == before


def test_a_wrong_password_is_refused(neo4j_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with unchanged(neo4j_url), monkeypatch.context() as patch:
        patch.setenv("NEO4J_PASSWORD", "wrong \x1f`'\"")
        refused(neo4j_url, StorePermissionError, "refuses this user: ", "NEO4J_PASSWORD")


@pytest.mark.parametrize("name", ["absent", "a`b\n'\"\x1f", "ünï"])
def test_a_database_that_does_not_exist_is_named(
    name: str, neo4j_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unchanged(neo4j_url), monkeypatch.context() as patch:
        patch.setenv("NEO4J_DATABASE", name)
        refused(neo4j_url, StoreConnectionError, "has no such database: .*", "NEO4J_DATABASE")


def test_a_user_who_must_change_the_password_is_told_so(
    neo4j_url: str, neo4j_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "NEO4J_URI" in os.environ:
        pytest.skip("NEO4J_URI names a server whose users are not ours to make")
    auth = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_url, auth=auth) as driver:
        asked = "CREATE OR REPLACE USER fresh SET PASSWORD $password CHANGE REQUIRED"
        driver.execute_query(asked, password="first-password", database_="system")
        with unchanged(neo4j_url), monkeypatch.context() as patch:
            patch.setenv("NEO4J_USERNAME", "fresh")
            patch.setenv("NEO4J_PASSWORD", "first-password")
            refused(
                neo4j_url,
                StorePermissionError,
                "the password must be changed first$",
                "ALTER CURRENT USER SET PASSWORD",
            )
        driver.execute_query("DROP USER fresh", database_="system")


def test_a_database_that_may_only_be_read_is_read_and_not_written(
    ours: Ours, tmp_path: Path
) -> None:
    url = ours.writable()
    with unchanged(url):
        ours.made_read_only()
        with Neo4jStore(url) as store:
            assert store.summary().events == 20
            for write in (lambda: store.write_tables(shop()), lambda: publish(store, 1)):
                with pytest.raises(StorePermissionError, match="may not be written: ") as told:
                    write()
                assert "\n" not in told.value.message
                assert "server.databases.read_only" in told.value.hint
        (tmp_path / "events.csv").write_text(
            "event_id,time,kind,member_id\ne-999,2024-06-02T09:30:00Z,login,m-1\n"
        )
        account = {k: os.environ[k] for k in ("NEO4J_USERNAME", "NEO4J_PASSWORD")}
        done = run_graphml("load", tmp_path, "--store", url, cwd=tmp_path, env=account)
    assert done.returncode == 4, done.stderr
    assert "may not be written" in done.stderr
    assert "Traceback" not in done.stderr
