"""evaluate --plots through the installed command: what is drawn is what is reported."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as Tree

import numpy as np
import polars as pl
import pytest

from graphml.cli.plots import write_pictures
from graphml.pipeline.picturing import pictures_of_judging
from graphml.recommend import CARD
from tests.cli.conftest import run_graphml
from tests.pictures import made

QUICK = "[train]\nepochs = 2\nchannels = 8\n[train.sample]\nfanout = [4, 3]\n"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded marketplace of which enough is known to learn from, and its fraud model."""
    folder = tmp_path_factory.mktemp("plots")
    (folder / "graphml.toml").write_text(QUICK)
    run(folder, "simulate", "shop", "--members", 1000, "--seed", 5, "-q")
    accuse(folder / "shop")
    run(folder, "load", "shop", "-q")
    run(folder, "train", "fraud", "-q")
    (folder / "said").write_text(run(folder, "score", "fraud", "--top", 1).stderr)
    run(folder, "detect-rings", "--write", "--model", "none", "-q")
    return folder


def accuse(source: Path) -> None:
    """Have reviewers accuse one member in six, evenly over the months."""
    events, labels = (pl.read_parquet(source / f"{name}.parquet") for name in ("events", "labels"))
    seen = events.group_by("member_id").agg(pl.col("time").min(), last=pl.col("time").max())
    chosen = seen.sort("member_id").gather_every(6)
    share = pl.Series(np.linspace(0, 1, chosen.height))
    told = chosen.select(
        "member_id", label=pl.lit(1, labels.schema["label"]),
        known_at=pl.col("time") + (events["time"].max() - pl.col("time")) * share,
    )  # fmt: skip
    told = told.with_columns(pl.col("known_at").cast(labels.schema["known_at"]))
    pl.concat([labels, told], how="diagonal_relaxed").write_parquet(source / "labels.parquet")


def run(folder: Path, *arguments: object, code: int = 0, env: dict[str, str] | None = None):
    done = run_graphml(*arguments, cwd=folder, env={"OMP_NUM_THREADS": "1", **(env or {})})
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def title(file: Path) -> str:
    return Tree.fromstring(file.read_text()).find(f"{SVG}title").text


def test_a_fraud_model_is_drawn_with_the_figures_of_its_report(shop):
    done = run(shop, "evaluate", "fraud", "--plots", "out")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    names = ("reliability", "capacity", "drift", "learning")
    assert {path.name for path in (shop / "out").iterdir()} == {
        f"{name}.{ending}" for name in names for ending in ("svg", "png")
    }
    for name in names:
        assert f"out/{name}.svg and .png: {title(shop / 'out' / f'{name}.svg')}" in done.stderr
    recall = f"{100 * rows[0]['recall']:.3g} % of all accused"
    assert recall in title(shop / "out" / "capacity.svg")
    assert "expected calibration error" in title(shop / "out" / "reliability.svg")
    index = (shop / "said").read_text().split("drift: scores ")[1][:4]
    assert f"stability index {index}" in title(shop / "out" / "drift.svg")


def test_a_page_shows_what_training_kept_and_what_scoring_noted(shop):
    from graphml.pipeline.picturing import NAMES, picture, pictures_of
    from graphml.store.connect import connect

    report = json.loads((shop / ".graphml" / "models" / "fraud" / "report.json").read_text())
    with connect(f"embedded://{shop / '.graphml'}", read_only=True) as store:
        found = {one.name: one for one in pictures_of(store, shop / ".graphml" / "models")}
        assert tuple(found) == NAMES
        recall = f"{100 * report['rows'][0]['recall']:.3g} % of all accused"
        assert recall in found["capacity"].title
        assert f"{report['labels']:,} rows of" in found["capacity"].title
        for name, one in found.items():
            root = Tree.fromstring(picture(store, shop / ".graphml" / "models", name, theme="dark"))
            assert root.find(f"{SVG}desc").text == one.alt


def test_rings_are_drawn(shop):
    done = run(
        shop, "evaluate", "rings", "--truth", "shop.truth", "--plots", "rings", "--model", "none"
    )
    rows = {row["method"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert {path.name for path in (shop / "rings").iterdir()} == {
        f"{name}.{ending}" for name in ("ring_timeline", "ring_precision") for ending in ("svg", "png")
    }  # fmt: skip
    assert title(shop / "rings" / "ring_timeline.svg").startswith(
        f"{rows['graphml']['rings']} ring"
    )
    shown = f"{100 * rows['graphml']['precision_top50']:.3g} %"
    assert shown in title(shop / "rings" / "ring_precision.svg")


def test_what_cannot_be_drawn_is_said_with_its_reason(tmp_path, capsys):
    _, y, owners = made.rows()
    judged = SimpleNamespace(
        report=SimpleNamespace(first=made.BEGIN, last=made.BEGIN),
        part=SimpleNamespace(y=y, seeds=SimpleNamespace(nodes=owners)),
        scores={"structure": y * 0.5},
    )
    detector = SimpleNamespace(trees=None, name="fraud-structure-1", method="structure")
    found = pictures_of_judging(
        judged, detector, tmp_path / "none", as_of=made.BEGIN, capacity=0.02
    )  # fmt: skip
    write_pictures(found, tmp_path / "out", quiet=False)
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {"capacity"}
    said = capsys.readouterr().err
    assert "reliability not drawn: its scores are ranks and no probabilities" in said
    assert "drift not drawn: the model had no labels to learn from" in said
    assert "learning not drawn: no network was tried" in said
    write_pictures(found, tmp_path / "out", quiet=True)
    assert capsys.readouterr().err == ""


def test_without_matplotlib_one_line_says_what_to_install(shop, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('No module named matplotlib')\n")
    env = {"PYTHONPATH": str(tmp_path)}
    done = run(shop, "evaluate", "fraud", "--plots", "none", code=2, env=env)
    assert done.stderr == (
        "error: pictures need matplotlib, which is not installed\n"
        "try: pip install 'graphml-engine[plots]'\n"
    )
    assert done.stdout == ""
    assert not (shop / "none").exists()


def test_a_file_in_place_of_the_folder_is_refused_before_anything_is_computed(shop):
    done = run(shop, "evaluate", "fraud", "--plots", "graphml.toml", code=2)
    assert "graphml.toml is a file" in done.stderr
    assert "reading events" not in done.stderr


def test_a_model_that_has_no_pictures_says_so(shop):
    (shop / "lists").mkdir()
    (shop / "lists" / CARD).write_text("{}")
    done = run(shop, "evaluate", "lists", "--plots", "none", code=2)
    assert "--plots draws nothing of recommenders" in done.stderr
    assert not (shop / "none").exists()


def test_a_network_is_drawn_as_it_learned(shop):
    asked = ("--method", "network", "--negatives", "matured", "--horizon", "7d", "--every", "28d")
    run(shop, "train", "fraud", *asked, "--out", "network", "-q")
    run(shop, "evaluate", "network", "--plots", "learned", "-q")
    assert {path.name for path in (shop / "learned").iterdir()} == {"learning.svg", "learning.png"}
    assert "of 2: average precision" in title(shop / "learned" / "learning.svg")
