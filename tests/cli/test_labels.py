"""Labels and decisions through the installed command: what is used, what is not, and what is shown."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Command
from tests.cli.test_models import rows, run

HOSTILE = "\x1b[31mred"
HEAD = "event_id,time,kind,member_id,product_id,device_id,order_id,amount,currency\n"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small marketplace of which nobody was ever accused, and its detector, rings alone."""
    folder = tmp_path_factory.mktemp("quiet")
    run(folder, "simulate", "shop", "--members", "600", "--difficulty", "easy", "--seed", "3", "-q")
    shop = folder / "shop"
    (shop / "labels.parquet").unlink()
    events = pl.read_parquet(shop / "events.parquet")
    events.filter(pl.col("kind") != "chargeback").write_parquet(shop / "events.parquet")
    members = pl.read_parquet(shop / "members.parquet")
    eventless = members.head(1).with_columns(
        member_id=pl.lit("m-eventless"), signup_time=pl.lit(None, members["signup_time"].dtype)
    )
    pl.concat([members, eventless]).write_parquet(shop / "members.parquet")
    run(folder, "load", "shop", "-q")
    return folder


@pytest.fixture(scope="module")
def trained(quiet: Path) -> str:
    """What training said: data on stdout, messages on stderr."""
    done = run(quiet, "train", "fraud", "--format", "table", "-q")
    return f"{done.stdout}|{done.stderr}"


def now() -> str:
    return datetime.now(UTC).isoformat()


def test_labels_that_became_known_after_the_moment_are_said_to_be_unused(quiet, tmp_path):
    shutil.copytree(quiet, tmp_path / "shop")
    shop = tmp_path / "shop"
    member = pl.read_parquet(quiet / "shop" / "events.parquet")["member_id"][0]
    asked = ("train", "fraud", "--dry-run", "--out", "dry", "-q")
    assert "not used" not in run(shop, *asked).stderr
    run(shop, "label", "member", member, "confirm", "-q")
    said = [line for line in run(shop, *asked).stderr.splitlines() if "not used" in line]
    assert len(said) == 1
    assert "1 label known after 20" in said[0]
    assert "later --as-of, up to now" in said[0]
    assert "not used" not in run(shop, *asked, "--as-of", now()).stderr
    orders = run(shop, "train", "fraud", "--unit", "order", "--dry-run", "-q", code=5).stderr
    assert "1 label known after 20" in orders


def test_figures_on_members_of_confirmed_rings_are_said_to_be_circular(quiet, tmp_path):
    shutil.copytree(quiet, tmp_path / "shop")
    shop = tmp_path / "shop"
    ring = rows(run(shop, "detect-rings", "--top", "1", "-q"))[0]
    run(shop, "label", "ring", ring["ring_id"], "confirm", "-q")
    done = run(shop, "train", "fraud", "--as-of", now(), "--out", "model", "-q")
    (said,) = [line for line in done.stderr.splitlines() if "circular" in line]
    assert "known by decisions about rings" in said
    report = json.loads((shop / "model" / "report.json").read_text())
    assert report["rows"]
    (note,) = report["notes"]
    assert note in said
    assert note[1:] in (shop / "model" / "MODEL_CARD.md").read_text()


def test_a_report_without_anything_to_measure_is_its_reason_alone(trained):
    data, said = trained.split("|", 1)
    assert data == ""
    assert "there is nothing to measure" in said
    assert "only candidate rings are used: 0 accused members to learn from, 0 to choose by" in said
    assert "at least 10 are needed" in said


def test_a_card_without_accused_says_that_nothing_could_be_measured(trained, quiet):
    card = (quiet / ".graphml" / "models" / "fraud" / "MODEL_CARD.md").read_text()
    assert "100.0%" not in card
    assert "What share of the frauds is accused could not be measured" in card
    assert "How far probabilities can be believed could not be measured" in card


def test_too_few_accused_orders_make_no_probabilities(quiet, tmp_path):
    shutil.copytree(quiet, tmp_path / "shop")
    shop = tmp_path / "shop"
    bought = pl.read_parquet(quiet / "shop" / "events.parquet").filter(
        pl.col("kind") == "purchase", pl.col("order_id").is_not_null()
    )
    early = bought.sort("time").head(9).select("order_id", known_at=pl.col("time"))
    early.with_columns(label=pl.lit(1)).write_parquet(shop / "shop" / "labels.parquet")
    run(shop, "load", "shop", "-q")
    done = run(shop, "train", "fraud", "--unit", "order", "--out", "orders", "-q", code=5)
    assert "error: 9 orders accused by 20" in done.stderr
    assert "are too few to learn from: at least 10 are needed" in done.stderr
    assert not (shop / "orders").exists()


