"""The cards that ship: what they load, what they leave, and how a user takes them along."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from graphml.errors import SourceError
from graphml.tables.source import read_source
from tests.tables.rows import check_sum, load, reasons

CARDS = Path(__file__).resolve().parents[2] / "datasets"
ECOMMERCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "ecommerce-fraud"


def customer(number: int) -> str:
    return f"10000000-0000-0000-0000-{number:012}"


def users(events: pl.DataFrame, column: str) -> dict[str, set[int]]:
    """The customers' numbers by value of an identifier, where there are several."""
    shared = events.drop_nulls(column).group_by(column).agg(pl.col("member_id").unique())
    found = {key: {int(member[-4:]) for member in members} for key, members in shared.iter_rows()}
    return {key: members for key, members in found.items() if len(members) > 1}


def test_customer_fraud_demo_adds_up_to_its_files():
    tables, quarantine = load(CARDS / "customer-fraud-demo.toml")
    check_sum(tables, quarantine)
    assert dict(tables.events["kind"].value_counts().iter_rows()) == {
        "signup": 34, "login": 30, "purchase": 14, "chargeback": 3,
    }  # fmt: skip
    assert quarantine.read == {"events": 34 + 31 + 14 + 3}
    told = quarantine.rows.select("file", "line", "column", "rule").rows()
    assert told == [("sessions.csv", 20, "member_id", "missing")]
    assert tables.events["member_id"].n_unique() == 34


def test_customer_fraud_demo_ties_its_stories_and_no_others():
    events = load(CARDS / "customer-fraud-demo.toml")[0].events
    assert events["phone"].null_count() == events.height
    farm = {3, *range(15, 25)}
    assert sorted(map(sorted, users(events, "device_id").values())) == sorted(
        map(sorted, [{2, 14}, farm, {26, 27}, {28, 29}, {31, 32}])
    )
    assert sorted(map(sorted, users(events, "card").values())) == [[4, 25], [29, 30], [32, 33]]
    assert sorted(map(sorted, users(events, "address_id").values())) == [[2, 14], [33, 34]]
    assert not users(events, "email")


def test_customer_fraud_demo_knows_a_chargeback_at_its_own_time():
    events = load(CARDS / "customer-fraud-demo.toml")[0].events
    charged = events.filter(pl.col("kind") == "chargeback").sort("time")
    assert charged.select("time", "member_id", "amount").rows() == [
        (datetime(2017, 3, 30, tzinfo=UTC), customer(25), 150.0),
        (datetime(2017, 6, 2, tzinfo=UTC), customer(28), 121.79),
        (datetime(2017, 6, 30, tzinfo=UTC), customer(26), 450.0),
    ]
    bought = events.filter(pl.col("kind") == "purchase")
    both = charged.join(bought, on=["order_id", "member_id", "card", "amount"])
    assert both.height == 3
    assert (both["time"] - both["time_right"]).min() > timedelta(days=70)


def test_online_retail_parts_purchases_refunds_and_lines_without_a_customer():
    tables, quarantine = load(CARDS / "uci-online-retail.toml")
    check_sum(tables, quarantine)
    events = tables.events
    assert set(events["kind"]) == {"purchase", "refund"}
    assert events["currency"].unique().to_list() == ["GBP"]
    assert events.filter(pl.col("order_id").str.starts_with("C"))["kind"].unique().to_list() == [
        "refund"
    ]
    assert events["quantity"].min() == 1
    assert events["event_id"].is_unique().all()
    assert events["member_id"].str.contains(r"^\d{5}$").all()
    assert {(column, rule) for _, column, rule in reasons(quarantine)} == {("member_id", "missing")}
    lines = pl.read_csv(
        CARDS / "uci-online-retail" / "onlineretail-sample.csv.gz", infer_schema=False
    )
    local = pl.col("time").dt.convert_time_zone("Europe/London").dt.strftime("%Y-%m-%d %H:%M:%S")
    both = events.select("order_id", local).unique()
    keys = {"left_on": ["order_id", "time"], "right_on": ["InvoiceNo", "InvoiceDate"]}
    assert both.join(lines, how="anti", **keys).is_empty()


@pytest.mark.skipif(
    not ECOMMERCE.is_dir(), reason="ecommerce-fraud does not ship: no licence is stated"
)
def test_ecommerce_fraud_ties_by_the_purchase_alone():
    tables, quarantine = load(CARDS / "ecommerce-fraud.toml", ECOMMERCE)
    check_sum(tables, quarantine)
    assert quarantine.read == {"events": 2 * 30_189 + 1, "labels": 30_189}
    assert reasons(quarantine) == [(30_191, None, "lacks class")]
    signup = tables.events.filter(pl.col("kind") == "signup")
    assert signup.height == 30_189
    for column in ("device_id", "ip", "address_id", "card", "email", "phone"):
        assert signup[column].null_count() == signup.height
    bought = tables.events.filter(pl.col("kind") == "purchase")
    assert bought.select("device_id", "ip", "amount").null_count().row(0) == (0, 0, 0)
    assert bought["ip"].str.contains(r"^\d+\.\d+\.\d+\.\d+$").all()
    assert tables.labels["known_at"].null_count() == tables.labels.height
    early = bought.filter(pl.col("time") <= datetime(2015, 1, 31, tzinfo=UTC))
    assert early["member_id"].n_unique() == 1_970


def test_ecommerce_fraud_without_its_file_says_where_it_looked(tmp_path):
    shutil.copy(CARDS / "ecommerce-fraud.toml", tmp_path)
    with pytest.raises(SourceError, match=r"fraud_data_ip_30190.csv.gz is not there") as caught:
        read_source(tmp_path / "ecommerce-fraud.toml")
    assert str(tmp_path) in caught.value.message
    assert "--data" in caught.value.hint


def test_a_card_works_beside_a_copy_of_its_files(tmp_path, monkeypatch):
    shutil.copy(CARDS / "customer-fraud-demo.toml", tmp_path)
    for file in (CARDS / "customer-fraud-demo").glob("*.csv"):
        shutil.copy(file, tmp_path)
    expected = load(CARDS / "customer-fraud-demo.toml")[0].events
    assert load(tmp_path / "customer-fraud-demo.toml")[0].events.equals(expected)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(CARDS / "customer-fraud-demo.toml", alone)
    assert load(alone / "customer-fraud-demo.toml", CARDS)[0].events.equals(expected)
    monkeypatch.setenv("GRAPHML_DATA", str(tmp_path))
    assert load(alone / "customer-fraud-demo.toml")[0].events.equals(expected)


@pytest.mark.parametrize("card", sorted(CARDS.glob("*.toml")), ids=lambda card: card.stem)
def test_every_card_says_whose_data_it_is(card):
    import tomllib

    told = tomllib.loads(card.read_text())
    assert told["name"] == card.stem
    assert told["source"]
    assert told["licence"]
