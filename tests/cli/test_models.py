"""train, score, evaluate MODEL and audit-leakage, end to end through the installed command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

COMMAND = str(Path(sys.executable).parent / "graphml")
QUICK = "[train]\nepochs = 2\nchannels = 8\n[train.sample]\nfanout = [4, 3]\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "graphml.toml").write_text(QUICK)
    run(folder, "simulate", "shop", "--members", "1500", "--seed", "5", "-q")
    run(folder, "load", "shop", "-q")
    return folder


def run(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def fraud(shop: Path) -> subprocess.CompletedProcess[str]:
    return run(
        shop,
        "train",
        "fraud",
        "--method",
        "network",
        "--negatives",
        "matured",
        "--horizon",
        "7d",
        "--every",
        "14d",
    )


def test_training_reports_on_labels_it_did_not_see_beside_a_baseline(fraud, shop):
    report = rows(fraud)
    assert [row["method"] for row in report] == ["sage", "members it shares identifiers with"]
    assert all(0 <= row["base_rate"] <= 1 for row in report)
    folder = shop / ".graphml" / "models" / "fraud"
    card = json.loads((folder / "model.json").read_text())
    assert card["config"]["epochs"] == 2
    assert card["trained_until"] < card["chosen_until"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["model"] == card["name"]
    assert set(manifest["counts"]) == {"train", "valid", "test"}


def test_scores_are_one_row_a_member_riskiest_first_and_can_be_published(fraud, shop):
    out = shop / "scores.csv"
    run(shop, "score", "fraud", "--out", str(out), "--write", "--embeddings", "v.parquet", "-q")
    scores = pl.read_csv(out)
    assert scores.columns == [
        "member_id", "unit", "score", "score_kind", "exposure", "as_of", "model", "reasons",
    ]  # fmt: skip
    assert scores["member_id"].is_unique().all()
    assert scores["score"].is_sorted(descending=True)
    assert scores["score"].is_between(0, 1).all()
    vectors = pl.read_parquet(shop / "v.parquet")
    assert set(vectors["member_id"]) == set(scores["member_id"])
    again = run(shop, "score", "fraud", "--top", "3", "-q")
    assert [row["member_id"] for row in rows(again)] == scores["member_id"].head(3).to_list()


def test_a_model_may_not_score_a_moment_before_its_training_ended(fraud, shop):
    done = run(shop, "score", "fraud", "--as-of", "2024-01-15T00:00:00Z", "-q", code=2)
    assert "was trained on data up to" in done.stderr
    assert "try: a later --as-of" in done.stderr


def test_a_model_is_evaluated_on_what_came_after_it_was_chosen(fraud, shop):
    report = rows(run(shop, "evaluate", ".graphml/models/fraud", "-q"))
    assert report[0]["method"] == "sage"


def test_recommendation_is_trained_and_reported_beside_popularity(shop):
    asked = ("--method", "network", "--encoder", "hgt", "--epochs", "1")
    report = rows(run(shop, "train", "recommend", *asked, "-q"))
    assert [row["method"] for row in report] == [
        "hgt", "popular in the last 30 days", "bought before, then popular",
    ]  # fmt: skip
    for row in report:
        assert row["ndcg_at_20_low"] <= row["ndcg_at_20"] <= row["ndcg_at_20_high"]


def test_the_audit_shows_both_splits_and_the_gap(shop):
    found = rows(
        run(shop, "audit-leakage", "fraud", "--negatives", "matured", "--horizon", "7d", "--every", "14d", "-q")
    )  # fmt: skip
    splits = [row["split"] for row in found]
    assert splits == ["random", "random", "time", "time", "gap"]
    random, time, gap = found[0], found[2], found[4]
    assert gap["base_rate"] == pytest.approx(random["base_rate"] - time["base_rate"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train", "churn"], 2, "cannot learn 'churn'"),
        (["train", "fraud", "--horizon", "x"], 2, "--horizon 'x' is no number of days"),
        (
            ["train", "fraud", "--method", "network", "--encoder", "gat", "--negatives", "matured"],
            2,
            "train.encoder is 'gat'",
        ),
        (["train", "fraud", "--negatives", "all"], 2, "--negatives is 'all'"),
        (["train", "fraud", "--method", "forest"], 2, "--method is 'forest'"),
        (["train", "fraud", "--horizon", "7d"], 2, "--horizon is for --method network"),
        (["score", "fraud", "--model", "nowhere"], 2, "no model in nowhere"),
        (["score", "recommend"], 2, "cannot score 'recommend'"),
        (["score", "fraud", "--unit", "basket"], 2, "no unit 'basket'"),
        (["score", "fraud", "--unit", "order", "--write"], 2, "--write is for --unit member"),
        (["score", "fraud", "--unit", "order"], 2, "no model of orders"),
        (["train", "recommend", "--unit", "order"], 2, "--unit order is for fraud"),
        (["evaluate", "nowhere"], 2, "no model in nowhere"),
        (["train", "fraud", "--as-of", "2001-01-01T00:00:00Z"], 5, "no events"),
        (["train", "fraud", "--store", "embedded://void"], 5, "no events"),
    ],
)
def test_what_does_not_fit_is_one_line_with_a_way_on(shop, arguments, code, said):
    done = run(shop, *arguments, "-q", code=code)
    error, hint = done.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("try: ")


def test_a_dry_run_writes_nothing(shop):
    run(
        shop,
        "train",
        "fraud",
        "--dry-run",
        "--out",
        "dry",
        "--method",
        "network",
        "--negatives",
        "matured",
    )
    done = run(shop, "train", "fraud", "--dry-run", "--out", "dry")
    assert "would train on" in done.stderr
    assert not (shop / "dry").exists()


@pytest.fixture(scope="module")
def blend(shop: Path) -> subprocess.CompletedProcess[str]:
    return run(shop, "train", "fraud", "--out", "blend")


def test_a_detector_reports_its_methods_and_writes_its_card(blend, shop):
    report = rows(blend)
    assert report[0]["method"] in {"blend", "structure"}
    for row in report:
        assert row["recall_low"] <= row["recall"] <= row["recall_high"]
    card = (shop / "blend" / "MODEL_CARD.md").read_text()
    assert json.loads((shop / "blend" / "detector.json").read_text())["name"] in card
    assert f"{report[0]['recall']:.3f}" in card
    accused = json.loads((shop / "blend" / "manifest.json").read_text())["counts"]["valid_accused"]
    if accused >= 10 and report[0]["method"] != "structure":
        assert "Expected calibration error of accusations on validation" in card


def test_a_detector_scores_publishes_and_is_evaluated(blend, shop):
    scores = rows(run(shop, "score", "fraud", "--model", "blend", "--write", "-q"))
    values = [row["score"] for row in scores]
    assert values == sorted(values, reverse=True)
    assert len({row["member_id"] for row in scores}) == len(scores) > 1000
    assert {row["model"] for row in scores} == {
        rows(run(shop, "score", "fraud", "--model", "blend", "--top", "1", "-q"))[0]["model"]
    }
    late = run(
        shop, "score", "fraud", "--model", "blend", "--as-of", "2023-01-01T00:00:00Z", "-q", code=2
    )
    assert "was trained on data up to" in late.stderr
    report = rows(run(shop, "evaluate", "blend", "-q"))
    assert {row["method"] for row in report} >= {"structure"}
    if not (shop / "blend" / "network").exists():
        none = run(shop, "score", "fraud", "--model", "blend", "--embeddings", "no.parquet", code=2)
        assert "has no network" in none.stderr


def test_the_riskiest_have_reasons_and_explain_says_what_the_score_would_be_without(blend, shop):
    best = rows(run(shop, "score", "fraud", "--model", "blend", "--top", "3", "-q"))
    reasons = [reason for row in best for reason in json.loads(str(row["reasons"]))]
    assert reasons
    assert all(reason["code"] and reason["text"] and reason["event_ids"] for reason in reasons)
    bare = rows(
        run(shop, "score", "fraud", "--model", "blend", "--top", "1", "--reasons", "0", "-q")
    )
    assert bare[0]["reasons"] == "[]"
    member = str(best[0]["member_id"])
    told = run(shop, "explain", "member", member, "--model", "blend", "-q").stdout
    assert member in told
    assert "what would clear it" in told
    found = json.loads(
        run(shop, "explain", "member", member, "--model", "blend", "--format", "jsonl", "-q").stdout
    )
    assert found["score"] == pytest.approx(best[0]["score"])
    assert found["reasons"][0]["score_without"] < found["score"]
    for arguments, said in (
        (["explain", "member", "nobody"], "nobody"),
        (["explain", "order", "o-1"], "no model of orders in blend"),
        (["explain", "member", member, "--format", "graphml"], "no format 'graphml' for a member"),
    ):
        done = run(shop, *arguments, "--model", "blend", "-q", code=2)
        assert said in done.stderr
