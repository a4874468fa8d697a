"""detect-rings, explain ring and label ring with a fraud model in the store: the same rings for all."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from graphml.cli.ringmodel import ring_model
from graphml.errors import UsageError
from tests.cli.test_models import rows, run

SETTINGS = "[fraud]\nnetwork = false\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ringshop")
    (folder / "graphml.toml").write_text(SETTINGS)
    run(folder, "simulate", "shop", "--members", "6000", "--seed", "12", "--difficulty", "hard", "-q")  # fmt: skip
    run(folder, "load", "shop", "-q")
    run(folder, "train", "fraud", "-q")
    return folder


@pytest.fixture(scope="module")
def helped(shop):
    return run(shop, "detect-rings", "--format", "jsonl")


@pytest.fixture(scope="module")
def alone(shop) -> list[dict]:
    return rows(run(shop, "detect-rings", "--model", "none", "--format", "jsonl", "-q"))


def test_rings_carry_the_model_that_helped_and_none_where_it_did_not(shop, helped, alone):
    card = json.loads((shop / ".graphml/models/fraud/detector.json").read_text())
    assert f"risk by {card['name']}" in helped.stderr
    assert {ring["model"] for ring in rows(helped)} == {card["name"]}
    assert {ring["model"] for ring in alone} == {None}
    # What structure believes in alone is still there: nothing leaves a ring.
    inside = [set(members(ring)) for ring in rows(helped)]
    assert all(any(set(members(ring)) <= wider for wider in inside) for ring in alone)
    assert sum(map(len, inside)) > sum(len(members(ring)) for ring in alone)


def members(ring) -> list[str]:
    return [member["member_id"] for member in ring["members"]]


def test_a_ring_is_explained_and_decided_on_as_it_was_found(shop, helped, alone):
    known = {tuple(sorted(members(ring))) for ring in alone}
    changed = next(ring for ring in rows(helped) if tuple(sorted(members(ring))) not in known)
    told = json.loads(
        run(shop, "explain", "ring", changed["ring_id"], "--format", "json", "-q").stdout
    )
    assert members(told) == members(changed)
    done = run(shop, "label", "ring", changed["ring_id"], "confirm", "--dry-run")
    assert f"its {len(members(changed))} members" in done.stderr


def test_a_store_that_lacks_what_a_model_was_trained_with_is_told_so(shop):
    (shop / "other").mkdir()
    events = pl.read_parquet(shop / "shop" / "events.parquet")
    bare = events.with_columns(
        pl.lit(None, events.schema[name]).alias(name) for name in ("card", "address_id", "amount")
    )
    bare.write_parquet(shop / "other" / "events.parquet")
    run(shop, "load", "other", "--store", "embedded://bare", "-q")
    asked = ("score", "fraud", "--model", ".graphml/models/fraud", "--reasons", "0", "-q")
    done = run(shop, *asked, "--store", "embedded://bare")
    (said,) = [line for line in done.stderr.splitlines() if "was trained with" in line]
    assert "the store has no address, no card and " in said
    assert "was trained with" not in run(shop, *asked).stderr


def test_a_model_that_knows_more_is_left_aside_and_refused_when_asked_for(shop):
    card = json.loads((shop / ".graphml/models/fraud/detector.json").read_text())
    known = datetime.fromisoformat(card["chosen_until"]).astimezone(UTC)
    before = (known - timedelta(seconds=1)).isoformat()
    done = run(shop, "detect-rings", "--as-of", before, "--format", "jsonl")
    assert "from structure alone" in done.stderr
    assert {ring["model"] for ring in rows(done)} <= {None}
    asked = ("detect-rings", "--as-of", before, "--model", ".graphml/models/fraud", "-q")
    assert "was trained on data up to" in run(shop, *asked, code=2).stderr


def test_a_model_that_is_none_is_one_clear_line(shop, tmp_path):
    done = run(shop, "detect-rings", "--model", str(tmp_path / "no"), "-q", code=2)
    assert "no fraud model in" in done.stderr
    copy = tmp_path / "damaged"
    shutil.copytree(shop / ".graphml/models/fraud", copy)
    (copy / "detector.json").write_text("{")
    assert "damaged" in run(shop, "detect-rings", "--model", str(copy), "-q", code=2).stderr


def test_a_published_ring_is_told_as_it_was_found_when_the_model_is_another(shop, alone, helped):
    run(shop, "detect-rings", "--model", "none", "--write", "-q")
    wider = {tuple(sorted(members(ring))) for ring in rows(helped)}
    changed = next(ring for ring in alone if tuple(sorted(members(ring))) not in wider)
    done = run(shop, "explain", "ring", changed["ring_id"], "--format", "jsonl", "-q")
    assert members(rows(done)[0]) == members(changed)
    assert "not with the same model" in done.stderr


def test_an_old_model_in_the_store_stops_no_ring(tmp_path, capsys):
    folder = tmp_path / "models" / "fraud"
    folder.mkdir(parents=True)
    (folder / "detector.json").write_text('{"format": 1}')
    url = f"embedded://{tmp_path}"
    assert ring_model(url, None, datetime.now(UTC), quiet=False) is None
    assert "from structure alone" in capsys.readouterr().err
    with pytest.raises(UsageError, match="another format"):
        ring_model(url, folder, datetime.now(UTC), quiet=True)
