"""doctor beside a Neo4j: which server, encrypted or not, who reads and who writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import run_graphml
from tests.neo4j_server import Server


def rows_of(url: str, folder: Path, env: dict[str, str]) -> dict[str, dict[str, str]]:
    done = run_graphml("doctor", "--store", url, "--format", "json", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    assert env["NEO4J_PASSWORD"] not in done.stdout + done.stderr
    rows = json.loads(done.stdout)
    assert rows[-1]["what"] == f"store {url}"
    return {row["what"]: row for row in rows}


@pytest.mark.neo4j
def test_it_says_what_answers_and_who_may_do_what(
    neo4j_server: Server, neo4j_url: str, tmp_path: Path
) -> None:
    env = {"NEO4J_USERNAME": neo4j_server.username, "NEO4J_PASSWORD": neo4j_server.password}
    rows = rows_of(neo4j_url, tmp_path, env)
    assert rows["neo4j server"]["detail"].endswith(", not encrypted")
    assert rows["neo4j users"]["state"] == "shared"
    assert (
        rows["neo4j users"]["detail"]
        == f"{neo4j_server.username} reads, {neo4j_server.username} writes"
    )
    assert rows["neo4j writing"]["state"] == "ok"
    assert rows["neo4j writing"]["detail"] == "database neo4j is read-write"
    assert rows["neo4j-rust-ext"]["state"] in ("ok", "absent")
    assert rows[f"store {neo4j_url}"]["state"] == "empty"


@pytest.mark.neo4j
def test_without_a_writer_it_says_so(neo4j_server: Server, neo4j_url: str, tmp_path: Path) -> None:
    reader = {"READ_USERNAME": neo4j_server.username, "READ_PASSWORD": neo4j_server.password}
    env = {f"NEO4J_{name}": value for name, value in reader.items()}
    done = run_graphml("doctor", "--store", neo4j_url, "--format", "json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    found = {row["what"]: row for row in json.loads(done.stdout)}
    assert found["neo4j users"]["detail"] == f"{neo4j_server.username} reads, nobody writes"


def test_no_neo4j_no_rows_of_it(tmp_path: Path) -> None:
    done = run_graphml("doctor", "--format", "json", cwd=tmp_path)
    assert not any("server" in row["what"] for row in json.loads(done.stdout))


def test_a_host_elsewhere_in_plain_text_is_wrong_before_it_is_asked(tmp_path: Path) -> None:
    url = "bolt://graph.example.com"
    done = run_graphml("doctor", "--store", url, "--format", "json", cwd=tmp_path)
    row = json.loads(done.stdout)[-1]
    assert (done.returncode, row["state"]) == (2, "wrong")
    assert "plain text" in row["detail"]
    assert "bolt+s://" in row["detail"]
