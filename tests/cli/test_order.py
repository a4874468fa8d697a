"""explain order and explain review through the installed command."""

from __future__ import annotations

import json
import math
import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.cli.test_models import rows, run

HOSTILE = "o\x1b[31m\nx"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    run(folder, "simulate", "shop", "--members", "900", "--difficulty", "easy", "--seed", "5", "-q")
    run(folder, "load", "shop", "-q")
    run(folder, "train", "fraud", "--unit", "order", "-q")
    return folder


@pytest.mark.parametrize("unit", ["order", "review"])
def test_a_score_is_explained_as_it_was_given(shop, unit):
    scores = rows(run(shop, "score", "fraud", "--unit", unit, "--reasons", "2", "-q"))
    first = scores[0]
    done = run(shop, "explain", unit, first["id"], "--format", "jsonl", "-q")
    (found,) = rows(done)
    assert found["score"] == pytest.approx(first["score"], abs=1e-6)
    assert (found["id"], found["unit"], found["model"]) == (first["id"], unit, first["model"])
    assert found["exposure"] == pytest.approx(first["exposure"], abs=0.01)
    assert found["member_id"] == first["member_id"]
    kept = [{key: one[key] for key in ("code", "text", "event_ids")} for one in found["reasons"]]
    assert json.loads(first["reasons"]) == kept
    assert {row["reasons"] for row in scores[2:]} == {"[]"}
    ranked = [row["score"] for row in scores]
    assert found["threshold"] == pytest.approx(ranked[max(1, len(ranked) // 100) - 1], abs=1e-6)
    assert found["flagged"]
    assert not found["seen_in_training"]
    events = pl.read_parquet(shop / "shop" / "events.parquet")
    asked = events.filter(event_id=found["event_id"])["time"][0]
    for reason in found["reasons"]:
        assert reason["score_without"] < found["score"]
        cited = events.filter(pl.col("event_id").is_in(reason["event_ids"]))
        late = cited.filter(pl.col("time") >= asked)["event_id"].to_list()
        assert set(late) <= {found["event_id"]}


def test_one_that_the_model_learned_from_is_told_so(shop):
    events = pl.read_parquet(shop / "shop" / "events.parquet").sort("time")
    id_ = events.filter(kind="purchase").select(pl.coalesce("order_id", "event_id")).item(50, 0)
    done = run(shop, "explain", "order", id_, "--out", "story.txt", "-q")
    assert done.stdout == ""
    story = (shop / "story.txt").read_text()
    assert story.startswith(f"order {id_}  score ")
    assert "what would clear it:" in story
    assert "it may have learned from it" in story


def test_a_kept_threshold_is_the_one_found_without_it(shop):
    for old in (shop / ".graphml" / "models").rglob("thresholds.json"):
        old.unlink()  # those of other tests, as of reviews
    scores = rows(run(shop, "score", "fraud", "--unit", "order", "-q"))
    asked = ["explain", "order", scores[0]["id"], "--format", "jsonl", "-q"]
    (kept,) = (shop / ".graphml" / "models").rglob("thresholds.json")
    (known,) = rows(run(shop, *asked))
    marked = dict.fromkeys(json.loads(kept.read_text()), 0.123)
    kept.write_text(json.dumps(marked))
    (marked_one,) = rows(run(shop, *asked))
    assert marked_one["threshold"] == 0.123
    # Another moment has its own threshold, found and not looked up.
    last = pl.read_parquet(shop / "shop" / "events.parquet")["time"].max()
    moment = last + timedelta(seconds=1)
    (earlier,) = rows(run(shop, *asked, "--as-of", moment.isoformat()))
    assert earlier["threshold"] != 0.123
    for damage in ('["a"]', json.dumps(dict.fromkeys(marked, math.nan))):
        kept.write_text(damage)
        (found,) = rows(run(shop, *asked))
        assert found == known
    assert list(json.loads(kept.read_text()).values()) == [known["threshold"]]


def test_scores_that_nothing_calibrates_are_ranks(shop, tmp_path):
    folder = shop / ".graphml" / "models" / "orders"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["counts"]["valid_accused"] < 10 <= manifest["counts"]["train_accused"]
    card = (folder / "MODEL_CARD.md").read_text()
    assert "a rank from 0 to 1, which is no probability" in card
    assert "How far probabilities can be believed could not be measured" in card
    scores = rows(run(shop, "score", "fraud", "--unit", "order", "--reasons", "0", "-q"))
    assert {row["score_kind"] for row in scores} == {"rank"}
    (found,) = rows(run(shop, "explain", "order", scores[0]["id"], "--format", "jsonl", "-q"))
    assert found["score_kind"] == "rank"
    done = run(shop, "train", "fraud", "--unit", "order", "--out", str(tmp_path / "model"), "-q")
    assert "scores are ranks and no probabilities: " in done.stderr
    (shop / "graphml.toml").write_text("[costs]\nreview = 5\nblock_good = 40\n")
    done = run(shop, "score", "fraud", "--unit", "order", "-q", code=2)
    (shop / "graphml.toml").unlink()
    assert "[costs] needs probabilities" in done.stderr


def test_without_recent_orders_nothing_is_called_flagged(shop):
    id_ = rows(run(shop, "score", "fraud", "--unit", "order", "--reasons", "0", "-q"))[0]["id"]
    later = (
        pl.read_parquet(shop / "shop" / "events.parquet")["time"].max() + timedelta(days=90)
    ).isoformat()
    asked = ("explain", "order", id_, "-q")
    story = run(shop, *asked, "--as-of", later).stdout
    assert "flagged" not in story
    assert "none came in in the four weeks up to --as-of" in story
    (known,) = rows(run(shop, *asked, "--format", "jsonl"))
    (found,) = rows(run(shop, *asked, "--format", "jsonl", "--as-of", later))
    assert found["threshold"] is found["flagged"] is found["counterfactual"] is None
    assert (found["score"], found["reasons"]) == (known["score"], known["reasons"])


def test_what_was_decided_about_an_order_shows_when_it_or_its_review_is_explained(shop, tmp_path):
    shutil.copytree(shop, tmp_path / "shop")
    copy = tmp_path / "shop"
    events = pl.read_parquet(shop / "shop" / "events.parquet")
    review = events.filter(kind="review").drop_nulls("order_id").row(-1, named=True)
    order = review["order_id"]
    run(copy, "label", "order", order, "dismiss", "--by", "ann", "--reason", "a gift", "-q")
    for unit, id_ in (("order", order), ("review", review["event_id"])):
        told = run(copy, "explain", unit, id_, "-q").stdout.splitlines()
        assert told[-1].startswith("dismissed by ann on ")
        assert told[-1].endswith(" UTC: a gift")
        (found,) = rows(run(copy, "explain", unit, id_, "--format", "jsonl", "-q"))
        assert found["decision"] == "dismiss"
    (found,) = rows(run(shop, "explain", "order", order, "--format", "jsonl", "-q"))
    assert found["decision"] is None


def test_what_is_wrong_is_said_in_one_line(shop):
    done = run(shop, "explain", "order", HOSTILE, "-q", code=2)
    assert "error: no order " in done.stderr
    assert "--unit order prints it" in done.stderr
    assert "\x1b" not in done.stderr
    first = rows(run(shop, "score", "fraud", "--unit", "order", "--reasons", "0", "-q"))[0]
    early = ("--as-of", "2024-01-10T00:00:00Z", "-q")
    done = run(shop, "explain", "order", first["id"], *early, code=2)
    assert "was trained on data up to" in done.stderr
    before = pl.Series([first["as_of"]]).str.to_datetime(time_zone="UTC")[0].isoformat()
    done = run(shop, "explain", "order", first["id"], "--as-of", before, "-q", code=2)
    assert f"no order {first['id']} by " in done.stderr
    done = run(shop, "explain", "order", first["id"], "--model", "none", "-q", code=2)
    assert "no model of orders in none" in done.stderr
    done = run(shop, "explain", "order", first["id"], "--format", "graphml", code=2)
    assert "no format 'graphml' for an order" in done.stderr
    assert "explain a 'basket'" in run(shop, "explain", "basket", "x", code=2).stderr
