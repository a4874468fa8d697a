"""Whom to hold: [costs], --capacity and segments through the installed command."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from graphml.cli.asking import capacity_of
from graphml.errors import UsageError
from graphml.fraud.decisions import Capacity
from tests.cli.test_models import rows, run

FRAUD = '[fraud]\nnetwork = false\nunaccused = 400\nsegments = ["region"]\n'
COSTS = "[costs]\nreview = 5\nblock_good = 20\nmargin = 0.1\nwronged = 0.02\n"
REGIONS = ["north", "so|uth", "x\n## free of fraud", "\x1b[31m<b>", None]
CARD = """name = "shop"
[files]
events = { path = "shop/events.parquet" }
members = { path = "shop/members.parquet" }
labels = { path = "shop/labels.parquet" }
[[events]]
from = "events"
[events.columns]
COLUMNS
[[members]]
from = "members"
[members.columns]
member_id = "member_id"
signup_time = "signup_time"
region = { column = "region", type = "text", static = true }
[[labels]]
from = "labels"
[labels.columns]
member_id = "member_id"
label = "label"
known_at = "known_at"
fraud_time = "fraud_time"
"""
EVENTS = (
    "event_id", "time", "kind", "member_id", "product_id", "device_id", "address_id", "ip", "card",
    "amount", "currency", "order_id",
)  # fmt: skip


def settle(folder: Path, text: str) -> None:
    (folder / "graphml.toml").write_text(text)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose rings are found out after three weeks, with a detector trained by costs."""
    folder = tmp_path_factory.mktemp("holding")
    run(folder, "simulate", "shop", "--members", "2500", "--seed", "5", "-q")
    members = pl.read_parquet(folder / "shop/members.parquet")
    region = [REGIONS[number % len(REGIONS)] for number in range(members.height)]
    members.with_columns(region=pl.Series(region)).write_parquet(folder / "shop/members.parquet")
    told = (
        pl.read_parquet(folder / "shop.truth/rings.parquet")
        .filter(pl.col("role") != "victim")
        .select(
            "member_id",
            label=pl.lit(1, pl.Int64),
            known_at=pl.col("first_event").dt.offset_by("21d"),
            fraud_time="first_event",
        )
    )
    told.write_parquet(folder / "shop/labels.parquet")
    columns = "\n".join(f'{name} = "{name}"' for name in EVENTS)
    (folder / "shop.toml").write_text(CARD.replace("COLUMNS", columns))
    run(folder, "load", "shop.toml", "-q")
    settle(folder, FRAUD + COSTS)
    run(folder, "train", "fraud", "--as-of", "2024-07-02T23:59:59.999Z", "-q")
    return folder


def scored(folder: Path, *arguments: str) -> list[dict[str, object]]:
    return rows(run(folder, "score", "fraud", "--reasons", "0", "-q", *arguments))


def test_the_report_and_the_card_say_what_the_threshold_does_and_to_whom(shop):
    folder = shop / ".graphml" / "models" / "fraud"
    report = json.loads((folder / "report.json").read_text())
    figures = report["operating"]
    assert figures["chosen_by"] == "costs"
    for name in ("accuracy", "precision", "recall", "f1", "value_recall", "saved"):
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]
    by_column = Counter()
    for row in report["segments"]:
        by_column[row["column"]] += row["count"]
    assert by_column == {"account_age": figures["rows"], "region": figures["rows"]}
    assert {row["segment"] for row in report["segments"] if row["column"] == "region"} == {*REGIONS}
    card = (folder / "MODEL_CARD.md").read_text()
    assert "nobody accused count as innocent" in card
    assert "| money saved, against letting everybody through |" in card
    assert "\n## free" not in card
    assert "\x1b" not in card
    assert "<b>" not in card
    table = [line for line in card.split("\n") if line.startswith("| region |")]
    assert len(table) == len(REGIONS)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {10}


def test_with_costs_each_has_a_decision_and_a_capacity_limits_the_reviews(shop):
    settle(shop, FRAUD + COSTS)
    found = scored(shop)
    assert list(found[0])[-2:] == ["reasons", "decision"]
    assert {row["score_kind"] for row in found} == {"probability"}
    free = Counter(row["decision"] for row in found)
    assert set(free) <= {"ship", "hold", "refuse"}
    assert free["ship"] > free["hold"] > 3
    done = run(shop, "score", "fraud", "--reasons", "0", "--capacity", "3", "--write")
    assert f"published {len(found)} scores" in done.stderr
    few = rows(done)
    assert Counter(row["decision"] for row in few)["hold"] == 3
    # Whom nobody holds any more gets the better of the other two, all others what they had.
    before = {row["member_id"]: row["decision"] for row in found}
    assert all(row["decision"] == before[row["member_id"]] for row in few if row["decision"] == "hold")  # fmt: skip


def test_without_costs_a_capacity_holds_the_riskiest_and_nothing_holds_nobody(shop):
    settle(shop, FRAUD)
    assert "decision" not in scored(shop, "--top", "1")[0]
    found = scored(shop, "--capacity", "0.01", "--top", "100")
    held = sum(row["decision"] == "hold" for row in found)
    assert held == 25  # a hundredth of all 2,500, whatever is shown
    assert [row["decision"] for row in found] == ["hold"] * held + ["ship"] * (len(found) - held)


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        ("0", "--capacity 0 holds nobody"),
        ("0.0", "--capacity 0.0 holds nobody"),
        ("1.5", "--capacity '1.5' is neither a number of reviews nor a share below 1"),
        *(
            (text, f"--capacity {text!r} is neither")
            for text in ("-3", "nan", "2%", "", "1e9", "٣")
        ),
    ],
)
def test_what_is_no_capacity_is_refused(capacity, said):
    with pytest.raises(UsageError) as error:
        capacity_of(capacity)
    assert said in error.value.message
    assert error.value.hint


def test_a_capacity_is_a_count_or_a_share():
    assert capacity_of(None) is None
    assert capacity_of("1") == Capacity(count=1)
    assert capacity_of("0.02") == capacity_of(".02") == Capacity(share=0.02)


@pytest.mark.parametrize(
    ("capacity", "said"),
    [("0", "--capacity 0 holds nobody"), ("999999", "a capacity of 999999 is more than the")],
)
def test_a_capacity_that_does_not_fit_is_2(shop, capacity, said):
    settle(shop, FRAUD + COSTS)
    done = run(shop, "score", "fraud", "--capacity", capacity, "--reasons", "0", "-q", code=2)
    assert said in done.stderr
    assert "try: " in done.stderr


def test_a_segment_that_is_no_column_is_2_before_anything_is_trained(shop):
    for name, more in (("age_band", []), ("x\n|", ["--dry-run"])):
        settle(shop, f"[fraud]\nsegments = [{json.dumps(name)}]\n")
        done = run(shop, "train", "fraud", "--out", "none", *more, code=2)
        error, hint = done.stderr.splitlines()[-2:]
        assert "fraud.segments: the members table has no column" in error
        assert error.isprintable()
        assert hint == "try: it has opted_out, region"
        assert "candidate rings" not in done.stderr
    assert not (shop / "none").exists()


def test_a_graph_card_holds_nobody(shop):
    done = run(shop, "score", "fraud", "--graph", "no.toml", "--capacity", "3", code=2)
    assert "--capacity needs a store" in done.stderr
