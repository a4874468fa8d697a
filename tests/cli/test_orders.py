"""--unit order and review through the installed command."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from graphml.config import Costs
from graphml.fraud.decisions import decide
from tests.cli.test_models import rows, run


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders")
    run(
        folder, "simulate", "shop", "--members", "2500", "--difficulty", "easy", "--seed", "9", "-q"
    )
    run(folder, "load", "shop", "-q")
    return folder


@pytest.fixture(scope="module")
def trained(shop: Path) -> list[dict[str, object]]:
    return rows(run(shop, "train", "fraud", "--unit", "order", "-q"))


def test_orders_and_reviews_are_learned_and_scored_by_what_came_before_them(shop, trained):
    assert [row["method"] for row in trained] in (
        [],
        ["flat", "aggregates", "blend", "blend − aggregates"],
    )
    scores = rows(run(shop, "score", "fraud", "--unit", "order", "-q"))
    assert list(scores[0]) == [
        "id", "unit", "score", "score_kind", "exposure", "as_of", "model", "reasons", "member_id",
    ]  # fmt: skip
    values = [row["score"] for row in scores]
    assert values == sorted(values, reverse=True)
    events = pl.read_parquet(shop / "shop" / "events.parquet")
    last = events["time"].max()
    bought = events.filter(
        pl.col("kind") == "purchase", pl.col("time") > last - pl.duration(days=28)
    )
    wanted = set(bought.select(pl.coalesce("order_id", "event_id")).to_series())
    assert {row["id"] for row in scores} <= wanted | set(events["order_id"].drop_nulls())
    assert len(scores) > 0.9 * len(wanted)
    reviews = rows(run(shop, "score", "fraud", "--unit", "review", "--top", "2", "-q"))
    assert {row["unit"] for row in reviews} == {"review"}
    done = run(
        shop, "score", "fraud", "--unit", "order", "--as-of", "2024-01-10T00:00:00Z", "-q", code=2
    )
    assert "was trained on data up to" in done.stderr


def test_the_model_has_a_card_and_a_report_on_what_came_since(shop, trained):
    folder = shop / ".graphml" / "models" / "orders"
    card = (folder / "MODEL_CARD.md").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert card.startswith(f"# {manifest['model']}\n")
    assert f"{manifest['counts']['train_accused']} accused" in card
    assert "Expected calibration error of accusations on validation" in card
    if trained:
        row = next(row for row in trained if row["method"] == "blend")
        assert f"{row['auroc']:.3f} ({row['auroc_low']:.3f} to {row['auroc_high']:.3f})" in card
        report = rows(run(shop, "evaluate", str(folder), "-q"))
        assert report == trained
    else:
        done = run(shop, "evaluate", str(folder), "-q", code=2)
        assert "there is nothing to measure" in done.stderr


def test_a_model_of_orders_does_not_score_members(shop, trained):
    folder = str(shop / ".graphml" / "models" / "orders")
    done = run(shop, "score", "fraud", "--model", folder, "-q", code=2)
    assert "is a model of orders" in done.stderr
    assert "--unit order" in done.stderr


def test_a_dry_run_trains_nothing_and_options_of_members_are_refused(shop):
    done = run(shop, "train", "fraud", "--unit", "order", "--dry-run", "--out", "dry")
    assert "would train on" in done.stderr
    assert not (shop / "dry").exists()
    for option, value in (("--method", "network"), ("--horizon", "7d"), ("--negatives", "stated")):
        refused = run(shop, "train", "fraud", "--unit", "order", option, value, code=2)
        assert f"{option} is for --unit member" in refused.stderr


def test_orders_are_held_by_costs_or_by_capacity(shop, trained):
    asked = ["score", "fraud", "--unit", "order", "-q"]
    file = shop / "graphml.toml"
    try:
        found = rows(run(shop, *asked, "--capacity", "0.02"))
        held = int(0.02 * len(found))
        decided = [row["decision"] for row in found]
        assert decided == ["hold"] * held + ["ship"] * (len(found) - held)
        file.write_text("[costs]\nreview = 5\nblock_good = 40\nmargin = 0.1\nwronged = 0.02\n")
        by_cost = rows(run(shop, *asked))
        assert list(by_cost[0])[-2:] == ["member_id", "decision"]
        costs = Costs(review=5, block_good=40, margin=0.1, wronged=0.02)
        p, at_risk = ([row[name] for row in by_cost] for name in ("score", "exposure"))
        assert [row["decision"] for row in by_cost] == decide(p, at_risk, costs=costs).tolist()
        done = run(shop, *asked, "--capacity", str(len(found) + 1), code=2)
        assert f"more than the {len(found)} there are" in done.stderr
    finally:
        file.unlink(missing_ok=True)
