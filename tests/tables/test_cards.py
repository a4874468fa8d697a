"""The language of cards, feature by feature, on tables made for it."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from graphml.errors import CardError, ConfigError, GraphmlError, SourceError
from graphml.privacy.pseudonyms import pseudonym
from tests.tables.rows import COMMA, check_sum, load, reasons

ORDERS = """id;cust;day;sum;kind;mail
o1;c1;03/02/2024 10:00;10,5;buy;Ann.Lee+x@gmail.com
o2;c2;04/02/2024 11:30;20;back;BOB@x.org
o3;;05/02/2024 12:00;30;buy;annlee@googlemail.com
o4;c9;31/03/2024 02:30;40;buy;
o5;c1;06/02/2024 09:00;x;buy;d@x.org
o6;c2;07/02/2024 09:00;60;test;e@x.org
"""
CUSTOMERS = """key|street|town|born
c1|1 Long Street|Ulm|1990
c2|1, long st|ULM|1991
c2|other|Bonn|1992
c1|1 Long Street|Ulm|1990
"""
CARD = """
name = "shop"
time_zone = "Europe/Berlin"
currency = "EUR"
products = "none"

[files]
orders = { path = "orders.csv", delimiter = ";", null = ["-"] }
people = { path = "customers.csv", delimiter = "|" }

[[events]]
from = "orders"
join = [{ file = "people", on = { cust = "key" } }]
where = "kind != 'test'"
[events.columns]
event_id = "id"
time = { column = "day", format = "%d/%m/%Y %H:%M" }
kind = { column = "kind", map = { buy = "purchase", back = "refund" } }
member_id = "cust"
amount = "sum"
address_id = { text = "{street}, {people.town}", normalise = ["postal"] }
email = { column = "mail", normalise = ["email"] }
"""


def shop(folder: Path, card: str = CARD, **files: str) -> Path:
    (folder / "orders.csv").write_text(files.get("orders", ORDERS))
    (folder / "customers.csv").write_text(files.get("customers", CUSTOMERS))
    (folder / "shop.toml").write_text(card)
    return folder / "shop.toml"


def test_a_card_maps_joins_filters_renames_and_normalises(tmp_path):
    card = CARD.replace('amount = "sum"', 'quantity = { value = "2" }')
    tables, quarantine = load(shop(tmp_path, card))
    check_sum(tables, quarantine)
    rows = {row["event_id"]: row for row in tables.events.iter_rows(named=True)}
    assert set(rows) == {"o1", "o2", "o5"}
    assert rows["o1"]["time"] == datetime(2024, 2, 3, 9, tzinfo=UTC)
    assert (rows["o1"]["kind"], rows["o2"]["kind"]) == ("purchase", "refund")
    assert rows["o1"]["address_id"] == rows["o2"]["address_id"] == "1 long st ulm"
    assert (rows["o1"]["email"], rows["o2"]["email"]) == ("annlee@gmail.com", "bob@x.org")
    assert rows["o1"]["quantity"] == 2
    told = (
        quarantine.rows.select("file", "line", "column", "rule", "value")
        .sort("file", "line")
        .rows()
    )
    assert told == [
        ("customers.csv", 4, None, "not joined: key names another row of people too", "c2"),
        ("orders.csv", 4, "member_id", "missing", None),
        ("orders.csv", 5, "time", "a time that the zone skips", "31/03/2024 02:30"),
        ("orders.csv", 7, None, "no block of the card takes this row", None),
    ]
    assert quarantine.read == {"events": 7}


def test_numbers_that_are_none_are_told_with_their_text(tmp_path):
    for amount in ('amount = "sum"', 'amount = { formula = "2 * sum" }'):
        tables, quarantine = load(shop(tmp_path, CARD.replace('amount = "sum"', amount)))
        check_sum(tables, quarantine)
        told = quarantine.rows.filter(pl.col("column") == "amount")
        assert told.select("line", "rule", "value").rows() == [
            (2, COMMA, "10,5"),
            (6, "not a number", "x"),
        ]
        expected = {"o2": 20.0 if "formula" not in amount else 40.0}
        assert dict(tables.events.select("event_id", "amount").iter_rows()) == expected
        assert tables.events["currency"].to_list() == ["EUR"]


def test_skipped_rows_are_counted_and_required_ones_set_aside(tmp_path):
    card = CARD.replace("where = \"kind != 'test'\"\n", "").replace(
        'null = ["-"] }', """skip = "kind == 'test'", required = ["mail"] }"""
    )
    tables, quarantine = load(shop(tmp_path, card))
    check_sum(tables, quarantine)
    assert quarantine.notes == ("orders.csv: 1 rows skipped, as the card says",)
    assert (5, None, "lacks mail") in reasons(quarantine)
    assert quarantine.read == {"events": 6}


def test_one_row_becomes_two_events_and_ids_are_numbered(tmp_path):
    (tmp_path / "deals.jsonl").write_text(
        '{"who": "a", "in": 1704067200, "out": 1704070800000, "p": "x"}\n'
        '{"who": "a", "in": 1704067201, "out": 1704070801000, "p": "x"}\n'
        '{"who": "b", "in": null, "out": 1704070802000, "p": "y"}\n'
    )
    (tmp_path / "card.toml").write_text("""
