from datetime import UTC, datetime

import polars as pl
import pytest

from graphml.tables.rules import ID_BYTES
from tests.tables.rows import COMMA, GOOD, HEADER, load, load_csv, reasons


def test_a_good_row_is_loaded_with_its_types(tmp_path):
    tables, quarantine = load_csv(
        tmp_path, HEADER + "e-1,2024-01-02T03:04:05.000006+02:00,purchase,m-1,p-1,12.5\n"
    )
    row = tables.events.row(0, named=True)
    assert row["time"] == datetime(2024, 1, 2, 1, 4, 5, 6, tzinfo=UTC)
    assert (row["event_id"], row["kind"], row["amount"], row["ip"]) == (
        "e-1",
        "purchase",
        12.5,
        None,
    )
    assert quarantine.rows.is_empty()
    assert quarantine.read == {"events": 1}


@pytest.mark.parametrize(
    ("row", "column", "rule"),
    [
        ("e-2,2024-01-02T03:04:05Z,steal,m-1,p-1,", "kind", "unknown kind"),
        ("e-2,2024-01-02T03:04:05Z,View,m-1,p-1,", "kind", "unknown kind"),
        ("e-2,2024-01-02T03:04:05,view,m-1,p-1,", "time", "a time without a zone"),
        ("e-2,2024-01-02,view,m-1,p-1,", "time", "a time without a zone"),
        ("e-2,2024-13-02T03:04:05Z,view,m-1,p-1,", "time", "not an ISO 8601 time"),
        ("e-2,yesterday,view,m-1,p-1,", "time", "not an ISO 8601 time"),
        ("e-2,1704164645,view,m-1,p-1,", "time", "not an ISO 8601 time"),
        ("e-2,12024-01-02T03:04:05Z,view,m-1,p-1,", "time", "not an ISO 8601 time"),
        ("e-2,,view,m-1,p-1,", "time", "missing"),
        ("e-2,2025-01-02T00:00:00.000001Z,view,m-1,p-1,", "time", "in the future"),
        ("e-2,9999-12-31T23:59:59Z,view,m-1,p-1,", "time", "in the future"),
        ("e-2,0001-01-01T00:00:00Z,view,m-1,p-1,", "time", "before 1970"),
        ("e-2,1969-12-31T23:59:59.999999Z,view,m-1,p-1,", "time", "before 1970"),
        ("e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,-0.01", "amount", "below 0"),
        ("e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,nan", "amount", "not finite"),
        ("e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,-inf", "amount", "not finite"),
        ("e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,Infinity", "amount", "not finite"),
        ('e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,"1,50"', "amount", COMMA),
        ("e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,fifty", "amount", "not a number"),
        ("e-2,2024-01-02T03:04:05Z,purchase,m-1,p-1,1e999", "amount", "not finite"),
        (",2024-01-02T03:04:05Z,view,m-1,p-1,", "event_id", "missing"),
        ("  ,2024-01-02T03:04:05Z,view,m-1,p-1,", "event_id", "missing"),
        ("e-2,2024-01-02T03:04:05Z,,m-1,p-1,", "kind", "missing"),
        ("e-2,2024-01-02T03:04:05Z,login, ,p-1,", "member_id", "missing"),
        ("e-2,2024-01-02T03:04:05Z,view,m-1,,", "product_id", "missing for this kind"),
        ("e-2,2024-01-02T03:04:05Z,refund,m-1,,3", "product_id", "missing for this kind"),
        (
            f"e-2,2024-01-02T03:04:05Z,view,{'m' * 10_240},p-1,",
            "member_id",
            f"longer than {ID_BYTES} bytes",
        ),
        (
            f"e-2,2024-01-02T03:04:05Z,view,{'é' * 501},p-1,",
            "member_id",
            f"longer than {ID_BYTES} bytes",
        ),
    ],
)
def test_a_row_that_breaks_a_rule_is_told_by_file_line_rule_and_value(tmp_path, row, column, rule):
    tables, quarantine = load_csv(tmp_path, HEADER + GOOD + row + "\n" + GOOD.replace("e-1", "e-3"))
    assert sorted(tables.events["event_id"]) == ["e-1", "e-3"]
    told = quarantine.rows.row(0, named=True)
    assert (told["table"], told["file"], told["line"]) == ("events", "events.csv", 3)
    assert (told["column"], told["rule"]) == (column, rule)
    value = pl.read_csv((HEADER + row).encode(), infer_schema=False)[column][0]
    assert told["value"] == (value[:1000] if value else None) or not value.strip()
    assert len(quarantine.rows) == 1


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("currency", "EURO", "not an ISO 4217 currency"),
        ("currency", "XQX", "not an ISO 4217 currency"),
        ("currency", "eur", "not an ISO 4217 currency"),
        ("quantity", "0", "below 1"),
        ("quantity", "-3", "below 1"),
        ("quantity", "1.5", "not a whole number"),
        ("quantity", "inf", "not a whole number"),
        ("quantity", "two", "not a number"),
        ("rating", "nan", "not finite"),
        ("points", "many", "not a number"),
    ],
)
def test_columns_of_numbers_and_currency(tmp_path, column, value, rule):
    text = f"event_id,time,kind,member_id,{column}\ne,2024-01-01T00:00:00Z,login,m,{value}\n"
    _, quarantine = load_csv(tmp_path, text)
    assert reasons(quarantine) == [(2, column, rule)]
    assert quarantine.rows["value"][0] == value


