"""A model's folder holds one kind of model, whichever was trained there last."""

from datetime import UTC, datetime

import pytest

from graphml.config import PropensityConfig
from graphml.errors import UsageError
from graphml.pipeline.keeping import CARDS, claim, keep, kinds_of
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
    assert len(set(CARDS)) == 6


@pytest.mark.parametrize("there", CARDS)
def test_a_folder_with_a_model_of_another_kind_is_refused_and_left_as_it_is(tmp_path, there):
    (tmp_path / there).write_text("mine")
    asked = [(what, False) for what in ("fraud", "order", "recommend", "propensity")]
    asked += [(what, True) for what in ("fraud", "recommend", "propensity")]
    fine = 0
    for what, of_card in asked:
        kinds = kinds_of(what, of_card=of_card)
        if there in kinds:
            claim(tmp_path, *kinds)
            fine += 1
            continue
        with pytest.raises(UsageError, match=f"another kind \\({there}\\)"):
            claim(tmp_path, *kinds)
    assert fine == 1
    assert (tmp_path / there).read_text() == "mine"


def test_a_new_folder_is_fine_and_a_file_is_none(tmp_path):
    claim(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file is no folder"):
        claim(tmp_path / "file")
