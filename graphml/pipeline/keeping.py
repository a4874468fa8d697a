"""What every training ends with: its report and its manifest, beside the model."""

from __future__ import annotations

import json
from pathlib import Path

from graphml.fraud import CARD as DETECTOR
from graphml.fraud import ORDERS
from graphml.propensity import CARD as BEHAVIOUR
from graphml.propensity import FLAT
from graphml.recommend import CARD as RECOMMENDER
from graphml.results import Report
from graphml.store.files import replace_file
from graphml.store.provenance import Manifest

REPORT = "report.json"
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"
CARDS = (DETECTOR, ORDERS, RECOMMENDER, BEHAVIOUR, FLAT)
"""Files of a folder that say which kind of model it holds."""


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