def test_a_moment_that_has_not_come_is_refused_by_every_command(quiet, trained):
    member = pl.read_parquet(quiet / "shop" / "events.parquet")["member_id"][0]
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    for asked in (
        ("detect-rings",),
        ("train", "fraud"),
        ("train", "fraud", "--unit", "order"),
        ("train", "fraud", "--method", "network"),
        ("score", "fraud"),
        ("score", "fraud", "--unit", "order"),
        ("explain", "member", member),
        ("explain", "ring", "r-1"),
        ("label", "member", member, "confirm"),
        ("evaluate", "rings", "--truth", "shop.truth"),
        ("evaluate", ".graphml/models/fraud"),
        ("audit-leakage", "fraud"),
    ):
        done = run(quiet, *asked, "--as-of", later, "-q", code=2)
        assert "has not come yet" in done.stderr.splitlines()[0], asked
        assert done.stderr.splitlines()[1].startswith("try: --as-of 20")
    # Clocks differ, as the loader allows for.
    soon = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
    run(quiet, "explain", "member", member, "--as-of", soon, "-q")


def test_what_was_decided_about_a_member_shows_when_it_is_explained(quiet, trained, tmp_path):
    shutil.copytree(quiet, tmp_path / "shop")
    shop = tmp_path / "shop"
    first, other = pl.read_parquet(quiet / "shop" / "events.parquet")["member_id"].unique()[:2]
    run(shop, "label", "member", first, "confirm", "--by", "bo", "--reason", "told us", "-q")
    run(shop, "label", "member", first, "dismiss", "--by", "ann", "--reason", "a gift", "-q")
    told = run(shop, "explain", "member", first, "-q").stdout.splitlines()
    assert told[-2].startswith("confirmed by bo on ")
    assert told[-1].startswith("dismissed by ann on ")
    assert told[-1].endswith(" UTC: a gift")
    (found,) = rows(run(shop, "explain", "member", first, "--format", "jsonl", "-q"))
    assert found["decision"] == "dismiss"
    assert "ann" not in run(shop, "explain", "member", other, "-q").stdout
    (found,) = rows(run(shop, "explain", "member", other, "--format", "jsonl", "-q"))
    assert found["decision"] is None


def test_a_member_of_whom_there_is_no_event_is_said_to_have_none(quiet, trained):
    done = run(quiet, "explain", "member", "m-eventless", "-q", code=2)
    assert "error: m-eventless has no events by 20" in done.stderr
    assert (
        "error: no member m-nobody by"
        in run(quiet, "explain", "member", "m-nobody", "-q", code=2).stderr
    )


def test_of_equal_scores_at_the_limit_it_is_said_how_many_are_not_held(quiet, trained):
    done = run(quiet, "score", "fraud", "--capacity", "400", "--reasons", "0")
    found = rows(done)
    held = [row for row in found if row["decision"] == "hold"]
    assert len(held) == 400
    like = [r for r in found if r["decision"] == "ship" and r["score"] == held[-1]["score"]]
    assert like
    assert f"{len(like)} more have the same score as one held" in done.stderr
    again = rows(run(quiet, "score", "fraud", "--capacity", "400", "--reasons", "0", "-q"))
    assert again == found


def test_labels_that_teach_nothing_or_contradict_are_counted(graphml: Command, tmp_path: Path):
    (tmp_path / "shop").mkdir()
    days = "".join(f"e-{n},2024-06-{n:02}T09:30:00Z,view,m-{n},p-1,d-1,,,\n" for n in range(1, 6))
    (tmp_path / "shop" / "events.csv").write_text(HEAD + days)
    (tmp_path / "shop" / "labels.csv").write_text(
        "member_id,label,known_at\nm-1,1,\nm-2,0,\n"
        "m-3,1,2024-06-04T00:00:00Z\nm-3,0,2024-06-04T00:00:00Z\n"
        "m-4,0,2024-06-04T00:00:00Z\nm-4,1,2024-06-05T00:00:00Z\n"
    )
    done = graphml("load", "shop")
    assert done.returncode == 0, done.stderr
    assert "2 labels without known_at serve evaluation alone" in done.stderr
    assert "1 member or order has labels 1 and 0 of the same moment: 1 counts" in done.stderr


