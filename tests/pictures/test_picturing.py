"""Which pictures a page can show of a store and its models, without computing anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from graphml.errors import UsageError
from graphml.fraud import CARD
from graphml.pipeline.picturekeeping import PICTURES, Pictured, keep_pictures, kept_pictures
from graphml.pipeline.picturing import NAMES, picture, pictures_of
from graphml.store.connect import connect
from tests.pictures import made
from tests.pictures.svg import parse, texts

MODEL = "fraud-blend-1"


@pytest.fixture
def url(tmp_path) -> str:
    return f"embedded://{tmp_path / 'store'}"


@pytest.fixture
def models(tmp_path) -> Path:
    folder = tmp_path / "store" / "models"
    (folder / "fraud").mkdir(parents=True)
    return folder


def publish(url: str, count: int) -> None:
    with connect(url) as store:
        rings = [made.ring(place) for place in range(count)]
        store.publish("rings", [rings], model=None, as_of=made.BEGIN)


def keep(models: Path, model: str = MODEL) -> None:
    (models / "fraud" / CARD).write_text(json.dumps({"name": MODEL}))
    drawn = (made.reliability(), made.capacity(), made.learning(), made.drift())
    keep_pictures(models / "fraud", model, Pictured(drawn=drawn))


def scoring(url: str, number: int, **changes) -> None:
    """Leave a manifest as scoring does; the higher its number, the later."""
    drift = {"score": 0.3, "columns": {"a": 0.4}, "alerts": None, "missing": []}
    about = {
        "command": "score-fraud", "model": MODEL, "as_of": f"2024-08-0{number}T00:00:00Z",
        "counts": {"members": 7}, "notes": {"store": url, "drift": drift}, **changes,
    }  # fmt: skip
    folder = Path(url.removeprefix("embedded://")) / "manifests"
    folder.mkdir(exist_ok=True)
    file = folder / f"{number}.json"
    file.write_text(json.dumps(about, indent=1))
    os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))


def names(url: str, models: Path) -> list[str]:
    with connect(url, read_only=True) as store:
        return [one.name for one in pictures_of(store, models)]


def test_an_empty_store_has_a_picture_that_says_so(url, models):
    publish(url, 0)
    with connect(url, read_only=True) as store:
        (only,) = pictures_of(store, models / "none")
        assert only.title.startswith("There is no ring to show")
        assert "no rings" in texts(parse(picture(store, models / "none", only.name)))
        with pytest.raises(UsageError, match="no picture 'learning'"):
            picture(store, models, "learning")
        with pytest.raises(UsageError, match=r"no picture '\.\./x'"):
            picture(store, models, "../x")


def test_the_rings_are_those_in_view(url, models):
    publish(url, 5)
    publish(url, 3)
    with connect(url, read_only=True) as store:
        (only,) = pictures_of(store, models)
        assert only.title.startswith("3 rings (")
        assert "published run rings-" in only.title
        assert "4. " not in "".join(texts(parse(picture(store, models, only.name, theme="dark"))))


def test_what_training_kept_and_the_last_scoring_noted_is_shown(url, models):
    publish(url, 2)
    keep(models)
    scoring(url, 1)
    scoring(url, 2)
    scoring(url, 3, command="detect-rings")
    assert names(url, models) == list(NAMES)
    with connect(url, read_only=True) as store:
        found = {one.name: one for one in pictures_of(store, models)}
        assert found["reliability"].title == made.reliability().title
        assert found["reliability"].alt == made.reliability().alt
        assert "as of 2024-08-02, 7 members" in found["drift"].title
        for name in found:
            assert found[name].title in picture(store, models, name).replace("&lt;", "<")


def test_drift_of_another_model_or_before_a_scoring_without_is_not_shown(url, models):
    publish(url, 2)
    keep(models)
    scoring(url, 1)
    scoring(url, 2, model="another")
    assert "drift" not in names(url, models)
    scoring(url, 2, notes={"store": url, "drift": None})
    assert "drift" not in names(url, models)
    scoring(url, 2, notes={"store": url, "drift": {"score": "x"}})
    assert "drift" not in names(url, models)
    scoring(url, 4)
    assert "drift" in names(url, models)


def test_what_another_training_kept_or_what_is_damaged_is_not_shown(url, models):
    keep(models, model="another")
    assert kept_pictures(models / "fraud") == {}
    keep(models)
    assert list(kept_pictures(models / "fraud")) == ["reliability", "capacity", "learning"]
    file = models / "fraud" / PICTURES
    for content in (b"", b"[]", b"\xff{", file.read_bytes()[:-40], b'{"format": 99}'):
        file.write_bytes(content)
        assert kept_pictures(models / "fraud") == {}
    about = {"format": 1, "model": MODEL, "pictures": {"learning": {"losses": [1]}}}
    file.write_text(json.dumps(about))
    assert kept_pictures(models / "fraud") == {}


def test_a_network_shows_how_it_learned(url, models):
    publish(url, 1)
    about = {
        "config": {"encoder": "hgt"}, "task": "fraud", "metric": "auroc",
        "history": [{"loss": 0.5, "validation": 0.6}, {"loss": 0.4, "validation": 0.7}],
    }  # fmt: skip
    (models / "fraud" / "model.json").write_text(json.dumps(about))
    (models / "fraud" / "manifest.json").write_text(json.dumps({"counts": {"train": 9}}))
    assert names(url, models) == ["ring_timeline", "learning"]
    assert kept_pictures(models / "fraud")["learning"].title == (
        "Best after pass 2 of 2: auroc 0.7000 on validation. "
        "Learning curves of hgt (fraud), 9 training labels"
    )
    (models / "fraud" / "model.json").write_text(json.dumps({**about, "history": "x"}))
    assert names(url, models) == ["ring_timeline"]


def test_an_older_moment_of_rings_is_named(url, models):
    with connect(url) as store:
        later = made.BEGIN + timedelta(days=9)
        store.publish("rings", [[made.ring(1)]], model=None, as_of=later)
        assert "as of 2024-01-12" in pictures_of(store, models)[0].title


def test_a_listing_loads_neither_torch_nor_matplotlib():
    program = (
        "import sys, graphml.pipeline.picturing;"
        "print([m for m in ('torch', 'matplotlib', 'lightgbm') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
