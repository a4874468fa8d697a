"""runs: what was published, listed, printed, taken back and removed; the same twice is one run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from graphml.store.cypher import statement
from graphml.store.neo4j import Neo4jStore
from tests.cli.conftest import run_graphml


def account() -> dict[str, str]:
    """Return what the environment says of the server of this session."""
    return {
        name: os.environ[name]
        for name in ("NEO4J_USERNAME", "NEO4J_PASSWORD")
        if name in os.environ
    }


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def shop(request: pytest.FixtureRequest, market: Path, tmp_path: Path):
    """The command beside a store with a small market in it."""
    url = "embedded://store"
    if request.param == "neo4j":
        url = str(request.getfixturevalue("neo4j_url"))

    def run(*arguments: object, code: int = 0, **options: object) -> str:
        done = run_graphml(*arguments, "-q", "--store", url, cwd=tmp_path, env=account(), **options)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    run("load", market / "shop")
    run.url = url  # type: ignore[attr-defined]
    return run


def listed(run, *arguments: object) -> list[dict]:
    return [json.loads(line) for line in run("runs", *arguments).splitlines()]


def days(run) -> list[str]:
    """Return three moments, each some days before the next, the last one the last event's."""
    return ["2024-05-01T00:00:00Z", "2024-05-15T00:00:00Z", "2024-06-01T00:00:00Z"]


def test_the_same_detection_twice_is_one_run_and_going_back_gives_the_former(shop) -> None:
    assert "no runs" in shop("runs", "list", code=5)
    first, second = (shop("detect-rings", "--write", "--as-of", when) for when in days(shop)[:2])
    new, old = listed(shop, "list")
    assert (new["status"], old["status"]) == ("published", "superseded")
    assert new["as_of"] > old["as_of"]
    shop("detect-rings", "--write", "--as-of", days(shop)[1])
    assert listed(shop, "list") == [new, old]
    shown = json.loads(shop("runs", "show", new["run_id"]))
    assert {r["ring_id"] for r in shown["rings"]} <= {
        json.loads(line)["ring_id"] for line in second.splitlines()
    }
    assert new["counts"].get("rings", 0) == len(shown["rings"])
    dry = listed(shop, "rollback", "rings", "--dry-run")
    assert [row["run_id"] for row in dry] == [old["run_id"]]
    assert listed(shop, "list") == [new, old]
    (back,) = listed(shop, "rollback", "rings")
    assert (back["run_id"], back["status"]) == (old["run_id"], "published")
    assert [r["status"] for r in listed(shop, "list", "rings")] == ["withdrawn", "published"]
    assert "first run of kind 'rings'" in shop("runs", "rollback", "rings", code=2)
    assert [row["run_id"] for row in listed(shop, "prune", "--dry-run")] == [new["run_id"]]
    assert [row["run_id"] for row in listed(shop, "prune", "--keep", "0")] == [new["run_id"]]
    assert [row["run_id"] for row in listed(shop, "list")] == [old["run_id"]]
    table = shop("runs", "show", old["run_id"], "--format", "table")
    assert old["run_id"] in table
    assert first
    held = shop("runs", "show", old["run_id"], "--format", "csv").splitlines()
    assert len(held) == 1 + old["counts"].get("rings", 0)


def test_what_makes_no_sense_is_refused_in_one_line(shop) -> None:
    for arguments, said in (
        (("undo",), "cannot 'undo' runs"),
        (("show",), "show which run?"),
        (("show", "rings-1"), "no run 'rings-1'"),
        (("rollback",), "rollback of which kind?"),
        (("list", "--to", "x"), "--to is for rollback"),
        (("list", "--keep", "2"), "--keep is for prune"),
        (("prune", "rings"), "prune is for runs of all kinds"),
    ):
        told = shop("runs", *arguments, code=2)
        assert told.startswith(f"error: {said}"), told
        assert len(told.splitlines()) == 2
    assert "no run of kind 'rings' is in view" in shop("runs", "rollback", "rings", code=5)
    assert "no runs of kind fraud" in shop("runs", "list", "fraud", code=5)


@pytest.mark.neo4j
def test_writing_twice_leaves_the_graph_as_it_is(
    market: Path, neo4j_url: str, tmp_path: Path
) -> None:
    from tests.store.neo4j_faults import whole_graph

    def run(*arguments: object) -> str:
        done = run_graphml(*arguments, "-q", "--store", neo4j_url, cwd=tmp_path, env=account())
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("load", market / "shop")
    found = run("detect-rings", "--write")
    with Neo4jStore(neo4j_url) as store:
        before = whole_graph(store)
        again = run("detect-rings", "--write")
        assert whole_graph(store) == before
        assert len(store.runs()) == 1
        assert store.cypher(statement("neo4j/read_scores"), {}).height == 0
    keep = ("ring_id", "score", "members")
    told = [
        [{k: json.loads(line)[k] for k in keep} for line in out.splitlines()]
        for out in (found, again)
    ]
    assert told[0] == told[1]
    assert told[0]
