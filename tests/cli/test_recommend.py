"""train recommend and recommend, end to end through the installed command."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from graphml.errors import one_line
from graphml.store.connect import connect
from tests.cli.test_models import rows, run

QUICK = """
[recommend]
horizon_days = 14
step_days = 14
moments = 2
asked = 300

[train]
epochs = 1
channels = 8
[train.sample]
fanout = [4, 3]
"""
METHODS = {
    "ranker", "popular", "bought before, then popular", "bought lately, then popular",
    "bought by the same members", "next in baskets",
}  # fmt: skip
CODES = {"RETURNING", "BECAUSE_BOUGHT", "OFTEN_TOGETHER", "OFTEN_NEXT", "OFTEN_LATER", "POPULAR", "NEW"}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "graphml.toml").write_text(QUICK)
    run(folder, "simulate", "shop", "--members", "600", "--seed", "5", "-q")
    run(folder, "load", "shop", "-q")
    return folder


@pytest.fixture(scope="module")
def trained(shop: Path):
    return run(shop, "train", "recommend")


@pytest.fixture(scope="module")
def events(shop: Path) -> pl.DataFrame:
    return pl.read_parquet(shop / "shop" / "events.parquet")


@pytest.fixture(scope="module")
def buyer(events: pl.DataFrame) -> str:
    """Who bought most products, the first by name."""
    bought = events.filter(kind="purchase").group_by("member_id")
    most = bought.agg(n=pl.col("product_id").n_unique()).sort("n", "member_id", descending=[True, False])  # fmt: skip
    return most["member_id"][0]


@pytest.fixture(scope="module")
def lists(trained, shop) -> list[dict]:
    """Everybody's list, with reasons."""
    return rows(run(shop, "recommend", "--top", "6", "-q"))


def test_written_lists_are_a_run_in_view_and_a_dry_run_writes_none(trained, shop, lists):
    url = f"embedded://{shop / '.graphml'}"
    done = run(shop, "recommend", "--top", "3", "--write", "--dry-run", "--out", "a.jsonl")
    assert "would publish" in done.stderr
    with connect(url, read_only=True) as store:
        assert store.read_recommendations() == []
    done = run(shop, "recommend", "--top", "3", "--write", "--out", "b.jsonl")
    assert "published" in done.stderr
    with connect(url, read_only=True) as store:
        found = store.read_recommendations()
        (info,) = [one for one in store.runs() if one.kind == "recommend"]
    wanted = [{k: v for k, v in row.items() if k != "model"} for row in lists if row["rank"] <= 3]
    assert [one.to_json() for one in found] == sorted(
        wanted, key=lambda row: (row["member_id"], row["rank"])
    )
    assert info.status == "published"
    assert info.model == lists[0]["model"]
    assert info.counts == {"recommendations": len(found)}


def test_training_reports_beside_simple_methods_and_leaves_a_manifest(trained, shop):
    report = rows(trained)
    folder = shop / ".graphml" / "models" / "recommend"
    card = json.loads((folder / "recommender.json").read_text())
    assert report[0]["method"] == card["method"]
    assert {row["method"] for row in report} == METHODS - ({"ranker"} - {card["method"]})
    for row in report:
        assert row["ndcg_at_20_low"] <= row["ndcg_at_20"] <= row["ndcg_at_20_high"]
        assert row["recall_at_5"] <= row["recall_at_10"] <= row["recall_at_20"] <= 1
        assert 0 < row["coverage"] <= 1
        assert row["members"] == report[0]["members"] <= 300
        assert row["above"] == pytest.approx(report[0]["ndcg_at_20"] - row["ndcg_at_20"])
    assert f"model {card['name']} in {folder.relative_to(shop)}" in trained.stderr
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["model"] == card["name"]
    assert set(manifest["counts"]) == {"train", "valid", "test"}
    assert manifest["settings"]["horizon_days"] == card["config"]["horizon_days"] == 14


def test_evaluating_the_folder_gives_the_same_report(trained, shop):
    assert rows(run(shop, "evaluate", ".graphml/models/recommend", "-q")) == rows(trained)


