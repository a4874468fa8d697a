"""The whole line through the installed command: simulate, load, detect, explain, label, evaluate."""

import csv
import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import run_graphml

RING_KEYS = {
    "ring_id", "kind", "status", "score", "score_kind", "members", "shared", "amount_gross",
    "amount_net", "currency", "first", "last", "as_of", "model", "reasons", "counter_evidence", "decision",
}  # fmt: skip


@pytest.fixture
def shop(loaded: Path, tmp_path: Path) -> Path:
    """A copy of the loaded folder, for tests that change it."""
    shutil.copytree(loaded, tmp_path / "shop", dirs_exist_ok=True)
    return tmp_path / "shop"


def rings_of(folder: Path, *arguments: object) -> list[dict[str, object]]:
    done = run_graphml("detect-rings", "--format", "json", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_simulate_is_reproducible(market: Path, tmp_path: Path) -> None:
    run_graphml("simulate", "again", "--members", 2000, "--seed", 7, cwd=tmp_path)
    for table in (market / "shop").iterdir():
        assert table.read_bytes() == (tmp_path / "again" / table.name).read_bytes()


def test_simulate_does_not_overwrite(market: Path) -> None:
    done = run_graphml("simulate", "shop", cwd=market)
    assert done.returncode == 2
    assert "not an empty folder" in done.stderr


def test_a_second_load_changes_nothing_and_the_sum_is_printed(shop: Path) -> None:
    done = run_graphml("load", "shop", "--format", "json", cwd=shop)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)[0]
    assert report["new_events"] == 0
    assert report["read"] == report["loaded"] + report["repeats"] + report["quarantined"]
    assert "rows in =" in done.stderr


def test_a_dry_run_writes_nothing(market: Path, tmp_path: Path) -> None:
    done = run_graphml("load", market / "shop", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".graphml").exists()


def test_rings_have_the_contracts_shape_and_real_events(loaded: Path, market: Path) -> None:
    rings = rings_of(loaded)
    assert rings
    events = set(pl.read_parquet(market / "shop" / "events.parquet")["event_id"])
    members: set[str] = set()
    for ring in rings:
        assert set(ring) == RING_KEYS
        assert 0 <= ring["score"] <= 1
        assert ring["reasons"]
        ids = [m["member_id"] for m in ring["members"]]
        assert len(ids) >= 2
        assert not members & set(ids), "a member is in one ring per run"
        members |= set(ids)
        for reason in ring["reasons"] + ring["counter_evidence"]:
            assert set(reason["event_ids"]) <= events
    scores = [ring["score"] for ring in rings]
    assert scores == sorted(scores, reverse=True)


def test_rings_are_the_same_twice_and_top_takes_the_best(loaded: Path) -> None:
    first = rings_of(loaded)
    assert rings_of(loaded) == first
    assert rings_of(loaded, "--top", 2) == first[:2]


def test_every_format_holds_the_same_rings(loaded: Path, tmp_path: Path) -> None:
    ids = [ring["ring_id"] for ring in rings_of(loaded)]
    lines = run_graphml("detect-rings", cwd=loaded).stdout.splitlines()
    assert [json.loads(line)["ring_id"] for line in lines] == ids
    table = run_graphml("detect-rings", "--format", "table", cwd=loaded).stdout
    assert [line.split()[0] for line in table.splitlines()[1:]] == ids
    assert "\x1b" not in table
    as_csv = run_graphml("detect-rings", "--format", "csv", cwd=loaded).stdout
    assert [row["ring"] for row in csv.DictReader(io.StringIO(as_csv))] == ids
    out = tmp_path / "rings.parquet"
    run_graphml("detect-rings", "--out", out, cwd=loaded)
    assert pl.read_parquet(out)["ring"].to_list() == ids


