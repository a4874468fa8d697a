"""explain order and explain review through the installed command."""

from __future__ import annotations

import json
import math
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


def test_what_is_wrong_is_said_in_one_line(shop):
    done = run(shop, "explain", "order", HOSTILE, "-q", code=2)
    assert "error: no order " in done.stderr
    assert "--unit order prints it" in done.stderr
    assert "\x1b" not in done.stderr
    first = rows(run(shop, "score", "fraud", "--unit", "order", "--reasons", "0", "-q"))[0]
    early = ("--as-of", "2024-01-10T00:00:00Z", "-q")
    done = run(shop, "explain", "order", first["id"], *early, code=2)
    assert "knows what happened until" in done.stderr
    before = pl.Series([first["as_of"]]).str.to_datetime(time_zone="UTC")[0].isoformat()
    done = run(shop, "explain", "order", first["id"], "--as-of", before, "-q", code=2)
    assert f"no order {first['id']} by " in done.stderr
    done = run(shop, "explain", "order", first["id"], "--model", "none", "-q", code=2)
    assert "no model of orders in none" in done.stderr
    done = run(shop, "explain", "order", first["id"], "--format", "graphml", code=2)
    assert "no format 'graphml' for an order" in done.stderr
    assert "explain a 'basket'" in run(shop, "explain", "basket", "x", code=2).stderr
