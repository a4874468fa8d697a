"""A model's folder holds one kind of model, whichever was trained there last."""

from datetime import UTC, datetime

import pytest

from graphml.config import PropensityConfig
from graphml.pipeline.keeping import CARDS, keep
from graphml.results import Report
from graphml.store.provenance import Manifest, Stopwatch

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("card", [*CARDS, None])
def test_the_cards_of_other_kinds_go(tmp_path, card):
    for name in (*CARDS, "model.json", "notes.txt"):
        (tmp_path / name).write_text(name)
    report = Report(task="t", model="m", rows=(), labels=0, first=NOW, last=NOW)
    manifest = Manifest.of(
        "train", settings=PropensityConfig(), data="d", as_of=NOW, seed=0, model="m",
        counts={}, notes={}, watch=Stopwatch(),
    )  # fmt: skip
    keep(tmp_path, report, manifest, card=card)
    left = {file.name for file in tmp_path.iterdir()} - {"report.json", "manifest.json"}
    assert left == {"model.json", "notes.txt"} | ({card} if card else set())
    assert len(set(CARDS)) == 5
