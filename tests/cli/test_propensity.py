"""train, score and evaluate propensity, end to end through the installed command."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.cli.test_models import rows, run

QUICK = """
[propensity]
horizon_days = 14
step_days = 14
moments = 2
asked = 300
"""
PAIR_METHODS = {"trees", "recency, frequency, popularity"}
METHODS = {"blend", "trees", "sequence", "recency, frequency, money"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "graphml.toml").write_text(QUICK)
    run(folder, "simulate", "shop", "--members", "600", "--seed", "5", "-q")
    run(folder, "load", "shop", "-q")
    return folder


@pytest.fixture(scope="module")
def trained(shop: Path):
    return run(shop, "train", "propensity")


@pytest.fixture(scope="module")
def scores(trained, shop: Path) -> list[dict]:
    return rows(run(shop, "score", "propensity", "-q"))


def test_training_reports_each_target_beside_the_simplest_bar(trained, shop):
    report = rows(trained)
    folder = shop / ".graphml" / "models" / "propensity"
    card = json.loads((folder / "propensity.json").read_text())
    assert f"model {card['name']} in {folder.relative_to(shop)}" in trained.stderr
    of_members = [row for row in report if " of a product" not in row["target"]]
    assert {row["target"] for row in of_members} == card["targets"].keys() >= {"view", "purchase"}
    methods = METHODS if card["sequence"] else METHODS - {"blend", "sequence"}
    for target in card["targets"]:
        own = [row for row in report if row["target"] == target]
        assert {row["method"] for row in own} == methods
        assert [row["method"] for row in own if row["ships"]] == [card["targets"][target]["method"]]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["model"] == card["name"]
    assert len(manifest["notes"]["moments"]) >= 3
    assert json.loads((folder / "report.json").read_text())["rows"] == report


def test_training_reports_pairs_beside_how_often_and_how_lately(trained, shop):
    report = rows(trained)
    folder = shop / ".graphml" / "models" / "propensity"
    card = json.loads((folder / "pairs" / "chances.json").read_text())
    of_pairs = [row for row in report if " of a product" in row["target"]]
    assert {row["target"] for row in of_pairs} == {f"{t} of a product" for t in card["targets"]}
    assert card["targets"].keys() >= {"view", "purchase"}
    for target, about in card["targets"].items():
        own = [row for row in of_pairs if row["target"] == f"{target} of a product"]
        assert {row["method"] for row in own} == PAIR_METHODS
        assert [row["method"] for row in own if row["ships"]] == [about["method"]]
        for row in own:
            assert row["pairs"] > row["members"]
            assert row["calibration_error"] < 0.05
            assert row["above_low"] <= row["above"] <= row["above_high"]
    assert all(row.keys() == report[0].keys() for row in report)


@pytest.fixture(scope="module")
def chances(trained, shop: Path) -> list[dict]:
    return rows(run(shop, "score", "propensity", "--unit", "product", "-q"))


def test_members_and_products_are_scored_the_likeliest_first(chances, scores, shop):
    members = pl.read_parquet(shop / "shop" / "members.parquet")
    silent = set(members.filter("opted_out")["member_id"])
    targets = list(dict.fromkeys(row["target"] for row in chances))
    assert {"view", "purchase"} <= set(targets) <= {"view", "cart", "purchase", "refund"}
    assert chances[0].keys() == {
        "member_id", "product_id", "target", "score", "score_kind", "horizon_days", "as_of", "model",
    }  # fmt: skip
    for target in targets:
        own = [row for row in chances if row["target"] == target]
        pairs = [(row["member_id"], row["product_id"]) for row in own]
        assert len(set(pairs)) == len(pairs)
        order = sorted(own, key=lambda r: (-r["score"], r["member_id"], r["product_id"]))
        assert own == order
        assert not silent & {member for member, _ in pairs}
    few = ["score", "propensity", "--unit", "product", "--target", "purchase", "--top", "3", "-q"]
    assert rows(run(shop, *few)) == [row for row in chances if row["target"] == "purchase"][:3]
    assert {row["model"] for row in chances} == {row["model"] for row in scores}


def test_a_model_without_pairs_says_how_to_have_them(shop):
    toml = shop / "graphml.toml"
    toml.write_text(QUICK + "pairs = false\nsequence = false\n")
    try:
        report = rows(run(shop, "train", "propensity", "--out", "alone", "-q"))
    finally:
        toml.write_text(QUICK)
    assert not [row for row in report if " of a product" in row["target"]]
    assert not (shop / "alone" / "pairs").exists()
    done = run(shop, "score", "propensity", "--unit", "product", "--model", "alone", "-q", code=2)
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: no chances of products in alone/pairs")
    assert hint.startswith("try: graphml train propensity, with pairs = true under [propensity]")


def test_everybody_who_has_not_opted_out_is_scored_and_churn_is_about_buyers(scores, shop):
    events = pl.read_parquet(shop / "shop" / "events.parquet")
    members = pl.read_parquet(shop / "shop" / "members.parquet")
    silent = set(members.filter("opted_out")["member_id"])
    everybody = set(events["member_id"]) - silent
    assert silent & set(events["member_id"])
    by_target = {t: {r["member_id"] for r in scores if r["target"] == t} for t in ("view", "purchase")}  # fmt: skip
    assert everybody <= by_target["view"]
    assert not silent & by_target["view"]
    assert by_target["purchase"] == by_target["view"]
    buyers = set(events.filter(kind="purchase")["member_id"])
    assert {r["member_id"] for r in scores if r["target"] == "churn"} <= buyers
    for row in scores:
        assert 0 < row["score"] < 1
        assert row["score_kind"] in ("probability", "rank")
        assert row["horizon_days"] == 14
        assert row["as_of"].endswith("+00:00")


def test_a_target_and_the_likeliest_alone(scores, shop):
    purchase = [row for row in scores if row["target"] == "purchase"]
    found = rows(run(shop, "score", "propensity", "--target", "purchase", "--top", "7", "-q"))
    assert found == purchase[:7]
    assert [row["score"] for row in found] == sorted((row["score"] for row in found), reverse=True)
    each = rows(run(shop, "score", "propensity", "--top", "2", "-q"))
    assert [row for row in each if row["target"] == "purchase"] == purchase[:2]
    run(shop, "score", "propensity", "--out", "scores.parquet", "-q")
    assert pl.read_parquet(shop / "scores.parquet").height == len(scores)


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_another_kind_s_folder_is_refused_before_anything_is_done(shop, more):
    (shop / "other").mkdir(exist_ok=True)
    (shop / "other" / "recommender.json").write_text("{}")
    done = run(shop, "train", "propensity", "--out", "other", *more, code=2)
    assert "holds a model of another kind (recommender.json)" in done.stderr
    assert [file.name for file in (shop / "other").iterdir()] == ["recommender.json"]


def test_a_dry_run_writes_nothing(shop):
    done = run(shop, "train", "propensity", "--dry-run", "--out", "not-there")
    assert "would train on" in done.stderr
    assert not (shop / "not-there").exists()


def test_a_model_of_the_past_is_measured_on_what_came_since(shop):
    events = pl.read_parquet(shop / "shop" / "events.parquet")
    moment = events.select(pl.col("time").max() - pl.duration(days=20)).item().isoformat()
    run(shop, "train", "propensity", "--as-of", moment, "--out", "past", "-q")
    report = rows(run(shop, "evaluate", "past", "-q"))
    assert {row["target"] for row in report} >= {"view", "purchase"}
    assert all(row["auroc_low"] <= row["auroc"] <= row["auroc_high"] for row in report)


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (["score", "propensity", "--target", "marry"], 2, "the model predicts no 'marry'"),
        (["score", "propensity", "--model", "nowhere"], 2, "no model of behaviour in nowhere"),
        (
            ["score", "propensity", "--as-of", "2024-02-01T00:00:00Z"],
            2,
            "was trained on data up to",
        ),
        (["score", "propensity", "--unit", "order"], 2, "no unit 'order' of propensity"),
        (["score", "fraud", "--unit", "product"], 2, "no unit 'product'"),
        (
            ["score", "propensity", "--unit", "product", "--target", "churn"],
            2,
            "the model predicts no 'churn' of a product",
        ),
        (["score", "propensity", "--write"], 2, "--write is not for propensity"),
        (["score", "fraud", "--target", "purchase"], 2, "--target is for propensity"),
        (["score", "weather"], 2, "cannot score 'weather'"),
        (["train", "weather"], 2, "cannot learn 'weather'"),
        (["train", "propensity", "--epochs", "3"], 2, "--epochs is not for propensity"),
        (["train", "propensity", "--as-of", "2024-01-09T00:00:00Z"], 5, "history is too short"),
        (["audit-leakage", "propensity"], 2, "cannot learn 'propensity'"),
        (
            ["score", "propensity", "--out", "scores.xlsx"],
            2,
            "no format is known by the ending .xlsx",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(trained, shop, asked, code, words):
    done = run(shop, *asked, code=code)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
