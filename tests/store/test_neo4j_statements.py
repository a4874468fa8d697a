"""The statements in ``cypher/neo4j`` and what may become part of them."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.schema import ColumnSpec
from graphml.store.cypher import data_folder
from graphml.store.neo4j_rows import grouped, pack, record_columns, row_text, unpack
from graphml.store.neo4j_session import RECORDS, fill

FILES = sorted((data_folder("cypher") / "neo4j").glob("*.cypher"))
SOURCES = "".join(
    file.read_text() for file in Path(__file__).parents[2].glob("graphml/store/neo4j*.py")
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_header_names_what_a_statement_takes_and_returns(file: Path) -> None:
    text = file.read_text()
    header = " ".join(line for line in text.splitlines() if line.startswith("//"))
    body = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    assert text.startswith(f"// {file.stem}: ")
    assert "// Parameters: " in header
    assert "// Returns: " in header
    for name in {*re.findall(r"\$[a-z_]+", body), *re.findall(r"__[A-Z]+__", body)}:
        assert name in header, f"the header does not name {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_statement_is_used(file: Path) -> None:
    # These are for readers other than graphml.
    name = re.sub(r"_slot_[ab]$", "_slot_", file.stem)
    assert name in SOURCES or name in ("read_scores", "read_recommendations")


@pytest.mark.parametrize(
    "name", ["Member) DETACH DELETE (n", "member_id`", "Person", "", "m {a: 1}", "event_id "]
)
def test_no_name_but_the_schemas_enters_a_statement(name: str) -> None:
    for part in ("LABEL", "KEY"):
        with pytest.raises(ValueError, match="no label, relationship type or key"):
            fill("create_nodes", **{"LABEL": "Member", "KEY": "member_id", part: name})


def test_statements_are_whole_once_filled() -> None:
    for table, record in RECORDS.items():
        text = fill("read_records", RECORD=record, TEXT=row_text(record_columns(table)))
        assert "__" not in text


COLUMNS = {
    "sequence": ColumnSpec(type="integer", required=True),
    "name": ColumnSpec(type="text", required=True),
    "other": ColumnSpec(type="text"),
    "amount": ColumnSpec(type="number"),
}
texts = st.text(st.sampled_from("\x1f\x1e=a\n'\ue000é"), max_size=5)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            texts,
            st.none() | texts,
            st.none() | st.floats(allow_nan=False),
        ),
        max_size=6,
    )
)
def test_what_is_packed_is_unpacked(rows: list[tuple[int, str, str | None, float | None]]) -> None:
    schema = {
        "sequence": pl.Int64(),
        "name": pl.String(),
        "other": pl.String(),
        "amount": pl.Float64(),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    packed, separator = pack(frame, COLUMNS)
    back = unpack(packed, COLUMNS, separator)
    assert back is not None
    assert back.equals(frame)


def test_a_separator_inside_a_field_is_noticed() -> None:
    rows = pl.Series(["1\x1fa\x1f=b\x1f", "2\x1fa\x1fb\x1f\x1f"])
    assert unpack(rows, COLUMNS, "\x1f") is None


def test_rows_are_grouped_by_key_in_order() -> None:
    keys, rows = pl.Series(["b", "a", "b"]), pl.Series(["1", "2", "3"])
    assert grouped(keys, rows) == [["b", ["1", "3"]], ["a", ["2"]]]
