import gzip
import json
import os
from datetime import UTC, datetime

import polars as pl
import pytest

from graphml.errors import SourceError, StorePermissionError
from graphml.tables.quarantine import Quarantine
from graphml.tables.source import read_source
from tests.tables.rows import GOOD, HEADER, check_sum, load, load_csv, reasons

SECOND = GOOD.replace("e-1", "e-2")


def refused(folder, *parts: str) -> None:
    """Loading fails with one line that holds ``parts``, and a hint."""
    with pytest.raises(SourceError) as caught:
        load(folder)
    for part in parts:
        assert part in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_an_empty_folder(tmp_path):
    refused(tmp_path, "no events table", "it is empty")


def test_a_missing_folder(tmp_path):
    refused(tmp_path / "nowhere", "nowhere", "no such folder or card")


def test_a_folder_without_events_says_what_it_found(tmp_path):
    (tmp_path / "orders.csv").write_text("a,b\n1,2\n")
    (tmp_path / "members.csv").write_text("member_id\nm\n")
    refused(tmp_path, "no events table", "members.csv", "orders.csv")


def test_a_file_that_is_no_folder_and_no_card(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER)
    refused(tmp_path / "events.csv", "neither a folder of tables nor a .toml card")


def test_an_empty_file_and_a_header_alone(tmp_path):
    (tmp_path / "events.csv").write_text("")
    refused(tmp_path, "events.csv", "empty")
    tables, quarantine = load_csv(tmp_path, HEADER)
    assert tables.events.is_empty()
    assert quarantine.read == {"events": 0}
    load_csv(tmp_path, HEADER.strip())


@pytest.mark.parametrize(("sign", "name"), [(";", "';'"), ("\t", "tab"), ("|", "'|'")])
def test_a_wrong_delimiter_is_named(tmp_path, sign, name):
    (tmp_path / "events.csv").write_text((HEADER + GOOD).replace(",", sign))
    refused(tmp_path, "events.csv line 1", f"separated by {name}, not ','")


def test_a_missing_required_column_is_named_with_those_that_are_there(tmp_path):
    (tmp_path / "events.csv").write_text("event_id,when,kind,member_id\n")
    refused(tmp_path, "events.csv: no column time", "when")


def test_two_columns_of_one_name(tmp_path):
    (tmp_path / "events.csv").write_text("event_id,time,kind,member_id,kind\n")
    refused(tmp_path, "two columns are named 'kind'")