def test_a_hostile_id_reaches_neither_the_terminal_nor_a_spreadsheet(
    graphml: Command, tmp_path: Path
):
    (tmp_path / "shop").mkdir()
    formula = "=cmd|' /C calc'!A0"
    who = [HOSTILE, formula, *(f"m-{n}" for n in range(8))]
    lines = [
        f"e-{n}-{day},2024-06-{day:02}T09:{n:02}:00Z,purchase,{m},p-1,d-1,o-{n}-{day},5,EUR\n"
        for n, m in enumerate(who)
        for day in range(1, 29, 3)
    ]
    (tmp_path / "shop" / "events.csv").write_text(HEAD + "".join(lines))
    assert graphml("load", "shop", "-q").returncode == 0
    done = graphml("label", "member", HOSTILE, "confirm", "--by", "\x1b[1mx")
    assert done.returncode == 0, done.stderr
    assert "kept: member \\x1b[31mred confirmed by \\x1b[1mx" in done.stderr
    assert "\x1b" not in done.stderr
    assert graphml("train", "fraud", "-q").returncode == 0
    asked = ("score", "fraud", "--reasons", "0", "-q")
    csv = pl.read_csv(graphml(*asked, "--format", "csv").stdout.encode())
    exact = {row["member_id"] for row in rows(graphml(*asked, "--format", "jsonl"))}
    assert set(who) == exact
    assert set(csv["member_id"]) == exact - {formula} | {f"'{formula}"}
    assert csv["score"].dtype == pl.Float64


@pytest.fixture
def two_eyes(quiet: Path, tmp_path: Path) -> tuple[Path, str]:
    """A shop where one person's confirming is a proposal, and one of its members."""
    shutil.copytree(quiet, tmp_path / "shop")
    (tmp_path / "shop" / "graphml.toml").write_text("[cases]\nfour_eyes = true\n")
    return tmp_path / "shop", pl.read_parquet(quiet / "shop" / "events.parquet")["member_id"][0]


def test_with_four_eyes_another_person_has_to_approve(two_eyes):
    shop, member = two_eyes
    asked = ("label", "member", member, "confirm")
    told = run(shop, *asked, "--by", "ana", "--dry-run").stderr
    assert f"would propose: member {member} confirmed by ana, as 1 label" in told
    told = run(shop, *asked, "--by", "ana", "--reason", "seen").stderr.splitlines()
    assert f"proposed: member {member} confirmed by ana, as 1 label" in told
    assert told[-1].startswith("it counts once another person approves")
    assert not any("count from" in line for line in told)
    assert "confirmed" not in run(shop, "explain", "member", member, "-q").stdout
    done = run(shop, *asked, "--by", "Ana", code=1)
    assert done.stderr.splitlines()[-2:] == [
        "error: case c-1 was proposed by ana, who cannot approve it",
        "try: another person approves or rejects it",
    ]
    told = run(shop, *asked, "--by", "ben").stderr
    assert f"kept: member {member} confirmed by ana, ben, as 1 label" in told
    assert "its labels count from 20" in told
    told = run(shop, "explain", "member", member, "-q").stdout.splitlines()[-1]
    assert told.startswith("confirmed by ana, ben on ")
    assert told.endswith(": seen")


def test_with_four_eyes_one_person_dismisses(two_eyes):
    shop, member = two_eyes
    run(shop, "label", "member", member, "confirm", "--by", "ana", "-q")
    told = run(shop, "label", "member", member, "dismiss", "--by", "ana", "--code", "family").stderr
    assert f"kept: member {member} dismissed by ana, as 1 label" in told
    told = run(shop, "explain", "member", member, "-q").stdout.splitlines()[-1]
    assert told.endswith(": a family or household")


def test_a_ring_is_proposed_with_its_members_and_approved_without_finding_it_again(two_eyes):
    shop, _ = two_eyes
    ring = rows(run(shop, "detect-rings", "--top", "1", "-q"))[0]
    asked = ("label", "ring", ring["ring_id"], "confirm")
    size = len([m for m in ring["members"] if m["role"] != "victim"])
    told = run(shop, *asked, "--by", "ana").stderr
    assert f"by ana, as {size} labels for {size} of its {len(ring['members'])} members" in told
    told = run(shop, *asked, "--by", "ben").stderr
    assert f"kept: ring {ring['ring_id']} confirmed by ana, ben, as {size} labels" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--code", "nonsense"), "no code 'nonsense'"),
        (("--reason", "x" * 10_001), "comment has 10,001 characters"),
        (("--by", " "), "by is blank"),
        (("--by", "b" * 1_001), "by has 1,001 characters"),
        (("--reason", b"\xff"), "comment holds NUL or half of a character"),
    ],
)
def test_a_label_with_what_cannot_be_kept_is_2_and_leaves_no_case(quiet, tmp_path, options, words):
    shutil.copytree(quiet, tmp_path / "shop")
    member = pl.read_parquet(quiet / "shop" / "events.parquet")["member_id"][0]
    done = run(tmp_path / "shop", "label", "member", member, "confirm", *options, code=2)
    assert done.stderr.splitlines()[-2].startswith(f"error: {words}")
    assert done.stderr.splitlines()[-1].startswith("try: ")
    assert not (tmp_path / "shop" / ".graphml" / "cases.sqlite").exists()
    nobody = run(tmp_path / "shop", "label", "member", "m-nobody", "confirm", code=2)
    assert "no member 'm-nobody'" in nobody.stderr
    assert not (tmp_path / "shop" / ".graphml" / "cases.sqlite").exists()