@pytest.mark.parametrize(
    ("time", "hour"),
    [
        ("2024-06-01T12:30:00Z", 12),
        ("2024-06-01t12:30:00z", 12),
        ("2024-06-01 12:30:00Z", 12),
        ("2024-06-01T12:30:00+02:00", 10),
        ("2024-06-01T12:30:00.5+0200", 10),
        ("2024-06-01 12:30:00-03", 15),
        ("2024-06-01T12:30Z", 12),
        ("2024-06-01T12:30+02", 10),
        (" 2024-06-01T12:30:00Z ", 12),
    ],
)
def test_the_many_ways_to_write_a_time(tmp_path, time, hour):
    tables, _ = load_csv(tmp_path, HEADER + f"e,{time},login,m,,\n")
    assert tables.events["time"][0].hour == hour


def test_a_day_of_slack_and_allow_future(tmp_path):
    rows = "e-1,2025-01-02T00:00:00Z,login,m,,\ne-2,9999-01-01T00:00:00Z,login,m,,\n"
    tables, _ = load_csv(tmp_path, HEADER + rows)
    assert tables.events["event_id"].to_list() == ["e-1"]
    tables, _ = load_csv(tmp_path, HEADER + rows, allow_future=True)
    assert tables.events["time"].max() == datetime(9999, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        'q"uo"te',
        "back`tick`",
        "{brace} [x]",
        "two\nlines",
        "tab\tand, comma",
        "'; DROP",
        "日本 🎁",
        "\\n",
    ],
)
def test_hostile_ids_are_kept_as_they_are(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    text = HEADER + f"{quoted},2024-01-01T00:00:00Z,login,{quoted},,\nbad\n"
    tables, quarantine = load_csv(tmp_path, text)
    assert tables.events.select("event_id", "member_id").row(0) == (name, name)
    assert reasons(quarantine) == [(3 + 2 * name.count("\n"), None, "too few fields")]


def test_repeats_are_dropped_and_counted_and_clashes_quarantined(tmp_path):
    late, early = "e,2024-02-01T00:00:00Z,login,m,,\n", "e,2024-01-01T00:00:00Z,login,m,,\n"
    tables, quarantine = load_csv(tmp_path, HEADER + late + early + late + early + GOOD)
    assert tables.events.filter(pl.col("event_id") == "e")["time"].to_list() == [
        datetime(2024, 1, 1, tzinfo=UTC)
    ]
    assert quarantine.repeats == {"events": 2}
    assert reasons(quarantine) == [(2, "event_id", "names another row too")]


def test_members_and_products_may_change_but_not_at_one_moment(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER + GOOD)
    (tmp_path / "products.csv").write_text(
        "product_id,price,valid_from\np,1,2024-01-01T00:00:00Z\np,2,2024-02-01T00:00:00Z\n"
        "p,1,2024-01-01T00:00:00Z\np,3,2024-02-01T00:00:00Z\nq,-1,\n"
    )
    tables, quarantine = load(tmp_path)
    assert sorted(tables.products["price"]) == [1, 2]
    assert quarantine.repeats["products"] == 1
    assert reasons(quarantine) == [
        (5, "product_id", "names another row too"),
        (6, "price", "below 0"),
    ]


def test_labels_name_a_member_or_an_order_and_are_0_or_1(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER + GOOD)
    (tmp_path / "labels.csv").write_text(
        "member_id,order_id,label,known_at\nm,,1,2024-01-01T00:00:00Z\n,o,0,\n,,1,\nm,,2,\nm,,1,2030-01-01T00:00:00Z\n"
    )
    tables, quarantine = load(tmp_path)
    assert tables.labels.height == 2
    assert reasons(quarantine) == [
        (4, "member_id", "neither member nor order"),
        (5, "label", "neither 0 nor 1"),
        (6, "known_at", "in the future"),
    ]


def test_a_members_signup_time_makes_a_signup_where_there_is_none(tmp_path):
    (tmp_path / "events.csv").write_text(HEADER + "e,2024-01-01T00:00:00Z,signup,m-1,,\n")
    (tmp_path / "members.csv").write_text(
        "member_id,signup_time,valid_from\nm-1,2023-01-01T00:00:00Z,\n"
        "m-2,2023-02-01T00:00:00Z,2023-06-01T00:00:00Z\nm-2,2023-02-01T00:00:00Z,\nm-3,,\n"
    )
    tables, quarantine = load(tmp_path)
    made = tables.events.filter(pl.col("event_id") != "e")
    assert made.select("event_id", "member_id", "kind", "time").rows() == [
        ("signup:m-2", "m-2", "signup", datetime(2023, 2, 1, tzinfo=UTC))
    ]
    assert quarantine.derived == {"events": 1}
    assert quarantine.loaded["events"] == 1


def test_further_columns_are_ignored_with_one_line(tmp_path):
    tables, quarantine = load_csv(
        tmp_path, HEADER.strip() + ",colour,size\n" + GOOD.strip() + ",red,9\n"
    )
    assert quarantine.notes == (
        "events.csv: ignored colour, size: the schema names no such column",
    )
    assert "colour" not in tables.events.columns


def test_now_needs_a_zone(tmp_path):
    from graphml.tables.source import read_source
    from graphml.tables.validate import validate

    (tmp_path / "events.csv").write_text(HEADER + GOOD)
    with pytest.raises(ValueError, match="now needs a time zone"):
        validate(read_source(tmp_path), now=datetime(2024, 1, 1))  # noqa: DTZ001