def test_half_a_parquet_file(tmp_path):
    frame = pl.DataFrame({"event_id": ["e"], "time": [datetime(2024, 1, 1, tzinfo=UTC)]})
    frame.write_parquet(tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "whole.parquet").unlink()
    for size in (0, 3, len(data) // 2, len(data) - 1):
        (tmp_path / "events.parquet").write_bytes(data[:size])
        refused(tmp_path, "events.parquet", "not a whole Parquet file")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_half_a_gzip_file(tmp_path, suffix):
    row = {"event_id": "e", "time": "2024-01-01T00:00:00Z", "kind": "login", "member_id": "m"}
    text = HEADER + GOOD * 9_000 if suffix == "csv" else f"{json.dumps(row)}\n" * 9_000
    data = gzip.compress(text.encode())
    for size in (3, len(data) // 2, len(data) - 1):
        (tmp_path / f"events.{suffix}.gz").write_bytes(data[:size])
        refused(tmp_path, f"events.{suffix}.gz", "cut or damaged", "nothing was loaded")
    (tmp_path / f"events.{suffix}.gz").write_bytes(HEADER.encode())
    refused(tmp_path, "cut or damaged")


def test_a_utf16_file_is_named_as_such(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER + GOOD, encoding="utf-16")
    refused(tmp_path, "UTF-16")


def test_lines_that_end_in_a_bare_carriage_return(tmp_path):
    (tmp_path / "events.csv").write_bytes((HEADER + GOOD).replace("\n", "\r").encode())
    refused(tmp_path, "carriage return")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER)
    (tmp_path / "events.csv").chmod(0)
    refused(tmp_path, "cannot be read")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("final", [True, False])
def test_mark_line_ends_and_a_missing_final_one_change_nothing(tmp_path, end, mark, final):
    rows = GOOD + SECOND if final else (GOOD + SECOND).rstrip("\n")
    tables, _ = load_csv(tmp_path, mark + (HEADER + rows).replace("\n", end).encode())
    assert tables.events["event_id"].to_list() == ["e-1", "e-2"]
    assert tables.events["amount"].to_list() == [None, None]


def test_malformed_lines_keep_their_line_and_cost_no_other(tmp_path):
    lines = [
        HEADER.encode(),
        GOOD.encode(),
        b'e-3,"2024-01-02T03:04:05Z","view","m\r\n-1",p-1,\n',  # lines 3 and 4
        b"\n",
        b"e-4,too,few\n",
        b"e-5,2024-01-02T03:04:05Z,view,m-1,p-1,,many\n",
        b"e-6,2024-01-02T03:04:05Z,view,m-\xff,p-1,\n",
        b'"e-7,2024-01-02T03:04:05Z,view,m-1,p-1,\n',
        b'e-8,2024-01-02T03:04:05Z,vi"ew,m-1,p-1,\n',
        b"e-9,2024-01-02T03:04:05Z,view,m\x00,p-1,\n",
        SECOND.encode(),
        b"e-10,2024-01-02T03",
    ]
    tables, quarantine = load_csv(tmp_path, b"".join(lines))
    assert tables.events["event_id"].to_list() == ["e-1", "e-3", "e-2"]
    assert tables.events["member_id"][1] == "m\r\n-1"
    assert [(line, rule) for line, _, rule in reasons(quarantine)] == [
        (6, "too few fields"),
        (7, "too many fields"),
        (8, "not UTF-8"),
        (9, "stray quote"),
        (10, "stray quote"),
        (11, "a NUL byte"),
        (13, "too few fields"),
    ]
    assert "m-\\xff" in quarantine.rows.filter(pl.col("line") == 8)["value"][0]


@pytest.mark.parametrize(
    "bad", ["\xed\xa0\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xf4\x90\x80\x80", "\xf8", "\xe2\x82"]
)
def test_overlong_surrogate_and_cut_utf8_is_no_utf8(tmp_path, bad):
    raw = (
        (HEADER + GOOD).encode()
        + b"e-2,2024-01-02T03:04:05Z,login,"
        + bad.encode("latin-1")
        + b",,\n"
    )
    tables, quarantine = load_csv(tmp_path, raw)
    assert tables.events.height == 1
    assert reasons(quarantine) == [(3, None, "not UTF-8")]


def test_json_lines(tmp_path):
    good = {"event_id": "e-1", "time": "2024-01-01T00:00:00Z", "kind": "purchase", "member_id": "m"}
    lines = [
        json.dumps({**good, "product_id": 7, "amount": 1.5, "extra": {"a": [1]}}),
        "",
        json.dumps({**good, "event_id": "e-2", "product_id": "p", "amount": "2.50"}),
        json.dumps({**good, "event_id": "e-3", "product_id": "p", "amount": -1}),
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(lines))
    tables, quarantine = load(tmp_path)
    assert tables.events.select("product_id", "amount").rows() == [("7", 1.5), ("p", 2.5)]
    assert reasons(quarantine) == [(4, "amount", "below 0")]
    broken = ["{", "[1]", "5", '{"a":NaN}', '{"event_id":"\\ud800"}', lines[0][:40], lines[0] + "}"]
    path.write_bytes("\r\n".join([*lines, *broken]).encode() + b'\n{"event_id":"\xff"}')
    tables, quarantine = load(tmp_path)
    check_sum(tables, quarantine)
    assert tables.events.select("product_id", "amount").rows() == [("7", 1.5), ("p", 2.5)]
    assert [(line, rule) for line, _, rule in reasons(quarantine)] == [
        (4, "below 0"), (5, "not JSON"), (6, "not a JSON object"), (7, "not a JSON object"),
        (8, "not JSON"), (9, "not UTF-8"), (10, "not JSON"), (11, "not JSON"), (12, "not UTF-8"),
    ]  # fmt: skip


def test_parquet_tells_rows_and_keeps_types(tmp_path):
    times = [datetime(2024, 1, 1, tzinfo=UTC), None, datetime(9999, 1, 1, tzinfo=UTC)]
    frame = pl.DataFrame(
        {
            "event_id": [1, 2, 3],
            "time": pl.Series(times, dtype=pl.Datetime("ms", "Europe/Paris")),
            "kind": pl.Series(["login"] * 3, dtype=pl.Categorical),
            "member_id": ["a", "b", "c"],
            "device_id": pl.Series([b"x"] * 3),
        }
    )
    frame.drop("device_id").write_parquet(tmp_path / "events.parquet")
    tables, quarantine = load(tmp_path)
    assert tables.events.select("event_id", "time", "kind").row(0) == ("1", times[0], "login")
    assert reasons(quarantine) == [(2, "time", "missing"), (3, "time", "in the future")]
    frame.with_columns(pl.col("time").dt.replace_time_zone(None)).write_parquet(
        tmp_path / "events.parquet"
    )
    _, quarantine = load(tmp_path)
    assert {rule for _, _, rule in reasons(quarantine)} == {"a time without a zone", "not text"}


def test_several_files_of_a_table_and_a_folder_of_parts(tmp_path):
    (tmp_path / "events-2024-01.csv").write_text(HEADER + GOOD + "bad\n")
    (tmp_path / "events-2024-02.csv.gz").write_bytes(
        gzip.compress((HEADER + SECOND + "bad\n").encode())
    )
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "part-0.csv").write_text(HEADER + GOOD.replace("e-1", "e-3"))
    (tmp_path / "README.md").write_text("hello")
    tables, quarantine = load(tmp_path)
    assert sorted(tables.events["event_id"]) == ["e-1", "e-2", "e-3"]
    assert sorted(quarantine.rows["file"]) == ["events-2024-01.csv", "events-2024-02.csv.gz"]
    assert quarantine.notes == (f"{tmp_path.name}: left aside README.md: no table's name",)


