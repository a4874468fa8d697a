"""--graph CARD: models of plain graphs through the installed command."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

from tests.cli.test_models import rows, run

QUICK = "[train]\nepochs = 6\nchannels = 16\nbatch_size = 64\n[train.sample]\nfanout = [4, 3]\n"
CARD = """
time = "none"
[files]
papers = "papers.csv"
citations = "citations.csv"
asked = "asked.csv"
[[nodes]]
type = "paper"
from = "papers"
positive = ["ml"]
features = ["year"]
[nodes.columns]
key = "id"
label = "topic"
train = "learn"
test = "ask"
[[edges]]
type = "paper cites paper"
from = "citations"
split = "train"
[edges.columns]
source = "citing"
target = "cited"
[[edges]]
type = "paper cites paper"
from = "asked"
split = "test"
[edges.columns]
source = "citing"
target = "cited"
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    drawn = random.Random(3)
    (folder / "graphml.toml").write_text(QUICK)
    (folder / "library.toml").write_text(CARD)
    topics = [drawn.choice(["ml", "db", "os"]) for _ in range(180)]
    papers = ["id,year,topic,learn,ask"]
    cites: list[tuple[int, int]] = []
    for paper, topic in enumerate(topics):
        learn = int(paper % 3 != 2)
        papers.append(f"p-{paper},{drawn.randint(1999, 2011)},{topic},{learn},{1 - learn}")
        like = [other for other, its in enumerate(topics) if its == topic and other != paper]
        cites += [(paper, other) for other in drawn.sample(like, 5)]
    drawn.shuffle(cites)
    (folder / "papers.csv").write_text("\n".join(papers) + "\n")
    for name, part in (("citations", cites[80:]), ("asked", cites[:80])):
        lines = ["citing,cited", *(f"p-{a},p-{b}" for a, b in part)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_nodes_of_a_card_are_learned_scored_and_measured(library):
    report = rows(run(library, "train", "fraud", "--graph", "library.toml"))
    assert [row["method"] for row in report] == ["sage", "edges it has"]
    folder = library / ".graphml" / "models" / "graphs" / "library" / "fraud"
    assert json.loads((folder / "model.json").read_text())["about"] == ["paper"]
    again = rows(run(library, "evaluate", str(folder), "--graph", "library.toml"))
    assert again == report
    scores = run(
        library, "score", "fraud", "--graph", "library.toml", "--embeddings", "vectors.parquet"
    )
    found = rows(scores)
    assert len(found) == 180
    assert [row["score"] for row in found] == sorted((r["score"] for r in found), reverse=True)
    assert {row["unit"] for row in found} == {"paper"}
    assert {row["as_of"] for row in found} == {None}
    assert pl.read_parquet(library / "vectors.parquet").columns == ["paper", "as_of", "vector"]


def test_pairs_of_a_card_are_learned_and_measured(library):
    asked = ("train", "recommend", "--graph", "library.toml", "--method", "network")
    report = rows(run(library, *asked, "--out", "links"))
    assert [row["method"] for row in report] == ["sage", "popular"]
    again = rows(run(library, "evaluate", "links", "--graph", "library.toml"))
    assert again == report
    refused = run(library, "score", "fraud", "--graph", "library.toml", "--model", "links", code=2)
    assert "scores no nodes" in refused.stderr


def test_what_a_graph_card_cannot_do_is_said_in_one_line(library):
    done = run(library, "score", "fraud", "--graph", "library.toml", "--write", code=2)
    assert "--write needs a store" in done.stderr
    done = run(library, "train", "fraud", "--graph", "nowhere.toml", code=1)
    assert "nowhere.toml" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    plain = CARD.replace('label = "topic"\ntrain = "learn"\ntest = "ask"\n', "").replace(
        'positive = ["ml"]\n', ""
    )
    (library / "unlabelled.toml").write_text(plain)
    done = run(library, "train", "fraud", "--graph", "unlabelled.toml", code=2)
    assert "declares no labels" in done.stderr
    done = run(library, "train", "fraud", "--graph", "library.toml", "--dry-run")
    assert "would train on" in done.stderr
    for option, value in (
        ("--as-of", "2024-01-01T00:00:00Z"),
        ("--unit", "order"),
        ("--method", "network"),
    ):
        done = run(library, "train", "fraud", "--graph", "library.toml", option, value, code=2)
        assert f"{option} is for a store" in done.stderr
