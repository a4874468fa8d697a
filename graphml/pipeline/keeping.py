"""What every training ends with: its report and its manifest, beside the model."""

from __future__ import annotations

import json
from pathlib import Path

from graphml.results import Report
from graphml.store.files import replace_file
from graphml.store.provenance import Manifest

REPORT = "report.json"
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"


def keep(folder: Path, report: Report, manifest: Manifest) -> None:
    """Write a training's report and manifest into the model's folder, replacing those there."""
    replace_file(folder / REPORT, json.dumps(report.to_json(), indent=1).encode())
    replace_file(folder / MANIFEST, manifest.to_json().encode())