def test_a_list_is_as_the_contract_says(lists, shop, buyer, events):
    done = run(shop, "recommend", buyer, "--top", "6", "--format", "json", "-q")
    found = json.loads(done.stdout)
    assert [row["rank"] for row in found] == list(range(1, 7))
    assert [row["score"] for row in found] == sorted((r["score"] for r in found), reverse=True)
    had = set(events.filter(member_id=buyer, kind="purchase")["product_id"])
    products = set(events["product_id"].drop_nulls())
    for row in found:
        assert {"member_id", "product_id", "rank", "score", "reasons"} <= set(row)
        assert row["member_id"] == buyer
        assert row["product_id"] in products
        assert 1 <= len(row["reasons"]) <= 2
        for reason in row["reasons"]:
            assert set(reason) == {"code", "text", "because"}
            assert reason["code"] in CODES
            assert set(reason["because"]) <= had
    assert len({row["product_id"] for row in found}) == 6
    assert found == [row for row in lists if row["member_id"] == buyer]


def test_a_table_says_why(lists, shop, buyer):
    done = run(shop, "recommend", buyer, "--top", "2", "--format", "table", "-q")
    heading, *body = done.stdout.splitlines()
    assert heading.split() == ["member_id", "rank", "product_id", "score", "reasons"]
    assert len(body) == 2
    found = [row for row in lists if row["member_id"] == buyer][:2]
    for line, row in zip(body, found, strict=True):
        assert row["product_id"] in line
        # A cell holds so many characters; what is longer ends in an ellipsis.
        assert one_line("; ".join(reason["text"] for reason in row["reasons"]), 120) in line


def test_everybody_has_a_list_in_a_file(lists, shop, events):
    run(shop, "recommend", "--top", "6", "--no-reasons", "--out", "lists.parquet", "-q")
    found = pl.read_parquet(shop / "lists.parquet")
    assert found.columns == ["member_id", "rank", "product_id", "score", "reasons"]
    assert set(found["member_id"]) == set(events["member_id"])
    assert found["reasons"].unique().to_list() == [""]
    told = [(row["member_id"], row["rank"], row["product_id"]) for row in lists]
    assert found.select("member_id", "rank", "product_id").rows() == told
    assert (found.group_by("member_id").len()["len"] == 6).all()


def test_who_opted_out_gets_one_list_and_no_word_of_itself(lists, shop):
    members = pl.read_parquet(shop / "shop" / "members.parquet")
    silent = set(members.filter("opted_out")["member_id"])
    own = {}
    for row in lists:
        if row["member_id"] in silent:
            own.setdefault(row["member_id"], []).append(row["product_id"])
            assert {reason["code"] for reason in row["reasons"]} <= {"POPULAR", "NEW"}
    assert len(own) == len(silent) > 20
    assert len(set(map(tuple, own.values()))) == 1


def test_rules_leave_out_what_they_name(lists, shop, buyer, events):
    had = set(events.filter(member_id=buyer, kind="purchase")["product_id"])
    usual = [row["product_id"] for row in lists if row["member_id"] == buyer]
    # As Windows editors write it, with a mark in front, blank lines and spaces behind.
    blocked = "\ufeff" + f"{usual[0]}\r\n\r\n{usual[2]}  \r\nno-such-product\r\n"
    (shop / "blocked.txt").write_text(blocked, encoding="utf-8", newline="")
    rest = rows(run(shop, "recommend", buyer, "--blocked", "blocked.txt", "--top", "4", "-q"))
    assert [row["product_id"] for row in rest] == [
        p for p in usual if p not in (usual[0], usual[2])
    ]
    assert [row["rank"] for row in rest] == [1, 2, 3, 4]
    products = pl.read_parquet(shop / "shop" / "products.parquet")
    strict = ("--no-bought", "--per-seller", "1", "--per-category", "2")
    few = rows(run(shop, "recommend", buyer, *strict, "-q"))
    assert not had & {row["product_id"] for row in few}
    for column, most in (("seller_id", 1), ("category", 2)):
        kinds = [products.filter(product_id=row["product_id"])[column][0] for row in few]
        counts = Counter(kind for kind in kinds if kind is not None)
        assert len(counts) > 1
        assert max(counts.values()) <= most


