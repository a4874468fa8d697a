from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from graphml.config import SimulateConfig
from graphml.schema import KINDS, MARKETPLACE
from graphml.tables.frames import TABLES, conform, frame_schema
from graphml.tables.source import read_source
from graphml.tables.synthetic import make_marketplace
from graphml.tables.validate import validate
from tests.tables.synthetic.markets import market

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=240)


@pytest.fixture(scope="module", params=["easy", "default", "hard"])
def made(request):
    return market(3_000, 7, request.param)


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_the_contracts_columns_and_nothing_else(made, table):
    frame = getattr(made.tables, table)

    assert dict(frame.schema) == frame_schema(table)
    assert conform(frame, table).equals(frame)
    assert frame.height > 0
    for name, column in MARKETPLACE.tables[table].items():
        if column.required:
            assert frame[name].null_count() == 0, name
        if column.minimum is not None and column.type in ("number", "integer"):
            assert (frame[name].drop_nulls() >= column.minimum).all(), name


def test_events_hold_what_their_kind_needs(made):
    events = made.tables.events

    assert set(events["kind"]) == set(KINDS)
    assert events["event_id"].n_unique() == events.height
    for name, column in MARKETPLACE.tables["events"].items():
        missing = events.filter(
            pl.col("kind").is_in(list(column.required_for)) & pl.col(name).is_null()
        )
        assert missing.height == 0, name
    bought = events.filter(pl.col("kind") == "purchase")
    needed = bought.select("order_id", "amount", "currency", "quantity", "address_id", "ip")
    assert needed.null_count().row(0) == (0, 0, 0, 0, 0, 0)
    assert events.filter(pl.col("kind") == "review")["rating"].is_between(1, 5).all()
    assert events["amount"].drop_nulls().is_finite().all()


def test_nothing_happens_after_the_end_or_before_its_member_signed_up(made):
    events, members = made.tables.events, made.tables.members

    assert events["time"].max() < END
    assert events["time"].is_sorted()
    later = events.filter(pl.col("kind") != "signup")
    assert later["time"].min() >= START
    joined = later.join(members, on="member_id", how="left", maintain_order="left")
    assert joined.filter(pl.col("time") < pl.col("signup_time")).height == 0
    assert joined["signup_time"].null_count() == 0


def test_everybody_signs_up_once_when_the_members_table_says(made):
    signups = made.tables.events.filter(pl.col("kind") == "signup")

    both = signups.join(made.tables.members, on="member_id", how="full", coalesce=True)
    assert both.height == 3_000
    assert (both["time"] == both["signup_time"]).all()


def test_an_order_is_of_one_member_to_one_address_with_one_card(made):
    orders = (
        made.tables.events.filter(pl.col("kind") == "purchase")
        .group_by("order_id")
        .agg(pl.col("member_id", "address_id", "card", "device_id", "time").n_unique())
    )

    once = orders.select(pl.col("member_id", "address_id", "card", "time").max()).row(0)
    assert once == (1, 1, 1, 1)


@pytest.mark.parametrize("kind", ["refund", "review", "chargeback", "coupon"])
def test_what_follows_an_order_names_it(made, kind):
    events = made.tables.events.filter(pl.col("time") < END - timedelta(minutes=5))
    bought = events.filter(pl.col("kind") == "purchase")
    later = events.filter(pl.col("kind") == kind)
    keys = ["order_id", "member_id"]
    if kind in ("refund", "review"):
        keys.append("product_id")

    assert later.height > 0
    assert later.join(bought, on=keys, how="anti").height == 0


def test_chargebacks_come_10_to_90_days_after_an_order_paid_by_card(made):
    events = made.tables.events
    bought = (
        events.filter(pl.col("kind") == "purchase")
        .group_by("order_id")
        .agg(
            pl.col("time").first().alias("bought"),
            pl.col("amount").sum().alias("paid"),
            pl.col("card").first().alias("with"),
        )
    )

    back = events.filter(pl.col("kind") == "chargeback").join(bought, on="order_id", how="left")
    delay = back["time"] - back["bought"]
    assert delay.min() >= timedelta(days=10) - timedelta(minutes=1)
    assert delay.max() <= timedelta(days=90)
    assert (back["amount"] - back["paid"]).abs().max() < 0.01
    assert (back["card"] == back["with"]).all()


def test_links_join_two_members_who_had_both_signed_up(made):
    signup = made.tables.members.select("member_id", "signup_time")
    links = made.tables.links.join(signup, on="member_id").join(
        signup, left_on="other_member_id", right_on="member_id", suffix="_other"
    )

    assert links.height == made.tables.links.height
    assert set(links["kind"]) == {"referral", "gift", "transfer"}
    assert (links["member_id"] != links["other_member_id"]).all()
    assert (links["time"] >= links["signup_time"]).all()
    gifts = pl.col("kind") == "gift"
    assert links.filter(~gifts & (pl.col("time") < pl.col("signup_time_other"))).height == 0


def test_the_same_settings_give_the_same_bytes(tmp_path):
    config = SimulateConfig(members=300, seed=5)
    for name in ("one", "two"):
        make_marketplace(config).write(tmp_path / name)
    make_marketplace(SimulateConfig(members=300, seed=6)).write(tmp_path / "other")

    def content(name):
        return {
            path.name: path.read_bytes()
            for folder in (tmp_path / name, tmp_path / f"{name}.truth")
            for path in folder.iterdir()
        }

    assert content("one") == content("two")
    assert sorted(content("one")) == [
        "events.parquet", "fraud.parquet", "groups.parquet", "labels.parquet", "links.parquet",
        "members.parquet", "products.parquet", "rings.parquet",
    ]  # fmt: skip
    same = [name for name, data in content("one").items() if content("other")[name] == data]
    assert same == []


def test_what_is_written_reads_back(tmp_path):
    made = market(300)
    made.write(tmp_path / "deep" / "out")

    for table in TABLES:
        read = pl.read_parquet(tmp_path / "deep" / "out" / f"{table}.parquet")
        assert read.equals(getattr(made.tables, table))
    assert pl.read_parquet(tmp_path / "deep" / "out.truth" / "rings.parquet").equals(
        made.truth_rings
    )


@pytest.mark.parametrize(("members", "events"), [(2_000, 40_000), (1_500, 150_000)])
def test_events_asked_for_are_roughly_made(members, events):
    made = make_marketplace(SimulateConfig(members=members, events=events, seed=2))

    assert made.tables.members.height == members
    assert 0.8 < made.tables.events.height / events < 1.3


def test_the_smallest_marketplace_works():
    made = make_marketplace(SimulateConfig(members=200, events=1_000))

    assert made.tables.members.height == 200
    assert made.truth_rings["ring_id"].n_unique() == 7


def test_ten_times_the_members_make_ten_times_the_events():
    small, large = market(2_000).tables.events.height, market(20_000).tables.events.height

    assert 8.5 < large / small < 11.5


def test_every_row_passes_the_contract_of_a_users_own_tables(tmp_path):
    made = market(3_000)
    made.write(tmp_path / "out")

    tables, quarantine = validate(read_source(tmp_path / "out"), now=END)

    assert quarantine.rows.height == 0
    for table in TABLES:
        assert getattr(tables, table).height == getattr(made.tables, table).height