files.deals = "deals.jsonl"
[[events]]
from = "deals"
kind = "signup"
columns = { event_id = { number = ["member_id"] }, time = { column = "in", format = "unix" }, member_id = "who" }
[[events]]
from = "deals"
kind = "view"
columns.event_id = { number = ["member_id", "product_id"] }
columns.time = { column = "out", format = ["%Y-%m-%d", "unix_ms"], time_zone = "UTC" }
columns.member_id = "who"
columns.product_id = "p"
""")
    tables, quarantine = load(tmp_path / "card.toml")
    check_sum(tables, quarantine)
    assert sorted(tables.events["event_id"]) == [
        "signup:a:1", "signup:a:2", "view:a:x:1", "view:a:x:2", "view:b:y:1",
    ]  # fmt: skip
    assert tables.events["time"].max() == datetime(2024, 1, 1, 1, 0, 2, tzinfo=UTC)
    assert reasons(quarantine) == [(3, "time", "missing")]


PRIVATE = CARD.replace(
    'member_id = "cust"', 'member_id = { column = "cust", pseudonym = true }'
).replace(
    'email = { column = "mail", normalise = ["email"] }',
    'email = { column = "mail", normalise = ["email"], pseudonym = true }',
)


def test_pseudonyms_are_made_before_anything_is_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHML_PSEUDONYM_KEY", "a key that is long enough")
    orders = (
        ORDERS + "cut;Ann.Lee+x@gmail.com\n" + ORDERS.splitlines()[2].replace("20", "21") + "\n"
    )
    tables, quarantine = load(shop(tmp_path, PRIVATE, orders=orders))
    check_sum(tables, quarantine)
    key = b"a key that is long enough"
    row = tables.events.filter(pl.col("event_id") == "o2").row(0, named=True)
    assert (row["member_id"], row["email"]) == (pseudonym("c2", key), pseudonym("bob@x.org", key))
    stored = quarantine.write(tmp_path / "quarantine").joinpath("rows.jsonl").read_text()
    stored += tables.events.write_json()
    for raw in ("bob@", "annlee", "Ann.Lee", "d@x.org", '"c1"', '"c2"', "c9"):
        assert raw not in stored
    assert pseudonym("annlee@gmail.com", key) in stored
    assert "a key that is long" not in repr(tables) + stored


def test_a_missing_key_and_a_raw_copy_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHML_PSEUDONYM_KEY", raising=False)
    monkeypatch.delenv("GRAPHML_PSEUDONYM_KEY_FILE", raising=False)
    with pytest.raises(ConfigError, match="there is no key"):
        load(shop(tmp_path, PRIVATE))
    (tmp_path / "key").write_text("the key in a file beside the card")
    load(shop(tmp_path, 'pseudonym_key_file = "key"\n' + PRIVATE))
    with pytest.raises(CardError, match=re.escape("event_id: stores orders.mail as it is")):
        load(
            shop(
                tmp_path,
                'pseudonym_key_file = "key"\n'
                + PRIVATE.replace('event_id = "id"', 'event_id = { text = "{id}/{mail}" }'),
            )
        )


def test_features_have_a_type_and_are_static_or_dated(tmp_path):
    member = '\n[[members]]\nfrom = "people"\ncolumns.member_id = "key"\ncolumns.born = BORN\n'
    tables, _ = load(
        shop(
            tmp_path,
            CARD + member.replace("BORN", '{ column = "born", type = "integer", static = true }'),
        )
    )
    assert dict(tables.members.select("member_id", "born").sort("born").iter_rows())["c1"] == 1990
    for born, told in (
        ('"born"', "members has no such column"),
        ('{ column = "born", type = "integer" }', "may a member's born change"),
    ):
        with pytest.raises(CardError, match=told):
            load(shop(tmp_path, CARD + member.replace("BORN", born)))


def test_a_card_without_time_keeps_its_events(tmp_path):
    card = 'time = "none"\n' + CARD.replace(
        'time = { column = "day", format = "%d/%m/%Y %H:%M" }\n', ""
    ).replace("time_zone", "# ")
    tables, _ = load(shop(tmp_path, card.replace('amount = "sum"\n', "")))
    assert tables.events["time"].null_count() == tables.events.height == 4


def test_encodings_quotes_and_null_words(tmp_path):
    text = 'id\ttime\twho\nä"1\t2024-01-01 00:00\tNULL\nö"2\t2024-01-01 00:00\tm\n'
    card = (
        'time_zone = "UTC"\n[files.a]\npath = "a.txt"\ndelimiter = "tab"\nquote = "none"\nnull = ["NULL"]\nencoding = "ENC"\n'
        '[[events]]\nfrom = "a"\nkind = "login"\ncolumns = { event_id = "id", time = "time", member_id = "who" }\n'
    )
    for encoding in ("latin-1", "cp1252", "utf-16", "utf-8"):
        (tmp_path / "a.txt").write_text(text, encoding=encoding)
        (tmp_path / "card.toml").write_text(card.replace("ENC", encoding))
        tables, quarantine = load(tmp_path / "card.toml")
        assert tables.events["event_id"].to_list() == ['ö"2']
        assert reasons(quarantine) == [(2, "member_id", "missing")]
    (tmp_path / "a.txt").write_bytes(text.encode("cp1252").replace(b"\xf6", b"\x81"))
    (tmp_path / "card.toml").write_text(card.replace("ENC", "cp1252"))
    assert (3, None, "not UTF-8") in reasons(load(tmp_path / "card.toml")[1])


def test_files_by_pattern_by_list_and_in_another_folder(tmp_path):
    card = shop(tmp_path, CARD.replace('path = "orders.csv"', 'path = "sub/orders-*.csv"'))
    data = tmp_path / "elsewhere"
    data.mkdir()
    (data / "customers.csv").write_text(CUSTOMERS)
    for number, line in enumerate(ORDERS.splitlines()[1:3]):
        (data / f"orders-{number}.csv").write_text(
            ORDERS.splitlines()[0] + "\n" + line.replace("10,5", "1") + "\nbad\n"
        )
    tables, quarantine = load(card, data)
    assert sorted(tables.events["event_id"]) == ["o1", "o2"]
    assert set(quarantine.rows["file"]) == {"orders-0.csv", "orders-1.csv", "customers.csv"}
    with pytest.raises(SourceError, match=re.escape("the file sub/orders-*.csv is not there")):
        load(card)


def test_a_checksum_tells_another_file(tmp_path):
    shop(tmp_path)
    right = hashlib.sha256((tmp_path / "orders.csv").read_bytes()).hexdigest()
    for digest, fits in ((right, True), ("0" * 64, False)):
        card = shop(tmp_path, CARD.replace('null = ["-"]', f'checksum = "sha256:{digest}"'))
        if fits:
            load(card)
        else:
            with pytest.raises(SourceError, match="not the file the card was written for"):
                load(card)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name =", "nmae =", "unknown key 'nmae'; known: name, source, licence"),
        (
            'delimiter = ";"',
            'delimeter = ";"',
            "[files.orders]: unknown key 'delimeter'; known: path",
        ),
        (
            'from = "orders"',
            'form = "orders"',
            "[[events]] 1: unknown key 'form'; known: from, join",
        ),
        ('from = "orders"', 'from = "sales"', "names the file 'sales'; known: orders, people"),
        ('{ file = "people"', '{ file = "nobody"', "names the file 'nobody'"),
        ('{ cust = "key" }', '"key"', "no column 'key' in orders"),
        ('"id"', '"nr"', "no column 'nr' in orders, people"),
        (
            'normalise = ["email"]',
            'normalise = ["mail"]',
            "unknown step 'mail'; known: strip, lower",
        ),
        ('member_id = "cust"', 'menber_id = "cust"', "events has no such column; known: event_id"),
        ('member_id = "cust"\n', "", "[[events]] 1: no column member_id"),
        ("Europe/Berlin", "Berlin", "time_zone 'Berlin' is no time zone"),
        ('time_zone = "Europe/Berlin"', "", "the format names no time zone"),
        ('currency = "EUR"', 'currency = "EURO"', "currency is 'EURO'"),
        ('products = "none"', 'products = "some"', "[products] needs double brackets"),
        ("kind != 'test'", "kind is 'test'", "which formulas do not know"),
        ("kind != 'test'", "kind !! 3", "is no formula"),
        ("kind != 'test'", "nothing > 3", "no column 'nothing'"),
        ('{ column = "day"', '{ column = "day", value = "x"', "needs exactly one of column, text"),
        ('text = "{street}', 'text = "{street', "is no template"),
        ('delimiter = ";"', 'delimiter = ";;"', "one ASCII character, tab or none"),
        ('null = ["-"]', 'encoding = "utf-9"', "encoding is 'utf-9'"),
        ("[[events]]", "[[event]]", "unknown key 'event'"),
        ("[files]", "[files", "no TOML"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, old, new, told):
    assert old in CARD
    with pytest.raises(GraphmlError) as caught:
        load(shop(tmp_path, CARD.replace(old, new, 1)))
    assert isinstance(caught.value, CardError)
    assert told in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