def test_more_than_there_is_may_be_asked_for(shop, trained, buyer, events):
    found = rows(run(shop, "recommend", buyer, "--top", "100000", "--no-reasons", "-q"))
    products = [row["product_id"] for row in found]
    assert len(products) == len(set(products)) <= events["product_id"].drop_nulls().n_unique()
    assert len(products) > 100


def test_the_same_again_is_the_same(shop, trained, tmp_path):
    again = run(shop, "train", "recommend", "--out", str(tmp_path / "again"), "-q")
    assert again.stdout == trained.stdout
    kept = shop / ".graphml" / "models" / "recommend"
    for file in ("recommender.json", "report.json"):
        assert (tmp_path / "again" / file).read_bytes() == (kept / file).read_bytes()


def test_a_dry_run_writes_nothing(shop):
    done = run(shop, "train", "recommend", "--dry-run", "--out", "dry")
    assert "would train on 2 moments before" in done.stderr
    assert done.stdout == ""
    assert not (shop / "dry").exists()


@pytest.fixture(scope="module")
def network(trained: object, shop: Path) -> str:
    # Of a recommender that was trained there before nothing stays.
    (shop / "network").mkdir()
    shutil.copy(shop / ".graphml/models/recommend/recommender.json", shop / "network")
    run(shop, "train", "recommend", "--method", "network", "--out", "network", "-q")
    return "network"


def refused(done) -> str:
    error, hint = done.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert hint.startswith("try: ")
    assert done.stdout == ""
    return f"{error}\n{hint}"


def test_a_network_recommends_nothing_and_says_what_does(shop, network):
    said = refused(run(shop, "recommend", "--model", network, "-q", code=2))
    assert "no recommender in network" in said
    assert "graphml train recommend" in said


def test_a_damaged_model_is_refused(shop, trained):
    kept = shop / ".graphml" / "models" / "recommend"
    shutil.copytree(kept, shop / "damaged")
    (shop / "damaged" / "recommender.json").write_text("{")
    done = run(shop, "recommend", "--model", "damaged", "-q", code=2)
    assert "recommender.json is damaged" in refused(done)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["recommend", "no\x1bbody\n"], 2, "no member no\\x1bbody\\n by"),
        (["recommend", "--store", "embedded://void"], 5, "no events"),
        (["recommend", "--as-of", "2024-02-01T00:00:00Z"], 2, "was trained on data up to"),
        (["recommend", "--blocked", "nowhere.txt"], 2, "cannot read nowhere.txt"),
        (["train", "recommend", "--store", "embedded://void"], 5, "no events"),
        (["train", "recommend", "--as-of", "2022-05-01T00:00:00Z"], 5, ""),
        (["train", "recommend", "--epochs", "3"], 2, "--epochs is for --method network"),
        (["train", "recommend", "--method", "forest"], 2, "--method is 'forest'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_with_a_way_on(shop, trained, arguments, code, said):
    assert said in refused(run(shop, *arguments, "-q", code=code))


@pytest.mark.parametrize("option", [["--top", "0"], ["--per-seller", "0"]])
def test_a_count_below_one_is_wrong_usage(shop, option):
    done = run(shop, "recommend", *option, code=2)
    assert option[0] in done.stderr


def test_rules_that_leave_nothing_are_said(shop, trained, events):
    every = events["product_id"].drop_nulls().unique().to_list()
    (shop / "all.txt").write_text("\n".join(every))
    said = refused(run(shop, "recommend", "--blocked", "all.txt", "-q", code=5))
    assert "the rules leave nothing to recommend" in said


def test_a_setting_that_does_not_exist_is_named(shop, tmp_path):
    (tmp_path / "graphml.toml").write_text("[recommend]\nhorizon = 3\n")
    said = refused(run(tmp_path, "train", "recommend", "-q", code=2))
    assert "horizon" in said
    (tmp_path / "graphml.toml").write_text("[recommend]\neach = 3\n")
    assert "recommend.each is 3" in refused(run(tmp_path, "train", "recommend", "-q", code=2))