def test_reading_a_source_reads_no_rows(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER + GOOD)
    source = read_source(tmp_path)
    assert source.tables == ("events",)
    (tmp_path / "events.csv").write_text(HEADER + GOOD + SECOND)
    assert load(tmp_path)[0].events.height == 2


def test_the_quarantine_is_its_owners_alone(tmp_path):
    _, quarantine = load_csv(tmp_path, HEADER + "bad\n" + GOOD)
    folder = quarantine.write(tmp_path / "deep" / "quarantine")
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("rows.jsonl", "counts.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    row = json.loads((folder / "rows.jsonl").read_text())
    assert (row["file"], row["line"], row["value"]) == ("events.csv", 2, "bad")
    counts = json.loads((folder / "counts.json").read_text())
    assert (counts["read"], counts["quarantined"]) == ({"events": 2}, {"events": 1})


def test_a_quarantine_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorePermissionError, match="the quarantine cannot be written"):
        Quarantine().write(tmp_path / "file")


@pytest.mark.parametrize("size", [1, 70, 90, 200, 10_000])
def test_json_lines_are_read_in_pieces_that_end_with_a_line(tmp_path, monkeypatch, size):
    monkeypatch.setattr("graphml.tables.jsonlines._CHUNK", size)
    monkeypatch.setattr("graphml.tables.jsonlines._STEP", 7)
    lines = [
        f'{{"event_id":"e-{n}","time":"2024-01-01T00:00:00Z","kind":"login","member_id":"m"}}'
        for n in range(9)
    ]
    lines[3] = "{"
    lines[6] = ""
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    tables, quarantine = load(tmp_path)
    assert sorted(tables.events["event_id"]) == [f"e-{n}" for n in (0, 1, 2, 4, 5, 7, 8)]
    assert reasons(quarantine) == [(4, None, "not JSON")]


def test_lines_of_json_are_counted_across_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("graphml.tables.jsonlines._CHUNK", 100)
    row = '{"event_id":"e","time":"x","kind":"login","member_id":"m"}\n'
    (tmp_path / "events.jsonl").write_text(row * 20)
    _, quarantine = load(tmp_path)
    assert [line for line, _, _ in reasons(quarantine)] == list(range(1, 21))