def test_a_manifest_says_what_made_the_rings(shop: Path) -> None:
    rings = rings_of(shop)
    newest = max((shop / ".graphml" / "manifests").glob("*.json"), key=lambda p: p.stat().st_mtime)
    manifest = json.loads(newest.read_text())
    assert manifest["counts"]["rings"] == len(rings)
    assert 0 <= manifest["notes"]["threshold"] <= 1
    assert manifest["versions"]["polars"]
    assert manifest["wall_s"] > 0
    assert manifest["peak_rss_mb"] > 0


def test_fail_on_is_3(loaded: Path) -> None:
    assert run_graphml("detect-rings", "--fail-on", 0, cwd=loaded).returncode == 3
    none = run_graphml("detect-rings", "--fail-on", 0, "--min-members", 500, cwd=loaded)
    assert none.returncode == 0


def test_an_empty_result_is_an_empty_list(loaded: Path) -> None:
    assert rings_of(loaded, "--min-members", 500) == []


def test_write_publishes_and_new_shows_only_what_changed(shop: Path) -> None:
    first = rings_of(shop, "--write")
    assert {ring["status"] for ring in first} == {"new"}
    second = rings_of(shop, "--write")
    assert {ring["status"] for ring in second} == {"unchanged"}
    assert [r["ring_id"] for r in second] == [r["ring_id"] for r in first]
    assert rings_of(shop, "--new") == []


def test_explain_tells_members_reasons_and_the_other_side(loaded: Path) -> None:
    ring = rings_of(loaded)[0]
    told = run_graphml("explain", "ring", ring["ring_id"], cwd=loaded)
    assert told.returncode == 0, told.stderr
    for member in ring["members"]:
        assert member["member_id"] in told.stdout
    assert ring["reasons"][0]["text"][:60] in told.stdout
    assert "what speaks against it" in told.stdout
    drawn = run_graphml("explain", "ring", ring["ring_id"], "--format", "graphml", cwd=loaded)
    assert drawn.stdout.startswith("<?xml")
    as_json = run_graphml("explain", "ring", ring["ring_id"], "--format", "json", cwd=loaded)
    assert json.loads(as_json.stdout)["ring_id"] == ring["ring_id"]


def test_a_dismissed_ring_is_gone_and_a_confirmed_one_stays(shop: Path) -> None:
    rings = rings_of(shop, "--write")
    gone, kept = rings[0], rings[1]
    for ring, verdict in ((gone, "dismiss"), (kept, "confirm")):
        done = run_graphml(
            "label", "ring", ring["ring_id"], verdict, "--reason", "it's a \"family\"; `x` {y}", "--by", "ana",
            cwd=shop,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    after = {ring["ring_id"] for ring in rings_of(shop)}
    assert gone["ring_id"] not in after
    assert gone["ring_id"] in {ring["ring_id"] for ring in rings_of(shop, "--dismissed")}
    told = run_graphml("explain", "ring", gone["ring_id"], cwd=shop).stdout
    assert "dismissed by ana on " in told
    assert 'it\'s a "family"; `x` {y}' in told
    assert kept["ring_id"] in after


def test_an_allow_list_ties_nobody(loaded: Path, tmp_path: Path) -> None:
    ring = next(ring for ring in rings_of(loaded) if ring["shared"])
    members = [m["member_id"] for m in ring["members"]]
    (tmp_path / "allow.toml").write_text(f"member = {json.dumps(members)}\n")
    left = rings_of(loaded, "--allow-list", tmp_path / "allow.toml")
    assert not {m["member_id"] for r in left for m in r["members"]} & set(members)


def test_evaluate_puts_ours_beside_the_baselines(loaded: Path) -> None:
    done = run_graphml("evaluate", "rings", "--truth", "shop.truth", "--format", "json", cwd=loaded)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) >= 7
    assert all(0 <= row["pair_f1"] <= 1 for row in rows)


def test_doctor_names_the_store(loaded: Path) -> None:
    done = run_graphml("doctor", "--format", "json", cwd=loaded)
    rows = {row["what"]: row for row in json.loads(done.stdout)}
    assert rows["store embedded://.graphml"]["state"] == "ok"
