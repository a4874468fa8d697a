"""What later events and decisions make of rings that a run holds."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.cli.conftest import run_graphml

Ring = dict[str, Any]


def asked(folder: Path, *arguments: object) -> Any:
    done = run_graphml(*arguments, "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ids(rings: list[Ring]) -> list[str]:
    return [ring["ring_id"] for ring in rings]


def members(ring: Ring) -> set[str]:
    return {member["member_id"] for member in ring["members"]}


def two_more_of(ring: Ring, events: pl.DataFrame) -> pl.DataFrame:
    """Return the events of two new accounts that do what a member of the ring did."""
    devices = [shared["id"] for shared in ring["shared"] if shared["type"] == "device"]
    using = events.filter(
        pl.col("device_id").is_in(devices) & pl.col("member_id").is_in(members(ring))
    )
    busiest = using.group_by("member_id").len().sort("len", "member_id")["member_id"][-1]
    own = events.filter(pl.col("member_id") == busiest)
    return pl.concat(
        own.with_columns(
            pl.lit(f"new-{i}").alias("member_id"),
            *((f"new-{i}:" + pl.col(name)).alias(name) for name in ("event_id", "order_id")),
            pl.col("time") + timedelta(minutes=7 * i),
        )
        for i in (1, 2)
    )


@pytest.fixture
def grown(loaded: Path, tmp_path: Path) -> tuple[Path, Ring]:
    """A folder whose store holds a run, and events since; a ring of the run that they made grow."""
    folder = tmp_path / "grown"
    shutil.copytree(loaded, folder)
    rings = asked(folder, "detect-rings", "--write")
    ring = next(r for r in rings if {s["type"] for s in r["shared"]} >= {"device", "card"})
    more = two_more_of(ring, pl.read_parquet(folder / "shop" / "events.parquet"))
    (folder / "more").mkdir()
    more.write_parquet(folder / "more" / "events.parquet")
    assert asked(folder, "load", "more")[0]["new_events"] == more.height
    return folder, ring


def test_explain_tells_a_ring_as_detect_rings_does_and_not_as_the_last_run_did(
    grown: tuple[Path, Ring],
) -> None:
    folder, ring = grown
    now = next(r for r in asked(folder, "detect-rings") if r["ring_id"] == ring["ring_id"])
    assert members(now) == members(ring) | {"new-1", "new-2"}
    assert now["status"] == "grown"
    assert asked(folder, "explain", "ring", ring["ring_id"]) == now


def test_a_grown_ring_is_dismissed_with_the_members_it_has_now(grown: tuple[Path, Ring]) -> None:
    folder, ring = grown
    id_ = ring["ring_id"]
    done = run_graphml("label", "ring", id_, "dismiss", "--by", "ana", cwd=folder)
    assert done.returncode == 0, done.stderr
    size = len(members(ring)) + 2
    assert f"as {size} labels for {size} of its {size} members" in done.stderr
    assert "labels count from 20" in done.stderr
    assert "does not see them yet" in done.stderr
    assert id_ not in ids(asked(folder, "detect-rings"))
    everything = asked(folder, "detect-rings", "--dismissed")
    assert [r["score"] for r in everything] == sorted(
        (r["score"] for r in everything), reverse=True
    )
    assert {r["ring_id"]: r["decision"] for r in everything}[id_] == "dismiss"
    best = asked(folder, "detect-rings", "--dismissed", "--top", 1)
    assert best == everything[:1]
    table = run_graphml("detect-rings", "--dismissed", "--format", "table", "-q", cwd=folder).stdout
    assert "grown, dismissed" in next(line for line in table.splitlines() if id_ in line)

    # The next run does not hold it; its id stays its own.
    asked(folder, "detect-rings", "--write")
    assert asked(folder, "explain", "ring", id_)["decision"] == "dismiss"
    assert id_ in ids(asked(folder, "detect-rings", "--dismissed"))


def test_a_ring_that_is_not_found_any_more_is_told_from_its_run(
    loaded: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    shutil.copytree(loaded, folder)
    ring = asked(folder, "detect-rings", "--write")[0]
    allow = ", ".join(f'["member", "{member}"]' for member in sorted(members(ring)))
    (folder / "graphml.toml").write_text(f"[rings]\nallow = [{allow}]\n")
    done = run_graphml("explain", "ring", ring["ring_id"], "--format", "json", "-q", cwd=folder)
    assert members(json.loads(done.stdout)) == members(ring)
    (line,) = done.stderr.splitlines()
    assert "is not found any more, or not with the same model; from run rings-20" in line
    assert "as of 2024-08-27T" in line


def test_filters_choose_what_is_printed_and_a_run_holds_everything(
    loaded: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "filtered"
    shutil.copytree(loaded, folder)
    everything = asked(folder, "detect-rings")
    kind = everything[-1]["kind"]
    printed = asked(folder, "detect-rings", "--write", "--kind", kind, "--min-members", 4)
    assert printed == [r for r in everything if r["kind"] == kind and len(r["members"]) >= 4]
    done = run_graphml("detect-rings", "--new", "--format", "json", cwd=folder)
    assert json.loads(done.stdout) == []
    told = done.stderr.splitlines()
    assert any(
        line.startswith("nothing new since run rings-20")
        and line.endswith(f"; {len(everything)} unchanged")
        for line in told
    ), told
    weak = asked(folder, "detect-rings", "--write", "--min-score", 0, "--min-members", 2)
    assert len(weak) > len(everything)
    assert [r for r in weak if r["score"] >= everything[-1]["score"]][: len(everything)] == [
        {**r, "status": "unchanged"} for r in everything
    ]
    assert asked(folder, "detect-rings", "--new") == []
    again = run_graphml("detect-rings", "--write", "--dry-run", "--kind", kind, cwd=folder)
    assert f"would publish {len(everything)} rings" in again.stderr


def test_label_tells_who_gets_no_label(loaded: Path) -> None:
    rings = asked(loaded, "detect-rings", "--min-score", 0, "--min-members", 2)
    roles = {r["ring_id"]: [m["role"] for m in r["members"]] for r in rings}
    id_, here = next((id_, here) for id_, here in roles.items() if "victim" in here)
    done = run_graphml("label", "ring", id_, "dismiss", "--dry-run", "-q", cwd=loaded)
    assert (done.returncode, done.stderr) == (0, "")
    told = run_graphml("label", "ring", id_, "dismiss", "--dry-run", cwd=loaded).stderr
    victims = here.count("victim")
    assert (
        f"for {len(here) - victims} of its {len(here)} members; victims, {victims} of them" in told
    )


def test_candidates_below_the_threshold_are_pointed_at(loaded: Path) -> None:
    done = run_graphml("detect-rings", "--format", "json", cwd=loaded)
    (line,) = (line for line in done.stderr.splitlines() if "below the threshold" in line)
    count, least = int(line.split()[0]), line.split("--min-score ")[1].split()[0]
    shown = asked(loaded, "detect-rings", "--min-score", least)
    assert len(shown) >= len(json.loads(done.stdout)) + count > count > 0
    asked_for = run_graphml("detect-rings", "--min-score", least, cwd=loaded)
    assert "below the threshold" not in asked_for.stderr
