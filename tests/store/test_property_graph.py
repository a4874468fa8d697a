from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from graphml.errors import UsageError
from graphml.store.embedded import EmbeddedStore
from tests.contract.rows import random_tables


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    folder = tmp_path_factory.mktemp("cypher")
    EmbeddedStore(folder).write_tables(random_tables(1))
    with EmbeddedStore(folder, read_only=True) as store:
        yield store


@pytest.mark.parametrize(
    "statement",
    [
        "LOAD FROM '/etc/passwd' RETURN *",
        "UNWIND [1] AS x LOAD FROM '/etc/passwd' (file_format='csv') RETURN *",
        "MATCH (m:Member) RETURN 'it\\'s' AS a UNION ALL LOAD FROM '/etc/passwd' RETURN *",
        "COPY (MATCH (m:Member) RETURN m.member_id) TO '/tmp/out.csv'",
        "CALL threads=1",
        "MATCH (m:Member) RETURN m.member_id; COPY (RETURN 1) TO '/tmp/out.csv'",
        "/* MATCH */ INSTALL httpfs",
        "EXPORT DATABASE '/tmp/out'",
        "// MATCH\nATTACH '/tmp/a' AS a (dbtype duckdb)",
    ],
)
def test_files_settings_and_the_network_are_out_of_reach(
    store: EmbeddedStore, statement: str
) -> None:
    with pytest.raises(UsageError, match="only one statement that reads"):
        store.cypher(statement, {})


def test_words_in_literals_are_no_commands(store: EmbeddedStore) -> None:
    text = "RETURN 'LOAD; \\' CALL' AS a, \"COPY;\" AS `call` // load ;\n;"
    assert store.cypher(text, {}).rows() == [("LOAD; ' CALL", "COPY;")]


def test_records_are_there_with_their_columns(store: EmbeddedStore) -> None:
    batch = random_tables(1)
    for label, frame, columns in (
        ("MemberRecord", batch.members, ["member_id", "signup_time", "opted_out", "valid_from"]),
        ("ProductRecord", batch.products, ["product_id", "price", "valid_from"]),
        ("LabelRecord", batch.labels, ["order_id", "label", "known_at"]),
        ("LinkRecord", batch.links, ["other_member_id", "time"]),
    ):
        returned = ", ".join(f"r.{name} AS {name}" for name in columns)
        rows = store.cypher(f"MATCH (n)-[:HAS]->(r:{label}) RETURN {returned}", {})
        assert rows.sort(pl.all()).equals(frame.select(columns).sort(pl.all()))


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with EmbeddedStore(tmp_path / "nowhere", read_only=True) as store:
        assert store.cypher("MATCH (m:Member) RETURN count(m) AS members", {}).rows() == [(0,)]
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
