"""What the quarantine says: shares, reasons, and one fate for each use of a row."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

from graphml.errors import CardError, SourceError
from graphml.tables.quarantine import IN_STORE, ROWS_SCHEMA, Quarantine
from graphml.tables.source import read_source
from tests.tables.rows import GOOD, HEADER, check_sum, load, load_csv, reasons

SHOP = """
time_zone = "UTC"
products = "none"
files.orders = "orders.csv"
files.lines = "lines.csv"
[[events]]
from = "orders"
kind = "login"
columns = { event_id = "nr", time = "day", member_id = "who" }
[[events]]
from = "lines"
kind = "purchase"
join = { file = "orders", on = "nr" }
columns = { event_id = { text = "line:{line}" }, time = "day", member_id = "who", order_id = "nr" }
"""
ROW = '{"event_id":"e-N","time":"2024-01-01T00:00:00Z","kind":"login","member_id":"m"}\n'


def row(table: str, file: str | None, line: int | None, rule: str, column: str | None) -> dict:
    return {"table": table, "file": file, "line": line, "rule": rule, "column": column}


def test_the_share_that_was_refused(tmp_path):
    (tmp_path / "members.csv").write_text("member_id\n")
    _, quarantine = load_csv(tmp_path, HEADER + GOOD + "bad\nbad\nbad\n")
    assert quarantine.refused_share == {"events": 0.75, "members": 0.0}


def test_a_reason_stands_once_with_file_and_line_of_one_row():
    rows = pl.DataFrame(
        [
            row("events", "b.csv", 2, "missing", "time"),
            row("events", "a.csv", 9, "missing", "time"),
            row("events", None, None, "missing", "time"),
            row("events", "a.csv", 30, "missing", "time"),
            row("events", "b.csv", 1, "missing", "kind"),
            row("members", "b.csv", 3, "missing", "kind"),
        ],
        schema=ROWS_SCHEMA,
    )
    told = Quarantine(rows=rows).reasons()
    assert told.select("table", "column", "rule", "rows", "file", "line").rows() == [
        ("events", "time", "missing", 4, "a.csv", 9),
        ("events", "kind", "missing", 1, "b.csv", 1),
        ("members", "kind", "missing", 1, "b.csv", 3),
    ]


def test_a_row_that_no_join_can_use_says_so_and_keeps_its_own_fate(tmp_path):
    (tmp_path / "orders.csv").write_text(
        "nr,who,day\n10050,late,2024-02-01\n7,m,2024-01-05\n10050,early,2024-01-01\n"
    )
    (tmp_path / "lines.csv").write_text("line,nr\n1,10050\n2,7\n")
    (tmp_path / "shop.toml").write_text(SHOP)
    tables, quarantine = load(tmp_path / "shop.toml")
    check_sum(tables, quarantine)
    members = dict(tables.events.select("event_id", "member_id").iter_rows())
    assert members == {"10050": "early", "7": "m", "line:1": "late", "line:2": "m"}
    told = quarantine.rows.sort("line").select("file", "line", "column", "rule", "value").rows()
    assert told == [
        ("orders.csv", 2, "event_id", "names another row too", "10050"),
        ("orders.csv", 4, None, "not joined: nr names another row of orders too", "10050"),
    ]
    # Three rows and two lines were taken by blocks; one row more was set aside by the join.
    assert quarantine.read == {"events": 3 + 2 + 1}


def test_rows_that_several_blocks_take_are_told(tmp_path):
    (tmp_path / "lines.csv").write_text("line,nr\n")
    (tmp_path / "orders.csv").write_text("nr,who,day\n7,m,2024-01-05\n")
    label = (
        '[[labels]]\nfrom = "orders"\ncolumns = { member_id = "who", label = { value = "1" } }\n'
    )
    (tmp_path / "shop.toml").write_text(SHOP + label)
    _, quarantine = load(tmp_path / "shop.toml")
    told = "orders.csv: 2 blocks read it; a row counts as a row in for each block that takes it"
    assert quarantine.notes == (told,)
    assert quarantine.read == {"events": 1, "labels": 1}


def test_what_a_store_refuses_keeps_file_and_line(tmp_path):
    (tmp_path / "events-1.csv").write_text(HEADER + GOOD)
    (tmp_path / "events-2.csv").write_text(HEADER + "bad\n" + GOOD.replace("e-1", "e-2"))
    (tmp_path / "members.csv").write_text("member_id,signup_time\nm-9,2023-01-01T00:00:00Z\n")
    tables, quarantine = load(tmp_path)
    refused = tables.events.filter(pl.col("event_id").is_in(["e-2", "signup:m-9"]))
    told = quarantine.with_conflicts(refused)
    assert told.counts == {"events": 2, "members": 0}
    assert told.loaded == {"events": 1, "members": 1}
    found = told.rows.filter(pl.col("rule") == IN_STORE).sort("value")
    assert found.select("table", "file", "line", "value").rows() == [
        ("events", "events-2.csv", 3, "e-2"),
        ("derived", "the store", None, "signup:m-9"),
    ]
    assert json.loads(found["row"][0])["member_id"] == "m-1"
    assert "new --store" in IN_STORE
    assert quarantine.with_conflicts(refused.clear()) is quarantine
    unknown = Quarantine(read={"events": 1}).with_conflicts(refused.head(1))
    assert unknown.rows["file"].to_list() == ["the store"]


IP = """
time_zone = "UTC"
files.visits = { path = "visits.csv", null = ["unknown"] }
[[events]]
from = "visits"
kind = "login"
columns.event_id = "id"
columns.time = { value = "2024-01-01" }
columns.member_id = "id"
columns.ip = { column = "ip", normalise = ["strip", "STEP"] }
"""


@pytest.mark.parametrize("step", ["ip", "network/24"])
def test_an_address_that_is_none_is_refused_where_the_card_asks_for_one(tmp_path, step):
    (tmp_path / "visits.csv").write_text(
        "id,ip\na,10.1.1.1\nb,999.1.1.1\nc,\nd,unknown\ne,167837953\nf, \n"
    )
    (tmp_path / "card.toml").write_text(IP.replace("STEP", step))
    tables, quarantine = load(tmp_path / "card.toml")
    check_sum(tables, quarantine)
    address = "10.1.1.1" if step == "ip" else "10.1.1.0/24"
    assert dict(tables.events.select("event_id", "ip").iter_rows()) == {
        "a": address, "c": None, "d": None, "e": address, "f": None,
    }  # fmt: skip
    assert reasons(quarantine) == [(3, "ip", "not an IP address")]
    assert quarantine.rows["value"].to_list() == ["999.1.1.1"]


def test_a_pseudonymised_address_that_is_none_is_withheld(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHML_PSEUDONYM_KEY", "a key that is long enough")
    (tmp_path / "visits.csv").write_text("id,ip\na,999.1.1.1\nb,10.1.1.1\n")
    card = IP.replace("STEP", "ip").replace('"ip"] }', '"ip"], pseudonym = true }')
    (tmp_path / "card.toml").write_text(card)
    _, quarantine = load(tmp_path / "card.toml")
    assert reasons(quarantine) == [(2, "ip", "not an IP address")]
    assert "999" not in quarantine.rows.write_json()


def test_a_key_that_begins_late_in_json_lines_is_a_column(tmp_path):
    early = "".join(ROW.replace("e-N", f"e-{n}").replace('"kind":"login",', "") for n in range(300))
    (tmp_path / "events.jsonl").write_text(early + ROW)
    tables, quarantine = load(tmp_path)
    check_sum(tables, quarantine)
    assert tables.events["event_id"].to_list() == ["e-N"]
    assert quarantine.counts == {"events": 300}
    assert {rule[1:] for rule in reasons(quarantine)} == {("kind", "missing")}
    hidden = ROW.replace('"kind":"login"', '"note":"kind","text":"\\"kind\\": 1"')
    (tmp_path / "events.jsonl").write_text(early + hidden)
    with pytest.raises(SourceError, match=r"no column kind"):
        load(tmp_path)


def test_a_joined_file_may_show_a_key_late(tmp_path):
    (tmp_path / "lines.csv").write_text("line,nr\n1,7\n")
    people = "".join(f'{{"nr": "x{n}", "day": "2024-01-01"}}\n' for n in range(300))
    (tmp_path / "orders.jsonl").write_text(
        people + '{"nr": "7", "day": "2024-01-02", "who": "m"}\n'
    )
    block = SHOP.index("[[events]]"), SHOP.rindex("[[events]]")
    card = SHOP[: block[0]].replace("orders.csv", "orders.jsonl") + SHOP[block[1] :]
    (tmp_path / "shop.toml").write_text(card)
    assert load(tmp_path / "shop.toml")[0].events["member_id"].to_list() == ["m"]
    (tmp_path / "shop.toml").write_text(card.replace('"who"', '"whom"'))
    with pytest.raises(CardError, match="no column 'whom'"):
        load(tmp_path / "shop.toml")


def closed(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("name", ["events.csv", "events.jsonl.gz", "events.parquet"])
def test_a_file_that_is_closed_says_to_make_it_readable(tmp_path, monkeypatch, name):
    (tmp_path / name).write_text(HEADER)
    monkeypatch.setattr("graphml.tables.files.gzip.open", closed)
    monkeypatch.setattr("graphml.tables.reading.pl.scan_parquet", closed)
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(SourceError, match="cannot be read") as caught:
        load(tmp_path)
    assert "make it readable" in caught.value.hint
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("way", ["read_text", "is_dir"])
def test_a_card_that_is_closed_says_to_make_it_readable(tmp_path, monkeypatch, way):
    (tmp_path / "shop.toml").write_text(SHOP)
    monkeypatch.setattr(Path, way, closed)
    with pytest.raises(SourceError, match=r"shop\.toml: cannot be read") as caught:
        read_source(tmp_path / "shop.toml")
    assert "make it readable" in caught.value.hint


def test_a_folder_of_parts_that_is_closed_is_not_skipped(tmp_path, monkeypatch):
    (tmp_path / "events" / "deep").mkdir(parents=True)
    (tmp_path / "events" / "part.csv").write_text(HEADER + GOOD)
    real = os.scandir

    def scandir(path):
        return closed() if str(path).endswith("deep") else real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SourceError, match="cannot be read") as caught:
        load(tmp_path)
    assert "make it readable" in caught.value.hint


def test_a_pattern_in_a_folder_that_is_closed_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "shop.toml").write_text(SHOP.replace("orders.csv", "orders-*.csv"))
    (tmp_path / "lines.csv").write_text("line,nr\n1,7\n")
    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(SourceError, match="cannot be read") as caught:
        read_source(tmp_path / "shop.toml")
    assert "make it readable" in caught.value.hint
