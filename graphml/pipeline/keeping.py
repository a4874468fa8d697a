"""What every training ends with: its report and its manifest, beside the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from graphml.errors import UsageError
from graphml.fraud import CARD as DETECTOR
from graphml.fraud import ORDERS
from graphml.propensity import CARD as BEHAVIOUR
from graphml.propensity import FLAT
from graphml.recommend import CARD as RECOMMENDER
from graphml.recommend.pairs import CARD as PAIRS
from graphml.results import Report
from graphml.store.files import replace_file
from graphml.store.provenance import Manifest

REPORT = "report.json"
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"
CARDS = (DETECTOR, ORDERS, RECOMMENDER, BEHAVIOUR, FLAT, PAIRS)
"""Files of a folder that say which kind of model it holds."""


Model = TypeVar("Model")


@dataclass(frozen=True, kw_only=True)
class Trained(Generic[Model]):
    """A trained model, its report on what it has not seen, and the manifest of the training."""

    model: Model
    report: Report
    manifest: Manifest


def kinds_of(what: str, *, of_card: bool) -> tuple[str, ...]:
    """Return the cards that may lie where a model is to be kept: those of its own kind.

    Args:
        what: fraud, recommend, propensity or order.
        of_card: Whether it learns from a graph card and not from a store.
    """
    own = {"fraud": DETECTOR, "order": ORDERS, "recommend": RECOMMENDER, "propensity": BEHAVIOUR}
    if of_card:
        own = {"propensity": FLAT, "recommend": PAIRS}
    return (own[what],) if what in own else ()


def claim(folder: Path, *kinds: str) -> None:
    """Refuse a folder for a new model that holds one of another kind, or that cannot be a folder.

    Args:
        folder: Where the model is to be kept.
        kinds: Cards of ``CARDS`` that may be there already; a model of these is replaced.

    Raises:
        UsageError: It may not be used.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", hint="--out DIR, a folder or none yet")
    for card in CARDS:
        if card not in kinds and (folder / card).is_file():
            raise UsageError(
                f"{folder} holds a model of another kind ({card}), which would be lost",
                hint="another --out, or remove that model first",
            )


def keep(folder: Path, report: Report, manifest: Manifest, *, card: str | None) -> None:
    """Write a training's report and manifest into the model's folder, replacing those there.

    A model of another kind that was trained there before would be taken for this one: its card goes.

    Args:
        folder: With the model, kept already.
        report: On it.
        manifest: Of its training.
        card: Its file in ``CARDS``; ``None`` for a network, which has none.
    """
    replace_file(folder / REPORT, json.dumps(report.to_json(), indent=1).encode())
    replace_file(folder / MANIFEST, manifest.to_json().encode())
    for other in CARDS:
        if other != card:
            (folder / other).unlink(missing_ok=True)
