"""The values of pictures that a training keeps beside its model, and those of the last scoring."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphml.errors import UsageError
from graphml.fraud import CARD
from graphml.pictures.values import Capacity, Learning, Reliability, Values, plain
from graphml.pictures.watched import Drifted
from graphml.store.connect import state_folder
from graphml.store.files import read_saved, write_saved

PICTURES = "pictures.json"
FORMAT = 1

_KEPT: Mapping[str, Any] = {kind.name: kind for kind in (Reliability, Capacity, Learning)}
_NETWORK = "model.json"
_MANIFEST = "manifest.json"
_SCORING = b'"command": "score-fraud"'
_LOOKED_AT = 500
"""Manifests that are searched for the last scoring, the newest first."""

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictured:
    """What can be drawn, and by name why the rest cannot."""

    drawn: tuple[Values, ...]
    absent: Mapping[str, str] = field(default_factory=dict)


def keep_pictures(folder: Path, model: str, found: Pictured) -> None:
    """Write the values of a training's pictures into the model's folder.

    Raises:
        StoreError: The disk is full.
        StorePermissionError: The folder may not be written.
    """
    kept = {
        one.name: plain(one)
        for one in found.drawn
        if isinstance(one, Reliability | Capacity | Learning)
    }
    write_saved(folder / PICTURES, {"format": FORMAT, "model": model, "pictures": kept})


def kept_pictures(folder: Path) -> dict[str, Values]:
    """Return by name what a training kept in a model's folder; of a network how it learned.

    Nothing where there is no model, or one that an older version trained. What is damaged, or of
    another training, is left out.
    """
    name = _model_in(folder)
    if name is None:
        return network_pictures(folder)
    absent = UsageError(f"no {PICTURES} in {folder}")
    try:
        model, kept = read_saved(folder / PICTURES, _read, format_=FORMAT, absent=absent)
    except UsageError as error:
        logger.debug("no pictures: %s", error.message)
        return {}
    return kept if model == name else {}


def _read(about: dict[str, Any]) -> tuple[str, dict[str, Values]]:
    kept = {
        name: _KEPT[name].from_json(one) for name, one in about["pictures"].items() if name in _KEPT
    }
    return about["model"], kept


def _model_in(folder: Path) -> str | None:
    """Return the name of the detector in a folder; ``None`` where there is none."""
    return _json(folder / CARD).get("name")


def network_pictures(folder: Path) -> dict[str, Values]:
    """Return by name what there is of a network in a folder: how it learned."""
    about, counts = _json(folder / _NETWORK), _json(folder / _MANIFEST).get("counts") or {}
    try:
        history = about["history"]
        learning = Learning(
            model=f"{about['config']['encoder']} ({about['task']})",
            metric=about["metric"],
            losses=tuple(float(one["loss"]) for one in history),
            validations=tuple(float(one["validation"]) for one in history),
            train=counts.get("train"),
            valid=counts.get("valid"),
        )
    except (KeyError, TypeError, ValueError):
        return {}
    return {Learning.name: learning} if history else {}


def last_drift(url: str, folder: Path) -> Drifted | None:
    """Return what a store's last scoring noted of drift; ``None`` where it noted none.

    Args:
        url: Of the store.
        folder: With the present model: what was noted of another one is not told.
    """
    about = next(_scorings(url), None)
    if about is None or about.get("model") != _model_in(folder):
        return None
    try:
        drift, members = about["notes"]["drift"], int(about["counts"]["members"])
        return Drifted.of(drift, model=about["model"], as_of=about["as_of"], members=members)
    except (AttributeError, KeyError, TypeError, ValueError):  # none, or damaged
        return None


def _scorings(url: str) -> Iterator[dict[str, Any]]:
    """Yield manifests of scorings, the newest first."""
    for path in _newest((state_folder(url) / "manifests").glob("*.json")):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        about = _json(path) if _SCORING in content else {}
        notes = about.get("notes")
        # Beside one folder there may be several servers.
        if isinstance(notes, dict) and (url.startswith("embedded://") or notes.get("store") == url):
            yield about


def _newest(paths: Iterable[Path]) -> list[Path]:
    dated = []
    for path in paths:
        try:
            dated.append((path.stat().st_mtime_ns, path.name, path))
        except OSError:  # gone since
            continue
    return [path for *_, path in sorted(dated, reverse=True)[:_LOOKED_AT]]


def _json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one where it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
