"""Decimal commas, signs between thousands, and what is never guessed."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.errors import CardError
from graphml.tables.numbers import number, refusals
from tests.tables.rows import COMMA, check_sum, load, load_csv, reasons

POINT = COMMA.replace("comma", "point").replace('","', '"."')
EITHER = "not a number; thousands or decimals?"
CARD = """
time_zone = "Europe/Berlin"
currency = "EUR"
products = "none"
[files]
orders = { path = "orders.csv", delimiter = ";", decimal = "," }
[[events]]
from = "orders"
kind = "purchase"
where = "sum >= 0"
[events.columns]
event_id = { text = "{nr}/{sum}" }
time = "day"
member_id = "who"
amount = "sum"
[[events]]
from = "orders"
kind = "refund"
where = "sum < -0.5"
[events.columns]
event_id = "nr"
time = "day"
member_id = "who"
amount = { formula = "-sum" }
"""


def read(text: str, decimal: str) -> float | None:
    return pl.DataFrame({"c": [text]}).select(number(pl.col("c"), decimal)).item()


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("49,90", ",", 49.9),
        (" -1.234,56 ", ",", -1234.56),
        ("1.234.567", ",", 1_234_567.0),
        ("1 234,5", ",", 1234.5),
        ("1\u202f234", ",", 1234.0),
        ("1'234'567,25", ",", 1_234_567.25),
        ("1,234", ",", 1.234),
        ("12", ",", 12.0),
        ("1.234", ",", None),
        ("49.90", ",", None),
        ("1,234.56", ",", None),
        ("12.34.567", ",", None),
        ("1,2,3", ",", None),
        ("1,234.56", ".", 1234.56),
        ("1,234,567", ".", 1_234_567.0),
        ("1,234", ".", None),
        ("1.234", ".", 1.234),
        ("49,90", "", None),
        ("1,234.56", "", None),
        ("1.5e3", "", 1500.0),
    ],
)
def test_a_number_is_read_where_its_signs_leave_no_doubt(text, decimal, value):
    assert read(text, decimal) == value


@given(
    st.decimals(-(10**9), 10**9, places=2), st.sampled_from([(",", "."), (".", ","), (",", " ")])
)
def test_numbers_written_with_thousands_come_back(value, signs):
    decimal, thousands = signs
    text = f"{value:,.2f}".translate(str.maketrans({".": decimal, ",": thousands}))
    assert read(text, decimal) == float(value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("49,90", COMMA),
        ("1.234,56", COMMA),
        ("1.234.567", COMMA),
        ("1,234.56", POINT),
        ("1,234", EITHER),
        ("1,2,3", "not a number"),
        ("fifty", "not a number"),
        ("", "not a number"),
    ],
)
def test_a_refused_number_says_what_it_looks_like(text, rule):
    cells = pl.Series("c", ["x", text])
    assert [
        (rule, where.to_list()) for rule, where in refusals(cells, pl.Series([False, True]))
    ] == [(rule, [False, True])]


def shop(folder, rows: str, card: str = CARD):
    (folder / "orders.csv").write_text(f"nr;who;day;sum\n{rows}")
    (folder / "shop.toml").write_text(card)
    tables, quarantine = load(folder / "shop.toml")
    check_sum(tables, quarantine)
    return dict(tables.events.select("event_id", "amount").iter_rows()), quarantine


def test_a_card_reads_decimal_commas_in_columns_formulas_and_filters(tmp_path):
    rows = (
        "a;m;2024-01-01;49,90\nb;m;2024-01-01;-1.234,56\nc;m;2024-01-01;1.234\nd;m;2024-01-01;0\n"
    )
    amounts, quarantine = shop(tmp_path, rows)
    assert amounts == {"a/49,90": 49.9, "b": 1234.56, "d/0": 0.0}
    assert reasons(quarantine) == [(4, "sum", EITHER)]
    assert quarantine.rows["value"].to_list() == ["1.234"]
    amounts, quarantine = shop(tmp_path, rows, CARD.replace("sum >= 0", "nr != 'b'"))
    assert reasons(quarantine) == [(4, "amount", EITHER)]
    assert quarantine.rows["value"].to_list() == ["1.234"]


def test_a_card_that_forgets_its_commas_is_told_by_the_rule(tmp_path):
    amounts, quarantine = shop(
        tmp_path, "a;m;2024-01-01;49,90\nb;m;2024-01-01;20\n", CARD.replace(', decimal = ","', "")
    )
    assert amounts == {"b/20": 20.0}
    rule = 'not a number; decimal comma? card: decimal = ","'
    assert reasons(quarantine) == [(2, "sum", rule)]


def test_a_cell_that_a_filter_cannot_compare_is_told_with_its_column(tmp_path):
    rows = "a;m;2024-01-01;ten\nb;m;2024-01-01;3\nc;m;2024-01-01;\n"
    amounts, quarantine = shop(tmp_path, rows)
    assert amounts == {"b/3": 3.0}
    told = quarantine.rows.sort("line").select("line", "column", "rule", "value").rows()
    assert told == [
        (2, "sum", "not a number", "ten"),
        (4, None, "no block of the card takes this row", None),
    ]


def test_a_filter_of_texts_has_nothing_to_say_of_numbers(tmp_path):
    card = CARD.replace("sum >= 0", "sum == 'x'").replace("sum < -0.5", "nr in ['b']")
    _, quarantine = shop(tmp_path, "a;m;2024-01-01;ten\nb;m;2024-01-01;-3\n", card)
    assert reasons(quarantine) == [(2, None, "no block of the card takes this row")]


def test_a_default_and_whole_numbers_go_with_decimal_commas(tmp_path):
    card = CARD.replace('amount = "sum"', 'amount = { column = "sum", default = "0.5" }').replace(
        "sum >= 0", "nr != 'z'"
    )
    card = card.replace('formula = "-sum"', 'value = "1"').replace(
        'amount = { value = "1" }', 'quantity = "sum"'
    )
    amounts, quarantine = shop(tmp_path, "a;m;2024-01-01;\nz;m;2024-01-01;-2,5\n", card)
    assert amounts == {"a/": 0.5}
    assert reasons(quarantine) == [(3, "quantity", "not a whole number")]


def test_numbers_of_parquet_need_no_decimal_sign(tmp_path):
    frame = {"nr": ["a", "b"], "who": ["m", "m"], "day": ["2024-01-01"] * 2, "sum": [49.9, -2.5]}
    pl.DataFrame(frame).write_parquet(tmp_path / "orders.parquet")
    (tmp_path / "shop.toml").write_text(CARD.replace("orders.csv", "orders.parquet"))
    tables, _ = load(tmp_path / "shop.toml")
    assert sorted(tables.events["amount"]) == [2.5, 49.9]


def test_a_joined_file_has_a_decimal_sign_of_its_own(tmp_path):
    (tmp_path / "prices.csv").write_text("nr|price\na|9.5\n")
    card = CARD.replace(
        "[[events]]", 'prices = { path = "prices.csv", delimiter = "|" }\n[[events]]', 1
    )
    card = card.replace(
        'where = "sum >= 0"', 'join = { file = "prices", on = "nr" }\nwhere = "sum >= 0"'
    )
    card = card.replace('amount = "sum"', 'amount = { formula = "sum * price" }')
    amounts, _ = shop(tmp_path, "a;m;2024-01-01;2,5\n", card)
    assert amounts == {"a/2,5": 23.75}


def test_a_decimal_sign_is_a_comma_or_a_point(tmp_path):
    with pytest.raises(CardError, match="decimal"):
        shop(tmp_path, "", CARD.replace('decimal = ","', 'decimal = ";"'))


def test_a_folder_tells_decimal_commas_too(tmp_path):
    text = 'event_id,time,kind,member_id,quantity\ne,2024-01-01T00:00:00Z,login,m,"1,5"\n'
    assert reasons(load_csv(tmp_path, text)[1]) == [(2, "quantity", COMMA)]
    row = {"event_id": "e", "time": "2024-01-01T00:00:00Z", "kind": "login", "member_id": "m"}
    (tmp_path / "events.csv").unlink()
    (tmp_path / "events.jsonl").write_text(json.dumps({**row, "amount": "3,5"}))
    assert reasons(load(tmp_path)[1]) == [(1, "amount", COMMA)]
